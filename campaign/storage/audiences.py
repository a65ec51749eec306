"""Whole audiences: everybody in one, page by page, and those of them who share a mailbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

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
    """Each page is a transaction of its own: a long look holds up no sending."""
    variant = segments.variant(audience).label("variant")
    chosen = sa.select(*COLUMNS, variant).where(segments.reachable(audience)).order_by(supporters.c.id).limit(_PAGE)
    last = 0
    while True:
        with database.read() as connection:
            rows = connection.execute(chosen.where(supporters.c.id > last)).all()
        page: dict[str, list[Supporter]] = {}
        for row in rows:
            page.setdefault(row[-1], []).append(as_supporter(row))
        if page:
            yield page
        if len(rows) < _PAGE:
            return
        last = rows[-1][0]


def shared_mailboxes(connection: Connection, audience: Audience) -> Shared:
    mailbox = _mailbox(connection).label("mailbox")
    one = (
        sa.select(
            sa.func.count().label("n"),
            sa.func.min(supporters.c.id).label("first"),
            sa.func.max(supporters.c.id).label("last"),
        )
        .where(segments.reachable(audience))
        .group_by(mailbox)
        .having(sa.func.count() > 1)
        .subquery()
    )
    total = connection.execute(sa.select(sa.func.coalesce(sa.func.sum(one.c.n - 1), 0))).scalar_one()
    some = sa.select(one.c.first, one.c.last).order_by(one.c.first).limit(_EXAMPLES)
    examples = [(row.first, row.last) for row in connection.execute(some)] if total else []
    return Shared(people=int(total), examples=examples)


def _mailbox(connection: Connection) -> ColumnElement[str]:
    """The mailbox that an address leads to, as the address that is written to it most plainly."""
    key = supporters.c.email_key
    position = sa.func.instr if connection.dialect.name == "sqlite" else sa.func.strpos
    at, plus = position(key, "@"), position(key, "+")
    written = sa.func.substr(key, 1, at - 1)
    domain = sa.func.substr(key, at + 1)
    # A plus at the very beginning divides nothing off; one behind the @ is no part of a domain.
    local = sa.case((plus > 1, sa.func.substr(key, 1, sa.case((plus < at, plus), else_=at) - 1)), else_=written)
    plain = sa.func.replace(local, ".", "") + "@" + _GMAIL[0]
    return sa.case((domain.in_(_GMAIL), plain), else_=local + "@" + domain)
