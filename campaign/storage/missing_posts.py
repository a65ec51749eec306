"""Posts that should stand and do not, since they were refused, missed or cancelled; and how they are posted after all.

A thread goes on where it ended: its parts are planned again in their own wave, behind those that stand, with the bytes
that were kept. A wave of which nothing ever left waits again as if it had never been prepared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from campaign.errors import LedgerError
from campaign.model.delivery import State
from campaign.model.top_up import MissingPosts, Reason
from campaign.model.wave import Wave, WaveState
from campaign.storage import tables as t
from campaign.storage.batches import become, locked, members
from campaign.storage.counting import shift
from campaign.storage.entering import lock_step
from campaign.storage.waves import find

_REASONS = {State.REFUSED: Reason.REFUSED, State.MISSED: Reason.MISSED, State.CANCELLED: Reason.CANCELLED}
_ENDED = (WaveState.PREPARED, WaveState.DONE, WaveState.MISSED, WaveState.CANCELLED)
_OF_WAVES = {WaveState.MISSED: Reason.MISSED, WaveState.CANCELLED: Reason.CANCELLED}


def find_missing(connection: Connection, world: str, step: str) -> Sequence[MissingPosts]:
    """See ``campaign.ports.afterwards.Afterwards.missing_posts``."""
    found: list[MissingPosts] = []
    for wave in find(connection, world, step=step):
        if wave.first_sent_at is not None:
            found += _of_wave(connection, wave)
        elif wave.state in _OF_WAVES:
            found.append(MissingPosts(wave.id, wave.number, "", 0, _OF_WAVES[wave.state], wave.why))
    return found


def _of_wave(connection: Connection, wave: Wave) -> Iterator[MissingPosts]:
    if wave.state not in _ENDED:
        return
    batches = sa.select(t.batches).where(t.batches.c.wave_id == wave.id, t.batches.c.regular).order_by(t.batches.c.id)
    for batch in connection.execute(batches).all():
        parts = _parts(connection, batch)
        if parts and not _retracted(connection, batch):
            state, why = parts[min(parts)]
            yield MissingPosts(wave.id, wave.number, batch.account, len(parts), _REASONS[state], why, batch.id)


def _parts(connection: Connection, batch: Row[Any]) -> dict[int, tuple[State, str]]:
    """The parts of a thread that has come to its end without them, and how they stand."""
    o = t.outcomes.c
    own = sa.select(o.seq, o.state, o.why).where(
        o.wave_id == batch.wave_id, o.seq.between(batch.first_seq, batch.last_seq)
    )
    found = {row.seq: (State(row.state), row.why) for row in connection.execute(own)}
    parts = {seq: one for seq, one in found.items() if one[0] in _REASONS}
    following = members(connection, batch)
    if following and State(batch.state) not in _REASONS:
        return {}  # some of it is still on its way, or in doubt
    return parts | dict.fromkeys(following, (State(batch.state), batch.why))


def _retracted(connection: Connection, batch: Row[Any]) -> bool:
    r = t.retractions.c
    asked = sa.select(r.seq).where(r.wave_id == batch.wave_id, r.seq.between(batch.first_seq, batch.last_seq))
    return connection.execute(asked.limit(1)).first() is not None


def post(
    connection: Connection,
    world: str,
    step: str,
    posts: Sequence[MissingPosts],
    digest: str,
    *,
    by: str,
    why: str,
    at: datetime,
) -> Sequence[Wave]:
    """See ``campaign.ports.afterwards.Afterwards.top_up_posts``."""
    lock_step(connection, world, step)
    ids = {one.wave_id for one in posts}
    waves = {wave.id: wave for wave in find(connection, world, ids=ids)}
    for one in posts:
        if one.batch_id is None:
            _wait_again(connection, waves[one.wave_id], digest, at)
        else:
            _plan_again(connection, waves[one.wave_id], one, digest, at)
    for wave_id in ids:
        mine = [one for one in posts if one.wave_id == wave_id]
        reasons = Counter[str]()
        for one in mine:
            reasons[one.reason.value] += one.parts
        connection.execute(
            sa.insert(t.top_ups).values(
                wave_id=wave_id, by=by, why=why, topped_up_at=at, number=reasons.total(), reasons=json.dumps(reasons)
            )
        )
    return find(connection, world, ids=ids)


def _wait_again(connection: Connection, wave: Wave, digest: str, at: datetime) -> None:
    """Nothing of it ever left: its instant is this moment, and it is prepared anew, within its budget."""
    if wave.state not in _OF_WAVES or wave.first_sent_at is not None:
        raise _changed(wave)
    batches = sa.select(t.batches.c.id).where(t.batches.c.wave_id == wave.id)
    connection.execute(sa.delete(t.attempts).where(t.attempts.c.batch_id.in_(batches)))
    for table in (t.outcomes, t.batches, t.deliveries, t.counts, t.spending):
        connection.execute(sa.delete(table).where(table.c.wave_id == wave.id))
    waiting = {"state": WaveState.WAITING.value, "digest": digest, "due_at": at, "ahead_s": 0, "planned": 0}
    connection.execute(
        sa.update(t.waves)
        .where(t.waves.c.id == wave.id)
        .values(prepared_at=None, finished_at=None, why="", media=None, **waiting)
    )


def _plan_again(connection: Connection, wave: Wave, missing: MissingPosts, digest: str, at: datetime) -> None:
    if wave.digest != digest:
        raise LedgerError(
            f"{wave.name} went out as it was approved then, and the step has changed since: the rest of its thread "
            "would be in other words than its beginning; make what is to be posted a step of its own"
        )
    batch = locked(connection, missing.batch_id or 0)
    parts = _parts(connection, batch)
    if len(parts) != missing.parts or wave.state not in _ENDED:
        raise _changed(wave)
    following = members(connection, batch)
    rows = [seq for seq in parts if seq not in following]
    connection.execute(sa.delete(t.outcomes).where(t.outcomes.c.wave_id == wave.id, t.outcomes.c.seq.in_(rows)))
    for seq in rows:
        shift(connection, wave.id, {parts[seq][0]: -1, State.PLANNED: 1})
    become(connection, batch, following, State(batch.state), State.PLANNED, now=at, why="", due_at=at)
    # It is due now, and late from now on: the step's own rule must not skip what a person asks for at this moment.
    due = {} if wave.state is WaveState.PREPARED and not wave.is_late(at) else {"due_at": at}
    connection.execute(
        sa.update(t.waves)
        .where(t.waves.c.id == wave.id)
        .values(state=WaveState.PREPARED.value, finished_at=None, why="", **due)
    )


def _changed(wave: Wave) -> LedgerError:
    return LedgerError(f"{wave.name} has changed meanwhile; nothing was placed, look again")
