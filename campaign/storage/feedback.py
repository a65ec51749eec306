"""Later events about deliveries: recorded once, and applied so that no state ever goes backwards.

``apply`` takes what one request told, up to many thousand events, in one transaction. What is told of nearly everybody
costs least: that mail was processed leaves nothing behind, that it arrived a row in ``outcomes``; only what else
happens has a row in ``events``.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.flow.engagement import ENGAGED
from campaign.model.delivery import TAKEN, DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted
from campaign.model.resolution import Correction
from campaign.ports.ledger import Applied
from campaign.storage import resolutions, told
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.batches import members
from campaign.storage.counting import close_if_done, shift
from campaign.storage.database import upsert
from campaign.storage.outcomes import settle

MADE_UP = "sandbox"
"""A world on the database of real people in which nobody is reached: its crowd says nothing of them."""

_ONE_AT_A_TIME = 727_2020

_BECOMES = {
    EventKind.DELIVERED: State.DELIVERED,
    EventKind.BOUNCED: State.BOUNCED,
    EventKind.DROPPED: State.DROPPED,
    EventKind.COMPLAINED: State.COMPLAINED,
}
# A lattice: events arrive in any order, the highest that ever came stands. A bounce may follow a delivery, a
# complaint follows both.
_RANK = {State.ACCEPTED: 0, State.DELIVERED: 1, State.DROPPED: 2, State.BOUNCED: 3, State.COMPLAINED: 4}
_LEFT = frozenset({EventKind.DELIVERED, EventKind.BOUNCED, EventKind.COMPLAINED})
"""What proves, of a delivery that is held to be unsent, that it went out all the same."""
_UNSENT = frozenset({State.PLANNED, State.DEFERRED})


class Stand(NamedTuple):
    """Where a delivery stands: by its own row, else by the batch that covers it."""

    state: State
    ref: str
    batch_id: int | None
    changed_at: datetime


def apply(connection: Connection, world: str, events: Sequence[tuple[DeliveryId, Event]], *, now: datetime) -> Applied:
    _alone(connection)
    by_wave = _by_wave(connection, world, events)
    new: Counter[EventKind] = Counter()
    early: list[tuple[DeliveryId, Event]] = []
    corrected: list[Correction] = []
    for wave_id, those in by_wave.items():
        corrected += resolutions.correct(connection, wave_id, those, now=now)
        being_sent = _settle_by_evidence(connection, wave_id, {seq for seq, _ in those}, now)
        if being_sent:
            early += [(DeliveryId(wave_id, seq), event) for seq, event in those if seq in being_sent]
        new += _apply(connection, world, wave_id, [one for one in those if one[0] not in being_sent], now)
    return Applied(new, early, corrected)


def judge(connection: Connection, world: str, events: Sequence[tuple[DeliveryId, Event]]) -> int:
    """Whose openings and clicks those are, anew: what each shows by itself from ``events``, and from that the rest."""
    _alone(connection)
    changed = 0
    for wave_id, those in _by_wave(connection, world, events).items():
        engaged = [(seq, event) for seq, event in those if event.kind in ENGAGED]
        seqs = {seq for seq, _ in engaged}
        if seqs:
            stands = _stands(connection, wave_id, seqs)
            known = told.Known(connection, wave_id, seqs)
            changed += known.judge_again(engaged, _arrivals(stands))
    return changed


def _alone(connection: Connection) -> None:
    """Two programs that apply at once do so one after the other: each must see what the other has counted."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_ONE_AT_A_TIME})"))


def _by_wave(
    connection: Connection, world: str, events: Iterable[tuple[DeliveryId, Event]]
) -> dict[int, list[tuple[int, Event]]]:
    """The events by the wave of their delivery, of this world's waves alone."""
    by_wave: dict[int, list[tuple[int, Event]]] = {}
    for delivery, event in events:
        by_wave.setdefault(delivery.wave_id, []).append((delivery.seq, event))
    ours = sa.select(t.waves.c.id).where(t.waves.c.world == world, among(connection, t.waves.c.id, list(by_wave)))
    known = set(connection.execute(ours).scalars())
    return {wave_id: those for wave_id, those in by_wave.items() if wave_id in known}


def _settle_by_evidence(connection: Connection, wave_id: int, seqs: set[int], now: datetime) -> set[int]:
    """Any event of a batch in doubt proves that its request was taken, all of it: a request is taken or not.

    Returns those of ``seqs`` that are being sent this moment: what their events say depends on what comes of it.
    """
    b = t.batches
    doubtful = sa.select(b).where(b.c.wave_id == wave_id, b.c.account == "", b.c.state.in_(_OPEN_STATES))
    ordered = sorted(seqs) if seqs else []
    being_sent: set[int] = set()
    for batch in connection.execute(doubtful).all():
        if bisect_left(ordered, batch.first_seq) == bisect_right(ordered, batch.last_seq):
            continue
        following = members(connection, batch)
        told_of = seqs.intersection(following)
        if not told_of:
            continue
        if batch.state == State.CLAIMED.value:
            being_sent |= told_of
        else:
            settle(connection, batch.id, batch.attempt_id, dict.fromkeys(following, Accepted()), now=now)
    return being_sent


_OPEN_STATES = (State.IN_DOUBT.value, State.CLAIMED.value)


def _apply(
    connection: Connection, world: str, wave_id: int, those: Sequence[tuple[int, Event]], now: datetime
) -> Counter[EventKind]:
    those = [one for one in those if one[1].kind not in told.EVIDENCE_ALONE]
    seqs = {seq for seq, _ in those}
    if not seqs:
        return Counter()
    known = told.Known(connection, wave_id, seqs)
    fresh = known.fresh([one for one in those if one[1].kind is not EventKind.DELIVERED])
    stands = _stands(connection, wave_id, seqs)
    arrived = [(seq, event) for seq, event in those if event.kind is EventKind.DELIVERED]
    new = Counter(event.kind for _, event in fresh)
    new[EventKind.DELIVERED] = len({seq for seq, _ in arrived if _is_news(stands.get(seq))})
    _move(connection, wave_id, [*arrived, *fresh], stands)
    known.enter(fresh, arrived, _arrivals(stands))
    if world != MADE_UP:
        told.tell_supporters(connection, wave_id, fresh)
    close_if_done(connection, wave_id, now)
    return +new


def _is_news(stand: Stand | None) -> bool:
    """Whether that mail arrived says anything of a delivery that stands so."""
    return stand is not None and (stand.state is State.ACCEPTED or stand.state in _UNSENT)


def _arrivals(stands: Mapping[int, Stand]) -> dict[int, datetime]:
    return {seq: stand.changed_at for seq, stand in stands.items() if stand.state is State.DELIVERED}


def _move(
    connection: Connection, wave_id: int, those: Iterable[tuple[int, Event]], stands: Mapping[int, Stand]
) -> None:
    highest: dict[int, tuple[State, Event]] = {}
    for seq, event in those:
        state = _BECOMES.get(event.kind)
        if state is not None and (seq not in highest or _RANK[state] > _RANK[highest[seq][0]]):
            highest[seq] = (state, event)
    rows: list[dict[str, Any]] = []
    moved: Counter[State] = Counter()
    for seq, (state, event) in highest.items():
        stand = stands.get(seq)
        if stand is None or not _may_become(stand.state, state, event.kind):
            continue
        rows.append(
            {
                "wave_id": wave_id,
                "seq": seq,
                "state": state.value,
                "batch_id": stand.batch_id,
                "ref": stand.ref,
                "why": event.why,
                "changed_at": event.at,
            }
        )
        moved[state] += 1
        moved[stand.state] -= 1
    upsert(connection, t.outcomes, rows)
    shift(connection, wave_id, moved)


def _may_become(was: State, state: State, kind: EventKind) -> bool:
    if was in _UNSENT:
        # Held to be unsent, and yet it came to somebody: whatever we believed, it must not be sent again.
        return kind in _LEFT
    return was in TAKEN and _RANK[state] > _RANK[was]


def _stands(connection: Connection, wave_id: int, seqs: Collection[int]) -> dict[int, Stand]:
    """Where each of ``seqs`` stands. Who is in no batch is left out."""
    o = t.outcomes
    own = sa.select(o.c.seq, o.c.state, o.c.ref, o.c.batch_id, o.c.changed_at).where(
        o.c.wave_id == wave_id, among(connection, o.c.seq, seqs)
    )
    found = {seq: Stand(State(state), *more) for seq, state, *more in connection.execute(own)}
    left = sorted(seq for seq in seqs if seq not in found)
    if left:
        b = t.batches
        covering = (
            sa.select(b.c.first_seq, b.c.last_seq, b.c.state, b.c.ref, b.c.id, b.c.changed_at)
            .where(b.c.wave_id == wave_id, b.c.regular, b.c.first_seq <= left[-1], b.c.last_seq >= left[0])
            .order_by(b.c.first_seq)
        )
        for first, last, state, ref, batch_id, changed_at in connection.execute(covering).all():
            stand = Stand(State(state), ref, batch_id, changed_at)
            found |= dict.fromkeys(left[bisect_left(left, first) : bisect_right(left, last)], stand)
    return found
