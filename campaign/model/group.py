"""A group: requests that a provider holds until their instant, and lets go or cancels together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from campaign.model.delivery import State
from campaign.model.wave import Wave


class GroupState(StrEnum):
    """``open`` takes batches, ``full`` no more. ``cancelling``: it is to be cancelled, and nobody knows yet whether it
    is. ``cancelled``: the provider has confirmed in time that nothing of it will be sent."""

    OPEN = "open"
    FULL = "full"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Group:
    """``ref`` is the provider's id of it, ``room`` how many batches it still takes, ``batches`` how those in it stand.

    ``seen_at`` is when it was last looked through for people who may not be written to any more."""

    id: int
    wave: Wave
    ref: str
    state: GroupState
    room: int
    send_at: datetime
    seen_at: datetime
    why: str = ""
    batches: Mapping[State, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Opened:
    """The provider has a new group, of this id."""

    ref: str


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The provider says that the group is cancelled."""


@dataclass(frozen=True, slots=True)
class NotCancelled:
    """The provider says that the group is not cancelled; what is in it is sent at its instant."""

    why: str


@dataclass(frozen=True, slots=True)
class Unanswered:
    """Nobody knows whether the group is cancelled: the provider could not be asked, or its answer was lost."""

    why: str


Cancelling = Cancelled | NotCancelled | Unanswered
