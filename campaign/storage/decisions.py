"""How the arms of an A/B test stand, and which one the rest gets."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.decision import ArmFigures, Decision
from campaign.model.delivery import OPEN, TAKEN
from campaign.model.event import EventKind
from campaign.model.wave import WINNER, Wave, WaveState
from campaign.storage import tables as t
from campaign.storage.database import insert_or_ignore, upsert
from campaign.storage.entering import lock_step
from campaign.storage.waves import find


def figures(connection: Connection, world: str, step: str) -> Sequence[ArmFigures]:
    """In the order of the arms' first waves. The rest is in none of them."""
    waves = sorted(
        (wave for wave in find(connection, world, step=step) if wave.arm not in ("", WINNER)),
        key=lambda wave: wave.number,
    )
    found: dict[str, ArmFigures] = {}
    clicked = _people(connection, waves, EventKind.CLICKED)
    acted = _people(connection, waves, EventKind.ACTED)
    for wave in waves:
        so_far = found.get(wave.arm, ArmFigures(wave.arm))
        found[wave.arm] = replace(
            so_far,
            planned=so_far.planned + wave.planned,
            accepted=so_far.accepted + sum(wave.counts.get(state, 0) for state in TAKEN),
            to_send=so_far.to_send + sum(wave.counts.get(state, 0) for state in OPEN),
            clicked=so_far.clicked + clicked.get(wave.id, 0),
            acted=so_far.acted + acted.get(wave.id, 0),
        )
    return tuple(found.values())


def _people(connection: Connection, waves: Sequence[Wave], kind: EventKind) -> dict[int, int]:
    """How many of each wave did something of that kind, each person once."""
    e = t.events.c
    one = (
        sa.select(e.wave_id, e.seq)
        .where(e.wave_id.in_([wave.id for wave in waves]), e.kind == kind.value, e.machine == "")
        .distinct()
        .subquery()
    )
    counted = sa.select(one.c.wave_id, sa.func.count()).group_by(one.c.wave_id)
    return {row[0]: row[1] for row in connection.execute(counted)}


def decision(connection: Connection, world: str, step: str) -> Decision | None:
    row = connection.execute(sa.select(t.decisions).where(*_of(world, step))).first()
    if row is None:
        return None
    told = tuple(ArmFigures(**one) for one in json.loads(row.figures))
    return Decision(step=row.step, arm=row.arm, by=row.by, at=row.decided_at, figures=told)


def decide(
    connection: Connection, world: str, decided: Decision, *, let_go: Collection[int], over: bool
) -> Decision | None:
    """See ``campaign.ports.ledger.Ledger.decide``."""
    lock_step(connection, world, decided.step)
    rest = [wave for wave in find(connection, world, step=decided.step) if wave.arm == WINNER]
    if any(wave.prepared_at is not None for wave in rest):
        return decision(connection, world, decided.step)
    row: dict[str, Any] = {
        "world": world,
        "step": decided.step,
        "arm": decided.arm,
        "by": decided.by,
        "decided_at": decided.at,
        "figures": json.dumps([asdict(one) for one in decided.figures]),
    }
    if over:
        upsert(connection, t.decisions, [row])
    else:
        insert_or_ignore(connection, t.decisions, row)
    stands = decision(connection, world, decided.step)
    if stands == decided:
        _let_go([wave for wave in rest if wave.id in let_go], decided, connection)
    return stands


def _let_go(waves: Sequence[Wave], decided: Decision, connection: Connection) -> None:
    """What has waited for the decision goes out now: its instant is the moment of that word, and nothing is held for it
    at the provider. What is still to come keeps its instant."""
    for wave in waves:
        if wave.state not in (WaveState.WAITING, WaveState.HELD):
            continue
        moved = {"due_at": decided.at, "ahead_s": 0} if wave.begins_at < decided.at else {}
        connection.execute(
            sa.update(t.waves)
            .where(t.waves.c.id == wave.id)
            .values(state=WaveState.WAITING.value, why="", finished_at=None, **moved)
        )


def _of(world: str, step: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return t.decisions.c.world == world, t.decisions.c.step == step
