"""A batch and those who follow it: who they are, and how they pass from one state to another."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row

from campaign.model.claim import Kept
from campaign.model.delivery import State
from campaign.storage import tables as t
from campaign.storage.bundles import unpack_payload
from campaign.storage.counting import close_if_done, shift


def locked(connection: Connection, batch_id: int) -> Row[Any]:
    """The batch as it is now; nobody else changes it before this transaction ends."""
    query = _LOCKED if connection.dialect.name == "postgresql" else _BATCH
    return connection.execute(query, {"batch": batch_id}).one()


def open_parts(connection: Connection, batch: Row[Any]) -> list[int]:
    """The parts of a thread without an outcome of their own: they follow the batch."""
    answered = sa.select(t.outcomes.c.seq).where(
        t.outcomes.c.wave_id == batch.wave_id, t.outcomes.c.seq.between(batch.first_seq, batch.last_seq)
    )
    query = (
        sa.select(t.deliveries.c.seq)
        .where(
            t.deliveries.c.wave_id == batch.wave_id,
            t.deliveries.c.seq.between(batch.first_seq, batch.last_seq),
            t.deliveries.c.seq.not_in(answered),
        )
        .order_by(t.deliveries.c.seq)
    )
    return list(connection.execute(query).scalars())


def sent_before(connection: Connection, batch: Row[Any]) -> tuple[str, ...]:
    """The provider's ids of the parts of the thread that it has."""
    query = (
        sa.select(t.outcomes.c.ref)
        .where(
            t.outcomes.c.wave_id == batch.wave_id,
            t.outcomes.c.seq.between(batch.first_seq, batch.last_seq),
            t.outcomes.c.state == State.ACCEPTED.value,
        )
        .order_by(t.outcomes.c.seq)
    )
    return tuple(connection.execute(query).scalars())


def last_attempt(connection: Connection, attempt_id: int) -> Kept:
    row = connection.execute(sa.select(t.attempts).where(t.attempts.c.id == attempt_id)).one()
    seqs, payload = unpack_payload(row.payload)
    return Kept(seqs=seqs, payload=payload, began_at=row.began_at)


def members(connection: Connection, batch: Row[Any]) -> list[int]:
    """The deliveries that follow the batch now."""
    if batch.regular:
        return open_parts(connection, batch)
    query = sa.select(t.outcomes.c.seq).where(follows(batch)).order_by(t.outcomes.c.seq)
    return list(connection.execute(query).scalars())


def follows(batch: Row[Any]) -> ColumnElement[bool]:
    """Whose own row follows an irregular batch: those it answers for that have not come to an end of their own."""
    return sa.and_(t.outcomes.c.batch_id == batch.id, t.outcomes.c.state == batch.state)


def become(
    connection: Connection,
    batch: Row[Any],
    seqs: Sequence[int],
    was: State,
    state: State,
    *,
    now: datetime,
    why: str,
    due_at: datetime | None = None,
    ref: str = "",
) -> None:
    """The batch, and all that follow it, pass from one state to another."""
    again_at = batch.due_at if due_at is None else no_sooner(connection, batch.wave_id, due_at)
    values = {"state": state.value, "why": why, "ref": ref, "changed_at": now, "due_at": again_at}
    connection.execute(_BECAME, {"batch": batch.id, **values})
    if not batch.regular:
        connection.execute(
            sa.update(t.outcomes)
            .where(t.outcomes.c.batch_id == batch.id, t.outcomes.c.seq.in_(seqs))
            .values(state=state.value, why=why, ref=ref, changed_at=now)
        )
    shift(connection, batch.wave_id, {was: -len(seqs), state: len(seqs)} if was is not state else {})
    close_if_done(connection, batch.wave_id, now)


def no_sooner(connection: Connection, wave_id: int, at: datetime) -> datetime:
    """``at``, but not before the wave is taken up: once a clock has been set back, "at once" may lie before that."""
    return max(at, begins_at(connection, wave_id))


def begins_at(connection: Connection, wave_id: int) -> datetime:
    """When the wave is taken up: at its instant, or as long before it as it is handed over."""
    wave = connection.execute(_BEGINS, {"wave": wave_id}).one()
    due_at: datetime = wave.due_at - timedelta(seconds=wave.ahead_s)
    return due_at


def end_attempt(connection: Connection, attempt_id: int | None, outcome: str, now: datetime) -> None:
    connection.execute(_ENDED, {"attempt": attempt_id, "ended_at": now, "outcome": outcome})


# Written once and not at each use: SQLAlchemy takes three times as long to put a statement together as to execute it.
_BATCH = sa.select(t.batches).where(t.batches.c.id == sa.bindparam("batch"))
_LOCKED = _BATCH.with_for_update()
_BECAME = (
    sa.update(t.batches)
    .where(t.batches.c.id == sa.bindparam("batch"))
    .values(
        {name: sa.bindparam(name) for name in ("state", "why", "ref", "changed_at", "due_at")}
        | {"owner": "", "lease_until_at": None, "begun": False}
    )
)
_BEGINS = sa.select(t.waves.c.due_at, t.waves.c.ahead_s).where(t.waves.c.id == sa.bindparam("wave"))
_ENDED = (
    sa.update(t.attempts)
    .where(t.attempts.c.id == sa.bindparam("attempt"))
    .values(ended_at=sa.bindparam("ended_at"), outcome=sa.bindparam("outcome"))
)
