"""Token buckets: how many deliveries a rate lets go now. Filled by the ledger's time, drawn from by whoever claims.

A bucket is a row, drawn from in the transaction that claims: SQLite has one writer, on PostgreSQL the row is locked. So
a rate holds over all processes and restarts. A bucket holds one batch at most: after an outage nothing is made up for.

A batch holds people of one kind of mailbox domains, or of none that has a rate of its own. So it draws from the buckets
of its kind, and what waits for one kind holds up no other.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.pace import AtDomain, Pace, Rate
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.columns import Utc
from campaign.storage.database import insert_or_ignore

SKEW = timedelta(minutes=1)
"""Two machines' clocks may differ by so much. A bucket that is further in the future was filled by a clock that has
been set back since, and would otherwise give nothing until that time has come again."""
_SPREAD = 1000
"""So many batches are put off to an instant of their own; those behind them to that of the last."""
_CLAIMABLE = (State.PLANNED.value, State.DEFERRED.value)
_ENOUGH = 1e-6


def stored(paces: Sequence[Pace]) -> str:
    """As a wave keeps them; "" is none."""
    return (
        json.dumps(
            [
                [
                    pace.bucket,
                    pace.rate.number,
                    pace.rate.per.total_seconds(),
                    *([pace.domains] if pace.domains else []),
                ]
                for pace in paces
            ]
        )
        if paces
        else ""
    )


def read(kept: str) -> tuple[Pace, ...]:
    if not kept:
        return ()
    return tuple(
        Pace(bucket, Rate(number, timedelta(seconds=per)), *map(tuple, domains))
        for bucket, number, per, *domains in json.loads(kept)
    )


def of(batch: Row[Any], wave: Wave) -> Sequence[Pace]:
    """The rates that a batch of the wave keeps to."""
    return [pace for pace in wave.paces if pace.holds_for(batch.domain)]


@dataclass
class _Bucket:
    tokens: float
    filled_at: datetime

    def fill(self, rate: Rate, at: datetime) -> None:
        if at < self.filled_at - SKEW:
            self.filled_at = at
        elif at > self.filled_at:
            gained = (at - self.filled_at).total_seconds() * rate.per_second
            self.tokens = min(float(rate.batch), self.tokens + gained)
            self.filled_at = at

    def enough_at(self, rate: Rate, number: int) -> datetime | None:
        """When it holds so many, or is full; None where that is now."""
        short = min(number, rate.batch) - self.tokens
        if short <= _ENOUGH:
            return None
        return self.filled_at + timedelta(milliseconds=math.ceil(1000 * short / rate.per_second))


def draw(
    connection: Connection, world: str, due: Sequence[tuple[Row[Any], Wave]], *, now: datetime, until: datetime
) -> Sequence[Row[Any]]:
    """Those of the batches that may be claimed now; the others, and those of their waves that are due ``until`` then,
    are put off to when there is enough. A batch that is claimed ahead of its instant is drawn for at that instant."""
    paces = {pace.bucket: pace.rate for batch, wave in due for pace in of(batch, wave)}
    if not paces:
        return [batch for batch, _ in due]
    buckets = _locked(connection, world, paces.items(), now)
    kept, short = [], dict[tuple[int, str | None], datetime]()
    sizes = sa.select(t.batches.c.id, _FOLLOWERS).where(t.batches.c.id.in_([batch.id for batch, _ in due]))
    numbers = {row.id: row[1] for row in connection.execute(sizes)}
    for batch, wave in due:
        if (wave.id, None) in short or (wave.id, batch.domain) in short:
            continue
        number, at, mine = numbers[batch.id], max(now, batch.due_at), of(batch, wave)
        # What all of the wave has to wait for, and what people at the domain alone have.
        whole, own = list[datetime](), list[datetime]()
        for pace in mine:
            buckets[pace.bucket].fill(pace.rate, at)
            instant = buckets[pace.bucket].enough_at(pace.rate, number)
            if instant is not None:
                (own if pace.domains else whole).append(instant)
        if whole or own:
            short[wave.id, None if whole else batch.domain] = max(whole or own)
            continue
        for pace in mine:
            buckets[pace.bucket].tokens -= number
        kept.append(batch)
    _keep(connection, world, buckets)
    waves = {wave.id: wave for _, wave in due}
    claimed = [batch.id for batch in kept]
    for (wave_id, domain), instant in short.items():
        _put_off(connection, waves[wave_id], domain, instant, claimed=claimed, until=until)
    return kept


def next_of(connection: Connection, waves: Sequence[int]) -> Mapping[int, datetime]:
    """When the next of each of these waves is due that is still to be claimed."""
    b = t.batches.c
    soonest = sa.type_coerce(sa.func.min(b.due_at), Utc())
    query = sa.select(b.wave_id, soonest).where(b.wave_id.in_(waves), b.state.in_(_CLAIMABLE)).group_by(b.wave_id)
    return {row[0]: row[1] for row in connection.execute(query)}


def at_domains(connection: Connection, waves: Sequence[int]) -> Mapping[int, tuple[AtDomain, ...]]:
    """How each of these waves stands for each kind of its mailbox domains."""
    b = t.batches.c
    size = sa.case((b.regular, b.last_seq - b.first_seq + 1), else_=0)
    left = sa.case((b.state.in_([*_CLAIMABLE, State.CLAIMED.value]), _FOLLOWERS), else_=0)
    soonest = sa.type_coerce(sa.func.min(sa.case((b.state.in_(_CLAIMABLE), b.due_at))), Utc())
    query = (
        sa.select(b.wave_id, b.domain, sa.func.sum(size), sa.func.sum(left), soonest)
        .where(b.wave_id.in_(waves))
        .group_by(b.wave_id, b.domain)
        .order_by(b.wave_id, b.domain)
    )
    found: dict[int, tuple[AtDomain, ...]] = {}
    for wave_id, domain, planned, unsent, goes_on_at in connection.execute(query):
        one = AtDomain(domain, planned=int(planned), left=int(unsent), goes_on_at=goes_on_at)
        found[wave_id] = (*found.get(wave_id, ()), one)
    return found


def give_back(connection: Connection, claim: Claim, number: int) -> None:
    """What was drawn for deliveries that were not sent after all. Where somebody else has the bucket at this moment it
    is left: then it is a little slower, and nobody waits for anybody."""
    b, w = t.buckets, t.waves
    world = connection.execute(sa.select(w.c.world).where(w.c.id == claim.wave.id)).scalar_one()
    for pace in claim.wave.paces:
        if not pace.holds_for(claim.domain):
            continue
        mine = sa.select(b.c.tokens).where(b.c.world == world, b.c.name == pace.bucket)
        if connection.dialect.name == "postgresql":
            mine = mine.with_for_update(skip_locked=True)
        tokens = connection.execute(mine).scalar()
        if tokens is not None:
            connection.execute(
                sa.update(b)
                .where(b.c.world == world, b.c.name == pace.bucket)
                .values(tokens=min(float(pace.rate.batch), tokens + number))
            )


def _locked(connection: Connection, world: str, paces: Iterable[tuple[str, Rate]], now: datetime) -> dict[str, _Bucket]:
    b, found = t.buckets, {}
    for name, rate in sorted(paces, key=lambda pace: pace[0]):  # in one order, so that nobody waits in a circle
        full = {"world": world, "name": name, "tokens": float(rate.batch), "filled_at": now}
        insert_or_ignore(connection, b, full)
        mine = sa.select(b.c.tokens, b.c.filled_at).where(b.c.world == world, b.c.name == name)
        if connection.dialect.name == "postgresql":
            mine = mine.with_for_update()
        row = connection.execute(mine).one()
        found[name] = _Bucket(row.tokens, row.filled_at)
    return found


def _keep(connection: Connection, world: str, buckets: dict[str, _Bucket]) -> None:
    b = t.buckets
    for name, bucket in buckets.items():
        connection.execute(
            sa.update(b)
            .where(b.c.world == world, b.c.name == name)
            .values(tokens=bucket.tokens, filled_at=bucket.filled_at)
        )


def _followers() -> sa.ColumnElement[int]:
    """How many in the batch of the query around it are still to be sent to."""
    b, o = t.batches.c, t.outcomes.c
    rows = sa.select(sa.func.count()).where(o.wave_id == b.wave_id)
    others = rows.where(o.seq.between(b.first_seq, b.last_seq)).correlate(t.batches).scalar_subquery()
    own = rows.where(o.batch_id == b.id, o.state == b.state).correlate(t.batches).scalar_subquery()
    return sa.case((b.regular, b.last_seq - b.first_seq + 1 - others), else_=own)


_FOLLOWERS = _followers()


def _put_off(
    connection: Connection,
    wave: Wave,
    domain: str | None,
    instant: datetime,
    *,
    claimed: Sequence[int],
    until: datetime,
) -> None:
    """Give the wave's batches that are due one instant after the other, as its rates let them go: those of one kind of
    domains, None is all of them."""
    b = t.batches
    paces = [pace for pace in wave.paces if (not pace.domains if domain is None else pace.holds_for(domain))]
    mine = sa.true() if domain is None else b.c.domain == domain
    theirs = (
        sa.select(b.c.id, _FOLLOWERS)
        .where(mine, b.c.wave_id == wave.id, b.c.state.in_(_CLAIMABLE), b.c.due_at <= until, b.c.id.not_in(claimed))
        .order_by(b.c.due_at, b.c.id)
    )
    if connection.dialect.name == "postgresql":
        theirs = theirs.with_for_update(skip_locked=True)
    rows, places = connection.execute(theirs).all(), []
    for row in rows[:_SPREAD]:
        places.append({"batch": row.id, "at": instant})
        instant += max(pace.rate.takes(row[1]) for pace in paces)
    if places:
        connection.execute(_LATER, places)
    behind = [{"batch": row.id, "at": instant} for row in rows[_SPREAD:]]
    if behind:
        connection.execute(_LATER, behind)


_LATER = sa.update(t.batches).where(t.batches.c.id == sa.bindparam("batch")).values(due_at=sa.bindparam("at"))
