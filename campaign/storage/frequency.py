"""How often anybody hears from a campaign: who has had, or is about to have, as many e-mails as they may.

Whoever prepares a wave counts what is planned, on its way or out by then; on PostgreSQL one after the other, so that of
two at once the second sees the first. Held waves do not count for what they have not sent, since nobody knows whether
they ever will. So a claim counts again, what is on its way or out, where another wave was still at work when its own
was prepared, or came after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Engine, Row

from campaign.model.delivery import TAKEN, State
from campaign.model.frequency import HAD_ENOUGH, Frequency
from campaign.model.segment import Audience
from campaign.model.wave import TOP_UP, Wave, WaveState
from campaign.storage import preferences
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.bundles import unpack_bundle
from campaign.storage.columns import Utc

_LOCK = 727_2021
_UNSENT = (State.PLANNED, State.DEFERRED)
_GOES_OUT = (TAKEN - {State.DROPPED}) | {State.CLAIMED, State.IN_DOUBT}
"""It was sent, may have been, or is on its way."""

Range = tuple[int, int, int]
"""A wave, and the first and last of some of its deliveries."""


class _Facts(NamedTuple):
    """What was approved under a digest. ``frequency`` is None also where the step is exempt."""

    campaign: str
    zone: str
    frequency: Frequency | None
    repeats: bool


@dataclass(frozen=True, slots=True)
class Recount:
    """What a claim needs to count again for the people of a wave."""

    world: str
    wave: Wave
    frequency: Frequency
    zone: str
    others: frozenset[int]


_KNOWN: WeakKeyDictionary[Engine, dict[str, _Facts]] = WeakKeyDictionary()
"""By digest: what was approved never changes, so that it costs a batch nothing to know."""


def one_by_one(connection: Connection) -> None:
    """Let nobody else count before this transaction ends. SQLite lets nobody write beside it anyway. To be called
    before any wave or counter is locked, so that nobody waits in a circle."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


# ── when a wave is prepared ──


def leave_out(connection: Connection, wave_id: int, audience: Audience, *, at: datetime) -> None:
    """Mark those of the wave who have had enough, and are not left out for another reason."""
    w, d, o = t.waves.c, t.deliveries.c, t.outcomes.c
    wave = connection.execute(sa.select(w.world, w.due_at).where(w.id == wave_id)).one()
    full = had_enough(connection, wave.world, audience, at=max(at, wave.due_at), now=at, but=wave_id)
    if full is None:
        return
    other_reason = sa.exists().where(o.wave_id == d.wave_id, o.seq == d.seq).correlate(t.deliveries)
    chosen = sa.select(
        d.wave_id, d.seq, sa.literal(State.SUPPRESSED.value), sa.literal(HAD_ENOUGH), sa.literal(at, Utc())
    ).where(d.wave_id == wave_id, d.supporter_id.in_(full), ~other_reason)
    columns = ["wave_id", "seq", "state", "why", "changed_at"]
    connection.execute(sa.insert(t.outcomes).from_select(columns, chosen))


def had_enough(
    connection: Connection, world: str, audience: Audience, *, at: datetime, now: datetime, but: int = 0
) -> sa.Select[Any] | None:
    """The ids of the supporters to whom one more e-mail ``at`` this instant would be one too many; None: of nobody.
    ``but`` is a wave that does not count."""
    frequency = audience.frequency
    if frequency is None:
        return None
    since, until = frequency.window(at, audience.home_zone)
    waves = _waves(connection, world, audience.campaign, since, until, but=but)
    if len(waves) < frequency.most:
        return None
    whole, mixed = _ranges(connection, waves, since, until, now)
    if len({wave for wave, _, _ in (*whole, *mixed)}) < frequency.most:
        return None
    d, o = t.deliveries.c, t.outcomes.c
    unsent = [state.value for state in _UNSENT]
    held = [wave.id for wave in waves if wave.state == WaveState.HELD.value]
    goes_out = [state.value for state in _GOES_OUT]
    otherwise = sa.exists().where(
        o.wave_id == d.wave_id,
        o.seq == d.seq,
        sa.or_(o.state.not_in([*goes_out, *unsent]), sa.and_(o.wave_id.in_(held), o.state.in_(unsent))),
    )
    parts = []
    if whole:
        ranges, inside = _inside(connection, whole, t.deliveries)
        theirs = sa.select(d.supporter_id).select_from(sa.join(ranges, t.deliveries, inside))
        parts.append(theirs.where(~otherwise.correlate(t.deliveries)))
    if mixed:
        ranges, inside = _inside(connection, mixed, t.outcomes)
        both = sa.join(ranges, t.outcomes, inside).join(t.deliveries, sa.and_(d.wave_id == o.wave_id, d.seq == o.seq))
        parts.append(sa.select(d.supporter_id).select_from(both).where(o.state.in_(goes_out), o.changed_at > since))
    had = sa.union_all(*parts).subquery("had")
    query = sa.select(had.c.supporter_id)
    if frequency.most > 1:
        query = query.group_by(had.c.supporter_id).having(sa.func.count() >= frequency.most)
    return query


def _waves(
    connection: Connection, world: str, campaign: str, since: datetime, until: datetime, *, but: int
) -> list[Row[Any]]:
    """The campaign's e-mail waves that are in the ledger, as far as something of them may be within the window."""
    w = t.waves.c
    query = sa.select(w.id, w.step, w.number, w.digest, w.due_at, w.state, w.prepared_at, w.finished_at).where(
        w.world == world,
        w.channel == "email",
        w.id != but,
        w.prepared_at.is_not(None),
        sa.or_(w.finished_at.is_(None), w.finished_at > since, w.due_at > since),
        w.due_at < until,
    )
    rows: list[Row[Any]] = list(connection.execute(query))
    return [row for row in rows if _facts(connection, row.digest).campaign == campaign]


def _ranges(
    connection: Connection, waves: Iterable[Row[Any]], since: datetime, until: datetime, now: datetime
) -> tuple[list[Range], list[Range]]:
    """The deliveries that count unless they say otherwise, and those of which only count that say so: a batch that was
    refused as a whole, or is held, may have some that went out."""
    b, a = t.batches.c, t.attempts.c
    known = {wave.id: wave for wave in waves}
    query = (
        sa.select(b.wave_id, b.first_seq, b.last_seq, b.state, b.due_at, a.began_at)
        .join_from(t.batches, t.attempts, a.id == b.attempt_id, isouter=True)
        .where(b.wave_id.in_(known), b.regular)
        .order_by(b.wave_id, b.first_seq)
    )
    whole: list[Range] = []
    mixed: list[Range] = []
    rows: list[Row[Any]] = list(connection.execute(query))
    for row in rows:
        state, wave = State(row.state), known[row.wave_id]
        if state in _UNSENT and wave.state == WaveState.PREPARED.value:
            instant = max(wave.due_at, row.due_at, now)
        elif state in _GOES_OUT:
            instant = max(wave.due_at, row.began_at or now)
        else:
            _add(mixed, row)
            continue
        if since < instant < until:
            _add(whole, row)
    return whole, mixed


def _add(ranges: list[Range], row: Row[Any]) -> None:
    last = ranges[-1] if ranges else (0, 0, 0)
    if last[0] == row.wave_id and last[2] + 1 == row.first_seq:
        ranges[-1] = (row.wave_id, last[1], row.last_seq)
    else:
        ranges.append((row.wave_id, row.first_seq, row.last_seq))


def _inside(connection: Connection, ranges: list[Range], table: sa.Table) -> tuple[Any, ColumnElement[bool]]:
    """The ranges as a table, and whether a row of ``table`` is in one of them."""
    bounds: Iterable[ColumnElement[int]]
    listed: Any
    if connection.dialect.name == "sqlite":
        listed = sa.func.json_each(orjson.dumps(ranges).decode()).table_valued("value", name="ranges")
        bounds = (sa.func.json_extract(listed.c.value, f"$[{at}]") for at in range(3))
    else:
        columns = (sa.cast(list(column), sa.ARRAY(sa.BigInteger)) for column in zip(*ranges, strict=True))
        listed = sa.func.unnest(*columns).table_valued("wave", "first", "last", name="ranges").render_derived()
        bounds = (listed.c.wave, listed.c.first, listed.c.last)
    wave, first, last = bounds
    return listed, sa.and_(table.c.wave_id == wave, table.c.seq.between(first, last))


# ── when a batch is claimed ──


def recounts(connection: Connection, world: str, waves: Collection[Wave], *, now: datetime) -> Mapping[int, Recount]:
    """Those of the waves, by id, for whose people it is to be counted again: another was at work when they were
    prepared, or was prepared after them."""
    found = {}
    for wave in waves:
        if wave.channel != "email" or wave.prepared_at is None:
            continue
        facts = _facts(connection, wave.digest)
        if facts.frequency is None:
            continue
        since, until = facts.frequency.window(max(now, wave.due_at), facts.zone)
        others = _waves(connection, world, facts.campaign, since, until, but=wave.id)
        if any(_may_have_changed(other, wave, repeats=facts.repeats) for other in others):
            ids = frozenset(other.id for other in others)
            found[wave.id] = Recount(world, wave, facts.frequency, facts.zone, ids)
    if found:
        one_by_one(connection)
    return found


def _may_have_changed(other: Row[Any], wave: Wave, *, repeats: bool) -> bool:
    """Whether what counts of ``other`` may be another than when ``wave`` was prepared. Waves of one step have each
    their own people, unless it repeats."""
    same = other.step == wave.step and not (repeats and other.number % TOP_UP != wave.number % TOP_UP)
    before = other.finished_at is not None and wave.prepared_at is not None and other.finished_at < wave.prepared_at
    return not same and not before


def counted_again(connection: Connection, recount: Recount, people: Mapping[int, int], now: datetime) -> dict[int, str]:
    """Those of a batch that is being claimed who have had enough by now, by seq, with the reason. ``people`` are the
    supporters' ids by seq."""
    wave, frequency = recount.wave, recount.frequency
    since, until = frequency.window(max(now, wave.due_at), recount.zone)
    seqs = {person: seq for seq, person in people.items()}
    had: dict[int, int] = {}
    these = among(connection, t.deliveries.c.supporter_id, list(seqs))
    for row in connection.execute(preferences.others(wave.id, recount.world, these, since=since)):
        if row.wave_id not in recount.others or State(row.state) not in _GOES_OUT:
            continue
        began = now if row.state == State.CLAIMED.value or row.began_at is None else row.began_at
        if since < max(row.due_at, began) < until:
            had[row.supporter_id] = had.get(row.supporter_id, 0) + 1
    return {seqs[person]: HAD_ENOUGH for person, number in had.items() if number >= frequency.most}


def _facts(connection: Connection, digest: str) -> _Facts:
    known = _KNOWN.setdefault(connection.engine, {})
    if digest not in known:
        body = connection.execute(sa.select(t.bundles.c.body).where(t.bundles.c.digest == digest)).scalar()
        if body is None:
            return _Facts("", "UTC", None, repeats=False)
        bundle = unpack_bundle(body)
        plan, step = bundle.plan, bundle.step
        known[digest] = _Facts(plan.campaign, plan.zone, plan.frequency_of(step), step.repeat is not None)
    return known[digest]
