"""When waves are due: the calendar's rules, zone by zone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow.schedule import MAX_REPETITIONS, instant, readings, timeline, waves, zone_names
from campaign.model.plan import EMAIL, Absolute, ClockChange, Doubled, Late, Plan, Relative, Repeat, Skipped, Step, When
from campaign.model.wave import WINNER
from tests.builders import ab_test

NEW_YORK = "America/New_York"
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Hung:
    """What times hang on, without the rest of a plan."""

    launch: datetime = datetime(2018, 5, 22, 13, tzinfo=UTC)
    zone: str = NEW_YORK
    clock_change: ClockChange = field(default_factory=ClockChange)


def step(at: When, *, embargo: datetime | None = None, repeat: Repeat | None = None, name: str = "a-step") -> Step:
    late = Late(HOUR, "hold")
    return Step(id=name, channel=EMAIL, message="email/x", at=at, late=late, line=1, embargo=embargo, repeat=repeat)


def days(number: int, clock: time, *, local: bool = False) -> Relative:
    return Relative(written="", days=number, clock=clock, local=local)


def local_to(zone: str, at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


# ── instants ──


def test_t_0_is_the_launch() -> None:
    assert instant(Relative(written="T-0"), plan=Hung()) == (Hung().launch, ())


def test_hours_are_exact_and_days_keep_the_wall_clock_when_clocks_change() -> None:
    eve = Hung(launch=datetime(2026, 3, 7, 14, tzinfo=UTC))  # 09:00 in New York, the day before clocks go forward
    assert instant(Relative(written="T+24h", offset=24 * HOUR), plan=eve)[0] == datetime(2026, 3, 8, 14, tzinfo=UTC)
    assert instant(Relative(written="T+1d", days=1), plan=eve)[0] == datetime(2026, 3, 8, 13, tzinfo=UTC)
    assert instant(Relative(written="T+1d2h", days=1, offset=2 * HOUR), plan=eve)[0].hour == 15


def test_a_time_of_day_is_read_in_the_campaigns_zone() -> None:
    assert instant(days(-2, time(10)), plan=Hung())[0] == datetime(2018, 5, 20, 14, tzinfo=UTC)


def test_a_local_time_of_day_is_read_where_the_supporter_is_and_at_home_where_that_is_not_known() -> None:
    when = days(0, time(9), local=True)
    assert instant(when, plan=Hung(), zone="America/Los_Angeles")[0].hour == 16
    assert instant(when, plan=Hung())[0].hour == 13


def test_an_absolute_time_is_what_it_says() -> None:
    at = datetime(2018, 5, 25, 1, tzinfo=UTC)
    assert instant(Absolute(at=at, written=""), plan=Hung(), zone="Asia/Tokyo") == (at, ())


@pytest.mark.parametrize(("choice", "hour_utc", "shown"), [(Skipped.LATER, 7, "03:30"), (Skipped.EARLIER, 6, "01:30")])
def test_a_skipped_time_is_taken_as_the_plan_says_and_noted(choice: Skipped, hour_utc: int, shown: str) -> None:
    plan = Hung(launch=datetime(2026, 3, 7, 14, tzinfo=UTC), clock_change=ClockChange(skipped=choice))
    at, notes = instant(days(1, time(2, 30)), plan=plan)
    assert at == datetime(2026, 3, 8, hour_utc, 30, tzinfo=UTC)
    assert notes == (f"2026-03-08 02:30 is skipped as clocks go forward: {shown} is taken in America/New_York",)


@pytest.mark.parametrize(("choice", "hour_utc"), [(Doubled.FIRST, 5), (Doubled.SECOND, 6)])
def test_a_doubled_time_is_taken_as_the_plan_says_and_noted(choice: Doubled, hour_utc: int) -> None:
    plan = Hung(launch=datetime(2026, 10, 31, 13, tzinfo=UTC), clock_change=ClockChange(doubled=choice))
    at, notes = instant(days(1, time(1, 30)), plan=plan)
    assert at == datetime(2026, 11, 1, hour_utc, 30, tzinfo=UTC)
    assert notes == (f"2026-11-01 01:30 comes twice as clocks go back: the {choice} is taken in America/New_York",)


@given(
    wall=st.datetimes(min_value=datetime(2000, 1, 2), max_value=datetime(2199, 12, 30)),
    zone=st.sampled_from(sorted(zone_names())),
)
def test_every_reading_of_a_wall_clock_shows_that_time(wall: datetime, zone: str) -> None:
    found = readings(wall, zone)
    assert len(found) <= 2
    assert all(local_to(zone, at) == wall for at in found)


# ── waves ──


def test_a_step_that_comes_once_is_one_wave_for_everybody() -> None:
    (wave,) = waves(Hung(), step(Relative(written="T-0")))
    assert (wave.name, wave.due_at, wave.zones, wave.notes) == ("a-step#1", Hung().launch, None, ())


def test_at_nine_local_time_each_zone_is_served_at_nine() -> None:
    for wave in waves(Hung(), step(days(0, time(9), local=True))):
        assert wave.zones
        for zone in wave.zones:
            assert local_to(zone, wave.due_at).time() == time(9)


def test_zones_that_have_passed_the_time_at_the_end_of_the_embargo_get_it_on_the_next_day_with_a_note() -> None:
    planned = waves(Hung(), step(days(0, time(9), local=True), embargo=Hung().launch))
    of = {zone: wave for wave in planned for zone in wave.zones or ()}
    assert local_to(NEW_YORK, of[NEW_YORK].due_at) == datetime(2018, 5, 22, 9)
    assert of[NEW_YORK].notes == ()
    assert local_to("Europe/Berlin", of["Europe/Berlin"].due_at) == datetime(2018, 5, 23, 9)
    many = len(of["Europe/Berlin"].zones or ())
    assert of["Europe/Berlin"].notes == (
        f"moved from 2018-05-22 to 2018-05-23, 09:00 there, by the embargo ({many} zones)",
    )


def test_an_embargo_that_ends_years_later_moves_every_zone_behind_it() -> None:
    floor = datetime(2021, 1, 1, tzinfo=UTC)
    planned = waves(Hung(), step(days(0, time(9), local=True), embargo=floor))
    assert all(floor <= wave.due_at < floor + DAY for wave in planned)


local_steps = st.builds(
    lambda offset, clock, floor: (offset, clock, floor),
    st.integers(-400, 400),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
    st.none() | st.integers(-500, 500),
)
launches = st.datetimes(min_value=datetime(2001, 6, 1), max_value=datetime(2100, 1, 1), timezones=st.just(UTC))
changes = st.builds(ClockChange, skipped=st.sampled_from(Skipped), doubled=st.sampled_from(Doubled))


@given(launch=launches, change=changes, drawn=local_steps)
def test_by_local_time_each_zone_is_in_exactly_one_wave_none_before_the_embargo(
    launch: datetime, change: ClockChange, drawn: tuple[int, time, int | None]
) -> None:
    offset, clock, floor = drawn
    plan = Hung(launch=launch, clock_change=change)
    embargo = None if floor is None else launch + timedelta(hours=floor)
    planned = waves(plan, step(days(offset, clock, local=True), embargo=embargo))
    served = [zone for wave in planned for zone in wave.zones or ()]
    assert sorted(served) == sorted(zone_names())
    assert [wave.number for wave in planned] == list(range(1, len(planned) + 1))
    assert all(early.due_at < late.due_at for early, late in pairwise(planned))
    assert all(wave.zones == tuple(sorted(wave.zones or ())) for wave in planned)
    assert all(embargo is None or wave.due_at >= embargo for wave in planned)


@given(launch=launches, change=changes, drawn=local_steps, zone=st.sampled_from(sorted(zone_names())))
def test_a_zones_wave_is_at_the_instant_of_its_local_time(
    launch: datetime, change: ClockChange, drawn: tuple[int, time, int | None], zone: str
) -> None:
    offset, clock, _ = drawn
    plan = Hung(launch=launch, clock_change=change)
    when = days(offset, clock, local=True)
    (of_zone,) = (wave for wave in waves(plan, step(when)) if zone in (wave.zones or ()))
    assert of_zone.due_at == instant(when, plan=plan, zone=zone)[0]


def test_a_local_time_that_a_zone_skips_or_doubles_is_noted_in_its_wave() -> None:
    plan = Hung(launch=datetime(2026, 3, 7, 14, tzinfo=UTC))
    planned = waves(plan, step(days(1, time(2, 30), local=True)), zones=[NEW_YORK, "Europe/Berlin"])
    assert [wave.zones for wave in planned] == [("Europe/Berlin",), (NEW_YORK,)]
    assert planned[0].notes == ()
    assert planned[1].notes == ("2026-03-08 02:30 is skipped as clocks go forward: 03:30 is taken (1 zone)",)


# ── repetitions ──


def test_a_daily_step_keeps_its_time_of_day_over_a_clock_change_and_stops_at_until_inclusive() -> None:
    plan = Hung(launch=datetime(2026, 3, 6, 17, tzinfo=UTC))  # noon in New York
    repeat = Repeat(every=DAY, until=days(3, time(12)))
    planned = waves(plan, step(Relative(written="T-0"), repeat=repeat))
    assert [local_to(NEW_YORK, wave.due_at) for wave in planned] == [datetime(2026, 3, day, 12) for day in (6, 7, 8, 9)]
    assert planned[2].due_at - planned[1].due_at == 23 * HOUR


def test_a_step_that_comes_every_few_hours_is_exact_over_a_clock_change() -> None:
    plan = Hung(launch=datetime(2026, 3, 8, 5, tzinfo=UTC))
    planned = waves(plan, step(Relative(written="T-0"), repeat=Repeat(every=3 * HOUR, count=4)))
    assert [wave.due_at - plan.launch for wave in planned] == [number * 3 * HOUR for number in range(4)]


def test_a_daily_step_at_a_time_that_one_day_skips_is_noted_on_that_day_alone() -> None:
    plan = Hung(launch=datetime(2026, 3, 7, 7, 30, tzinfo=UTC))  # 02:30 in New York
    planned = waves(plan, step(Relative(written="T-0"), repeat=Repeat(every=DAY, count=3)))
    assert [len(wave.notes) for wave in planned] == [0, 1, 0]
    assert [local_to(NEW_YORK, wave.due_at).hour for wave in planned] == [2, 3, 2]


@given(
    launch=launches,
    every=st.one_of(
        st.integers(1, 40).map(lambda n: n * DAY), st.integers(5, 5000).map(lambda n: timedelta(minutes=n))
    ),
    count=st.none() | st.integers(1, 30),
    length=st.timedeltas(timedelta(0), timedelta(days=20)),
)
def test_a_repeated_step_goes_forward_and_stops(
    launch: datetime, every: timedelta, count: int | None, length: timedelta
) -> None:
    plan = Hung(launch=launch)
    until = Absolute(at=launch + length, written="")
    planned = waves(plan, step(Relative(written="T-0"), repeat=Repeat(every=every, until=until, count=count)))
    assert planned[0].due_at == launch
    assert planned[-1].due_at <= until.at
    assert len(planned) <= min(count or MAX_REPETITIONS, MAX_REPETITIONS)
    assert all(early.due_at < late.due_at for early, late in pairwise(planned))


def test_a_step_that_names_no_end_stops_all_the_same() -> None:
    planned = waves(Hung(), step(Relative(written="T-0"), repeat=Repeat(every=timedelta(minutes=5))))
    assert len(planned) == MAX_REPETITIONS


@given(count=st.integers(1, 5), floor=st.none() | st.integers(-30, 80))
def test_a_local_step_that_repeats_serves_each_zone_at_that_time_on_so_many_days(count: int, floor: int | None) -> None:
    some = [NEW_YORK, "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Europe/Berlin"]
    embargo = None if floor is None else Hung().launch + floor * HOUR
    repeating = step(days(0, time(9), local=True), embargo=embargo, repeat=Repeat(every=DAY, count=count))
    planned = waves(Hung(), repeating, zones=some)
    for zone in some:
        shown = [local_to(zone, wave.due_at) for wave in planned if zone in (wave.zones or ())]
        assert len(shown) == count
        assert all(late - early == DAY for early, late in pairwise(shown))
        assert {at.time() for at in shown} == {time(9)}


def test_until_by_local_time_ends_in_each_zone_at_its_own_time() -> None:
    repeat = Repeat(every=DAY, until=days(2, time(9), local=True))
    planned = waves(Hung(), step(days(0, time(9), local=True), repeat=repeat), zones=[NEW_YORK, "Asia/Tokyo"])
    assert [wave.zones for wave in planned] == [("Asia/Tokyo",), (NEW_YORK,)] * 3


def test_an_embargo_is_a_floor_even_for_a_step_that_was_never_checked() -> None:
    (wave,) = waves(Hung(), step(days(-1, time(9)), embargo=Hung().launch))
    assert wave.due_at == Hung().launch
    assert wave.notes == ("moved to the end of the embargo",)


# ── the whole plan ──


def test_the_timeline_goes_by_instant_and_then_by_the_order_of_the_plan() -> None:
    here = Path()
    steps = (
        step(Relative(written="T+1h", offset=HOUR), name="later"),
        step(Relative(written="T-0"), name="first"),
        step(Relative(written="T-0"), name="second"),
        step(days(-1, time(9)), name="before", repeat=Repeat(every=DAY, count=3)),
    )
    plan = Plan(
        path=here,
        campaign="c",
        title="t",
        organisation="o",
        launch=Hung().launch,
        zone=NEW_YORK,
        language="en",
        letter=here,
        messages=here,
        sender=None,
        links={},
        untagged=(),
        hashtags=(),
        facts={},
        segments={},
        clock_change=ClockChange(),
        steps=steps,
    )
    names = [wave.name for wave in timeline(plan)]
    assert names == ["before#1", "first#1", "second#1", "before#2", "later#1", "before#3"]


def test_a_test_has_a_wave_for_each_arm_and_one_for_the_rest_at_each_instant() -> None:
    """The rest is numbered last, so that another waiting time changes no number of what may have gone out."""
    when = days(0, time(9), local=True)
    plain = waves(Hung(), step(when), zones=("America/New_York", "America/Denver"))
    for after in (timedelta(hours=1), timedelta(hours=30)):
        tested = replace(step(when), ab_test=ab_test(after=after))
        found = waves(Hung(), tested, zones=("America/New_York", "America/Denver"))
        assert [wave.number for wave in found] == [1, 2, 3, 4, 5, 6]
        assert [(wave.arm, wave.due_at, wave.zones) for wave in found] == [
            *((arm, wave.due_at, wave.zones) for wave in plain for arm in ("a", "b")),
            *((WINNER, wave.due_at + after, wave.zones) for wave in plain),
        ]
        assert [wave.share for wave in found[:4]] == [*tested.ab_test.shares().values()] * 2  # type: ignore[union-attr]  # it has one
        assert [wave.share for wave in found[4:]] == [None, None]
