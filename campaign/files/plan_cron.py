"""Cron expressions as a plan writes them: five fields, checked in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from campaign.files.plan_times import NotATime
from campaign.model.plan import Cron

CRONS = (
    'write five fields, minute hour day month weekday, such as "0 9 * * 1-5" for nine o\'clock from Monday to Friday'
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?:(?P<all>\*)|(?P<first>[a-z0-9]+)(?:-(?P<last>[a-z0-9]+))?)(?:/(?P<step>[0-9]{1,4}))?")
_SUNDAY = 7


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    low: int
    high: int
    words: Mapping[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day", 1, 31, {}),
    _Field("month", 1, 12, {word: number for number, word in enumerate(_MONTHS, start=1)}),
    _Field("weekday", 0, _SUNDAY, {word: number for number, word in enumerate(_WEEKDAYS)}),
)


def read_cron(text: str) -> Cron:
    """Raises NotATime. Sunday is 0 or 7; names of months and weekdays have three letters."""
    written = text.casefold().split()
    if len(written) != len(_FIELDS):
        raise NotATime(f"has {len(written)} fields, and cron has five", CRONS)
    minutes, hours, days, months, weekdays = (
        _values(part, field) for part, field in zip(written, _FIELDS, strict=True)
    )
    return Cron(
        written=" ".join(written),
        minutes=minutes,
        hours=hours,
        days=days,
        months=months,
        weekdays=tuple(sorted({day % _SUNDAY for day in weekdays})),
        either=not (written[2].startswith("*") or written[4].startswith("*")),
    )


def _values(text: str, field: _Field) -> tuple[int, ...]:
    found: set[int] = set()
    for part in text.split(","):
        matched = _PART.fullmatch(part)
        if matched is None:
            raise NotATime(f'has "{part[:40]}" as its {field.name}, which is no number, range or *', CRONS)
        if matched["all"]:
            first, last = field.low, min(field.high, 6) if field.high == _SUNDAY else field.high
        else:
            first = _number(matched["first"], field)
            last = _number(matched["last"], field) if matched["last"] else first
            if matched["step"] and not matched["last"]:
                last = field.high
        step = int(matched["step"] or 1)
        if not step:
            raise NotATime(f"counts its {field.name} in steps of nothing", CRONS)
        if last < first:
            raise NotATime(f'has a {field.name} from "{matched["first"]}" back to "{matched["last"]}"', CRONS)
        found.update(range(first, last + 1, step))
    return tuple(sorted(found))


def _number(text: str, field: _Field) -> int:
    number = field.words.get(text)
    if number is None and text.isascii() and text.isdigit():
        number = int(text[:5])
    if number is None or not field.low <= number <= field.high:
        words = f", or {next(iter(field.words))} and so on" if field.words else ""
        remedy = f"write {field.low} to {field.high}{words}"
        raise NotATime(f'has the {field.name} "{text[:40]}", which there is not', remedy)
    return number
