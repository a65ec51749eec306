"""The people who get the mail that SendGrid's stand-in took, and what they make of it.

What a person does depends on the delivery's key alone, so that a rehearsal can be had again: about 97 in 100 mails
are delivered, 1 bounces, 1 is blocked, 1 in 200 is dropped; of those delivered 40 in 100 are opened, 8 clicked, 3 in
1,000 unsubscribe and 1 in 2,000 is reported as spam. Programs are among them: 1 in 10 mails is fetched by a privacy
relay, and 1 in 50 by a gateway that follows its links. A test steers it by the address: everything to
``bounce.example.org`` (or ``.net``, ``.com``) bounces, and likewise ``blocked``, ``dropped``, ``deferred``, ``spam``,
``unsubscribe``, ``open``, ``click``, ``relay`` and ``scanner``; to ``deliver`` it is delivered and no more, and from
``silent`` nothing is ever heard. (``malformed`` has the request refused: see sendgrid_rules.)

Events have the form of https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event. They happen some
time after the mail has left (as it was taken, or at its send_at), by the world's clock, and are numbered in the order
in which they happen.
"""

from __future__ import annotations

import base64
import heapq
import re
import threading
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import groupby
from math import ceil
from struct import unpack
from typing import Any

from campaign.sandbox import sendgrid_scheduled as scheduled
from campaign.sandbox.sendgrid import KEY, TAKEN, recipients
from campaign.sandbox.world import World

MOST_EVENTS = 5_000
"""Events in one answer."""
_ALL = 0xFFFFFF
_STEERED = re.compile(r"@(\w+)\.example\.(?:org|net|com)$", re.IGNORECASE)
_MINUTE_S = 60

_ARRIVALS = (("bounce", 0.01), ("blocked", 0.01), ("dropped", 0.005))
_INTERESTS = (("spam", 0.0005), ("unsubscribe", 0.003), ("click", 0.08), ("open", 0.32))
"""What a person does with mail that was not, and that was delivered, with the share of people who do so."""
_PROGRAMS = (("relay", 0.1), ("scanner", 0.02))
"""What fetches the mail of so many before they do, if they do."""
_DEFERRED = 0.02
_TRIED_AGAIN_S = 5 * _MINUTE_S
_LOST = frozenset(name for name, _ in _ARRIVALS)
_FETCHES = {
    "relay": (("relay open", 2),),
    "scanner": (("scanner open", 1), ("scanner click", 1), ("scanner letter", 2)),
}
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
    if lost == "dropped":  # SendGrid itself did not take it on
        return ((lost, soon),)
    if lost in _LOST:
        return (("processed", 1), (lost, soon))
    late = wish == "deferred" or (not wish and speed >= 1 - _DEFERRED)
    deferred = (("deferred", soon),) if late else ()
    soon += _TRIED_AGAIN_S if late else 0
    # Most open within the hour, the last after some 17.
    opened = soon + int(_MINUTE_S * 2 ** (after * 10))
    acts = _ACTS.get(wish or _drawn(_INTERESTS, interest), ())
    pause = 5 + int(speed * 55)
    return (
        ("processed", 1),
        *deferred,
        ("delivered", soon),
        *((name, soon + delay_s) for name, delay_s in _FETCHES.get(wish or _drawn(_PROGRAMS, _luck(key, address)), ())),
        *((name, opened + order * pause) for order, name in enumerate(acts)),
    )


def _luck(key: str, address: str) -> float:
    drawn = blake2b((key or address.lower()).encode(errors="replace"), digest_size=2, person=b"programs").digest()
    return int.from_bytes(drawn, "big") / 65_536


def acts(key: str) -> bool:
    """Whether somebody who has clicked also takes the action: two in three do, by the delivery's key alone."""
    return blake2b(key.encode(), digest_size=1, person=b"acts").digest()[0] % 3 != 0


def _drawn(shares: tuple[tuple[str, float], ...], portion: float) -> str:
    for name, share in shares:
        if portion < share:
            return name
        portion -= share
    return ""


_BROWSER = {"useragent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "ip": "192.0.2.1"}
_SCANNER = {"useragent": "Mozilla/5.0 (compatible; LinkScanBot/1.0)", "ip": "192.0.2.2"}
_NAMES = {
    "blocked": "bounce",
    "relay open": "open",
    "scanner open": "open",
    "scanner click": "click",
    "scanner letter": "click",
}
"""SendGrid's name for an event, where we tell more of them apart."""
_DETAILS: dict[str, dict[str, Any]] = {
    "processed": {},
    "deferred": {"response": "450 4.2.1 The mailbox is busy, try again later", "attempt": "1"},
    "delivered": {"response": "250 2.0.0 OK"},
    "bounce": {"type": "bounce", "status": "5.1.1", "reason": "550 5.1.1 The address does not exist"},
    "blocked": {"type": "blocked", "status": "4.7.1", "reason": "421 4.7.1 Refused for now, the sender is not known"},
    "dropped": {"reason": "Bounced Address"},
    "open": {**_BROWSER, "sg_machine_open": False},
    "click": {**_BROWSER, "url": "https://example.org/act"},
    "relay open": {"useragent": "Mozilla/5.0", "ip": "192.0.2.3", "sg_machine_open": True},
    "scanner open": {**_SCANNER, "sg_machine_open": False},
    "scanner click": {**_SCANNER, "url": "https://example.org/act"},
    "scanner letter": {**_SCANNER, "url": "https://example.org/letter"},
    "spamreport": {},
    "unsubscribe": {},
}


def details(kind: str) -> dict[str, Any]:
    """What an event of a fate has beside what every event has, with SendGrid's name for it."""
    return {"event": _NAMES.get(kind, kind), **_DETAILS[kind]}


@dataclass(frozen=True, slots=True)
class _Handed:
    """What is kept in memory of an accepted request."""

    id: str
    categories: list[str]
    people: list[tuple[str, str]]


@dataclass(frozen=True, slots=True, order=True)
class _Held:
    """Those of a request, by their places, who wait for their instant."""

    send_at: datetime
    number: int
    places: range = field(compare=False)
    batch_id: str = field(compare=False)


class Crowd:
    """Tells events in the order in which they happen, the same after a restart as before it.

    Since every event is at least a second after its mail has left, and the clock does not go back, none is ever
    earlier than one that was told already.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._read_to = 0
        self._handed: list[_Handed] = []
        self._held: list[_Held] = []
        self._changes: dict[str, list[scheduled.Change]] = {}
        self._left: dict[int, int] = {}
        """When each request has left, by its number; or each of its places, where they leave one by one."""
        self._coming: list[tuple[int, int]] = []
        self._told = array("Q")

    def events(self, after: int) -> tuple[list[dict[str, Any]], int]:
        """Up to MOST_EVENTS events of those that have happened by now, from number ``after``, and the next number."""
        with self._lock:
            self._look()
            now = self._world.now()
            self._let_go(now)
            while self._coming and self._coming[0][0] <= now.timestamp():
                self._told.append(heapq.heappop(self._coming)[1])
            start = max(after, 0)
            names = self._told[start : start + MOST_EVENTS]
            return [self._event(name) for name in names], start + len(names)

    def _look(self) -> None:
        """Read what was taken, and cancelled, since the last time, and let the fate of what has left begin."""
        end = self._world.journal.end
        for _, record in self._world.journal.positions(scheduled.CHANGED, since=self._read_to):
            change = (datetime.fromisoformat(record["at"]), record["status"])
            self._changes.setdefault(record["id"], []).append(change)
        for _, record in self._world.journal.positions(TAKEN, since=self._read_to):
            request = record["request"]
            handed = _Handed(record["id"], request.get("categories", []), recipients(request))
            number = len(self._handed)
            self._handed.append(handed)
            taken_at = datetime.fromisoformat(record["at"])
            for places, send_at in _instants(request, len(handed.people)):
                if send_at is None or send_at <= taken_at:
                    self._begin(number, places, taken_at)
                else:
                    heapq.heappush(self._held, _Held(send_at, number, places, request.get("batch_id", "")))
        self._read_to = end

    def _let_go(self, now: datetime) -> None:
        """Let what was held leave at its instant, unless it was cancelled; what is paused waits on."""
        paused = []
        while self._held and self._held[0].send_at <= now:
            held = heapq.heappop(self._held)
            changed = self._changes.get(held.batch_id, ())
            left_at = scheduled.left_at(held.send_at, changed, now)
            if left_at is not None:
                self._begin(held.number, held.places, left_at)
            elif not scheduled.ended(held.send_at, changed, now):
                paused.append(held)
        for held in paused:
            heapq.heappush(self._held, held)

    def _begin(self, number: int, places: range, left_at: datetime) -> None:
        # Rounded up, so that no event comes before one that was told at the same second.
        left_s = ceil(left_at.timestamp())
        people = self._handed[number].people
        if len(places) == len(people):
            self._left[number << 24 | _ALL] = left_s
        else:
            self._left.update((number << 24 | place, left_s) for place in places)
        for place in places:
            for order, (_, delay_s) in enumerate(fate(*people[place])):
                heapq.heappush(self._coming, (left_s + delay_s, number << 32 | place << 8 | order))

    def _event(self, name: int) -> dict[str, Any]:
        handed = self._handed[name >> 32]
        place = name >> 8 & _ALL
        key, address = handed.people[place]
        kind, delay_s = fate(key, address)[name & 0xFF]
        left_s = self._left.get(name >> 8) or self._left[name >> 8 | _ALL]
        unique = blake2b(f"{handed.id}|{place}|{name & 0xFF}".encode(), digest_size=16).digest()
        event = {
            "email": address,
            "timestamp": left_s + delay_s,
            "sg_event_id": base64.urlsafe_b64encode(unique)[:22].decode(),
            "sg_message_id": f"{handed.id}.recvd-sandbox-{place}",
            "smtp-id": f"<{handed.id}@sandbox.example.org>",
            **details(kind),
        }
        if handed.categories:
            event["category"] = handed.categories
        if key:
            event[KEY] = key
        return event


def _instants(request: Mapping[str, Any], people: int) -> list[tuple[range, datetime | None]]:
    """The places of a request's recipients with their send_at; who has the same one beside each other, together."""
    parts = request["personalizations"]
    if not any("send_at" in part for part in parts):
        return [(range(people), scheduled.send_at(request, {}))]
    each = [scheduled.send_at(request, part) for part in parts for _ in recipients({"personalizations": [part]})]
    found = []
    for send_at, same in groupby(range(people), key=each.__getitem__):
        places = list(same)
        found.append((range(places[0], places[-1] + 1), send_at))
    return found
