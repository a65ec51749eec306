"""An attempt begins: what it hands over is on the disk before anything may leave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.wave import WaveState
from campaign.storage import stops
from campaign.storage import tables as t
from campaign.storage.claims import held, ours, suppress
from campaign.storage.recipients import barred, people_mark


def begin(connection: Connection, claim: Claim, packed: bytes, *, now: datetime) -> tuple[int, ...]:
    batch = _held(connection, claim)
    state, stop = connection.execute(_STATE, {"wave": claim.wave.id}).one()
    if state != WaveState.PREPARED.value:
        raise ClaimLost(f"{claim.wave.name} was stopped ({state}); nothing was sent")
    if stop is not None:
        raise ClaimLost(f"{claim.wave.name}: {stops.one(connection, stop)}; nothing was sent")
    if batch.lease_until_at <= now:
        raise ClaimLost(f"the claim on batch {claim.batch_id} has run out; nothing was sent")
    if batch.due_at > now:
        raise ClaimLost(f"the instant of {claim.wave.name} has not come; nothing was sent")
    if not batch.account and (not claim.as_of or claim.as_of != people_mark(connection)):
        gone = barred(connection, batch, now, digest=claim.wave.digest)
        if gone:
            suppress(connection, batch, gone, State.CLAIMED, now)
            return tuple(gone)
    began = {"batch_id": claim.batch_id, "began_at": now, "payload": packed}
    attempt_id = connection.execute(_ATTEMPT, began).scalar_one()
    connection.execute(_BEGUN, {"batch": claim.batch_id, "attempt": attempt_id})
    connection.execute(_FIRST, {"wave": claim.wave.id, "now": now})
    return ()


def _held(connection: Connection, claim: Claim) -> sa.Row[Any]:
    """The claimed batch, locked, while the gate is held open: see ``stops``."""
    if connection.dialect.name != "postgresql":
        return held(connection, claim)
    return ours(connection.execute(_GATED, {"batch": claim.batch_id}).one(), claim)


# Written once and not at each use: SQLAlchemy takes three times as long to put a statement together as to execute it.
_GATED = (
    stops.held_open(sa.select(t.batches)).where(t.batches.c.id == sa.bindparam("batch")).with_for_update(of=t.batches)
)
_STATE = sa.select(t.waves.c.state, stops.STOPPED.label("stop")).where(t.waves.c.id == sa.bindparam("wave"))
_ATTEMPT = sa.insert(t.attempts).returning(t.attempts.c.id)
_BEGUN = (
    sa.update(t.batches)
    .where(t.batches.c.id == sa.bindparam("batch"))
    .values(attempt_id=sa.bindparam("attempt"), begun=True)
)
_FIRST = (
    sa.update(t.waves)
    .where(t.waves.c.id == sa.bindparam("wave"), t.waves.c.first_sent_at.is_(None))
    .values(first_sent_at=sa.bindparam("now"))
)


def begin_all(connection: Connection, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
    """Begin an attempt of each claim, all in few statements; why not, by batch, of those that may not."""
    waves = {claim.wave.id: claim.wave for claim, _ in packed}
    # Waves before batches, both by number: two who do this at once never wait for each other.
    stops.hold_open(connection)
    found = sa.select(t.waves.c.id, t.waves.c.state, stops.STOPPED.label("stop"))
    states = _rows(connection, found.where(t.waves.c.id.in_(waves)), t.waves)
    b = t.batches.c
    mine = sa.select(b.id, b.state, b.owner, b.attempts, b.lease_until_at, b.due_at)
    batches = _rows(connection, mine.where(b.id.in_([claim.batch_id for claim, _ in packed])), t.batches)
    why: dict[int, str] = {}
    for claim, _ in packed:
        batch, wave = batches[claim.batch_id], states[claim.wave.id]
        if batch.state != State.CLAIMED.value or batch.owner != claim.owner or batch.attempts != claim.attempts:
            why[claim.batch_id] = f"batch {claim.batch_id} of {claim.wave.name} is not ours any more; nothing was sent"
        elif wave.state != WaveState.PREPARED.value:
            why[claim.batch_id] = f"{claim.wave.name} was stopped ({wave.state}); nothing was sent"
        elif wave.stop is not None:
            why[claim.batch_id] = f"{claim.wave.name}: {stops.one(connection, wave.stop)}; nothing was sent"
        elif batch.lease_until_at <= now:
            why[claim.batch_id] = f"the claim on batch {claim.batch_id} has run out; nothing was sent"
        elif batch.due_at > now:
            why[claim.batch_id] = f"the instant of {claim.wave.name} has not come; nothing was sent"
    ready = [(claim, body) for claim, body in packed if claim.batch_id not in why]
    if ready:
        rows = [{"batch_id": claim.batch_id, "began_at": now, "payload": body} for claim, body in ready]
        made = connection.execute(_ATTEMPTS, rows).all()
        connection.execute(_BEGUN, [{"batch": row.batch_id, "attempt": row.id} for row in made])
        begun = sorted({claim.wave.id for claim, _ in ready})
        connection.execute(_FIRST, [{"wave": wave, "now": now} for wave in begun])
    return why


def _rows(connection: Connection, query: sa.Select[Any], table: sa.Table) -> Mapping[int, sa.Row[Any]]:
    ordered = query.order_by(table.c.id)
    if connection.dialect.name == "postgresql":
        ordered = ordered.with_for_update(of=table)
    return {row.id: row for row in connection.execute(ordered)}


_ATTEMPTS = sa.insert(t.attempts).returning(t.attempts.c.id, t.attempts.c.batch_id)
