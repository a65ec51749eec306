"""How a wave's audience enters the ledger: who is in it, in which batches, and who of them may not be written to."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from itertools import product

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.delivery import State
from campaign.model.media import PartMedia
from campaign.model.pace import kinds
from campaign.model.preference import ASKED_FOR_ONE
from campaign.model.segment import Audience
from campaign.model.wave import WaveState
from campaign.storage import buckets, frequency, media, moved, placed_top_ups, portions, spending
from campaign.storage import tables as t
from campaign.storage.batches import begins_at
from campaign.storage.columns import Utc
from campaign.storage.counting import close_if_done, shift
from campaign.storage.segments import (
    NO_CONSENT,
    elsewhere,
    in_none_of,
    in_share,
    in_zones,
    mailbox_domain,
    matches,
    suppressed,
    variant,
    without_consent,
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
    if audience.frequency is not None:
        frequency.one_by_one(connection)
    others = _others(connection, wave_id)
    if not enter(connection, wave_id):
        return _planned(connection, wave_id)
    earlier = portions.earlier(connection, wave_id)
    others = [*others, *placed_top_ups.of_step(connection, wave_id), *earlier]
    drawn = sa.or_(in_share(audience), *portions.passed(earlier.values(), audience))
    elsewhere_before = moved.had_none(connection, wave_id, audience)
    who = sa.and_(matches(audience.segment), in_zones(audience), drawn, in_none_of(others), elsewhere_before)
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
    total, due_at = 0, begins_at(connection, wave_id)
    mailboxes = _mailboxes(connection, wave_id, batch_size)
    for language, (domain, theirs, size) in product(audience.variants, mailboxes):
        place = sa.func.row_number().over(order_by=t.supporters.c.id) - 1 + total
        chosen = sa.select(sa.literal(wave_id), place, t.supporters.c.id).where(
            who, variant(audience) == language, theirs
        )
        connection.execute(sa.insert(t.deliveries).from_select(["wave_id", "seq", "supporter_id"], chosen))
        here = connection.execute(
            sa.select(sa.func.count()).where(t.deliveries.c.wave_id == wave_id, t.deliveries.c.seq >= total)
        ).scalar_one()
        _batches(connection, wave_id, total, here, size=size, at=at, due_at=due_at, variant=language, domain=domain)
        total += here
    if reads is not None:
        named = json.dumps(sorted(reads))
        connection.execute(sa.update(t.waves).where(t.waves.c.id == wave_id).values(reads=named))
    left_out = _leave_out(connection, wave_id, audience, at)
    _entered(connection, wave_id, total, {State.PLANNED: total - left_out, State.SUPPRESSED: left_out}, at)
    return total


def _mailboxes(connection: Connection, wave_id: int, size: int) -> Sequence[tuple[str, ColumnElement[bool], int]]:
    """By which kinds of mailbox domains the wave's people are put into batches: the name that a kind has in the ledger,
    who is of it, and how many there are in a batch at most. Whatever waits longest is first."""
    paces = buckets.read(connection.execute(sa.select(t.waves.c.paces).where(t.waves.c.id == wave_id)).scalar_one())
    several = kinds(paces)
    if not several:
        return [("", sa.true(), size)]
    found = []
    for domains in several:
        batch = min(pace.rate.batch for pace in paces if pace.domains and pace.holds_for(domains[0]))
        found.append((domains[0], mailbox_domain(connection.dialect.name).in_(domains), min(size, batch)))
    every = [domain for domains in several for domain in domains]
    return [*found, ("", mailbox_domain(connection.dialect.name).not_in(every), size)]


def _others(connection: Connection, wave_id: int) -> Sequence[int]:
    """The waves of an A/B test whose people get nothing by this one: all of its step that are prepared.

    That is asked of the ledger and not of the draw. So whoever was imported after their arm had gone out gets what the
    rest gets, and whoever has moved to another zone meanwhile gets nothing twice.
    """
    w = t.waves.c
    mine = connection.execute(sa.select(w.world, w.step, w.arm, w.share_start, w.zones).where(w.id == wave_id)).one()
    if not mine.arm and mine.share_start is None and mine.zones is None:
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
    due_at = begins_at(connection, wave_id)
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
    domain: str = "",
) -> None:
    rows = [
        {
            "wave_id": wave_id,
            "regular": True,
            "first_seq": first,
            "last_seq": min(first + size, start + count) - 1,
            "variant": variant,
            "account": account,
            "domain": domain,
            "state": State.PLANNED.value,
            "due_at": due_at,
            "changed_at": at,
        }
        for first in range(start, start + count, size)
    ]
    if rows:
        connection.execute(sa.insert(t.batches), rows)


def _leave_out(connection: Connection, wave_id: int, audience: Audience, at: datetime) -> int:
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
        .where(t.deliveries.c.wave_id == wave_id, sa.or_(suppressed(), without_consent(), elsewhere(audience.campaign)))
    )
    columns = ["wave_id", "seq", "state", "why", "changed_at"]
    connection.execute(sa.insert(t.outcomes).from_select(columns, chosen))
    if audience.frequency is not None:
        frequency.leave_out(connection, wave_id, audience, at=at)
    return connection.execute(
        sa.select(sa.func.count()).where(t.outcomes.c.wave_id == wave_id, t.outcomes.c.state == State.SUPPRESSED.value)
    ).scalar_one()
