"""X's pictures and videos: uploaded once and before the post, and what it means where that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.channels.x import X
from campaign.channels.x_login import XCredentials
from campaign.channels.x_media import PIECE_BYTES
from campaign.model.batch import PostBatch
from campaign.model.outcome import Accepted, Deferred, Refused
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from campaign.sandbox.x_media import MEDIA
from tests.networks import batch, deliver, showing
from tests.pictures import gif, png
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
CROWD = png()
VIDEO = b"\0\0\0\x18ftypisom" + b"moves" * (PIECE_BYTES // 2)
ACCOUNTS = {"national": "tok", "chapter-west": "tok-west"}


@dataclass
class Desk:
    sandbox: Sandbox
    x: X
    waited: list[float] = field(default_factory=list)

    def uploads(self) -> list[dict[str, Any]]:
        return list(self.sandbox.world.journal.records(MEDIA))

    def taken(self) -> list[dict[str, Any]]:
        return list(self.sandbox.taken("x"))

    def ready(self, posts: PostBatch) -> None:
        self.x.ready(posts, self.x.compose(posts), upload=True)


def opened(url: str, *, now: Callable[[], datetime] | None = None, wait: Callable[[float], object] = float) -> X:
    credentials = {name: XCredentials("ck", "cs", token, "ts") for name, token in ACCOUNTS.items()}
    return X(credentials, base_url=url, now=now, wait=wait)


@pytest.fixture
def desk() -> Iterator[Desk]:
    waited: list[float] = []
    with Sandbox(accounts={"x": ACCOUNTS}, now=NOW) as sandbox:
        x = opened(sandbox.urls["x"], now=sandbox.world.now, wait=waited.append)
        yield Desk(sandbox, x, waited)
        x.close()


def test_what_was_uploaded_ahead_is_not_uploaded_at_the_instant(desk: Desk) -> None:
    posts = showing(batch("Look."), CROWD)
    desk.ready(posts)
    (before,) = desk.uploads()
    (outcome,) = deliver(desk.x, posts)
    assert isinstance(outcome, Accepted)
    assert desk.uploads() == [before]


def test_each_account_uploads_for_itself_and_once(desk: Desk) -> None:
    for wave, account in enumerate(("national", "chapter-west", "national")):
        deliver(desk.x, showing(batch(f"Post {wave}", wave=wave, account=account), CROWD))
    assert [one["account"] for one in desk.uploads()] == ["national", "chapter-west"]
    assert [len(one["media"]) for one in desk.taken()] == [1, 1, 1]


def test_threads_that_come_at_once_upload_once(desk: Desk) -> None:
    posts = [showing(batch(f"Post {wave}", wave=wave), CROWD) for wave in range(6)]
    with ThreadPoolExecutor(6) as pool:
        outcomes = [one for told in pool.map(lambda one: deliver(desk.x, one), posts) for one in told]
    assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
    assert len(desk.uploads()) == 1


@pytest.mark.parametrize("body", [gif(3), VIDEO], ids=["gif", "video"])
def test_what_moves_goes_in_pieces_and_x_is_waited_for(desk: Desk, body: bytes) -> None:
    (outcome,) = deliver(desk.x, showing(batch("It moves."), body))
    assert isinstance(outcome, Accepted)
    (upload,) = desk.uploads()
    assert upload["size"] == len(body)
    assert desk.waited == [1.0, 1.0]
    assert desk.taken()[0]["media"][0]["digest"] == upload["digest"]


def test_a_video_goes_without_its_description_where_x_takes_none(desk: Desk) -> None:
    (outcome,) = deliver(desk.x, showing(batch("It moves."), VIDEO))
    assert isinstance(outcome, Accepted)
    assert desk.taken()[0]["media"][0]["alt"] == ""


def test_a_video_that_x_cannot_use_is_refused_and_nothing_is_posted(desk: Desk) -> None:
    desk.sandbox.world.barred.add("x videos")
    first, second = deliver(desk.x, showing(batch("One", "Two"), VIDEO, part=1))
    assert isinstance(first, Refused)
    assert first.code == "media"
    assert isinstance(second, Deferred)
    assert desk.taken() == []


@pytest.mark.parametrize("told", [True, False])
def test_what_x_has_thrown_away_is_uploaded_again(desk: Desk, *, told: bool) -> None:
    x = desk.x if told else opened(desk.sandbox.urls["x"])
    posts = showing(batch("Look."), CROWD)
    x.ready(posts, x.compose(posts), upload=True)
    desk.sandbox.world.set_now(NOW + timedelta(hours=25))
    (outcome,) = deliver(x, posts)
    assert isinstance(outcome, Accepted)
    assert len(desk.uploads()) == 2
    if not told:
        x.close()


def test_one_that_fails_leaves_no_half_of_a_thread(desk: Desk) -> None:
    desk.sandbox.world.faults.ask("x-media", Fault.UNAVAILABLE, times=1)
    posts = showing(batch("One", "Two"), CROWD, part=1)
    assert all(isinstance(outcome, Deferred) for outcome in deliver(desk.x, posts))
    assert desk.taken() == []
    assert all(isinstance(outcome, Accepted) for outcome in deliver(desk.x, posts))


def test_a_lost_reply_to_an_upload_is_no_doubt(desk: Desk) -> None:
    desk.sandbox.world.faults.ask("x-media", Fault.DROP_REPLY, times=1)
    posts = showing(batch("Look."), CROWD)
    (outcome,) = deliver(desk.x, posts)
    assert isinstance(outcome, Deferred)
    (outcome,) = deliver(desk.x, posts)
    assert isinstance(outcome, Accepted)


def serving(**answers: Answer) -> Callable[[Asked], Answer]:
    """A server that takes everything but for what it is told to answer otherwise: by the end of the path."""
    good = {
        "upload": Answer(
            200, {"data": {"id": "9", "processing_info": {"state": "in_progress", "check_after_secs": 30}}}
        ),
        "initialize": Answer(200, {"data": {"id": "9"}}),
        "append": Answer(200, {"data": {}}),
        "finalize": Answer(200, {"data": {"id": "9", "processing_info": {"state": "pending", "check_after_secs": 30}}}),
        "metadata": Answer(200, {"data": {"id": "9"}}),
        "tweets": Answer(201, {"data": {"id": "7"}}),
    }

    def answer(asked: Asked) -> Answer:
        return {**good, **answers}[asked.path.partition("?")[0].rpartition("/")[2]]

    return answer


def test_an_attempt_ends_while_x_works_on_a_video_and_the_next_uploads_nothing() -> None:
    waited: list[float] = []
    posts = showing(batch("It moves."), gif(2))
    with answering(serving()) as server:
        x = opened(server.url, wait=waited.append)
        for _ in range(2):
            (outcome,) = deliver(x, posts)
            assert isinstance(outcome, Deferred)
        x.close()
    assert [asked.path for asked in server.asked].count("/2/media/upload/initialize") == 1
    assert sum(waited) <= 2 * 240
    assert not [asked for asked in server.asked if asked.path == "/2/tweets"]


def test_an_upload_that_x_has_lost_while_working_on_it_is_made_again() -> None:
    looks = iter([*[None] * 7, Answer(404, {"detail": "media was not found"}), Answer(200, {"data": {"id": "9"}})])

    def answer(asked: Asked) -> Answer:
        told = next(looks) if "command=STATUS" in asked.path else None
        return told or serving()(asked)

    posts = showing(batch("It moves."), gif(2))
    with answering(answer) as server:
        x = opened(server.url)
        (first,), (second,) = deliver(x, posts), deliver(x, posts)
        x.close()
    assert isinstance(first, Deferred)
    assert isinstance(second, Accepted)
    assert [asked.path for asked in server.asked].count("/2/media/upload/initialize") == 2


@pytest.mark.parametrize("where", ["upload", "metadata"])
@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (Answer(400, {"errors": [{"message": "no picture"}]}), Refused),
        (Answer(403, {"detail": "not allowed"}), Refused),
        (Answer(413, {}), Refused),
        (Answer(401, {}), Deferred),
        (Answer(402, {}), Deferred),
        (Answer(429, {}), Deferred),
        (Answer(500, {}), Deferred),
        (Answer(503, {}), Deferred),
        (Answer(200, b"<html>"), Deferred),
        (Answer(400, b"<html>"), Refused),
    ],
)
def test_an_upload_that_fails_is_never_in_doubt(where: str, told: Answer, kind: type[object]) -> None:
    done = Answer(200, {"data": {"id": "9"}})
    with answering(serving(**{"upload": done, where: told})) as server:
        x = opened(server.url)
        (outcome,) = deliver(x, showing(batch("Look."), CROWD))
        x.close()
    posted = [asked for asked in server.asked if asked.path == "/2/tweets"]
    if where == "metadata" and told.body == b"<html>" and told.status == 200:
        assert isinstance(outcome, Accepted)  # X took it and said so; what else it says is of no matter
        return
    assert isinstance(outcome, kind), outcome
    assert posted == []
    if isinstance(outcome, Deferred):
        assert outcome.hold is (told.status == 402)


def test_what_a_post_shows_is_refused_where_x_refuses_it_twice() -> None:
    refused = Answer(400, {"errors": [{"message": "Your media IDs are invalid."}]})
    with answering(serving(upload=Answer(200, {"data": {"id": "9"}}), tweets=refused)) as server:
        x = opened(server.url)
        (outcome,) = deliver(x, showing(batch("Look."), CROWD))
        x.close()
    assert isinstance(outcome, Refused)
    assert [asked.path for asked in server.asked].count("/2/media/upload") == 2
