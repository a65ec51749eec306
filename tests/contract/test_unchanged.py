"""Answers that are kept while nothing was committed, on real databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from campaign.storage.database import Database
from campaign.storage.unchanged import Unchanged


class Readings:
    """How often it was read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> int:
        self.times += 1
        return self.times


@pytest.fixture
def another(database_url: str, database: Database) -> Iterator[Database]:
    """The same database, as another process opens it."""
    opened = Database(database_url)
    yield opened
    opened.close()


def test_what_another_process_commits_is_seen_at_once(database: Database, another: Database) -> None:
    kept, readings = Unchanged(database), Readings()
    for times in range(1, 6):
        assert kept.get("question", readings) == times
        another.put("key", str(times))


def test_what_this_process_commits_is_seen_at_once(database: Database) -> None:
    kept, readings = Unchanged(database), Readings()
    for times in range(1, 6):
        assert kept.get("question", readings) == times
        database.put("key", str(times))


def test_what_is_committed_while_it_is_read_makes_the_answer_an_old_one(database: Database, another: Database) -> None:
    kept = Unchanged(database)

    def read() -> str | None:
        before = database.get("key")
        another.put("key", "new")
        return before

    assert kept.get("question", read) is None
    assert kept.get("question", lambda: database.get("key")) == "new"


def test_nothing_is_read_twice_while_nothing_is_committed(database: Database) -> None:
    kept, readings, others = Unchanged(database), Readings(), Readings()
    for _ in range(5):
        kept.get("question", readings)
        kept.get("another question", others)
        database.get("key")
    keeps = database.engine.dialect.name == "sqlite"
    assert readings.times == others.times == (1 if keeps else 5)


def test_a_failure_is_no_answer(database: Database) -> None:
    kept = Unchanged(database)
    with pytest.raises(ZeroDivisionError):
        kept.get("question", lambda: 1 // 0)
    assert kept.get("question", lambda: 7) == 7


def test_a_database_that_was_closed_is_read_again(database: Database) -> None:
    kept, readings = Unchanged(database), Readings()
    kept.get("question", readings)
    database.close()
    kept.get("question", readings)
    assert readings.times == 2
