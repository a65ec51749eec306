"""How often anybody hears from a campaign: who has had, or is about to have, as many e-mails as they may.

Whoever prepares a wave counts what is planned, on its way or out by then; on PostgreSQL one after the other, so that of
two at once the second sees the first. Held waves do not count for what they have not sent, since nobody knows whether
they ever will. So a claim counts again, what is on its way or out, where another wave was still at work when its own
was prepared, or came after it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import orjson
import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection, Engine, Row

from campaign.model.delivery import TAKEN, State
from campaign.model.frequency import HAD_ENOUGH, Frequency
from campaign.model.segment import Audience
from campaign.model.wave import TOP_UP, Wave, WaveState
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
    """What a claim needs to count again for the people of a wave: what of the others went out ``since`` then, or is on
    its way. ``out`` are those deliveries unless they say otherwise, by wave, in order."""

    most: int
    since: datetime
    others: frozenset[int]
    out: Mapping[int, Sequence[Range]]

    def counts(self, wave: int, seq: int) -> bool:
        ranges = self.out.get(wave, ())
        at = bisect_right(ranges, seq, key=itemgetter(1)) - 1
        return at >= 0 and seq <= ranges[at][2]


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
    whole, mixed = _ranges(connection, waves, since, until, now, unsent=True)
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
    connection: Connection, waves: Iterable[Row[Any]], since: datetime, until: datetime, now: datetime, *, unsent: bool
) -> tuple[list[Range], list[Range]]:
    """The deliveries that count unless they say otherwise, with those ``unsent`` that are to go out or without; and
    those of which only count that say so: a batch that was refused, is held, or went out long ago may have some."""
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
        instant = None
        if state in _GOES_OUT:
            instant = max(wave.due_at, now if state is State.CLAIMED else row.began_at or now)
        elif unsent and state in _UNSENT and wave.state == WaveState.PREPARED.value:
            instant = max(wave.due_at, row.due_at, now)
        _add(whole if instant is not None and since < instant < until else mixed, row)
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
    prepared, or was prepared after them, and enough have gone out since for somebody to have had enough."""
    concerned = []
    for wave in waves:
        if wave.channel != "email" or wave.prepared_at is None:
            continue
        facts = _facts(connection, wave.digest)
        if facts.frequency is None:
            continue
        window = facts.frequency.window(max(now, wave.due_at), facts.zone)
        others = _waves(connection, world, facts.campaign, *window, but=wave.id)
        if any(_may_have_changed(other, wave, repeats=facts.repeats) for other in others):
            concerned.append((wave, facts.frequency.most, window, others))
    if concerned:
        one_by_one(connection)
    found = {}
    for wave, most, (since, until), others in concerned:
        whole, mixed = _ranges(connection, others, since, until, now, unsent=False)
        ids = _gone_out(connection, whole, mixed)
        if len(ids) >= most:
            by_wave = groupby(whole, key=itemgetter(0))
            found[wave.id] = Recount(most, since, ids, {one: tuple(ranges) for one, ranges in by_wave})
    return found


def _gone_out(connection: Connection, whole: list[Range], mixed: list[Range]) -> frozenset[int]:
    """The waves of which something may have gone out."""
    sure = {wave for wave, _, _ in whole}
    asked = {wave for wave, _, _ in mixed} - sure
    o = t.outcomes.c
    some = (
        sa.select(o.wave_id).distinct().where(o.wave_id.in_(asked), o.state.in_([state.value for state in _GOES_OUT]))
    )
    return frozenset(sure.union(connection.execute(some).scalars()) if asked else sure)


def _may_have_changed(other: Row[Any], wave: Wave, *, repeats: bool) -> bool:
    """Whether what counts of ``other`` may be another than when ``wave`` was prepared. Waves of one step have each
    their own people, unless it repeats."""
    same = other.step == wave.step and not (repeats and other.number % TOP_UP != wave.number % TOP_UP)
    before = other.finished_at is not None and wave.prepared_at is not None and other.finished_at < wave.prepared_at
    return not same and not before


def counted_again(connection: Connection, recount: Recount, people: Mapping[int, int]) -> dict[int, str]:
    """Those of a batch that is being claimed who have had enough by now, by seq, with the reason. ``people`` are the
    supporters' ids by seq."""
    d, o = t.deliveries.c, t.outcomes.c
    seqs = {person: seq for seq, person in people.items()}
    theirs = (
        sa.select(d.supporter_id, d.wave_id, d.seq, o.state, o.changed_at)
        .join_from(t.deliveries, t.outcomes, sa.and_(o.wave_id == d.wave_id, o.seq == d.seq), isouter=True)
        .where(among(connection, d.supporter_id, list(seqs)), d.wave_id.in_(recount.others))
    )
    had: Counter[int] = Counter()
    for person, wave, seq, state, changed_at in connection.execute(theirs):
        counts = recount.counts(wave, seq)
        if counts if state is None else State(state) in _GOES_OUT and (counts or changed_at > recount.since):
            had[person] += 1
    return {seqs[person]: HAD_ENOUGH for person, number in had.items() if number >= recount.most}


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
