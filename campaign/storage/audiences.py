"""Whole audiences: everybody in one, page by page, and those of them who share a mailbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection
from sqlalchemy.sql.compiler import SQLCompiler

from campaign.model.segment import Audience
from campaign.model.supporter import Supporter
from campaign.ports.supporters import Shared
from campaign.storage import segments
from campaign.storage.database import Database
from campaign.storage.people import COLUMNS, as_supporter
from campaign.storage.tables import supporters

_PAGE = 2_000
_EXAMPLES = 3
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
