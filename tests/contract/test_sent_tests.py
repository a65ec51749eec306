"""The record of tests, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from campaign.model.sent_test import SentTest
from campaign.storage.database import Database
from campaign.storage.sent_tests import SqlSentTests
from tests.builders import T0

SENT = SentTest(step="alert", digest="d1", by="Jo Example", at=T0, addresses=2, mails=8, accepted=7)


def test_the_last_test_of_each_step_is_known(database: Database) -> None:
    tests = SqlSentTests(database, world="live")
    assert tests.latest() == {}
    later = replace(SENT, digest="d2", at=T0 + timedelta(hours=1))
    other = replace(SENT, step="thanks")
    for one in (SENT, other, later):
        tests.record(one)
    assert tests.latest() == {"alert": later, "thanks": other}


def test_each_world_has_its_own(database: Database) -> None:
    SqlSentTests(database, world="sandbox").record(SENT)
    assert SqlSentTests(database, world="live").latest() == {}
