"""What X's limits, prices and terms do to posts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.model.outcome import Accepted, Deferred, Outcome, Refused
from campaign.ports.channel import MAY_POST, Left
from campaign.sandbox.server import Sandbox
from tests.networks import batch, deliver
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
RESET = NOW + timedelta(minutes=15)
DAY = NOW + timedelta(hours=20)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts={"x": {"national": "tok"}}, now=NOW, limits={"x": 3}) as sandbox:
        yield sandbox


@pytest.fixture
def x(sandbox: Sandbox) -> Iterator[X]:
    x = opened(sandbox.urls["x"])
    yield x
    x.close()


def opened(url: str) -> X:
    return X({"national": XCredentials("ck", "cs", "tok", "ts")}, base_url=url)


def limits(name: str, remaining: int, reset: datetime, limit: int = 100) -> dict[str, str]:
    return {
        f"{name}-limit": str(limit),
        f"{name}-remaining": str(remaining),
        f"{name}-reset": str(int(reset.timestamp())),
    }


def posted(answer: Answer, *texts: str) -> Sequence[object]:
    with answering(lambda _: answer) as server:
        x = opened(server.url)
        try:
            return deliver(x, batch(*(texts or ("Stop.",))))
        finally:
            x.close()


def test_the_last_post_that_x_takes_says_until_when_to_rest_and_the_rest_is_not_tried(sandbox: Sandbox, x: X) -> None:
    outcomes = deliver(x, batch("One", "Two", "Three", "Four", "Five"))
    assert [isinstance(outcome, Accepted) for outcome in outcomes] == [True, True, True, False, False]
    assert [one.rest_until for one in outcomes if isinstance(one, Accepted)] == [None, None, RESET]
    fourth = outcomes[3]
    assert isinstance(fourth, Deferred)
    assert (fourth.until, fourth.scope) == (RESET, "account")
    assert len(list(sandbox.taken("x"))) == 3


def test_after_the_last_post_that_x_takes_it_is_not_even_asked() -> None:
    last = Answer(201, {"data": {"id": "7"}}, limits("x-rate-limit", 0, RESET))
    with answering(lambda _: last) as server:
        x = opened(server.url)
        deliver(x, batch("One", "Two", "Three"))
        x.close()
    assert len(server.asked) == 1


def test_the_latest_of_the_limits_that_are_spent_counts() -> None:
    headers = {**limits("x-rate-limit", 0, RESET), **limits("x-user-limit-24hour", 0, DAY)}
    (outcome,) = posted(Answer(201, {"data": {"id": "7"}}, headers))
    assert isinstance(outcome, Accepted)
    assert outcome.rest_until == DAY


@pytest.mark.parametrize(
    "bad", [{"x-rate-limit-remaining": "0"}, {**limits("x-rate-limit", 0, RESET), "x-rate-limit-reset": "soon"}]
)
def test_a_limit_that_is_told_by_half_lets_a_post_be_accepted(bad: dict[str, str]) -> None:
    (outcome,) = posted(Answer(201, {"data": {"id": "7"}}, bad))
    assert isinstance(outcome, Accepted)
    assert outcome.rest_until is None


def test_the_apps_limit_for_a_day_stops_the_channel_until_its_reset() -> None:
    headers = {**limits("x-rate-limit", 90, RESET), **limits("x-app-limit-24hour", 0, DAY)}
    (outcome,) = posted(Answer(429, {}, headers))
    assert isinstance(outcome, Deferred)
    assert (outcome.scope, outcome.until) == ("channel", DAY)


def test_spent_credit_holds_and_says_what_to_do(sandbox: Sandbox, x: X) -> None:
    sandbox.world.barred.add("x credit")
    outcome, *_ = deliver(x, batch("One", "Two"))
    assert isinstance(outcome, Deferred)
    assert (outcome.hold, outcome.scope) == (True, "channel")
    assert "buy credits" in outcome.reason
    (standing,) = x.check()
    assert "buy credits" in standing.wrong
    figures = x.metrics("national", ["7"])
    assert isinstance(figures, Deferred)
    assert figures.hold
    sandbox.world.barred.clear()
    assert all(isinstance(one, Accepted) for one in deliver(x, batch("One", "Two")))


def test_a_thread_ends_after_its_first_part_where_the_account_may_not_reply(sandbox: Sandbox, x: X) -> None:
    sandbox.world.barred.add("x replies")
    first, *others = deliver(x, batch("One", "Two", "Three"))
    assert isinstance(first, Accepted)
    assert [
        (one.code, "may not" in one.reason or "not let" in one.reason) for one in others if isinstance(one, Refused)
    ] == [
        ("no-replies", True),
        ("no-replies", True),
    ]
    assert len(list(sandbox.taken("x"))) == 1


@pytest.mark.parametrize(
    "problem",
    [
        {"detail": "You are not permitted to reply."},
        {"detail": "No.", "type": "https://api.x.com/2/problems/not-authorized-for-resource"},
        {"errors": [{"message": "This conversation is restricted"}]},
    ],
)
def test_a_403_about_replying_ends_a_thread_however_it_is_worded(problem: dict[str, Any]) -> None:
    outcomes = thread(Answer(403, problem))
    assert [one.code for one in outcomes[1:] if isinstance(one, Refused)] == ["no-replies", "no-replies"]


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (
            Answer(403, {"detail": "You attempted to reply to a Tweet that is deleted or not visible to you."}),
            "parent-gone",
        ),
        (Answer(403, {"detail": "This request looks like it might be automated."}), "403"),
    ],
)
def test_any_other_403_to_a_part_is_what_it_says(told: Answer, code: str) -> None:
    second = thread(told)[1]
    assert isinstance(second, Refused)
    assert second.code == code


def test_a_first_part_is_not_taken_for_a_reply() -> None:
    (outcome,) = posted(Answer(403, {"detail": "You cannot mention people in a conversation."}))
    assert isinstance(outcome, Refused)
    assert outcome.code == "403"


def test_what_the_app_may_not_do_is_no_matter_of_replying() -> None:
    told = Answer(403, {"type": "https://api.x.com/2/problems/client-forbidden", "detail": "no replies"})
    assert isinstance(thread(told)[1], Deferred)


def thread(told: Answer) -> Sequence[object]:
    """What becomes of a thread whose second part is answered with this."""

    def answer(asked: Asked) -> Answer:
        return told if b"in_reply_to" in asked.body else Answer(201, {"data": {"id": "7"}})

    with answering(answer) as server:
        x = opened(server.url)
        try:
            return deliver(x, batch("One", "Two", "Three"))
        finally:
            x.close()


def test_check_tells_what_is_left_of_the_posts_once_one_was_made(x: X) -> None:
    (standing,) = x.check()
    assert standing.left is not None
    assert standing.left.what == "look-ups"
    assert MAY_POST in standing.may
    deliver(x, batch("One"))
    (standing,) = x.check()
    assert standing.left == Left(2, 3, "posts", RESET)


@pytest.mark.parametrize(
    ("level", "wrong", "may"), [("read", True, False), ("read-write", False, True), ("", False, False)]
)
def test_check_says_where_a_token_may_only_read(level: str, wrong: bool, may: bool) -> None:  # noqa: FBT001 - a case
    me = Answer(200, {"data": {"id": "42", "username": "national", "protected": True}}, {"x-access-level": level})
    with answering(lambda _: me) as server:
        x = opened(server.url)
        (standing,) = x.check()
        x.close()
    assert ("may not post" in standing.wrong) is wrong
    assert (MAY_POST in standing.may) is may
    assert "protected" in standing.detail


def test_figures_are_read_a_hundred_at_a_time_and_deferred_until_the_reset() -> None:
    counts = {"like_count": 3, "retweet_count": 2, "reply_count": 1, "impression_count": 9}

    def answer(asked: Asked) -> Answer:
        if "post.fields" in asked.path:
            return Answer(400, {"errors": [{"message": "post.fields is not known"}]})
        ids = asked.path.partition("ids=")[2].partition("&")[0].split("%2C")
        return Answer(200, {"data": [{"id": one, "public_metrics": counts} for one in ids]})

    with answering(answer) as server:
        x = opened(server.url)
        figures = x.metrics("national", [str(number) for number in range(150)])
        x.close()
    assert not isinstance(figures, Deferred)
    assert len(figures) == 150
    assert (figures["7"].likes, figures["7"].reposts, figures["7"].replies, figures["7"].views) == (3, 2, 1, 9)
    with answering(lambda _: Answer(429, {}, limits("x-rate-limit", 0, RESET))) as server:
        x = opened(server.url)
        deferred = x.metrics("national", ["7"])
        x.close()
    assert isinstance(deferred, Deferred)
    assert deferred.until == RESET


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (Answer(404, {}), Accepted),
        (Answer(200, {"data": {"deleted": False}}), Accepted),
        (Answer(403, {"detail": "not yours"}), Refused),
        (Answer(429, {}), Deferred),
        (Answer(500, {}), Deferred),
        (Answer(402, {}), Deferred),
    ],
)
def test_what_an_answer_to_deleting_means(told: Answer, kind: type[Outcome]) -> None:
    with answering(lambda _: told) as server:
        x = opened(server.url)
        outcome = x.retract("national", "7")
        x.close()
    assert isinstance(outcome, kind)


def test_what_is_no_post_of_x_is_not_asked_about() -> None:
    x = opened("http://127.0.0.1:1")
    assert isinstance(x.retract("national", "at://did:plc:a/b/c"), Refused)
    assert x.metrics("national", ["../users/me"]) == {}
