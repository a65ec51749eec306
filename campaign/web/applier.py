"""The applier: takes what was posted from the inbox to the ledger, in a thread beside the web server."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread
from types import TracebackType
from typing import Self

from campaign.engines.clock import SystemClock
from campaign.engines.inline import Inline
from campaign.flow.feedback import LOOK, Feedback

PRUNE_EVERY = timedelta(hours=1)
AFTER_A_FAILURE = timedelta(seconds=30)


class Applier:
    """Runs from entering to leaving its context. ``wake`` says that something has come."""

    def __init__(self, feedback: Feedback, tell: Callable[[str], None]) -> None:
        self._feedback = feedback
        self._tell = tell
        self._clock = SystemClock()  # of its own: a wake is for this thread's sleep
        self._engine = Inline(self._clock)
        self._prune_at = self._clock.now()
        self._thread = Thread(target=self._engine.run, args=(self._turn,), name="applier", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._engine.stop()
        self._thread.join()

    def wake(self) -> None:
        self._clock.wake()

    def _turn(self) -> datetime:
        now = self._clock.now()
        try:
            new = self._feedback.apply()
            if new:
                self._tell("applied: " + ", ".join(f"{number:,} {kind.value}" for kind, number in new.most_common()))
            if now >= self._prune_at:
                self._prune_at = now + PRUNE_EVERY
                self._feedback.prune()
        except Exception as error:  # noqa: BLE001 - the database may be away for a while; what was posted waits for it
            self._tell(f"events could not be applied, and wait: {type(error).__name__}")
            return self._clock.now() + AFTER_A_FAILURE
        return self._clock.now() + LOOK
