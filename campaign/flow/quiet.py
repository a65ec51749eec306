"""quiet: hours in which nobody is written to. What would come in them comes at their end, where the reader is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from campaign.flow.wall_clock import DAY, offsets, one_reading, shown
from campaign.model.plan import ClockChange, Quiet

Found = Mapping[tuple[datetime, int], tuple[tuple[str, ...] | None, tuple[str, ...]]]
"""Instants, each with which time of the step it is, and with the zones it is for (None is all) and its notes. Two times
may come at one instant: nine o'clock in Kiritimati is nine o'clock in Honolulu the day before."""


def moved(found: Found, quiet: Quiet, *, change: ClockChange, zones: tuple[str, ...]) -> Found:
    """``found`` with everybody in whose zone an instant is quiet moved to the end of that. ``zones`` are all there are.

    An instant at which it is quiet nowhere stays as it is. Where two come together for a zone, they are one.
    """
    served: defaultdict[tuple[datetime, int], set[str]] = defaultdict(set)
    notes: defaultdict[tuple[datetime, int], dict[str, None]] = defaultdict(dict)
    whole: dict[tuple[datetime, int], tuple[str, ...]] = {}
    taken: defaultdict[datetime, set[str]] = defaultdict(set)
    for (at, time), (names, remarks) in sorted(found.items()):
        late: dict[datetime, list[str]] = {}
        stay: list[str] = []
        for end, those in _ends(at, names or zones, quiet, change):
            if end == at:
                stay += those
            else:
                late.setdefault(end, []).extend(those)
        if not late and names is None:
            whole[at, time] = remarks
            continue
        if some := set(stay) - taken[at]:
            served[at, time] |= some
            notes[at, time].update(dict.fromkeys(remarks))
            taken[at] |= some
        for end, moving in late.items():
            if some := set(moving) - taken[end]:
                served[end, time] |= some
                many = "1 zone" if len(some) == 1 else f"{len(some)} zones"
                notes[end, time][f"moved to {quiet.end:%H:%M} there, the end of quiet hours ({many})"] = None
                taken[end] |= some
    # Who is served then is served once, also by a time of the step that is for everybody.
    with_everybody = {at: notes[at, time] for at, time in served}
    everybody = {at for at, _ in whole}
    return {
        **{key: (tuple(sorted(some)), tuple(notes[key])) for key, some in served.items() if key[0] not in everybody},
        **{(at, time): (None, (*remarks, *with_everybody.get(at, ()))) for (at, time), remarks in whole.items()},
    }


def moved_alone(at: datetime, quiet: Quiet, *, change: ClockChange, zone: str) -> tuple[datetime, tuple[str, ...]]:
    """The same for what is for everybody at once: by the clocks in ``zone``."""
    end = _end(at, zone, quiet, change)
    if end == at:
        return at, ()
    return end, (f"moved from {shown(at, zone):%H:%M} to {quiet.end:%H:%M} in {zone}, the end of quiet hours",)


def _ends(
    at: datetime, zones: tuple[str, ...], quiet: Quiet, change: ClockChange
) -> Iterator[tuple[datetime, tuple[str, ...]]]:
    """When each of ``zones`` is served: at ``at``, or where it is quiet there, when that ends."""
    steady, changing = offsets(at.date(), zones)
    for offset, names in steady:
        wall = (at + offset).replace(tzinfo=None)
        wait = _wait(wall, quiet)
        # Offsets are known until the end of the day after; the end of quiet hours may be later than that.
        if wait and (wall + wait).date() > at.date() + DAY:
            for name in names:
                yield _end(at, name, quiet, change), (name,)
        else:
            yield at + wait, names
    for name in changing:
        yield _end(at, name, quiet, change), (name,)


def _end(at: datetime, zone: str, quiet: Quiet, change: ClockChange) -> datetime:
    wall = shown(at, zone)
    wait = _wait(wall, quiet)
    return max(at, one_reading(wall + wait, zone, change)[0]) if wait else at


def _wait(wall: datetime, quiet: Quiet) -> timedelta:
    """How long it is quiet from that wall-clock time on, by the clock; zero where it is not."""
    start, end, now = (timedelta(hours=one.hour, minutes=one.minute) for one in (quiet.start, quiet.end, wall.time()))
    now += timedelta(seconds=wall.second, microseconds=wall.microsecond)
    inside = start <= now < end if start < end else now >= start or now < end
    if not inside:
        return timedelta(0)
    return end - now if now < end else end + DAY - now
