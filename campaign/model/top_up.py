"""A top-up: a step sent to exactly those who should have got it and did not."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from campaign.model.wave import Wave


class Reason(StrEnum):
    """Why somebody of a step's audience has not got it. Everybody has the first that is true, of those here."""

    BARRED = "barred"
    """They may not be written to now."""
    WAITS = "waits"
    """The wave that they belong to is still to come, or is held."""
    LATE = "late"
    """They were imported, or came into the audience, after its wave had gone out."""
    LIFTED = "lifted"
    """They might not be written to then, and may be now."""
    MISSED = "missed"
    """It was too late for them."""
    MENDED = "mended"
    """Their provider refused or dropped it, and what we know of them has changed since, or a suppression was lifted."""
    REFUSED = "refused"
    """The same, and nothing has changed since."""
    CANCELLED = "cancelled"
    """A person cancelled it."""
    TURN = "turn"
    """It was not their turn: they asked for less often, or have had as many e-mails as the plan lets anybody have."""


ALWAYS = frozenset({Reason.LATE, Reason.LIFTED, Reason.MISSED, Reason.MENDED})
"""Who is topped up in any case."""
IF_ASKED = frozenset({Reason.REFUSED, Reason.CANCELLED})
"""Who is only where a person says so."""


@dataclass(frozen=True, slots=True)
class Some:
    """How many there are, and the ids of the first few of them."""

    number: int
    examples: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Those of a step's audience who have not got it, by why; nobody in doubt or on their way is among them."""

    people: Mapping[Reason, Some] = field(default_factory=dict)

    def number(self, reasons: Collection[Reason]) -> int:
        return sum(some.number for reason, some in self.people.items() if reason in reasons)


@dataclass(frozen=True, slots=True)
class MissingPosts:
    """The parts of one account's thread that are not posted, for one reason: the rest of it, from one part on.

    ``batch_id`` None: its wave was never prepared, and ``parts`` is 0, since nobody knows yet how many there will be.
    """

    wave_id: int
    wave: int
    account: str
    parts: int
    reason: Reason
    why: str
    batch_id: int | None = None


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """That ``by`` topped a step up: ``number`` people in a ``wave`` of their own, or posts of one that was there."""

    wave: Wave
    by: str
    why: str
    at: datetime
    number: int
    reasons: Mapping[Reason, int] = field(default_factory=dict)
