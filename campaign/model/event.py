"""What providers tell us later about deliveries they took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EventKind(StrEnum):
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    BLOCKED = "blocked"
    DROPPED = "dropped"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    CLICKED = "clicked"
    ACTED = "acted"


@dataclass(frozen=True, slots=True)
class Event:
    """``id`` is the provider's own id of the event, for telling repeats. ``key`` names the delivery (see Keys)."""

    id: str
    channel: str
    key: str
    kind: EventKind
    at: datetime
    why: str = ""
