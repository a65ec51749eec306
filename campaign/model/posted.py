"""A post that a network took: where it stands, how it was last seen to fare, and whether it is to be deleted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.model.delivery import DeliveryId, State
from campaign.model.media import Reading

READ_AFTER = tuple(timedelta(minutes=minutes) for minutes in (15, 60, 180, 720, 1_440, 2_880, 5_760, 10_080))
"""How long after posting figures are read, where the settings say nothing else; the last is a week."""


@dataclass(frozen=True, slots=True)
class Retraction:
    """Somebody's word that a post is to be deleted. It is not tried before ``due_at``; ``ended_at`` is None until it is
    gone, or is certain to stay. ``why`` is what has kept it, as its network says."""

    by: str
    asked_at: datetime
    attempts: int
    due_at: datetime
    ended_at: datetime | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """``part`` counts a thread's parts from 1. ``ref`` is the network's own id, ``url`` where anybody can see it.

    ``posted_at`` is when its network took it. One in doubt, or still under way, is here only where somebody wants it
    deleted: it has no ``ref`` yet. ``reading`` is the last; None where its figures were never read.
    """

    delivery: DeliveryId
    step: str
    wave: int
    channel: str
    account: str
    part: int
    state: State
    posted_at: datetime
    ref: str = ""
    url: str = ""
    reading: Reading | None = None
    retraction: Retraction | None = None

    @property
    def is_up(self) -> bool:
        """True while it stands, as far as we know."""
        return self.state is State.ACCEPTED

    @property
    def to_retract(self) -> bool:
        """True while somebody waits for it to be deleted."""
        return self.retraction is not None and self.retraction.ended_at is None


@dataclass(frozen=True, slots=True)
class Retracting:
    """What a word to retract a step has set going: ``posts`` to be deleted, those among them ``in_doubt`` that may
    stand or not, and how many deliveries that were not out yet were ``cancelled``."""

    posts: int
    in_doubt: int
    cancelled: int
