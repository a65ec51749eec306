"""meanwhile: waves are prepared one by one between instants that follow closely, so that none waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from campaign.flow import due, prepare
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.plan import EMAIL
from campaign.model.wave import Wave

_AGAIN = timedelta(seconds=2)


class Meanwhile:
    """Prepares what is about to come: all of it at once, or one wave where there is a moment."""

    def __init__(self, desk: Desk, contents: Contents) -> None:
        self._desk = desk
        self._contents = contents
        self._left: Iterator[Wave] = iter(())
        self._next: Wave | None = None
        self._looked_at: datetime | None = None
        self._mail_takes: timedelta | None = None

    def all(self) -> None:
        for wave in due.waves(self._desk):
            self._prepare(wave)
        self._left, self._next = iter(()), None

    def one(self, within: timedelta) -> bool:
        """Prepare the next one; False where there is none, or it may take longer than ``within``."""
        now = self._desk.clock.now()
        wave = self._next or next(self._left, None)
        self._next = wave
        if wave is None:
            if self._looked_at is not None and timedelta(0) <= now - self._looked_at < _AGAIN:
                return False
            self._looked_at = now
            self._left = due.waves(self._desk)
            return True  # to look took its time, too
        if wave.channel == EMAIL and (self._mail_takes is None or self._mail_takes > within):
            return False  # the turn will
        self._next = None
        self._prepare(wave)
        return True

    def _prepare(self, wave: Wave) -> None:
        began_at = self._desk.clock.now()
        prepare.wave(self._desk, self._contents, wave)
        if wave.channel == EMAIL:
            # How large its audience is, is known when it is written; the next one's is likely of the kind.
            self._mail_takes = self._desk.clock.now() - began_at
