"""What providers post to us: checked, kept as it came, and answered at once. It is understood later.

A 2xx says that it is on the disk and nothing more; anything else has SendGrid post it again, for 24 hours.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b
from threading import Lock

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from campaign.bootstrap.web import SIGNATURE, TIMESTAMP, Signatures
from campaign.errors import LedgerError
from campaign.ports.clock import Clock
from campaign.ports.inbox import Inbox

MOST_BYTES = 16 * 1024 * 1024
"""10,000 events of SendGrid's have some 6 MB."""
AT_ONCE = 16
"""Bodies held in memory at the same time; others wait for their turn."""
RETRY_AFTER_S = 60
_LATELY = 4_096

NO_KEY = "CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY is not set, so events cannot be told from forgeries and none is taken"


@dataclass
class SendGridHook:
    """``signatures`` is None where no key is set: then nothing is taken. ``wake`` is called when something was kept."""

    inbox: Inbox
    signatures: Signatures | None
    clock: Clock
    tell: Callable[[str], None]
    wake: Callable[[], None] = lambda: None
    _lately: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    async def take(self, request: Request) -> Response:
        if self.signatures is None:
            self.tell(f"an event was posted, and refused: {NO_KEY}")
            return _later("this webhook is not set up yet")
        signature, timestamp = request.headers.get(SIGNATURE, ""), request.headers.get(TIMESTAMP, "")
        why = self.signatures.refuses_headers(signature, timestamp, now=self.clock.now())
        if why:
            return self._refused(403, why)
        async with self._room:
            try:
                body = await _body(request)
            except ClientDisconnect:
                return self._refused(400, "it broke off")
            if body is None:
                return self._refused(413, f"it is over {MOST_BYTES:,} bytes")
            return await run_in_threadpool(self._keep, self.signatures, signature, timestamp, body)

    def _keep(self, signatures: Signatures, signature: str, timestamp: str, body: bytes) -> Response:
        why = signatures.refuses(signature, timestamp, body)
        if why:
            return self._refused(403, why)
        known = blake2b(body, digest_size=16).digest()
        with self._lock:
            if known in self._lately:
                # The same bytes again hold the same events: our answer was lost, or somebody plays them back.
                return PlainTextResponse("kept before\n")
        try:
            self.inbox.put("sendgrid", body, at=self.clock.now())
        except LedgerError as error:
            self.tell(f"what SendGrid posted is not taken, it will post it again: {error}")
            return _later("not now")
        with self._lock:
            self._lately[known] = None
            if len(self._lately) > _LATELY:
                self._lately.popitem(last=False)
        self.wake()
        return PlainTextResponse("kept\n")

    def _refused(self, status: int, why: str) -> Response:
        self.tell(f"what was posted to the webhook of SendGrid is refused: {why}")
        # A closed connection spares us the rest of a body that nobody reads.
        return PlainTextResponse("refused\n", status, {"Connection": "close"})


def routes(hook: SendGridHook) -> list[Route]:
    return [Route("/webhooks/sendgrid", hook.take, methods=["POST"])]


def _later(text: str) -> Response:
    return PlainTextResponse(f"{text}\n", 503, {"Retry-After": str(RETRY_AFTER_S), "Connection": "close"})


async def _body(request: Request) -> bytes | None:
    """The raw body; None where it is too large, of which no more is read than shows that."""
    said = request.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said[:20]) > MOST_BYTES:
        return None
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MOST_BYTES:
            return None
        pieces.append(piece)
    return b"".join(pieces)
