"""settle: what became of an attempt in doubt is asked of the provider, and never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from campaign.flow import dispatch, prepare, rollout, settle
from campaign.model.batch import Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, InDoubt, NotSent, Outcome, Settled
from campaign.model.plan import Channel
from campaign.ports.channel import Settling
from campaign.ports.ledger import Filters
from tests.builders import T0, post_message, step
from tests.desks import HOUR, Office, Told, accept, not_there, office

THREAD = post_message("One of three.\n---\nTwo of three.\n---\nThree of three.\n")
SECOND = timedelta(seconds=1)
AFTER = timedelta(seconds=20)


def lost(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
    return [InDoubt("the reply was lost")] * len(batch)


def lost_once() -> Told[PostBatch]:
    channel = Told[PostBatch]("x", settles=Settling(by="reading", after=AFTER))

    def deliver(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        return lost(batch, payload) if len(channel.got) == 1 else accept(batch, payload)

    channel.delivers = deliver
    return channel


def thread(at: Office) -> None:
    at.approve(step("launch", "x"), message=THREAD)
    prepare.wave(at.desk, at.contents, at.waves("launch")[0])


def test_the_provider_is_asked_only_when_what_it_shows_can_be_trusted(tmp_path: Path) -> None:
    with office(tmp_path, posts=[lost_once()]) as at:
        thread(at)
        dispatch.everything(at.desk, at.contents)
        for wait in (timedelta(0), AFTER - SECOND):
            at.wait(wait)
            settle.doubts(at.desk, at.contents)
            assert at.posts["x"].asked == []
            assert settle.next_at(at.desk) == T0 + AFTER
        at.wait(SECOND)
        settle.doubts(at.desk, at.contents)
        assert settle.next_at(at.desk) is None
        assert len(at.posts["x"].asked) == 1


def test_what_was_not_sent_is_planned_again_and_goes_out_once(tmp_path: Path) -> None:
    with office(tmp_path, posts=[lost_once()]) as at:
        thread(at)
        turn = rollout.turns(at.desk)
        assert turn() == T0 + AFTER
        at.wait(AFTER)
        assert turn() is None
        assert at.states() == {State.ACCEPTED: 3}
        (_, first), (_, second) = at.posts["x"].got
        assert list(first.chunks) == list(second.chunks)


def test_what_is_there_is_accepted_as_what_the_provider_shows_and_is_not_sent_again(tmp_path: Path) -> None:
    channel = lost_once()
    channel.settled = lambda batch, _: [Accepted(part.key, f"https://example.org/{part.seq}") for part in batch.parts]
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        rollout.turns(at.desk)()
        at.wait(AFTER)
        rollout.turns(at.desk)()
        assert len(channel.got) == 1
        assert [sent.url for sent in at.ledger.log(Filters())] == [f"https://example.org/{n}" for n in range(3)]


def test_a_thread_goes_on_behind_the_parts_that_are_there(tmp_path: Path) -> None:
    channel = lost_once()
    channel.settled = lambda _batch, _payload: [Accepted("a"), NotSent("not there"), NotSent("not there")]
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        rollout.turns(at.desk)()
        at.wait(AFTER)
        rollout.turns(at.desk)()
        assert [(batch.sent, [part.seq for part in batch.parts]) for batch, _ in channel.got] == [
            ((), [0, 1, 2]),
            (("a",), [1, 2]),
        ]
        assert at.states() == {State.ACCEPTED: 3}


def test_what_cannot_be_read_stays_in_doubt_and_is_asked_again_later(tmp_path: Path) -> None:
    channel = lost_once()
    said: list[Settled] = [InDoubt("the timeline cannot be read"), NotSent("it is not there")]
    answers = iter(said)

    def read(batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        return [next(answers)] * len(batch)

    channel.settled = read
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        turn = rollout.turns(at.desk)
        turn()
        at.wait(AFTER)
        again = turn()
        assert again is not None
        assert again > at.clock.now()
        assert at.states() == {State.IN_DOUBT: 3}
        assert at.ledger.doubts()[0].why == "the timeline cannot be read"
        at.clock.sleep_until(again)
        assert turn() is None
        assert at.states() == {State.ACCEPTED: 3}


def test_a_network_that_cannot_be_read_is_asked_again_soon_and_then_ever_later(tmp_path: Path) -> None:
    """Also where the program stood for a day before anybody came to doubt."""
    channel = lost_once()
    channel.settled = lambda batch, _: [InDoubt("it cannot be read")] * len(batch)
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        (claim,) = at.ledger.claim(owner="gone", now=T0, lease=at.desk.post_lease, most=1)
        at.ledger.begin(claim, Payload([b"1", b"2", b"3"]), now=T0)
        at.wait(24 * HOUR)
        settle.lapsed(at.desk)
        waits = []
        for _ in range(20):
            settle.doubts(at.desk, at.contents)
            again = settle.next_at(at.desk)
            assert again is not None
            waits.append(again - at.clock.now())
            at.clock.sleep_until(again)
        assert waits[:3] == [2 * SECOND, 2 * SECOND, 2 * SECOND]
        assert waits == sorted(waits)
        assert waits[-1] == timedelta(minutes=5)


def test_one_network_that_does_not_answer_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Each is answered only while the other is asked as well."""
    meet = Barrier(2, timeout=20)

    def together(batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        meet.wait()
        return not_there(batch, payload)

    posts = [Told[PostBatch](name, delivers=lost, settled=together) for name in ("x", "mastodon")]
    with office(tmp_path, posts=posts) as at:
        for name in ("x", "mastodon"):
            at.approve(step(f"on-{name}", Channel(name)), message=THREAD)
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        dispatch.everything(at.desk, at.contents)
        settle.doubts(at.desk, at.contents)
        assert at.states() == {State.PLANNED: 6}


@pytest.mark.parametrize("by", ["events", "nobody"])
def test_a_channel_that_cannot_be_asked_is_not(tmp_path: Path, by: str) -> None:
    channel = Told[PostBatch]("x", delivers=lost, settles=Settling(by=by))  # type: ignore[arg-type]  # a Literal's words
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        assert rollout.turns(at.desk)() is None
        assert channel.asked == []
        assert at.states() == {State.IN_DOUBT: 3}


def test_the_provider_is_told_what_was_handed_over_and_when(tmp_path: Path) -> None:
    channel = lost_once()
    with office(tmp_path, posts=[channel]) as at:
        thread(at)
        rollout.turns(at.desk)()
        at.wait(AFTER)
        rollout.turns(at.desk)()
        (batch, payload) = channel.asked[0]
        assert batch.attempted_at == T0
        assert list(payload.chunks) == [b"One of three.", b"Two of three.", b"Three of three."]


def test_a_program_that_stopped_leaves_a_doubt_if_it_had_begun_and_a_plan_if_it_had_not(at: Office) -> None:
    at.posts["x"].settled = not_there
    at.add(4)
    at.approve(step())
    prepare.wave(at.desk, at.contents, at.waves("alert")[0])
    thread(at)
    mail, post = sorted(
        at.ledger.claim(owner="gone", now=T0, lease=at.desk.lease, most=9), key=lambda claim: claim.account
    )
    at.ledger.begin(post, Payload([b"One of three.", b"Two of three.", b"Three of three."]), now=T0)
    assert mail.people
    at.wait(HOUR)
    settle.lapsed(at.desk)
    assert at.states() == {State.PLANNED: 4, State.IN_DOUBT: 3}
    assert "2 claims of a program that stopped" in at.told[-1]
    rollout.turns(at.desk)()
    assert at.states() == {State.ACCEPTED: 7}
