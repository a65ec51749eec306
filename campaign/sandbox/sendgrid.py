"""SendGrid's stand-in: mail/send with its rules, limits and errors, and the scopes of a key.

It answers as https://www.twilio.com/docs/sendgrid/api-reference documents, keeps each accepted request whole in the
journal and sends nothing. What recipients make of the mail comes from ``crowd``.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox import sendgrid_scheduled as scheduled
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.sendgrid_replies import INSTEAD, Window, account
from campaign.sandbox.sendgrid_rules import REQUEST_BYTES, Refusal, check
from campaign.sandbox.world import World

TAKEN = "sendgrid.request"
"""The journal's kind of an accepted request: id, account, at, and the request as it came."""
KEY = "key"
"""The custom argument by which the sender knows a delivery."""
_REQUESTS = 60_000
_SCOPES = ("mail.send", "mail.batch.create", "user.scheduled_sends.create", "user.scheduled_sends.read")


def routes(world: World) -> list[Route]:
    window = Window(world.limits.get("sendgrid", _REQUESTS))
    schedule = scheduled.Schedule(world, TAKEN)

    async def send(request: Request) -> Response:
        body = await _body(request)
        now = world.now()
        try:
            sender = account(world, request)
            window.take(now.timestamp())
            asked = _read(body, now)
            schedule.check(asked)
            fault = _strike(world, asked)
        except Refusal as refusal:
            return window.refused(refusal, now)
        reference = base64.urlsafe_b64encode(secrets.token_bytes(16))[:22].decode()
        # As it came: that it could be read makes sure that it is JSON; a journal's line must be one line.
        whole = asked if b"\n" in body else orjson.Fragment(body)
        world.journal.append(TAKEN, {"id": reference, "account": sender, "at": now.isoformat(), "request": whole})
        schedule.hold(asked)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("sendgrid"))
        return Response(status_code=202, headers={"X-Message-Id": reference, **window.headers()})

    async def scopes(request: Request) -> Response:
        try:
            account(world, request)
        except Refusal as refusal:
            return window.refused(refusal, world.now())
        return window.json(200, {"scopes": _SCOPES})

    return [
        Route("/v3/mail/send", send, methods=["POST"]),
        Route("/v3/scopes", scopes, methods=["GET"]),
        *scheduled.routes(world, window, schedule),
    ]


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
    """Each e-mail that has left, one for each recipient; what is held until its instant only once that has come."""
    for record, part, at in _left(world):
        request = record["request"]
        subject = filled(part.get("subject") or request.get("subject", ""), part)
        for key, address in recipients({**request, "personalizations": [part]}):
            yield {
                "provider": "sendgrid",
                "account": record["account"],
                "key": key,
                "recipient": address,
                "subject": subject,
                "at": at.isoformat(),
                "ref": record["id"],
            }


def mail(world: World, key: str) -> dict[str, Any] | None:
    """The e-mail with this key as its recipient would have it: subject, text, html, headers; the first, if several."""
    for record, part, _ in _left(world):
        if part.get("custom_args", {}).get(KEY) == key:
            request = record["request"]
            bodies = {body["type"]: filled(body["value"], part) for body in request["content"]}
            return {
                "subject": filled(part.get("subject") or request["subject"], part),
                "text": bodies.get("text/plain", ""),
                "html": bodies.get("text/html", ""),
                "headers": {**request.get("headers", {}), **part.get("headers", {})},
            }
    return None


def _left(world: World) -> Iterator[tuple[dict[str, Any], dict[str, Any], datetime]]:
    """The accepted requests with each personalization that has left, and when."""
    now, changed = world.now(), scheduled.changes(world)
    for record in world.journal.records(TAKEN):
        request = record["request"]
        at = datetime.fromisoformat(record["at"])
        for part in request["personalizations"]:
            due_at = scheduled.send_at(request, part)
            if due_at is None or due_at <= at:
                yield record, part, at
            elif left_at := scheduled.left_at(due_at, changed.get(request.get("batch_id", ""), ()), now):
                yield record, part, left_at


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
    if fault in INSTEAD:
        raise Refusal(*INSTEAD[fault])
    return fault
