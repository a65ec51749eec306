"""Times and lengths of time as a plan writes them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from campaign.flow.schedule import Calendar as ByLaunch
from campaign.flow.schedule import readings
from campaign.model.plan import Absolute, Relative, When

FORMS = (
    "write T-0, T+2h, T-1d 09:00, T+0d 18:30 local, 2018-05-22 09:00 (in the campaign's zone), "
    "2018-05-22T09:00-04:00, 2018-05-22T13:00Z, or after another step: its-name +2h"
)
LENGTHS = "write 10m, 2h, 1d, 1w or 1h30m"
MAX_LENGTH = timedelta(days=3660)
"""Longest time from T-0, either way; ten years."""
_YEARS = range(2000, 2200)

_LENGTH = r"(?:(?P<w>[0-9]{1,3})w)?(?:(?P<d>[0-9]{1,4})d)?(?:(?P<h>[0-9]{1,5})h)?(?:(?P<m>[0-9]{1,7})m)?"
_CLOCK = r"(?P<clock>[0-9]{1,2}:[0-9]{2})"
_LENGTH_ALONE = re.compile(_LENGTH)
_RELATIVE = re.compile(rf"T(?P<sign>[+-])(?P<length>0|{_LENGTH})(?: +{_CLOCK})?(?P<local> +local)?")
_AFTER = re.compile(
    rf"(?P<step>[a-z0-9]+(?:-[a-z0-9]+)*)(?: *(?P<plus>[+])| +-) *(?P<length>0|{_LENGTH})(?: +{_CLOCK})?(?: +local)?"
)
_ABSOLUTE = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:T| +)(?P<clock>[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)"
    r"(?: *(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?(?P<local> +local)?"
)


class NotATime(ValueError):
    """``what`` is wrong with it, said so that it follows the written text, and what to write instead."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


class NotAnchored(NotATime):
    """It hangs on a step of which no time is known. Whoever looked for the step has said so."""


@dataclass(frozen=True, slots=True)
class Wall:
    """A date and wall-clock time written without a zone: the campaign's, or each supporter's if ``local``."""

    at: datetime
    local: bool
    written: str


@dataclass(frozen=True, slots=True)
class After:
    """A time hung on another step, as ``by`` is hung on T-0."""

    step: str
    by: Relative
    written: str


@dataclass(frozen=True, slots=True)
class Anchor:
    """The step that another is hung on: its first instant, and the time it is planned for where that is the same."""

    at: datetime
    when: When | None


class Calendar(ByLaunch, Protocol):
    """What a plan's times are hung on: T-0, and steps by their ids."""

    @property
    def anchors(self) -> Mapping[str, Anchor]: ...


Written = Absolute | Relative | Wall | After


def read_length(text: str) -> timedelta:
    """``2h`` or ``1h30m``; more than nothing, at most ten years. Raises NotATime."""
    found = _LENGTH_ALONE.fullmatch(text)
    if not text or not found:
        raise NotATime("is not a length of time", LENGTHS)
    days, rest = _parts(found)
    length = timedelta(days=days) + rest
    if not length:
        raise NotATime("is no time at all", LENGTHS)
    if length > MAX_LENGTH:
        raise NotATime("is longer than ten years", LENGTHS)
    return length


def read_time(text: str) -> Written:
    """A time in one of the FORMS. Raises NotATime."""
    if found := _RELATIVE.fullmatch(text):
        return _relative(text, found)
    if found := _ABSOLUTE.fullmatch(text):
        return _absolute(text, found)
    if (found := _AFTER.fullmatch(text)) and found["step"] != "t":  # "t+2h" is T+2h, written small
        sign = "+" if found["plus"] else "-"
        rest = text[found.start("length") :]
        by = _RELATIVE.fullmatch(f"T{sign}{rest}")
        if by is None:
            raise NotATime("is not a time", FORMS)
        return After(step=found["step"], by=_relative(text, by), written=text)
    raise NotATime("is not a time", FORMS)


def _relative(text: str, found: re.Match[str]) -> Relative:
    length, sign = found["length"], -1 if found["sign"] == "-" else 1
    if not length:
        raise NotATime("is not a time", FORMS)
    days, rest = (0, timedelta(0)) if length == "0" else _parts(found)
    if timedelta(days=days) + rest > MAX_LENGTH:
        raise NotATime("is more than ten years from T-0", FORMS)
    clock = _clock(found["clock"]) if found["clock"] else None
    if found["local"] and clock is None:
        raise NotATime("says local without a time of day", "write it as in T+0d 09:00 local")
    if clock is not None and (length == "0" or re.search("[hm]", length)):
        remedy = f"count whole days, as in T+0d {found['clock']}, or leave the time of day out"
        raise NotATime("gives a time of day but does not count days", remedy)
    return Relative(written=text, offset=sign * rest, days=sign * days, clock=clock, local=bool(found["local"]))


def _absolute(text: str, found: re.Match[str]) -> Absolute | Wall:
    clock = _clock(found["clock"])
    try:
        wall = datetime.combine(datetime.strptime(found["day"], "%Y-%m-%d").date(), clock)  # noqa: DTZ007 a wall time
    except ValueError:
        raise NotATime("names a day that the calendar does not have", FORMS) from None
    if wall.year not in _YEARS:
        raise NotATime(f"lies outside the years {_YEARS[0]} to {_YEARS[-1]}", "check the year")
    zone = found["zone"]
    if zone is None:
        return Wall(at=wall, local=bool(found["local"]), written=text)
    if found["local"]:
        raise NotATime("gives both an offset from UTC and local", "leave one of them out")
    if zone in ("Z", "UTC"):
        return Absolute(at=wall.replace(tzinfo=UTC), written=text)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:  # noqa: PLR2004 no place on Earth is more than 14 hours from UTC
        raise NotATime("has an offset from UTC that no place on Earth has", FORMS)
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)
    return Absolute(at=(wall - offset).replace(tzinfo=UTC), written=text)


def _clock(text: str) -> time:
    try:
        return time.fromisoformat(text if text[2] == ":" else f"0{text}")
    except ValueError:
        raise NotATime("has a time of day that clocks do not show", "write 00:00 to 23:59") from None


def read_clock(text: str) -> time:
    """``21:00``. Raises NotATime."""
    if not re.fullmatch("[0-9]{1,2}:[0-9]{2}", text):
        raise NotATime("is not a time of day", "write it as in 21:00")
    return _clock(text)


def _parts(found: re.Match[str]) -> tuple[int, timedelta]:
    """Whole days, and the rest by the clock."""
    weeks, days, hours, minutes = (int(found[unit] or 0) for unit in "wdhm")
    return 7 * weeks + days, timedelta(hours=hours, minutes=minutes)


def hang(written: Written, calendar: Calendar) -> When:
    """``written`` with the campaign's zone applied where it names none, and the other step's time where it names one.

    Raises NotATime where the zone skips that time or has it twice: a date written out can say which it means. Raises
    NotAnchored where the other step has no time.
    """
    if isinstance(written, After):
        return _hung_on(written, calendar)
    if not isinstance(written, Wall):
        return written
    if written.local:
        days = (written.at.date() - _day(calendar.launch, calendar)).days
        return Relative(written=written.written, days=days, clock=written.at.time(), local=True)
    found = readings(written.at, calendar.zone)
    if len(found) == 1:
        return Absolute(at=found[0], written=written.written)
    place = ZoneInfo(calendar.zone)
    if found:
        both = " or ".join(_with_offset(at.astimezone(place)) for at in found)
        raise NotATime(f"comes twice in {calendar.zone}, where clocks go back then", f"write {both}")
    later, earlier = (written.at.replace(tzinfo=place, fold=fold).astimezone(UTC).astimezone(place) for fold in (0, 1))
    raise NotATime(
        f"does not exist in {calendar.zone}, where clocks go forward then",
        f"write {_with_offset(earlier)} or {_with_offset(later)}",
    )


def _hung_on(written: After, calendar: Calendar) -> When:
    """Hung on T-0 by way of the other step, so that what it says moves with the launch and keeps to the calendar.

    Only where that step does not come at the time that it is planned for (by local time, moved by an embargo or by
    quiet hours) it is hung on the instant that the step has.
    """
    anchor = calendar.anchors.get(written.step)
    if anchor is None:
        raise NotAnchored("hangs on a step that has no time", "mend that step first")
    by, when = written.by, anchor.when
    text = f"{written.written}, with {written.step} at {when.written}" if when else written.written
    if by.days or by.clock is not None:
        there = anchor.at.astimezone(ZoneInfo(calendar.zone))
        days = (there.date() - _day(calendar.launch, calendar)).days + by.days
        return replace(by, written=text, days=days, clock=by.clock or there.time())
    if isinstance(when, Relative) and not when.local:
        return replace(when, written=text, offset=when.offset + by.offset)
    return Absolute(at=anchor.at + by.offset, written=text)


def _day(at: datetime, calendar: Calendar) -> date:
    return at.astimezone(ZoneInfo(calendar.zone)).date()


def _with_offset(at: datetime) -> str:
    return at.isoformat(timespec="seconds" if at.second else "minutes")
