"""Waves that topped a step up, as its other waves see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.wave import TOP_UP, WaveState, wave_name
from campaign.storage import tables as t


def of_step(connection: Connection, wave_id: int) -> Sequence[int]:
    """Those of the wave's own step, and its own time where that repeats: who got it by one of them and has moved to
    another zone since gets nothing twice. To be asked once the wave is taken, so that none is placed meanwhile."""
    w = t.waves.c
    mine = connection.execute(sa.select(w.world, w.step, w.number).where(w.id == wave_id)).one()
    theirs = sa.select(w.id, w.number).where(w.world == mine.world, w.step == mine.step, w.number >= TOP_UP)
    return [row.id for row in connection.execute(theirs) if row.number % TOP_UP in (0, mine.number)]


def let_go(connection: Connection, world: str, step: str, *, at: datetime) -> Sequence[str]:
    """A person says of those that are held: late, but send them. Their names."""
    w = t.waves.c
    released = connection.execute(
        sa.update(t.waves)
        .where(w.world == world, w.step == step, w.number >= TOP_UP, w.state == WaveState.HELD.value)
        .values(state=WaveState.PREPARED.value, due_at=at, why="")
        .returning(w.number)
    )
    return [wave_name(step, number) for number in sorted(released.scalars())]
