"""bootstrap.afterwards: the desk for what comes after posting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from campaign import bootstrap
from campaign.bootstrap.afterwards import afterwards
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.flow import approve
from campaign.flow import retract as retracting
from campaign.flow.meant import AGAIN
from campaign.model.delivery import State
from campaign.sandbox.server import Sandbox
from campaign.settings import load as load_settings
from campaign.storage.ledger import SqlLedger
from tests.builders import T0
from tests.unit.bootstrap.conftest import PLAN, Load

TOKENS = {"sendgrid": {"campaign": "secret-mail"}, "mastodon": {"national": "secret-one", "ohio": "secret-other"}}
SAID = "accounts: {mastodon: {national: national@social.example.org}}\nsteps:\n"


@pytest.fixture
def sandbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Stand-ins with two accounts on Mastodon, of which the settings have the first."""
    with Sandbox(accounts=TOKENS, now=T0) as sandbox:
        for name, value in {
            "SECRET_KEY": "0123456789abcdefghijklmnop",
            "PUBLIC_URL": "https://campaign.example.net",
            "DATABASE_URL": f"sqlite:///{tmp_path / 'campaign.db'}",
            "SENDGRID__API_KEY": "secret-mail",
            "SENDGRID__BASE_URL": sandbox.urls["sendgrid"],
            "MASTODON__BASE_URL": sandbox.urls["mastodon"],
            "MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN": "secret-one",
        }.items():
            monkeypatch.setenv(f"CAMPAIGN_{name}", value)
        monkeypatch.chdir(tmp_path)
        yield sandbox


def test_what_is_to_be_deleted_waits_while_the_account_is_not_the_one_that_is_meant(
    sandbox: Sandbox, load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token in the settings was changed for another account's since the post went out, and back again."""
    load()
    (tmp_path / "schedules.yaml").write_text(PLAN.replace("steps:\n", SAID))
    sources, clock, said = load(), VirtualClock(T0), []

    def report(_at: object, what: str) -> None:
        said.append(what)

    with bootstrap.live(load_settings(), sources, clock=clock, report=report) as program:
        launch = [sources.plan.step("launch")]
        approve.approve(sources, program.ledger, steps=launch, by="Jo Example", at=T0 - timedelta(hours=1))
        Inline(clock).run(program.turns())
        assert [post["account"] for post in sandbox.taken("mastodon")] == ["national"]
        program.ledger.retract("launch", account=None, by="Jo Example", at=clock.now())

    def tried(token: str) -> list[State]:
        monkeypatch.setenv("CAMPAIGN_MASTODON__ACCOUNTS__NATIONAL__ACCESS_TOKEN", token)
        settings = load_settings()
        with closing(bootstrap.open_database(settings)) as database:
            ledger = SqlLedger(database, world="live")
            accounts = {("mastodon", "national")}
            with afterwards(settings, database, ledger, accounts, clock=clock, report=report) as desk:
                retracting.carry_out(desk)
            return [post.state for post in ledger.posts(step="launch")]

    assert tried("secret-other") == [State.ACCEPTED]
    assert "is @ohio@social.example.org, and the plan means @national@social.example.org" in said[-1]
    assert not any(post["deleted"] for post in sandbox.taken("mastodon"))
    clock.sleep_until(clock.now() + AGAIN)
    assert tried("secret-one") == [State.RETRACTED]
    assert all(post["deleted"] for post in sandbox.taken("mastodon"))
