"""X by OAuth 2: a token is renewed once, kept before it is used, and when it is lost somebody is told to log in."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.channels.x import X
from campaign.channels.x_login import XLogin
from campaign.errors import LedgerError
from campaign.model.outcome import Accepted, Deferred, Outcome
from campaign.ports.channel import MAY_DELETE, MAY_POST, MAY_READ, MAY_SHOW
from campaign.ports.tokens import Token, Tokens
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from campaign.sandbox.x_logins import RENEWED, first_refresh
from campaign.storage.database import Database
from campaign.storage.tokens import SqlTokens
from tests.networks import batch, deliver
from tests.unit.channels.answering import Answer, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LOGIN = XLogin("s3cret-client", "s3cret-tok", first_refresh("s3cret-tok"))


@dataclass
class Desk:
    """A stand-in, and as many programs as are wanted that share a database."""

    sandbox: Sandbox
    tokens: SqlTokens
    stack: ExitStack

    def program(self, login: XLogin = LOGIN, *, tokens: Tokens | None = None) -> X:
        x = X(
            {"national": login},
            base_url=self.sandbox.urls["x"],
            tokens=tokens or self.tokens,
            now=self.sandbox.world.now,
        )
        self.stack.callback(x.close)
        return x

    def renewals(self) -> list[int]:
        return [record["number"] for record in self.sandbox.world.journal.records(RENEWED)]

    def later(self, span: timedelta) -> None:
        self.sandbox.world.set_now(self.sandbox.world.now() + span)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with ExitStack() as stack:
        sandbox = stack.enter_context(Sandbox(accounts={"x": {"national": "s3cret-tok"}}, now=NOW))
        database = Database(f"sqlite:///{tmp_path / 'ledger.db'}")
        stack.callback(database.close)
        tokens = SqlTokens(database, secret=b"a secret of 16 bytes and more", now=sandbox.world.now)
        yield Desk(sandbox, tokens, stack)


def post(x: X, text: str = "Stop.") -> Outcome:
    (outcome,) = x.deliver(batch(text), x.compose(batch(text)))
    return outcome


def test_the_token_in_the_settings_is_used_as_long_as_x_takes_it(desk: Desk) -> None:
    assert isinstance(post(desk.program()), Accepted)
    assert desk.renewals() == []


def test_a_token_that_x_refuses_is_renewed_and_the_post_goes(desk: Desk) -> None:
    desk.later(3 * HOUR)
    assert isinstance(post(desk.program()), Accepted)
    assert desk.renewals() == [1]


def test_another_program_goes_on_with_the_renewed_token(desk: Desk) -> None:
    desk.later(3 * HOUR)
    post(desk.program(), "One")
    assert isinstance(post(desk.program(), "Two"), Accepted)
    assert desk.renewals() == [1]


def test_programs_that_find_the_token_ended_at_once_renew_it_once(desk: Desk) -> None:
    desk.later(3 * HOUR)
    programs = [desk.program() for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda n: post(programs[n % 3], f"Post {n}"), range(6)))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    assert desk.renewals() == [1]


def test_a_program_whose_token_another_has_renewed_takes_the_newer_one(desk: Desk) -> None:
    first, second = desk.program(), desk.program()
    post(first, "One")
    post(second, "Two")
    desk.later(3 * HOUR)
    assert isinstance(post(first, "Three"), Accepted)
    assert isinstance(post(second, "Four"), Accepted)
    assert desk.renewals() == [1]


def test_a_token_that_ends_soon_is_renewed_before_the_instant(desk: Desk) -> None:
    x = desk.program()
    desk.later(3 * HOUR)
    post(x, "One")
    desk.later(2 * HOUR - timedelta(minutes=4))
    x.ready(batch("Two"), x.compose(batch("Two")), upload=True)
    assert desk.renewals() == [1, 2]
    desk.later(timedelta(minutes=10))
    assert isinstance(post(x, "Two"), Accepted)
    assert desk.renewals() == [1, 2]


def test_what_cannot_be_renewed_yet_is_used_until_it_ends(desk: Desk) -> None:
    x = desk.program()
    desk.later(3 * HOUR)
    post(x, "One")
    desk.later(2 * HOUR - timedelta(minutes=4))
    desk.sandbox.world.faults.ask("x-tokens", Fault.UNAVAILABLE)
    assert isinstance(post(x, "Two"), Accepted)
    desk.later(timedelta(minutes=5))
    outcome = post(x, "Three")
    assert isinstance(outcome, Deferred)
    assert not outcome.hold


def test_without_a_database_the_refresh_token_is_not_used_up(desk: Desk) -> None:
    desk.later(3 * HOUR)
    x = X({"national": LOGIN}, base_url=desk.sandbox.urls["x"])
    desk.stack.callback(x.close)
    outcome = post(x)
    assert isinstance(outcome, Deferred)
    assert "database" in outcome.reason
    assert desk.renewals() == []


def test_a_renewal_whose_answer_was_lost_ends_in_a_hold_that_says_to_log_in_again(desk: Desk) -> None:
    desk.later(3 * HOUR)
    desk.sandbox.world.faults.ask("x-tokens", Fault.DROP_REPLY, times=1)
    x = desk.program()
    first, second = post(x), post(x)
    assert isinstance(first, Deferred)
    assert (first.hold, first.scope) == (False, "account")
    assert isinstance(second, Deferred)
    assert (second.hold, second.scope) == (True, "account")
    assert "log it in again" in second.reason
    assert "CAMPAIGN_X__ACCOUNTS__NATIONAL__REFRESH_TOKEN" in second.reason
    assert "s3cret" not in first.reason + second.reason
    assert list(desk.sandbox.taken("x")) == []
    (standing,) = x.check()
    assert standing.wrong.count("log it in again") == 1


def test_a_login_that_was_renewed_elsewhere_is_held_and_a_new_one_goes(desk: Desk, tmp_path: Path) -> None:
    desk.later(3 * HOUR)
    elsewhere = Database(f"sqlite:///{tmp_path / 'elsewhere.db'}")
    desk.stack.callback(elsewhere.close)
    stranger = SqlTokens(elsewhere, secret=b"the secret of another machine", now=desk.sandbox.world.now)
    post(desk.program(tokens=stranger), "One")
    outcome = post(desk.program(), "Two")
    assert isinstance(outcome, Deferred)
    assert outcome.hold


def test_somebody_who_logged_in_again_goes_on_with_the_new_login(desk: Desk) -> None:
    desk.later(3 * HOUR)
    post(desk.program(), "One")
    newest = desk.tokens.kept("x", "national", written=LOGIN.refresh_token)
    assert newest is not None
    again = XLogin(LOGIN.client_id, newest.access, newest.refresh)
    assert isinstance(post(desk.program(again), "Two"), Accepted)
    desk.later(3 * HOUR)
    assert isinstance(post(desk.program(again), "Three"), Accepted)
    assert desk.renewals() == [1, 2]


class FullDisk:
    """Cannot keep the first token that it is to keep."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._full = True

    def kept(self, channel: str, account: str, *, written: str) -> Token | None:
        return self._tokens.kept(channel, account, written=written)

    def renew(self, channel: str, account: str, renew: Callable[[Token | None], Token], *, written: str) -> Token:
        if self._full:
            self._full = False
            renew(self._tokens.kept(channel, account, written=written))
            raise LedgerError("the disk is full")
        return self._tokens.renew(channel, account, renew, written=written)


def test_a_token_that_could_not_be_kept_is_not_used_and_kept_at_the_next_try(desk: Desk) -> None:
    desk.later(3 * HOUR)
    x = desk.program(tokens=FullDisk(desk.tokens))
    outcome = post(x)
    assert isinstance(outcome, Deferred)
    assert "the disk is full" in outcome.reason
    assert isinstance(post(x), Accepted)
    assert desk.renewals() == [1]
    assert desk.tokens.kept("x", "national", written=LOGIN.refresh_token) is not None


def test_what_is_kept_and_cannot_be_read_defers_and_says_why(desk: Desk) -> None:
    class Unreadable(FullDisk):
        def kept(self, channel: str, account: str, *, written: str) -> Token | None:
            raise LedgerError(f"CAMPAIGN_SECRET_KEY is not what it was: {channel} {account} {len(written)}")

    x = desk.program(tokens=Unreadable(desk.tokens))
    outcome = post(x)
    assert isinstance(outcome, Deferred)
    assert "SECRET_KEY" in outcome.reason
    (standing,) = x.check()
    assert "SECRET_KEY" in standing.wrong


def test_check_says_what_the_account_may_do_and_when_its_token_ends(desk: Desk) -> None:
    x = desk.program()
    (standing,) = x.check()
    assert (standing.may, standing.ends_at) == ((), None)  # nobody says before the first renewal
    desk.later(3 * HOUR)
    (standing,) = x.check()
    assert set(standing.may) == {MAY_READ, MAY_POST, MAY_DELETE, MAY_SHOW}
    assert standing.ends_at == desk.sandbox.world.now() + 2 * HOUR
    assert (standing.handle, standing.renews) == ("national", True)
    assert "its token holds until 18:00 UTC and is renewed by itself" in standing.detail


@pytest.mark.parametrize(("secret", "basic"), [("", None), ("s3cret-of-client", b"s3cret-client:s3cret-of-client")])
def test_a_client_with_a_secret_says_it_in_the_header_and_one_without_names_itself(
    desk: Desk, secret: str, basic: bytes | None
) -> None:
    def answer(_: object) -> Answer:
        return Answer(401)

    with answering(answer) as server:
        login = XLogin("s3cret-client", "t", "r", secret)
        x = X({"national": login}, base_url=server.url, tokens=desk.tokens)
        post(x)
        x.close()
    asked = next(one for one in server.asked if "oauth2" in one.path)
    sent = asked.headers.get("authorization", "")
    assert (b64decode(sent.removeprefix("Basic ")) if sent else None) == basic
    assert (b"client_id=s3cret-client" in asked.body) is (basic is None)
    assert asked.headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("told", "hold"),
    [
        (
            Answer(400, {"error": "invalid_request", "error_description": "Value passed for the token was invalid."}),
            True,
        ),
        (Answer(401, {"error": "unauthorized_client"}), True),
        (Answer(200, b"<html>"), True),
        (Answer(200, {"access_token": 7}), True),
        (Answer(429, {}), False),
        (Answer(500, {}), False),
        (Answer(503, {}), False),
        (Answer(404, {}), False),
    ],
)
def test_what_a_renewal_that_fails_means(desk: Desk, told: Answer, hold: bool) -> None:  # noqa: FBT001 - a case
    with answering(lambda asked: told if "oauth2" in asked.path else Answer(401)) as server:
        x = X({"national": LOGIN}, base_url=server.url, tokens=desk.tokens)
        outcome = post(x)
        x.close()
    assert isinstance(outcome, Deferred)
    assert (outcome.hold, outcome.scope) == (hold, "account")


@pytest.mark.parametrize("seconds", [None, "7200", True, -1, 10**12])
def test_a_token_of_which_nobody_says_when_it_ends_is_used_until_it_is_refused(desk: Desk, seconds: object) -> None:
    renewed = {"access_token": "a2", "refresh_token": "r2", "expires_in": seconds}
    with answering(
        lambda asked: (
            Answer(200, renewed)
            if "oauth2" in asked.path
            else Answer(201, {"data": {"id": "7"}})
            if asked.headers["authorization"] == "Bearer a2"
            else Answer(401)
        )
    ) as server:
        x = X({"national": LOGIN}, base_url=server.url, tokens=desk.tokens, now=lambda: NOW)
        assert isinstance(post(x), Accepted)
        x.close()
    kept = desk.tokens.kept("x", "national", written=LOGIN.refresh_token)
    assert kept is not None
    assert kept.ends_at is None


def test_nothing_of_a_login_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    desk.later(3 * HOUR)
    deliver(desk.program(), batch("Stop."))
    assert "s3cret" not in caplog.text
