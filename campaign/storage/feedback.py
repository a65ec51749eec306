"""Later events about deliveries: recorded once, and applied so that no state ever goes backwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.delivery import TAKEN, DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted
from campaign.model.supporter import Reason
from campaign.storage import tables as t
from campaign.storage.batches import members
from campaign.storage.counting import close_if_done, shift
from campaign.storage.database import insert_or_ignore, upsert
from campaign.storage.outcomes import settle

MADE_UP = "sandbox"
"""A world on the database of real people in which nobody is reached: its crowd says nothing of them."""

_MOST = 500
"""Values in one IN (…): SQLite takes 32,766 variables, older builds 999."""

_BECOMES = {
    EventKind.DELIVERED: State.DELIVERED,
    EventKind.BOUNCED: State.BOUNCED,
    EventKind.DROPPED: State.DROPPED,
    EventKind.COMPLAINED: State.COMPLAINED,
}
_SUPPRESSES = {
    EventKind.BOUNCED: Reason.BOUNCED,
    EventKind.DROPPED: Reason.DROPPED,
    EventKind.COMPLAINED: Reason.COMPLAINED,
    EventKind.UNSUBSCRIBED: Reason.UNSUBSCRIBED,
}
# A lattice: events arrive in any order, the highest that ever came stands. A bounce may follow a delivery, a
# complaint follows both.
_RANK = {State.ACCEPTED: 0, State.DELIVERED: 1, State.DROPPED: 2, State.BOUNCED: 3, State.COMPLAINED: 4}


def apply(
    connection: Connection, world: str, events: Sequence[tuple[DeliveryId, Event]], *, now: datetime
) -> Mapping[EventKind, int]:
    fresh = _new_events(connection, world, events)
    if not fresh:
        return {}
    insert_or_ignore(
        connection,
        t.events,
        [
            {
                "channel": event.channel,
                "event_id": event.id,
                "wave_id": delivery.wave_id,
                "seq": delivery.seq,
                "kind": event.kind.value,
                "happened_at": event.at,
                "why": event.why,
            }
            for delivery, event in fresh
        ],
    )
    by_wave: dict[int, list[tuple[int, Event]]] = {}
    for delivery, event in fresh:
        by_wave.setdefault(delivery.wave_id, []).append((delivery.seq, event))
    for wave_id, those in by_wave.items():
        _settle_by_evidence(connection, wave_id, {seq for seq, _ in those}, now)
        _move(connection, wave_id, those, now)
        if world != MADE_UP:
            _tell_supporters(connection, wave_id, those)
    return Counter(event.kind for _, event in fresh)


def _new_events(
    connection: Connection, world: str, events: Sequence[tuple[DeliveryId, Event]]
) -> list[tuple[DeliveryId, Event]]:
    """Those not seen before, and of this world."""
    first = {(event.channel, event.id): (delivery, event) for delivery, event in reversed(events)}
    ours = set(connection.execute(sa.select(t.waves.c.id).where(t.waves.c.world == world)).scalars())
    seen: set[tuple[str, str]] = set()
    for some in _chunks([event_id for _, event_id in first]):
        query = sa.select(t.events.c.channel, t.events.c.event_id).where(t.events.c.event_id.in_(some))
        seen.update((row.channel, row.event_id) for row in connection.execute(query))
    return [one for key, one in reversed(first.items()) if key not in seen and one[0].wave_id in ours]


def _settle_by_evidence(connection: Connection, wave_id: int, seqs: set[int], now: datetime) -> None:
    """Any event of a batch in doubt proves that its request was taken, all of it: a request is taken or not."""
    query = sa.select(t.batches).where(t.batches.c.wave_id == wave_id, t.batches.c.state == State.IN_DOUBT.value)
    for batch in connection.execute(query).all():
        following = members(connection, batch)
        if not seqs.isdisjoint(following) and not batch.account:
            settle(connection, batch.id, batch.attempt_id, dict.fromkeys(following, Accepted()), now=now)


def _move(connection: Connection, wave_id: int, those: Iterable[tuple[int, Event]], now: datetime) -> None:
    highest: dict[int, tuple[State, str, datetime]] = {}
    for seq, event in those:
        state = _BECOMES.get(event.kind)
        if state is not None and (seq not in highest or _RANK[state] > _RANK[highest[seq][0]]):
            highest[seq] = (state, event.why, event.at)
    states = dict(_states(connection, wave_id, list(highest)))
    rows: list[dict[str, Any]] = []
    moved: Counter[State] = Counter()
    for seq, (state, why, at) in highest.items():
        was, ref, batch_id = states.get(seq, (None, "", None))
        if was not in TAKEN or _RANK[state] <= _RANK[was]:
            continue
        rows.append(
            {
                "wave_id": wave_id,
                "seq": seq,
                "state": state.value,
                "batch_id": batch_id,
                "ref": ref,
                "why": why,
                "changed_at": at,
            }
        )
        moved[state] += 1
        moved[was] -= 1
    upsert(connection, t.outcomes, rows)
    shift(connection, wave_id, moved)
    close_if_done(connection, wave_id, now)


def _states(
    connection: Connection, wave_id: int, seqs: Sequence[int]
) -> Iterator[tuple[int, tuple[State, str, int | None]]]:
    """Each delivery's state, provider's id and batch: from its own row, else from the batch that covers it."""
    left = set(seqs)
    for some in _chunks(sorted(seqs)):
        query = sa.select(t.outcomes).where(t.outcomes.c.wave_id == wave_id, t.outcomes.c.seq.in_(some))
        for row in connection.execute(query):
            left.discard(row.seq)
            yield row.seq, (State(row.state), row.ref, row.batch_id)
    if not left:
        return
    covering = sa.select(t.batches).where(
        t.batches.c.wave_id == wave_id,
        t.batches.c.regular,
        t.batches.c.first_seq <= max(left),
        t.batches.c.last_seq >= min(left),
    )
    for batch in connection.execute(covering):
        for seq in [seq for seq in left if batch.first_seq <= seq <= batch.last_seq]:
            left.discard(seq)
            yield seq, (State(batch.state), batch.ref, batch.id)


def _tell_supporters(connection: Connection, wave_id: int, those: Iterable[tuple[int, Event]]) -> None:
    told = {seq: event for seq, event in those if event.kind in _SUPPRESSES or event.kind is EventKind.ACTED}
    d, s = t.deliveries, t.supporters
    for some in _chunks(sorted(told)):
        query = (
            sa.select(d.c.seq, s.c.id, s.c.address_hash)
            .join(s, s.c.id == d.c.supporter_id)
            .where(d.c.wave_id == wave_id, d.c.seq.in_(some))
        )
        for row in connection.execute(query).all():
            event = told[row.seq]
            if event.kind is EventKind.ACTED:
                connection.execute(
                    sa.update(s).where(s.c.id == row.id, s.c.acted_at.is_(None)).values(acted_at=event.at)
                )
                continue
            _suppress(connection, row.address_hash, _SUPPRESSES[event.kind], event)


def _suppress(connection: Connection, address_hash: bytes, reason: Reason, event: Event) -> None:
    x = t.suppressions
    if connection.execute(sa.select(x.c.reason).where(x.c.address_hash == address_hash)).first():
        return
    source = f"{event.channel} event"
    connection.execute(
        sa.insert(x).values(address_hash=address_hash, reason=reason.value, source=source, suppressed_at=event.at)
    )
    connection.execute(
        sa.insert(t.suppression_history).values(
            address_hash=address_hash, what="suppressed", reason=reason.value, source=source, happened_at=event.at
        )
    )


def _chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for at in range(0, len(values), _MOST):
        yield values[at : at + _MOST]
