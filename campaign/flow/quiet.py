"""quiet: hours in which nobody is written to. What would come in them comes at their end, where the reader is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from campaign.flow.wall_clock import DAY, offsets, one_reading, shown
from campaign.model.plan import ClockChange, Quiet

Found = Mapping[datetime, tuple[tuple[str, ...] | None, tuple[str, ...]]]
"""Instants, each with the zones it is for (None is all) and its notes."""


def moved(found: Found, quiet: Quiet, *, change: ClockChange, zones: tuple[str, ...]) -> Found:
    """``found`` with everybody in whose zone an instant is quiet moved to the end of that. ``zones`` are all there are.

    An instant at which it is quiet nowhere stays as it is. Where two come together for a zone, they are one.
    """
    served: defaultdict[datetime, set[str]] = defaultdict(set)
    notes: defaultdict[datetime, dict[str, None]] = defaultdict(dict)
    whole: dict[datetime, tuple[str, ...]] = {}
    for at, (names, remarks) in found.items():
        late: dict[datetime, list[str]] = {}
        stay: list[str] = []
        for end, those in _ends(at, names or zones, quiet, change):
            if end == at:
                stay += those
            else:
                late.setdefault(end, []).extend(those)
        if not late and names is None:
            whole[at] = remarks
            continue
        if stay:
            served[at].update(stay)
            notes[at].update(dict.fromkeys(remarks))
        for end, some in late.items():
            served[end].update(some)
            many = "1 zone" if len(some) == 1 else f"{len(some)} zones"
            notes[end][f"moved to {quiet.end:%H:%M} there, the end of quiet hours ({many})"] = None
    made: dict[datetime, tuple[tuple[str, ...] | None, tuple[str, ...]]] = {
        at: (tuple(sorted(some)), tuple(notes[at])) for at, some in served.items()
    }
    # Who is served then is served once, also by a time of the step that is for everybody.
    return made | {at: (None, (*remarks, *notes.get(at, ()))) for at, remarks in whole.items()}


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
