"""Counters of deliveries by state, kept by increments: nothing counts millions of rows to draw a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection, Executable

from campaign.model.delivery import State
from campaign.model.group import GroupState
from campaign.model.wave import WaveState
from campaign.storage import tables as t
from campaign.storage.database import insert

_STILL_OPEN = (State.PLANNED, State.CLAIMED, State.DEFERRED, State.IN_DOUBT)


def shift(connection: Connection, wave_id: int, changes: Mapping[State, int]) -> None:
    """Add ``changes`` to a wave's counters."""
    rows = [{"wave_id": wave_id, "state": state.value, "n": n} for state, n in changes.items() if n]
    if not rows:
        return
    connection.execute(_added(connection), rows)


def _added(connection: Connection) -> Executable:
    dialect = connection.dialect.name
    if dialect not in _ADDED:
        statement = insert(connection, t.counts)
        _ADDED[dialect] = statement.on_conflict_do_update(
            index_elements=["wave_id", "state"], set_={"n": t.counts.c.n + statement.excluded.n}
        )
    return _ADDED[dialect]


def close_if_done(connection: Connection, wave_id: int, now: datetime) -> None:
    """A wave that was begun, of which nothing is left to send and nothing is in doubt, is done; held or not.

    What a provider holds until its instant can still come back.
    """
    if not connection.execute(_OPEN, {"wave": wave_id}).first():
        connection.execute(_CLOSED, {"wave": wave_id, "now": now})


def hold(connection: Connection, wave_id: int, *, why: str) -> bool:
    held = connection.execute(
        sa.update(t.waves)
        .where(t.waves.c.id == wave_id, t.waves.c.state == WaveState.PREPARED.value)
        .values(state=WaveState.HELD.value, why=why)
    )
    return held.rowcount == 1


_ADDED: dict[str, Executable] = {}
# Written once and not at each use: SQLAlchemy takes three times as long to put a statement together as to execute it.
_OPEN = (
    sa.select(sa.literal(1))
    .where(
        t.counts.c.wave_id == sa.bindparam("wave"),
        t.counts.c.state.in_([state.value for state in _STILL_OPEN]),
        t.counts.c.n > 0,
    )
    .limit(1)
)
_AT_PROVIDER = sa.select(sa.literal(1)).where(
    t.groups.c.wave_id == sa.bindparam("wave"),
    sa.or_(
        t.groups.c.state == GroupState.CANCELLING.value,
        sa.and_(t.groups.c.state != GroupState.CANCELLED.value, t.groups.c.send_at > sa.bindparam("now")),
    ),
)
_CLOSED = (
    sa.update(t.waves)
    .where(
        t.waves.c.id == sa.bindparam("wave"),
        t.waves.c.state.in_([WaveState.PREPARED.value, WaveState.HELD.value]),
        t.waves.c.prepared_at.is_not(None),
        ~sa.exists(_AT_PROVIDER),
    )
    .values(state=WaveState.DONE.value, finished_at=sa.bindparam("now"))
)
