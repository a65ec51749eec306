"""SendGrid's stand-in: mail/send with its rules, limits and errors, and the scopes of a key.

It answers as https://www.twilio.com/docs/sendgrid/api-reference documents, keeps each accepted request whole in the
journal and sends nothing. What recipients make of the mail comes from ``crowd``.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.sendgrid_rules import REQUEST_BYTES, Refusal, check
from campaign.sandbox.world import World

TAKEN = "sendgrid.request"
"""The journal's kind of an accepted request: id, account, at, and the request as it came."""
KEY = "key"
"""The custom argument by which the sender knows a delivery."""
_WINDOW_S = 60
_REQUESTS = 60_000
_STRUCK_RESET_S = 5
_TOO_MANY = 429
_INSTEAD: dict[Fault | None, tuple[str, None, int]] = {
    Fault.RATE_LIMIT: ("too many requests", None, _TOO_MANY),
    Fault.UNAVAILABLE: ("service unavailable", None, 503),
    Fault.ERROR: ("internal server error", None, 500),
}
"""The reply to a request that was struck and is not taken."""
_SCOPES = ("mail.send", "mail.batch.create", "user.scheduled_sends.create", "user.scheduled_sends.read")


@dataclass
class _Window:
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


def routes(world: World) -> list[Route]:
    window = _Window(world.limits.get("sendgrid", _REQUESTS))

    async def send(request: Request) -> Response:
        body = await _body(request)
        now = world.now()
        try:
            account = _account(world, request)
            window.take(now.timestamp())
            asked = _read(body, now)
            fault = _strike(world, asked)
        except Refusal as refusal:
            return _refused(refusal, window, now)
        reference = base64.urlsafe_b64encode(secrets.token_bytes(16))[:22].decode()
        # As it came: that it could be read makes sure that it is JSON; a journal's line must be one line.
        whole = asked if b"\n" in body else orjson.Fragment(body)
        world.journal.append(TAKEN, {"id": reference, "account": account, "at": now.isoformat(), "request": whole})
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("sendgrid"))
        return Response(status_code=202, headers={"X-Message-Id": reference, **window.headers()})

    async def scopes(request: Request) -> Response:
        try:
            _account(world, request)
        except Refusal as refusal:
            return _refused(refusal, window, world.now())
        return _json(200, {"scopes": _SCOPES}, window)

    return [Route("/v3/mail/send", send, methods=["POST"]), Route("/v3/scopes", scopes, methods=["GET"])]


def recipients(request: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The key ("" where the sender gave none) and address of everybody whom an accepted request goes to."""
    found = []
    for part in request["personalizations"]:
        arguments = part.get("custom_args") or request.get("custom_args")
        key = str(arguments.get(KEY, "")) if isinstance(arguments, dict) else ""
        found += [(key, person["email"]) for person in part["to"]]
        if "cc" in part or "bcc" in part:
            found += [(key, person["email"]) for person in (*part.get("cc", ()), *part.get("bcc", ()))]
    return found


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each e-mail that was taken, one for each recipient."""
    for record in world.journal.records(TAKEN):
        request = record["request"]
        for part in request["personalizations"]:
            subject = filled(part.get("subject") or request.get("subject", ""), part)
            for key, address in recipients({**request, "personalizations": [part]}):
                yield {
                    "provider": "sendgrid",
                    "account": record["account"],
                    "key": key,
                    "recipient": address,
                    "subject": subject,
                    "at": record["at"],
                    "ref": record["id"],
                }


def mail(world: World, key: str) -> dict[str, Any] | None:
    """The e-mail with this key as its recipient would have it: subject, text, html, headers; the first, if several."""
    for record in world.journal.records(TAKEN):
        request = record["request"]
        for part in request["personalizations"]:
            if part.get("custom_args", {}).get(KEY) == key:
                bodies = {body["type"]: filled(body["value"], part) for body in request["content"]}
                return {
                    "subject": filled(part.get("subject") or request["subject"], part),
                    "text": bodies.get("text/plain", ""),
                    "html": bodies.get("text/html", ""),
                    "headers": {**request.get("headers", {}), **part.get("headers", {})},
                }
    return None


def filled(text: str, part: Mapping[str, Any]) -> str:
    """``text`` with the personalization's substitutions made."""
    for token, value in part.get("substitutions", {}).items():
        text = text.replace(token, value)
    return text


async def _body(request: Request) -> bytes:
    """The request's body, read to its end, but kept only so far that it can be seen to be too large."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        if size <= REQUEST_BYTES:
            pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _read(body: bytes, now: datetime) -> dict[str, Any]:
    if len(body) > REQUEST_BYTES:
        raise Refusal("The request is too large: at most 30 MB.", status=413)
    try:
        request: dict[str, Any] = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal("Bad Request") from None
    check(request, now)
    return request


def _strike(world: World, request: dict[str, Any]) -> Fault | None:
    """The fault that strikes a request that is taken; raises Refusal where it is not taken."""
    if world.faults.quiet("sendgrid"):
        return None
    fault, refused = world.faults.draw_batch("sendgrid", [key for key, _ in recipients(request)])
    if refused:
        raise Refusal("Does not contain a valid address.", f"personalizations.{refused[0]}.to.0.email")
    if fault in _INSTEAD:
        raise Refusal(*_INSTEAD[fault])
    return fault


def _account(world: World, request: Request) -> str:
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    account = world.account("sendgrid", credential) if scheme == "Bearer" else None
    if account is None:
        raise Refusal("The provided authorization grant is invalid, expired, or revoked", status=401)
    return account


def _refused(refusal: Refusal, window: _Window, now: datetime) -> Response:
    error = {"message": refusal.message, "field": refusal.field, "help": None}
    reply = _json(refusal.status, {"errors": [error]}, window)
    if refusal.status == _TOO_MANY and window.remaining:
        reply.headers["X-RateLimit-Remaining"] = "0"
        reply.headers["X-RateLimit-Reset"] = str(int(now.timestamp()) + _STRUCK_RESET_S)
    return reply


def _json(status: int, value: Any, window: _Window) -> Response:
    return Response(orjson.dumps(value), status, window.headers(), "application/json")
