"""Approvals, waves, and how a wave's audience enters the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.errors import LedgerError, NotApproved
from campaign.model.approval import Manifest
from campaign.model.bundle import Bundle
from campaign.model.delivery import State
from campaign.model.media import PartMedia
from campaign.model.plan import Late
from campaign.model.preference import ASKED_FOR_ONE
from campaign.model.segment import Audience, Share
from campaign.model.wave import PlannedWave, Wave, WaveState
from campaign.storage import approvals, buckets, conditions, media, placed_top_ups, portions, spending
from campaign.storage import tables as t
from campaign.storage.bundles import pack_bundle, unpack_bundle
from campaign.storage.columns import Utc
from campaign.storage.counting import close_if_done, shift
from campaign.storage.database import insert_or_ignore
from campaign.storage.segments import (
    elsewhere,
    in_none_of,
    in_share,
    in_zones,
    matches,
    suppressed,
    variant,
    without_consent,
)

NO_CONSENT = "no consent"
ENDS_AS = {WaveState.MISSED: State.MISSED, WaveState.CANCELLED: State.CANCELLED}
"""What becomes of the unsent deliveries of a wave that ends so."""
_MOVABLE = (WaveState.WAITING, WaveState.HELD, WaveState.MISSED)


def approve(
    connection: Connection,
    world: str,
    bundle: Bundle,
    manifest: Manifest,
    planned: Sequence[PlannedWave],
    *,
    by: str,
    at: datetime,
    release: bool,
    files: Mapping[str, bytes],
) -> tuple[str, ...]:
    step = bundle.step
    media.keep(connection, bundle.digests(), files)
    insert_or_ignore(connection, t.bundles, {"digest": manifest.digest, "body": pack_bundle(bundle)})
    if not approvals.record(connection, world, bundle, manifest, by=by, at=at).is_enough:
        return ()
    there = {wave.number: wave for wave in find(connection, world, step=step.id) if not wave.is_top_up}
    conditions.begin_anew(connection, there.values(), manifest.digest, release=release)
    _same_test(there, planned)
    _drop_decision(connection, world, step.id, planned)
    placed = []
    paces = buckets.stored(bundle.plan.paces(step))
    for wave in planned:
        values: dict[str, Any] = {
            "channel": step.channel,
            "due_at": wave.due_at,
            "late_s": int(step.late.within.total_seconds()),
            "late_then": step.late.then,
            "zones": None if wave.zones is None else json.dumps(wave.zones),
            "digest": manifest.digest,
            "ahead_s": int(step.handed_over_ahead(wave.due_at).total_seconds()),
            "arm": wave.arm,
            "share_start": wave.share.start if wave.share else None,
            "share_end": wave.share.end if wave.share else None,
            "seed": wave.share.seed if wave.share else 0,
            "most": wave.most,
            "paces": paces,
        }
        old = there.pop(wave.number, None)
        if old is None:
            state = WaveState.WAITING.value
            connection.execute(
                sa.insert(t.waves).values(world=world, step=step.id, number=wave.number, state=state, **values)
            )
            placed.append(wave.name)
        elif old.prepared_at is None and old.state in _MOVABLE:
            let_go = old.state is WaveState.HELD and release
            if let_go:
                # A person says: late, but send it. From here on its instant is the moment of that word.
                values["due_at"] = max(at, wave.due_at)
            if let_go or old.due_at != values["due_at"]:
                values |= {"state": WaveState.WAITING.value, "why": "", "finished_at": None}
                placed.append(wave.name)
            connection.execute(sa.update(t.waves).where(t.waves.c.id == old.id).values(**values))
        elif old.state is WaveState.HELD and release:
            # Part of it went out before it was held: the rest goes out as it was approved then.
            connection.execute(
                sa.update(t.waves)
                .where(t.waves.c.id == old.id)
                .values(state=WaveState.PREPARED.value, due_at=max(at, old.due_at), late_s=values["late_s"], why="")
            )
            placed.append(wave.name)
    placed += placed_top_ups.let_go(connection, world, step.id, at=at) if release else ()
    for old in there.values():
        if old.prepared_at is None:  # the plan no longer has it, and nothing of it ever went out
            connection.execute(sa.delete(t.waves).where(t.waves.c.id == old.id))
    return tuple(placed)


def _same_test(there: Mapping[int, Wave], planned: Sequence[PlannedWave]) -> None:
    """Nobody may be in two arms, and none of the rest be forgotten: once a test has begun, who gets what stays."""
    now = {wave.number: (wave.arm, wave.share) for wave in planned}
    for number, wave in there.items():
        is_tested = wave.arm or any(arm for arm, _ in now.values())
        if wave.prepared_at is not None and not is_tested:
            portions.same(wave, now.get(number, ("", None))[1])
        if wave.prepared_at is not None and is_tested and now.get(number) != (wave.arm, wave.share):
            went = f'went out as the arm "{wave.arm}" of an A/B test' if wave.arm else "went out without an A/B test"
            raise NotApproved(
                f"{wave.name} {went}, and the plan divides the step otherwise by now; put its arms, share and seed "
                "back as they were, or make what is to go out a step of its own"
            )


def _drop_decision(connection: Connection, world: str, step: str, planned: Sequence[PlannedWave]) -> None:
    """Somebody chose before the test began, and the plan has no such arm by now."""
    arms = {wave.arm for wave in planned}
    stale = t.decisions.c.arm.not_in(sorted(arms))
    connection.execute(sa.delete(t.decisions).where(t.decisions.c.world == world, t.decisions.c.step == step, stale))


def bundle(connection: Connection, digest: str) -> Bundle:
    body = connection.execute(sa.select(t.bundles.c.body).where(t.bundles.c.digest == digest)).scalar()
    if body is None:
        raise LedgerError(f"the ledger holds nothing approved under {digest[:12]}")
    return unpack_bundle(body)


def find(
    connection: Connection,
    world: str,
    *,
    step: str | None = None,
    states: Collection[WaveState] | None = None,
    ids: Collection[int] | None = None,
) -> Sequence[Wave]:
    query = sa.select(t.waves).where(t.waves.c.world == world)
    if step is not None:
        query = query.where(t.waves.c.step == step)
    if states is not None:
        query = query.where(t.waves.c.state.in_([state.value for state in states]))
    if ids is not None:
        query = query.where(t.waves.c.id.in_(ids))
    # Steps are approved in the order of the plan, so that their ids keep it within an instant.
    rows = connection.execute(query.order_by(t.waves.c.due_at, t.waves.c.id)).all()
    # Waves that were never prepared have no counters; asking for all at once keeps this to two queries.
    counted: dict[int, dict[State, int]] = {}
    prepared = [row.id for row in rows if row.prepared_at is not None]
    for some in (prepared[at : at + 500] for at in range(0, len(prepared), 500)):
        for row in connection.execute(sa.select(t.counts).where(t.counts.c.wave_id.in_(some), t.counts.c.n != 0)):
            counted.setdefault(row.wave_id, {})[State(row.state)] = row.n
    paced = [row.id for row in rows if row.paces and row.state == WaveState.PREPARED.value and row.first_sent_at]
    # Whoever claims has just seen what is due.
    goes_on_at = buckets.next_of(connection, paced) if paced and ids is None else {}
    return [
        Wave(
            id=row.id,
            step=row.step,
            number=row.number,
            channel=row.channel,
            due_at=row.due_at,
            state=WaveState(row.state),
            digest=row.digest,
            late=Late(within=timedelta(seconds=row.late_s), then=row.late_then),
            zones=None if row.zones is None else tuple(json.loads(row.zones)),
            planned=row.planned,
            counts=counted.get(row.id, {}),
            prepared_at=row.prepared_at,
            first_sent_at=row.first_sent_at,
            finished_at=row.finished_at,
            why=row.why,
            ahead=timedelta(seconds=row.ahead_s),
            arm=row.arm,
            reads=None if row.reads is None else frozenset(json.loads(row.reads)),
            share=None if row.share_start is None else Share(row.share_start, row.share_end, row.seed),
            most=row.most,
            paces=buckets.read(row.paces),
            goes_on_at=goes_on_at.get(row.id),
        )
        for row in rows
    ]


def end(connection: Connection, wave_id: int, state: WaveState, *, why: str, at: datetime) -> None:
    """What of the wave has not been sent is missed or cancelled with it; a held wave keeps it for later."""
    became = ENDS_AS.get(state)
    if became is not None:
        waiting = [State.PLANNED.value, State.DEFERRED.value]
        open_batches = sa.select(t.batches.c.id).where(t.batches.c.wave_id == wave_id, t.batches.c.state.in_(waiting))
        connection.execute(
            sa.update(t.outcomes)
            .where(t.outcomes.c.batch_id.in_(open_batches), t.outcomes.c.state.in_(waiting))
            .values(state=became.value, why=why, changed_at=at)
        )
        connection.execute(
            sa.update(t.batches)
            .where(t.batches.c.wave_id == wave_id, t.batches.c.state.in_(waiting))
            .values(state=became.value, why=why, changed_at=at)
        )
        moved = connection.execute(
            sa.select(t.counts.c.state, t.counts.c.n).where(
                t.counts.c.wave_id == wave_id, t.counts.c.state.in_(waiting), t.counts.c.n > 0
            )
        ).all()
        shift(connection, wave_id, {State(row.state): -row.n for row in moved})
        shift(connection, wave_id, {became: sum(row.n for row in moved)})
        spending.give_back(connection, wave_id)
    finished = at if state is not WaveState.HELD else None
    connection.execute(
        sa.update(t.waves).where(t.waves.c.id == wave_id).values(state=state.value, why=why, finished_at=finished)
    )


def prepare_mail(
    connection: Connection,
    wave_id: int,
    audience: Audience,
    *,
    batch_size: int,
    at: datetime,
    reads: Collection[str] | None,
) -> int:
    """One INSERT … SELECT for each variant, so that a batch holds people who get the same shared body."""
    others = _others(connection, wave_id)
    if not enter(connection, wave_id):
        return _planned(connection, wave_id)
    earlier = portions.earlier(connection, wave_id)
    others = [*others, *placed_top_ups.of_step(connection, wave_id), *earlier]
    drawn = sa.or_(in_share(audience), *portions.passed(earlier.values(), audience))
    who = sa.and_(matches(audience.segment), in_zones(audience), drawn, in_none_of(others))
    if audience.most is not None:
        who = portions.first(who, audience, audience.most)
    return enter_people(connection, wave_id, audience, who, batch_size=batch_size, at=at, reads=reads)


def enter_people(
    connection: Connection,
    wave_id: int,
    audience: Audience,
    who: ColumnElement[bool],
    *,
    batch_size: int,
    at: datetime,
    reads: Collection[str] | None,
) -> int:
    """Write the supporters ``who`` into a wave that was taken for preparing; how many."""
    total, due_at = 0, _due(connection, wave_id)
    for language in audience.variants:
        place = sa.func.row_number().over(order_by=t.supporters.c.id) - 1 + total
        chosen = sa.select(sa.literal(wave_id), place, t.supporters.c.id).where(who, variant(audience) == language)
        connection.execute(sa.insert(t.deliveries).from_select(["wave_id", "seq", "supporter_id"], chosen))
        here = connection.execute(
            sa.select(sa.func.count()).where(t.deliveries.c.wave_id == wave_id, t.deliveries.c.seq >= total)
        ).scalar_one()
        _batches(connection, wave_id, total, here, size=batch_size, at=at, due_at=due_at, variant=language)
        total += here
    if reads is not None:
        named = json.dumps(sorted(reads))
        connection.execute(sa.update(t.waves).where(t.waves.c.id == wave_id).values(reads=named))
    left_out = _leave_out(connection, wave_id, audience.campaign, at)
    _entered(connection, wave_id, total, {State.PLANNED: total - left_out, State.SUPPRESSED: left_out}, at)
    return total


def _others(connection: Connection, wave_id: int) -> Sequence[int]:
    """The waves of an A/B test whose people get nothing by this one: all of its step that are prepared.

    That is asked of the ledger and not of the draw. So whoever was imported after their arm had gone out gets what the
    rest gets, and whoever has moved to another zone meanwhile gets nothing twice.
    """
    w = t.waves.c
    mine = connection.execute(sa.select(w.world, w.step, w.arm, w.share_start).where(w.id == wave_id)).one()
    if not mine.arm and mine.share_start is None:
        return ()
    lock_step(connection, mine.world, mine.step)
    others = sa.select(w.id).where(w.world == mine.world, w.step == mine.step, w.prepared_at.is_not(None))
    return connection.execute(others.where(w.id != wave_id)).scalars().all() if mine.arm else ()


def lock_step(connection: Connection, world: str, step: str) -> None:
    """Let nobody else prepare or decide a wave of this step before this transaction ends."""
    if connection.dialect.name == "postgresql":
        those = sa.select(t.waves.c.id).where(t.waves.c.world == world, t.waves.c.step == step)
        connection.execute(those.order_by(t.waves.c.id).with_for_update())


def prepare_posts(
    connection: Connection,
    wave_id: int,
    accounts: Sequence[str],
    *,
    parts: int,
    at: datetime,
    cost: int,
    budget: int | None,
    shown: tuple[PartMedia, ...],
    files: Mapping[str, bytes],
) -> int:
    if not enter(connection, wave_id):
        return _planned(connection, wave_id)
    spending.reserve(connection, wave_id, cost, budget=budget, at=at)
    media.show(connection, wave_id, shown, files)
    total = len(accounts) * parts
    connection.execute(
        sa.insert(t.deliveries), [{"wave_id": wave_id, "seq": seq, "supporter_id": None} for seq in range(total)]
    )
    due_at = _due(connection, wave_id)
    for number, account in enumerate(accounts):
        _batches(connection, wave_id, number * parts, parts, size=parts, at=at, due_at=due_at, account=account)
    _entered(connection, wave_id, total, {State.PLANNED: total}, at)
    return total


def enter(connection: Connection, wave_id: int) -> bool:
    """Take the wave for preparing; False where somebody has prepared it already."""
    taken = connection.execute(
        sa.update(t.waves)
        .where(t.waves.c.id == wave_id, t.waves.c.state == WaveState.WAITING.value)
        .values(state=WaveState.PREPARED.value)
    )
    return taken.rowcount == 1


def _entered(connection: Connection, wave_id: int, total: int, counts: Mapping[State, int], at: datetime) -> None:
    connection.execute(sa.update(t.waves).where(t.waves.c.id == wave_id).values(planned=total, prepared_at=at))
    shift(connection, wave_id, counts)
    close_if_done(connection, wave_id, at)


def _planned(connection: Connection, wave_id: int) -> int:
    planned: int = connection.execute(sa.select(t.waves.c.planned).where(t.waves.c.id == wave_id)).scalar_one()
    return planned


def _due(connection: Connection, wave_id: int) -> datetime:
    """When its batches are due: at its instant, or as long before it as they are handed over."""
    w = t.waves.c
    wave = connection.execute(sa.select(w.due_at, w.ahead_s).where(w.id == wave_id)).one()
    due_at: datetime = wave.due_at - timedelta(seconds=wave.ahead_s)
    return due_at


def _batches(
    connection: Connection,
    wave_id: int,
    start: int,
    count: int,
    *,
    size: int,
    at: datetime,
    due_at: datetime,
    variant: str = "",
    account: str = "",
) -> None:
    rows = [
        {
            "wave_id": wave_id,
            "regular": True,
            "first_seq": first,
            "last_seq": min(first + size, start + count) - 1,
            "variant": variant,
            "account": account,
            "state": State.PLANNED.value,
            "due_at": due_at,
            "changed_at": at,
        }
        for first in range(start, start + count, size)
    ]
    if rows:
        connection.execute(sa.insert(t.batches), rows)


def _leave_out(connection: Connection, wave_id: int, campaign: str, at: datetime) -> int:
    """Mark those who may not be written to, with the reason; how many."""
    s = t.supporters
    found = sa.select(t.suppressions.c.reason).where(t.suppressions.c.address_hash == s.c.address_hash)
    why = sa.func.coalesce(found.scalar_subquery(), sa.case((without_consent(), NO_CONSENT), else_=ASKED_FOR_ONE))
    chosen = (
        sa.select(
            t.deliveries.c.wave_id,
            t.deliveries.c.seq,
            sa.literal(State.SUPPRESSED.value),
            why,
            sa.literal(at, Utc()),
        )
        .join(s, s.c.id == t.deliveries.c.supporter_id)
        .where(t.deliveries.c.wave_id == wave_id, sa.or_(suppressed(), without_consent(), elsewhere(campaign)))
    )
    columns = ["wave_id", "seq", "state", "why", "changed_at"]
    connection.execute(sa.insert(t.outcomes).from_select(columns, chosen))
    return connection.execute(
        sa.select(sa.func.count()).where(t.outcomes.c.wave_id == wave_id, t.outcomes.c.state == State.SUPPRESSED.value)
    ).scalar_one()
