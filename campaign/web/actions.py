"""What the action page tells: that people have acted. Checked, recorded, and only then answered.

Nothing of it is kept but when a supporter acted: no raw body, and nothing of an address that is no supporter's. A 2xx
says that it is on the disk; anything else is to be posted again.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaign.errors import LedgerError
from campaign.ports.actions import Action, Actions
from campaign.ports.clock import Clock

PATH = "/hooks/actions"
SIGNATURE = "X-Campaign-Signature"
TIMESTAMP = "X-Campaign-Timestamp"
MOST_BYTES = 256 * 1024
MOST_ACTIONS = 1_000
STALE = timedelta(minutes=5)
"""How far a request's timestamp may be from our clock, either way."""
RETRY_AFTER_S = 60
_LONGEST_ADDRESS = 254

UNSIGNED = "CAMPAIGN_WEB__ACTIONS_SECRET is not set, so the action page cannot be told from anybody else"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """``sha256=`` and the HMAC-SHA256, in hexadecimal digits, over the timestamp, a dot, and the body as it is sent."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, sha256).hexdigest()


@dataclass
class ActionsHook:
    """``secret`` is None where none is set: then nothing is taken."""

    actions: Actions
    secret: bytes | None
    clock: Clock
    tell: Callable[[str], None]

    async def take(self, request: Request) -> Response:
        if self.secret is None:
            self.tell(f"an action was posted, and refused: {UNSIGNED}")
            return _later("this webhook is not set up yet")
        signed, timestamp = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
        why = _stale(timestamp, self.clock.now())
        if why:
            return self._refused(403, why)
        try:
            body = await _body(request)
        except ClientDisconnect:
            return self._refused(400, "it broke off")
        if body is None:
            return self._refused(413, f"it is over {MOST_BYTES:,} bytes")
        if not hmac.compare_digest(signature(self.secret, timestamp, body).encode(), signed.encode()):
            return self._refused(403, f"its {SIGNATURE} is not right")
        return await run_in_threadpool(self._record, body)

    def _record(self, body: bytes) -> Response:
        now = self.clock.now()
        try:
            actions = read(body, at=now)
        except ValueError as error:
            return self._refused(400, str(error))
        try:
            recorded = self.actions.record(actions, at=now)
        except LedgerError as error:
            self.tell(f"what the action page posted is not taken, it must post it again: {error}")
            return _later("not now")
        self.tell(
            f"the action page: {recorded.new:,} more have acted, {recorded.known:,} known before, "
            f"{recorded.unknown:,} are no supporters"
        )
        # Not who: whoever posts must not learn from it who is a supporter.
        return PlainTextResponse("kept\n")

    def _refused(self, status: int, why: str) -> Response:
        self.tell(f"what was posted to the webhook of the action page is refused: {why}")
        return PlainTextResponse(f"refused: {why}\n", status, {"Connection": "close"})


def routes(hook: ActionsHook) -> list[Route]:
    return [Route(PATH, hook.take, methods=["POST"])]


def read(body: bytes, *, at: datetime) -> list[Action]:
    """``{"email": …, "at": …}``, or ``{"actions": [such, …]}``; ``at`` is ISO 8601 with an offset, or left out for now.

    Raises ValueError, in words that hold nothing of the body, where it is anything else: all of it, or nothing.
    """
    try:
        posted = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("it is no JSON") from None
    several = posted.get("actions", [posted]) if isinstance(posted, dict) else None
    if not isinstance(several, list) or len(several) > MOST_ACTIONS:
        raise ValueError(f'it is neither {{"email": …}} nor {{"actions": […]}} with {MOST_ACTIONS:,} at most')
    return [_action(one, number, at) for number, one in enumerate(several, start=1)]


def _action(one: Any, number: int, at: datetime) -> Action:
    email = one.get("email") if isinstance(one, dict) else None
    if not isinstance(email, str) or not 0 < len(email) <= _LONGEST_ADDRESS or "@" not in email:
        raise ValueError(f"action {number} has no e-mail address")
    said = one.get("at")
    if said is None:
        return Action(email, at)
    try:
        when = datetime.fromisoformat(said).astimezone(UTC) if isinstance(said, str) else None
    except (ValueError, OverflowError):
        when = None
    if when is None or datetime.fromisoformat(said).tzinfo is None:
        raise ValueError(f"action {number} has a time that is not ISO 8601 with an offset")
    return Action(email, min(when, at))


def _stale(timestamp: str, now: datetime) -> str:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= len("9999999999")):
        return f"its {TIMESTAMP} is not the time in seconds since 1970"
    apart = abs(now - datetime.fromtimestamp(int(timestamp), UTC))
    return f"its {TIMESTAMP} is {apart} from our clock" if apart > STALE else ""


def _later(text: str) -> Response:
    return PlainTextResponse(f"{text}\n", 503, {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"})


async def _body(request: Request) -> bytes | None:
    """The raw body; None where it is too large, of which no more is read than shows that."""
    pieces, size = [], 0
    async for piece in request.stream():
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            return None
    return b"".join(pieces)
