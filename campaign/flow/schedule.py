"""The plan's times as instants: pure arithmetic on the calendar, nothing here knows what time it is.

Days and weeks are counted on the calendar, hours and minutes by the clock: ``T+1d`` is the same wall-clock time on the
next day, ``T+24h`` is exactly 24 hours later. A wall-clock time that a zone skips or has twice (RFC 5545, section
3.3.5; PEP 495) is taken as the plan's ``clock_change`` says, and a note tells the reader.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Protocol

from campaign.flow import cron, quiet
from campaign.flow.wall_clock import DAY, Share, at_local_time, one_reading, readings, shown, zone_names
from campaign.model.draw import DRAWS
from campaign.model.plan import EMAIL, Absolute, AbTest, ClockChange, Plan, Relative, Repeat, Step, When
from campaign.model.segment import Share as DrawnShare
from campaign.model.wave import WINNER, PlannedWave

__all__ = ["MAX_REPETITIONS", "Calendar", "instant", "readings", "timeline", "walls", "waves", "zone_names"]

MAX_REPETITIONS = 1000
"""Most times that a step comes again, whatever it says."""


class Calendar(Protocol):
    """What a time is hung on; a Plan is one."""

    @property
    def launch(self) -> datetime: ...

    @property
    def zone(self) -> str: ...

    @property
    def clock_change(self) -> ClockChange: ...


def instant(when: When, *, plan: Calendar, zone: str | None = None) -> tuple[datetime, tuple[str, ...]]:
    """``when`` in UTC, with notes on a local time that the zone skips or has twice.

    ``zone`` is where the supporter is; it matters for local times alone and is the campaign's where it is None.
    """
    if isinstance(when, Absolute):
        return when.at, ()
    if when.clock is None and not when.days:
        return plan.launch + when.offset, ()
    place = (zone if when.local else None) or plan.zone
    wall = _wall(when, plan)
    at, note = one_reading(wall, place, plan.clock_change)
    return at + when.offset, (f"{note} in {place}",) if note else ()


def waves(plan: Calendar, step: Step, *, zones: Collection[str] = ()) -> tuple[PlannedWave, ...]:
    """The step's waves with their instants, numbered from 1 by instant.

    One wave for each time the step comes, or, where it is by local time, one for each instant at which that local
    time comes about anywhere on Earth, whoever is in the audience. ``zones`` names other zones to take than all.
    No wave lies before the step's embargo: a zone whose local time does is served at the same local time on the
    first later day that does not. None lies in the step's quiet hours: an e-mail is divided by zones where it would,
    and comes there at their end. A step with an A/B test has at each instant a wave for each arm, and one for the
    rest later; the rest's are numbered last.
    """
    everywhere = tuple(sorted(set(zones) or zone_names())) if step.channel == EMAIL else ()
    found: quiet.Found
    if isinstance(step.at, Relative) and step.at.local:
        found = _by_local_time(plan, step, step.at, everywhere or tuple(sorted(zone_names())))
    else:
        once = dict(_by_instant(plan, step))  # two times that clocks put on one instant are one
        found = {(at, time): (None, notes) for time, (at, notes) in enumerate(once.items())}
    found = _outside_quiet(plan, step, found, everywhere)
    whole = tuple(
        PlannedWave(step=step.id, number=number, due_at=key[0], zones=found[key][0], notes=found[key][1])
        for number, key in enumerate(sorted(found), start=1)
    )
    if step.portions or step.ramp:
        return _one_after_the_other(plan, step, whole, everywhere)
    return _in_arms(plan, step, whole, step.ab_test, everywhere) if step.ab_test else whole


def first(plan: Calendar, step: Step) -> datetime:
    """The instant of the step's first wave. ValueError where it has none."""
    return min(wave.due_at for wave in waves(plan, step))


def _outside_quiet(plan: Calendar, step: Step, found: quiet.Found, zones: tuple[str, ...]) -> quiet.Found:
    if step.quiet is None:
        return found
    if step.channel == EMAIL:
        return quiet.moved(found, step.quiet, change=plan.clock_change, zones=zones)
    moved: dict[tuple[datetime, int], tuple[tuple[str, ...] | None, tuple[str, ...]]] = {}
    for (at, _), (names, notes) in found.items():
        to, why = quiet.moved_alone(at, step.quiet, change=plan.clock_change, zone=plan.zone)
        moved.setdefault((to, 0), (names, (*notes, *why)))  # where two come together they are one
    return moved


def _in_arms(
    plan: Calendar, step: Step, whole: Sequence[PlannedWave], test: AbTest, zones: tuple[str, ...]
) -> tuple[PlannedWave, ...]:
    """Each wave divided into those of the test's arms, and the one for the rest, or several where it is quiet then."""
    arms = [replace(wave, arm=arm, share=share) for wave in whole for arm, share in test.shares().items()]
    rest = [
        replace(wave, arm=WINNER, due_at=at, zones=names, notes=notes)
        for wave in whole
        for (at, _), (names, notes) in _outside_quiet(
            plan, step, {(wave.due_at + test.after, 0): (wave.zones, ())}, zones
        ).items()
    ]
    return tuple(replace(wave, number=number) for number, wave in enumerate([*arms, *rest], start=1))


def _one_after_the_other(
    plan: Calendar, step: Step, whole: Sequence[PlannedWave], zones: tuple[str, ...]
) -> tuple[PlannedWave, ...]:
    """Each wave divided into those of its portions, or of its ramp, numbered by instant."""
    divided = [
        replace(wave, due_at=at, zones=names, notes=notes, share=share, most=most)
        for wave in whole
        for after, share, most in _divisions(step)
        for (at, _), (names, notes) in _outside_quiet(
            plan, step, {(_later(plan, wave.due_at, after), 0): (wave.zones, () if after else wave.notes)}, zones
        ).items()
    ]
    divided.sort(key=lambda wave: wave.due_at)  # at the same instant in the order of the portions
    return tuple(replace(wave, number=number) for number, wave in enumerate(divided, start=1))


def _divisions(step: Step) -> Iterator[tuple[timedelta, DrawnShare, int | None]]:
    if step.portions:
        yield from ((part.after, share, None) for part, share in step.portions.shares())
    elif step.ramp:
        everybody = DrawnShare(0, DRAWS, step.ramp.seed)
        yield from ((step.ramp.every * number, everybody, size) for number, size in enumerate(step.ramp.sizes()))


def _later(plan: Calendar, at: datetime, after: timedelta) -> datetime:
    """Whole days keep the time of day in the campaign's zone when clocks change."""
    if not after or after % DAY:
        return at + after
    return one_reading(shown(at, plan.zone) + after, plan.zone, plan.clock_change)[0]


def timeline(plan: Plan) -> tuple[PlannedWave, ...]:
    """Every wave of the plan by instant; at the same instant in the order of the plan."""
    planned = (wave for step in plan.steps for wave in waves(plan, step))
    return tuple(sorted(planned, key=lambda wave: wave.due_at))


# ── by instant ──


def _by_instant(plan: Calendar, step: Step) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    first, notes = instant(step.at, plan=plan)
    if step.embargo and first < step.embargo:
        # plan.load refuses such a step; the floor holds even for one that was made in another way.
        first, notes = step.embargo, (*notes, "moved to the end of the embargo")
    if step.repeat is None or step.repeat.cron is None:
        yield first, notes
    if step.repeat:
        yield from _again(plan, first, step.repeat)


def _again(plan: Calendar, first: datetime, repeat: Repeat) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """The times it comes after the first; by cron that one too, where it is one of its times."""
    until = instant(repeat.until, plan=plan)[0] if repeat.until else None
    by_calendar = repeat.cron is not None or not repeat.every % DAY
    start = shown(first, plan.zone)
    for number, wall in walls(repeat, start):
        notes: tuple[str, ...] = ()
        if by_calendar:
            at, note = one_reading(wall, plan.zone, plan.clock_change)
            notes = (f"{note} in {plan.zone}",) if note else ()
        else:
            at = first + number * repeat.every
        if until and at > until:
            return
        if number or repeat.cron:
            yield at, notes


def walls(repeat: Repeat | None, start: datetime) -> Iterator[tuple[int, datetime]]:
    """What clocks show each time that it comes, numbered from 0; ``start`` is the step's own time. ``until`` may end it
    earlier."""
    if repeat is not None and repeat.cron is not None:
        yield from enumerate(islice(cron.times(repeat.cron, start), _repetitions(repeat)))
        return
    every = repeat.every if repeat else DAY
    yield from ((number, start + number * every) for number in range(_repetitions(repeat)))


def _repetitions(repeat: Repeat | None) -> int:
    """Most times that a step comes in all. ``until`` may end it earlier."""
    if repeat is None:
        return 1
    return min(repeat.count or MAX_REPETITIONS, MAX_REPETITIONS)


# ── by local time ──


def _by_local_time(plan: Calendar, step: Step, when: Relative, zones: tuple[str, ...]) -> quiet.Found:
    wall = _wall(when, plan)
    found: defaultdict[tuple[datetime, int], set[str]] = defaultdict(set)
    notes: defaultdict[tuple[datetime, int], dict[str, int]] = defaultdict(dict)
    taken: defaultdict[datetime, set[str]] = defaultdict(set)  # two times that clocks put on one instant are one
    for day, names in _first_days(plan, wall, step.embargo, zones):
        moved = f"moved from {wall:%Y-%m-%d} to {day:%Y-%m-%d}, {wall:%H:%M} there, by the embargo"
        for number, share in _on_days(plan, step.repeat, datetime.combine(day, wall.time()), names):
            key, those = (share.at, number), set(share.zones) - taken[share.at]
            if not those:
                continue
            found[key] |= those
            taken[share.at] |= those
            for remark in (moved if day != wall.date() and not number else "", share.note):
                if remark:
                    notes[key][remark] = notes[key].get(remark, 0) + len(those)
    return {
        key: (tuple(sorted(served)), tuple(f"{remark} ({_zones(many)})" for remark, many in notes[key].items()))
        for key, served in found.items()
    }


def _first_days(
    plan: Calendar, wall: datetime, embargo: datetime | None, zones: tuple[str, ...]
) -> Iterator[tuple[date, frozenset[str]]]:
    """For each zone the day on which its local time first comes that is not before the embargo."""
    day, left = wall.date(), set(zones)
    if embargo and day < embargo.date() - 2 * DAY:
        day = embargo.date() - 2 * DAY  # no zone is more than a day from UTC
    while left:
        ready = {
            name
            for share in at_local_time(day, wall.time(), plan.clock_change, zones)
            if embargo is None or share.at >= embargo
            for name in share.zones
        } & left
        if ready:
            yield day, frozenset(ready)
        left -= ready
        day += DAY


def _on_days(
    plan: Calendar, repeat: Repeat | None, first: datetime, zones: frozenset[str]
) -> Iterator[tuple[int, Share]]:
    """What is due at the wall-clock time ``first`` and at its repetitions, numbered from 0, in ``zones``."""
    until = _ends(plan, repeat, zones)
    names = tuple(sorted(zones))
    by_cron = repeat is not None and repeat.cron is not None
    for number, wall in walls(repeat, first):
        once = not number and not by_cron  # the step's own time counts, whenever it ends
        shares = [
            share._replace(zones=served)
            for share in at_local_time(wall.date(), wall.time(), plan.clock_change, names)
            if (served := tuple(name for name in share.zones if once or share.at <= until.get(name, share.at)))
        ]
        if not shares:
            return
        yield from ((number, share) for share in shares)


def _ends(plan: Calendar, repeat: Repeat | None, zones: Iterable[str]) -> dict[str, datetime]:
    if repeat is None or repeat.until is None:
        return {}
    until = repeat.until
    return {name: instant(until, plan=plan, zone=name)[0] for name in zones}


def _wall(when: Relative, plan: Calendar) -> datetime:
    launch = shown(plan.launch, plan.zone)
    return datetime.combine(launch.date() + timedelta(days=when.days), when.clock or launch.time())


def _zones(many: int) -> str:
    return "1 zone" if many == 1 else f"{many} zones"
