"""What waves wait for: nothing leaves before all of it is met, and what waits in vain is held with what was seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from campaign.flow import conditions, due, rollout
from campaign.model.condition import After, Elsewhere, NumberCondition, PageCondition, Seen
from campaign.model.delivery import State
from campaign.model.outcome import Deferred, InDoubt, Outcome, Refused
from campaign.model.plan import Late
from campaign.model.wave import LEAD, WaveState
from tests.builders import T0, post_message, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Office

PAGE = PageCondition("https://act.example.org/", contains="Add your name")
COUNT = NumberCondition("https://act.example.org/api", "/signatures", 10_000)
NOT_YET = Seen(is_met=False, evidence="200, but the words are not on the page")
LIVE = Seen(is_met=True, evidence="200, and the words are on the page")
SECOND = timedelta(seconds=1)


@dataclass
class Eyes:
    """Sees what it is told to see, and remembers what it was asked for."""

    sees: dict[Elsewhere, Seen] = field(default_factory=dict)
    asked: list[Elsewhere] = field(default_factory=list)

    def look(self, condition: Elsewhere) -> Seen:
        self.asked.append(condition)
        return self.sees.get(condition, NOT_YET)


def at_once(work: object) -> None:
    assert callable(work)
    work()


def outlook(at: Office, eyes: Eyes, now: datetime = T0) -> conditions.Lookout:
    at.clock = at.desk.clock = HandClock(now)
    at.desk.looker = eyes
    return conditions.Lookout(at.desk, start=at_once)


def go(at: Office, to: datetime) -> None:
    assert isinstance(at.clock, HandClock)
    at.clock.at = to


def due_now(at: Office) -> list[str]:
    return [one.name for one in due.waves(at.desk)]


def held(at: Office, name: str) -> str:
    [one] = [one for one in at.waves() if one.name == name]
    return one.why if one.state is WaveState.HELD else one.state.value


# --- pages and numbers ---


def test_a_wave_waits_until_the_page_is_live_and_goes_at_once_then(at: Office) -> None:
    eyes = Eyes()
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE,)))
    looks.look()
    assert due_now(at) == []
    eyes.sees[PAGE] = LIVE
    go(at, T0 + 15 * SECOND)
    looks.look()
    assert due_now(at) == ["alert#1"]


def test_all_conditions_must_be_met(at: Office) -> None:
    eyes = Eyes({PAGE: LIVE, COUNT: Seen(is_met=False, evidence="9,412 of 10,000")})
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE, COUNT)))
    looks.look()
    assert due_now(at) == []
    [what] = [conditions.waits(at.desk, one) for one in at.waves()]
    assert what == conditions.Waits(f"{COUNT}: 9,412 of 10,000")


def test_what_was_met_once_counts_from_then_on(at: Office) -> None:
    eyes = Eyes({COUNT: Seen(is_met=True, evidence="10,001 of 10,000")})
    looks = outlook(at, eyes, T0 - 4 * MINUTE)
    at.approve(step(when=(COUNT,)))
    looks.look()
    eyes.sees[COUNT] = Seen(is_met=False, evidence="0 of 10,000")
    go(at, T0)
    looks.look()
    assert due_now(at) == ["alert#1"]
    assert eyes.asked == [COUNT]


def test_nobody_is_asked_earlier_than_five_minutes_before_the_wave_is_taken_up(at: Office) -> None:
    eyes = Eyes()
    looks = outlook(at, eyes, T0 - conditions.LOOK_AHEAD - SECOND)
    at.approve(step(when=(PAGE,)))
    looks.look()
    assert eyes.asked == []
    assert looks.next_at(None) == T0 - conditions.LOOK_AHEAD
    go(at, T0 - conditions.LOOK_AHEAD)
    looks.look()
    assert eyes.asked == [PAGE]


def test_what_is_met_before_the_instant_lets_the_wave_be_prepared_ahead_and_not_before(at: Office) -> None:
    eyes = Eyes({PAGE: LIVE})
    looks = outlook(at, eyes, T0 - MINUTE)
    at.approve(step(when=(PAGE,)))
    looks.look()
    assert due_now(at) == []
    go(at, T0 - LEAD)
    assert due_now(at) == ["alert#1"]


def test_what_two_waves_wait_for_is_asked_for_once(at: Office) -> None:
    eyes = Eyes({PAGE: LIVE})
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE,)))
    at.approve(step("again", when=(PAGE,)))
    looks.look()
    assert eyes.asked == [PAGE]
    assert due_now(at) == ["alert#1", "again#1"]


def test_a_page_is_asked_often_around_the_instant_and_less_often_after_it(at: Office) -> None:
    eyes = Eyes()
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE,)))
    pauses = []
    for late in (0 * MINUTE, 5 * MINUTE, 30 * MINUTE, 90 * MINUTE):
        go(at, T0 + late)
        looks.look()
        again = looks.next_at(None)
        assert again is not None
        pauses.append((again - T0 - late).total_seconds())
    assert pauses == [10, 30, 60, 300]


def test_what_waits_in_vain_is_held_with_what_was_seen_last(at: Office) -> None:
    looks = outlook(at, Eyes())
    at.approve(step(when=(PAGE,), late=Late(within=10 * MINUTE, then="hold")))
    looks.look()
    go(at, T0 + 10 * MINUTE + SECOND)
    looks.look()
    assert due_now(at) == []
    assert held(at, "alert#1") == (
        f"waited until {PAGE}: 200, but the words are not on the page; the step waits for 0:10:00 at most"
    )
    assert any("alert#1 is held: waited until" in line for line in at.told)


@pytest.mark.parametrize(("then", "becomes"), [("skip", WaveState.MISSED), ("send", WaveState.HELD)])
def test_what_waits_in_vain_is_skipped_where_the_step_says_so_but_never_sent(
    at: Office, then: str, becomes: WaveState
) -> None:
    looks = outlook(at, Eyes())
    at.approve(step(when=(PAGE,), late=Late(within=10 * MINUTE, then=then)))  # type: ignore[arg-type]  # one of Then
    looks.look()
    go(at, T0 + HOUR)
    assert due_now(at) == []
    assert at.waves()[0].state is becomes


def test_each_change_of_what_is_seen_is_told_once(at: Office) -> None:
    eyes = Eyes()
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE,)))
    for second in range(0, 60, 10):
        go(at, T0 + second * SECOND)
        looks.look()
    eyes.sees[PAGE] = LIVE
    go(at, T0 + MINUTE)
    looks.look()
    assert at.told == [
        f"alert#1 waits until {PAGE}: 200, but the words are not on the page",
        f"alert#1: {PAGE}: 200, and the words are on the page",
    ]


def test_a_stopped_step_has_nobody_asked(at: Office) -> None:
    eyes = Eyes()
    looks = outlook(at, eyes)
    at.approve(step(when=(PAGE,)))
    at.ledger.stop("alert", by="Jo Example", why="", at=T0)
    looks.look()
    assert eyes.asked == []


def test_a_condition_that_was_changed_and_approved_anew_begins_anew(at: Office) -> None:
    eyes = Eyes({PAGE: LIVE})
    looks = outlook(at, eyes, T0 - 2 * MINUTE)
    at.approve(step(when=(PAGE,)))
    looks.look()
    at.approve(step(when=(COUNT,)))
    go(at, T0)
    looks.look()
    assert due_now(at) == []
    assert eyes.asked == [PAGE, COUNT]


def test_a_look_that_fails_keeps_the_wave_waiting(at: Office) -> None:
    class Blind(Eyes):
        def look(self, condition: Elsewhere) -> Seen:
            raise RuntimeError(condition.url)

    looks = outlook(at, Blind())
    at.approve(step(when=(PAGE,)))
    looks.look()
    assert due_now(at) == []
    assert at.told == [f"alert#1 waits until {PAGE}: it could not be looked at (RuntimeError)"]


def test_where_nothing_real_is_sent_nobody_is_asked_and_that_is_said(at: Office) -> None:
    at.add(1)
    at.approve(step(when=(PAGE,)))
    rollout.turns(at.desk)()
    assert at.states() == {State.ACCEPTED: 1}
    assert f"alert#1: {PAGE}: {conditions.UNASKED}" in at.told


def test_a_whole_turn_asks_beside_itself_and_sends_once_it_is_answered(at: Office) -> None:
    at.add(1)
    at.desk.looker = Eyes({PAGE: LIVE})
    at.approve(step(when=(PAGE,)))
    turn = rollout.turns(at.desk)
    for _ in range(600):
        instant = turn()
        if at.states():
            break
        assert instant is not None
        at.clock.sleep_until(instant)
    assert at.states() == {State.ACCEPTED: 1}


# --- another step ---


def approve_pair(at: Office, after: After) -> None:
    at.approve(step("launch", "x"), message=post_message())
    at.approve(step(after=after))
    at.add(1)


def test_a_step_goes_after_the_one_that_it_waits_for_is_accepted(at: Office) -> None:
    approve_pair(at, After("launch"))
    turn = rollout.turns(at.desk)
    instant = turn()
    assert at.states("alert") == {}
    assert instant is not None
    assert instant <= T0 + SECOND
    at.clock.sleep_until(instant)
    turn()
    assert at.states("alert") == {State.ACCEPTED: 1}
    assert "alert#1: launch accepted: 1 of 1 accepted" in at.told


def answer(at: Office, outcome: Outcome) -> None:
    at.posts["x"].delivers = lambda batch, _payload: [outcome] * len(batch)


def test_after_what_is_refused_nothing_comes_and_it_is_held_at_once(at: Office) -> None:
    answer(at, Refused("not allowed"))
    approve_pair(at, After("launch"))
    turn = rollout.turns(at.desk)
    turn()
    at.wait(SECOND)
    turn()
    assert at.states("alert") == {}
    assert held(at, "alert#1") == ("waited until launch accepted: of launch#1 1 refused; it cannot come true any more")


def test_a_step_comes_after_one_that_is_done_whatever_became_of_it(at: Office) -> None:
    answer(at, Refused("not allowed"))
    approve_pair(at, After("launch", "done"))
    turn = rollout.turns(at.desk)
    turn()
    at.wait(SECOND)
    turn()
    assert at.states("alert") == {State.ACCEPTED: 1}


@pytest.mark.parametrize("what", ["accepted", "done"])
@pytest.mark.parametrize(
    ("outcome", "says"),
    [(InDoubt("a timeout"), "of launch#1 1 in doubt"), (Deferred("later"), "launch#1 is being sent")],
)
def test_what_is_in_doubt_or_put_off_is_waited_for(at: Office, what: str, outcome: Outcome, says: str) -> None:
    answer(at, outcome)
    at.posts["x"].settled = lambda batch, _payload: [InDoubt("still")] * len(batch)
    approve_pair(at, After("launch", what))  # type: ignore[arg-type]  # one of the two
    turn = rollout.turns(at.desk)
    turn()
    at.wait(SECOND)
    turn()
    assert at.states("alert") == {}
    assert f"alert#1 waits until launch {what}: {says}" in at.told


def test_a_step_that_is_not_approved_is_waited_for(at: Office) -> None:
    at.approve(step(after=After("launch")))
    assert due_now(at) == []
    assert at.told == ["alert#1 waits until launch accepted: it is not approved"]


def test_only_what_is_due_by_then_is_waited_for(at: Office) -> None:
    at.approve(step("launch", "x"), wave("launch"), wave("launch", 2, T0 + 24 * HOUR), message=post_message())
    at.add(1)
    at.approve(step(after=After("launch")))
    turn = rollout.turns(at.desk)
    turn()
    at.wait(SECOND)
    turn()
    assert at.states("alert") == {State.ACCEPTED: 1}


def test_nothing_comes_after_an_email_that_went_to_nobody(at: Office) -> None:
    at.approve(step("first"))
    at.approve(step(after=After("first")))
    turn = rollout.turns(at.desk)
    turn()
    at.wait(SECOND)
    turn()
    assert held(at, "alert#1").startswith("waited until first accepted: it went to nobody")
