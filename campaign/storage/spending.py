"""What posts cost at their network: reserved when a wave is prepared, given back where nothing of it left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zlib import crc32

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.errors import OverBudget
from campaign.model.price import in_usd
from campaign.storage import tables as t
from campaign.storage.database import insert

_LOCKS = 1 << 40
"""The advisory locks on budgets: one for each world and channel."""


def spent(connection: Connection, world: str) -> Mapping[str, int]:
    """What is spent or reserved, in micro-USD by channel."""
    s = t.spending.c
    query = sa.select(s.channel, sa.func.sum(s.micro_usd).label("sum")).where(s.world == world).group_by(s.channel)
    return {row.channel: int(row.sum) for row in connection.execute(query)}


def reserve(connection: Connection, wave_id: int, cost: int, *, budget: int | None, at: datetime) -> None:
    """Reserve ``cost`` micro-USD for a wave that is being prepared. Raises OverBudget where it is not left."""
    if not cost:
        return
    if budget is not None:
        world, channel = _whose(connection, wave_id)
        _one_at_a_time(connection, world, channel)
        before = spent(connection, world).get(channel, 0)
        if before + cost > budget:
            raise OverBudget(
                f"it costs {in_usd(cost)} on {channel}, and of the budget of {in_usd(budget)} there are "
                f"{in_usd(max(0, budget - before))} left; raise CAMPAIGN_{channel.upper()}__BUDGET_USD first"
            )
    add(connection, wave_id, cost, at=at)


def add(connection: Connection, wave_id: int, cost: int, *, at: datetime) -> None:
    """Count ``cost`` micro-USD more for a wave."""
    world, channel = _whose(connection, wave_id)
    row = {"wave_id": wave_id, "world": world, "channel": channel, "micro_usd": cost, "reserved_at": at}
    statement = insert(connection, t.spending)
    added = {"micro_usd": t.spending.c.micro_usd + statement.excluded.micro_usd}
    connection.execute(statement.on_conflict_do_update(index_elements=["wave_id"], set_=added), [row])


def give_back(connection: Connection, wave_id: int) -> None:
    """Reserve nothing any more for a wave of which nothing has left."""
    left = sa.select(t.waves.c.id).where(t.waves.c.id == wave_id, t.waves.c.first_sent_at.is_not(None))
    connection.execute(sa.delete(t.spending).where(t.spending.c.wave_id == wave_id, ~sa.exists(left)))


def _whose(connection: Connection, wave_id: int) -> tuple[str, str]:
    """The wave's world and channel."""
    row = connection.execute(sa.select(t.waves.c.world, t.waves.c.channel).where(t.waves.c.id == wave_id)).one()
    return row.world, row.channel


def _one_at_a_time(connection: Connection, world: str, channel: str) -> None:
    """Two waves must not both be found to fit into what is left for one. SQLite has one writer at a time."""
    if connection.dialect.name == "postgresql":
        lock = _LOCKS | crc32(f"{world} {channel}".encode())
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.cast(lock, sa.BigInteger))))
