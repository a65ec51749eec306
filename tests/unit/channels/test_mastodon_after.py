"""Mastodon before and after a post: who an account is, what its server takes, figures, and deleting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.channels.mastodon_server import domain, takes
from campaign.model.batch import PostBatch, PostPart
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, Refused
from campaign.ports.channel import Left, Takes
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"mastodon": {"national": "tok", "chapter-west": "tok-west"}}
INSTANCE = {"domain": "social.example.org", "configuration": {"statuses": {"max_characters": 5000}}}


def channel_to(url: str) -> Mastodon:
    tokens = ACCOUNTS["mastodon"]
    return Mastodon({name: MastodonCredentials(token) for name, token in tokens.items()}, base_url=url, timeout_s=10)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts=ACCOUNTS, now=NOW, limits={"mastodon-posts": 5, "mastodon-deletions": 3}) as sandbox:
        yield sandbox


@pytest.fixture
def channel(sandbox: Sandbox) -> Iterator[Mastodon]:
    mastodon = channel_to(sandbox.urls["mastodon"])
    yield mastodon
    mastodon.close()


def post(channel: Mastodon, *texts: str, wave: int = 1) -> list[str]:
    parts = [PostPart(seq, f"k{wave}-{seq}", text) for seq, text in enumerate(texts)]
    posts = PostBatch(id=wave, account="national", parts=parts, made_at=NOW)
    outcomes = channel.deliver(posts, channel.compose(posts))
    return [outcome.ref or "" for outcome in outcomes if isinstance(outcome, Accepted)]


# ── figures ──


def test_figures_are_read_of_what_stands_and_what_is_gone_is_left_out(sandbox: Sandbox, channel: Mastodon) -> None:
    first, second = post(channel, "One", "Two")
    sandbox.world.set_now(NOW + timedelta(days=1))
    found = channel.metrics("national", [first, second, "17"])
    assert isinstance(found, dict)
    assert list(found) == [first, second]
    assert found[first].likes
    assert (found[first].replies, found[first].views) == (1, None)


def test_of_many_posts_twenty_are_asked_for_at_once() -> None:
    def answer(asked: Asked) -> Answer:
        ids = [part.removeprefix("id%5B%5D=") for part in asked.path.partition("?")[2].split("&")]
        return Answer(200, [{"id": one, "favourites_count": 1, "reblogs_count": 2, "replies_count": 3} for one in ids])

    with answering(answer) as server:
        found = channel_to(server.url).metrics("national", [str(number) for number in range(45)])
    assert isinstance(found, dict)
    assert found == {str(number): Metrics(likes=1, reposts=2, replies=3) for number in range(45)}
    assert len(server.asked) == 3


@pytest.mark.parametrize("code", [404, 405])
def test_an_older_server_is_asked_for_each_alone(code: int) -> None:
    def answer(asked: Asked) -> Answer:
        number = asked.path.rpartition("/")[2]
        if not number.isdigit():
            return Answer(code, {"error": "Record not found"})
        return Answer(404) if number == "8" else Answer(200, {"id": number, "favourites_count": 4})

    with answering(answer) as server:
        found = channel_to(server.url).metrics("national", ["7", "8", "9"])
    assert found == {"7": Metrics(likes=4), "9": Metrics(likes=4)}


def test_a_rate_limit_defers_the_figures_until_its_reset() -> None:
    reset = {"X-RateLimit-Reset": "2026-03-09T13:05:00.000000Z"}
    with answering(lambda _: Answer(429, {"error": "Too many requests"}, reset)) as server:
        found = channel_to(server.url).metrics("national", ["7"])
    assert isinstance(found, Deferred)
    assert found.until == NOW + timedelta(minutes=5)


@pytest.mark.parametrize("body", [b"", b"<html>", b"17", b'[{"x":1}]', b"[17]", b"{}"])
@pytest.mark.parametrize("code", [200, 302, 401, 404, 500])
def test_figures_that_cannot_be_read_are_deferred_or_none(code: int, body: bytes) -> None:
    with answering(lambda _: Answer(code, body)) as server:
        found = channel_to(server.url).metrics("national", ["7"])
    assert isinstance(found, Deferred) or found == {}


def test_nobody_is_asked_for_the_figures_of_no_posts(sandbox: Sandbox, channel: Mastodon) -> None:
    sandbox.stop()
    assert channel.metrics("national", []) == {}


# ── deleting ──


def test_a_post_is_deleted_and_to_ask_again_is_harmless(sandbox: Sandbox, channel: Mastodon) -> None:
    (ref,) = post(channel, "One")
    assert [channel.retract("national", ref) for _ in range(2)] == [Accepted(ref=ref)] * 2
    assert channel.metrics("national", [ref]) == {}


def test_a_lost_reply_to_deleting_is_asked_again(sandbox: Sandbox, channel: Mastodon) -> None:
    (ref,) = post(channel, "One")
    sandbox.world.faults.ask("mastodon-deletions", Fault.DROP_REPLY, times=1)
    assert isinstance(channel.retract("national", ref), Deferred)
    assert channel.retract("national", ref) == Accepted(ref=ref)


def test_another_accounts_post_is_not_said_to_be_gone(channel: Mastodon) -> None:
    (ref,) = post(channel, "One")
    outcome = channel.retract("chapter-west", ref)
    assert isinstance(outcome, Refused)
    assert '"chapter-west" may not delete it' in outcome.reason


def test_a_spent_limit_for_deleting_names_its_reset_and_holds_up_no_posts(sandbox: Sandbox, channel: Mastodon) -> None:
    refs = post(channel, "One", "Two", "Three", "Four")
    *deleted, last = [channel.retract("national", ref) for ref in refs]
    assert all(isinstance(outcome, Accepted) for outcome in deleted)
    assert isinstance(last, Deferred)
    assert (last.until, last.scope) == (NOW + timedelta(minutes=30), "delivery")


@pytest.mark.parametrize(
    ("code", "kind"), [(401, Deferred), (403, Deferred), (302, Deferred), (422, Refused), (500, Deferred)]
)
def test_what_keeps_a_post_from_being_deleted(code: int, kind: type[object]) -> None:
    with answering(lambda _: Answer(code, {"error": "no"})) as server:
        assert type(channel_to(server.url).retract("national", "7")) is kind


# ── what is left, and what is last ──


def test_the_last_post_that_the_server_takes_says_until_when_to_rest(channel: Mastodon) -> None:
    parts = [PostPart(seq, f"k{seq}", f"Post {seq}") for seq in range(7)]
    posts = PostBatch(id=1, account="national", parts=parts, made_at=NOW)
    outcomes = channel.deliver(posts, channel.compose(posts))
    assert [getattr(outcome, "rest_until", "none") for outcome in outcomes[:5]] == [None] * 4 + [
        NOW + timedelta(hours=3)
    ]
    assert isinstance(outcomes[5], Deferred)
    assert outcomes[5].until == NOW + timedelta(hours=3)
    assert isinstance(outcomes[6], Deferred)


# ── who an account is ──


def test_check_tells_who_what_it_may_what_is_left_and_what_the_server_takes(channel: Mastodon) -> None:
    standing, other = channel.check()
    assert (standing.handle, other.handle) == ("national@social.example.org", "chapter_west@social.example.org")
    assert standing.may == ("post", "delete its posts", "read its posts", "show pictures and videos")
    assert standing.left == Left(299, 300, until=NOW + timedelta(minutes=5))
    assert standing.takes is not None
    assert (standing.takes.characters, standing.takes.attachments, standing.takes.alt) == (500, 4, 1500)
    assert "image/webp" in standing.takes.types


def test_check_leaves_nothing_behind(sandbox: Sandbox, channel: Mastodon) -> None:
    channel.check()
    assert list(sandbox.taken()) == []
    assert list(sandbox.world.journal.records()) == []


def answering_as(**answers: Answer) -> Callable[[Asked], Answer]:
    """A server that answers by the last word of its path; what is not told it does not have."""

    def answer(asked: Asked) -> Answer:
        parts = asked.path.partition("?")[0].strip("/").split("/")
        return answers.get(
            f"{parts[1]}_{parts[-1]}", answers.get(parts[-2], Answer(404, {"error": "Record not found"}))
        )

    return answer


ME = Answer(200, {"id": "42", "acct": "national"})


def test_a_token_that_may_not_post_is_said_so_with_what_to_do() -> None:
    forbidden = Answer(403, {"error": "This action is outside the authorized scopes"})
    answer = answering_as(v1_verify_credentials=ME, v2_instance=Answer(200, INSTANCE), statuses=forbidden)
    with answering(answer) as server:
        standing, _ = channel_to(server.url).check()
    assert "its token may not post" in standing.wrong
    assert "write:statuses" in standing.wrong


def test_a_token_that_may_not_show_pictures_is_told() -> None:
    forbidden = Answer(403, {"error": "This action is outside the authorized scopes"})
    answer = answering_as(v1_verify_credentials=ME, v2_instance=Answer(200, INSTANCE), media=forbidden)
    with answering(answer) as server:
        standing, _ = channel_to(server.url).check()
    assert standing.wrong == ""
    assert standing.may == ("post", "delete its posts", "read its posts")


def test_an_account_that_has_moved_is_told() -> None:
    me = Answer(200, {"id": "42", "acct": "national", "moved": {"acct": "us@other.example.org"}})
    with answering(answering_as(v1_verify_credentials=me, v2_instance=Answer(200, INSTANCE))) as server:
        standing, _ = channel_to(server.url).check()
    assert standing.detail == "5,000 characters a post, the account has moved to @us@other.example.org"


def test_a_server_that_tells_its_limits_the_older_way_is_understood() -> None:
    old = Answer(200, {"uri": "https://pleroma.example.org", "max_toot_chars": 5000})
    with answering(answering_as(v1_verify_credentials=ME, v1_instance=old)) as server:
        standing, _ = channel_to(server.url).check()
    assert standing.handle == "national@pleroma.example.org"
    assert standing.takes == Takes(characters=5000)


@pytest.mark.parametrize(
    "server",
    [
        {},
        {"configuration": None},
        {"configuration": []},
        {"configuration": {"statuses": {"max_characters": "many"}, "media_attachments": {"supported_mime_types": 7}}},
        {"configuration": {"statuses": {"max_characters": -1}}},
    ],
)
def test_what_a_server_does_not_tell_is_not_known(server: dict[str, Any]) -> None:
    assert takes(server) == Takes()


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        ({"domain": "example.org"}, "example.org"),
        ({"domain": "social.example.org", "account_domain": "example.org"}, "example.org"),
        ({"uri": "https://example.org"}, "example.org"),
        ({"uri": "example.org"}, "example.org"),
        ({}, "127.0.0.1:9"),
    ],
)
def test_the_server_in_an_accounts_name_is_the_one_that_it_tells(server: dict[str, Any], expected: str) -> None:
    assert domain(server, "http://127.0.0.1:9/path") == expected
