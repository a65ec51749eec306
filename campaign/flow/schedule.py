"""The plan's times as instants: pure arithmetic on the calendar, nothing here knows what time it is.

Days and weeks are counted on the calendar, hours and minutes by the clock: ``T+1d`` is the same wall-clock time on the
next day, ``T+24h`` is exactly 24 hours later. A wall-clock time that a zone skips or has twice (RFC 5545, section
3.3.5; PEP 495) is taken as the plan's ``clock_change`` says, and a note tells the reader.
"""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple, Protocol

from campaign.model.plan import Absolute, AbTest, ClockChange, Doubled, Plan, Relative, Repeat, Skipped, Step, When
from campaign.model.wave import WINNER, PlannedWave

MAX_REPETITIONS = 1000
"""Most times that a step comes again, whatever it says."""

_DAY = timedelta(days=1)
# "localtime" is whatever this computer is set to and "Factory" a computer that nobody has set: no place on Earth.
_NO_PLACE = frozenset({"localtime", "Factory"})


class Calendar(Protocol):
    """What a time is hung on; a Plan is one."""

    @property
    def launch(self) -> datetime: ...

    @property
    def zone(self) -> str: ...

    @property
    def clock_change(self) -> ClockChange: ...


@cache
def zone_names() -> frozenset[str]:
    """Every IANA zone, old names included, that a supporter or a plan may name."""
    return frozenset(zoneinfo.available_timezones() - _NO_PLACE)


def readings(wall: datetime, zone: str) -> tuple[datetime, ...]:
    """The instants in UTC at which clocks in ``zone`` show the naive ``wall``: one, two, or none (skipped)."""
    place = _zone(zone)
    both = sorted({wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)})
    return tuple(at for at in both if at.astimezone(place).replace(tzinfo=None) == wall)


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
    at, note = _one_reading(wall, place, plan.clock_change)
    return at + when.offset, (f"{note} in {place}",) if note else ()


def waves(plan: Calendar, step: Step, *, zones: Collection[str] = ()) -> tuple[PlannedWave, ...]:
    """The step's waves with their instants, numbered from 1 by instant.

    One wave for each time the step comes, or, where it is by local time, one for each instant at which that local
    time comes about anywhere on Earth, whoever is in the audience. ``zones`` names other zones to take than all.
    No wave lies before the step's embargo: a zone whose local time does is served at the same local time on the
    first later day that does not. A step with an A/B test has at each instant a wave for each arm, and one for the
    rest later; the rest's are numbered last, so that another ``after`` changes no number.
    """
    found: Mapping[datetime, tuple[tuple[str, ...] | None, tuple[str, ...]]]
    if isinstance(step.at, Relative) and step.at.local:
        found = _by_local_time(plan, step, step.at, tuple(sorted(set(zones) or zone_names())))
    else:
        found = {at: (None, notes) for at, notes in _by_instant(plan, step)}
    whole = tuple(
        PlannedWave(step=step.id, number=number, due_at=at, zones=found[at][0], notes=found[at][1])
        for number, at in enumerate(sorted(found), start=1)
    )
    return _in_arms(whole, step.ab_test) if step.ab_test else whole


def _in_arms(whole: Sequence[PlannedWave], test: AbTest) -> tuple[PlannedWave, ...]:
    """Each wave divided into those of the test's arms, and the one for the rest."""
    arms = [replace(wave, arm=arm, share=share) for wave in whole for arm, share in test.shares().items()]
    rest = [replace(wave, arm=WINNER, due_at=wave.due_at + test.after, notes=()) for wave in whole]
    return tuple(replace(wave, number=number) for number, wave in enumerate([*arms, *rest], start=1))


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
    yield first, notes
    if step.repeat:
        yield from _again(plan, first, step.repeat)


def _again(plan: Calendar, first: datetime, repeat: Repeat) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    until = instant(repeat.until, plan=plan)[0] if repeat.until else None
    by_calendar = not repeat.every % _DAY
    wall = first.astimezone(_zone(plan.zone)).replace(tzinfo=None)
    for number in range(1, _repetitions(repeat)):
        notes: tuple[str, ...] = ()
        at = first + number * repeat.every
        if by_calendar:
            at, note = _one_reading(wall + number * repeat.every, plan.zone, plan.clock_change)
            notes = (f"{note} in {plan.zone}",) if note else ()
        if until and at > until:
            return
        yield at, notes


def _repetitions(repeat: Repeat | None) -> int:
    """Most times that a step comes in all. ``until`` may end it earlier."""
    if repeat is None:
        return 1
    return min(repeat.count or MAX_REPETITIONS, MAX_REPETITIONS)


# ── by local time ──


class _Share(NamedTuple):
    """Some zones that have one local time at one instant."""

    at: datetime
    zones: tuple[str, ...]
    note: str


def _by_local_time(
    plan: Calendar, step: Step, when: Relative, zones: tuple[str, ...]
) -> Mapping[datetime, tuple[tuple[str, ...], tuple[str, ...]]]:
    wall = _wall(when, plan)
    found: defaultdict[datetime, set[str]] = defaultdict(set)
    notes: defaultdict[datetime, dict[str, int]] = defaultdict(dict)
    for day, names in _first_days(plan, wall, step.embargo, zones):
        moved = f"moved from {wall:%Y-%m-%d} to {day:%Y-%m-%d}, {wall:%H:%M} there, by the embargo"
        for number, share in _on_days(plan, step.repeat, datetime.combine(day, wall.time()), names):
            found[share.at].update(share.zones)
            for remark in (moved if day != wall.date() and not number else "", share.note):
                if remark:
                    notes[share.at][remark] = notes[share.at].get(remark, 0) + len(share.zones)
    return {
        at: (tuple(sorted(served)), tuple(f"{remark} ({_zones(many)})" for remark, many in notes[at].items()))
        for at, served in found.items()
    }


def _first_days(
    plan: Calendar, wall: datetime, embargo: datetime | None, zones: tuple[str, ...]
) -> Iterator[tuple[date, frozenset[str]]]:
    """For each zone the day on which its local time first comes that is not before the embargo."""
    day, left = wall.date(), set(zones)
    if embargo and day < embargo.date() - 2 * _DAY:
        day = embargo.date() - 2 * _DAY  # no zone is more than a day from UTC
    while left:
        ready = {
            name
            for share in _at_local_time(day, wall.time(), plan.clock_change, zones)
            if embargo is None or share.at >= embargo
            for name in share.zones
        } & left
        if ready:
            yield day, frozenset(ready)
        left -= ready
        day += _DAY


def _on_days(
    plan: Calendar, repeat: Repeat | None, first: datetime, zones: frozenset[str]
) -> Iterator[tuple[int, _Share]]:
    """What is due at the wall-clock time ``first`` and at its repetitions, numbered from 0, in ``zones``."""
    every = repeat.every if repeat else _DAY
    until = _ends(plan, repeat, zones)
    names = tuple(sorted(zones))
    for number in range(_repetitions(repeat)):
        wall = first + number * every
        shares = [
            share._replace(zones=served)
            for share in _at_local_time(wall.date(), wall.time(), plan.clock_change, names)
            if (served := tuple(name for name in share.zones if not number or share.at <= until.get(name, share.at)))
        ]
        if not shares:
            return
        yield from ((number, share) for share in shares)


def _ends(plan: Calendar, repeat: Repeat | None, zones: Iterable[str]) -> dict[str, datetime]:
    if repeat is None or repeat.until is None:
        return {}
    until = repeat.until
    return {name: instant(until, plan=plan, zone=name)[0] for name in zones}


@lru_cache(maxsize=512)
def _at_local_time(day: date, clock: time, change: ClockChange, zones: tuple[str, ...]) -> tuple[_Share, ...]:
    """When ``zones`` have that wall-clock time on that day: a few dozen instants for all of Earth's 600 zones."""
    wall = datetime.combine(day, clock)
    steady, changing = _offsets(day, zones)
    shares = [_Share((wall - offset).replace(tzinfo=UTC), names, "") for offset, names in steady]
    for name in changing:
        at, note = _one_reading(wall, name, change)
        shares.append(_Share(at, (name,), note))
    return tuple(shares)


@lru_cache(maxsize=256)
def _offsets(
    day: date, zones: tuple[str, ...]
) -> tuple[tuple[tuple[timedelta, tuple[str, ...]], ...], tuple[str, ...]]:
    """Zones by the offset they keep from the day before to the day after, and those that change clocks around then.

    What makes a plan of a thousand local steps fast: a zone's rules are asked once a day, not once a step.
    """
    steady: defaultdict[timedelta, list[str]] = defaultdict(list)
    changing = []
    moments = [datetime.combine(day + number * _DAY, time()) for number in range(-1, 3)]
    for name in zones:
        place = _zone(name)
        offsets = {moment.replace(tzinfo=place).utcoffset() or timedelta(0) for moment in moments}
        if len(offsets) == 1:
            steady[offsets.pop()].append(name)
        else:
            changing.append(name)
    return tuple((offset, tuple(names)) for offset, names in steady.items()), tuple(changing)


# ── one reading of a wall clock ──


def _wall(when: Relative, plan: Calendar) -> datetime:
    launch = plan.launch.astimezone(_zone(plan.zone)).replace(tzinfo=None)
    return datetime.combine(launch.date() + timedelta(days=when.days), when.clock or launch.time())


def _one_reading(wall: datetime, zone: str, change: ClockChange) -> tuple[datetime, str]:
    """The instant meant by ``wall``, and what happened where the zone skips it or has it twice, else ""."""
    found = readings(wall, zone)
    if len(found) == 1:
        return found[0], ""
    if found:
        at = found[0] if change.doubled is Doubled.FIRST else found[-1]
        return at, f"{wall:%Y-%m-%d %H:%M} comes twice as clocks go back: the {change.doubled.value} is taken"
    # PEP 495: in a gap, fold=0 reads the clock as before the change (a later instant), fold=1 as after it.
    at = wall.replace(tzinfo=_zone(zone), fold=0 if change.skipped is Skipped.LATER else 1).astimezone(UTC)
    shown = at.astimezone(_zone(zone))
    return at, f"{wall:%Y-%m-%d %H:%M} is skipped as clocks go forward: {shown:%H:%M} is taken"


@cache
def _zone(name: str) -> zoneinfo.ZoneInfo:
    """ZoneInfo itself keeps only eight zones alive."""
    return zoneinfo.ZoneInfo(name)


def _zones(many: int) -> str:
    return "1 zone" if many == 1 else f"{many} zones"
