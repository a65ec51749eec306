"""Who has taken the action, on a database; and who is left out for it when a batch is claimed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, Row
from sqlalchemy.exc import SQLAlchemyError

from campaign.errors import LedgerError
from campaign.ports.actions import Action, Recorded
from campaign.storage import tables as t
from campaign.storage.addresses import address_key
from campaign.storage.among import among
from campaign.storage.bundles import unpack_bundle
from campaign.storage.database import Database

HAS_ACTED = "has acted"
_AT_ONCE = 2_000

_KNOWN: WeakKeyDictionary[Engine, dict[str, bool]] = WeakKeyDictionary()
"""Whether a step is for those alone who have not acted, by the digest as which it was approved: that never changes, so
that it costs a batch nothing to know."""


class SqlActions:
    """See ``campaign.ports.actions.Actions``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, actions: Sequence[Action], *, at: datetime) -> Recorded:
        first: dict[str, datetime] = {}
        for action in actions:
            key = address_key(action.email)
            first[key] = min(first.get(key, at), action.at)
        recorded = Recorded()
        try:
            with self._database.write() as connection:
                keys = list(first)
                for some in (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE)):
                    recorded += _record(connection, {key: first[key] for key in some}, at)
        except SQLAlchemyError as error:
            raise LedgerError(f"who has acted cannot be recorded ({type(error).__name__})") from error
        return recorded


def _record(connection: Connection, first: dict[str, datetime], at: datetime) -> Recorded:
    s = t.supporters.c
    there = sa.select(s.id, s.email_key, s.acted_at).where(among(connection, s.email_key, list(first)))
    if connection.dialect.name == "postgresql":
        there = there.order_by(s.id).with_for_update()  # two that tell the same people take turns
    rows = connection.execute(there).all()
    new = [{"person": row.id, "acted": first[row.email_key]} for row in rows if row.acted_at is None]
    if new:
        mine = sa.update(t.supporters).where(s.id == sa.bindparam("person"))
        connection.execute(mine.values(acted_at=sa.bindparam("acted"), changed_at=at), new)
    return Recorded(new=len(new), known=len(rows) - len(new), unknown=len(first) - len(rows))


def left_out(connection: Connection, batch: Row[Any], digest: str) -> dict[int, str]:
    """Those of a batch who have acted, by seq, with the reason, where its step is for those who have not; else nobody.

    In the transaction that claims: whoever acts after the wave was prepared is not asked to act any more.
    """
    if not _for_those_who_have_not(connection, digest):
        return {}
    d, s = t.deliveries.c, t.supporters.c
    acted = (
        sa.select(d.seq)
        .join_from(t.deliveries, t.supporters, s.id == d.supporter_id)
        .where(d.wave_id == batch.wave_id, d.seq.between(batch.first_seq, batch.last_seq), s.acted_at.is_not(None))
    )
    return dict.fromkeys(connection.execute(acted).scalars(), HAS_ACTED)


def _for_those_who_have_not(connection: Connection, digest: str) -> bool:
    known = _KNOWN.setdefault(connection.engine, {})
    if digest not in known:
        body = connection.execute(sa.select(t.bundles.c.body).where(t.bundles.c.digest == digest)).scalar()
        segment = unpack_bundle(body).step.segment if body is not None else None
        known[digest] = segment is not None and segment.acted is False
    return known[digest]
