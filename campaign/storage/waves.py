"""Waves: approved, found, ended."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.errors import LedgerError, NotApproved
from campaign.model.approval import Manifest
from campaign.model.bundle import Bundle
from campaign.model.delivery import State
from campaign.model.plan import Late
from campaign.model.segment import Share
from campaign.model.wave import PlannedWave, Wave, WaveState
from campaign.storage import approvals, buckets, conditions, media, placed_top_ups, portions, spending
from campaign.storage import tables as t
from campaign.storage.bundles import pack_bundle, unpack_bundle
from campaign.storage.counting import shift
from campaign.storage.database import insert_or_ignore

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
    paces = {row.id: buckets.read(row.paces) for row in rows if row.paces}
    by_domain = [row.id for row in rows if row.prepared_at and any(pace.domains for pace in paces.get(row.id, ()))]
    at_domains = buckets.at_domains(connection, by_domain) if by_domain and ids is None else {}
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
            paces=paces.get(row.id, ()),
            at_domains=at_domains.get(row.id, ()),
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
