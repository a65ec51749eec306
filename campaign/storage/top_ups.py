"""Who of a step's audience has not got it, and why; and the wave that is sent to exactly these.

One condition says who has it, or may have it, or is about to; another why somebody has not. The screen counts by these
and the wave is written by these, within the transaction that looks again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.errors import LedgerError
from campaign.model.delivery import State
from campaign.model.preference import ASKED_FOR_LESS
from campaign.model.segment import Audience
from campaign.model.top_up import Missing, Reason, Some, ToppedUp
from campaign.model.wave import TOP_UP, Wave, WaveState
from campaign.storage import buckets, frequency
from campaign.storage import tables as t
from campaign.storage.entering import enter, enter_people, lock_step
from campaign.storage.segments import elsewhere, in_share, in_zones, matches, suppressed, without_consent
from campaign.storage.waves import find

_NOT_GOT = (State.REFUSED, State.DROPPED, State.SUPPRESSED, State.MISSED, State.CANCELLED)
"""Whose delivery stands so has not got it, and will not by that delivery. All others have it, may have it, or are
about to."""
_WHOLE = (State.REFUSED, State.MISSED, State.CANCELLED)
"""What a whole batch of e-mail may be of these, without a row for each of its people."""
_OPEN = (WaveState.WAITING, WaveState.HELD)
_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class _Step:
    """The waves that make up what is topped up: those that are ``out``, and those of which nobody is in the ledger."""

    out: Sequence[Wave]
    unprepared: Sequence[Wave]
    is_whole: bool
    """Whether a batch of theirs stands as a whole for people who have not got it."""


def missing(
    connection: Connection, world: str, step: str, audience: Audience, *, time: int, at: datetime | None
) -> Missing:
    """See ``campaign.ports.afterwards.Afterwards.missing``."""
    those = _step(connection, world, step, time)
    s = t.supporters.c
    why = _why(audience, those, _had_enough(connection, world, audience, at)).label("why")
    left = sa.select(s.id, why).where(matches(audience.segment), ~_has_it(those)).subquery()
    counted = sa.select(left.c.why, sa.func.count().label("n")).group_by(left.c.why)
    found = {Reason(row.why): row.n for row in connection.execute(counted)}
    few = {
        reason: connection.execute(
            sa.select(left.c.id).where(left.c.why == reason.value).order_by(left.c.id).limit(_EXAMPLES)
        ).scalars()
        for reason in found
    }
    return Missing({reason: Some(found[reason], tuple(few[reason])) for reason in Reason if reason in found})


def place(
    connection: Connection,
    world: str,
    wave: Wave,
    audience: Audience,
    *,
    reasons: Collection[Reason],
    expected: int,
    batch_size: int,
    reads: Collection[str] | None,
    by: str,
    why: str,
    at: datetime,
) -> Wave:
    """See ``campaign.ports.afterwards.Afterwards.top_up``."""
    if audience.frequency is not None:
        frequency.one_by_one(connection)
    lock_step(connection, world, wave.step)
    time = wave.number % TOP_UP
    those = _step(connection, world, wave.step, time)
    waves = t.waves
    before = connection.execute(
        sa.select(sa.func.max(waves.c.number)).where(waves.c.world == world, waves.c.step == wave.step)
    ).scalar_one()
    number = (before // TOP_UP + 1) * TOP_UP + time
    new = connection.execute(
        sa.insert(waves)
        .values(
            world=world,
            step=wave.step,
            number=number,
            channel=wave.channel,
            due_at=wave.due_at,
            late_s=int(wave.late.within.total_seconds()),
            late_then=wave.late.then,
            state=WaveState.WAITING.value,
            digest=wave.digest,
            arm=wave.arm,
            paces=buckets.stored(wave.paces),
        )
        .returning(waves.c.id)
    ).scalar_one()
    enter(connection, new)
    why_not = _why(audience, those, _had_enough(connection, world, audience, at))
    told = {
        reason.value: n for reason, n in _counted(connection, audience, those, why_not).items() if reason in reasons
    }
    who = sa.and_(matches(audience.segment), ~_has_it(those), why_not.in_(sorted(reasons)))
    planned = enter_people(connection, new, audience, who, batch_size=batch_size, at=at, reads=reads)
    if planned != expected:
        raise LedgerError(
            f"it is {planned:,} people by now, and not {expected:,}: somebody else has topped the step up, or the list "
            "has changed; nothing was placed, look again"
        )
    connection.execute(
        sa.insert(t.top_ups).values(
            wave_id=new, by=by, why=why, topped_up_at=at, number=planned, reasons=json.dumps(told)
        )
    )
    (placed,) = find(connection, world, ids=[new])
    return placed


def _counted(connection: Connection, audience: Audience, those: _Step, why: ColumnElement[str]) -> Mapping[Reason, int]:
    left = sa.select(why.label("why")).where(matches(audience.segment), ~_has_it(those)).subquery()
    counted = sa.select(left.c.why, sa.func.count().label("n")).group_by(left.c.why)
    return {Reason(row.why): row.n for row in connection.execute(counted)}


def _had_enough(connection: Connection, world: str, audience: Audience, at: datetime | None) -> ColumnElement[bool]:
    """Whether a supporter has had as many e-mails as they may by then."""
    full = None if at is None else frequency.had_enough(connection, world, audience, at=at, now=at)
    return sa.false() if full is None else t.supporters.c.id.in_(full)


def _step(connection: Connection, world: str, step: str, time: int) -> _Step:
    """``time``: of a repeating step the number of the time that is topped up; 0: all of its waves."""
    waves = [one for one in find(connection, world, step=step) if not time or one.number % TOP_UP == time]
    out = [one for one in waves if one.prepared_at is not None]
    b = t.batches.c
    whole = sa.select(b.id).where(
        b.wave_id.in_([one.id for one in out]), b.regular, b.state.in_([state.value for state in _WHOLE])
    )
    return _Step(
        out=out,
        unprepared=[one for one in waves if one.prepared_at is None and not one.is_top_up],
        is_whole=connection.execute(whole.limit(1)).first() is not None,
    )


def _has_it(those: _Step) -> ColumnElement[bool]:
    """Whether a supporter has a delivery in one of the waves that they got, may have got, or are about to get."""
    d, o = t.deliveries.alias("had"), t.outcomes.alias("own")
    state = sa.func.coalesce(o.c.state, _of_batch(d, t.batches.c.state, those))
    had = (
        sa.select(sa.literal(1))
        .select_from(d.outerjoin(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq)))
        .where(
            d.c.supporter_id == t.supporters.c.id,
            d.c.wave_id.in_([one.id for one in those.out]),
            state.not_in([one.value for one in _NOT_GOT]),
        )
    )
    return sa.exists(had.correlate(t.supporters))


def _of_batch(delivery: Any, column: ColumnElement[Any], those: _Step) -> ColumnElement[Any]:
    """A column of the regular batch that covers ``delivery``; where no batch stands whole for people who have not got
    it, that need not be looked up."""
    if not those.is_whole:
        return sa.literal(State.PLANNED.value) if column is t.batches.c.state else sa.null()
    b = t.batches
    covering = (
        sa.select(column)
        .where(b.c.wave_id == delivery.c.wave_id, b.c.regular, b.c.first_seq <= delivery.c.seq)
        .order_by(b.c.first_seq.desc())
        .limit(1)
    )
    return covering.correlate(delivery).scalar_subquery()


def _why(audience: Audience, those: _Step, full: ColumnElement[bool]) -> ColumnElement[str]:
    """The first ``Reason`` that is true of a supporter who has not got it. ``full``: they have had enough others."""
    last = _last(those)
    return sa.case(
        (sa.or_(suppressed(), without_consent(), elsewhere(audience.campaign)), Reason.BARRED.value),
        (last.is_(None), _without_any(audience, those, full)),
        (full, Reason.TURN.value),
        (last == State.MISSED.value, Reason.MISSED.value),
        (last == State.CANCELLED.value, Reason.CANCELLED.value),
        (last != State.SUPPRESSED.value, sa.case((_mended(those), Reason.MENDED.value), else_=Reason.REFUSED.value)),
        (sa.and_(_last_why(those) == ASKED_FOR_LESS, t.supporters.c.preference != ""), Reason.TURN.value),
        else_=Reason.LIFTED.value,
    )


def _without_any(audience: Audience, those: _Step, full: ColumnElement[bool]) -> ColumnElement[str]:
    """Why somebody is in none of the waves: theirs has not come, was cancelled or missed; or they came later."""

    def belongs(states: Collection[WaveState]) -> ColumnElement[bool]:
        theirs = [
            replace(audience, zones=one.zones, share=one.share) for one in those.unprepared if one.state in states
        ]
        return sa.or_(sa.false(), *(sa.and_(in_zones(one), in_share(one)) for one in theirs))

    return sa.case(
        (belongs(_OPEN), Reason.WAITS.value),
        (full, Reason.TURN.value),
        (belongs((WaveState.CANCELLED,)), Reason.CANCELLED.value),
        (belongs((WaveState.MISSED,)), Reason.MISSED.value),
        else_=Reason.LATE.value,
    )


def _read(those: _Step, own: str) -> ColumnElement[Any]:
    """How a supporter's last delivery in the waves stands."""
    d, o = t.deliveries.alias("last"), t.outcomes.alias("fared")
    value = sa.func.coalesce(o.c[own], _of_batch(d, t.batches.c[own], those))
    query = (
        sa.select(value)
        .select_from(d.outerjoin(o, sa.and_(o.c.wave_id == d.c.wave_id, o.c.seq == d.c.seq)))
        .where(d.c.supporter_id == t.supporters.c.id, d.c.wave_id.in_([one.id for one in those.out]))
        .order_by(d.c.wave_id.desc())
        .limit(1)
    )
    return query.correlate(t.supporters).scalar_subquery()


def _last(those: _Step) -> ColumnElement[Any]:
    return _read(those, "state")


def _last_why(those: _Step) -> ColumnElement[Any]:
    return _read(those, "why")


def _mended(those: _Step) -> ColumnElement[bool]:
    """Whether something has changed since their last delivery came to its end that may have been what was wrong."""
    ended_at = _read(those, "changed_at")
    h = t.suppression_history.c
    lifted = sa.exists().where(
        h.address_hash == t.supporters.c.address_hash, h.what == "lifted", h.happened_at > ended_at
    )
    return sa.or_(t.supporters.c.changed_at > ended_at, lifted.correlate(t.supporters))


def told(connection: Connection, world: str, *, step: str | None = None) -> Sequence[ToppedUp]:
    """See ``campaign.ports.afterwards.Afterwards.top_ups``."""
    query = sa.select(t.top_ups).join(t.waves, t.waves.c.id == t.top_ups.c.wave_id).where(t.waves.c.world == world)
    if step is not None:
        query = query.where(t.waves.c.step == step)
    rows = connection.execute(query.order_by(t.top_ups.c.id)).all()
    waves = {wave.id: wave for wave in find(connection, world, ids={row.wave_id for row in rows})} if rows else {}
    return [
        ToppedUp(
            wave=waves[row.wave_id],
            by=row.by,
            why=row.why,
            at=row.topped_up_at,
            number=row.number,
            reasons={Reason(name): number for name, number in json.loads(row.reasons).items()},
        )
        for row in rows
    ]
