"""schedules.yaml: times after other steps, cron, and quiet hours, right and wrong."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest

from campaign.errors import BadInput
from campaign.files.plan import load
from campaign.files.plan_cron import read_cron
from campaign.files.plan_times import NotATime
from campaign.flow import schedule
from campaign.model.plan import Plan, Quiet
from tests.plans import HEAD

SEGMENT = "segments: {all: {}}\n"


def post(step_id: str, at: str, more: str = "") -> str:
    return f"  - {{id: {step_id}, channel: x, account: national, message: post/launch, at: {at}{more}}}\n"


def mail(step_id: str, at: str, more: str = "") -> str:
    return f"  - {{id: {step_id}, channel: email, segment: all, message: email/alert, at: {at}{more}}}\n"


def read(folder: Path, *steps: str, top: str = "") -> Plan:
    path = folder / "schedules.yaml"
    path.write_text(f"{HEAD}{SEGMENT}{top}steps:\n{''.join(steps)}", encoding="utf-8")
    return load(path)


def said(folder: Path, *steps: str, top: str = "") -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, *steps, top=top)
    return [f"{problem.where}: {problem.what}; {problem.remedy}" for problem in caught.value.problems]


def due(plan: Plan, step_id: str) -> list[datetime]:
    return [wave.due_at for wave in schedule.waves(plan, plan.step(step_id))]


def utc(day: int, hour: int, minute: int = 0, *, month: int = 5) -> datetime:
    return datetime(2018, month, day, hour, minute, tzinfo=UTC)


# ── after another step ──


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("first +2h", utc(22, 22)),
        ("first + 2h", utc(22, 22)),
        ("first+90m", utc(22, 21, 30)),
        ("first -30m", utc(22, 19, 30)),
        ("first +0", utc(22, 20)),
        ("first +1d", utc(23, 20)),
        ("first +1d 09:30", utc(23, 13, 30)),
        ("first +1d2h", utc(23, 22)),
    ],
)
def test_a_step_counts_from_another_as_times_count_from_the_launch(folder: Path, at: str, expected: datetime) -> None:
    plan = read(folder, post("later", at), post("first", "T+0d 16:00"))
    assert due(plan, "later") == [expected]


def test_a_chain_of_steps_moves_with_its_first(folder: Path) -> None:
    steps = post("c", "b +1h"), post("b", "a +1h"), post("a", "T+1h")
    assert due(read(folder, *steps), "c") == [utc(22, 16)]
    assert due(read(folder, *steps[:2], post("a", "T+2h")), "c") == [utc(22, 17)]


def test_days_after_a_step_keep_the_wall_clock_when_clocks_change(folder: Path) -> None:
    plan = read(folder, post("eve", "2018-11-03 09:00"), post("day", "eve +1d"), post("exact", "eve +24h"))
    assert due(plan, "day") == [utc(4, 14, month=11)]
    assert due(plan, "exact") == [utc(4, 13, month=11)]


def test_a_step_by_local_time_counts_from_its_first_instant_anywhere(folder: Path) -> None:
    plan = read(
        folder, mail("alert", "T+0d 09:00 local", ", embargo: none"), post("later", "alert +2h", ", embargo: none")
    )
    first = due(plan, "alert")[0]
    assert first < utc(22, 0), "it begins in the east"
    assert due(plan, "later") == [first + timedelta(hours=2)]


def test_what_comes_after_may_be_by_local_time_itself(folder: Path) -> None:
    plan = read(folder, post("launch", "T-0"), mail("alert", "launch +1d 09:00 local"))
    waves = schedule.waves(plan, plan.step("alert"))
    assert {wave.due_at.minute for wave in waves} >= {0, 30}
    assert utc(23, 13) in due(plan, "alert")


def test_a_step_that_is_moved_takes_along_what_counts_from_it(folder: Path) -> None:
    plan = read(
        folder,
        post("late", "T+0d 23:00"),
        post("later", "late +1h"),
        top='quiet: {from: "21:00", to: "08:00", posts: true}\n',
    )
    assert due(plan, "late") == [utc(23, 12)]
    assert due(plan, "later") == [utc(23, 13)]


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        ([post("a", "lunch +2h"), post("launch", "T-0")],
         'step "a": at "lunch +2h" hangs on "lunch", and the plan has no such step; did you mean "launch"?'),
        ([post("a", "a +2h")], 'step "a": at hangs on itself: a → a; hang one of them on T-0 or on a date'),
        ([post("a", "b +2h"), post("b", "a +2h")],
         'step "b": at hangs on itself: b → a → b; hang one of them on T-0 or on a date'),
        ([post("a", "b +2h"), post("b", "soon")], 'step "b": at "soon" is not a time'),
        ([post("b", "T-0"), post("a", "b -1h")], 'step "a": at "b -1h, with b at T-0" is 2018-05-22 12:00 UTC, before'),
        ([post("a", "T-0"), mail("b", "a +1d local")], "says local without a time of day"),
        ([post("a", "T-0"), post("b", "a +1d 09:00 local")], "a post is for everybody at once"),
        ([post("a", "T-0", ", embargo: b +1h"), post("b", "T-0")], "hangs on another step, and an embargo is a floor"),
    ],
)  # fmt: skip
def test_a_time_that_hangs_on_nothing_is_named_once(folder: Path, steps: list[str], complaint: str) -> None:
    found = said(folder, *steps)
    assert len(found) == 1, found
    assert complaint in found[0]


# ── cron ──


def test_cron_comes_on_the_days_it_names_by_the_campaigns_clocks(folder: Path) -> None:
    plan = read(folder, post("a", "T-0", ', repeat: {cron: "30 9 * * mon-fri", until: T+7d}'))
    assert due(plan, "a") == [utc(day, 13, 30) for day in (22, 23, 24, 25, 28)]


def test_cron_keeps_the_wall_clock_over_a_change_of_clocks_and_takes_a_doubled_time_once(folder: Path) -> None:
    top = "clock_change: {skipped: later, doubled: first}\n"
    plan = read(folder, post("a", "2018-11-03 00:00", ', repeat: {cron: "30 1 * * *", count: 3}'), top=top)
    assert due(plan, "a") == [utc(3, 5, 30, month=11), utc(4, 5, 30, month=11), utc(5, 6, 30, month=11)]
    notes = [wave.notes for wave in schedule.waves(plan, plan.step("a"))]
    assert notes[1] == ("2018-11-04 01:30 comes twice as clocks go back: the first is taken in America/New_York",)


def test_a_skipped_time_of_cron_that_falls_on_another_of_its_times_comes_once(folder: Path) -> None:
    plan = read(
        folder,
        post("a", "2018-03-11 00:00", ', embargo: none, repeat: {cron: "30 2,3 * * *", until: "2018-03-11 12:00"}'),
    )
    assert due(plan, "a") == [utc(11, 7, 30, month=3)]


def test_cron_by_local_time_is_by_each_supporters_clocks(folder: Path) -> None:
    plan = read(folder, mail("a", "T+1d 08:00 local", ', repeat: {cron: "0 9 * * 1-5", count: 2}'))
    waves = schedule.waves(plan, plan.step("a"), zones=["America/New_York", "Asia/Tokyo"])
    assert [(wave.due_at, wave.zones) for wave in waves] == [
        (utc(23, 0), ("Asia/Tokyo",)),
        (utc(23, 13), ("America/New_York",)),
        (utc(24, 0), ("Asia/Tokyo",)),
        (utc(24, 13), ("America/New_York",)),
    ]


@pytest.mark.parametrize(
    ("expression", "day"),
    [("0 9 13 * 5", utc(25, 13)), ("0 9 */2 * 5", utc(25, 13)), ("0 9 * jun *", utc(1, 13, month=6)),
     ("0 9 * * 7", utc(27, 13)), ("0 9 * * sun", utc(27, 13)), ("0 9 24-31/3 * *", utc(24, 13))],
)  # fmt: skip
def test_days_are_counted_as_crontab_counts_them(folder: Path, expression: str, day: datetime) -> None:
    """A date or a weekday where both are given; */2 is no date that is given."""
    plan = read(folder, post("a", "T+1d", f', repeat: {{cron: "{expression}", count: 1}}'))
    assert due(plan, "a") == [day]


@pytest.mark.parametrize(
    ("repeat", "complaint"),
    [
        ('cron: "0 9 * *", count: 2', 'cron "0 9 * *" has 4 fields, and cron has five; write five fields'),
        ('cron: "0 25 * * *", count: 2', 'has the hour "25", which there is not; write 0 to 23'),
        ('cron: "0 9 * * fry", count: 2', 'has the weekday "fry", which there is not; write 0 to 7, or sun and so on'),
        ('cron: "0 9-5 * * *", count: 2', 'has a hour from "9" back to "5"'),
        ('cron: "*/0 9 * * *", count: 2', "counts its minute in steps of nothing"),
        ('cron: "a.b 9 * * *", count: 2', 'has "a.b" as its minute, which is no number, range or *'),
        ('cron: "* 9 * * *", count: 200', "comes more often than every 5 minutes"),
        ('cron: "0 9 31 2 *", count: 2', "never comes between"),
        ('cron: "0 8 * * *", until: T+1h', "never comes between"),
        ('cron: "0 9 * * *"', "repeat never stops"),
        ('cron: "0 9 * * *", every: 1d, count: 2', "gives both every and cron"),
        ("count: 2", "says neither how often"),
        ('cron: "*/5 * * * *", until: T+900d', "comes more than 1000 times"),
    ],
)
def test_a_wrong_cron_says_what_is_wrong_with_it(folder: Path, repeat: str, complaint: str) -> None:
    found = said(folder, post("a", "T-0", f", repeat: {{{repeat}}}"))
    assert len(found) == 1, found
    assert complaint in found[0]


@pytest.mark.parametrize("text", ["", "0", "0 9 * * 1-5 *", "9999999999 * * * *", "@daily", "0 9 * * ²"])
def test_what_is_no_cron_is_refused(text: str) -> None:
    with pytest.raises(NotATime):
        read_cron(text)


# ── quiet hours ──

NIGHT = 'quiet: {from: "21:00", to: "08:00"}\n'


def test_an_email_at_one_instant_is_divided_by_zones_where_it_is_quiet(folder: Path) -> None:
    plan = read(folder, mail("a", "T-0"), top=NIGHT)
    zones = ["America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Europe/Berlin"]
    waves = schedule.waves(plan, plan.step("a"), zones=zones)
    assert [(wave.due_at, wave.zones) for wave in waves] == [
        (utc(22, 13), ("America/New_York", "Europe/Berlin")),
        (utc(22, 15), ("America/Los_Angeles",)),
        (utc(22, 23), ("Asia/Tokyo",)),
    ]
    assert waves[1].notes == ("moved to 08:00 there, the end of quiet hours (1 zone)",)


def test_an_email_by_local_time_in_quiet_hours_comes_at_their_end_there(folder: Path) -> None:
    plan = read(folder, mail("a", "T+0d 22:00 local"), top=NIGHT)
    waves = schedule.waves(plan, plan.step("a"), zones=["America/New_York", "Asia/Tokyo"])
    assert [(wave.due_at, wave.zones) for wave in waves] == [
        (utc(22, 23), ("Asia/Tokyo",)),
        (utc(23, 12), ("America/New_York",)),
    ]


def test_everybody_is_in_one_wave_and_none_is_in_quiet_hours(folder: Path) -> None:
    plan = read(folder, mail("a", "T+9h"), mail("b", "T+0d 03:00 local"), top=NIGHT)
    for step_id in ("a", "b"):
        served = [zone for wave in schedule.waves(plan, plan.step(step_id)) for zone in wave.zones or ()]
        assert sorted(served) == sorted(schedule.zone_names())


def test_what_comes_together_at_the_end_of_quiet_hours_comes_once(folder: Path) -> None:
    plan = read(folder, mail("a", "T+0d 20:00", ", repeat: {every: 3h, count: 4}"), top=NIGHT)
    waves = schedule.waves(plan, plan.step("a"), zones=["America/New_York"])
    assert [wave.due_at for wave in waves] == [utc(23, 0), utc(23, 12)]


def test_posts_keep_their_time_unless_the_plan_asks_for_it_and_a_step_may_keep_its_own(folder: Path) -> None:
    late = post("a", "T+0d 23:00"), mail("b", "T+0d 23:00", ", quiet: none")
    assert due(read(folder, *late, top=NIGHT), "a") == [utc(23, 3)]
    both = read(folder, *late, top='quiet: {from: "21:00", to: "08:00", posts: true}\n')
    assert due(both, "a") == [utc(23, 12)]
    assert due(both, "b") == [utc(23, 3)]
    assert both.step("a").quiet == Quiet(time(21), time(8))


def test_quiet_hours_may_lie_within_a_day(folder: Path) -> None:
    plan = read(folder, post("a", "T+4h"), top='quiet: {from: "12:00", to: "14:00", posts: true}\n')
    assert due(plan, "a") == [utc(22, 18)]


@pytest.mark.parametrize(
    ("quiet", "complaint"),
    [
        ('{from: "21:00", to: "21:00"}', "quiet hours begin and end at the same time"),
        ('{from: "21", to: "08:00"}', 'from "21" is not a time of day; write it as in 21:00'),
        ('{from: "21:00", to: "25:00"}', "has a time of day that clocks do not show"),
        ('{from: "21:00"}', "to is missing"),
        ('{from: "21:00", to: "08:00", fro: 1}', 'the key "fro" is not known here; did you mean "from"?'),
    ],
)
def test_wrong_quiet_hours_say_what_is_wrong(folder: Path, quiet: str, complaint: str) -> None:
    found = said(folder, post("a", "T-0"), top=f"quiet: {quiet}\n")
    assert len(found) == 1, found
    assert complaint in found[0]
