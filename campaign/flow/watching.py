"""watching: what goes out is held to its limits, and people are told, between two batches and at each turn."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from campaign.flow import breakers, news
from campaign.flow.desk import Desk

GLANCE = timedelta(seconds=3)
"""How often it is looked at while something goes out. A look costs milliseconds, however much goes out."""
BATCHES = 50
"""So many batches later it is looked at in any case: on a virtual clock a dispatch takes no time."""


class Watching:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._looked_at: datetime | None = None
        self._since = 0

    def look(self) -> None:
        """Hold what is sent to its limits, and tell people what has happened."""
        self._looked_at, self._since = self._desk.clock.now(), 0
        breakers.look(self._desk)
        news.tell(self._desk)
        if self._desk.notices is not None:
            self._desk.notices.carry()

    def glance(self) -> None:
        """The same, if it is time: to be called between two batches."""
        self._since += 1
        now, before = self._desk.clock.now(), self._looked_at
        # A clock that was set back would put the next look off for long.
        if before is None or not before <= now < before + GLANCE or self._since >= BATCHES:
            self.look()

    def over(self, turn: Callable[[], datetime | None]) -> Callable[[], datetime | None]:
        """``turn``, with a look after it."""

        def watched() -> datetime | None:
            instant = turn()
            self.look()
            return instant

        return watched
