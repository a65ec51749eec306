"""Batches in doubt, with what their attempt handed over."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.claim import Doubt
from campaign.model.delivery import State
from campaign.storage import tables as t
from campaign.storage.batches import last_attempt, members, sent_before
from campaign.storage.waves import find


def doubts(connection: Connection, world: str, *, channels: Collection[str] | None) -> Sequence[Doubt]:
    query = (
        sa.select(t.batches)
        .join(t.waves, t.waves.c.id == t.batches.c.wave_id)
        .where(t.waves.c.world == world, t.batches.c.state == State.IN_DOUBT.value)
        .order_by(t.batches.c.id)
    )
    if channels is not None:
        query = query.where(t.waves.c.channel.in_(channels))
    rows = connection.execute(query).all()
    waves = {wave.id: wave for wave in find(connection, world, ids={row.wave_id for row in rows})} if rows else {}
    found = []
    for batch in rows:
        kept = last_attempt(connection, batch.attempt_id)
        found.append(
            Doubt(
                batch_id=batch.id,
                attempt_id=batch.attempt_id,
                wave=waves[batch.wave_id],
                seqs=tuple(members(connection, batch)),
                first_seq=batch.first_seq,
                since=_ended(connection, batch.attempt_id) or kept.began_at,
                doubted_at=batch.changed_at,
                why=batch.why,
                kept=kept,
                variant=batch.variant,
                account=batch.account,
                sent=sent_before(connection, batch) if batch.account else (),
            )
        )
    return found


def _ended(connection: Connection, attempt_id: int) -> datetime | None:
    ended: datetime | None = connection.execute(
        sa.select(t.attempts.c.ended_at).where(t.attempts.c.id == attempt_id)
    ).scalar()
    return ended
