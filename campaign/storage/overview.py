"""The overview: read often, by the status line and by whoever scrapes the metrics, so by few and small queries."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.delivery import State
from campaign.model.overview import Overview
from campaign.model.stop import EVERYTHING
from campaign.model.wave import WaveState
from campaign.storage import tables as t
from campaign.storage.columns import Utc


def overview(connection: Connection, world: str, *, now: datetime) -> Overview:
    w, c, b, a = t.waves.c, t.counts.c, t.batches.c, t.attempts.c
    counted = connection.execute(
        sa.select(w.step, w.channel, c.state, sa.func.sum(c.n).label("n"))
        .join(t.counts, c.wave_id == w.id)
        .where(w.world == world)
        .group_by(w.step, w.channel, c.state)
    )
    states = connection.execute(
        sa.select(w.state, sa.func.count().label("n")).where(w.world == world).group_by(w.state)
    )
    coming = connection.execute(
        sa.select(w.step, w.number, w.due_at)
        .where(w.world == world, w.state.in_([WaveState.WAITING.value, WaveState.PREPARED.value]), w.due_at > now)
        .order_by(w.due_at, w.id)
        .limit(1)
    ).first()
    # An attempt that a crash broke off was never ended; it counts from when its lease was over.
    since = sa.func.min(sa.func.coalesce(a.ended_at, b.lease_until_at, b.changed_at))
    doubted = connection.execute(
        sa.select(sa.type_coerce(since, Utc()))
        .select_from(t.batches.join(t.waves, w.id == b.wave_id).outerjoin(t.attempts, a.id == b.attempt_id))
        .where(w.world == world, b.state == State.IN_DOUBT.value)
    ).scalar()
    stopped = connection.execute(
        sa.select(t.stops.c.step).where(t.stops.c.world == world, t.stops.c.ended_at.is_(None)).distinct()
    ).scalars()
    steps = set(stopped)
    n = t.notices.c
    waiting = connection.execute(
        sa.select(sa.func.count()).select_from(t.notices).where(n.world == world, n.ended_at.is_(None))
    ).scalar_one()
    return Overview(
        deliveries={(row.step, row.channel, State(row.state)): int(row.n) for row in counted},
        waves={WaveState(row.state): row.n for row in states},
        next_wave=f"{coming.step}#{coming.number}" if coming else "",
        next_at=coming.due_at if coming else None,
        doubt_since=doubted,
        halted=EVERYTHING in steps,
        paused=len(steps - {EVERYTHING}),
        notices=waiting,
    )
