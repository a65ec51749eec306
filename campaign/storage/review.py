"""What is due next, how the steps stand, who was sent what, when, and why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.model.batch import Payload
from campaign.model.claim import Kept, Tally
from campaign.model.delivery import DeliveryId, Sent, State
from campaign.model.group import GroupState
from campaign.model.wave import LEAD, WINNER, Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage import tables as t
from campaign.storage.addresses import address_key
from campaign.storage.batches import last_attempt
from campaign.storage.waves import find

_OPEN = (State.PLANNED.value, State.DEFERRED.value)
_EXPLAINED = (State.REFUSED, State.SUPPRESSED, State.IN_DOUBT, State.DEFERRED, State.MISSED, State.CANCELLED)


def next_due(connection: Connection, world: str, *, now: datetime) -> datetime | None:
    w, b, g = t.waves, t.batches, t.gates
    waiting = sa.select(w.c.due_at, w.c.ahead_s).where(
        w.c.world == world, w.c.state == WaveState.WAITING.value, w.c.due_at > now
    )
    waves = [
        # Prepared first, then handed over: ahead, or at its instant where that could not be.
        next(instant for instant in (begins_at - LEAD, begins_at, row.due_at) if instant > now)
        for row in connection.execute(waiting)
        for begins_at in (row.due_at - timedelta(seconds=row.ahead_s),)
    ]
    prepared = (
        sa.select(sa.literal(1)).where(w.c.id == b.c.wave_id, w.c.world == world, w.c.state == WaveState.PREPARED.value)
    ).exists()
    retried = sa.select(sa.func.min(b.c.due_at)).where(b.c.state.in_(_OPEN), b.c.due_at > now, prepared)
    opened = sa.select(sa.func.min(g.c.until_at)).where(
        g.c.world == world,
        g.c.until_at > now,
        sa.exists(sa.select(sa.literal(1)).where(b.c.state.in_(_OPEN), prepared)),
    )
    lapsed = sa.select(sa.func.min(b.c.lease_until_at)).where(b.c.state == State.CLAIMED.value, prepared)
    instants = [connection.execute(query).scalar() for query in (retried, opened, lapsed)]
    return min((instant for instant in (*waves, *instants) if instant is not None), default=None)


def under_way(connection: Connection, world: str) -> Mapping[str, int]:
    return _followers(connection, world, t.batches.c.state == State.CLAIMED.value, t.batches.c.begun)


def held_by_providers(connection: Connection, world: str, *, now: datetime) -> Mapping[str, int]:
    b, g = t.batches, t.groups
    held = sa.select(g.c.id).where(g.c.state != GroupState.CANCELLED.value, g.c.send_at > now)
    return _followers(connection, world, b.c.state == State.ACCEPTED.value, b.c.group_id.in_(held))


def _followers(connection: Connection, world: str, *which: sa.ColumnElement[bool]) -> Mapping[str, int]:
    """How many follow such batches, by step."""
    b, o, w = t.batches, t.outcomes, t.waves
    # Who follows an irregular batch has a row that says so; of a regular one it is those who have none.
    rows = sa.select(sa.func.count()).where(o.c.wave_id == b.c.wave_id)
    inside = rows.where(o.c.seq.between(b.c.first_seq, b.c.last_seq)).correlate(b).scalar_subquery()
    mine = rows.where(o.c.batch_id == b.c.id, o.c.state == b.c.state).correlate(b).scalar_subquery()
    follow = sa.case((b.c.regular, b.c.last_seq - b.c.first_seq + 1 - inside), else_=mine)
    query = (
        sa.select(w.c.step, sa.func.sum(follow).label("n"))
        .join_from(b, w, w.c.id == b.c.wave_id)
        .where(w.c.world == world, *which)
        .group_by(w.c.step)
    )
    return {row.step: int(row.n) for row in connection.execute(query) if row.n}


def tallies(connection: Connection, world: str) -> Sequence[Tally]:
    planned: Counter[str] = Counter()
    counts: dict[str, Counter[State]] = {}
    channels: dict[str, str] = {}
    step_of: dict[int, str] = {}
    for wave in find(connection, world):
        step_of[wave.id] = wave.step
        channels.setdefault(wave.step, wave.channel)
        planned[wave.step] += wave.planned
        counts.setdefault(wave.step, Counter()).update(wave.counts)
    why: dict[str, Counter[tuple[State, str]]] = {step: Counter() for step in channels}
    for row in connection.execute(_reasons(world)):
        why[step_of[row.wave_id]][State(row.state), row.why] += row.n
    return [
        Tally(step=step, channel=channel, planned=planned[step], counts=dict(counts[step]), why=dict(why[step]))
        for step, channel in channels.items()
    ]


def _reasons(world: str) -> Any:
    """Why deliveries stand where they do: from their own rows, and from batches for all that follow them."""
    states = [state.value for state in _EXPLAINED]
    o, b, w = t.outcomes, t.batches, t.waves
    own = (
        sa.select(o.c.wave_id, o.c.state, o.c.why, sa.func.count().label("n"))
        .join(w, w.c.id == o.c.wave_id)
        .where(w.c.world == world, o.c.state.in_(states))
        .group_by(o.c.wave_id, o.c.state, o.c.why)
    )
    rows_inside = (
        sa.select(sa.func.count())
        .where(o.c.wave_id == b.c.wave_id, o.c.seq.between(b.c.first_seq, b.c.last_seq))
        .scalar_subquery()
    )
    followers = b.c.last_seq - b.c.first_seq + 1 - rows_inside
    # A batch whose people were all left out is "suppressed" itself, and counts none.
    together = (
        sa.select(b.c.wave_id, b.c.state, b.c.why, sa.func.sum(followers).label("n"))
        .join(w, w.c.id == b.c.wave_id)
        .where(w.c.world == world, b.c.regular, b.c.state.in_(states), b.c.state != State.SUPPRESSED.value)
        .group_by(b.c.wave_id, b.c.state, b.c.why)
    )
    both = sa.union_all(own, together).subquery()
    return (
        sa.select(both.c.wave_id, both.c.state, both.c.why, sa.func.sum(both.c.n).label("n"))
        .where(both.c.n > 0)
        .group_by(both.c.wave_id, both.c.state, both.c.why)
    )


def log(connection: Connection, world: str, filters: Filters) -> Iterator[Sent]:
    d = t.deliveries
    waves = [
        wave
        for wave in find(connection, world, step=filters.step)
        if filters.channel is None or wave.channel == filters.channel
    ]
    person: int | None = None
    account = filters.recipient
    if filters.recipient is not None and "@" in filters.recipient:
        account = None
        key = address_key(filters.recipient)
        person = connection.execute(sa.select(t.supporters.c.id).where(t.supporters.c.email_key == key)).scalar()
        if person is None:
            return
        theirs = set(connection.execute(sa.select(d.c.wave_id).where(d.c.supporter_id == person)).scalars())
        waves = [wave for wave in waves if wave.id in theirs]
    decided = dict(
        connection.execute(sa.select(t.decisions.c.step, t.decisions.c.arm).where(t.decisions.c.world == world)).all()
    )
    for wave in waves:
        arm = decided.get(wave.step, "") if wave.arm == WINNER else wave.arm
        query = sa.select(t.batches).where(t.batches.c.wave_id == wave.id, t.batches.c.regular)
        if account is not None:
            query = query.where(t.batches.c.account == account)
        # One batch's deliveries at a time: memory stays flat however many there are.
        for batch in connection.execute(query.order_by(t.batches.c.first_seq)).all():
            for sent in _of_batch(connection, wave, arm, batch, person):
                wanted = filters.state is None or sent.state is filters.state
                if wanted and (filters.since is None or sent.changed_at >= filters.since):
                    yield sent


def _of_batch(connection: Connection, wave: Wave, arm: str, batch: Row[Any], person: int | None) -> Iterator[Sent]:
    d, s, o = t.deliveries, t.supporters, t.outcomes
    query = (
        sa.select(d.c.seq, s.c.email, o.c.state, o.c.why, o.c.ref, o.c.url, o.c.batch_id, o.c.changed_at)
        .select_from(d)
        .outerjoin(s, s.c.id == d.c.supporter_id)
        .outerjoin(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq))
        .where(d.c.wave_id == wave.id, d.c.seq.between(batch.first_seq, batch.last_seq))
        .order_by(d.c.seq)
    )
    if person is not None:
        query = query.where(d.c.supporter_id == person)
    for row in connection.execute(query):
        stands = row if row.state is not None else batch
        yield Sent(
            delivery=DeliveryId(wave.id, row.seq),
            step=wave.step,
            wave=wave.number,
            channel=wave.channel,
            recipient=batch.account or row.email or "",
            part=row.seq - batch.first_seq + 1 if batch.account else 1,
            state=State(stands.state),
            why=stands.why,
            due_at=wave.due_at,
            changed_at=stands.changed_at,
            attempts=batch.attempts,
            batch_id=batch.id if row.state is None else row.batch_id,
            ref=stands.ref,
            url=row.url or "",
            arm=arm,
        )


def handed_over(connection: Connection, delivery: DeliveryId) -> Kept | None:
    for batch in _batches_of(connection, delivery):
        attempts = sa.select(t.attempts.c.id).where(t.attempts.c.batch_id == batch.id)
        for attempt_id in connection.execute(attempts.order_by(t.attempts.c.id.desc())).scalars().all():
            kept = last_attempt(connection, attempt_id)
            if delivery.seq in kept.seqs:
                payload = kept.payload
                chunk = payload.chunks[kept.seqs.index(delivery.seq)]
                alone = Payload(chunks=(chunk,), head=payload.head, tail=payload.tail, glue=payload.glue)
                return Kept(seqs=(delivery.seq,), payload=alone, began_at=kept.began_at)
    return None


def _batches_of(connection: Connection, delivery: DeliveryId) -> Iterator[Row[Any]]:
    """The batch that answers for the delivery now, then those of its wave that may have before."""
    b, o = t.batches, t.outcomes
    own = sa.select(b).join(o, o.c.batch_id == b.c.id).where(o.c.wave_id == delivery.wave_id, o.c.seq == delivery.seq)
    yield from connection.execute(own).all()
    covering = (
        sa.select(b)
        .where(b.c.wave_id == delivery.wave_id, b.c.first_seq <= delivery.seq, b.c.last_seq >= delivery.seq)
        .order_by(b.c.id.desc())
    )
    yield from connection.execute(covering).all()
