"""The webhook of the action page on a real server: what is signed is recorded and then answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.engines.clock import VirtualClock
from campaign.model.supporter import NewSupporter
from campaign.storage.actions import SqlActions
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters
from campaign.web import actions, app
from campaign.web.actions import MOST_ACTIONS, MOST_BYTES, PATH, SIGNATURE, STALE, TIMESTAMP, ActionsHook, signature
from tests.served import Answer, Site, served

NOW = datetime(2026, 5, 22, 13, tzinfo=UTC)
SECRET = b"a secret of the action page"
ANN = {"email": "Ann@example.org", "at": "2026-05-22T08:00:00-04:00"}


@dataclass
class Here:
    site: Site
    people: SqlSupporters
    said: list[str] = field(default_factory=list)

    def post(self, what: object, *, secret: bytes = SECRET, at: datetime = NOW) -> Answer:
        body = what if isinstance(what, bytes) else json.dumps(what).encode()
        stamp = str(int(at.timestamp()))
        return self.site.ask("POST", PATH, body, {TIMESTAMP: stamp, SIGNATURE: signature(secret, stamp, body)})

    def acted_at(self, email: str = "ann@example.org") -> datetime | None:
        found = self.people.find(email)
        assert found is not None
        return found.acted_at


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
    SqlSupporters(made).add([NewSupporter("ann@example.org"), NewSupporter("ben@example.org")], at=NOW)
    yield made
    made.close()


def serving(database: Database, secret: bytes | None = SECRET) -> Iterator[Here]:
    said: list[str] = []
    hook = ActionsHook(SqlActions(database), secret, VirtualClock(NOW), said.append)
    with served(app.create(actions.routes(hook), revision=database.revision, tell=said.append)) as site:
        yield Here(site, SqlSupporters(database), said)


@pytest.fixture
def here(database: Database) -> Iterator[Here]:
    yield from serving(database)


def test_who_acts_is_known_once_it_is_answered(here: Here) -> None:
    assert here.post(ANN).status == 200
    assert here.acted_at() == NOW - timedelta(hours=1)
    assert here.acted_at("ben@example.org") is None


def test_the_same_again_changes_nothing(here: Here) -> None:
    here.post(ANN)
    assert here.post({"email": "ann@example.org"}).status == 200
    assert here.acted_at() == NOW - timedelta(hours=1)


def test_several_are_recorded_together_and_strangers_are_only_counted(here: Here) -> None:
    answer = here.post({"actions": [ANN, {"email": "ben@example.org"}, {"email": "stranger@example.org"}]})
    assert (answer.status, answer.text) == (200, "kept\n")
    assert here.acted_at("ben@example.org") == NOW
    assert here.people.find("stranger@example.org") is None
    assert "the action page: 2 more have acted, 0 known before, 1 are no supporters" in here.said


def test_an_action_of_the_future_counts_as_of_now(here: Here) -> None:
    here.post({"email": "ann@example.org", "at": "2030-01-01T00:00:00Z"})
    assert here.acted_at() == NOW


@pytest.mark.parametrize("apart", [STALE + timedelta(seconds=1), -STALE - timedelta(seconds=1)])
def test_what_was_signed_at_another_time_is_refused(here: Here, apart: timedelta) -> None:
    assert here.post(ANN, at=NOW - apart).status == 403
    assert here.acted_at() is None


def test_what_is_signed_with_another_secret_is_refused(here: Here) -> None:
    assert here.post(ANN, secret=b"somebody else's secret").status == 403
    assert here.acted_at() is None


def test_a_body_that_was_changed_on_the_way_is_refused(here: Here) -> None:
    stamp = str(int(NOW.timestamp()))
    signed = {TIMESTAMP: stamp, SIGNATURE: signature(SECRET, stamp, json.dumps(ANN).encode())}
    assert here.site.ask("POST", PATH, json.dumps({"email": "ben@example.org"}).encode(), signed).status == 403
    assert here.acted_at("ben@example.org") is None


@pytest.mark.parametrize(
    "headers", [{}, {TIMESTAMP: "soon"}, {TIMESTAMP: "9" * 40}, {TIMESTAMP: str(int(NOW.timestamp()))}]
)
def test_what_is_not_signed_at_all_is_refused(here: Here, headers: dict[str, str]) -> None:
    assert here.site.ask("POST", PATH, json.dumps(ANN).encode(), headers).status == 403


@pytest.mark.parametrize(
    "what",
    [
        b"no JSON",
        b"[" * 100_000,
        [],
        {},
        "ann@example.org",
        {"actions": "all"},
        {"actions": [ANN, {"email": "nobody"}]},
        {"actions": [ANN] * (MOST_ACTIONS + 1)},
        {"email": ["ann@example.org"]},
        {"email": "ann@example.org", "at": "yesterday"},
        {"email": "ann@example.org", "at": "2026-05-22T08:00:00"},
        {"email": "ann@example.org", "at": 1779454800},
    ],
)
def test_of_what_cannot_be_read_nothing_is_recorded_and_nothing_is_repeated(here: Here, what: object) -> None:
    answer = here.post(what)
    assert answer.status == 400
    assert here.acted_at() is None
    assert "ann@" not in answer.text + " ".join(here.said)


def test_a_body_that_is_too_large_is_not_read(here: Here) -> None:
    assert here.post(b" " * (MOST_BYTES + 1)).status == 413


def test_without_a_secret_nothing_is_taken_and_that_is_said(database: Database) -> None:
    for here in serving(database, None):
        assert here.post(ANN).status == 503
        assert here.acted_at() is None
        assert any("CAMPAIGN_WEB__ACTIONS_SECRET is not set" in line for line in here.said)


def test_no_line_of_the_log_names_anybody(here: Here) -> None:
    here.post(ANN)
    assert "example.org" not in " ".join(here.said)
