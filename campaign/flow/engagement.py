"""engagement: whose opening or click it is, a person's or a program's.

Pure functions over what a provider told. The raw bodies stay in the inbox, so that a better rule can be run again over
what is known: ``campaign feedback again``. docs/feedback.md tells the rule to those who read its figures.

A rule has two halves. ``alone`` reads one event: what the provider itself says of it, and the user agent. ``together``
reads all openings and clicks of one delivery: programs are known by how fast they are and how much they touch. It never
takes back what ``alone`` found, so that events may come in any order, and a later one can turn an earlier one.

The sources: Apple's Mail Privacy Protection fetches every image, opened or not, through a relay that calls itself
"Mozilla/5.0" and no more, and SendGrid marks it with ``sg_machine_open``
(https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event). Gmail fetches ahead with the very old
browser below while its page is open (https://bird.com/blog/gmail-prefetching-images); its image proxy, and Yahoo's,
fetch when a person opens (https://wordtothewise.com/2024/08/prefetches-and-proxies). Security gateways follow every
link within seconds of the delivery (https://nation.marketo.com/, "Understanding a Spike in Click Activity").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from campaign.model.event import EventKind

ENGAGED = frozenset({EventKind.OPENED, EventKind.CLICKED})

BURST = timedelta(seconds=2)
"""Nobody follows two different links of a mail within this time. Instants are whole seconds."""
AT_ONCE = timedelta(seconds=5)
"""Nobody finds a mail, reads it and follows a link within this time of its delivery."""

MARKED = "the provider marks it as a program's"
PRIVACY = "Apple Mail Privacy Protection fetches images unread"
PREFETCHED = "Gmail fetches images ahead"
NAMELESS = "it does not say what program it is, as every browser does"
SCANNER = "a link scanner by its user agent"
TOO_MANY = "different links within 2 s"
TOO_SOON = "within 5 s of the delivery"
TOO_EARLY = "before the delivery was over"

_RELAY = "Mozilla/5.0"
_GMAIL_AHEAD = "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246"
_SCANNERS = re.compile(
    r"""
    barracuda | proofpoint | mimecast | ironport | cisco\ ?secure | symantec | messagelabs | trend\ ?micro | \btmes\b
    | sophos | forcepoint | zscaler | fireeye | fortinet | fortimail | checkpoint | vade | avanan | safelinks
    | (?<!cu)bot\b | crawler | spider | preview | facebookexternalhit | urlscan | virustotal
    | headless | phantomjs | python- | aiohttp | curl/ | wget/ | go-http-client | \bjava/ | apache-httpclient
    | libwww | node-fetch | axios/ | guzzle | scrapy
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Gateways that name themselves, previews that messengers make, and programs that are nobody's browser."""


class Seen(NamedTuple):
    """One opening or click. ``machine`` is why it is held to be a program's by itself; "" where nothing says so."""

    kind: EventKind
    at: datetime
    link: str
    machine: str


def alone(kind: EventKind, *, useragent: str | None, marked: bool) -> str:
    """Why an opening or click is a program's as far as it shows by itself; "" where it may be a person's.

    ``useragent`` is None where the provider told none; ``marked`` where it says itself that it was no person.
    """
    if marked:
        return MARKED
    return "" if useragent is None else _by_agent(kind, useragent[:400])


@lru_cache(maxsize=4_096)
def _by_agent(kind: EventKind, useragent: str) -> str:
    name = useragent.strip()
    if not name:
        return NAMELESS if kind is EventKind.CLICKED else ""
    if kind is EventKind.OPENED and name == _RELAY:
        return PRIVACY
    if kind is EventKind.OPENED and _GMAIL_AHEAD in name:
        return PREFETCHED
    return SCANNER if _SCANNERS.search(name) else ""


def together(seen: Sequence[Seen], *, delivered_at: datetime | None) -> list[str]:
    """For each of all openings and clicks of one delivery, in order, why it is a program's; "" for a person's.

    ``delivered_at`` is when the mail arrived, None where that is not known.
    """
    burst = _burst(seen)
    return [one.machine or _why(one, burst, delivered_at) for one in seen]


def _why(one: Seen, burst: Sequence[datetime], delivered_at: datetime | None) -> str:
    # Whoever follows all links has also fetched the images.
    if any(abs(one.at - at) <= BURST for at in burst):
        return TOO_MANY
    if delivered_at is None:
        return ""
    if one.kind is EventKind.CLICKED:
        return TOO_SOON if one.at <= delivered_at + AT_ONCE else ""
    return TOO_EARLY if one.at <= delivered_at else ""


def _burst(seen: Sequence[Seen]) -> list[datetime]:
    """The instants of the clicks that have a click on another link close by."""
    clicks = sorted((one.at, one.link) for one in seen if one.kind is EventKind.CLICKED)
    found: set[datetime] = set()
    for place, (at, link) in enumerate(clicks):
        for later, other in clicks[place + 1 :]:
            if later - at > BURST:
                break
            if other != link:
                found |= {at, later}
    return sorted(found)
