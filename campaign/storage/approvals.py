"""Who has approved what, and whether it is enough."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.errors import LedgerError
from campaign.model.approval import Approval, Manifest, Word
from campaign.model.bundle import Bundle
from campaign.storage import tables as t


def record(
    connection: Connection, world: str, bundle: Bundle, manifest: Manifest, *, by: str, at: datetime
) -> Approval:
    """Write down that ``by`` approves ``manifest``, and return how its approval stands with that."""
    step = bundle.step
    _one_at_a_time(connection)
    last = _latest(connection, world, step.id).get(step.id)
    if last is None or (last.digest, last.by, last.at) != (manifest.digest, by, at):  # else the same word, carried out
        connection.execute(
            sa.insert(t.approvals).values(
                world=world,
                step=step.id,
                digest=manifest.digest,
                by=by,
                approved_at=at,
                parts=json.dumps(dict(manifest.parts)),
                author=bundle.plan.author,
                needed=step.approvers,
            )
        )
    return _latest(connection, world, step.id)[step.id]


def enough(connection: Connection, world: str) -> Mapping[str, Approval]:
    """The latest approval of each step that enough people have given."""
    return {step: found for step, those in _all(connection, world).items() for found in those if found.is_enough}


def latest(connection: Connection, world: str) -> Mapping[str, Approval]:
    """The latest approval of each step, enough or not."""
    return _latest(connection, world)


def every(connection: Connection, world: str) -> Sequence[Approval]:
    """All of them, of each step first to last."""
    return [found for those in _all(connection, world).values() for found in those]


def approved(connection: Connection, world: str, step: str, digest: str) -> Manifest:
    """What was approved of the step under ``digest``."""
    mine = (t.approvals.c.world == world, t.approvals.c.step == step, t.approvals.c.digest == digest)
    parts = connection.execute(sa.select(t.approvals.c.parts).where(*mine).limit(1)).scalar()
    if parts is None:
        raise LedgerError(f"the step {step} was never approved under {digest[:12]}")
    return Manifest(step, json.loads(parts), digest)


def _latest(connection: Connection, world: str, step: str | None = None) -> dict[str, Approval]:
    return {name: those[-1] for name, those in _all(connection, world, step).items()}


def _all(connection: Connection, world: str, step: str | None = None) -> dict[str, list[Approval]]:
    """Words in the order in which they were given, put together where they follow each other on the same digest."""
    a = t.approvals.c
    # Without the parts: a thousand steps have some 20 MB of them, and they are wanted only where something differs.
    query = sa.select(a.step, a.digest, a.by, a.approved_at, a.author, a.needed).where(a.world == world).order_by(a.id)
    if step is not None:
        query = query.where(a.step == step)
    found: dict[str, list[Approval]] = {}
    for row in connection.execute(query):
        word = Word(by=row.by, at=row.approved_at, author=row.author)
        those = found.setdefault(row.step, [])
        if those and those[-1].digest == row.digest:
            those[-1] = Approval(row.step, row.digest, (*those[-1].words, word), row.needed)
        else:
            those.append(Approval(row.step, row.digest, (word,), row.needed))
    return found


def _one_at_a_time(connection: Connection) -> None:
    """Two people who approve at the same moment must see each other's word: the second's is what makes it enough."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


_LOCK = 727_2020
