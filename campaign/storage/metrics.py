"""The posts that networks took, and the public figures that were read of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row, Select

from campaign.model.delivery import DeliveryId, State
from campaign.model.media import Metrics, Reading
from campaign.model.posted import Posted, Retraction
from campaign.storage import spending
from campaign.storage import tables as t
from campaign.storage.database import insert_or_ignore

_TAKEN = (State.ACCEPTED.value, State.RETRACTED.value)


def posts(connection: Connection, world: str, *, step: str | None = None, to_retract: bool = False) -> Sequence[Posted]:
    """See ``campaign.ports.ledger.Ledger.posts``."""
    if to_retract and not connection.execute(sa.select(t.retractions.c.seq).where(_OPEN).limit(1)).first():
        return ()
    w = t.waves.c
    waves = sa.select(w.id).where(w.world == world, w.channel != "email", w.prepared_at.is_not(None))
    if step is not None:
        waves = waves.where(w.step == step)
    # By instant, then in the order in which their steps were approved: the plan's.
    ids = connection.execute(waves.order_by(w.due_at, w.id)).scalars().all()
    place = {wave_id: number for number, wave_id in enumerate(ids)}
    found: list[Posted] = []
    for some in (ids[at : at + 500] for at in range(0, len(ids), 500)):
        rows = [*connection.execute(_taken(to_retract=to_retract).where(w.id.in_(some)))]
        rows += connection.execute(_untold().where(w.id.in_(some)))
        read = _latest(connection, some)
        found += [_posted(row, read.get((row.wave_id, row.seq))) for row in rows]
    return sorted(found, key=lambda one: (place[one.delivery.wave_id], one.delivery.seq))


_OPEN = t.retractions.c.ended_at.is_(None)


def _columns() -> list[Any]:
    w, b, r = t.waves.c, t.batches.c, t.retractions.c
    return [
        w.id.label("wave_id"), w.step, w.number, w.channel, b.account, b.first_seq, r.by, r.asked_at, r.attempts,
        r.due_at, r.ended_at, r.why, r.posted_at,
    ]  # fmt: skip


def _taken(*, to_retract: bool) -> Select[Any]:
    """From the waves on: millions of e-mails may have outcomes beside these."""
    w, b, o, r = t.waves, t.batches, t.outcomes, t.retractions
    both = sa.and_(r.c.wave_id == o.c.wave_id, r.c.seq == o.c.seq)
    query = (
        sa.select(*_columns(), o.c.seq, o.c.state, o.c.ref, o.c.url, o.c.changed_at)
        .select_from(w)
        .join(o, o.c.wave_id == w.c.id)
        .join(b, b.c.id == o.c.batch_id)
        .outerjoin(r, both)
        .where(o.c.state.in_(_TAKEN))
    )
    return query.where(_OPEN, r.c.by.is_not(None)) if to_retract else query


def _untold() -> Select[Any]:
    """What is to be deleted, and may or may not have been posted: it follows its batch."""
    w, b, o, r = t.waves, t.batches, t.outcomes, t.retractions
    covered = sa.and_(
        b.c.wave_id == w.c.id, b.c.regular, b.c.account != "", r.c.seq.between(b.c.first_seq, b.c.last_seq)
    )
    ref = sa.literal("").label("ref")
    return (
        sa.select(*_columns(), r.c.seq, b.c.state, ref, sa.literal("").label("url"), b.c.changed_at)
        .select_from(w)
        .join(r, r.c.wave_id == w.c.id)
        .join(b, covered)
        .outerjoin(o, sa.and_(o.c.wave_id == r.c.wave_id, o.c.seq == r.c.seq))
        .where(o.c.seq.is_(None), _OPEN)
    )


def _latest(connection: Connection, wave_ids: Sequence[int]) -> Mapping[tuple[int, int], Reading]:
    m = t.metrics
    newest = (
        sa.select(m.c.wave_id, m.c.seq, sa.func.max(m.c.read_at).label("read_at"))
        .where(m.c.wave_id.in_(wave_ids))
        .group_by(m.c.wave_id, m.c.seq)
        .subquery()
    )
    same = sa.and_(m.c.wave_id == newest.c.wave_id, m.c.seq == newest.c.seq, m.c.read_at == newest.c.read_at)
    return {
        (row.wave_id, row.seq): Reading(
            row.wave_id, row.seq, row.read_at, Metrics(row.likes, row.reposts, row.replies, row.views)
        )
        for row in connection.execute(sa.select(m).join(newest, same))
    }


def _posted(row: Row[Any], reading: Reading | None) -> Posted:
    retraction = None
    if row.by is not None:
        retraction = Retraction(row.by, row.asked_at, row.attempts, row.due_at, row.ended_at, row.why)
    return Posted(
        delivery=DeliveryId(row.wave_id, row.seq),
        step=row.step,
        wave=row.number,
        channel=row.channel,
        account=row.account,
        part=row.seq - row.first_seq + 1,
        state=State(row.state),
        posted_at=row.changed_at if row.posted_at is None else row.posted_at,
        ref=row.ref,
        url=row.url,
        reading=reading,
        retraction=retraction,
    )


def keep(connection: Connection, readings: Sequence[Reading], *, costs: Mapping[int, int]) -> None:
    """Keep ``readings``; ``costs`` is what they cost, in micro-USD by wave."""
    rows = [
        {
            "wave_id": one.wave_id,
            "seq": one.seq,
            "read_at": one.read_at,
            "likes": one.metrics.likes,
            "reposts": one.metrics.reposts,
            "replies": one.metrics.replies,
            "views": one.metrics.views,
        }
        for one in readings
    ]
    if rows:
        insert_or_ignore(connection, t.metrics, rows)
    at = max((one.read_at for one in readings), default=None)
    for wave_id, cost in sorted(costs.items()):
        if cost and at is not None:
            spending.add(connection, wave_id, cost, at=at)
