"""Whom a batch still goes to, and who of them may not be written to.

Regular batches are read by the driver itself: on the way to a million e-mails this is the longest part, and a row costs
half of what it costs through SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, Row, Select

from campaign.model.supporter import Supporter
from campaign.storage import actions, frequency, preferences
from campaign.storage import tables as t
from campaign.storage.batches import follows
from campaign.storage.people import COLUMNS, as_supporter
from campaign.storage.segments import NO_CONSENT

FORGOTTEN = "forgotten"
_NO_BASIS = ("", "none")
_ID = 0
"""Where it stands in COLUMNS."""
_BASIS, _WISH, _SEQ = -3, -2, -1
"""Where these stand behind them."""
_ALWAYS = frozenset({"id", "email", "first_name", "last_name"})
"""What an e-mail is addressed by, whatever it reads."""


class Recipients(NamedTuple):
    """Who is left in a batch: ``people`` and their ``seqs``, in order; ``gone`` says why others get nothing."""

    seqs: tuple[int, ...]
    people: Sequence[Supporter]
    gone: Mapping[int, str]


def recipients(
    connection: Connection,
    batch: Row[Any],
    now: datetime,
    *,
    reads: frozenset[str] | None = None,
    digest: str = "",
    recount: frequency.Recount | None = None,
) -> Recipients:
    """Who is left in the batch that is being claimed; of their data only what ``reads`` names, None is all.

    ``digest`` is what its step was approved as. ``recount``: to count again what its people have had."""
    if not batch.regular:
        rows, without = _irregular(connection, batch), barred(connection, batch, now, digest=digest, claiming=True)
    else:
        rows = _regular(connection, batch, reads)
        without = _suppressed(connection, batch)
        wishes = {}
        for row in rows:
            if row[_BASIS] in _NO_BASIS:
                without.setdefault(row[_SEQ], NO_CONSENT)
            elif row[_ID] is None:
                without[row[_SEQ]] = FORGOTTEN
            elif row[_WISH]:
                wishes[row[_SEQ]] = (row[_ID], row[_WISH])
        without = {**preferences.barred(connection, batch.wave_id, wishes, now, claiming=True), **without}
        without = {**actions.left_out(connection, batch, digest), **without}
    if recount is not None:
        left = {row[_SEQ]: row[_ID] for row in rows if row[_SEQ] not in without}
        without = {**frequency.counted_again(connection, recount, left), **without}
    gone = {row[_SEQ]: without[row[_SEQ]] for row in rows if row[_SEQ] in without} if without else {}
    if gone:
        rows = [row for row in rows if row[_SEQ] not in gone]
    return Recipients(tuple([row[_SEQ] for row in rows]), list(map(as_supporter, rows)), gone)


def barred(
    connection: Connection, batch: Row[Any], now: datetime, *, digest: str, claiming: bool = False
) -> dict[int, str]:
    """Those left in the batch who may not be written to now, with the reason, by seq: nobody else is read.

    ``digest`` as for ``recipients``."""
    d, s, o = t.deliveries, t.supporters, t.outcomes
    asked = sa.or_(s.c.id.is_(None), s.c.consent_basis.in_(_NO_BASIS), s.c.preference != "")
    of_batch = (d.c.wave_id == batch.wave_id, d.c.seq.between(batch.first_seq, batch.last_seq))
    lost = sa.select(d.c.seq, s.c.id, s.c.consent_basis, s.c.preference)
    found: dict[int, str] = {}
    wishes: dict[int, tuple[int, str]] = {}
    for row in connection.execute(
        lost.join_from(d, s, s.c.id == d.c.supporter_id, isouter=True).where(*of_batch, asked)
    ):
        if row.id is None:
            found[row.seq] = FORGOTTEN
        elif row.consent_basis in _NO_BASIS:
            found[row.seq] = NO_CONSENT
        else:
            wishes[row.seq] = (row.id, row.preference)
    found |= _suppressed(connection, batch)
    found = {**actions.left_out(connection, batch, digest), **found}
    if not found and not wishes:
        return found
    named = sa.select(o.c.seq).where(o.c.wave_id == batch.wave_id, o.c.seq.in_(sorted({*found, *wishes})))
    if batch.regular:
        left = {*found, *wishes} - set(connection.execute(named).scalars())
    else:
        left = set(connection.execute(named.where(follows(batch))).scalars())
    asking = {seq: wish for seq, wish in wishes.items() if seq in left and seq not in found}
    found |= preferences.barred(connection, batch.wave_id, asking, now, claiming=claiming)
    return {seq: why for seq, why in sorted(found.items()) if seq in left}


def _suppressed(connection: Connection, batch: Row[Any]) -> dict[int, str]:
    """Whose address must not be written to, by seq; also of those who have left the batch.

    Without an outer join, so that the database looks up a few suppressed addresses or one for each of the batch, as is
    less.
    """
    mark = _mark(connection)
    found = connection.exec_driver_sql(
        "SELECT d.seq, x.reason FROM deliveries d JOIN supporters s ON s.id = d.supporter_id "  # noqa: S608 - marks only
        "JOIN suppressions x ON x.address_hash = s.address_hash "
        f"WHERE d.wave_id = {mark} AND d.seq BETWEEN {mark} AND {mark}",
        (batch.wave_id, batch.first_seq, batch.last_seq),
    )
    return {row[0]: row[1] for row in found}


def _mark(connection: Connection) -> str:
    """What stands for a parameter."""
    return "?" if connection.dialect.name == "sqlite" else "%s"


def people_mark(connection: Connection) -> str:
    """Changes with whatever may decide that somebody must not be written to (see migration 0002); "" where the database
    has no such mark, and everybody is read again."""
    if connection.dialect.name != "sqlite":
        return ""
    return connection.exec_driver_sql("SELECT value FROM meta WHERE key = 'people'").scalar() or ""


def _regular(connection: Connection, batch: Row[Any], reads: frozenset[str] | None) -> list[Sequence[Any]]:
    """COLUMNS, the wish and the seq of those in the batch's range who have no outcome of their own."""
    mark = _mark(connection)
    columns = ", ".join([*(_read(column.name, reads) for column in COLUMNS), "s.consent_basis, s.preference, d.seq"])
    those = (
        "FROM deliveries d LEFT JOIN supporters s ON s.id = d.supporter_id "
        f"WHERE d.wave_id = {mark} AND d.seq BETWEEN {mark} AND {mark}"
    )
    there = (batch.wave_id, batch.first_seq, batch.last_seq)
    with closing(connection.connection.cursor()) as cursor:
        rows: list[Sequence[Any]]
        if connection.dialect.name == "sqlite":
            # As one text that SQLite writes by itself, in two thirds of the time: asked for row by row, it stops at
            # each for the interpreter, which other threads want too.
            as_json = f"CAST(json_group_array(json_array({columns})) AS BLOB)"
            cursor.execute(f"SELECT {as_json} {those}", there)
            ((written,),) = cursor.fetchall()
            rows = orjson.loads(written)
            rows.sort(key=itemgetter(_SEQ))
        else:
            cursor.execute(f"SELECT {columns} {those} ORDER BY d.seq", there)
            rows = list(cursor.fetchall())
        cursor.execute(
            f"SELECT seq FROM outcomes WHERE wave_id = {mark} AND seq BETWEEN {mark} AND {mark}",  # noqa: S608 - marks only
            there,
        )
        ended = {row[0] for row in cursor.fetchall()}
    return [row for row in rows if row[_SEQ] not in ended] if ended else rows


def _read(name: str, reads: frozenset[str] | None) -> str:
    """A column of a supporter, or nothing in its place where the wave's e-mail does not read it."""
    wanted = reads is None or name in _ALWAYS or name in reads or ("consent" in reads and name.startswith("consent_"))
    return f"s.{name}" if wanted else "''"


def _irregular(connection: Connection, batch: Row[Any]) -> Sequence[Sequence[Any]]:
    d, s, o = t.deliveries, t.supporters, t.outcomes
    query: Select[Any] = (
        sa.select(*COLUMNS, s.c.consent_basis, s.c.preference, d.c.seq)
        .select_from(d)
        .outerjoin(s, s.c.id == d.c.supporter_id)
        .join(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq))
        .where(d.c.wave_id == batch.wave_id, d.c.seq.between(batch.first_seq, batch.last_seq), follows(batch))
        .order_by(d.c.seq)
    )
    return connection.execute(query).all()
