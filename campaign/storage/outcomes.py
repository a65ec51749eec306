"""What became of an attempt, written down: by whoever made it, or later by whoever settled it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, assert_never

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import TAKEN, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.model.wave import WaveState
from campaign.storage import retractions
from campaign.storage import tables as t
from campaign.storage.batches import become, end_attempt, locked, no_sooner
from campaign.storage.counting import shift
from campaign.storage.database import upsert
from campaign.storage.waves import ENDS_AS


def record(
    connection: Connection, claim: Claim, outcomes: Mapping[int, Outcome], *, now: datetime, retry_at: datetime
) -> None:
    batch = locked(connection, claim.batch_id)
    # Lapsed in the meantime, but not settled: what we know is better than a doubt.
    ours = batch.attempts == claim.attempts and batch.state in (State.CLAIMED.value, State.IN_DOUBT.value)
    if not ours or (batch.state == State.CLAIMED.value and batch.owner != claim.owner):
        raise ClaimLost(f"batch {claim.batch_id} of {claim.wave.name} was settled by somebody else")
    _apply(connection, batch, outcomes, State(batch.state), now=now, retry_at=retry_at)


def settle(
    connection: Connection, batch_id: int, attempt_id: int, results: Mapping[int, Settled], *, now: datetime
) -> None:
    batch = locked(connection, batch_id)
    if batch.state != State.IN_DOUBT.value or batch.attempt_id != attempt_id:
        return  # somebody else has settled it
    if all(isinstance(result, InDoubt) for result in results.values()):
        why = next((result.reason for result in results.values() if isinstance(result, InDoubt)), batch.why)
        connection.execute(sa.update(t.batches).where(t.batches.c.id == batch_id).values(why=why))
        return
    _apply(connection, batch, results, State.IN_DOUBT, now=now, retry_at=now)


_STANDS = sa.select(t.waves.c.state, t.waves.c.why).where(t.waves.c.id == sa.bindparam("wave"))
"""Written once and not at each use: SQLAlchemy takes three times as long to put it together as to execute it."""

Told = tuple[State, str, datetime | None, str]


def _told(result: Outcome | Settled, retry_at: datetime) -> Told:
    """State, reason, instant of the next try, provider's id."""
    match result:
        case Accepted(ref=ref):
            return State.ACCEPTED, "", None, ref or ""
        case Deferred(reason=why, until=until):
            return State.DEFERRED, why, until or retry_at, ""
        case Refused(reason=why):
            return State.REFUSED, why, None, ""
        case InDoubt(reason=why):
            return State.IN_DOUBT, why, None, ""
        case NotSent(evidence=why):
            return State.PLANNED, why, retry_at, ""
    assert_never(result)


def _all_told(results: Mapping[int, Outcome | Settled], retry_at: datetime) -> dict[int, Told]:
    """What befell each; a batch of which nothing but good is to be told has one object for all of its deliveries."""
    distinct = {id(result): result for result in results.values()}
    known = {which: _told(result, retry_at) for which, result in distinct.items()}
    return {seq: known[id(result)] for seq, result in results.items()}


def _counted(told: Mapping[int, Told]) -> Counter[Told]:
    """How many fared alike. Objects are told apart first: to compare what they hold a thousand times takes long."""
    counted: Counter[Told] = Counter()
    objects = {id(one): one for one in told.values()}
    for which, n in Counter(map(id, told.values())).items():
        counted[objects[which]] += n
    return counted


def _apply(
    connection: Connection,
    batch: Row[Any],
    results: Mapping[int, Outcome | Settled],
    was: State,
    *,
    now: datetime,
    retry_at: datetime,
) -> None:
    """Let the batch take on what befell most of its deliveries, and give the others rows of their own."""
    told = _all_told(results, retry_at)
    ended = ended_as(connection, batch.wave_id) or _retracted(connection, batch)
    if ended is not None:
        # It was stopped while the answer was out: what was not sent will not be.
        told = {seq: ended if one[0] in (State.DEFERRED, State.PLANNED) else one for seq, one in told.items()}
    fared = _counted(told)
    tallied: Counter[State] = Counter()
    for (state, _, _, _), n in fared.items():
        tallied[state] += n
    said = ", ".join(f"{n:,} {state.value.replace('_', ' ')}" for state, n in tallied.most_common())
    end_attempt(connection, batch.attempt_id, said, now)
    if batch.account:
        _apply_to_thread(connection, batch, results, told, was, now)
        return
    usual = fared.most_common(1)[0][0]
    others: dict[Told, list[int]] = {}
    for seq, one in told.items():
        if one is not usual and one != usual:
            others.setdefault(one, []).append(seq)
    for (state, why, due_at, ref), seqs in others.items():
        new_batch = batch.id
        # What a provider holds in a group follows a batch of that group, so that it can be taken back with it.
        held = state is State.ACCEPTED and batch.group_id is not None
        if held or state in (State.DEFERRED, State.PLANNED, State.IN_DOUBT):
            new_batch = branch_off(connection, batch, seqs, state, due_at or now, why, now)
        rows = [
            {
                "wave_id": batch.wave_id,
                "seq": seq,
                "state": state.value,
                "batch_id": new_batch,
                "ref": ref,
                "why": why,
                "changed_at": now,
            }
            for seq in seqs
        ]
        upsert(connection, t.outcomes, rows)
        shift(connection, batch.wave_id, {was: -len(seqs), state: len(seqs)} if was is not state else {})
    rest = [seq for seq, one in told.items() if one is usual or one == usual]
    state, why, due_at, ref = usual
    become(connection, batch, rest, was, state, now=now, why=why, due_at=due_at, ref=ref)


def ended_as(connection: Connection, wave_id: int) -> Told | None:
    """What becomes of unsent deliveries of a wave that was missed or cancelled; None while it may still go out."""
    wave = connection.execute(_STANDS, {"wave": wave_id}).one()
    became = ENDS_AS.get(WaveState(wave.state))
    return None if became is None else (became, wave.why, None, "")


def _retracted(connection: Connection, batch: Row[Any]) -> Told | None:
    """What becomes of unsent parts of a thread that somebody wants deleted, while the rest of its wave goes out."""
    why = retractions.cancels(connection, batch) if batch.account else None
    return None if why is None else (State.CANCELLED, why, None, "")


def _apply_to_thread(
    connection: Connection,
    batch: Row[Any],
    results: Mapping[int, Outcome | Settled],
    told: Mapping[int, Told],
    was: State,
    now: datetime,
) -> None:
    """Parts that have an end get rows of their own; the parts still open stay together, in one state."""
    final = (State.ACCEPTED, State.REFUSED, State.MISSED, State.CANCELLED)
    ended = {seq: one for seq, one in told.items() if one[0] in final}
    rows = []
    for seq, (state, why, _, ref) in ended.items():
        result = results[seq]
        url = result.url or "" if isinstance(result, Accepted) else ""
        rows.append(
            {
                "wave_id": batch.wave_id,
                "seq": seq,
                "state": state.value,
                "batch_id": batch.id,
                "ref": ref,
                "url": url,
                "why": why,
                "changed_at": now,
            }
        )
        shift(connection, batch.wave_id, {was: -1, state: 1})
    upsert(connection, t.outcomes, rows)
    retractions.never_posted(connection, batch, [seq for seq, one in ended.items() if one[0] not in TAKEN], now)
    left = {seq: one for seq, one in told.items() if seq not in ended}
    if not left:
        states = [one[0] for one in ended.values()]
        state = State.ACCEPTED if State.ACCEPTED in states else states[0]
        become(connection, batch, (), was, state, now=now, why="")
        return
    doubted = [one for one in left.values() if one[0] is State.IN_DOUBT]
    # A part in doubt holds those behind it: nobody may post part 4 while part 3 may or may not be there.
    state, why, due_at, _ = doubted[0] if doubted else max(left.values(), key=lambda one: one[2] or now)
    become(connection, batch, tuple(left), was, state, now=now, why=why, due_at=due_at)


def branch_off(
    connection: Connection,
    batch: Row[Any],
    seqs: Sequence[int],
    state: State,
    due_at: datetime,
    why: str,
    now: datetime,
) -> int:
    """A batch for those that fared otherwise than most of theirs and still have a way to go."""
    values = {
        "wave_id": batch.wave_id,
        "regular": False,
        "first_seq": min(seqs),
        "last_seq": max(seqs),
        "variant": batch.variant,
        "account": batch.account,
        "domain": batch.domain,
        "state": state.value,
        "due_at": no_sooner(connection, batch.wave_id, due_at),
        "attempts": batch.attempts,
        "attempt_id": batch.attempt_id,
        "group_id": batch.group_id,
        "why": why,
        "changed_at": now,
    }
    new: int = connection.execute(sa.insert(t.batches).values(**values).returning(t.batches.c.id)).scalar_one()
    return new
