"""What wakes the flow. An engine wakes; the ledger decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol


class Engine(Protocol):
    """To be woken twice, too early or too often is harmless."""

    def run(self, turn: Callable[[], datetime | None]) -> None:
        """Call ``turn`` now and again at each instant it returns, until it returns None or ``stop`` is called."""
        ...

    def stop(self) -> None:
        """Return from ``run`` once the turn under way is over; may be called from a signal handler."""
        ...
