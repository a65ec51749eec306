"""What SendGrid's event webhook tells, read into events of our deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from campaign.channels.reasons import without_addresses
from campaign.model.event import Event, EventKind

_KINDS = {
    "delivered": EventKind.DELIVERED,
    "bounce": EventKind.BOUNCED,
    "blocked": EventKind.BLOCKED,
    "dropped": EventKind.DROPPED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
}
"""The webhook's event types that say something of a delivery; ``processed``, ``deferred`` and
``group_resubscribe`` do not."""


def events(raw: Sequence[Mapping[str, Any]]) -> list[Event]:
    """What SendGrid's event webhook tells, as events of our deliveries.

    What is not about a delivery of ours, says nothing new of it or cannot be read is left out.
    See https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.
    """
    found = []
    for told in raw:
        kind = _KINDS.get(str(told.get("event")))
        key = told.get("key")
        timestamp = told.get("timestamp")
        if kind is None or not isinstance(key, str) or not key or not isinstance(timestamp, int | float):
            continue
        try:
            at = datetime.fromtimestamp(timestamp, UTC)
        except (ValueError, OverflowError, OSError):
            continue
        if kind is EventKind.BOUNCED and told.get("type") == "blocked":
            kind = EventKind.BLOCKED
        why = without_addresses(str(told.get("reason") or told.get("response") or ""))
        found.append(Event(id=_event_id(told), channel="sendgrid", key=key, kind=kind, at=at, why=why))
    return found


def _event_id(told: Mapping[str, Any]) -> str:
    """SendGrid's own id of the event, or one made of what makes it the same event, without the address."""
    given = told.get("sg_event_id")
    if isinstance(given, str) and given:
        return given
    same = [str(told.get(name, "")) for name in ("sg_message_id", "event", "timestamp", "email", "url")]
    return blake2b(orjson.dumps(same), digest_size=16).hexdigest()
