"""feedback: what providers tell us later. It settles doubts, moves deliveries on, and suppresses people."""

from __future__ import annotations

from collections.abc import Mapping

from campaign.flow.desk import Desk
from campaign.model.delivery import DeliveryId
from campaign.model.event import Event, EventKind


def apply(desk: Desk) -> Mapping[EventKind, int]:
    """Apply the events that came since the last time; how many were new, by kind.

    An event whose key was not made by us is nobody's delivery and is left out.
    """
    known: list[tuple[DeliveryId, Event]] = []
    for event in desk.events():
        delivery = desk.keys.read(event.key)
        if delivery is not None:
            known.append((delivery, event))
    return desk.ledger.apply(known, now=desk.clock.now())
