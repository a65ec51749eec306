"""How steps and channels fare, for breakers: from counters, and rows that are few. Looked at every few seconds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from campaign.model.breaker import BREAKER, Gauge, Gauged
from campaign.model.delivery import State
from campaign.model.event import EventKind
from campaign.model.stop import EVERYTHING
from campaign.model.wave import WaveState
from campaign.storage import tables as t
from campaign.storage.transactions import Transactions

_TO_COME = (WaveState.WAITING.value, WaveState.HELD.value)


class SqlGauges(Transactions):
    """See ``campaign.ports.gauges.Gauges``."""

    def gauges(self) -> Sequence[Gauged]:
        with self._database.read() as connection:
            found = _look(connection, self._world)
        if not found.unmarked:
            return found.gauged()
        with self._write() as connection:
            # Looked at anew: of two programs the first decides from where on both count.
            found = _look(connection, self._world)
            _mark(connection, found)
        return found.gauged()


@dataclass
class _Found:
    channels: dict[str, str] = field(default_factory=dict)
    totals: dict[str, Gauge] = field(default_factory=dict)
    goes_out: set[str] = field(default_factory=set)
    stopped: set[str] = field(default_factory=set)
    marks: dict[str, tuple[int, Gauge]] = field(default_factory=dict)
    """By step, and by channel as ``/channel``: the last stop that was ended, and what it had come to by then."""
    unmarked: list[Any] = field(default_factory=list)

    def total(self, channel: str) -> Gauge:
        whole = Gauge()
        for step, gauge in self.totals.items():
            if self.channels[step] == channel:
                whole = whole.plus(gauge)
        return whole

    def gauged(self) -> list[Gauged]:
        found = [self._one(step, self.channels[step], step, gauge) for step, gauge in self.totals.items()]
        used = dict.fromkeys(self.channels[step] for step in self.totals)
        return [*found, *(self._one("", channel, f"/{channel}", self.total(channel)) for channel in used)]

    def _one(self, step: str, channel: str, mark: str, gauge: Gauge) -> Gauged:
        resumed, before = self.marks.get(mark, (0, Gauge()))
        return Gauged(
            step=step,
            channel=channel,
            gauge=gauge.since(before),
            resumed=resumed,
            goes_out=step in self.goes_out,
            stopped=not self.stopped.isdisjoint((step, EVERYTHING)),
        )

    def mark(self, row: Any, gauges: Mapping[str, Sequence[int]]) -> None:
        self.marks[row.step] = (row.id, Gauge(*gauges["step"]))
        if row.step in self.channels:
            self.marks[f"/{self.channels[row.step]}"] = (row.id, Gauge(*gauges["channel"]))


def _look(connection: Connection, world: str) -> _Found:
    found = _Found()
    _read_waves(connection, world, found)
    counts: defaultdict[str, dict[State, int]] = defaultdict(dict)
    for step, state, n in connection.execute(_COUNTED, {"world": world}):
        counts[step][State(state)] = int(n)
    blocked = {row.step: int(row.n) for row in connection.execute(_BLOCKED, {"world": world})}
    for step, states in counts.items():
        gauge = Gauge.of(states, blocked=blocked.get(step, 0))
        if gauge.tried:
            found.totals[step] = gauge
    for row in connection.execute(_STOPS, {"world": world, "breaker": BREAKER}).all():
        if row.ended_at is None:
            found.stopped.add(row.step)
        elif row.gauge:
            found.mark(row, json.loads(row.gauge))
        else:
            found.unmarked.append(row)
    return found


def _read_waves(connection: Connection, world: str, found: _Found) -> None:
    begun: set[str] = set()
    to_come: set[str] = set()
    for step, channel, state, prepared in connection.execute(_WAVES, {"world": world}):
        found.channels[step] = channel
        if prepared:
            begun.add(step)
        if state == WaveState.PREPARED.value:
            found.goes_out.add(step)
        elif state in _TO_COME:
            to_come.add(step)
    # Of a step that comes in several waves the next ones go out as well.
    found.goes_out |= begun & to_come


def _mark(connection: Connection, found: _Found) -> None:
    for row in found.unmarked:
        channel = found.channels.get(row.step, "")
        gauges = {"step": found.totals.get(row.step, Gauge()), "channel": found.total(channel)}
        connection.execute(sa.update(t.stops).where(t.stops.c.id == row.id).values(gauge=json.dumps(gauges)))
        found.mark(row, gauges)


# Written once and not at each use: SQLAlchemy takes longer to put a statement together than to execute it.
_WORLD = t.waves.c.world == sa.bindparam("world")
_WAVES = (
    sa.select(
        t.waves.c.step,
        t.waves.c.channel,
        t.waves.c.state,
        sa.func.max(sa.case((t.waves.c.prepared_at.is_not(None), 1), else_=0)).label("prepared"),
    )
    .where(_WORLD)
    .group_by(t.waves.c.step, t.waves.c.channel, t.waves.c.state)
)
_COUNTED = (
    sa.select(t.waves.c.step, t.counts.c.state, sa.func.sum(t.counts.c.n).label("n"))
    .join(t.counts, t.counts.c.wave_id == t.waves.c.id)
    .where(_WORLD)
    .group_by(t.waves.c.step, t.counts.c.state)
    .order_by(sa.func.min(t.waves.c.id))
)
_EACH_BLOCKED = (
    # Written out: a bound value would keep the databases from their index on these alone.
    sa.select(t.events.c.wave_id, t.events.c.seq)
    .where(t.events.c.kind == sa.literal_column(f"'{EventKind.BLOCKED.value}'"))
    .distinct()
    .subquery()
)
_BLOCKED = (
    sa.select(t.waves.c.step, sa.func.count().label("n"))
    .join(_EACH_BLOCKED, _EACH_BLOCKED.c.wave_id == t.waves.c.id)
    .where(_WORLD)
    .group_by(t.waves.c.step)
)
_STOPS = (
    sa.select(t.stops.c.id, t.stops.c.step, t.stops.c.ended_at, t.stops.c.gauge)
    .where(
        t.stops.c.world == sa.bindparam("world"),
        sa.or_(t.stops.c.ended_at.is_(None), t.stops.c.by == sa.bindparam("breaker")),
    )
    .order_by(t.stops.c.id)
)
