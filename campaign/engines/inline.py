"""The engine in its plainest form: turn, sleep, turn. With a virtual clock it is a rehearsal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from campaign.ports.clock import Clock


class Inline:
    """Runs the turns in the calling thread. Once stopped it stays stopped, also for a ``run`` that comes later."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._stopped = False

    def run(self, turn: Callable[[], datetime | None]) -> None:
        while not self._stopped:
            instant = turn()
            if instant is None:
                return
            if not self._stopped:
                self._clock.sleep_until(instant)

    def stop(self) -> None:
        self._stopped = True
        self._clock.wake()
