"""due: what may go out now, and what becomes of what came too late."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from campaign.flow import due, prepare, rollout, volley
from campaign.model.batch import PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Deferred, InDoubt
from campaign.model.plan import Late, Then
from campaign.model.wave import LEAD, WaveState
from tests.builders import T0, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Office, Told, not_there, office


def names(at: Office) -> list[str]:
    return [one.name for one in due.waves(at.desk)]


def test_a_wave_is_due_for_preparing_shortly_before_its_instant_and_not_earlier(at: Office) -> None:
    at.approve(step(), wave(due_at=T0 + LEAD), wave(number=2, due_at=T0 + LEAD + timedelta(microseconds=1)))
    assert names(at) == ["alert#1"]


def test_what_is_prepared_before_its_instant_does_not_leave_before_it(tmp_path: Path) -> None:
    clock = HandClock(T0 - LEAD)
    with office(tmp_path, clock=clock) as at:
        at.add(3)
        at.approve(step())
        turn = rollout.turns(at.desk)
        assert turn() == T0 - volley.AHEAD
        assert at.waves()[0].prepared_at == T0 - LEAD
        assert at.states() == {State.PLANNED: 3}
        clock.at = T0
        turn()
        assert at.states() == {State.ACCEPTED: 3}
        assert at.waves()[0].first_sent_at == T0


def test_a_change_after_a_wave_was_prepared_still_stops_it(tmp_path: Path) -> None:
    clock = HandClock(T0 - LEAD)
    with office(tmp_path, clock=clock) as at:
        at.add(3)
        at.approve(step())
        turn = rollout.turns(at.desk)
        turn()
        at.digests["alert"] = "something else"
        clock.at = T0
        turn()
        assert at.mail.got == []
        assert at.waves()[0].state is WaveState.WAITING


def test_what_nobody_approved_is_never_due(at: Office) -> None:
    at.digests["alert"] = "as the files are"
    assert names(at) == []


@pytest.mark.parametrize("now", ["another digest", None])
def test_a_step_that_changed_or_went_since_it_was_approved_waits_and_the_others_do_not(
    at: Office, now: str | None
) -> None:
    at.approve(step())
    at.approve(step("launch", "x"))
    if now is None:
        del at.digests["alert"]
    else:
        at.digests["alert"] = now
    assert names(at) == ["launch#1"]
    assert at.waves("alert")[0].state is WaveState.WAITING
    assert "alert#1 is due, but its step has changed" in at.told[0]


def test_nothing_is_prepared_before_its_embargo_even_where_the_clock_is_set_back(tmp_path: Path) -> None:
    clock = HandClock(T0)
    with office(tmp_path, clock=clock) as at:
        at.add(3)
        at.approve(step(embargo=T0))
        found = list(due.waves(at.desk))
        clock.at = T0 - MINUTE
        assert [prepare.wave(at.desk, at.contents, one) for one in found] == [0]
        assert rollout.turns(at.desk)() == T0 - LEAD
        assert at.mail.got == []
        clock.at = T0
        rollout.turns(at.desk)()
        assert at.states() == {State.ACCEPTED: 3}


@pytest.mark.parametrize(
    ("then", "became"), [("hold", WaveState.HELD), ("skip", WaveState.MISSED), ("send", WaveState.DONE)]
)
def test_what_comes_too_late_is_held_skipped_or_sent_by_its_own_rule(at: Office, then: Then, became: WaveState) -> None:
    at.add(1)
    at.approve(step(late=Late(HOUR, then)))
    at.wait(HOUR + timedelta(seconds=1))
    rollout.turns(at.desk)()
    assert at.waves()[0].state is became
    assert len(at.mail.got) == (then == "send")
    if then != "send":
        assert at.waves()[0].why == "1:00:01 late; the step allows 1:00:00"


def test_exactly_as_late_as_allowed_is_not_too_late(at: Office) -> None:
    at.approve(step(late=Late(HOUR, "skip")))
    at.wait(HOUR)
    assert names(at) == ["alert#1"]


@pytest.mark.parametrize(("then", "left"), [("hold", State.DEFERRED), ("skip", State.MISSED)])
def test_a_wave_begun_in_time_that_is_stale_by_now_is_stopped(at: Office, then: Then, left: State) -> None:
    at.add(6)
    at.mail.delivers = lambda batch, _: [Deferred("full", until=T0 + 2 * HOUR)] * len(batch)
    at.approve(step(late=Late(HOUR, then)))
    turn = rollout.turns(at.desk)
    turn()
    at.wait(2 * HOUR)
    turn()
    assert at.states() == {left: 6}
    assert len(at.mail.got) == 2
    assert turn() is None


def test_what_turns_out_not_to_have_been_sent_is_not_sent_too_late_in_the_same_turn(tmp_path: Path) -> None:
    posts = Told[PostBatch](
        "x",
        delivers=lambda batch, _: [InDoubt("the reply was lost")] * len(batch),
        settled=lambda batch, _: [InDoubt("cannot be read")] * len(batch),
    )
    with office(tmp_path, posts=[posts]) as at:
        at.approve(step("launch", "x", late=Late(HOUR, "skip")))
        turn = rollout.turns(at.desk)
        turn()
        posts.settled = not_there
        at.wait(2 * HOUR)
        turn()
        assert len(posts.got) == 1
        assert at.states() == {State.MISSED: 1}
