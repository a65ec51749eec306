"""The end of a stop: what has become too late meanwhile is held or missed in the same transaction, by its step's rule.

So nobody can claim it in between, also where a dispatcher is at work on something else the whole time.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from campaign.model.delivery import OPEN
from campaign.model.stop import EVERYTHING, Resumed
from campaign.model.wave import WaveState
from campaign.storage import stops, waves


def confirm(connection: Connection, world: str, *, by: str, at: datetime) -> Resumed:
    stops.confirm(connection, world, by=by, at=at)
    return resume(connection, world, EVERYTHING, by=by, at=at, dead_man=True)


def resume(connection: Connection, world: str, step: str, *, by: str, at: datetime, dead_man: bool = False) -> Resumed:
    ended = stops.end(connection, world, step, by=by, at=at, dead_man=dead_man)
    if not ended:
        return Resumed()
    left = stops.find(connection, world, active=True)
    late = []
    for wave in waves.find(connection, world, states=(WaveState.PREPARED,)):
        goes_on = step in (EVERYTHING, wave.step) and not any(stop.holds(wave.step) for stop in left)
        if goes_on and wave.is_late(at) and any(wave.counts.get(state) for state in OPEN):
            became, why = wave.too_late(at)
            waves.end(connection, wave.id, became, why=why, at=at)
            late.append((wave.name, became.value))
    return Resumed(tuple(ended), tuple(late))
