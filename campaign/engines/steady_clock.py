"""The clock of a program that runs for weeks: somebody may set the machine's meanwhile, or put it to sleep."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from campaign.engines.clock import SystemClock

TOLERANCE = timedelta(minutes=2)
"""How far the machine's clock may step and is simply followed: a time server that corrects it."""


def _passed_s() -> float:
    """Seconds that have passed, also while the machine slept, whatever its clock was set to meanwhile."""
    # Linux: CLOCK_MONOTONIC stands still during sleep and CLOCK_BOOTTIME does not (clock_gettime(2)).
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def _machines() -> datetime:
    return datetime.now(UTC)


class SteadyClock(SystemClock):
    """The machine's clock, held to the time that has passed since the program was started.

    Where the two differ by more than TOLERANCE, it is the earlier of them: nothing is sent before its instant by
    either. So a clock that is set forward is not followed until it is set back, or the program is started again, which
    is how a person says that it is right now. One that is set back is followed.
    """

    def __init__(
        self,
        *,
        machines: Callable[[], datetime] = _machines,
        passed_s: Callable[[], float] = _passed_s,
        awake_s: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._machines = machines
        self._passed_s = passed_s
        self._awake_s = awake_s
        self._anchor = (machines(), passed_s())  # replaced whole: several threads ask

    def now(self) -> datetime:
        shown, reckoned = self._both()
        return min(shown, reckoned) if abs(shown - reckoned) > TOLERANCE else shown

    def ahead(self) -> timedelta:
        """How far the machine's clock is ahead of the time that has passed, or behind it (negative); zero within
        TOLERANCE."""
        shown, reckoned = self._both()
        return shown - reckoned if abs(shown - reckoned) > TOLERANCE else timedelta(0)

    def slept(self) -> timedelta:
        """How long the machine has slept since it was started, where that can be known; it only ever grows."""
        return timedelta(seconds=self._passed_s() - self._awake_s())

    def _both(self) -> tuple[datetime, datetime]:
        """What the machine's clock shows, and what it would show had nobody set it."""
        at, then_s = self._anchor
        shown, now_s = self._machines(), self._passed_s()
        reckoned = at + timedelta(seconds=now_s - then_s)
        if abs(shown - reckoned) <= TOLERANCE:
            self._anchor = (shown, now_s)  # small corrections do not add up
            return shown, shown
        return shown, reckoned
