"""Pictures and videos on Mastodon: handed over, waited for, shown once, and never a doubt."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
import urllib3

from campaign.channels.mastodon import Mastodon, MastodonCredentials
from campaign.model.batch import PostBatch, PostPart
from campaign.model.media import Media, PartMedia
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.pictures import BROKEN, VIDEO, plain
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"mastodon": {"national": "tok", "chapter-west": "tok-west"}}
RED, BLUE = plain("red"), plain("blue")


def media(body: bytes, alt: str = "A crowd", media_type: str = "image/png") -> Media:
    return Media(sha256(body).hexdigest(), media_type, len(body), alt, 8, 8)


def batch(*bodies: bytes, text: str = "Stop.", key: str = "k", media_type: str = "image/png", **more: Any) -> PostBatch:
    shows = PartMedia(tuple(media(body, f"Picture {at}", media_type) for at, body in enumerate(bodies, start=1)))
    files = {sha256(body).hexdigest(): body for body in bodies}
    part = PostPart(0, key, text, shows)
    return PostBatch(id=1, account="national", parts=[part], made_at=NOW, files=files, **more)


def deliver(channel: Mastodon, posts: PostBatch) -> Outcome:
    (outcome,) = channel.deliver(posts, channel.compose(posts))
    return outcome


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        yield sandbox


@pytest.fixture
def channel(sandbox: Sandbox) -> Iterator[Mastodon]:
    tokens = ACCOUNTS["mastodon"]
    mastodon = Mastodon(
        {name: MastodonCredentials(token) for name, token in tokens.items()}, base_url=sandbox.urls["mastodon"]
    )
    yield mastodon
    mastodon.close()


def taken(sandbox: Sandbox) -> list[list[str]]:
    """The alternative texts of what each post shows."""
    return [[one["alt"] for one in post["media"]] for post in sandbox.taken("mastodon")]


def handed_over(sandbox: Sandbox) -> int:
    return sum(record["kind"] == "mastodon.media" for record in sandbox.world.journal.records())


def test_a_post_shows_its_pictures_in_order_with_their_alternative_texts(sandbox: Sandbox, channel: Mastodon) -> None:
    assert isinstance(deliver(channel, batch(RED, BLUE)), Accepted)
    assert taken(sandbox) == [["Picture 1", "Picture 2"]]
    digests = [one["digest"] for one in next(sandbox.taken("mastodon"))["media"]]
    assert digests == [sha256(RED).hexdigest(), sha256(BLUE).hexdigest()]


def test_a_video_is_shown_when_it_is_processed(sandbox: Sandbox, channel: Mastodon) -> None:
    assert isinstance(deliver(channel, batch(VIDEO, media_type="video/mp4")), Accepted)
    assert taken(sandbox) == [["Picture 1"]]


def test_what_is_ready_is_not_handed_over_again(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED)
    for _ in range(2):
        channel.ready(posts, channel.compose(posts), upload=True)
    assert handed_over(sandbox) == 1
    assert isinstance(deliver(channel, posts), Accepted)
    assert handed_over(sandbox) == 1


def test_nothing_is_handed_over_ahead_where_an_embargo_forbids_it(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED)
    channel.ready(posts, channel.compose(posts), upload=False)
    assert handed_over(sandbox) == 0


def test_ready_raises_nothing_whatever_the_server_does(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED)
    for fault in Fault:
        sandbox.world.faults.ask("mastodon-media", fault, times=1)
        channel.ready(posts, channel.compose(posts), upload=True)
    sandbox.stop()
    channel.ready(posts, channel.compose(posts), upload=True)


def test_the_same_picture_in_two_posts_is_handed_over_for_each(sandbox: Sandbox, channel: Mastodon) -> None:
    assert isinstance(deliver(channel, batch(RED, key="one", text="One")), Accepted)
    assert isinstance(deliver(channel, batch(RED, key="two", text="Two")), Accepted)
    assert taken(sandbox) == [["Picture 1"], ["Picture 1"]]


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.RATE_LIMIT, Fault.UNAVAILABLE, Fault.ERROR])
def test_a_picture_that_is_not_taken_defers_its_post_and_leaves_no_doubt(
    sandbox: Sandbox, channel: Mastodon, fault: Fault
) -> None:
    sandbox.world.faults.ask("mastodon-media", fault, times=1)
    outcome = deliver(channel, batch(RED))
    assert isinstance(outcome, Deferred)
    assert "picture" in outcome.reason
    assert taken(sandbox) == []
    assert isinstance(deliver(channel, batch(RED)), Accepted)


def test_a_spent_limit_for_pictures_holds_up_no_posts_without_any(sandbox: Sandbox, channel: Mastodon) -> None:
    sandbox.world.faults.ask("mastodon-media", Fault.RATE_LIMIT, times=1)
    outcome = deliver(channel, batch(RED))
    assert isinstance(outcome, Deferred)
    assert (outcome.until, outcome.scope) == (NOW + timedelta(seconds=5), "delivery")


def test_a_picture_that_the_server_will_not_have_refuses_its_post(channel: Mastodon) -> None:
    outcome = deliver(channel, batch(b"no picture"))
    assert isinstance(outcome, Refused)
    assert "File is invalid" in outcome.reason


def test_a_video_that_cannot_be_processed_refuses_its_post(sandbox: Sandbox, channel: Mastodon) -> None:
    outcome = deliver(channel, batch(BROKEN, media_type="video/mp4"))
    assert isinstance(outcome, Refused)
    assert "Error processing" in outcome.reason
    assert taken(sandbox) == []


def test_what_the_server_has_forgotten_is_handed_over_again(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED)
    channel.ready(posts, channel.compose(posts), upload=True)
    (kept,) = sandbox.world.journal.records("mastodon.media")
    url, headers = f"{sandbox.urls['mastodon']}/api/v1/statuses", {"Authorization": "Bearer tok"}
    elsewhere = {"status": "Elsewhere", "media_ids": [kept["id"]]}  # a server lets one post show it
    assert urllib3.request("POST", url, json=elsewhere, headers=headers).status == 200
    assert isinstance(deliver(channel, posts), Accepted)
    assert [one["text"] for one in sandbox.taken("mastodon")] == ["Elsewhere", "Stop."]
    assert handed_over(sandbox) == 2


def test_a_post_that_is_refused_for_itself_is_tried_no_second_time() -> None:
    def answer(asked: Asked) -> Answer:
        if asked.path == "/api/v1/statuses":
            return Answer(422, {"error": "Validation failed"})
        return Answer(200, {"id": "7"})

    assert _answered(answer) == (["POST /api/v2/media", "POST /api/v1/statuses", "GET /api/v1/media/7"], Refused)


def test_a_picture_whose_processing_never_ends_is_let_go_by_closing() -> None:
    looked = threading.Event()

    def answer(asked: Asked) -> Answer:
        if asked.method == "GET":
            looked.set()
        return Answer(206 if asked.method == "GET" else 202, {"id": "7"})

    with answering(answer) as server, ThreadPoolExecutor() as pool:
        mastodon = Mastodon({"national": MastodonCredentials("tok")}, base_url=server.url)
        waiting = pool.submit(deliver, mastodon, batch(RED))
        looked.wait()
        mastodon.close()
        outcome = waiting.result()
    assert isinstance(outcome, Deferred)
    assert "stopped" in outcome.reason


def test_a_look_that_goes_wrong_is_followed_by_another() -> None:
    looks = iter([Answer(503), Answer(500, b"<html>"), Answer(206, b""), Answer(200, {"id": "7"})])

    def answer(asked: Asked) -> Answer:
        if asked.path == "/api/v1/statuses":
            return Answer(200, {"id": "100"})
        return Answer(202, {"id": "7"}) if asked.method == "POST" else next(looks)

    asked, outcome = _answered(answer)
    assert outcome is Accepted
    assert asked.count("GET /api/v1/media/7") == 4


@pytest.mark.parametrize("code", [401, 403])
def test_a_token_that_may_not_hand_over_pictures_defers_the_account(code: int) -> None:
    assert _answered(lambda _: Answer(code, {"error": "This action is outside the authorized scopes"}))[1] is Deferred


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"17", b"{}", b'{"id":null}', b"\xff"])
@pytest.mark.parametrize("code", [200, 202, 302, 400, 408, 413, 429, 500, 503])
def test_no_answer_to_a_picture_makes_it_raise_or_leaves_a_doubt(code: int, body: bytes) -> None:
    asked, outcome = _answered(lambda _: Answer(code, body))
    assert outcome in (Deferred, Refused)
    assert "POST /api/v1/statuses" not in asked


def test_a_doubt_about_a_post_with_pictures_and_a_warning_is_settled(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED, warning="politics", text="Stop selling it.")
    sandbox.world.faults.ask("mastodon", Fault.DROP_REPLY, times=1)
    assert isinstance(deliver(channel, posts), InDoubt)
    (settled,) = channel.settle(posts, channel.compose(posts))
    assert isinstance(settled, Accepted)


def test_a_post_that_was_not_taken_goes_with_the_pictures_that_are_there(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(RED)
    sandbox.world.faults.ask("mastodon", Fault.ERROR, times=1)
    assert isinstance(deliver(channel, posts), InDoubt)
    (settled,) = channel.settle(posts, channel.compose(posts))
    assert isinstance(settled, NotSent)
    assert isinstance(deliver(channel, posts), Accepted)
    assert handed_over(sandbox) == 1


def test_pictures_that_took_too_long_leave_the_post_to_whoever_has_it_now(sandbox: Sandbox, channel: Mastodon) -> None:
    answers = iter([True, False])
    assert isinstance(deliver(channel, batch(RED, holds=lambda: next(answers))), Deferred)
    assert taken(sandbox) == []


def test_a_picture_whose_bytes_are_not_at_hand_defers_its_post(channel: Mastodon) -> None:
    posts = batch(RED)
    payload = channel.compose(posts)
    posts.files.clear()  # type: ignore[attr-defined]  # a dict in this test
    (outcome,) = channel.deliver(posts, payload)
    assert isinstance(outcome, Deferred)


def test_the_payload_names_the_pictures_and_holds_none_of_their_bytes(channel: Mastodon) -> None:
    posts = batch(RED)
    body = channel.compose(posts).body()
    assert sha256(RED).hexdigest().encode() in body
    assert b"Picture 1" in body
    assert b"PNG" not in body


def test_many_posts_with_pictures_can_go_at_once(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = [batch(RED, BLUE, key=f"k{number}", text=f"Post {number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda one: deliver(channel, one), posts))
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    assert taken(sandbox) == [["Picture 1", "Picture 2"]] * 8


def test_a_slow_look_ahead_and_the_post_itself_hand_a_video_over_once(sandbox: Sandbox, channel: Mastodon) -> None:
    posts = batch(VIDEO, media_type="video/mp4")
    with ThreadPoolExecutor(2) as pool:
        ready = pool.submit(channel.ready, posts, channel.compose(posts), upload=True)
        outcome = deliver(channel, posts)
        ready.result()
    assert isinstance(outcome, Accepted)
    assert taken(sandbox) == [["Picture 1"]]


def _answered(answer: Callable[[Asked], Answer]) -> tuple[list[str], type[Outcome]]:
    """What a server was asked for a post with a picture, and what came of it."""
    with answering(answer) as server:
        mastodon = Mastodon({"national": MastodonCredentials("tok")}, base_url=server.url, timeout_s=10)
        outcome = deliver(mastodon, batch(RED))
        mastodon.close()
        return [f"{asked.method} {asked.path}" for asked in server.asked], type(outcome)
