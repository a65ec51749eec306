"""What was seen of the conditions that waves wait for: a row for each wave and condition."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.condition import Looked, Seen
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.transactions import Transactions

_C = t.conditions.c


class SqlConditions(Transactions):
    """See ``campaign.ports.conditions.Conditions``."""

    def looked(self, waves: Collection[int] | None = None) -> Mapping[tuple[int, int], Looked]:
        if waves is not None and not waves:
            return {}
        mine = sa.select(t.conditions).join(t.waves, t.waves.c.id == _C.wave_id).where(t.waves.c.world == self._world)
        with self._database.read() as connection:
            if waves is not None:
                mine = mine.where(among(connection, _C.wave_id, set(waves)))
            rows = connection.execute(mine).all()
        return {(row.wave_id, row.number): Looked(row.looked_at, row.met_at, row.evidence) for row in rows}

    def keep_look(self, wave_id: int, number: int, seen: Seen, *, at: datetime) -> bool:
        with self._write() as connection:
            return _keep(connection, wave_id, number, seen, at)


def _keep(connection: Connection, wave_id: int, number: int, seen: Seen, at: datetime) -> bool:
    there = sa.select(t.waves.c.id).where(t.waves.c.id == wave_id)
    if connection.dialect.name == "postgresql":
        there = there.with_for_update()  # two programs that look at the same take turns
    if connection.execute(there).first() is None:
        return False
    met_at = at if seen.is_met else None
    row = {"wave_id": wave_id, "number": number, "looked_at": at, "met_at": met_at, "evidence": seen.evidence}
    mine = sa.and_(_C.wave_id == wave_id, _C.number == number)
    was = connection.execute(sa.select(t.conditions).where(mine)).first()
    if was is None:
        connection.execute(sa.insert(t.conditions).values(row))
        return True
    if was.met_at is not None:
        return False
    connection.execute(sa.update(t.conditions).where(mine).values(row))
    return seen.is_met or was.evidence != seen.evidence


def begin_anew(connection: Connection, there: Collection[Wave], digest: str, *, release: bool) -> None:
    """Forget what was seen for waves that are approved as ``digest`` from here on, and were approved as something else,
    or are let go after they were held."""
    ids = [wave.id for wave in there if wave.prepared_at is None and (release or wave.digest != digest)]
    if ids:
        connection.execute(sa.delete(t.conditions).where(among(connection, _C.wave_id, set(ids))))
