"""How many a step leaves out because they will have had as many e-mails as the plan lets anybody have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from campaign.flow import frequency, schedule
from campaign.model.frequency import Frequency
from campaign.model.pace import Portion, Portions
from campaign.model.plan import Relative, Repeat, Step
from campaign.model.segment import Segment
from tests.builders import EVERYBODY, T0, plan, step

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PARTNERS = Segment("partners", tags_all=("partner",))
PEOPLE = {frozenset({EVERYBODY}): 100, frozenset({EVERYBODY, PARTNERS}): 10}
TWO = Frequency(2, 7 * DAY)


def left_out(*steps: Step, most: Frequency | None = TWO) -> Mapping[str, int]:
    made = replace(plan(*steps), frequency=most)
    return frequency.left_out(made, {one.id: schedule.waves(made, one) for one in steps}, PEOPLE)


def on(day: int, step_id: str = "", channel: str = "email", **changes: Any) -> Step:
    made = step(step_id or f"day-{day}", channel)
    return replace(made, at=Relative(f"T+{day}d", offset=day * DAY), **changes)


def test_whoever_has_had_two_gets_no_third() -> None:
    assert left_out(on(0), on(1), on(2), on(8)) == {"day-2": 110}


def test_only_those_are_left_out_who_are_in_the_segments_of_all() -> None:
    assert left_out(on(0, segment=PARTNERS), on(1), on(2)) == {"day-2": 10}


def test_who_is_left_out_of_one_has_room_for_the_next() -> None:
    assert left_out(on(0), on(1), on(5), on(7)) == {"day-5": 110}


def test_an_exempt_step_leaves_out_nobody_and_counts() -> None:
    assert left_out(on(0), on(1), on(2, exempt=True), on(3)) == {"day-3": 110}


def test_each_time_of_a_repeating_step_counts_and_the_waves_of_one_do_not() -> None:
    parts = Portions((Portion(5_000, 0 * HOUR), Portion(5_000, HOUR)), seed=7)
    assert left_out(on(0, portions=parts), on(1)) == {}
    assert left_out(on(0, repeat=Repeat(every=DAY, count=4))) == {"day-0": 220}


def test_posts_are_no_e_mails() -> None:
    assert left_out(on(0, channel="x"), on(1), on(2)) == {}


def test_without_a_frequency_nobody_is_left_out() -> None:
    assert left_out(on(0), on(1), on(2), on(3), most=None) == {}


@pytest.mark.parametrize(
    ("within", "since", "until"),
    [
        (7 * DAY, datetime(2018, 5, 16, 4, 0, tzinfo=UTC), datetime(2018, 5, 29, 4, 0, tzinfo=UTC)),
        (DAY, datetime(2018, 5, 22, 4, 0, tzinfo=UTC), datetime(2018, 5, 23, 4, 0, tzinfo=UTC)),
        (36 * HOUR, T0 - 36 * HOUR, T0 + 36 * HOUR),
    ],
)
def test_days_are_the_calendars_where_the_campaign_is(within: timedelta, since: datetime, until: datetime) -> None:
    found = Frequency(1, within).window(T0, "America/New_York")
    assert abs(found[0] - since) <= timedelta.resolution
    assert found[1] == until


def test_a_week_with_a_change_of_clocks_is_a_week() -> None:
    sunday_at_nine = datetime(2018, 11, 11, 14, 0, tzinfo=UTC)  # New York's clocks went back on the 4th
    since, _ = Frequency(1, 7 * DAY).window(sunday_at_nine, "America/New_York")
    assert datetime(2018, 11, 4, 13, 0, tzinfo=UTC) < since


@pytest.mark.parametrize(
    ("cap", "told"),
    [
        (TWO, "at most 2 e-mails in 7 days"),
        (Frequency(1, DAY), "at most 1 e-mail in 1 day"),
        (Frequency(3, 36 * HOUR), "at most 3 e-mails in 36 hours"),
    ],
)
def test_it_is_told_in_words(cap: Frequency, told: str) -> None:
    assert str(cap) == told
