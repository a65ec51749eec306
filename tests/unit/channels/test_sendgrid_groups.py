"""SendGrid's groups say only what SendGrid has confirmed: cancelled, not cancelled, or nobody knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.channels.sendgrid import SendGrid
from campaign.channels.sendgrid_groups import Groups
from campaign.model.group import Cancelled, NotCancelled, Opened, Unanswered
from campaign.model.outcome import Deferred
from campaign.sandbox.faults import Fault
from campaign.sandbox.sendgrid_scheduled import PROVIDER
from campaign.sandbox.server import Sandbox
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 5, 22, 9, tzinfo=UTC)
SCHEDULED = "/v3/user/scheduled_sends"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}, limits={PROVIDER: 2}, now=NOW) as sandbox:
        yield sandbox


@pytest.fixture
def groups(sandbox: Sandbox) -> Iterator[Groups]:
    channel = SendGrid(api_key="key", base_url=sandbox.urls["sendgrid"])
    yield channel.staging
    channel.close()


def opened(groups: Groups) -> str:
    found = groups.open()
    assert isinstance(found, Opened)
    return found.ref


def test_a_group_is_opened_looked_at_and_cancelled(groups: Groups) -> None:
    ref = opened(groups)
    assert isinstance(groups.look(ref), NotCancelled)
    assert groups.cancel(ref) == Cancelled()
    assert groups.look(ref) == Cancelled()
    assert groups.cancel(ref) == Cancelled(), "again is harmless"


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.ERROR, Fault.RATE_LIMIT, Fault.UNAVAILABLE])
def test_no_group_is_opened_where_the_answer_does_not_name_one(groups: Groups, sandbox: Sandbox, fault: Fault) -> None:
    sandbox.world.faults.ask(PROVIDER, fault, times=1)
    told = groups.open()
    assert isinstance(told, Deferred)
    assert (told.until is not None) == (fault is Fault.RATE_LIMIT)


def test_a_cancellation_whose_reply_was_lost_is_seen(groups: Groups, sandbox: Sandbox) -> None:
    ref = opened(groups)
    sandbox.world.faults.ask(PROVIDER, Fault.DROP_REPLY, times=1)
    assert groups.cancel(ref) == Cancelled()


def test_a_cancellation_of_which_nothing_is_to_be_seen_is_not_known(groups: Groups, sandbox: Sandbox) -> None:
    ref = opened(groups)
    sandbox.world.faults.ask(PROVIDER, Fault.DROP_REPLY, times=2)
    assert isinstance(groups.cancel(ref), Unanswered)
    sandbox.world.faults.ask(PROVIDER, Fault.ERROR, times=1)
    assert isinstance(groups.look(ref), Unanswered)


@pytest.mark.parametrize("fault", [Fault.RATE_LIMIT, Fault.UNAVAILABLE])
def test_a_cancellation_that_was_not_taken_is_none(groups: Groups, sandbox: Sandbox, fault: Fault) -> None:
    ref = opened(groups)
    sandbox.world.faults.ask(PROVIDER, fault, times=1)
    assert isinstance(groups.cancel(ref), NotCancelled)


def test_a_server_error_may_be_before_or_after_the_cancellation(groups: Groups, sandbox: Sandbox) -> None:
    ref = opened(groups)
    sandbox.world.faults.ask(PROVIDER, Fault.ERROR, times=1)
    assert isinstance(groups.cancel(ref), Unanswered)
    assert groups.cancel(ref) == Cancelled()


def test_sendgrids_own_words_tell_why_it_does_not_cancel(groups: Groups) -> None:
    refs = [opened(groups) for _ in range(3)]
    assert [groups.cancel(ref) for ref in refs[:2]] == [Cancelled(), Cancelled()]
    told = groups.cancel(refs[2])
    assert isinstance(told, NotCancelled)
    assert "maximum of 2" in told.why


def test_what_somebody_has_paused_by_hand_is_cancelled_all_the_same(groups: Groups, sandbox: Sandbox) -> None:
    ref = opened(groups)
    groups._call("POST", SCHEDULED, {"batch_id": ref, "status": "pause"})
    assert isinstance(groups.look(ref), NotCancelled)
    assert groups.cancel(ref) == Cancelled()
    assert groups.look(ref) == Cancelled()


def test_nothing_that_answers_is_nothing_known() -> None:
    channel = SendGrid(api_key="key", base_url="http://127.0.0.1:9")
    assert isinstance(channel.staging.open(), Deferred)
    assert isinstance(channel.staging.cancel("abc"), Unanswered)
    channel.close()


def asked_of(answer: Callable[[Asked], Answer], ask: Callable[[Groups], Any]) -> Any:
    with answering(answer) as server:
        channel = SendGrid(api_key="key", base_url=server.url)
        try:
            return ask(channel.staging)
        finally:
            channel.close()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"batch_id": ""}', b'{"batch_id": 7}', b'{"other": "x"}'])
def test_a_reply_without_a_batch_id_opens_nothing(body: bytes) -> None:
    assert isinstance(asked_of(lambda _: Answer(201, body), lambda groups: groups.open()), Deferred)


@pytest.mark.parametrize(
    ("status", "body", "meaning"),
    [
        (200, [{"batch_id": "abc", "status": "cancel"}], Cancelled),
        (200, [{"batch_id": "another", "status": "cancel"}], NotCancelled),
        (200, [], NotCancelled),
        (404, {}, NotCancelled),
        (200, b"{", Unanswered),
        (200, {"batch_id": "abc", "status": "cancel"}, Unanswered),
        (200, ["abc"], NotCancelled),
        (500, [], Unanswered),
        (302, [], Unanswered),
    ],
)
def test_only_what_names_the_group_says_that_it_is_cancelled(status: int, body: Any, meaning: type) -> None:
    told = asked_of(lambda _: Answer(status, body), lambda groups: groups.look("abc"))
    assert isinstance(told, meaning)


def test_the_margin_is_sendgrids_ten_minutes_and_what_it_holds_72_hours(groups: Groups) -> None:
    assert (groups.margin, groups.most_ahead) == (timedelta(minutes=10), timedelta(hours=72))


@pytest.mark.parametrize(
    ("scopes", "told"),
    [
        (["mail.send", *Groups.scopes], "the API key may send mail and hold it until its instant"),
        (["mail.send", "mail.batch.create"], "but not hold it until its instant"),
    ],
)
def test_the_check_says_whether_the_key_may_have_mail_held(scopes: list[str], told: str) -> None:
    with answering(lambda _: Answer(200, {"scopes": scopes})) as server:
        channel = SendGrid(api_key="key", base_url=server.url)
        (standing,) = channel.check()
        channel.close()
    assert told in standing.detail
