"""Whom a batch still goes to, and who of them may not be written to.

Regular batches are read by the driver itself: on the way to a million e-mails this is the longest part, and a row costs
half of what it costs through SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, Row, Select

from campaign.model.supporter import Supporter
from campaign.storage import tables as t
from campaign.storage.batches import follows
from campaign.storage.people import COLUMNS, as_supporter
from campaign.storage.waves import NO_CONSENT

FORGOTTEN = "forgotten"
_NO_BASIS = ("", "none")


class Recipient(NamedTuple):
    """Somebody left in a batch. ``why`` they may not be written to is "" where they may."""

    seq: int
    supporter: Supporter | None
    why: str


def recipients(connection: Connection, batch: Row[Any]) -> list[Recipient]:
    """Who is left in the batch, in order."""
    without = barred(connection, batch)
    rows = _regular(connection, batch) if batch.regular else _irregular(connection, batch)
    if not without:
        return [Recipient(row[-1], as_supporter(row), "") for row in rows]
    return [
        Recipient(row[-1], as_supporter(row) if row[-1] not in without else None, without.get(row[-1], ""))
        for row in rows
    ]


def barred(connection: Connection, batch: Row[Any]) -> Mapping[int, str]:
    """Those left in the batch who may not be written to now, with the reason, by seq: nobody else is read."""
    d, s, x, o = t.deliveries, t.supporters, t.suppressions, t.outcomes
    gone = sa.or_(s.c.id.is_(None), s.c.consent_basis.in_(_NO_BASIS))
    of_batch = (d.c.wave_id == batch.wave_id, d.c.seq.between(batch.first_seq, batch.last_seq))
    # Apart from each other: the first looks up a few suppressed addresses, or one for each of the batch, as is less.
    suppressed = (
        sa.select(d.c.seq, x.c.reason)
        .join_from(d, s, s.c.id == d.c.supporter_id)
        .join(x, x.c.address_hash == s.c.address_hash)
        .where(*of_batch)
    )
    lost = sa.select(d.c.seq, s.c.id).join_from(d, s, s.c.id == d.c.supporter_id, isouter=True).where(*of_batch, gone)
    found = {row.seq: FORGOTTEN if row.id is None else NO_CONSENT for row in connection.execute(lost)}
    found |= {row.seq: row.reason for row in connection.execute(suppressed)}
    if not found:
        return found
    left = sa.select(o.c.seq).where(o.c.wave_id == batch.wave_id, o.c.seq.in_(sorted(found)))
    if batch.regular:
        ended = set(connection.execute(left).scalars())
        return {seq: why for seq, why in sorted(found.items()) if seq not in ended}
    following = set(connection.execute(left.where(follows(batch))).scalars())
    return {seq: why for seq, why in sorted(found.items()) if seq in following}


def _regular(connection: Connection, batch: Row[Any]) -> list[Sequence[Any]]:
    """COLUMNS and the seq of those in the batch's range who have no outcome of their own."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    columns = ", ".join(f"s.{column.name}" for column in COLUMNS)
    there = (batch.wave_id, batch.first_seq, batch.last_seq)
    with closing(connection.connection.cursor()) as cursor:
        cursor.execute(
            f"SELECT {columns}, d.seq FROM deliveries d LEFT JOIN supporters s ON s.id = d.supporter_id "  # noqa: S608 - names and marks only
            f"WHERE d.wave_id = {mark} AND d.seq BETWEEN {mark} AND {mark} ORDER BY d.seq",
            there,
        )
        rows: list[Sequence[Any]] = list(cursor.fetchall())
        cursor.execute(
            f"SELECT seq FROM outcomes WHERE wave_id = {mark} AND seq BETWEEN {mark} AND {mark}",  # noqa: S608 - marks only
            there,
        )
        ended = {row[0] for row in cursor.fetchall()}
    return [row for row in rows if row[-1] not in ended] if ended else rows


def _irregular(connection: Connection, batch: Row[Any]) -> Sequence[Sequence[Any]]:
    d, s, o = t.deliveries, t.supporters, t.outcomes
    query: Select[Any] = (
        sa.select(*COLUMNS, d.c.seq)
        .select_from(d)
        .outerjoin(s, s.c.id == d.c.supporter_id)
        .join(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq))
        .where(d.c.wave_id == batch.wave_id, d.c.seq.between(batch.first_seq, batch.last_seq), follows(batch))
        .order_by(d.c.seq)
    )
    return connection.execute(query).all()
