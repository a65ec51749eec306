"""Counters of deliveries by state, kept by increments: nothing counts millions of rows to draw a page."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

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
    statement = insert(connection, t.counts)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["wave_id", "state"], set_={"n": t.counts.c.n + statement.excluded.n}
        ),
        rows,
    )


def close_if_done(connection: Connection, wave_id: int, now: datetime) -> None:
    """A wave that was begun, of which nothing is left to send and nothing is in doubt, is done; held or not.

    What a provider holds until its instant can still come back.
    """
    g = t.groups.c
    at_provider = sa.select(sa.literal(1)).where(
        g.wave_id == wave_id,
        sa.or_(
            g.state == GroupState.CANCELLING.value,
            sa.and_(g.state != GroupState.CANCELLED.value, g.send_at > now),
        ),
    )
    still_open = sa.select(sa.literal(1)).where(
        t.counts.c.wave_id == wave_id, t.counts.c.state.in_([state.value for state in _STILL_OPEN]), t.counts.c.n > 0
    )
    connection.execute(
        sa.update(t.waves)
        .where(
            t.waves.c.id == wave_id,
            t.waves.c.state.in_([WaveState.PREPARED.value, WaveState.HELD.value]),
            t.waves.c.prepared_at.is_not(None),
            ~sa.exists(still_open),
            ~sa.exists(at_provider),
        )
        .values(state=WaveState.DONE.value, finished_at=now)
    )
