"""Whole audiences: everybody in one, page by page, and those of them who share a mailbox."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.sql.compiler import SQLCompiler

from campaign.model.places import home_country, key, zone_at
from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import Supporter
from campaign.ports.supporters import Shared
from campaign.storage import segments
from campaign.storage.database import Database
from campaign.storage.people import COLUMNS, as_supporter
from campaign.storage.tables import supporters

_PAGE = 2_000
_EXAMPLES = 3
_BITS = 60
"""So many segments are counted in one query: numbers have 64 bits, and two are for why somebody is left out."""
_GMAIL = ("gmail.com", "googlemail.com")


def pages(database: Database, audience: Audience) -> Iterator[Mapping[str, Sequence[Supporter]]]:
    """Each page is a transaction of its own: a long look holds up no sending.

    A page is read by the driver itself, as batches are: see ``recipients``.
    """
    chosen = (
        sa.select(*COLUMNS)
        .where(segments.reachable(audience), supporters.c.id > sa.bindparam("last", 0))
        .order_by(supporters.c.id)
        .limit(_PAGE)
    )
    query = chosen.compile(dialect=database.engine.dialect)
    last = 0
    while True:
        with database.read() as connection:
            rows = _by_driver(connection, query, last=last)
        page: dict[str, list[Supporter]] = {}
        for person in map(as_supporter, rows):
            page.setdefault(audience.variant(person.language), []).append(person)
        if page:
            yield page
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


def _by_driver(connection: Connection, query: SQLCompiler, **values: Any) -> list[Sequence[Any]]:
    """The rows of ``query`` as the driver gives them, without the conversions that SQLAlchemy makes of them."""
    written = query.construct_expanded_state(values)
    given = written.positional_parameters if query.positional else written.parameters
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(written.statement, given)
        rows: list[Sequence[Any]] = list(cursor.fetchall())
    return rows


def census(
    connection: Connection, chosen: Collection[Segment], *, home_zone: str, campaign: str
) -> Mapping[Segment, Mapping[str, Headcount]]:
    """Everybody is read once, grouped by where they are, in which segments, and why they would be left out.

    The segments are the bits of one number, and a place is resolved for each group and not for each person: what is
    sorted to group a million rows is small.
    """
    found: dict[Segment, dict[str, list[int]]] = {segment: {} for segment in chosen}
    names, home = list(found), home_country(home_zone)
    left_out = sa.case(
        (segments.suppressed(), 1), (segments.without_consent(), 2), (segments.elsewhere(campaign), 3), else_=0
    )
    for some in (names[at : at + _BITS] for at in range(0, len(names), _BITS)):
        bits = (sa.case((segments.matches(segment), 4 << bit), else_=0) for bit, segment in enumerate(some))
        kind = sum(bits, start=sa.cast(left_out, sa.BigInteger)).label("kind")
        for (zone, country, region, code), which, number in _grouped(connection, kind):
            place = key(zone=zone, country=country, region=region, postal_code=code, home=home)
            there = zone_at(place, home_zone=home_zone)
            for bit, segment in enumerate(some):
                if which & 4 << bit:
                    found[segment].setdefault(there, [0, 0, 0, 0])[which & 3] += number
    return {
        segment: {zone: Headcount(sum(counts), *counts[1:]) for zone, counts in sorted(zones.items())}
        for segment, zones in found.items()
    }


def at_domains(
    connection: Connection, chosen: Collection[Segment], domains: Collection[str], *, campaign: str
) -> Mapping[Segment, Mapping[str, int]]:
    """Those who are at one of the domains are read once, grouped by where they are and in which segments."""
    found: dict[Segment, dict[str, int]] = {segment: {} for segment in chosen}
    if not domains:
        return found
    names, domain = list(found), segments.mailbox_domain(connection)
    for some in (names[at : at + _BITS] for at in range(0, len(names), _BITS)):
        which = _which(some)
        counted = sa.select(domain.label("domain"), which.label("which"), sa.func.count())
        there = counted.where(domain.in_(domains), _may_be_written_to(campaign)).group_by("domain", "which")
        for at, bits, number in connection.execute(there):
            for bit, segment in enumerate(some):
                if bits & 1 << bit:
                    found[segment][at] = found[segment].get(at, 0) + number
    return found


def groups(connection: Connection, chosen: Collection[Segment], *, campaign: str) -> Mapping[frozenset[Segment], int]:
    """Everybody is read once; their segments are the bits of as many numbers as it takes."""
    names = list(chosen)
    parts = [names[at : at + _BITS] for at in range(0, len(names), _BITS)]
    if not parts:
        return {}
    bits = [_which(some).label(f"which_{number}") for number, some in enumerate(parts)]
    query = sa.select(*bits, sa.func.count()).where(_may_be_written_to(campaign))
    found: dict[frozenset[Segment], int] = {}
    for *which, number in connection.execute(query.group_by(*(one.name for one in bits))):
        theirs = (
            segment
            for some, held in zip(parts, which, strict=True)
            for bit, segment in enumerate(some)
            if held & 1 << bit
        )
        found[frozenset(theirs)] = number
    return found


def _which(some: Sequence[Segment]) -> ColumnElement[int]:
    """In which of them a supporter is, as the bits of a number."""
    bits = (sa.case((segments.matches(segment), 1 << bit), else_=0) for bit, segment in enumerate(some))
    return sum(bits, start=sa.cast(0, sa.BigInteger))


def _may_be_written_to(campaign: str) -> ColumnElement[bool]:
    return sa.and_(~segments.suppressed(), ~segments.without_consent(), ~segments.elsewhere(campaign))


def _grouped(connection: Connection, kind: ColumnElement[int]) -> Iterator[tuple[tuple[str, str, str, str], int, int]]:
    """Zone, country, region and the head of the postal code; the kind; how many. Whoever has a zone needs no more."""
    s = supporters.c
    zoned = sa.select(s.zone, kind, sa.func.count()).where(s.zone != "").group_by(s.zone, kind)
    for zone, which, number in connection.execute(zoned):
        yield (zone, "", "", ""), which, number
    head = sa.func.substr(s.postal_code, 1, 3).label("head")
    placed = sa.select(s.country, s.region, head, kind, sa.func.count()).where(s.zone == "")
    for country, region, code, which, number in connection.execute(placed.group_by(s.country, s.region, head, kind)):
        yield ("", country, region, code), which, number


def shared_mailboxes(connection: Connection, audience: Audience) -> Shared:
    """Only addresses that can be spelt in several ways are put together, so it stays small in a large audience."""
    local, domain, plus = _spelling(connection)
    mailbox = sa.case(
        (domain.in_(_GMAIL), sa.func.replace(local, ".", "") + "@" + _GMAIL[0]), else_=local + "@" + domain
    )
    groups = (
        sa.select(
            mailbox.label("mailbox"),
            sa.func.count().label("n"),
            sa.func.min(supporters.c.id).label("first"),
            sa.func.max(supporters.c.id).label("last"),
        )
        .where(segments.reachable(audience), sa.or_(plus > 1, domain.in_(_GMAIL)))
        .group_by(mailbox)
        .having(sa.or_(sa.func.count() > 1, sa.func.max(plus) > 1))
        .order_by(sa.func.min(supporters.c.id))
    )
    people = 0
    examples: list[tuple[int, ...]] = []
    found = connection.execution_options(yield_per=_PAGE).execute(groups)
    for some in found.partitions():
        # Behind a plus stands the same mailbox as without it, and that address is like any other.
        plain = sa.select(supporters.c.email_key, supporters.c.id).where(
            segments.reachable(audience),
            supporters.c.email_key.in_([row.mailbox for row in some]),
            ~sa.or_(plus > 1, domain.in_(_GMAIL)),
        )
        others = {row.email_key: row.id for row in connection.execute(plain)}
        for row in some:
            together = sorted({row.first, row.last, others.get(row.mailbox, row.first)})
            people += row.n - (row.mailbox not in others)
            if len(together) > 1 and len(examples) < _EXAMPLES:
                examples.append(tuple(together))
    return Shared(people=people, examples=examples)


def _spelling(connection: Connection) -> tuple[ColumnElement[str], ColumnElement[str], ColumnElement[int]]:
    """The local part up to its plus, the domain, and where the plus stands: 1 or less is none that divides."""
    key = supporters.c.email_key
    position = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
    at, plus = position(key, "@"), position(key, "+")
    divides = sa.case((sa.and_(plus > 1, plus < at), plus), else_=0)
    end = sa.case((divides > 0, divides), else_=at)
    return sa.func.substr(key, 1, end - 1), sa.func.substr(key, at + 1), divides
