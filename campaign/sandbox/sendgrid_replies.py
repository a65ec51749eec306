"""What all of SendGrid's endpoints share in its stand-in: who asks, the limit of requests, and how it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from campaign.sandbox.faults import Fault
from campaign.sandbox.sendgrid_rules import Refusal
from campaign.sandbox.world import World

_WINDOW_S = 60
_STRUCK_RESET_S = 5
_TOO_MANY = 429
INSTEAD: Mapping[Fault | None, tuple[str, None, int]] = {
    Fault.RATE_LIMIT: ("too many requests", None, _TOO_MANY),
    Fault.UNAVAILABLE: ("service unavailable", None, 503),
    Fault.ERROR: ("internal server error", None, 500),
}
"""The reply to a request that was struck and is not taken."""


@dataclass
class Window:
    """Counts requests up to the limit, in windows of the world's clock."""

    limit: int
    resets_at: int = 0
    remaining: int = 0

    def take(self, now: float) -> None:
        if now >= self.resets_at:
            self.resets_at = (int(now) // _WINDOW_S + 1) * _WINDOW_S
            self.remaining = self.limit
        if self.remaining <= 0:
            raise Refusal("too many requests", status=_TOO_MANY)
        self.remaining -= 1

    def headers(self) -> dict[str, str]:
        return {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(self.remaining, 0)),
            "X-RateLimit-Reset": str(self.resets_at),
        }

    def json(self, status: int, value: Any) -> Response:
        return Response(orjson.dumps(value), status, self.headers(), "application/json")

    def refused(self, refusal: Refusal, now: datetime) -> Response:
        error = {"message": refusal.message, "field": refusal.field, "help": None}
        reply = self.json(refusal.status, {"errors": [error]})
        if refusal.status == _TOO_MANY and self.remaining:
            reply.headers["X-RateLimit-Remaining"] = "0"
            reply.headers["X-RateLimit-Reset"] = str(int(now.timestamp()) + _STRUCK_RESET_S)
        return reply


def account(world: World, request: Request) -> str:
    """The name of the account that asks. Raises Refusal where its key opens none."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    found = world.account("sendgrid", credential) if scheme == "Bearer" else None
    if found is None:
        raise Refusal("The provided authorization grant is invalid, expired, or revoked", status=401)
    return found
