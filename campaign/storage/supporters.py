"""The supporters on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import ColumnElement, Connection

from campaign.model.preference import Preference, preference
from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import NewSupporter, Reason, Supporter, Suppression
from campaign.ports.supporters import Added, Shared
from campaign.storage import audiences, census, segments
from campaign.storage.addresses import address_hash, address_key
from campaign.storage.among import among
from campaign.storage.database import Database
from campaign.storage.people import COLUMNS, as_supporter
from campaign.storage.suppressions import lift, standing, suppress
from campaign.storage.tables import supporters, suppressions

_PAGE = 2_000
_IMPORT_LOCK = 727_2019

_BLANKABLE = (
    "first_name",
    "last_name",
    "language",
    "zone",
    "country",
    "region",
    "postal_code",
    "tags",
    "extra",
)


class SqlSupporters:
    """Implements the port ``Supporters``. Each method is one transaction; ``each`` is one for each page it reads."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, rows: Iterable[NewSupporter], *, at: datetime) -> Added:
        with self._database.write() as connection:
            return self._take(connection, rows, at)

    def would_add(self, rows: Iterable[NewSupporter], *, at: datetime) -> Added:
        """What ``add`` would come to; nothing stays."""
        with self._database.write() as connection:
            added = self._take(connection, rows, at)
            connection.rollback()
        return added

    def find(self, email: str) -> Supporter | None:
        with self._database.read() as connection:
            row = connection.execute(sa.select(*COLUMNS).where(_is(email))).first()
        return None if row is None else as_supporter(row)

    def get(self, supporter_ids: Sequence[int]) -> Mapping[int, Supporter]:
        with self._database.read() as connection:
            chosen = sa.select(*COLUMNS).where(among(connection, supporters.c.id, supporter_ids))
            return {row[0]: as_supporter(row) for row in connection.execute(chosen)}

    def each(self, segment: Segment | None = None) -> Iterator[Supporter]:
        chosen = sa.select(*COLUMNS).order_by(supporters.c.id).limit(_PAGE)
        if segment is not None:
            chosen = chosen.where(segments.matches(segment))
        last = 0
        while True:
            with self._database.read() as connection:
                page = connection.execute(chosen.where(supporters.c.id > last)).all()
            yield from map(as_supporter, page)
            if len(page) < _PAGE:
                return
            last = page[-1][0]

    def examples(self, audience: Audience, *, most: int) -> Sequence[Supporter]:
        language = segments.variant(audience)
        wanted: list[ColumnElement[bool]] = [sa.true()]
        wanted += [language == variant for variant in audience.variants]
        wanted += [supporters.c[name] == "" for name in _BLANKABLE]
        wanted.append(supporters.c.acted_at.is_not(None))
        reachable = segments.reachable(audience)
        # One pass over the table: for each condition the first who meets it.
        firsts = sa.select(*(sa.func.min(sa.case((condition, supporters.c.id))) for condition in wanted))
        with self._database.read() as connection:
            ids = dict.fromkeys(connection.execute(firsts.where(reachable)).one())
            ids.pop(None, None)
            if ids and len(ids) < most:
                more = sa.select(supporters.c.id).where(reachable).order_by(supporters.c.id).limit(most)
                ids.update(dict.fromkeys(connection.execute(more).scalars()))
        found = self.get(list(ids)[:most])
        return [found[supporter_id] for supporter_id in list(ids)[:most] if supporter_id in found]

    def reachable(self, audience: Audience) -> Iterator[Mapping[str, Sequence[Supporter]]]:
        return audiences.pages(self._database, audience)

    def shared_mailboxes(self, audience: Audience) -> Shared:
        with self._database.read() as connection:
            return audiences.shared_mailboxes(connection, audience)

    def headcount(self, audience: Audience) -> Headcount:
        barred, silent = segments.suppressed(), segments.without_consent()
        elsewhere = segments.elsewhere(audience.campaign)
        counted = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.case((barred, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((barred, 0), (silent, 1), else_=0)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((barred, 0), (silent, 0), (elsewhere, 1), else_=0)), 0),
        ).select_from(supporters)
        with self._database.read() as connection:
            members, *left_out = connection.execute(
                counted.where(
                    segments.matches(audience.segment), segments.in_zones(audience), segments.in_share(audience)
                )
            ).one()
        return Headcount(members, *map(int, left_out))

    def reach(self, audiences: Sequence[Audience]) -> int:
        if not audiences:
            return 0
        reached = sa.or_(*(segments.reachable(audience) for audience in audiences))
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(supporters).where(reached)).scalar_one()

    def census(
        self, segments: Collection[Segment], *, home_zone: str, campaign: str
    ) -> Mapping[Segment, Mapping[str, Headcount]]:
        return census.census(self._database, segments, home_zone=home_zone, campaign=campaign)

    def at_domains(
        self, segments: Collection[Segment], domains: Collection[str], *, campaign: str
    ) -> Mapping[Segment, Mapping[str, int]]:
        return census.at_domains(self._database, segments, domains, campaign=campaign)

    def groups(self, segments: Collection[Segment], *, campaign: str) -> Mapping[frozenset[Segment], int]:
        return census.groups(self._database, segments, campaign=campaign)

    def count(self) -> int:
        with self._database.read() as connection:
            return connection.execute(sa.select(sa.func.count()).select_from(supporters)).scalar_one()

    def forget(self, email: str, *, at: datetime) -> bool:
        from campaign.storage.erasure import erase  # noqa: PLC0415 - what only counts people needs none of it

        address = self._hash(email)
        with self._database.write() as connection:
            _await_imports(connection)  # one that has begun may know the person, and would put them back
            supporter_id = connection.execute(sa.select(supporters.c.id).where(_is(email))).scalar()
            if supporter_id is None:
                return False
            erase(connection, supporter_id)
            connection.execute(sa.delete(supporters).where(supporters.c.id == supporter_id))
            connection.execute(sa.delete(suppressions).where(suppressions.c.address_hash == address))
            return suppress(connection, address, Suppression(reason=Reason.FORGOTTEN, source="request", at=at))

    def suppress(self, email: str, *, reason: Reason, source: str, at: datetime) -> bool:
        with self._database.write() as connection:
            return suppress(connection, self._hash(email), Suppression(reason=reason, source=source, at=at))

    def lift(self, email: str, *, source: str, at: datetime) -> bool:
        address = self._hash(email)
        with self._database.write() as connection:
            lifted = standing(connection, address)
            return lifted is not None and lift(connection, address, lifted, source=source, at=at)

    def suppression(self, email: str) -> Suppression | None:
        with self._database.read() as connection:
            return standing(connection, self._hash(email))

    def barred(self, supporter_ids: Sequence[int]) -> frozenset[int]:
        with self._database.read() as connection:
            these = among(connection, supporters.c.id, supporter_ids)
            return frozenset(
                connection.execute(sa.select(supporters.c.id).where(these, segments.suppressed())).scalars()
            )

    def preferences(self, supporter_ids: Sequence[int]) -> Mapping[int, Preference]:
        with self._database.read() as connection:
            these = among(connection, supporters.c.id, supporter_ids)
            chosen = sa.select(supporters.c.id, supporters.c.preference, supporters.c.preferred_at)
            rows = connection.execute(chosen.where(these, supporters.c.preference != ""))
            return {row.id: preference(row.preference, row.preferred_at) for row in rows}

    def acted(self, email: str, *, at: datetime) -> bool:
        first = sa.update(supporters).where(_is(email), supporters.c.acted_at.is_(None))
        with self._database.write() as connection:
            return connection.execute(first.values(acted_at=at, changed_at=at)).rowcount > 0

    def _take(self, connection: Connection, rows: Iterable[NewSupporter], at: datetime) -> Added:
        from campaign.storage.intake import Intake  # noqa: PLC0415 - what only counts people needs none of it

        _await_imports(connection)  # two at once would take each other's new people for their own
        return Intake(connection, salt=self._database.salt, at=at).take(rows)

    def _hash(self, email: str) -> bytes:
        return address_hash(self._database.salt, address_key(email))


def _is(email: str) -> ColumnElement[bool]:
    return supporters.c.email_key == address_key(email)


def _await_imports(connection: Connection) -> None:
    """Let no import run beside this transaction. SQLite lets nobody write beside it anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_IMPORT_LOCK)))
