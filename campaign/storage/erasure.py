"""Forgetting somebody in what was handed over: their bytes go, everybody else's stay as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Select

from campaign.storage import posted
from campaign.storage import tables as t
from campaign.storage.bundles import pack_payload, unpack_payload
from campaign.storage.claims import REFUSED_WHOLE

NOBODY = 0
"""Whom a delivery names once its person was forgotten.

Not NULL, which means a post. Not the old id either: SQLite gives the highest one out again once it is free, and then
the next person added would come by the deliveries of the one who was forgotten.
"""


def erase(connection: Connection, supporter_id: int) -> None:
    """Blank the person's chunk in every attempt that handed one over and what providers posted of them, and let their
    deliveries name nobody.

    To be called before the supporter's row is deleted in the same transaction: on PostgreSQL the batches stay locked
    until it ends, so that nobody begins an attempt for a person whom they still see and we have erased already.
    """
    if connection.dialect.name == "sqlite":
        # Otherwise what is deleted stays in the file until something else is written over it.
        connection.exec_driver_sql("PRAGMA secure_delete=ON")
    _lock(connection, supporter_id)
    d, b, a = t.deliveries, t.batches, t.attempts
    chosen = sa.select(a.c.id, d.c.seq).join_from(d, b, _ever_in()).join(a, a.c.batch_id == b.c.id)
    for attempt_id, seq in connection.execute(chosen.where(d.c.supporter_id == supporter_id)).all():
        _blank(connection, attempt_id, seq)
    connection.execute(sa.update(d).where(d.c.supporter_id == supporter_id).values(supporter_id=NOBODY))
    email = connection.execute(sa.select(t.supporters.c.email).where(t.supporters.c.id == supporter_id)).scalar()
    if email:
        posted.blank(connection, email)


def _blank(connection: Connection, attempt_id: int, seq: int) -> None:
    body: bytes = connection.execute(sa.select(t.attempts.c.payload).where(t.attempts.c.id == attempt_id)).scalar_one()
    seqs, payload = unpack_payload(body)
    if seq not in seqs:
        return
    chunks = [b"" if other == seq else chunk for other, chunk in zip(seqs, payload.chunks, strict=True)]
    blanked = pack_payload(seqs, replace(payload, chunks=chunks))
    connection.execute(sa.update(t.attempts).where(t.attempts.c.id == attempt_id).values(payload=blanked))


def _ever_in() -> ColumnElement[bool]:
    """Whether a batch may ever have held a delivery: its range covers it, or did before the batch was halved."""
    d, b, a = t.deliveries, t.batches, t.attempts
    halved = sa.exists().where(a.c.batch_id == b.c.id, a.c.outcome.startswith(REFUSED_WHOLE)).correlate(b)
    return sa.and_(b.c.wave_id == d.c.wave_id, b.c.first_seq <= d.c.seq, sa.or_(b.c.last_seq >= d.c.seq, halved))


def _lock(connection: Connection, supporter_id: int) -> None:
    """Hold every batch that holds the person until the transaction ends. SQLite holds all of its database anyway."""
    d, b = t.deliveries, t.batches
    theirs: Select[Any] = sa.select(b.c.id).join_from(d, b, _ever_in()).where(d.c.supporter_id == supporter_id)
    held: set[int] = set()
    # Again, because a batch may have been halved or branched off while we waited for it.
    while new := set(connection.execute(theirs.order_by(b.c.id).with_for_update(of=b)).scalars()) - held:
        held |= new
