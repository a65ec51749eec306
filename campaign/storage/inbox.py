"""The inbox on a database."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Row, Select
from sqlalchemy.exc import SQLAlchemyError

from campaign.errors import LedgerError
from campaign.ports.inbox import InboxStanding, Posted
from campaign.storage.database import Database
from campaign.storage.posted import pack, unpack
from campaign.storage.tables import inbox

_MOST_UNREAD = 20
_PRUNED_AT_ONCE = 500


class SqlInbox:
    """See ``campaign.ports.inbox.Inbox``. Bodies are kept compressed: events repeat themselves."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, channel: str, body: bytes, *, at: datetime) -> int:
        values = {"channel": channel, "body": pack(body), "received_at": at}
        try:
            with self._database.write() as connection:
                new: int = connection.execute(sa.insert(inbox).values(**values).returning(inbox.c.id)).scalar_one()
        except SQLAlchemyError as error:
            raise LedgerError(f"what was posted cannot be kept ({type(error).__name__})") from error
        return new

    def waiting(self, *, after: int = 0) -> Posted | None:
        return self._first(sa.select(inbox).where(inbox.c.id > after, inbox.c.applied_at.is_(None)))

    def kept(self, *, after: int = 0, since: datetime | None = None) -> Posted | None:
        chosen = sa.select(inbox).where(inbox.c.id > after)
        return self._first(chosen if since is None else chosen.where(inbox.c.received_at >= since))

    def applied(self, posted_id: int, *, at: datetime, why: str = "") -> None:
        mine = sa.update(inbox).where(inbox.c.id == posted_id, inbox.c.applied_at.is_(None))
        with self._database.write() as connection:
            connection.execute(mine.values(applied_at=at, why=why))

    def prune(self, *, before: datetime) -> int:
        old = sa.select(inbox.c.id).where(inbox.c.received_at < before, inbox.c.applied_at.is_not(None))
        pruned = 0
        while True:
            # A few at a time: what is being sent meanwhile does not wait for a year's bodies to go.
            with self._database.read() as connection:
                some = list(connection.execute(old.limit(_PRUNED_AT_ONCE)).scalars())
            if not some:
                return pruned
            with self._database.write() as connection:
                pruned += connection.execute(sa.delete(inbox).where(inbox.c.id.in_(some))).rowcount

    def standing(self) -> InboxStanding:
        waits = inbox.c.applied_at.is_(None)
        count = sa.select(sa.func.count(), sa.func.min(inbox.c.received_at)).select_from(inbox)
        unread = sa.select(inbox.c.id, inbox.c.why).where(inbox.c.why != "").order_by(inbox.c.id.desc())
        with self._database.read() as connection:
            waiting = connection.execute(count.where(waits)).one()
            kept = connection.execute(count).one()
            odd = connection.execute(unread.limit(_MOST_UNREAD)).all()
        return InboxStanding(waiting[0], waiting[1], kept[0], kept[1], tuple((row.id, row.why) for row in odd))

    def _first(self, chosen: Select[tuple[int]]) -> Posted | None:
        with self._database.read() as connection:
            row = connection.execute(chosen.order_by(inbox.c.id).limit(1)).first()
        return None if row is None else _posted(row)


def _posted(row: Row[tuple[int]]) -> Posted:
    return Posted(id=row.id, channel=row.channel, received_at=row.received_at, body=unpack(row.body))
