"""retract: what somebody wants deleted is deleted from its end, tried again, and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from campaign.flow import retract, rollout, settle
from campaign.model.batch import Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from tests.builders import T0, post_message, step, wave
from tests.desks import HOUR, MINUTE, Office

SECOND = timedelta(seconds=1)


def thread(at: Office, *accounts: str, parts: int = 3) -> None:
    """A thread at T-0 from each account; its parts are known as "BATCH.PLACE"."""
    text = "\n---\n".join(f"Part {n}." for n in range(parts))
    at.approve(step("launch", "x", accounts=accounts or ("national",)), wave("launch"), message=post_message(text))
    rollout.turns(at.desk)()


def ask(at: Office, account: str | None = None) -> None:
    at.ledger.retract("launch", account=account, by="Jo Example", at=at.clock.now())


def deleted(at: Office) -> list[str]:
    """What was asked to be deleted since this was last asked."""
    found = [ref for _, ref in at.posts["x"].retracted]
    at.posts["x"].retracted.clear()
    return found


def test_a_thread_goes_from_its_end(at: Office) -> None:
    thread(at)
    ask(at)
    assert retract.carry_out(at.desk) == 3
    assert deleted(at) == ["1.2", "1.1", "1.0"]
    assert at.states() == {State.RETRACTED: 3}
    assert retract.next_at(at.desk) is None


def test_nothing_is_deleted_that_nobody_wants_deleted(at: Office) -> None:
    thread(at, "national", "ohio")
    assert retract.carry_out(at.desk) == 0
    ask(at, "ohio")
    assert retract.carry_out(at.desk) == 3
    assert {account for account, _ in at.posts["x"].retracted} == {"ohio"}
    assert at.states() == {State.ACCEPTED: 3, State.RETRACTED: 3}


@pytest.mark.parametrize("told", [InDoubt("no reply"), Deferred("not now")], ids=["lost", "deferred"])
def test_what_could_not_be_deleted_is_tried_again_and_what_is_before_it_waits(at: Office, told: Outcome) -> None:
    thread(at)
    ask(at)
    answers = iter([Accepted("1.2"), told])
    at.posts["x"].retracts = lambda _account, ref: next(answers, Accepted(ref))
    assert retract.carry_out(at.desk) == 1
    assert deleted(at) == ["1.2", "1.1"]
    assert retract.carry_out(at.desk) == 0
    assert retract.next_at(at.desk) == T0 + 30 * SECOND
    at.wait(30 * SECOND)
    assert retract.carry_out(at.desk) == 2
    assert deleted(at) == ["1.1", "1.0"]


def test_a_network_that_says_when_is_asked_then_and_not_before(at: Office) -> None:
    thread(at)
    ask(at)
    at.posts["x"].retracts = lambda _account, _ref: Deferred("too many", until=T0 + HOUR, scope="account")
    retract.carry_out(at.desk)
    assert retract.next_at(at.desk) == T0 + HOUR
    at.wait(HOUR - SECOND)
    assert retract.carry_out(at.desk) == 0
    assert deleted(at) == ["1.2"]


def test_a_network_that_goes_on_refusing_to_answer_is_asked_ever_more_rarely(at: Office) -> None:
    thread(at, parts=1)
    ask(at)
    at.posts["x"].retracts = lambda _account, _ref: InDoubt("no reply")
    waits = []
    for _ in range(7):
        before = at.clock.now()
        retract.carry_out(at.desk)
        due_at = retract.next_at(at.desk)
        assert due_at is not None
        waits.append((due_at - before) / SECOND)
        at.clock.sleep_until(due_at)
    assert waits == [30, 60, 120, 240, 480, 900, 900]
    assert [line for line in at.told if "not deleted yet" in line] == ["launch#1 national 1: not deleted yet: no reply"]


def test_a_part_that_its_network_refuses_to_delete_is_told_of_and_the_others_go(at: Office) -> None:
    thread(at)
    ask(at)
    at.posts["x"].retracts = lambda _account, ref: Refused("not yours") if ref == "1.1" else Accepted(ref)
    assert retract.carry_out(at.desk) == 2
    assert at.states() == {State.ACCEPTED: 1, State.RETRACTED: 2}
    assert "launch#1 national 2: x does not delete it: not yours" in at.told
    assert retract.next_at(at.desk) is None


def test_a_channel_that_fails_ends_nothing(at: Office) -> None:
    thread(at, parts=1)
    ask(at)

    def broken(_account: str, _ref: str) -> Outcome:
        raise RuntimeError("with a name in it")

    at.posts["x"].retracts = broken
    assert retract.carry_out(at.desk) == 0
    assert at.told[-1] == "launch#1 national 1: not deleted yet: the channel x failed (RuntimeError)"
    at.posts["x"].retracts = lambda _account, ref: Accepted(ref)
    at.wait(MINUTE)
    assert retract.carry_out(at.desk) == 1


def test_an_account_that_takes_no_more_for_now_rests(at: Office) -> None:
    thread(at)
    ask(at)
    at.posts["x"].retracts = lambda _account, ref: Accepted(ref, rest_until=T0 + HOUR)
    assert retract.carry_out(at.desk) == 1
    assert len(deleted(at)) == 1


def test_nothing_is_deleted_while_something_is_to_be_sent_soon(at: Office) -> None:
    thread(at)
    ask(at)
    assert retract.carry_out(at.desk, until=T0 + 30 * SECOND) == 0
    assert retract.carry_out(at.desk, until=T0 + 2 * MINUTE) == 3


class TestInDoubt:
    def lose_the_second(self, at: Office, settled: Sequence[Settled]) -> None:
        """A thread of three whose second part may or may not stand; asked later, the network answers ``settled``."""

        def lost(batch: PostBatch, _payload: Payload) -> Sequence[Outcome]:
            return [Accepted(ref="1.0"), InDoubt("no reply"), Deferred("it waits for the part before it")]

        def unread(batch: PostBatch, _payload: Payload) -> Sequence[Settled]:
            return [InDoubt("the timeline cannot be read")] * len(batch)

        at.posts["x"].delivers = lost
        at.posts["x"].settled = unread
        thread(at)
        ask(at)
        at.posts["x"].settled = lambda _batch, _payload: settled

    def test_it_is_settled_first_and_then_deleted_if_it_stands(self, at: Office) -> None:
        self.lose_the_second(at, [Accepted(ref="1.1"), NotSent("not there")])
        assert retract.carry_out(at.desk) == 0
        assert retract.next_at(at.desk) == T0 + 5 * SECOND
        at.wait(MINUTE)
        settle.doubts(at.desk, at.contents)
        assert retract.carry_out(at.desk) == 2
        assert deleted(at) == ["1.1", "1.0"]
        assert at.states() == {State.RETRACTED: 2, State.CANCELLED: 1}

    def test_it_is_let_go_where_it_never_stood(self, at: Office) -> None:
        self.lose_the_second(at, [NotSent("not there"), NotSent("not there")])
        at.wait(MINUTE)
        settle.doubts(at.desk, at.contents)
        assert retract.carry_out(at.desk) == 1
        assert at.states() == {State.RETRACTED: 1, State.CANCELLED: 2}
        assert len(at.posts["x"].got) == 1
        assert retract.next_at(at.desk) is None

    def test_the_parts_before_it_do_not_stand_for_ever(self, at: Office) -> None:
        self.lose_the_second(at, [InDoubt("still not"), InDoubt("still not")])
        at.wait(retract.PATIENCE)
        assert retract.carry_out(at.desk) == 1
        assert deleted(at) == ["1.0"]


class TestTurns:
    def test_a_run_deletes_what_somebody_wants_deleted_and_tries_again_until_it_is_gone(self, at: Office) -> None:
        thread(at)
        ask(at)
        answers: Iterator[Outcome] = iter([InDoubt("no reply"), Deferred("not now")])
        at.posts["x"].retracts = lambda _account, ref: next(answers, Accepted(ref))
        turn = rollout.turns(at.desk)
        while (following := turn()) is not None:
            at.clock.sleep_until(following)
        assert at.states() == {State.RETRACTED: 3}
        assert deleted(at) == ["1.2", "1.2", "1.2", "1.1", "1.0"]
