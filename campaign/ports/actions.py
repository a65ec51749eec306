"""Who has taken the action: told by the campaign's action page, or by a list of those who have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Action:
    """Somebody has taken the action, at ``at`` (UTC)."""

    email: str = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many people's action was ``new``, was ``known`` before, and how many addresses are ``unknown`` here."""

    new: int = 0
    known: int = 0
    unknown: int = 0

    def __add__(self, other: Recorded) -> Recorded:
        return Recorded(self.new + other.new, self.known + other.known, self.unknown + other.unknown)


class Actions(Protocol):
    def record(self, actions: Sequence[Action], *, at: datetime) -> Recorded:
        """Record them in one transaction; once this returns it is on the disk. LedgerError where it cannot be.

        The first action of somebody stands, so that the same again changes nothing. An action later than ``at``, the
        time now, counts as of now. Of an address that is not a supporter's nothing is kept.
        """
        ...
