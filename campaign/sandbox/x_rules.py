"""How X's stand-in refuses: the problems that X answers with, and what it wants of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from campaign.sandbox.windows import Window

_PROBLEMS = "https://api.x.com/2/problems/"
_FIELDS = {
    "post.fields": frozenset(
        {"attachments", "created_at", "entities", "id", "lang", "note_post", "public_metrics", "text"}
    ),
    "tweet.fields": frozenset(
        {
            "author_id",
            "created_at",
            "entities",
            "id",
            "lang",
            "note_tweet",
            "public_metrics",
            "referenced_tweets",
            "text",
        }
    ),
    "expansions": frozenset({"author_id", "referenced_posts", "referenced_tweets.id"}),
    "user.fields": frozenset({"created_at", "id", "name", "protected", "username", "verified"}),
}


class Refusal(Exception):
    def __init__(self, status: int, problem: Mapping[str, Any], window: Window | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.window = window


def unauthorized() -> Refusal:
    return Refusal(401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"})


def no_credit() -> Refusal:
    return Refusal(
        402,
        {
            "title": "CreditsDepleted",
            "detail": "Your enrolled account does not have any credits to fulfill this request.",
            "type": f"{_PROBLEMS}credits",
        },
    )


def forbidden(detail: str) -> Refusal:
    return Refusal(403, {"detail": detail, "type": "about:blank", "title": "Forbidden", "status": 403})


def not_found(what: str) -> Refusal:
    kind = f"{_PROBLEMS}resource-not-found"
    return Refusal(404, {"title": "Not Found Error", "type": kind, "status": 404, "detail": f"{what} was not found."})


def too_many(window: Window) -> Refusal:
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    return Refusal(429, body, Window(window.limit, 0, window.resets_at))


def unavailable() -> Refusal:
    return Refusal(503, {"title": "Service Unavailable", "detail": "Service Unavailable", "status": 503})


def broken() -> Refusal:
    return Refusal(500, {"title": "Internal Server Error", "detail": "Something is broken.", "status": 500})


def invalid(message: str) -> Refusal:
    return Refusal(
        400,
        {
            "errors": [{"message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{_PROBLEMS}invalid-request",
        },
    )


def answer(status: int, value: Mapping[str, Any] | None, window: Window | None = None) -> Response:
    headers = {}
    if window is not None:
        headers = {
            "x-rate-limit-limit": str(window.limit),
            "x-rate-limit-remaining": str(window.remaining),
            "x-rate-limit-reset": str(int(window.resets_at.timestamp())),
        }
    return Response(b"" if value is None else orjson.dumps(value), status, headers, "application/json")


async def body_of(request: Request, most: int) -> bytes:
    """A request's body of up to so many bytes; what is longer is read and thrown away."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= most:
            pieces.append(piece)
    if size > most:
        raise Refusal(413, {"title": "Payload Too Large", "detail": "Payload Too Large", "status": 413})
    return b"".join(pieces)


def object_in(body: bytes, known: frozenset[str]) -> dict[str, Any]:
    """A JSON object with no other names than these: X refuses what it does not know."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise invalid("Invalid JSON") from None
    if not isinstance(asked, dict):
        raise invalid("the body must be an object")
    unknown = asked.keys() - known
    if unknown:
        raise invalid(f"[$.{', $.'.join(sorted(unknown))}] is not defined in the schema")
    return asked


def parameters(request: Request, others: frozenset[str]) -> dict[str, str]:
    """The query's parameters: fields and expansions, and these others."""
    asked = dict(request.query_params)
    for name, value in asked.items():
        if name not in others and name not in _FIELDS:
            raise invalid(f"The query parameter [{name}] is not one of [{','.join(sorted({*others, *_FIELDS}))}]")
        if name in _FIELDS and (wrong := set(value.split(",")) - _FIELDS[name]):
            raise invalid(f"The `{name}` query parameter value [{','.join(sorted(wrong))}] is not known")
    return asked
