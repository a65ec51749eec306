"""APScheduler as the alarm clock of one machine: its job wakes, it never sends."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue

from apscheduler.executors.debug import DebugExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.date import DateTrigger

from campaign.ports.clock import Clock

GLANCE = timedelta(seconds=30)
"""How long a turn is put off at most. It notices a clock that was set, a suspend, and the work of other processes."""

_ALARM = "next instant"
_PIECE_S = 1.0
_TIDY = timedelta(seconds=5)
_AT_THE_LATEST = timedelta(minutes=10)
"""How long after the last it is looked for values to forget: where there is a moment, and in any case."""
_A_MOMENT = timedelta(seconds=1)


class Apscheduler:
    """Turns run one at a time in the calling thread; a job in the scheduler's own thread only rings for the next.

    Its job store is memory and holds one alarm, for the instant that the last turn returned: nothing that the ledger
    does not know better. A one-shot job is dropped from the store when it is submitted and by default also where it
    is a second late, which is how launches get lost; here both cost nothing, because the ledger is asked again.

    APScheduler reads the machine's clock. Where ``clock`` is behind it, no turn comes too early. Once stopped it stays
    stopped, also for a ``run`` that comes later.
    """

    def __init__(self, clock: Clock, *, glance: timedelta = GLANCE) -> None:
        self._clock = clock
        self._glance = glance.total_seconds()
        # Not an Event: stop() may come from a signal handler that interrupts this very thread while it holds the
        # Event's lock. SimpleQueue.put is documented to be reentrant.
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._stopped = False

    def run(self, turn: Callable[[], datetime | None]) -> None:
        scheduler = BackgroundScheduler(
            timezone=UTC,
            jobstores={"default": MemoryJobStore()},
            executors={"default": DebugExecutor()},  # in the scheduler's thread: ringing takes no time
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
        )
        scheduler.start()
        litter = _Litter(self._clock)
        try:
            while True:
                # First hush, then ask: a stop in between must not lose its ring, or it would wait for a glance.
                self._hush()
                if self._stopped or (instant := turn()) is None:
                    return
                litter.collect(before=instant)
                if instant > self._clock.now():
                    scheduler.add_job(self._ring, DateTrigger(instant, UTC), id=_ALARM, replace_existing=True)
                    self._wait(instant)
        finally:
            litter.close()
            scheduler.shutdown(wait=False)

    def stop(self) -> None:
        self._stopped = True
        self._ring()

    def _ring(self) -> None:
        self._bell.put(None)

    def _wait(self, instant: datetime) -> None:
        """Until it rings at ``instant``, it is stopped, or a glance is over."""
        # On the monotonic clock, so that a wall clock set back for an hour does not put this off for an hour; and in
        # short pieces, so that a machine that has slept through the instant is soon at work. An alarm by a clock that
        # ours does not follow rings too early, and is not heard.
        left_s = self._glance
        while left_s > 0 and not self._stopped and self._clock.now() < instant:
            piece_s = min(left_s, _PIECE_S)
            with suppress(Empty):
                self._bell.get(timeout=piece_s)
            left_s -= piece_s

    def _hush(self) -> None:
        """Forget the rings until now: the turn that comes answers them all."""
        with suppress(Empty):
            while True:
                self._bell.get_nowait()


class _Litter:
    """Has Python look for values that only hold each other where there is time for it, and not when something leaves.

    Otherwise it looks whenever there are many new ones, for hundreds of milliseconds in a large plan. What was there
    before the first turn is there to stay, and is not looked at again and again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._was_enabled = gc.isenabled()
        gc.collect()
        gc.freeze()
        gc.disable()
        self._collected_at = clock.now()

    def collect(self, *, before: datetime) -> None:
        """Look now if ``before`` is far enough; and sooner or later in any case."""
        now = self._clock.now()
        since = now - self._collected_at
        if since >= (_TIDY if before - now > _A_MOMENT else _AT_THE_LATEST) or since < timedelta(0):
            gc.collect()
            self._collected_at = self._clock.now()

    def close(self) -> None:
        gc.unfreeze()
        if self._was_enabled:
            gc.enable()
