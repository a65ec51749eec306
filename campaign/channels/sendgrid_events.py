"""What SendGrid's event webhook tells, read into events of our deliveries.

See https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

import orjson

from campaign.channels.reasons import without_addresses
from campaign.flow import engagement
from campaign.flow.feedback import Read
from campaign.model.event import Event, EventKind
from campaign.model.supporter import Reason

_KINDS = {
    "processed": EventKind.PROCESSED,
    "deferred": EventKind.DELAYED,
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
"""The event types that say something of a delivery. ``group_resubscribe`` does not: who was suppressed stays so until
they say otherwise to us."""

_DROPS = {
    "bounced address": Reason.BOUNCED,
    "spam reporting address": Reason.COMPLAINED,
    "unsubscribed address": Reason.UNSUBSCRIBED,
    "group unsubscribe": Reason.UNSUBSCRIBED,
    "invalid": Reason.DROPPED,
}
"""Why SendGrid drops mail because of the address (https://docs.sendgrid.com/glossary/drops). Any other reason, such as
a spent quota, spam content or a bad header, is about us and says nothing against the address."""

_AS_USUAL = frozenset({EventKind.PROCESSED, EventKind.DELAYED, EventKind.DELIVERED})
"""Three of four events. What a server says as it takes mail explains nothing; the raw body has it."""
_ID_LENGTH = 200
_LINK_LENGTH = 1_000
_ADDRESS_IN_LINK = re.compile(r"[^/?&=#;]+(?:@|%40)[^/?&=#;]+")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
"""What a database does not take, or a screen should not show."""


def read(body: bytes) -> Read:
    """A request's body as it came. What cannot be read is counted and told, and keeps nothing else from being read."""
    try:
        raw = _parsed(body)
    except (ValueError, RecursionError):
        return Read((), unread=1, why="it is not JSON")
    if not isinstance(raw, list):
        return Read((), unread=1, why="it is not a list of events")
    told = [one for one in raw if isinstance(one, dict)]
    found = events(told)
    unread = len(raw) - len(told) + sum(_is_broken(one) for one in told) if len(found) < len(raw) else 0
    return Read(found, unread=unread, why=f"{unread:,} of {len(raw):,} events cannot be read" if unread else "")


def events(raw: Sequence[Mapping[str, Any]]) -> list[Event]:
    """What SendGrid's event webhook tells, as events of our deliveries.

    What is not about a delivery of ours, says nothing new of it or cannot be read is left out.
    """
    found = []
    for told in raw:
        event = _event(told)
        if event is not None:
            found.append(event)
    return found


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # More forgiving: half of a surrogate pair in one event must not cost all the others.
        return json.loads(body)


def _event(told: Mapping[str, Any]) -> Event | None:
    name = told.get("event")
    kind = _KINDS.get(name) if isinstance(name, str) else None
    key = told.get("key")
    if kind is None or not isinstance(key, str) or not key:
        return None
    at = _instant(told.get("timestamp"))
    if at is None:
        return None
    if kind in _AS_USUAL:
        return Event(id=_event_id(told), channel="sendgrid", key=key, kind=kind, at=at)
    machine = link = ""
    bars = None
    if kind is EventKind.BOUNCED and told.get("type") == "blocked":
        kind = EventKind.BLOCKED
    elif kind in engagement.ENGAGED:
        agent = told.get("useragent")
        marked = told.get("sg_machine_open") is True
        machine = engagement.alone(kind, useragent=agent if isinstance(agent, str) else None, marked=marked)
        link = _link(told.get("url")) if kind is EventKind.CLICKED else ""
    elif kind is EventKind.DROPPED:
        bars = _bars(str(told.get("reason", "")))
    return Event(
        id=_event_id(told),
        channel="sendgrid",
        key=key,
        kind=kind,
        at=at,
        why=_why(told),
        machine=machine,
        link=link,
        bars=bars,
    )


def _is_broken(told: Mapping[str, Any]) -> bool:
    """Whether it says that it is about a delivery of ours and cannot be understood. What is not ours is no fault."""
    name = told.get("event")
    return isinstance(name, str) and name in _KINDS and "key" in told and _event(told) is None


def _instant(timestamp: object) -> datetime | None:
    if not isinstance(timestamp, int | float) or isinstance(timestamp, bool):
        return None
    try:
        return datetime.fromtimestamp(timestamp, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _why(told: Mapping[str, Any]) -> str:
    said = told.get("reason") or told.get("response")
    return without_addresses(_fit(str(said))) if said else ""


def _link(url: object) -> str:
    """What was clicked; what looks like an address in it is nobody's business here."""
    if not isinstance(url, str):
        return ""
    return _ADDRESS_IN_LINK.sub("(address)", _fit(url[: 2 * _LINK_LENGTH]))[:_LINK_LENGTH]


def _bars(reason: str) -> Reason | None:
    said = " ".join(reason.lower().split())
    return next((bars for start, bars in _DROPS.items() if said == start or said.startswith(f"{start}:")), None)


def _fit(text: str) -> str:
    return _UNFIT.sub(" ", text)


def _event_id(told: Mapping[str, Any]) -> str:
    """SendGrid's own id of the event, or one made of what makes it the same event, without the address."""
    given = told.get("sg_event_id")
    if isinstance(given, str) and given:
        return given if given.isascii() and given.isprintable() and len(given) <= _ID_LENGTH else _digest([given])
    return _digest([str(told.get(name, "")) for name in ("sg_message_id", "event", "timestamp", "email", "url")])


def _digest(parts: Sequence[str]) -> str:
    return blake2b("\x00".join(parts).encode(errors="replace"), digest_size=16).hexdigest()
