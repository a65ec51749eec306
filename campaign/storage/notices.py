"""The box that notices wait in, and what they are made of: a few rows and counters, looked at every few seconds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import sqlalchemy as sa

from campaign.model.delivery import State
from campaign.model.notice import Notice, NoticeKind, Outgoing
from campaign.model.wave import UNFINISHED
from campaign.ports.notices import Doubtful, Progress
from campaign.storage import tables as t
from campaign.storage.among import among
from campaign.storage.columns import Utc
from campaign.storage.database import Database, insert, insert_or_ignore

_OPEN = sorted(state.value for state in UNFINISHED)
_N = t.notices.c


class SqlOutbox:
    """See ``campaign.ports.notices.Outbox``. A notice is a row without a place, and one for each place it goes to."""

    def __init__(self, database: Database, *, world: str) -> None:
        self._database = database
        self._world = world

    def new(self, keys: Collection[str]) -> frozenset[str]:
        if not keys:
            return frozenset()
        with self._database.read() as connection:
            those = among(connection, _N.key, set(keys))
            query = sa.select(_N.key).where(_N.world == self._world, _N.place == "", those)
            return frozenset(keys) - frozenset(connection.execute(query).scalars())

    def put(self, notice: Notice, *, places: Collection[str], at: datetime) -> bool:
        row = {
            "world": self._world,
            "kind": notice.kind.value,
            "text": notice.text,
            "made_at": at,
            "due_at": at,
            "attempts": 0,
        }
        with self._database.write() as connection:
            made = {**row, "key": notice.key, "place": "", "ended_at": at, "why": ""}
            first = insert(connection, t.notices).values(made).on_conflict_do_nothing().returning(_N.id)
            if connection.execute(first).first() is None:
                return False
            for key in notice.also:
                with_it = {**made, "key": key, "text": "", "why": f"told with {notice.key}"}
                insert_or_ignore(connection, t.notices, with_it)
            for place in places:
                to_send = {**row, "key": notice.key, "place": place, "ended_at": None, "why": ""}
                insert_or_ignore(connection, t.notices, to_send)
            return True

    def take(self, place: str, *, most: int, now: datetime, again_at: datetime) -> Sequence[Outgoing]:
        due = (
            sa.select(_N.id)
            .where(_N.world == self._world, _N.place == place, _N.ended_at.is_(None), _N.due_at <= now)
            .order_by(_N.id)
            .limit(most)
        )
        with self._database.read() as connection:
            if connection.execute(due).first() is None:
                return ()
        with self._database.write() as connection:
            if connection.dialect.name == "postgresql":
                due = due.with_for_update(skip_locked=True)
            ids = connection.execute(due).scalars().all()
            taken = connection.execute(
                sa.update(t.notices)
                .where(_N.id.in_(ids))
                .values(attempts=_N.attempts + 1, due_at=again_at)
                .returning(_N.id, _N.place, _N.kind, _N.text, _N.made_at, _N.attempts)
            ).all()
        return [
            Outgoing(row.id, row.place, NoticeKind(row.kind), row.text, row.made_at, row.attempts)
            for row in sorted(taken)
        ]

    def end(self, taken: Sequence[Outgoing], *, at: datetime, why: str = "") -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(t.notices).where(_N.id.in_([one.id for one in taken])).values(ended_at=at, why=why)
            )

    def put_off(self, taken: Sequence[Outgoing], *, until: datetime, why: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.update(t.notices).where(_N.id.in_([one.id for one in taken])).values(due_at=until, why=why)
            )

    def end_elsewhere(self, places: Collection[str], *, at: datetime, why: str) -> int:
        with self._database.write() as connection:
            gone = sa.update(t.notices).where(
                _N.world == self._world, _N.ended_at.is_(None), _N.place.not_in(list(places))
            )
            return connection.execute(gone.values(ended_at=at, why=why)).rowcount

    def next_at(self) -> datetime | None:
        query = sa.select(_N.due_at).where(_N.world == self._world, _N.ended_at.is_(None)).order_by(_N.due_at).limit(1)
        with self._database.read() as connection:
            found: datetime | None = connection.execute(query).scalar()
        return found

    def progress(self) -> Sequence[Progress]:
        w = t.waves.c
        query = (
            sa.select(
                w.step,
                w.channel,
                sa.func.count().label("waves"),
                sa.func.sum(sa.case((w.state.in_(_OPEN), 1), else_=0)).label("open"),
                sa.type_coerce(sa.func.min(w.first_sent_at), Utc()).label("began_at"),
                sa.type_coerce(sa.func.max(w.finished_at), Utc()).label("ended_at"),
            )
            .where(w.world == self._world)
            .group_by(w.step, w.channel)
            .order_by(sa.func.min(w.due_at), sa.func.min(w.id))
        )
        with self._database.read() as connection:
            return [
                Progress(
                    step=row.step,
                    channel=row.channel,
                    waves=row.waves,
                    open=int(row.open),
                    began_at=row.began_at,
                    ended_at=row.ended_at if not row.open else None,
                )
                for row in connection.execute(query)
            ]

    def doubtful(self) -> Sequence[Doubtful]:
        w, b, a, c = t.waves.c, t.batches.c, t.attempts.c, t.counts.c
        in_doubt = State.IN_DOUBT.value
        # An attempt that a crash broke off was never ended: it counts from when its lease was over.
        since = sa.func.min(sa.func.coalesce(a.ended_at, b.lease_until_at, b.changed_at))
        query = (
            sa.select(w.id, w.step, w.channel, c.n, sa.type_coerce(since, Utc()).label("since"))
            .select_from(
                t.waves.join(t.counts, sa.and_(c.wave_id == w.id, c.state == in_doubt, c.n > 0))
                .join(t.batches, sa.and_(b.wave_id == w.id, b.state == in_doubt))
                .outerjoin(t.attempts, a.id == b.attempt_id)
            )
            .where(w.world == self._world)
            .group_by(w.id, w.step, w.channel, c.n)
            .order_by(w.id)
        )
        found: dict[str, Doubtful] = {}
        with self._database.read() as connection:
            for row in connection.execute(query):
                before = found.get(row.step)
                number = row.n + (before.number if before else 0)
                first = min(row.since, before.since) if before else row.since
                found[row.step] = Doubtful(row.step, row.channel, number, first)
        return list(found.values())
