"""Claims, attempts and their outcomes: ledger, network, ledger.

A claim is committed, then the attempt with the bytes it hands over, and only then may anything leave. A claim that
lapses before its attempt has begun left nothing behind and is planned again; one that lapses after it is in doubt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.wave import Wave, WaveState
from campaign.storage import buckets, frequency, stops
from campaign.storage import tables as t
from campaign.storage.batches import (
    become,
    end_attempt,
    follows,
    last_attempt,
    locked,
    members,
    no_sooner,
    open_parts,
    sent_before,
)
from campaign.storage.columns import Utc
from campaign.storage.counting import close_if_done, shift
from campaign.storage.database import upsert
from campaign.storage.outcomes import branch_off, ended_as
from campaign.storage.recipients import Recipients, people_mark, recipients
from campaign.storage.waves import find

_CLAIMABLE = (State.PLANNED.value, State.DEFERRED.value)
ALONE = "it needs a call of its own"
REFUSED_WHOLE = "refused as a whole"
"""How the outcome of an attempt begins whose batch was then halved."""


def claim(
    connection: Connection,
    world: str,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    most: int,
    without: Collection[str],
    post_lease: timedelta | None,
    ahead: timedelta | None,
) -> Sequence[Claim]:
    taken = 1
    claims: Sequence[Claim] = ()
    # Batches that everybody has left come to their end here; behind them there may be some that are to be sent.
    while taken and not claims:
        taken, claims = _take(
            connection,
            world,
            owner=owner,
            now=now,
            lease=lease,
            most=most,
            without=without,
            post_lease=lease if post_lease is None else post_lease,
            ahead=ahead,
        )
    return claims


def _take(
    connection: Connection,
    world: str,
    *,
    owner: str,
    now: datetime,
    lease: timedelta,
    most: int,
    without: Collection[str],
    post_lease: timedelta,
    ahead: timedelta | None,
) -> tuple[int, Sequence[Claim]]:
    """How many batches were due and taken, up to ``most``, and the claims on those in which somebody is left."""
    b, w, g = t.batches, t.waves, t.gates
    shut = sa.exists(
        sa.select(sa.literal(1)).where(
            g.c.world == world, g.c.channel == w.c.channel, g.c.account.in_(["", b.c.account]), g.c.until_at > now
        )
    )
    due = (
        sa.select(b)
        .join(w, w.c.id == b.c.wave_id)
        .where(
            w.c.world == world,
            w.c.state == WaveState.PREPARED.value,
            b.c.state.in_(_CLAIMABLE),
            b.c.due_at <= now + (ahead or timedelta(0)),
            w.c.channel.not_in(sorted(without)),
            *(() if ahead is None else _ahead(now)),
            ~shut,
            stops.STOPPED.is_(None),
        )
        .order_by(b.c.due_at, b.c.id)
        .limit(most)
    )
    if connection.dialect.name == "postgresql":
        due = due.with_for_update(of=b, skip_locked=True)
    rows = connection.execute(due).all()
    if not rows:
        return 0, ()
    waves = {wave.id: wave for wave in find(connection, world, ids={row.wave_id for row in rows})}
    taken = len(rows)
    recounts = frequency.recounts(connection, world, waves.values(), now=now)
    if any(wave.paces for wave in waves.values()):
        until = now + (ahead or timedelta(0))
        rows = buckets.draw(connection, world, [(row, waves[row.wave_id]) for row in rows], now=now, until=until)
        if not rows:
            return taken, ()
    connection.execute(
        sa.update(b)
        .where(b.c.id.in_([row.id for row in rows]))
        .values(
            state=State.CLAIMED.value,
            owner=owner,
            lease_until_at=sa.case((b.c.account == "", _at(now + lease)), else_=_at(now + post_lease)),
            attempts=b.c.attempts + 1,
            begun=False,
            group_id=None,
            changed_at=now,
        )
    )
    claims = []
    for row in rows:
        one = _claim(connection, row, waves[row.wave_id], owner, now, recounts.get(row.wave_id))
        if one is not None:
            claims.append(one)
    return taken, claims


def _ahead(now: datetime) -> Sequence[sa.ColumnElement[bool]]:
    """What is claimed before its instant: what is tried for the first time, and of e-mail only how a wave begins."""
    b, w = t.batches.c, t.waves.c
    begins = sa.and_(w.ahead_s == 0, sa.or_(b.due_at > now, w.first_sent_at.is_(None)))
    return b.attempt_id.is_(None), sa.or_(b.account != "", begins)


def _claim(
    connection: Connection,
    batch: Row[Any],
    wave: Wave,
    owner: str,
    now: datetime,
    recount: frequency.Recount | None,
) -> Claim | None:
    was = State(batch.state)
    if batch.account:
        left, people, gone = Recipients(tuple(open_parts(connection, batch)), (), {})
    else:
        left, people, gone = recipients(connection, batch, now, reads=wave.reads, digest=wave.digest, recount=recount)
    if gone:
        suppress(connection, batch, gone, was, now)
    if not left:
        # Nobody is left to send to. Whoever was in it has an outcome of their own, so the batch's state counts none.
        connection.execute(
            sa.update(t.batches)
            .where(t.batches.c.id == batch.id)
            .values(state=State.SUPPRESSED.value, owner="", lease_until_at=None)
        )
        close_if_done(connection, wave.id, now)
        return None
    shift(connection, wave.id, {was: -len(left), State.CLAIMED: len(left)})
    _mark_members(connection, batch, State.CLAIMED, now)
    kept = last_attempt(connection, batch.attempt_id) if batch.account and batch.attempt_id else None
    return Claim(
        batch_id=batch.id,
        wave=wave,
        owner=owner,
        attempts=batch.attempts + 1,
        seqs=left,
        first_seq=batch.first_seq,
        variant=batch.variant,
        account=batch.account,
        people=people,
        sent=sent_before(connection, batch) if batch.account else (),
        kept=kept,
        as_of=people_mark(connection) if people else "",
        due_at=batch.due_at,
        domain=batch.domain,
    )


def _at(instant: datetime) -> Any:
    return sa.literal(instant, Utc())


def suppress(connection: Connection, batch: Row[Any], gone: Mapping[int, str], was: State, now: datetime) -> None:
    rows = [
        {
            "wave_id": batch.wave_id,
            "seq": seq,
            "state": State.SUPPRESSED.value,
            "batch_id": None,
            "why": why,
            "changed_at": now,
        }
        for seq, why in gone.items()
    ]
    upsert(connection, t.outcomes, rows)
    shift(connection, batch.wave_id, {was: -len(rows), State.SUPPRESSED: len(rows)})


def _mark_members(connection: Connection, batch: Row[Any], state: State, now: datetime) -> None:
    """Members of an irregular batch have rows of their own, which follow it."""
    if not batch.regular:
        connection.execute(sa.update(t.outcomes).where(follows(batch)).values(state=state.value, changed_at=now))


def held(connection: Connection, claim: Claim) -> Row[Any]:
    """The claimed batch, locked; ClaimLost where ``claim`` does not hold it any more."""
    return ours(locked(connection, claim.batch_id), claim)


def ours(row: Row[Any], claim: Claim) -> Row[Any]:
    """``row`` where ``claim`` holds it; else ClaimLost."""
    if row.state != State.CLAIMED.value or row.owner != claim.owner or row.attempts != claim.attempts:
        raise ClaimLost(f"batch {claim.batch_id} of {claim.wave.name} is not ours any more; nothing was sent")
    return row


def renew(connection: Connection, mine: Sequence[Claim], *, now: datetime, lease: timedelta) -> frozenset[int]:
    held = set()
    for claim in mine:
        renewed = connection.execute(
            sa.update(t.batches)
            .where(
                t.batches.c.id == claim.batch_id,
                t.batches.c.state == State.CLAIMED.value,
                t.batches.c.owner == claim.owner,
                t.batches.c.attempts == claim.attempts,
            )
            .values(lease_until_at=now + lease)
        )
        if renewed.rowcount:
            held.add(claim.batch_id)
    return frozenset(held)


def release(connection: Connection, claim: Claim, *, now: datetime, due_at: datetime, why: str) -> None:
    batch = held(connection, claim)
    if claim.wave.paces and not batch.begun:
        buckets.give_back(connection, claim, len(claim.seqs))
    stop = stops.of_wave(connection, batch.wave_id)
    if stop is None or batch.begun:
        _wait(connection, batch, claim.seqs, State.DEFERRED, now=now, due_at=due_at, why=why)
    else:
        _wait(connection, batch, claim.seqs, State.PLANNED, now=now, due_at=due_at, why=str(stop))


def _wait(
    connection: Connection,
    batch: Row[Any],
    seqs: Sequence[int],
    state: State,
    *,
    now: datetime,
    due_at: datetime,
    why: str,
) -> None:
    """What was claimed waits again, unless its wave was stopped in the meantime: then it ends with it."""
    ended = ended_as(connection, batch.wave_id)
    if ended is not None:
        state, why = ended[0], ended[1]
    become(connection, batch, seqs, State.CLAIMED, state, now=now, due_at=due_at, why=why)


def halve(connection: Connection, claim: Claim, *, now: datetime, why: str) -> None:
    batch = held(connection, claim)
    if ended_as(connection, batch.wave_id) is not None:
        end_attempt(connection, batch.attempt_id, f"refused as a whole: {why}", now)
        _wait(connection, batch, claim.seqs, State.PLANNED, now=now, due_at=now, why=why)
        return
    first, second = claim.seqs[: len(claim.seqs) // 2], claim.seqs[len(claim.seqs) // 2 :]
    end_attempt(connection, batch.attempt_id, f"{REFUSED_WHOLE}: {why}", now)
    values = {
        "wave_id": batch.wave_id,
        "regular": batch.regular,
        "first_seq": second[0],
        "last_seq": batch.last_seq,
        "variant": batch.variant,
        "account": batch.account,
        "domain": batch.domain,
        "state": State.PLANNED.value,
        "due_at": no_sooner(connection, batch.wave_id, now),
        "changed_at": now,
    }
    other = connection.execute(sa.insert(t.batches).values(**values).returning(t.batches.c.id)).scalar_one()
    if not batch.regular:
        connection.execute(
            sa.update(t.outcomes)
            .where(t.outcomes.c.wave_id == batch.wave_id, t.outcomes.c.seq.in_(second))
            .values(batch_id=other, state=State.PLANNED.value, changed_at=now)
        )
    last = second[0] - 1 if batch.regular else batch.last_seq
    connection.execute(sa.update(t.batches).where(t.batches.c.id == batch.id).values(last_seq=last))
    shift(connection, batch.wave_id, {State.CLAIMED: -len(second), State.PLANNED: len(second)})
    become(connection, batch, first, State.CLAIMED, State.PLANNED, now=now, due_at=now, why=why)


def set_apart(connection: Connection, claim: Claim, seqs: Sequence[int], *, now: datetime) -> None:
    """Take ``seqs`` out of a claimed batch; each becomes a batch of one, due now."""
    batch = held(connection, claim)
    rows = [
        {
            "wave_id": batch.wave_id,
            "seq": seq,
            "state": State.PLANNED.value,
            "batch_id": branch_off(connection, batch, [seq], State.PLANNED, now, ALONE, now),
            "why": ALONE,
            "changed_at": now,
        }
        for seq in seqs
    ]
    upsert(connection, t.outcomes, rows)
    shift(connection, batch.wave_id, {State.CLAIMED: -len(rows), State.PLANNED: len(rows)})


def lapse(connection: Connection, world: str, *, now: datetime) -> int:
    b = t.batches
    query = (
        sa.select(b)
        .join(t.waves, t.waves.c.id == b.c.wave_id)
        .where(t.waves.c.world == world, b.c.state == State.CLAIMED.value, b.c.lease_until_at <= now)
    )
    if connection.dialect.name == "postgresql":
        query = query.with_for_update(of=b, skip_locked=True)
    rows = connection.execute(query).all()
    for batch in rows:
        seqs = members(connection, batch)
        if batch.begun:
            why = "the program stopped before it knew the answer"
            # Nothing leaves once the lease is over, however much later somebody looks.
            end_attempt(connection, batch.attempt_id, "in doubt: " + why, batch.lease_until_at)
            become(connection, batch, seqs, State.CLAIMED, State.IN_DOUBT, now=now, why=why)
        else:
            why = "the program stopped before it sent this"
            _wait(connection, batch, seqs, State.PLANNED, now=now, due_at=now, why=why)
    return len(rows)
