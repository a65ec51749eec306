"""pacing: a step goes out bit by bit, is through when that was forecast, and what it comes to is shown beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.flow import pacing, rollout, schedule
from campaign.model.delivery import State
from campaign.model.pace import DomainRate, Pace, Portion, Portions, Ramp, Rate, by_channel
from campaign.model.plan import EMAIL, Late, Relative, Step
from campaign.model.wave import WaveState
from tests.builders import T0, people, plan, step
from tests.desks import HOUR, Office

DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
RATE = Rate(60, HOUR)
PARTS = Portions((Portion(1_000, 0 * HOUR), Portion(3_000, HOUR), Portion(6_000, 3 * HOUR)), seed=7)


def run(at: Office, chosen: Step, *, until: timedelta = 30 * DAY) -> None:
    at.approve(chosen, *schedule.waves(plan(chosen), chosen))
    go_on(at, until=until)


def go_on(at: Office, *, until: timedelta) -> None:
    turn = rollout.turns(at.desk)
    while (following := turn()) is not None and following <= T0 + until:
        at.clock.sleep_until(following)


def through(chosen: Step, people: int) -> timedelta:
    made = plan(chosen)
    found = pacing.forecasts(made, {chosen.id: schedule.waves(made, chosen)}, {chosen.id: people}, {})
    return found[chosen.id].ends_at - T0


def test_a_rate_on_the_virtual_clock_ends_when_that_was_forecast(at: Office) -> None:
    at.add(50)
    chosen = step(rate=RATE)
    run(at, chosen)
    (wave,) = at.waves()
    assert wave.finished_at == T0 + through(chosen, 50)
    assert through(chosen, 50) == 49 * MINUTE
    assert at.states() == {State.ACCEPTED: 50}


def test_no_batch_is_larger_than_its_rate_lets_go_at_once(at: Office) -> None:
    at.add(12)
    run(at, step(rate=Rate(120, HOUR)))
    assert [len(batch) for batch, _ in at.mail.got] == [2] * 6


def test_a_paced_step_goes_on_beyond_its_lateness_but_not_after_an_outage(at: Office) -> None:
    at.add(10)
    chosen = step(rate=Rate(1, HOUR), late=Late(within=2 * HOUR, then="hold"))
    run(at, chosen, until=5 * HOUR)
    assert at.states()[State.ACCEPTED] == 6
    at.clock.sleep_until(T0 + 12 * HOUR)
    go_on(at, until=13 * HOUR)
    (wave,) = at.waves()
    assert wave.state is WaveState.HELD
    assert wave.why == "6:00:00 late; the step allows 2:00:00"


def test_a_ramp_over_days_reaches_everybody_once_and_then_ends(at: Office) -> None:
    at.add(35)
    run(at, step(ramp=Ramp(first=5, grow=2, every=DAY, seed=7)))
    waves = at.waves()
    assert [wave.planned for wave in waves[:3]] == [5, 10, 20]
    assert at.states() == {State.ACCEPTED: 35}
    keys = Counter(row.address for batch, _ in at.mail.got for row in batch.rows)
    assert set(keys.values()) == {1}
    assert {wave.state for wave in waves} == {WaveState.DONE}
    assert waves[-1].why == "everybody was reached by alert#4"


def test_portions_go_out_at_their_instants_and_to_everybody_once(at: Office) -> None:
    at.add(60)
    run(at, step(portions=PARTS))
    assert [wave.due_at - T0 for wave in at.waves()] == [0 * HOUR, HOUR, 3 * HOUR]
    assert at.states() == {State.ACCEPTED: 60}


def test_a_day_in_a_ramp_keeps_the_time_of_day_when_clocks_change() -> None:
    chosen = step(ramp=Ramp(first=5, grow=1, every=DAY, seed=7))
    autumn = replace(plan(chosen), launch=T0.replace(month=11, day=3))  # New York's clocks go back on the 4th
    first, second, *_ = schedule.waves(autumn, chosen)
    assert second.due_at - first.due_at == 25 * HOUR


def test_the_forecast_of_a_ramp_says_how_far_it_gets() -> None:
    chosen = step(ramp=Ramp(first=10, grow=1, every=DAY, seed=7))
    made = plan(chosen)
    waves = {chosen.id: schedule.waves(made, chosen)}
    enough = pacing.forecasts(made, waves, {chosen.id: 45}, {})[chosen.id]
    assert (enough.waves, enough.ends_at) == (5, T0 + 4 * DAY)
    short = pacing.forecasts(made, waves, {chosen.id: 1_001}, {})[chosen.id]
    assert (short.waves, short.reached) == (None, 1_000)


def test_steps_that_share_a_rate_are_forecast_one_after_the_other() -> None:
    first, second = step("first"), step("second")
    made = replace(plan(first, second), rates={EMAIL: RATE})
    waves = {one.id: schedule.waves(made, one) for one in (first, second)}
    found = pacing.forecasts(made, waves, {"first": 60, "second": 60}, {})
    assert found["first"].ends_at == T0 + 59 * MINUTE
    assert found["second"].ends_at == T0 + HOUR + 59 * MINUTE
    assert made.paces(second) == (Pace(by_channel("email"), RATE),)


def test_a_step_without_a_rate_has_no_forecast() -> None:
    made = plan()
    assert not pacing.forecasts(made, {"alert": schedule.waves(made, made.steps[0])}, {"alert": 10}, {})


@pytest.mark.parametrize(("gone", "done", "late"), [(10, 11, timedelta(0)), (10, 11, 5 * MINUTE)])
def test_the_pace_so_far_stands_beside_the_forecast(at: Office, gone: int, done: int, late: timedelta) -> None:
    at.add(31)
    run(at, step(rate=RATE), until=gone * MINUTE)
    if late:  # nothing ran for a while
        at.clock.sleep_until(T0 + gone * MINUTE + late)
        go_on(at, until=gone * MINUTE + late)
        done += 1
    (found,) = pacing.progress(at.waves())
    assert (found.done, found.to_send) == (done, 31)
    assert found.forecast_at == T0 + 30 * MINUTE
    assert found.ends_at is not None
    assert (found.ends_at > found.forecast_at) is bool(late)


# ── rates of mailbox domains ──

GMAIL = (DomainRate(("gmail.example",), RATE),)


def invite(at: Office, number: int) -> None:
    """So many people at the domain that has a rate."""
    at.supporters.add([replace(one, email=f"p{n}@gmail.example") for n, one in enumerate(people(number))], at=T0)


def forecast(
    *steps: Step, whole: int, domains: dict[str, int], rates: tuple[DomainRate, ...] = GMAIL
) -> Mapping[str, pacing.Forecast]:
    made = replace(plan(*steps), domain_rates=rates)
    waves = {one.id: schedule.waves(made, one) for one in steps}
    each = {one.id: whole for one in steps}
    return pacing.forecasts(made, waves, each, {}, {one.id: domains for one in steps})


def test_people_at_a_domain_with_a_rate_are_through_last() -> None:
    found = forecast(step(), whole=10_000, domains={"gmail.example": 60})
    assert found["alert"].ends_at == T0 + 59 * MINUTE
    assert forecast(step(), whole=10_000, domains={})["alert"].ends_at == T0


def test_a_steps_rate_and_a_domains_hold_together() -> None:
    fast, slow = step(rate=Rate(600, HOUR)), step(rate=Rate(30, HOUR))
    assert forecast(fast, whole=600, domains={"gmail.example": 60})["alert"].ends_at == T0 + 59 * MINUTE
    assert forecast(slow, whole=60, domains={"gmail.example": 60})["alert"].ends_at == T0 + 2 * HOUR - 2 * MINUTE


def test_a_step_that_cannot_begin_before_it_is_too_late_says_so() -> None:
    first, second = step("first"), step("second", at=Relative("T+1h", offset=HOUR))
    both = forecast(first, second, whole=600, domains={"gmail.example": 600})
    assert both["second"].late_by == 9 * HOUR
    assert both["first"].late_by == timedelta(0)
    some = forecast(first, second, whole=601, domains={"gmail.example": 600})
    assert some["second"].late_by == timedelta(0), "somebody at another domain gets it in time, so that it has begun"
    patient = step("second", at=Relative("T+1h", offset=HOUR), late=Late(2 * HOUR, then="send"))
    assert forecast(first, patient, whole=600, domains={"gmail.example": 600})["second"].late_by == timedelta(0)


def test_a_wave_with_rates_of_domains_ends_when_that_was_forecast(at: Office) -> None:
    invite(at, 40)
    at.add(10)
    chosen = step(domain_rates=GMAIL)
    run(at, chosen)
    (wave,) = at.waves()
    assert wave.finished_at == T0 + 39 * MINUTE
    (found,) = pacing.progress([wave])
    assert found.forecast_at == found.ends_at == wave.finished_at
    sizes = {row.address.partition("@")[2]: len(batch) for batch, _ in at.mail.got for row in batch.rows}
    assert sizes["gmail.example"] == 1 < sizes["example.org"]


def test_the_pace_so_far_is_that_of_the_domain_that_waits(at: Office) -> None:
    invite(at, 40)
    at.add(100)
    run(at, step(domain_rates=GMAIL), until=10 * MINUTE)
    (found,) = pacing.progress(at.waves())
    assert (found.done, found.to_send) == (111, 140)
    assert found.forecast_at == found.ends_at == T0 + 39 * MINUTE
