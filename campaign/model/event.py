"""What providers tell us later about deliveries they took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaign.model.supporter import Reason


class EventKind(StrEnum):
    """``processed`` and ``delayed`` move nothing on: they are evidence that the provider has it."""

    PROCESSED = "processed"
    DELAYED = "delayed"
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
    """``id`` is the provider's own id of the event, for telling repeats. ``key`` names the delivery (see Keys).

    ``machine`` says why an opening or a click is held to be a program's and not a person's; "" where it is a person's.
    ``link`` is what was clicked. A repeat may come under another id: then delivery, kind, instant and link tell it.
    ``bars`` says of a drop why the address must not be written to any more; None where it says nothing about it.
    """

    id: str
    channel: str
    key: str
    kind: EventKind
    at: datetime
    why: str = ""
    machine: str = ""
    link: str = ""
    bars: Reason | None = None
