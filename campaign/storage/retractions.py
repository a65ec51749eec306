"""Posts that somebody wants deleted: who said so, what is tried, and what became of it.

Counted like sending: an attempt is committed before the call, its outcome after it. Deleting twice is harmless, so a
crash in between leaves a retraction that is tried again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.model.delivery import DeliveryId, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.posted import Retracting
from campaign.model.wave import UNFINISHED, WaveState
from campaign.storage import tables as t
from campaign.storage import waves
from campaign.storage.batches import become, open_parts
from campaign.storage.counting import shift
from campaign.storage.database import upsert

_UNSENT = (State.PLANNED.value, State.DEFERRED.value)


def ask(connection: Connection, world: str, step: str, *, account: str | None, by: str, now: datetime) -> Retracting:
    """See ``campaign.ports.ledger.Ledger.retract``."""
    before = waves.find(connection, world, step=step)
    batches = _locked(connection, [wave.id for wave in before], account)
    why = f"retracted by {by}"
    cancelled = 0
    untold: list[dict[str, Any]] = []
    for batch in batches:
        parts = open_parts(connection, batch)
        # Whoever has claimed it and not begun finds that the claim is lost.
        unbegun = batch.state == State.CLAIMED.value and not batch.begun
        if parts and (batch.state in _UNSENT or unbegun):
            become(connection, batch, parts, State(batch.state), State.CANCELLED, now=now, why=why)
            cancelled += len(parts)
        elif batch.state in (State.CLAIMED.value, State.IN_DOUBT.value):
            untold += [_row(batch.wave_id, seq, by, now, posted_at=batch.changed_at) for seq in parts]
    for wave in before if account is None else ():
        if wave.state in UNFINISHED:
            waves.end(connection, wave.id, WaveState.CANCELLED, why=why, at=now)
    stands = _standing(connection, [batch.id for batch in batches])
    rows = [_row(row.wave_id, row.seq, by, now, posted_at=row.changed_at) for row in stands]
    # What is being deleted already keeps its place; what its network refused to delete is asked for anew.
    under_way = _under_way(connection, [wave.id for wave in before])
    upsert(
        connection, t.retractions, [row for row in (*rows, *untold) if (row["wave_id"], row["seq"]) not in under_way]
    )
    return Retracting(posts=len(rows) + len(untold), in_doubt=len(untold), cancelled=cancelled)


def begin(connection: Connection, delivery: DeliveryId, *, now: datetime, again_at: datetime) -> bool:
    r = t.retractions.c
    stands = sa.select(sa.literal(1)).where(
        t.outcomes.c.wave_id == r.wave_id, t.outcomes.c.seq == r.seq, t.outcomes.c.state == State.ACCEPTED.value
    )
    taken = connection.execute(
        sa.update(t.retractions)
        .where(r.wave_id == delivery.wave_id, r.seq == delivery.seq, r.ended_at.is_(None), r.due_at <= now)
        .where(sa.exists(stands))
        .values(attempts=r.attempts + 1, due_at=again_at)
    )
    return taken.rowcount == 1


def end(connection: Connection, delivery: DeliveryId, outcome: Outcome, *, now: datetime, retry_at: datetime) -> None:
    values: dict[str, Any]
    match outcome:
        case Accepted():
            values = {"ended_at": now, "why": ""}
        case Refused(reason=why):
            values = {"ended_at": now, "why": why}
        case Deferred(reason=why, until=until):
            values = {"due_at": max(until or retry_at, now), "why": why}
        case InDoubt(reason=why):
            values = {"due_at": retry_at, "why": why}
        case _:
            assert_never(outcome)
    if isinstance(outcome, Accepted) and not _gone(connection, delivery, now):
        return
    connection.execute(
        sa.update(t.retractions).where(*_of(delivery), t.retractions.c.ended_at.is_(None)).values(values)
    )


def _gone(connection: Connection, delivery: DeliveryId, now: datetime) -> bool:
    """The delivery is retracted; False where it was not one that stood."""
    o = t.outcomes.c
    by = connection.execute(sa.select(t.retractions.c.by).where(*_of(delivery))).scalar_one()
    changed = connection.execute(
        sa.update(t.outcomes)
        .where(o.wave_id == delivery.wave_id, o.seq == delivery.seq, o.state == State.ACCEPTED.value)
        .values(state=State.RETRACTED.value, why=f"retracted by {by}", changed_at=now)
    )
    if changed.rowcount != 1:
        return False
    shift(connection, delivery.wave_id, {State.ACCEPTED: -1, State.RETRACTED: 1})
    return True


def cancels(connection: Connection, batch: Row[Any]) -> str | None:
    """Why what of a thread comes back unsent is not to be sent any more; None where nobody has retracted it."""
    by = connection.execute(_BY, {"wave": batch.wave_id, "first": batch.first_seq, "last": batch.last_seq}).scalar()
    return None if by is None else f"retracted by {by}"


def never_posted(connection: Connection, batch: Row[Any], seqs: Sequence[int], now: datetime) -> None:
    """It turned out that these were not taken: there is nothing to delete."""
    if not seqs:
        return
    r = t.retractions.c
    connection.execute(
        sa.update(t.retractions)
        .where(r.wave_id == batch.wave_id, r.seq.in_(seqs), r.ended_at.is_(None))
        .values(ended_at=now, why="it was never posted")
    )


_BY = (
    sa.select(t.retractions.c.by)
    .where(
        t.retractions.c.wave_id == sa.bindparam("wave"),
        t.retractions.c.seq.between(sa.bindparam("first"), sa.bindparam("last")),
    )
    .limit(1)
)


def _of(delivery: DeliveryId) -> tuple[Any, Any]:
    return t.retractions.c.wave_id == delivery.wave_id, t.retractions.c.seq == delivery.seq


def _row(wave_id: int, seq: int, by: str, now: datetime, *, posted_at: datetime) -> dict[str, Any]:
    return {
        "wave_id": wave_id,
        "seq": seq,
        "by": by,
        "posted_at": posted_at,
        "asked_at": now,
        "attempts": 0,
        "due_at": now,
        "ended_at": None,
        "why": "",
    }


def _locked(connection: Connection, wave_ids: Sequence[int], account: str | None) -> Sequence[Row[Any]]:
    """The threads of these waves; nobody else changes them before this transaction ends."""
    b = t.batches
    query = sa.select(b).where(b.c.wave_id.in_(wave_ids), b.c.regular, b.c.account != "").order_by(b.c.id)
    if account is not None:
        query = query.where(b.c.account == account)
    return connection.execute(query.with_for_update()).all()


def _standing(connection: Connection, batch_ids: Sequence[int]) -> Sequence[Row[Any]]:
    o = t.outcomes
    query = sa.select(o).where(o.c.batch_id.in_(batch_ids), o.c.state == State.ACCEPTED.value)
    return connection.execute(query).all()


def _under_way(connection: Connection, wave_ids: Sequence[int]) -> set[tuple[int, int]]:
    r = t.retractions.c
    query = sa.select(r.wave_id, r.seq).where(r.wave_id.in_(wave_ids), r.ended_at.is_(None))
    return {(row.wave_id, row.seq) for row in connection.execute(query)}
