"""wall_clock: what clocks show in a zone, as instants. A time that a zone skips or has twice is a choice, and noted.

RFC 5545, section 3.3.5, and PEP 495 say what the two readings of such a time are; which one is meant says the plan's
``clock_change``.
"""

from __future__ import annotations

import zoneinfo
from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from campaign.model.plan import ClockChange, Doubled, Skipped

DAY = timedelta(days=1)
# "localtime" is whatever this computer is set to and "Factory" a computer that nobody has set: no place on Earth.
_NO_PLACE = frozenset({"localtime", "Factory"})


class Share(NamedTuple):
    """Some zones that have one local time at one instant."""

    at: datetime
    zones: tuple[str, ...]
    note: str


@cache
def zone_names() -> frozenset[str]:
    """Every IANA zone, old names included, that a supporter or a plan may name."""
    return frozenset(zoneinfo.available_timezones() - _NO_PLACE)


@cache
def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """ZoneInfo itself keeps only eight zones alive."""
    return zoneinfo.ZoneInfo(name)


def shown(at: datetime, zone: str) -> datetime:
    """What clocks in ``zone`` show at that instant, naive."""
    return at.astimezone(zone_of(zone)).replace(tzinfo=None)


def readings(wall: datetime, zone: str) -> tuple[datetime, ...]:
    """The instants in UTC at which clocks in ``zone`` show the naive ``wall``: one, two, or none (skipped)."""
    place = zone_of(zone)
    both = sorted({wall.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)})
    return tuple(at for at in both if at.astimezone(place).replace(tzinfo=None) == wall)


def one_reading(wall: datetime, zone: str, change: ClockChange) -> tuple[datetime, str]:
    """The instant meant by ``wall``, and what happened where the zone skips it or has it twice, else ""."""
    found = readings(wall, zone)
    if len(found) == 1:
        return found[0], ""
    if found:
        at = found[0] if change.doubled is Doubled.FIRST else found[-1]
        return at, f"{wall:%Y-%m-%d %H:%M} comes twice as clocks go back: the {change.doubled.value} is taken"
    # PEP 495: in a gap, fold=0 reads the clock as before the change (a later instant), fold=1 as after it.
    at = wall.replace(tzinfo=zone_of(zone), fold=0 if change.skipped is Skipped.LATER else 1).astimezone(UTC)
    return at, f"{wall:%Y-%m-%d %H:%M} is skipped as clocks go forward: {shown(at, zone):%H:%M} is taken"


@lru_cache(maxsize=2048)
def at_local_time(day: date, clock: time, change: ClockChange, zones: tuple[str, ...]) -> tuple[Share, ...]:
    """When ``zones`` have that wall-clock time on that day: a few dozen instants for all of Earth's 600 zones."""
    wall = datetime.combine(day, clock)
    steady, changing = offsets(day, zones)
    shares = [Share((wall - offset).replace(tzinfo=UTC), names, "") for offset, names in steady]
    for name in changing:
        at, note = one_reading(wall, name, change)
        shares.append(Share(at, (name,), note))
    return tuple(shares)


@lru_cache(maxsize=4096)
def offsets(day: date, zones: tuple[str, ...]) -> tuple[tuple[tuple[timedelta, tuple[str, ...]], ...], tuple[str, ...]]:
    """Zones by the offset they keep from the day before to the day after, and those that change clocks around then.

    What makes a plan of a thousand local steps fast: a zone's rules are asked once a day, not once a step.
    """
    steady: defaultdict[timedelta, list[str]] = defaultdict(list)
    changing = []
    midnights = (_at_midnight(day + number * DAY, zones) for number in range(-1, 3))
    for name, before, *after in zip(zones, *midnights, strict=True):
        if after.count(before) == len(after):
            steady[before].append(name)
        else:
            changing.append(name)
    return tuple((offset, tuple(names)) for offset, names in steady.items()), tuple(changing)


@lru_cache(maxsize=4096)
def _at_midnight(day: date, zones: tuple[str, ...]) -> tuple[timedelta, ...]:
    """The offset of each zone as that day begins there; days that follow each other share it."""
    midnight = datetime.combine(day, time())
    return tuple(midnight.replace(tzinfo=zone_of(name)).utcoffset() or timedelta(0) for name in zones)
