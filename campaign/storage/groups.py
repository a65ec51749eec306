"""Groups: batches that a provider holds until their instant, and cancels together.

A batch joins a group in the transaction in which its attempt begins, and only while the group is open. A group that is
to be cancelled takes none any more, and only when none of its batches is claimed can the provider's word that it is
cancelled hold for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from math import ceil
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.errors import GroupClosed
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.group import Group, GroupState
from campaign.model.wave import TOP_UP, Wave, WaveState
from campaign.storage import spending
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.batches import become, members
from campaign.storage.counting import close_if_done
from campaign.storage.outcomes import ended_as
from campaign.storage.recipients import barred as barred_in
from campaign.storage.waves import find as waves_of

_IN_A_WAVE = 10
"""Groups that a wave makes where all goes well: SendGrid lets few be cancelled at the same time."""
_HELD = (State.ACCEPTED.value, State.IN_DOUBT.value)
"""A batch of a group in one of these is with the provider, or may be."""
_AT_PROVIDER = (GroupState.OPEN.value, GroupState.FULL.value)
_UNDECIDED = (GroupState.OPEN.value, GroupState.FULL.value, GroupState.CANCELLING.value)


def find(
    connection: Connection,
    world: str,
    *,
    states: Collection[GroupState] | None = None,
    open_at: datetime | None = None,
    ids: Sequence[int] = (),
) -> Sequence[Group]:
    g, w, b = t.groups, t.waves, t.batches
    query = sa.select(g).join(w, w.c.id == g.c.wave_id).where(w.c.world == world).order_by(g.c.send_at, g.c.id)
    if states is not None:
        query = query.where(g.c.state.in_([state.value for state in states]))
    if open_at is not None:
        held = sa.and_(g.c.state.in_(_AT_PROVIDER), g.c.send_at > open_at)
        query = query.where(sa.or_(held, g.c.state == GroupState.CANCELLING.value))
    if ids:
        query = query.where(g.c.id.in_(ids))
    rows = connection.execute(query).all()
    if not rows:
        return ()
    waves = {wave.id: wave for wave in waves_of(connection, world, ids={row.wave_id for row in rows})}
    counted: dict[int, dict[State, int]] = {}
    inside = (
        sa.select(b.c.group_id, b.c.state, sa.func.count().label("n"))
        .where(among(connection, b.c.group_id, [row.id for row in rows]))
        .group_by(b.c.group_id, b.c.state)
    )
    for row in connection.execute(inside):
        counted.setdefault(row.group_id, {})[State(row.state)] = row.n
    return [
        Group(
            id=row.id,
            wave=waves[row.wave_id],
            ref=row.ref,
            state=GroupState(row.state),
            room=row.room,
            send_at=row.send_at,
            seen_at=row.changed_at,
            why=row.why,
            batches=counted.get(row.id, {}),
        )
        for row in rows
    ]


def for_claim(connection: Connection, world: str, claim: Claim) -> Group | int:
    g, b = t.groups, t.batches
    in_wave = connection.execute(
        sa.select(sa.func.count()).select_from(b).where(b.c.wave_id == claim.wave.id)
    ).scalar_one()
    size = max(1, ceil(in_wave / _IN_A_WAVE) >> (claim.attempts - 1))
    joined = sa.select(sa.func.count()).select_from(b).where(b.c.group_id == g.c.id).scalar_subquery()
    there = connection.execute(
        sa.select(g.c.id)
        .where(
            g.c.wave_id == claim.wave.id,
            g.c.state == GroupState.OPEN.value,
            g.c.room > 0,
            # A batch whose reply was lost must not take many others along when it is lost again.
            g.c.room + joined <= size,
        )
        .order_by(g.c.id)
        .limit(1)
    ).scalar()
    return size if there is None else find(connection, world, ids=[there])[0]


def open_(connection: Connection, world: str, wave: Wave, ref: str, *, size: int, now: datetime) -> Group:
    group_id = connection.execute(
        sa.insert(t.groups)
        .values(
            wave_id=wave.id,
            ref=ref,
            state=GroupState.OPEN.value,
            room=size,
            send_at=wave.due_at,
            made_at=now,
            changed_at=now,
        )
        .returning(t.groups.c.id)
    ).scalar_one()
    return find(connection, world, ids=[group_id])[0]


def join(connection: Connection, group_id: int, batch_id: int) -> None:
    """Give the batch, whose attempt begins, a place in the group; GroupClosed where it has none."""
    g = t.groups
    taken = connection.execute(
        sa.update(g)
        .where(g.c.id == group_id, g.c.state == GroupState.OPEN.value, g.c.room > 0)
        .values(room=g.c.room - 1, state=sa.case((g.c.room == 1, GroupState.FULL.value), else_=GroupState.OPEN.value))
    )
    if taken.rowcount != 1:
        raise GroupClosed("this group takes no more batches; nothing was sent")
    connection.execute(sa.update(t.batches).where(t.batches.c.id == batch_id).values(group_id=group_id))


def postpone(connection: Connection, wave_id: int, *, until: datetime) -> None:
    b = t.batches
    waiting = b.c.state.in_([State.PLANNED.value, State.DEFERRED.value])
    connection.execute(sa.update(b).where(b.c.wave_id == wave_id, waiting, b.c.due_at < until).values(due_at=until))


def barred(connection: Connection, group_id: int, *, now: datetime) -> int:
    of_wave = sa.select(t.waves.c.digest).join(t.groups, t.groups.c.wave_id == t.waves.c.id)
    digest = connection.execute(of_wave.where(t.groups.c.id == group_id)).scalar_one()
    held = [batch for batch in _batches(connection, group_id) if batch.state in _HELD]
    found = sum(len(barred_in(connection, batch, now, digest=digest)) for batch in held)
    connection.execute(sa.update(t.groups).where(t.groups.c.id == group_id).values(changed_at=now))
    return found


def call_back(connection: Connection, group_id: int, *, why: str, now: datetime) -> None:
    g = t.groups
    connection.execute(
        sa.update(g)
        .where(g.c.id == group_id, g.c.state != GroupState.CANCELLED.value)
        .values(state=GroupState.CANCELLING.value, why=why, changed_at=now)
    )


def called_back(connection: Connection, group_id: int, *, now: datetime) -> int:
    # Batches before their group, as whoever begins an attempt takes them; nobody joins this group any more.
    batches = _batches(connection, group_id)
    group = _locked(connection, group_id)
    if group.state != GroupState.CANCELLING.value or any(batch.state == State.CLAIMED.value for batch in batches):
        return 0
    # First the group, so that the wave's end is not held up by it below.
    _become(connection, group_id, GroupState.CANCELLED, why=group.why, now=now)
    ended = ended_as(connection, group.wave_id)
    state, why = (State.PLANNED, f"taken back from the provider: {group.why}") if ended is None else ended[:2]
    number = 0
    for batch in batches:
        if batch.state in _HELD:
            seqs = members(connection, batch)
            become(connection, batch, seqs, State(batch.state), state, now=now, why=why, due_at=now)
            number += len(seqs)
    connection.execute(sa.update(t.batches).where(t.batches.c.group_id == group_id).values(group_id=None))
    close_if_done(connection, group.wave_id, now)
    return number


def not_called_back(connection: Connection, group_id: int, *, why: str, unsure: bool, now: datetime) -> None:
    batches = _batches(connection, group_id)
    group = _locked(connection, group_id)
    if group.state != GroupState.CANCELLING.value:
        return
    for batch in batches if unsure else ():
        if batch.state == State.ACCEPTED.value:
            seqs = members(connection, batch)
            become(connection, batch, seqs, State.ACCEPTED, State.IN_DOUBT, now=now, why=why)
    _become(connection, group_id, GroupState.FULL, why=why, now=now)
    close_if_done(connection, group.wave_id, now)


def withdraw(connection: Connection, wave_id: int) -> bool:
    """Take a held wave out of the ledger again as far as it was prepared. A top-up is over by that."""
    w, g, c = t.waves.c, t.groups.c, t.counts.c
    wave = connection.execute(sa.select(w.state, w.number).where(w.id == wave_id)).one()
    undecided = connection.execute(sa.select(g.id).where(g.wave_id == wave_id, g.state.in_(_UNDECIDED))).first()
    nothing_left = (State.PLANNED, State.DEFERRED, State.SUPPRESSED, State.REFUSED)
    left = connection.execute(
        sa.select(c.n).where(c.wave_id == wave_id, c.state.not_in([one.value for one in nothing_left]), c.n > 0)
    ).first()
    if wave.state != WaveState.HELD.value or undecided or left:
        return False
    mine = sa.select(t.batches.c.id).where(t.batches.c.wave_id == wave_id)
    connection.execute(sa.delete(t.attempts).where(t.attempts.c.batch_id.in_(mine)))
    for table in (t.outcomes, t.batches, t.deliveries, t.counts):
        connection.execute(sa.delete(table).where(table.c.wave_id == wave_id))
    became, why = WaveState.WAITING, ""
    if wave.number >= TOP_UP:
        # Whom it was for is known no more, and everybody else of the step has it.
        became, why = WaveState.CANCELLED, "its step has changed since it was placed; top it up again"
    values = {"state": became.value, "why": why, "planned": 0}
    connection.execute(
        sa.update(t.waves)
        .where(w.id == wave_id)
        .values(prepared_at=None, first_sent_at=None, finished_at=None, **values)
    )
    spending.give_back(connection, wave_id)
    return True


def _locked(connection: Connection, group_id: int) -> Row[Any]:
    query = sa.select(t.groups).where(t.groups.c.id == group_id)
    return connection.execute(query.with_for_update()).one()


def _batches(connection: Connection, group_id: int) -> Sequence[Row[Any]]:
    query = sa.select(t.batches).where(t.batches.c.group_id == group_id).order_by(t.batches.c.id)
    return connection.execute(query.with_for_update()).all()


def _become(connection: Connection, group_id: int, state: GroupState, *, why: str, now: datetime) -> None:
    connection.execute(
        sa.update(t.groups).where(t.groups.c.id == group_id).values(state=state.value, why=why, changed_at=now)
    )
