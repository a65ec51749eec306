"""meanwhile: what is about to come is prepared and made ready so that nothing whose instant comes waits for it.

Where there is time it is done all at once, between instants that follow closely one thing after the other.
"""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from statistics import median_high

from campaign.flow import due, prepare
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.readiness import Readiness
from campaign.model.plan import EMAIL
from campaign.model.wave import Wave, WaveState

_AGAIN = timedelta(seconds=2)
_QUIET = timedelta(milliseconds=100)
"""So long before an instant nothing else is done."""
_AT_LEAST = timedelta(seconds=6)
"""What leaves so soon is prepared whatever else is near: posts still have to sign in, connect and hand over media."""
_OVERDUE = timedelta(seconds=2)
"""What was to leave so long ago and has not is kept back by something else: nothing is put off for it."""


class Meanwhile:
    """Prepares what is about to come, and makes it ready: all of it, or one wave where there is a moment."""

    def __init__(self, desk: Desk, contents: Contents, readiness: Readiness) -> None:
        self._desk = desk
        self._contents = contents
        self._readiness = readiness
        self._left: Iterator[Wave] = iter(())
        self._next: Wave | None = None
        self._to_ready: deque[Wave] = deque()
        self._looked_at: datetime | None = None
        # How large an e-mail's audience is, is known when it is written; the next one's is likely of the kind.
        self._mail = _Takes(timedelta(seconds=5))
        self._posts = _Takes(timedelta(milliseconds=100))
        self._readying = _Takes(timedelta(milliseconds=50))
        self.again_at: datetime | None = None
        """When to go on with what was put off; None where nothing was."""

    def all(self) -> None:
        """Do all of it; but where something leaves in a moment, only what cannot wait until that has left."""
        self.again_at = None
        self._left, self._next, self._looked_at = iter(()), None, None
        leaving = self._leaving()
        for wave in due.waves(self._desk):
            if self._can_wait(wave.begins_at, self._takes(wave), leaving):
                break  # in their order: the first of them comes first
            self._prepare(wave)
            insort(leaving, wave.due_at)
        self._to_ready = deque(self._readiness.coming())
        while self._to_ready and not self._can_wait(self._to_ready[0].due_at, self._readying, leaving):
            self._ready()

    def one(self, within: timedelta) -> bool:
        """Do one thing; False where there is none, or it may take longer than ``within``."""
        now = self._desk.clock.now()
        wave = self._next or next(self._left, None)
        self._next = wave
        if wave is not None and self._takes(wave).fits(within):
            self._next = None
            self._prepare(wave)
            return True
        if wave is None and (self._looked_at is None or not timedelta(0) <= now - self._looked_at < _AGAIN):
            self._looked_at = now
            self._left, self._to_ready = due.waves(self._desk), deque(self._readiness.coming())
            return True  # to look took its time, too
        if self._to_ready and self._readying.fits(within):
            self._ready()
            return True
        return False

    def _leaving(self) -> list[datetime]:
        """The instants at which something prepared is to leave, or was to a moment ago."""
        since = self._desk.clock.now() - _OVERDUE
        prepared = self._desk.ledger.waves(states=(WaveState.PREPARED,))
        return sorted(
            wave.due_at for wave in prepared if wave.first_sent_at is None and not wave.ahead and wave.due_at > since
        )

    def _can_wait(self, begins_at: datetime, takes: _Takes, leaving: list[datetime]) -> bool:
        """True where something leaves before this would be done, and there is time for it after that, too."""
        now = self._desk.clock.now()
        if (
            not leaving
            or leaving[0] - now >= takes.usually + _QUIET
            or begins_at - now <= _AT_LEAST + 2 * takes.usually
        ):
            return False
        self.again_at = now + timedelta(seconds=1)
        return True

    def _takes(self, wave: Wave) -> _Takes:
        return self._mail if wave.channel == EMAIL else self._posts

    def _prepare(self, wave: Wave) -> None:
        began_at = self._desk.clock.now()
        prepare.wave(self._desk, self._contents, wave)
        self._takes(wave).note(self._desk.clock.now() - began_at)

    def _ready(self) -> None:
        began_at = self._desk.clock.now()
        self._readiness.begin(self._to_ready.popleft())
        self._readying.note(self._desk.clock.now() - began_at)


class _Takes:
    """How long one kind of work usually takes: by the last few times, since once the machine may have been busy."""

    def __init__(self, until_known: timedelta) -> None:
        self.usually = until_known
        self._last: deque[timedelta] = deque(maxlen=5)

    def fits(self, within: timedelta) -> bool:
        return self.usually <= within

    def note(self, taken: timedelta) -> None:
        self._last.append(max(taken, timedelta(0)))
        self.usually = median_high(self._last)
