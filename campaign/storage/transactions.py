"""The transactions of a world's ledger: each call one, or several calls together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from campaign.storage.database import Database
from campaign.storage.unchanged import Answer, Unchanged


class Transactions:
    """What the parts of the ledger on a database have in common."""

    def __init__(self, database: Database, *, world: str) -> None:
        self._database = database
        self._world = world
        self._under_way = threading.local()
        self._unchanged = Unchanged(database)

    def _kept(self, question: Hashable, ask: Callable[[Connection], Answer]) -> Answer:
        """What ``ask`` reads; of a question that was asked before and has the same answer still, what it read then."""

        def read() -> Answer:
            with self._database.read() as connection:
                return ask(connection)

        return self._unchanged.get(question, read)

    @contextmanager
    def together(self) -> Iterator[None]:
        if self._database.engine.dialect.name != "sqlite":
            # Several write at the same time there: who holds the counters of two waves could wait for each other.
            yield
            return
        with self._database.write() as connection:
            self._under_way.connection = connection
            try:
                yield
            finally:
                self._under_way.connection = None

    @contextmanager
    def _write(self) -> Iterator[Connection]:
        """A transaction of its own, or within ``together`` a part of that one which fails alone."""
        shared: Connection | None = getattr(self._under_way, "connection", None)
        if shared is None:
            with self._database.write() as connection:
                yield connection
        else:
            with shared.begin_nested():
                yield shared

    @property
    def world(self) -> str:
        return self._world
