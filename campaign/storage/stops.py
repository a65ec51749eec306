"""Stops and confirmations. A stop is a row that ``claim`` and ``begin`` look for: nothing has to be told to anybody.

Whoever begins an attempt holds a gate open with others until the end of the transaction, and whoever stops shuts it. So
once a stop is committed no attempt begins any more: not even one that had looked for stops a moment before.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Row

from campaign.model.stop import DEAD_MAN, EVERYTHING, Stop
from campaign.storage import tables as t

_GATE = 727_2028
"""PostgreSQL's advisory lock for it. SQLite lets one write at a time, and needs none."""
_HELD_OPEN = sa.select(sa.func.pg_advisory_xact_lock_shared(_GATE).label("open")).subquery("gate")


def held_open(query: sa.Select[Any]) -> sa.Select[Any]:
    """``query``, on PostgreSQL, taking part in holding the gate open before it locks any row: no new round trip."""
    return query.join(_HELD_OPEN, sa.true())


def hold_open(connection: Connection) -> None:
    """The same as a statement of its own; what is read after it is as new as any stop."""
    if connection.dialect.name == "postgresql":
        connection.execute(_HOLD)


def shut(connection: Connection) -> None:
    """Wait for those who hold the gate open, and let nobody else hold it before this transaction ends.

    To be called before any row is locked: those who are waited for may wait for a row.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(_SHUT)


_HOLD = sa.select(sa.func.pg_advisory_xact_lock_shared(_GATE))
_SHUT = sa.select(sa.func.pg_advisory_xact_lock(_GATE))


def holding(world: ColumnElement[str], step: ColumnElement[str]) -> sa.Select[Any]:
    """The stops that hold ``step`` now; for a larger query to look into."""
    s = t.stops.c
    return sa.select(s.id).where(s.world == world, s.ended_at.is_(None), s.step.in_((EVERYTHING, step)))


STOPPED = holding(t.waves.c.world, t.waves.c.step).correlate(t.waves).order_by(t.stops.c.id).limit(1).scalar_subquery()
"""The first stop that holds the wave of a query; NULL where none does."""


def of_wave(connection: Connection, wave_id: int) -> Stop | None:
    """The first stop that holds the wave."""
    number = connection.execute(_OF_WAVE, {"wave": wave_id}).scalar_one()
    return None if number is None else one(connection, number)


_OF_WAVE = sa.select(STOPPED.label("stop")).where(t.waves.c.id == sa.bindparam("wave"))


def one(connection: Connection, number: int) -> Stop:
    return _stop(connection.execute(sa.select(t.stops).where(t.stops.c.id == number)).one())


def find(connection: Connection, world: str, *, active: bool) -> Sequence[Stop]:
    s = t.stops.c
    query = sa.select(t.stops).where(s.world == world, *([s.ended_at.is_(None)] if active else [])).order_by(s.id)
    return [_stop(row) for row in connection.execute(query)]


def stop(connection: Connection, world: str, step: str, *, by: str, why: str, at: datetime) -> Stop:
    shut(connection)
    stands = next((one for one in find(connection, world, active=True) if (one.step, one.by) == (step, by)), None)
    if stands is not None:
        return stands
    values = {"world": world, "step": step, "by": by, "why": why, "stopped_at": at}
    made = connection.execute(sa.insert(t.stops).values(**values).returning(t.stops.c.id)).scalar_one()
    return Stop(made, step, by, why, at)


def end(connection: Connection, world: str, step: str, *, by: str, at: datetime, dead_man: bool) -> Sequence[Stop]:
    """End the stops of ``step``: those of the dead man's switch, or all others."""
    s = t.stops.c
    whose = s.by == DEAD_MAN if dead_man else s.by != DEAD_MAN
    ended = connection.execute(
        sa.update(t.stops)
        .where(s.world == world, s.step == step, s.ended_at.is_(None), whose)
        .values(ended_at=at, ended_by=by)
        .returning(*t.stops.c)
    )
    return sorted((_stop(row) for row in ended), key=lambda stop: stop.id)


def confirm(connection: Connection, world: str, *, by: str, at: datetime) -> None:
    connection.execute(sa.insert(t.confirmations).values(world=world, by=by, confirmed_at=at))


def confirmed_at(connection: Connection, world: str) -> datetime | None:
    c = t.confirmations.c
    found: datetime | None = connection.execute(
        sa.select(c.confirmed_at).where(c.world == world).order_by(c.confirmed_at.desc()).limit(1)
    ).scalar()
    return found


def _stop(row: Row[Any]) -> Stop:
    return Stop(row.id, row.step, row.by, row.why, row.stopped_at, row.ended_at, row.ended_by)
