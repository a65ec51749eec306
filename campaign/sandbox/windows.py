"""Rate limits as the stand-ins of the networks keep them: so many points in a window, for each account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

STRUCK_RESET = timedelta(seconds=5)
"""How far ahead the reset lies in a 429 that was asked for as a fault."""


@dataclass(slots=True)
class Window:
    limit: int
    remaining: int
    resets_at: datetime
    refused: bool = False


class Windows:
    """A window begins with an account's first request in it, and ends by the world's clock."""

    def __init__(self, limit: int, length: timedelta) -> None:
        self.limit = limit
        self.length = length
        self._open: dict[str, Window] = {}

    def take(self, account: str, now: datetime, *, points: int = 1) -> Window:
        """Count ``points``. ``refused`` is True in what is returned where they are more than what was left."""
        window = self._open.get(account)
        if window is None or now >= window.resets_at or now < window.resets_at - self.length:
            window = self._open[account] = Window(self.limit, self.limit, now + self.length)
        window.refused = window.remaining < points
        if not window.refused:
            window.remaining -= points
        return window
