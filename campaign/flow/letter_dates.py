"""Dates as people write them, in any order and in the languages that letters come in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import NamedTuple

# One row a month: English, Spanish, French, German, Italian, Portuguese; then abbreviations.
_MONTHS = (
    "January enero janvier Januar gennaio janeiro Jan",
    "February febrero février Februar febbraio fevereiro Feb",
    "March marzo mars März março Mar",
    "April abril avril aprile Apr",
    "May mayo mai Mai maggio maio",
    "June junio juin Juni giugno junho Jun",
    "July julio juillet Juli luglio julho Jul",
    "August agosto août Aug",
    "September septiembre setiembre septembre settembre setembro Sept Sep",
    "October octubre octobre Oktober ottobre outubro Oct",
    "November noviembre novembre novembro Nov",
    "December diciembre décembre Dezember dicembre dezembro Dec",
)
# "may", "march" and "august" in small letters are words of their own in English.
_ONLY_CAPITALISED = frozenset({"may", "march", "august", "mar", "mars", "mai", "jan", "dec", "sep", "jun", "jul"})
_LEAP_YEAR = 2000
_CENTURY = 2000
_YEAR_DIGITS = 4
_MONTHS_IN_YEAR = 12


def _plain(word: str) -> str:
    """``word`` in small letters without accents."""
    return "".join(c for c in unicodedata.normalize("NFD", word.casefold()) if not unicodedata.combining(c))


_NUMBER_OF = {_plain(name): number for number, row in enumerate(_MONTHS, 1) for name in row.split()}
_NAMES = "|".join(sorted({name for row in _MONTHS for name in row.split()}, key=lambda name: (-len(name), name)))
_OF = r"(?:of\s+|de\s+|del\s+|do\s+|day\s+of\s+)?"
_YEAR = rf"(?:\s*,?\s+{_OF}(?P<year>\d{{4}})(?![\w-]))"

_DAY_FIRST = re.compile(
    rf"(?<![\w/.,-])(?P<day>\d{{1,2}})(?:st|nd|rd|th|er|\.?[ºo]|\.)?\s+{_OF}(?P<month>{_NAMES})\b\.?{_YEAR}?",
    re.IGNORECASE,
)
_MONTH_FIRST = re.compile(
    rf"\b(?P<month>{_NAMES})\b\.?\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:%])(?![.,]\d){_YEAR}?",
    re.IGNORECASE,
)
_MONTH_ALONE = re.compile(rf"\b(?P<month>{_NAMES})\b\.?{_YEAR}", re.IGNORECASE)
_YEAR_FIRST = re.compile(r"(?<![\w/.-])(?P<year>\d{4})(?P<sep>[-/.])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})(?!\w)")
_NUMBERS = re.compile(r"(?<![\w/.-])(?P<a>\d{1,2})(?P<sep>[-/.])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?![\w/-])")


class Day(NamedTuple):
    """A day, or a month of a year, or a day of any year: what was not written is None."""

    year: int | None
    month: int
    day: int | None

    def says_no_more_than(self, known: Day) -> bool:
        """Whether everything that this says is also said by ``known``."""
        return (
            self.month == known.month
            and (self.day is None or self.day == known.day)
            and (self.year is None or self.year == known.year)
        )


class WrittenDate(NamedTuple):
    """A date found at ``start`` to ``end`` of a text.

    ``readings`` are the days it may mean: two where the order of day and month cannot be told (05/06/2018), none
    where the calendar has no such day (31 February).
    """

    start: int
    end: int
    text: str
    readings: tuple[Day, ...]


def find(text: str) -> list[WrittenDate]:
    """Every date in ``text``, in order; they do not overlap."""
    found: list[WrittenDate] = []
    end = 0
    every = chain(_in_numbers(text), _in_words(text))
    for written in sorted(every, key=lambda one: (one.start, -one.end)):
        if written.start >= end:
            found.append(written)
            end = written.end
    return found


def full(days: tuple[Day, ...]) -> list[date]:
    """The readings that name a day of a year, as dates."""
    return [date(one.year, one.month, one.day) for one in days if one.year is not None and one.day is not None]


def _in_words(text: str) -> Iterator[WrittenDate]:
    for pattern in (_DAY_FIRST, _MONTH_FIRST, _MONTH_ALONE):
        for match in pattern.finditer(text):
            parts = match.groupdict()
            name = match["month"]
            if name.islower() and _plain(name) in _ONLY_CAPITALISED and not _speaks_romance(match.group()):
                continue
            day = int(parts["day"]) if parts.get("day") else None
            year = int(parts["year"]) if parts["year"] else None
            yield _written(match, (Day(year, _NUMBER_OF[_plain(name)], day),))


def _speaks_romance(written: str) -> bool:
    """``1er mai`` and ``5 de mars`` are dates, ``20 march`` in the middle of English prose is not."""
    return bool(re.match(r"\d+er\s|\d+\S*\s+de\s|\d+\s+(?:mai|mars)\s+\d", written))


def _in_numbers(text: str) -> Iterator[WrittenDate]:
    for match in _YEAR_FIRST.finditer(text):
        yield _written(match, (Day(int(match["year"]), int(match["month"]), int(match["day"])),))
    for match in _NUMBERS.finditer(text):
        year = int(match["year"]) if len(match["year"]) == _YEAR_DIGITS else _CENTURY + int(match["year"])
        a, b = int(match["a"]), int(match["b"])
        # Only with strokes is the month ever written first (United States); dots and hyphens begin with the day.
        orders = {(a, b), (b, a)} if match["sep"] == "/" else {(a, b)}
        yield _written(match, tuple(Day(year, month, day) for day, month in sorted(orders)))


def _written(match: re.Match[str], readings: tuple[Day, ...]) -> WrittenDate:
    return WrittenDate(match.start(), match.end(), match.group(), tuple(filter(_exists, readings)))


def _exists(one: Day) -> bool:
    if not 1 <= one.month <= _MONTHS_IN_YEAR or one.year == 0:
        return False
    try:
        date(one.year or _LEAP_YEAR, one.month, one.day or 1)
    except ValueError:
        return False
    return one.day != 0
