"""The part of the ledger for reports: see ``campaign.ports.reports.Reports``. Sums alone, made by the database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.event import EventKind
from campaign.model.report import Hour, Reactions
from campaign.storage import tables as t
from campaign.storage.transactions import Transactions

_REACTIONS = (EventKind.OPENED, EventKind.CLICKED, EventKind.ACTED, EventKind.UNSUBSCRIBED)
_TO_THE_HOUR = 13
"""Characters of ``2018-05-22 13``, as both databases write an instant."""


class SqlReports(Transactions):
    def reactions(self) -> Mapping[str, Reactions]:
        with self._database.read() as connection:
            return reactions(connection, self._world)

    def hours(self) -> Sequence[Hour]:
        with self._database.read() as connection:
            return hours(connection, self._world)

    def readings(self) -> Iterator[tuple[datetime, str, int, int, int]]:
        with self._database.read() as connection:
            yield from readings(connection, self._world)

    def costs(self) -> Mapping[str, int]:
        with self._database.read() as connection:
            return costs(connection, self._world)


def _by_people(world: str, kinds: Sequence[EventKind]) -> sa.Select[Any]:
    """The first event of each kind of each delivery, by people."""
    e, w = t.events.c, t.waves.c
    return (
        sa.select(w.step, e.wave_id, e.seq, e.kind, sa.func.min(e.happened_at).label("first_at"))
        .join_from(t.events, t.waves, w.id == e.wave_id)
        .where(w.world == world, e.machine == "", e.kind.in_([kind.value for kind in kinds]))
        .group_by(w.step, e.wave_id, e.seq, e.kind)
    )


def reactions(connection: Connection, world: str) -> Mapping[str, Reactions]:
    first = _by_people(world, _REACTIONS).subquery()
    query = sa.select(first.c.step, first.c.kind, sa.func.count().label("n")).group_by(first.c.step, first.c.kind)
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.step, {})[row.kind] = row.n
    return {step: Reactions(**numbers) for step, numbers in found.items()}


def hours(connection: Connection, world: str) -> Sequence[Hour]:
    first = _by_people(world, (EventKind.OPENED, EventKind.CLICKED)).subquery()
    hour = sa.func.substr(sa.cast(_in_utc(connection, first.c.first_at), sa.Text), 1, _TO_THE_HOUR).label("hour")
    query = sa.select(hour, first.c.kind, sa.func.count().label("n")).group_by(hour, first.c.kind)
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        found.setdefault(row.hour, {})[row.kind] = row.n
    return [
        Hour(
            datetime.strptime(name, "%Y-%m-%d %H").replace(tzinfo=UTC),
            opened=numbers.get(EventKind.OPENED.value, 0),
            clicked=numbers.get(EventKind.CLICKED.value, 0),
        )
        for name, numbers in sorted(found.items())
    ]


def _in_utc(connection: Connection, instant: ColumnElement[Any]) -> ColumnElement[Any]:
    """PostgreSQL writes an instant in the session's zone unless it is told another; SQLite has it as text in UTC."""
    return sa.func.timezone("UTC", instant) if connection.dialect.name == "postgresql" else instant


def readings(connection: Connection, world: str) -> Iterator[tuple[datetime, str, int, int, int]]:
    m, w = t.metrics.c, t.waves.c
    liked = sa.func.coalesce(m.likes, 0) + sa.func.coalesce(m.reposts, 0) + sa.func.coalesce(m.replies, 0)
    query = (
        sa.select(m.read_at, w.channel, m.wave_id, m.seq, liked.label("number"))
        .join_from(t.metrics, t.waves, w.id == m.wave_id)
        .where(w.world == world)
        # What was not found at its network any more has no figure at all: what it had come to stands.
        .where(sa.or_(m.likes.is_not(None), m.reposts.is_not(None), m.replies.is_not(None)))
        .order_by(m.read_at, m.wave_id, m.seq)
    )
    for row in connection.execute(query):
        yield row.read_at, row.channel, row.wave_id, row.seq, int(row.number)


def costs(connection: Connection, world: str) -> Mapping[str, int]:
    s, w = t.spending.c, t.waves.c
    query = (
        sa.select(w.step, sa.func.sum(s.micro_usd).label("sum"))
        .join_from(t.spending, t.waves, w.id == s.wave_id)
        .where(s.world == world)
        .group_by(w.step)
    )
    return {row.step: int(row.sum) for row in connection.execute(query)}
