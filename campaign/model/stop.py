"""A stop: somebody's word that nothing more is sent, of everything or of one step, until it is ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

EVERYTHING = ""
"""The step of a stop that holds everything."""
DEAD_MAN = "dead man's switch"
"""Who stops everything where nobody has confirmed for too long. Only a confirmation ends that stop."""


@dataclass(frozen=True, slots=True)
class Stop:
    """``step`` is EVERYTHING or the one step that is paused, ``by`` a person's name, a breaker or DEAD_MAN.

    ``ended_at`` is None while it holds; ``ended_by`` is who ended it.
    """

    id: int
    step: str
    by: str
    why: str
    at: datetime
    ended_at: datetime | None = None
    ended_by: str = ""

    def holds(self, step: str) -> bool:
        """True where it keeps ``step`` from being sent."""
        return self.ended_at is None and self.step in (EVERYTHING, step)

    def __str__(self) -> str:
        """``halted by Jo Example: the letter was withdrawn``, ``alert is paused by …``."""
        head = "halted" if self.step == EVERYTHING else f"{self.step} is paused"
        return f"{head} by {self.by}" + (f": {self.why}" if self.why else "")


@dataclass(frozen=True, slots=True)
class Resumed:
    """What it did to end stops: the ``stops`` that held until then, and the ``late`` waves, by name, that are held or
    missed by their step's own rule because they have become too late meanwhile."""

    stops: tuple[Stop, ...] = ()
    late: tuple[tuple[str, str], ...] = ()
