"""Which tests were sent, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from campaign.model.sent_test import SentTest
from campaign.storage.database import Database
from campaign.storage.tables import sent_tests


class SqlSentTests:
    """Implements the port ``SentTests``."""

    def __init__(self, database: Database, *, world: str) -> None:
        self._database = database
        self._world = world

    def record(self, sent: SentTest) -> None:
        with self._database.write() as connection:
            connection.execute(
                sa.insert(sent_tests).values(
                    world=self._world,
                    step=sent.step,
                    digest=sent.digest,
                    by=sent.by,
                    sent_at=sent.at,
                    addresses=sent.addresses,
                    mails=sent.mails,
                    accepted=sent.accepted,
                )
            )

    def latest(self) -> Mapping[str, SentTest]:
        t = sent_tests.c
        last = sa.select(sa.func.max(t.id)).where(t.world == self._world).group_by(t.step)
        chosen = sa.select(t.step, t.digest, t.by, t.sent_at, t.addresses, t.mails, t.accepted).where(t.id.in_(last))
        with self._database.read() as connection:
            return {row.step: SentTest(*row) for row in connection.execute(chosen)}
