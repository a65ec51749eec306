"""The people who get the mail that SendGrid's stand-in took, and what they make of it.

What a person does depends on the delivery's key alone, so that a rehearsal can be had again: about 97 in 100 mails
are delivered, 1 bounces, 1 is blocked, 1 in 200 is dropped; of those delivered 40 in 100 are opened, 8 clicked, 3 in
1,000 unsubscribe and 1 in 2,000 is reported as spam. A test steers it by the address: everything to
``bounce.example.org`` (or ``.net``, ``.com``) bounces, and likewise ``blocked``, ``dropped``, ``spam``,
``unsubscribe``, ``open`` and ``click``; to ``deliver`` it is delivered and no more, and from ``silent`` nothing is
ever heard. (``malformed`` has the request refused: see sendgrid_rules.)

Events have the form of https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event. They happen some
time after the mail was taken, by the world's clock, and are numbered in the order in which they happen.
"""

from __future__ import annotations

import base64
import heapq
import re
import threading
from array import array
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from math import ceil
from struct import unpack
from typing import Any

from campaign.sandbox.sendgrid import KEY, TAKEN, recipients
from campaign.sandbox.world import World

MOST_EVENTS = 5_000
"""Events in one answer."""
_STEERED = re.compile(r"@(\w+)\.example\.(?:org|net|com)$", re.IGNORECASE)
_MINUTE_S = 60

_ARRIVALS = (("bounce", 0.01), ("blocked", 0.01), ("dropped", 0.005))
_INTERESTS = (("spam", 0.0005), ("unsubscribe", 0.003), ("click", 0.08), ("open", 0.32))
"""What a person does with mail that was not, and that was delivered, with the share of people who do so."""
_LOST = frozenset(name for name, _ in _ARRIVALS)
_ACTS = {
    "spam": ("spamreport",),
    "unsubscribe": ("open", "unsubscribe"),
    "click": ("open", "click"),
    "open": ("open",),
}

Fate = tuple[tuple[str, int], ...]
"""Events by name, each with the seconds after the mail was taken; at least one second."""


def fate(key: str, address: str) -> Fate:
    """What becomes of the mail with this key to this address."""
    drawn = blake2b((key or address.lower()).encode(errors="replace"), digest_size=8).digest()
    arrival, interest, speed, after = (part / 65_536 for part in unpack(">4H", drawn))
    steered = _STEERED.search(address)
    wish = steered[1].lower() if steered else ""
    if wish == "silent":
        return ()
    soon = 2 + int(speed * 40)
    lost = wish or _drawn(_ARRIVALS, arrival)
    if lost in _LOST:
        return ((lost, soon),)
    # Most open within the hour, the last after some 17.
    opened = soon + int(_MINUTE_S * 2 ** (after * 10))
    acts = _ACTS.get(wish or _drawn(_INTERESTS, interest), ())
    pause = 5 + int(speed * 55)
    return (
        ("processed", 1),
        ("delivered", soon),
        *((name, opened + order * pause) for order, name in enumerate(acts)),
    )


def acts(key: str) -> bool:
    """Whether somebody who has clicked also takes the action: two in three do, by the delivery's key alone."""
    return blake2b(key.encode(), digest_size=1, person=b"acts").digest()[0] % 3 != 0


def _drawn(shares: tuple[tuple[str, float], ...], portion: float) -> str:
    for name, share in shares:
        if portion < share:
            return name
        portion -= share
    return ""


_DETAILS: dict[str, dict[str, str]] = {
    "processed": {},
    "delivered": {"response": "250 2.0.0 OK"},
    "bounce": {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 The address does not exist"},
    "blocked": {"type": "blocked", "status": "4.7.1", "reason": "421 4.7.1 Refused for now, the sender is not known"},
    "dropped": {"reason": "Bounced Address"},
    "open": {"useragent": "Mozilla/5.0", "ip": "192.0.2.1"},
    "click": {"useragent": "Mozilla/5.0", "ip": "192.0.2.1", "url": "https://example.org/act"},
    "spamreport": {},
    "unsubscribe": {},
}


@dataclass(frozen=True, slots=True)
class _Handed:
    """What is kept in memory of an accepted request."""

    id: str
    taken_at: int
    categories: list[str]
    people: list[tuple[str, str]]


class Crowd:
    """Tells events in the order in which they happen, the same after a restart as before it.

    Since every event is at least a second after its mail was taken, and the clock does not go back, none is ever
    earlier than one that was told already.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._read_to = 0
        self._handed: list[_Handed] = []
        self._coming: list[tuple[int, int]] = []
        self._told = array("Q")

    def events(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """Up to MOST_EVENTS events of those that have happened by now, from number ``after``, and the next number."""
        with self._lock:
            self._look()
            now = int(self._world.now().timestamp())
            while self._coming and self._coming[0][0] <= now:
                self._told.append(heapq.heappop(self._coming)[1])
            start = max(after, 0)
            names = self._told[start : start + MOST_EVENTS]
            return [self._event(name) for name in names], start + len(names)

    def _look(self) -> None:
        """Read what was taken since the last time, and let its fate begin."""
        end = self._world.journal.end
        for _, record in self._world.journal.positions(TAKEN, since=self._read_to):
            request = record["request"]
            # Rounded up, so that no event comes before one that was told at the same second.
            taken_at = ceil(datetime.fromisoformat(record["at"]).timestamp())
            handed = _Handed(record["id"], taken_at, request.get("categories", []), recipients(request))
            number = len(self._handed)
            self._handed.append(handed)
            for place, (key, address) in enumerate(handed.people):
                for order, (_, delay_s) in enumerate(fate(key, address)):
                    heapq.heappush(self._coming, (taken_at + delay_s, number << 32 | place << 8 | order))
        self._read_to = end

    def _event(self, name: int) -> dict[str, Any]:
        handed = self._handed[name >> 32]
        place = name >> 8 & 0xFFFFFF
        key, address = handed.people[place]
        kind, delay_s = fate(key, address)[name & 0xFF]
        unique = blake2b(f"{handed.id}|{place}|{name & 0xFF}".encode(), digest_size=16).digest()
        event = {
            "email": address,
            "timestamp": handed.taken_at + delay_s,
            "event": "bounce" if kind == "blocked" else kind,
            "sg_event_id": base64.urlsafe_b64encode(unique)[:22].decode(),
            "sg_message_id": f"{handed.id}.recvd-sandbox-{place}",
            "smtp-id": f"<{handed.id}@sandbox.example.org>",
            **_DETAILS[kind],
        }
        if handed.categories:
            event["category"] = handed.categories
        if key:
            event[KEY] = key
        return event
