"""Everybody is looked at once, and counted by where they are, in which segments, and why they would be left out.

What the segments ask of people is asked once of each person, however many segments ask it: their tags and whether they
have acted are the bits of a number, beside it stand the columns that matter. PostgreSQL groups by these. SQLite would
sort a million rows to group them, so it writes them one after the other, some thousands at a time, and they are counted
here; of many people two threads count a half each. Where people are, and in which segments, is worked out for each kind
of people and not for each person.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.places import home_country, key, zone_at
from campaign.model.segment import Headcount, Segment
from campaign.storage import segments
from campaign.storage.database import Database
from campaign.storage.tables import supporters

_BITS = 60
"""So many facts are put into one number: numbers have 64 bits."""
_REASONS = 2
"""Bits for why somebody is left out: 1 suppressed, 2 without consent, 3 only for another campaign."""
_AT_ONCE = 16_384
_BY_ONE = 100_000
"""So many people are counted by one thread: to begin another takes longer than to count them."""
_DIVIDES = "\x1e"
"""Stands between two people. No zone or mailbox domain holds it, and JSON writes it otherwise."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """People alike: of which columns' values, why they are left out, and of the segments those that they are in."""

    values: tuple[str, ...]
    why: int
    segments: Sequence[Segment]


def census(
    database: Database, chosen: Collection[Segment], *, home_zone: str, campaign: str
) -> Mapping[Segment, Mapping[str, Headcount]]:
    """See ``campaign.ports.supporters.Supporters.census``. Nobody is asked where no segment is."""
    s, home = supporters.c, home_country(home_zone)
    found: dict[Segment, dict[str, list[int]]] = {segment: {} for segment in chosen}
    where = (s.zone, *(_unzoned(column) for column in (s.country, s.region, sa.func.substr(s.postal_code, 1, 3))))
    for kind, number in _Asked(database, found, campaign).counted(where):
        zone, country, region, code = kind.values
        place = key(zone=zone, country=country, region=region, postal_code=code, home=home)
        there = zone_at(place, home_zone=home_zone)
        for segment in kind.segments:
            found[segment].setdefault(there, [0, 0, 0, 0])[kind.why] += number
    return {
        segment: {zone: Headcount(sum(counts), *counts[1:]) for zone, counts in sorted(zones.items())}
        for segment, zones in found.items()
    }


def at_domains(
    database: Database, chosen: Collection[Segment], domains: Collection[str], *, campaign: str
) -> Mapping[Segment, Mapping[str, int]]:
    """See ``campaign.ports.supporters.Supporters.at_domains``. Nobody is asked where no domain is."""
    found: dict[Segment, dict[str, int]] = {segment: {} for segment in chosen}
    domain = segments.mailbox_domain(database.engine.dialect.name)
    for kind, number in _Asked(database, found if domains else (), campaign).counted((domain,), domain.in_(domains)):
        for segment in () if kind.why else kind.segments:
            found[segment][kind.values[0]] = found[segment].get(kind.values[0], 0) + number
    return found


def groups(database: Database, chosen: Collection[Segment], *, campaign: str) -> Mapping[frozenset[Segment], int]:
    """See ``campaign.ports.supporters.Supporters.groups``. Nobody is asked where no segment is."""
    found: dict[frozenset[Segment], int] = {}
    for kind, number in _Asked(database, chosen, campaign).counted(()):
        if not kind.why:
            together = frozenset(kind.segments)
            found[together] = found.get(together, 0) + number
    return found


class _Asked:
    """What ``chosen`` ask of people, and the people counted by it."""

    def __init__(self, database: Database, chosen: Collection[Segment], campaign: str) -> None:
        self._database = database
        self._chosen = list(chosen)
        self._campaign = campaign
        every = (tag for one in self._chosen for tag in (*one.tags_all, *one.tags_any, *one.tags_none))
        self._tags = list(dict.fromkeys(filter(None, map(segments.tag_key, every))))
        self._columns = [
            column
            for column, asked in (("language", "languages"), ("country", "countries"), ("region", "regions"))
            if any(getattr(one, asked) for one in self._chosen)
        ]

    def counted(
        self, by: Sequence[ColumnElement[str]], among: ColumnElement[bool] | None = None
    ) -> Iterator[tuple[_Kind, int]]:
        """Those ``among`` whom to count, by the values of ``by``; a kind may come several times."""
        if not self._chosen:
            return
        whom = sa.true() if among is None else among
        columns = [*by, *(supporters.c[name] for name in self._columns)]
        found = self._by_rows if self._database.engine.dialect.name == "sqlite" else self._by_groups
        theirs: dict[tuple[int, tuple[str, ...]], Sequence[Segment]] = {}
        for bits, values, number in found(columns, whom):
            asked = (bits >> _REASONS, values[len(by) :])
            if asked not in theirs:
                theirs[asked] = [one for one in self._chosen if self._is_in(one, *asked)]
            yield _Kind(values[: len(by)], bits & (1 << _REASONS) - 1, theirs[asked]), number

    def _is_in(self, segment: Segment, bits: int, values: Sequence[str]) -> bool:
        tags = {tag for bit, tag in enumerate(self._tags, start=1) if bits >> bit & 1}
        return segments.meets(segment, tags=tags, acted=bool(bits & 1), **dict(zip(self._columns, values, strict=True)))

    def _numbers(self) -> list[ColumnElement[int]]:
        """Why somebody is left out, whether they have acted, and their tags: bit by bit, 60 to a number."""
        left_out = sa.case(
            (segments.suppressed(), 1),
            (segments.without_consent(), 2),
            (segments.elsewhere(self._campaign), 3),
            else_=0,
        )
        tagged = [segments.tagged(tag) for tag in self._tags]
        numbers: list[ColumnElement[int]] = [sa.cast(left_out, sa.BigInteger)]
        for place, condition in enumerate((supporters.c.acted_at.is_not(None), *tagged), start=_REASONS):
            if place % _BITS == 0:
                numbers.append(sa.cast(0, sa.BigInteger))
            numbers[-1] += sa.case((condition, 1 << place % _BITS), else_=0)
        return numbers

    def _by_groups(
        self, columns: Sequence[ColumnElement[str]], whom: ColumnElement[bool]
    ) -> Iterator[tuple[int, tuple[str, ...], int]]:
        # Labelled: two texts of one expression are not the same to PostgreSQL, where each binds its own values.
        numbers = [one.label(f"number_{place}") for place, one in enumerate(self._numbers())]
        values = [one.label(f"value_{place}") for place, one in enumerate(columns)]
        named: list[sa.Label[Any]] = [*numbers, *values]
        query = sa.select(*named, sa.func.count()).where(whom).group_by(*(one.name for one in named))
        with self._database.read() as connection:
            rows = connection.execute(query).all()
        for *facts, number in rows:
            yield _together(facts[: len(numbers)]), tuple(facts[len(numbers) :]), number

    def _by_rows(
        self, columns: Sequence[ColumnElement[str]], whom: ColumnElement[bool]
    ) -> Iterator[tuple[int, tuple[str, ...], int]]:
        numbers = [sa.cast(number, sa.Text) for number in self._numbers()]
        text: ColumnElement[Any] = _listed(columns)
        for number in reversed(numbers):
            text = number.concat(" ").concat(text)
        first, last = sa.bindparam("first", type_=sa.Integer), sa.bindparam("last", type_=sa.Integer)
        query = sa.select(sa.func.group_concat(text, _DIVIDES)).where(supporters.c.id.between(first, last), whom)
        for written, people in self._tallied(query).items():
            *bits, values = written.split(" ", len(numbers))
            named = json.loads(values) if values.startswith("[") else (values, *("",) * (len(columns) - 1))
            yield _together(map(int, bits)), tuple(named), people

    def _tallied(self, query: sa.Select[Any]) -> Counter[str]:
        """How often each text is among those that ``query`` writes of all people."""
        with self._database.read() as connection:
            first, last = connection.execute(sa.select(*_ends())).one()
            if first is None:
                return Counter()
            if last - first < _BY_ONE or (os.cpu_count() or 1) == 1:
                return _tally(connection, query, first, last)
        middle = (first + last) // 2
        # Each half is as it is when its thread begins: nobody is in both.
        with ThreadPoolExecutor(1) as beside:
            other = beside.submit(self._half, query, middle + 1, last)
            return self._half(query, first, middle) + other.result()

    def _half(self, query: sa.Select[Any], first: int, last: int) -> Counter[str]:
        with self._database.read() as connection:
            return _tally(connection, query, first, last)


def _tally(connection: Connection, query: sa.Select[Any], first: int, last: int) -> Counter[str]:
    """Page by page: what is written of many people at once no longer fits the processor's cache."""
    found: Counter[str] = Counter()
    for begin in range(first, last + 1, _AT_ONCE):
        end = min(begin + _AT_ONCE - 1, last)
        written: str | None = connection.execute(query, {"first": begin, "last": end}).scalar()
        if written is not None:
            found.update(written.split(_DIVIDES))
    return found


def _ends() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The first and the last id, each looked up: SQLite does so for one minimum at a time."""
    return (
        sa.select(sa.func.min(supporters.c.id)).scalar_subquery(),
        sa.select(sa.func.max(supporters.c.id)).scalar_subquery(),
    )


def _listed(columns: Sequence[ColumnElement[str]]) -> ColumnElement[Any]:
    """The columns as JSON; of somebody with a zone the zone alone, where nothing else is asked of them."""
    listed = sa.func.json_array(*columns, type_=sa.Text)
    zone = supporters.c.zone
    asked = {column.name for column in columns if isinstance(column, sa.Column)}
    if asked != {zone.name}:
        return listed
    return sa.case((zone != "", zone), else_=listed)


def _unzoned(column: ColumnElement[str]) -> ColumnElement[str]:
    """Where somebody is does not matter where they have a zone."""
    return sa.case((supporters.c.zone == "", column), else_="")


def _together(numbers: Any) -> int:
    return sum(number << _BITS * place for place, number in enumerate(numbers))
