"""review: the figures on every screen, and that they add up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow import review
from campaign.model.claim import Tally
from campaign.model.delivery import OPEN, TAKEN, State
from campaign.model.plan import Late
from campaign.model.wave import Wave, WaveState
from tests.builders import T0

MINUTE = timedelta(minutes=1)


def tally(counts: dict[State, int], step: str = "alert") -> Tally:
    return Tally(step=step, channel="email", planned=sum(counts.values()), counts=counts)


def wave(number: int = 1, *, step: str = "alert", planned: int = 1, late: timedelta | None = None) -> Wave:
    due_at = T0 + number * MINUTE
    return Wave(
        id=number, step=step, number=number, channel="email", due_at=due_at, state=WaveState.DONE, digest="d",
        late=Late(MINUTE, "hold"), planned=planned, prepared_at=due_at,
        first_sent_at=None if late is None else due_at + late,
    )  # fmt: skip


@given(st.dictionaries(st.sampled_from(State), st.integers(0, 1_000_000)))
def test_whatever_the_states_the_figures_add_up_to_what_was_planned(counts: dict[State, int]) -> None:
    figures = review.figures(tally(counts))
    assert figures.adds_up
    assert figures.delivered <= figures.accepted


@pytest.mark.parametrize("state", State)
def test_each_state_counts_in_the_one_figure_it_belongs_to(state: State) -> None:
    expected = {
        State.REFUSED: "refused",
        State.SUPPRESSED: "suppressed",
        State.IN_DOUBT: "in_doubt",
        State.MISSED: "missed",
        State.CANCELLED: "missed",
        **dict.fromkeys(TAKEN, "accepted"),
        **dict.fromkeys(OPEN, "to_send"),
    }[state]
    figures = review.figures(tally({state: 3}))
    names = ("accepted", "refused", "suppressed", "in_doubt", "missed", "to_send")
    assert [name for name in names if getattr(figures, name)] == [expected]
    assert getattr(figures, expected) == 3
    assert figures.delivered == (3 if state is State.DELIVERED else 0)


def test_a_tally_that_lost_somebody_does_not_add_up() -> None:
    assert not review.figures(Tally("alert", "email", planned=4, counts={State.ACCEPTED: 3})).adds_up


def test_the_total_is_the_sum_of_every_figure() -> None:
    one = review.figures(tally({State.DELIVERED: 2, State.REFUSED: 1}))
    other = review.figures(tally({State.ACCEPTED: 3, State.PLANNED: 4}))
    total = review.total([one, other])
    assert total == review.Figures(planned=10, accepted=5, delivered=2, refused=1, to_send=4)
    assert total.adds_up
    assert review.total([]) == review.Figures()


def test_a_step_is_as_late_as_its_latest_wave_and_counts_the_waves_that_somebody_is_in() -> None:
    waves = [
        wave(1, planned=0),
        wave(2, late=timedelta(0)),
        wave(3, late=5 * MINUTE),
        wave(4),
        wave(9, step="other", late=60 * MINUTE),
    ]
    (step,) = review.steps([tally({State.ACCEPTED: 3})], waves)
    assert (step.waves, step.first_at, step.late_by) == (3, T0 + 2 * MINUTE, 5 * MINUTE)
    assert step.states == ("done",)


def test_a_step_of_which_nothing_has_begun_is_not_late() -> None:
    (step,) = review.steps([tally({State.PLANNED: 1})], [wave()])
    assert step.late_by is None


def test_a_wave_that_is_held_or_ended_with_nobody_in_it_tells_why() -> None:
    late = "2:00:00 late; the step allows 0:01:00"
    ended = [
        replace(wave(number, planned=planned, late=None), state=state, prepared_at=None, why=late)
        for number, (state, planned) in enumerate(
            [(WaveState.MISSED, 0), (WaveState.MISSED, 0), (WaveState.HELD, 5), (WaveState.MISSED, 5)], start=1
        )
    ]
    [step] = review.steps([tally({})], [*ended, wave(5, late=MINUTE)])
    assert step.ended == [(WaveState.HELD, late, 1), (WaveState.MISSED, late, 2)]
