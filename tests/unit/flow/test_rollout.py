"""rollout: one turn does all that is due, and says when there is something to do again."""

from __future__ import annotations

from datetime import timedelta

from campaign.flow import rollout, volley
from campaign.model.delivery import State
from campaign.model.event import Event, EventKind
from campaign.model.wave import LEAD, WaveState
from tests.builders import T0, post_message, step, wave
from tests.desks import HOUR, Office


def test_a_whole_rollout_goes_out_turn_by_turn_each_wave_at_its_instant(at: Office) -> None:
    at.add(5)
    at.approve(step(), wave(), wave(number=2, due_at=T0 + 2 * HOUR))
    at.approve(step("launch", "x"), wave("launch", due_at=T0 + HOUR), message=post_message("Read it."))
    turn = rollout.turns(at.desk)
    instants = []
    while (following := turn()) is not None:
        instants.append(following - T0)
        at.clock.sleep_until(following)
    ahead = volley.AHEAD
    assert instants == [HOUR - LEAD, HOUR - ahead, 2 * HOUR - LEAD, 2 * HOUR - ahead], "it is claimed ahead"
    assert [one.first_sent_at for one in at.waves()] == [T0, T0 + HOUR, T0 + 2 * HOUR]
    assert {one.state for one in at.waves()} == {WaveState.DONE}
    assert at.states() == {State.ACCEPTED: 11}


def test_a_wave_is_told_once_when_it_has_gone_out_and_not_when_it_is_prepared(at: Office) -> None:
    at.add(2)
    at.approve(step(), wave(due_at=T0 + HOUR))
    lines: list[tuple[timedelta, str]] = []
    at.desk.report = lambda now, what: lines.append((now - T0, what))
    turn = rollout.turns(at.desk)
    while (following := turn()) is not None:
        at.clock.sleep_until(following)
    turn()
    assert lines == [(HOUR, "alert#1: 2 accepted")]


def test_a_turn_too_many_is_harmless(at: Office) -> None:
    at.add(3)
    at.approve(step())
    for _ in range(3):
        assert rollout.turns(at.desk)() is None
    assert at.states() == {State.ACCEPTED: 3}
    assert len(at.mail.got) == 1


def test_with_nothing_approved_there_is_nothing_to_do(at: Office) -> None:
    assert rollout.turns(at.desk)() is None


def test_what_was_heard_before_a_wave_counts_for_it(at: Office) -> None:
    """Somebody who complained of the first wave is not in the second, which is due when the complaint comes."""
    at.add(3)
    at.approve(step(), wave())
    at.approve(step("second"), wave("second", due_at=T0 + timedelta(minutes=1)))
    turn = rollout.turns(at.desk)
    turn()
    key = at.mail.got[0][0].rows[0].key
    at.desk.events = lambda: [Event("1", "sendgrid", key, EventKind.COMPLAINED, T0)]
    at.wait(timedelta(minutes=1))
    turn()
    assert at.states("second") == {State.ACCEPTED: 2, State.SUPPRESSED: 1}
