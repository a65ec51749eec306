"""What is in doubt, as a person is asked about it; what they say; and what shows afterwards that it was wrong.

A word is taken only while the doubt is there: what has settled itself meanwhile stays as it is. What an event shows
later stands above a word: see ``correct``.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.errors import LedgerError
from campaign.model.delivery import State
from campaign.model.event import Event
from campaign.model.group import GroupState
from campaign.model.outcome import Accepted, NotSent
from campaign.model.resolution import Correction, Question, Resolution, Word
from campaign.storage import tables as t
from campaign.storage.batches import become, locked, members, sent_before
from campaign.storage.counting import close_if_done
from campaign.storage.outcomes import settle
from campaign.storage.waves import find

_EXAMPLES = 3
_SKEW = timedelta(seconds=5)
"""How far a provider's clock may be from ours, and how coarsely it tells: so near a second attempt nobody knows which
of the two an event is about."""
_UNSENT = (State.PLANNED.value, State.DEFERRED.value, State.MISSED.value, State.CANCELLED.value)


def questions(
    connection: Connection, world: str, *, now: datetime, step: str | None, batch_id: int | None
) -> Sequence[Question]:
    """See ``campaign.ports.afterwards.Afterwards.questions``."""
    b, w, a, g = t.batches, t.waves, t.attempts, t.groups
    query = (
        sa.select(b, a.c.began_at, a.c.ended_at, g.c.state.label("group_state"), g.c.send_at)
        .join(w, w.c.id == b.c.wave_id)
        .join(a, a.c.id == b.c.attempt_id)
        .outerjoin(g, g.c.id == b.c.group_id)
        .where(w.c.world == world, b.c.state == State.IN_DOUBT.value)
        .order_by(w.c.due_at, b.c.id)
    )
    if step is not None:
        query = query.where(w.c.step == step)
    if batch_id is not None:
        query = query.where(b.c.id == batch_id)
    rows = connection.execute(query).all()
    waves = {wave.id: wave for wave in find(connection, world, ids={row.wave_id for row in rows})} if rows else {}
    found = []
    for row in rows:
        seqs = tuple(members(connection, row))
        found.append(
            Question(
                batch_id=row.id,
                attempt_id=row.attempt_id,
                wave=waves[row.wave_id],
                seqs=seqs,
                first_seq=row.first_seq,
                began_at=row.began_at,
                since=row.ended_at or row.began_at,
                looked_at=row.changed_at,
                why=row.why,
                attempts=row.attempts,
                account=row.account,
                sent=sent_before(connection, row) if row.account else (),
                people=() if row.account else _examples(connection, row.wave_id, seqs),
                held_until=row.send_at if _may_come_back(row.group_state, row.send_at, now) else None,
            )
        )
    return found


def _examples(connection: Connection, wave_id: int, seqs: Sequence[int]) -> tuple[int, ...]:
    d = t.deliveries.c
    theirs = sa.select(d.supporter_id).where(d.wave_id == wave_id, d.seq.in_(seqs[:_EXAMPLES]), d.supporter_id != 0)
    return tuple(connection.execute(theirs.order_by(d.seq)).scalars())


def _may_come_back(state: str | None, send_at: datetime | None, now: datetime) -> bool:
    return state is not None and state != GroupState.CANCELLED.value and send_at is not None and now < send_at


def resolve(
    connection: Connection,
    batch_id: int,
    attempt_id: int,
    results: Mapping[int, Accepted | NotSent],
    *,
    by: str,
    why: str,
    now: datetime,
) -> bool:
    """See ``campaign.ports.afterwards.Afterwards.resolve``."""
    batch = locked(connection, batch_id)
    if batch.state != State.IN_DOUBT.value or batch.attempt_id != attempt_id:
        return False
    if any(isinstance(result, NotSent) for result in results.values()):
        _not_held(connection, batch, now)
    settle(connection, batch_id, attempt_id, results, now=now)
    for word, kind in ((Word.ACCEPTED, Accepted), (Word.NOT_SENT, NotSent)):
        seqs = [seq for seq, result in results.items() if isinstance(result, kind)]
        if seqs:
            _write_down(connection, batch, seqs, word, by=by, why=why, now=now)
    return True


def _not_held(connection: Connection, batch: Row[Any], now: datetime) -> None:
    g = t.groups.c
    group = connection.execute(sa.select(g.state, g.send_at).where(g.id == batch.group_id)).first()
    if group is not None and _may_come_back(group.state, group.send_at, now):
        raise LedgerError(
            f"the provider may hold batch {batch.id} until {group.send_at:%d %b %Y %H:%M} UTC and would send it then; "
            "`campaign run` takes it back and finds out by itself"
        )


def _write_down(
    connection: Connection, batch: Row[Any], seqs: Sequence[int], word: Word, *, by: str, why: str, now: datetime
) -> None:
    connection.execute(
        sa.insert(t.resolutions).values(
            wave_id=batch.wave_id,
            batch_id=batch.id,
            attempt_id=batch.attempt_id,
            seqs=orjson.dumps(_ranges(sorted(seqs))).decode(),
            number=len(seqs),
            word=word.value,
            by=by,
            why=why,
            said_at=now,
        )
    )


def _ranges(seqs: Sequence[int]) -> list[tuple[int, int]]:
    """``[(0, 2), (5, 5)]`` of 0, 1, 2 and 5."""
    if not seqs:
        return []
    breaks = [place for place, (one, other) in enumerate(pairwise(seqs), start=1) if other != one + 1]
    starts, ends = [0, *breaks], [*breaks, len(seqs)]
    return [(seqs[start], seqs[end - 1]) for start, end in zip(starts, ends, strict=True)]


def told(connection: Connection, world: str, *, step: str | None = None) -> Sequence[Resolution]:
    """See ``campaign.ports.afterwards.Afterwards.resolutions``."""
    query = _all().where(t.waves.c.world == world).order_by(t.resolutions.c.id)
    if step is not None:
        query = query.where(t.waves.c.step == step)
    return [_resolution(row) for row in connection.execute(query)]


def _all() -> sa.Select[Any]:
    return sa.select(t.resolutions, t.waves.c.step, t.waves.c.number.label("wave")).join(
        t.waves, t.waves.c.id == t.resolutions.c.wave_id
    )


def _resolution(row: Row[Any], *, corrected_at: datetime | None = None, evidence: str = "") -> Resolution:
    return Resolution(
        batch_id=row.batch_id,
        step=row.step,
        wave=row.wave,
        word=Word(row.word),
        number=row.number,
        by=row.by,
        why=row.why,
        at=row.said_at,
        corrected_at=corrected_at or row.corrected_at,
        evidence=evidence or row.evidence,
    )


def correct(
    connection: Connection, wave_id: int, those: Sequence[tuple[int, Event]], *, now: datetime
) -> list[Correction]:
    """Where an event of a delivery shows that it was sent although a person said that it was not: its whole request
    was, since a request is taken or not. What of it has not left again does not."""
    r = t.resolutions.c
    query = _all().where(r.wave_id == wave_id, r.word == Word.NOT_SENT.value, r.corrected_at.is_(None))
    found = []
    for row in connection.execute(query).all():
        ranges = orjson.loads(row.seqs)
        about = [event for seq, event in those if any(first <= seq <= last for first, last in ranges)]
        if not about:
            continue
        again_at = _again_at(connection, row, ranges)
        proof = next((event for event in about if again_at is None or event.at < again_at - _SKEW), None)
        if proof is None:
            continue
        evidence = f"{proof.kind.value} at {proof.at:%Y-%m-%d %H:%M:%S} UTC"
        connection.execute(sa.update(t.resolutions).where(r.id == row.id).values(corrected_at=now, evidence=evidence))
        kept = _keep(connection, wave_id, ranges, evidence, now)
        found.append(Correction(_resolution(row, corrected_at=now, evidence=evidence), kept))
    return found


def _again_at(connection: Connection, row: Row[Any], ranges: Sequence[tuple[int, int]]) -> datetime | None:
    """When an attempt at some of these began after the one in doubt; None where none has."""
    a, b = t.attempts.c, t.batches.c
    later = (
        sa.select(sa.func.min(a.began_at))
        .join(t.batches, b.id == a.batch_id)
        .where(a.id > row.attempt_id, b.wave_id == row.wave_id)
        .where(b.first_seq <= ranges[-1][1], b.last_seq >= ranges[0][0])
    )
    began: datetime | None = connection.execute(later).scalar()
    return began


def _keep(connection: Connection, wave_id: int, ranges: Sequence[tuple[int, int]], evidence: str, now: datetime) -> int:
    """Let what has not left again count as accepted; how many."""
    b = t.batches
    waiting = sa.or_(b.c.state.in_(_UNSENT), sa.and_(b.c.state == State.CLAIMED.value, ~b.c.begun))
    query = (
        sa.select(b)
        .where(b.c.wave_id == wave_id, waiting, b.c.first_seq <= ranges[-1][1], b.c.last_seq >= ranges[0][0])
        .order_by(b.c.id)
    )
    number = 0
    for batch in connection.execute(query.with_for_update()).all():
        seqs = members(connection, batch)
        if not seqs or not _within(seqs, ranges):
            continue
        become(connection, batch, seqs, State(batch.state), State.ACCEPTED, now=now, why=evidence)
        number += len(seqs)
    close_if_done(connection, wave_id, now)
    return number


def _within(seqs: Collection[int], ranges: Sequence[tuple[int, int]]) -> bool:
    return all(any(first <= seq <= last for first, last in ranges) for seq in seqs)
