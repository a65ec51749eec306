"""The only source of time. Nothing else calls now() or sleeps."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The time now, aware and in UTC."""
        ...

    def sleep_until(self, instant: datetime) -> None:
        """Return at ``instant``, or earlier where ``wake`` was called; at once where it has passed."""
        ...

    def wake(self) -> None:
        """Make a ``sleep_until`` in another thread return now."""
        ...
