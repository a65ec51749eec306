"""The inbox's contract, on SQLite and on PostgreSQL: what was posted is kept as it came until it has been applied."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from campaign.channels import sendgrid_events
from campaign.engines.clock import VirtualClock
from campaign.errors import LedgerError
from campaign.flow.feedback import Feedback, Read
from campaign.model.delivery import Keys
from campaign.model.event import Event, EventKind
from campaign.ports.inbox import Posted
from campaign.storage.database import Database
from campaign.storage.inbox import SqlInbox
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, people
from tests.feedback import event, posted, sent

DAY = timedelta(days=1)


@pytest.fixture
def inbox(database: Database) -> SqlInbox:
    return SqlInbox(database)


def bodies(inbox: SqlInbox, *, since: datetime | None = None) -> list[bytes]:
    return [posted.body for posted in each(inbox, since=since)]


def each(inbox: SqlInbox, *, since: datetime | None = None) -> Iterator[Posted]:
    last = 0
    while (posted := inbox.kept(after=last, since=since)) is not None:
        last = posted.id
        yield posted


@pytest.mark.parametrize("body", [b"[]", b"", b"\xff\x00 not text", b"x" * 6_000_000])
def test_a_body_comes_back_byte_for_byte(inbox: SqlInbox, body: bytes) -> None:
    number = inbox.put("sendgrid", body, at=T0)
    assert inbox.waiting() == Posted(number, "sendgrid", T0, body)


def test_what_waits_comes_oldest_first_until_it_is_applied(inbox: SqlInbox) -> None:
    first, second = inbox.put("sendgrid", b"1", at=T0), inbox.put("sendgrid", b"2", at=T0)
    waiting = inbox.waiting()
    assert waiting is not None
    assert waiting.id == first
    following = inbox.waiting(after=first)
    assert following is not None
    assert following.id == second
    inbox.applied(first, at=T0)
    inbox.applied(second, at=T0)
    assert inbox.waiting() is None
    assert bodies(inbox) == [b"1", b"2"]


def test_what_could_not_be_read_is_remembered_by_whoever_applied_it_first(inbox: SqlInbox) -> None:
    number = inbox.put("sendgrid", b"not JSON", at=T0)
    inbox.applied(number, at=T0, why="it is not JSON")
    inbox.applied(number, at=T0 + DAY, why="")
    assert inbox.standing().unread == ((number, "it is not JSON"),)


def test_old_bodies_go_once_they_are_applied_and_newer_ones_stay(inbox: SqlInbox) -> None:
    old = [inbox.put("sendgrid", b"old", at=T0) for _ in range(3)]
    inbox.put("sendgrid", b"waits", at=T0)
    new = inbox.put("sendgrid", b"new", at=T0 + DAY)
    for number in (*old, new):
        inbox.applied(number, at=T0 + DAY)
    assert inbox.prune(before=T0 + DAY) == 3
    assert bodies(inbox) == [b"waits", b"new"]
    assert bodies(inbox, since=T0 + DAY) == [b"new"]


def test_it_tells_how_it_stands(inbox: SqlInbox) -> None:
    assert inbox.standing().waiting_since is None
    inbox.applied(inbox.put("sendgrid", b"1", at=T0), at=T0)
    inbox.put("sendgrid", b"2", at=T0 + DAY)
    standing = inbox.standing()
    assert (standing.waiting, standing.waiting_since, standing.kept, standing.kept_since) == (1, T0 + DAY, 2, T0)


def test_what_cannot_be_kept_is_said_to_be_so(inbox: SqlInbox, database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE inbox")
    with pytest.raises(LedgerError, match="cannot be kept"):
        inbox.put("sendgrid", b"[]", at=T0)


# --- on its way to the ledger ---


def feedback(database: Database, **readers: object) -> tuple[Feedback, list[str]]:
    said: list[str] = []
    made = Feedback(
        SqlInbox(database),
        SqlLedger(database, world="live"),
        Keys(b"a secret of 16 bytes and more"),
        VirtualClock(T0),
        readers,  # type: ignore[arg-type]  # functions, whatever a test makes of them
        said.append,
    )
    return made, said


def test_one_request_that_breaks_its_reader_keeps_no_other_waiting(inbox: SqlInbox, database: Database) -> None:
    def reader(body: bytes) -> Read:
        if body == b"bad":
            raise ZeroDivisionError
        return Read(())

    inbox.put("sendgrid", b"bad", at=T0)
    inbox.put("sendgrid", b"good", at=T0)
    made, said = feedback(database, sendgrid=reader)
    for _ in range(2):
        made.apply()
    assert inbox.standing().waiting == 1
    assert len(said) == 1
    assert "ZeroDivisionError" in said[0]


def test_what_nobody_reads_is_kept_and_said(inbox: SqlInbox, database: Database) -> None:
    number = inbox.put("postcards", b"[]", at=T0)
    made, said = feedback(database)
    made.apply()
    assert inbox.standing().waiting == 0
    assert inbox.standing().unread == ((number, "nobody here reads it"),)
    assert "nobody here reads it" in said[0]


def test_a_drop_that_is_about_us_is_said_to_a_person(database: Database, inbox: SqlInbox) -> None:
    wave_id = sent(database, 2)
    inbox.put("sendgrid", posted(wave_id, 0, "dropped", reason="Recipient List over Package Quota"), at=T0)
    inbox.put("sendgrid", posted(wave_id, 1, "dropped", reason="Bounced Address"), at=T0)
    made, said = feedback(database, sendgrid=sendgrid_events.read)
    assert made.apply() == {EventKind.DROPPED: 2}
    assert said == ["1 dropped by the provider, and not because of the address: Recipient List over Package Quota"]


def test_raw_bodies_go_after_the_days_that_are_set(database: Database, inbox: SqlInbox) -> None:
    number = inbox.put("sendgrid", b"[]", at=T0 - DAY)
    inbox.applied(number, at=T0)
    made, _ = feedback(database)
    made.keep = DAY
    assert made.prune() == 0
    made.keep = DAY / 2
    assert made.prune() == 1


def test_events_that_are_nobodys_change_nothing(database: Database, inbox: SqlInbox) -> None:
    other = Keys(b"the secret of somebody else").key(1, 0)
    events = [Event("e", "sendgrid", key, EventKind.COMPLAINED, T0) for key in (other, "", "x" * 22)]
    inbox.put("sendgrid", b"[]", at=T0)
    made, _ = feedback(database, sendgrid=lambda _body: Read(events))
    assert made.apply() == {}
    assert inbox.standing().waiting == 0


# --- forgetting ---


def test_whoever_is_forgotten_is_taken_out_of_what_was_posted_and_nobody_else(
    database: Database, inbox: SqlInbox
) -> None:
    wave_id = sent(database, 3)
    agent: dict[str, Any] = {"useragent": "Ann's own browser", "ip": "192.0.2.7"}
    about = [
        event(wave_id, 1, "click", url="https://example.org/", **agent),
        event(wave_id, 2, "bounce", reason="550 <PERSON1@example.org>: no", email="Person1@Example.org"),
        event(wave_id, 2, "open", **agent),
        event(wave_id, 2, "open", email="another-person1@example.org", reason="person1@example.org.example.net"),
    ]
    inbox.put("sendgrid", orjson.dumps(about), at=T0)
    inbox.put("sendgrid", b'not JSON, person1@example.org "', at=T0)
    other = orjson.dumps([event(wave_id, 2, "delivered")])
    inbox.put("sendgrid", other, at=T0)
    SqlSupporters(database).forget("person1@example.org", at=T0)
    first, second, third = bodies(inbox)
    assert (second, third) == (b'not JSON, (address) "', other)
    clicked, bounced, *others = orjson.loads(first)
    assert not {"email", "ip", "useragent"} & clicked.keys()
    assert (bounced["reason"], "email" in bounced) == ("550 <(address)>: no", False)
    assert others == about[2:]
    assert clicked["key"] == about[0]["key"]


def test_an_address_that_json_writes_with_escapes_is_found_too(database: Database, inbox: SqlInbox) -> None:
    SqlSupporters(database).add(people(1, email="jos\u00e9@example.org"), at=T0)
    inbox.put("sendgrid", b'[{"email": "jos\\u00e9@example.org", "event": "open"}]', at=T0)
    inbox.put("sendgrid", '[{"email": "jos\u00e9@example.org", "event": "open"}]'.encode(), at=T0)
    SqlSupporters(database).forget("jos\u00e9@example.org", at=T0)
    assert bodies(inbox) == [b'[{"event":"open"}]'] * 2
