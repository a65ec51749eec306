"""The status line: what a campaign manager has to know at a glance, the worst first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.cli.status_line import line
from campaign.model.delivery import State
from campaign.model.overview import Overview
from campaign.model.wave import WaveState
from tests.builders import T0

NONE = timedelta(0)


def shown(overview: Overview, *, per_second: float = 0, clock_ahead: timedelta = NONE) -> str:
    return line(overview, now=T0, per_second=per_second, clock_ahead=clock_ahead)


def test_it_has_the_next_wave_and_everything_that_there_is_to_know() -> None:
    overview = Overview(
        deliveries={("alert", "email", State.PLANNED): 82_000, ("launch", "x", State.IN_DOUBT): 3},
        waves={WaveState.HELD: 1},
        next_wave="launch#1",
        next_at=T0 + timedelta(minutes=2, seconds=3),
        paused=2,
    )
    told = shown(overview, per_second=4_321.4)
    assert told == "next launch#1 in 2m3s · 82,000 to send · 4,321/s · 3 in doubt · 1 held · 2 paused"


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=2, hours=3, minutes=4, seconds=5), "in 2d3h4m"),
        (timedelta(hours=1, seconds=59), "in 1h"),
        (timedelta(seconds=59), "in 59s"),
        (timedelta(milliseconds=300), "in 0s"),
    ],
)
def test_seconds_are_counted_in_the_last_hour(left: timedelta, words: str) -> None:
    assert shown(Overview(next_wave="launch#1", next_at=T0 + left)) == f"next launch#1 {words}"


def test_what_is_wrong_stands_first_where_no_terminal_is_too_narrow_for_it() -> None:
    told = shown(
        Overview(halted=True, next_wave="a#1", next_at=T0 + timedelta(hours=1)), clock_ahead=timedelta(hours=3)
    )
    assert told == "HALTED · CLOCK SET 3h ahead · next a#1 in 1h"
    assert shown(Overview(), clock_ahead=-timedelta(minutes=5)) == "CLOCK SET 5m back"


def test_where_there_is_nothing_it_says_so() -> None:
    assert shown(Overview()) == "nothing to send"
