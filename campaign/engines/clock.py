"""The clocks: the machine's own, and one for rehearsals that jumps to whatever instant is waited for."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from threading import Lock

_GLANCE = timedelta(seconds=1)
"""How often a sleeper looks at the clock again: so late at most is a clock that was set, or a suspend, noticed."""


class SystemClock:
    """The machine's clock.

    A ``wake`` ends every sleep under way; where nobody sleeps it ends the next one at once, so that a wake between
    "is there anything to do?" and the sleep is not lost. It may be called from a signal handler: SimpleQueue is the
    one primitive of the standard library whose ``put`` is safe there (Event and Condition can lock themselves out).
    """

    def __init__(self) -> None:
        self._bells: set[SimpleQueue[None]] = set()
        self._woken = False

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep_until(self, instant: datetime) -> None:
        _must_be_aware(instant)
        bell: SimpleQueue[None] = SimpleQueue()
        self._bells.add(bell)
        try:
            # A timeout runs on the monotonic clock, which knows nothing of the wall clock being set.
            while not self._woken and (left := instant - self.now()) > timedelta(0):
                with suppress(Empty):
                    return bell.get(timeout=min(left, _GLANCE).total_seconds())
            self._woken = False
        finally:
            self._bells.discard(bell)

    def wake(self) -> None:
        bells = tuple(self._bells)
        self._woken = not bells
        for bell in bells:
            bell.put(None)


class VirtualClock:
    """Stands still until somebody waits for a later instant, and is there at once; it never goes back.

    There is nothing to wake: no sleep takes any time. Several threads may share it; it goes to the latest instant
    that any of them waits for.
    """

    def __init__(self, start: datetime) -> None:
        _must_be_aware(start)
        self._now = start.astimezone(UTC)
        self._lock = Lock()

    def now(self) -> datetime:
        return self._now

    def sleep_until(self, instant: datetime) -> None:
        _must_be_aware(instant)
        with self._lock:
            self._now = max(self._now, instant.astimezone(UTC))

    def wake(self) -> None:
        pass


def _must_be_aware(instant: datetime) -> None:
    if instant.tzinfo is None:
        raise ValueError("an instant must carry its zone")
