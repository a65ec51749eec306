"""A clock that the stand-ins follow: what happens at an instant happens at it there too."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from campaign.ports.clock import Clock

if TYPE_CHECKING:
    from campaign.sandbox.world import World


class Followed:
    """``clock`` for a program in the sandbox. Posts wait for their instant within a turn, and not between two."""

    def __init__(self, clock: Clock, world: World) -> None:
        self._clock = clock
        self._world = world

    def now(self) -> datetime:
        return self._clock.now()

    def sleep_until(self, instant: datetime) -> None:
        self._clock.sleep_until(instant)
        self._world.set_now(self._clock.now())

    def wake(self) -> None:
        self._clock.wake()
