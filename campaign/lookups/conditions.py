"""Asks pages whether they are live, and for numbers, by HTTPS: what a wave waits for is seen as anybody sees it."""

from __future__ import annotations

import html
import ipaddress
import json
import re
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HTTPTimeout
from urllib3.util import Timeout

from campaign.model.condition import Elsewhere, NumberCondition, PageCondition, Seen
from campaign.ports.clock import Clock

TIMEOUT_S = 10.0
MOST_BYTES = 1024 * 1024
REDIRECTS = 3
_PIECE = 64 * 1024
_REDIRECT = (301, 302, 303, 307, 308)
_DIGITS = re.compile(r"-?(?:[0-9]{1,15}|[0-9]{1,3}(?:,[0-9]{3}){1,4})")
_CHARSET = re.compile(r"charset=\"?([A-Za-z0-9_-]{1,40})")


class _NotSeen(Exception):
    """What was seen instead, in words."""


class Answers:
    """Sends no cookie, no credentials, nothing of anybody. ``timeout_s`` is for all of an answer, redirects included.

    Somebody approved the address in the plan, wherever it leads. A redirect is followed only by https (or on the same
    host as it began), and to another host only where that has no private address: what the page says must not make this
    machine ask what stands beside it.
    """

    def __init__(self, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> None:
        self._clock = clock
        self._timeout_s = timeout_s
        self._pool = urllib3.PoolManager(num_pools=8, retries=False, headers={"User-Agent": "campaign (awaits a page)"})

    def look(self, condition: Elsewhere) -> Seen:
        try:
            status, content_type, body = self._get(condition.url)
        except _NotSeen as why:
            return Seen(is_met=False, evidence=str(why))
        except (HTTPError, OSError, ValueError) as error:
            return Seen(is_met=False, evidence=_why(error))
        if isinstance(condition, NumberCondition):
            return _number(condition, status, body)
        return _page(condition, status, content_type, body)

    def close(self) -> None:
        self._pool.clear()

    def _get(self, url: str) -> tuple[int, str, bytes]:
        first, until = urlsplit(url), self._clock.now() + timedelta(seconds=self._timeout_s)
        for _ in range(REDIRECTS + 1):
            with self._asked(url, until) as reply:
                location = reply.headers.get("Location", "") if reply.status in _REDIRECT else ""
                if not location:
                    return reply.status, reply.headers.get("Content-Type", ""), self._body(reply, until)
                url = urljoin(url, location)
            to = urlsplit(url)
            same_host = to.hostname == first.hostname
            if to.scheme != "https" and not (same_host and to.scheme == first.scheme):
                raise _NotSeen("it leads to an address that is not https")
            if not same_host and not _is_public(to.hostname or ""):
                raise _NotSeen("it leads to an address of an inner network")
        raise _NotSeen(f"it leads on more than {REDIRECTS} times")

    @contextmanager
    def _asked(self, url: str, until: datetime) -> Iterator[urllib3.BaseHTTPResponse]:
        reply = self._pool.request(
            "GET",
            url,
            preload_content=False,
            redirect=False,
            timeout=Timeout(total=self._left_s(until)),
            headers={"User-Agent": "campaign (awaits a page)", "Accept-Encoding": "identity", "Connection": "close"},
        )
        with closing(reply):
            yield reply

    def _body(self, reply: urllib3.BaseHTTPResponse, until: datetime) -> bytes:
        pieces, size = [], 0
        while piece := reply.read1(_PIECE):
            pieces.append(piece)
            size += len(piece)
            if size > MOST_BYTES:
                raise _NotSeen(f"{_said(reply.status)}, and more than 1 MB, which is not read")
            self._left_s(until)
        return b"".join(pieces)

    def _left_s(self, until: datetime) -> float:
        left = (until - self._clock.now()).total_seconds()
        if left <= 0:
            raise _NotSeen(f"no whole answer within {self._timeout_s:g} s")
        return min(left, self._timeout_s)


def _is_public(host: str) -> bool:
    try:
        found = {entry[4][0] for entry in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(str(one).partition("%")[0]).is_global for one in found)


def _page(condition: PageCondition, status: int, content_type: str, body: bytes) -> Seen:
    if status != condition.answers:
        return Seen(is_met=False, evidence=_said(status))
    if not condition.contains:
        return Seen(is_met=True, evidence=_said(status))
    charset = _CHARSET.search(content_type)
    try:
        text = body.decode(charset[1] if charset else "utf-8", "replace")
    except LookupError:
        text = body.decode("utf-8", "replace")
    wanted = _folded(condition.contains)
    # As a reader sees it: without the marks that make some of the words bold, and with its entities read.
    seen = (text, html.unescape(text), html.unescape(re.sub(r"<[^<>]*>", "", text)))
    if any(wanted in _folded(one) for one in seen):
        return Seen(is_met=True, evidence=f"{_said(status)}, and the words are on the page")
    return Seen(is_met=False, evidence=f"{_said(status)}, but the words are not on the page")


def _folded(text: str) -> str:
    return " ".join(text.split())


def _number(condition: NumberCondition, status: int, body: bytes) -> Seen:
    if status != HTTPStatus.OK:
        return Seen(is_met=False, evidence=_said(status))
    try:
        found = _at(json.loads(body, parse_constant=_refuse), condition.number)
    except (ValueError, RecursionError):
        return Seen(is_met=False, evidence=f"{_said(status)}, but it is no JSON")
    except LookupError:
        return Seen(is_met=False, evidence=f"{_said(status)}, but there is nothing at {condition.number}")
    if isinstance(found, str) and _DIGITS.fullmatch(found.strip()):
        found = int(found.replace(",", ""))
    if isinstance(found, bool) or not isinstance(found, int | float):
        return Seen(is_met=False, evidence=f"{_said(status)}, but at {condition.number} is no number")
    shown = f"{found:,}" if isinstance(found, int) and abs(found) < 10**15 else f"{float(min(found, 10**300)):,.6g}"
    return Seen(is_met=found >= condition.at_least, evidence=f"{shown} of {condition.at_least:,}")


def _refuse(_: str) -> Any:
    raise ValueError("JSON knows neither NaN nor Infinity (RFC 8259, section 6)")


def _at(found: Any, pointer: str) -> Any:
    """RFC 6901, section 4. LookupError where it leads nowhere."""
    for written in pointer.split("/")[1:]:
        key = written.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            if not re.fullmatch(r"0|[1-9][0-9]{0,8}", key):
                raise LookupError(pointer)
            found = found[int(key)]
        elif isinstance(found, dict) and key in found:
            found = found[key]
        else:
            raise LookupError(pointer)
    return found


def _said(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}" if status != HTTPStatus.OK else "200"
    except ValueError:
        return str(status)


def _why(error: BaseException) -> str:
    cause: BaseException | None = error.reason if isinstance(error, MaxRetryError) else error
    match cause:
        case NameResolutionError():
            return "its host is not known"
        case SSLError():
            return "its certificate is not valid"
        case NewConnectionError():
            return "nothing answers there"
        case HTTPTimeout() | TimeoutError():
            return "no answer in time"
        case _:
            return "its answer broke off, or cannot be read"
