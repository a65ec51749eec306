"""Mastodon's stand-in: one server with posts, the own posts and deleting, with its rules, limits and errors.

It answers as https://docs.joinmastodon.org/methods documents. An Idempotency-Key is kept for an hour of the world's
clock, for each account.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.flow.fit import MASTODON_CHARACTERS, URL_LENGTH, fits
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.mastodon_html import formatted
from campaign.sandbox.windows import STRUCK_RESET, Window, Windows
from campaign.sandbox.world import World

TAKEN = "mastodon.status"
"""The journal's kind of a post: id, account, at, key, text, reply_to, visibility, warning, language."""
DELETED = "mastodon.deleted"
_REQUESTS = 300
_WINDOW = timedelta(minutes=5)
_DELETIONS = 30
_DELETION_WINDOW = timedelta(minutes=30)
_KEY_KEPT = timedelta(hours=1)
_BODY_BYTES = 100_000
_PAGE = 40
_DOMAIN = "social.example.org"
_VISIBILITIES = ("public", "unlisted", "private", "direct")
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class _Status:
    id: str
    account: str
    at: datetime
    key: str
    text: str
    reply_to: str | None
    visibility: str
    warning: str
    language: str | None


class _Refusal(Exception):
    def __init__(self, status: int, error: str, window: Window | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.window = window


class _Statuses:
    """What stands on the server, read back from the journal and kept in it."""

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self.by_id: dict[str, _Status] = {}
        self._by_key: dict[tuple[str, str], _Status] = {}
        self._last = 0
        for record in world.journal.records():
            if record["kind"] == TAKEN:
                self._add(_read(record))
            elif record["kind"] == DELETED:
                self.by_id.pop(record["id"], None)

    def repeated(self, account: str, key: str, now: datetime) -> _Status | None:
        """What this key made within the hour, if it stands."""
        status = self._by_key.get((account, key)) if key else None
        return status if status is not None and now - status.at < _KEY_KEPT and status.id in self.by_id else None

    def take(self, account: str, key: str, asked: Mapping[str, Any], now: datetime) -> _Status:
        number = max(self._last + 1, int(now.timestamp() * 1000) << 16)
        record = {"id": str(number), "account": account, "at": now.isoformat(), "key": key, **asked}
        self._journal.append(TAKEN, record)
        status = _read(record)
        self._add(status)
        return status

    def delete(self, status: _Status, now: datetime) -> None:
        self._journal.append(DELETED, {"id": status.id, "account": status.account, "at": now.isoformat()})
        del self.by_id[status.id]

    def _add(self, status: _Status) -> None:
        self.by_id[status.id] = status
        if status.key:
            self._by_key[status.account, status.key] = status
        self._last = max(self._last, int(status.id))


class _Server:
    """The endpoints. Each raises _Refusal where the server would answer with an error."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._statuses = _Statuses(world)
        self._requests = Windows(world.limits.get("mastodon", _REQUESTS), _WINDOW)
        self._deletions = Windows(_DELETIONS, _DELETION_WINDOW)

    async def post(self, request: Request) -> Response:
        world, now = self._world, self._world.now()
        body = await _body(request)
        account, window = self._admit(request, self._requests)
        key = request.headers.get("idempotency-key", "")
        repeated = self._statuses.repeated(account, key, now)
        if repeated is not None:
            return _json(_shown(repeated), window)
        asked = self._asked(body)
        fault = self._strike(f"{account} {key or asked['text']}", window, now)
        status = self._statuses.take(account, key, asked, now)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("mastodon"))
        return _json(_shown(status), window)

    async def status(self, request: Request) -> Response:
        _, window = self._admit(request, self._requests)
        return _json(_shown(self._found(request.path_params["id"])), window)

    async def delete(self, request: Request) -> Response:
        account, window = self._admit(request, self._deletions)
        status = self._found(request.path_params["id"])
        if status.account != account:
            raise _Refusal(404, "Record not found")
        self._statuses.delete(status, self._world.now())
        return _json({**_shown(status), "text": status.text}, window)

    async def who(self, request: Request) -> Response:
        account, window = self._admit(request, self._requests)
        return _json(_person(account), window)

    async def posts(self, request: Request) -> Response:
        _, window = self._admit(request, self._requests)
        asked = request.query_params
        try:
            most = min(int(asked.get("limit", "20")), _PAGE)
            older, newer = (int(asked.get(name) or default) for name, default in (("max_id", "0"), ("since_id", "0")))
        except ValueError:
            raise _Refusal(400, "a parameter cannot be read") from None
        user = request.path_params["id"]
        found = [
            status
            for status in reversed(self._statuses.by_id.values())
            if _person_id(status.account) == user
            and (not older or int(status.id) < older)
            and int(status.id) > newer
            and not (asked.get("exclude_replies") and status.reply_to)
        ]
        return _json([_shown(status) for status in found[: max(most, 1)]], window)

    async def instance(self, _: Request) -> Response:
        statuses = {
            "max_characters": MASTODON_CHARACTERS,
            "max_media_attachments": 4,
            "characters_reserved_per_url": URL_LENGTH,
        }
        about = {"domain": _DOMAIN, "title": "Sandbox", "version": "4.5.0", "api_versions": {"mastodon": 7}}
        return _json({**about, "uri": _DOMAIN, "configuration": {"statuses": statuses}})

    def _admit(self, request: Request, windows: Windows) -> tuple[str, Window]:
        """Whose request it is, and the window that it was counted in."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        account = self._world.account("mastodon", token) if scheme == "Bearer" else None
        if account is None:
            raise _Refusal(401, "The access token is invalid")
        window = windows.take(account, self._world.now())
        if window.refused:
            raise _too_many(window)
        return account, window

    def _found(self, number: str) -> _Status:
        try:
            return self._statuses.by_id[number]
        except KeyError:
            raise _Refusal(404, "Record not found") from None

    def _asked(self, body: Mapping[str, str]) -> dict[str, Any]:
        text, warning = body.get("status", ""), body.get("spoiler_text", "")
        visibility, reply_to = body.get("visibility", "public"), body.get("in_reply_to_id") or None
        if not text.strip():
            raise _Refusal(422, "Validation failed: Text can't be blank")
        if fits(text, "mastodon", warning=warning) is not None:
            raise _Refusal(422, f"Validation failed: Text character limit of {MASTODON_CHARACTERS} exceeded")
        if visibility not in _VISIBILITIES:
            raise _Refusal(422, "Validation failed: Visibility is not included in the list")
        if reply_to is not None and reply_to not in self._statuses.by_id:
            raise _Refusal(404, "The post you are trying to reply to does not appear to exist.")
        language = body.get("language") or None
        return {
            "text": text,
            "reply_to": reply_to,
            "visibility": visibility,
            "warning": warning,
            "language": language,
        }

    def _strike(self, message: str, window: Window, now: datetime) -> Fault | None:
        """The fault that strikes a post that is taken; raises _Refusal where it is not taken."""
        fault = self._world.faults.draw("mastodon", message)
        if fault is Fault.REFUSE:
            raise _Refusal(422, "Validation failed: the sandbox was asked to refuse this post")
        if fault is Fault.RATE_LIMIT:
            raise _too_many(Window(window.limit, 0, now + STRUCK_RESET))
        if fault is Fault.UNAVAILABLE:
            raise _Refusal(503, "There was a temporary problem serving your request, please try again")
        if fault is Fault.ERROR:
            raise _Refusal(500, "We're sorry, but something went wrong on our end.")
        return fault


def routes(world: World) -> list[Route]:
    server = _Server(world)
    return [
        Route("/api/v1/statuses", _answering(server.post), methods=["POST"]),
        Route("/api/v1/statuses/{id}", _answering(server.status), methods=["GET"]),
        Route("/api/v1/statuses/{id}", _answering(server.delete), methods=["DELETE"]),
        Route("/api/v1/accounts/verify_credentials", _answering(server.who), methods=["GET"]),
        Route("/api/v1/accounts/{id}/statuses", _answering(server.posts), methods=["GET"]),
        *(Route(f"/api/{version}/instance{end}", server.instance) for version in ("v1", "v2") for end in ("", "/")),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken; ``key`` is its Idempotency-Key."""
    for record in world.journal.records(TAKEN):
        yield {
            "provider": "mastodon",
            "account": record["account"],
            "key": record["key"],
            "recipient": record["account"],
            "text": record["text"],
            "at": record["at"],
            "ref": record["id"],
            "reply_to": record["reply_to"],
        }


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Refusal as refusal:
            return _json({"error": refusal.error}, refusal.window, status=refusal.status)

    return answer


def _too_many(window: Window) -> _Refusal:
    return _Refusal(429, "Too many requests", Window(window.limit, 0, window.resets_at))


async def _body(request: Request) -> dict[str, str]:
    """The parameters, from a form or from JSON. What has several values is not modelled."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= _BODY_BYTES:
            pieces.append(piece)
    if size > _BODY_BYTES:
        raise _Refusal(413, "Payload too large")
    raw = b"".join(pieces)
    try:
        if "json" in request.headers.get("content-type", ""):
            return {name: str(value) for name, value in orjson.loads(raw).items() if value is not None}
        return {name: values[-1] for name, values in parse_qs(raw.decode(), keep_blank_values=True).items()}
    except (ValueError, AttributeError):
        raise _Refusal(400, "the body cannot be read") from None


def _shown(status: _Status) -> dict[str, Any]:
    at = status.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    person = _person(status.account)
    return {
        "id": status.id,
        "created_at": at,
        "in_reply_to_id": status.reply_to,
        "in_reply_to_account_id": person["id"] if status.reply_to else None,
        "sensitive": bool(status.warning),
        "spoiler_text": status.warning,
        "visibility": status.visibility,
        "language": status.language,
        "uri": f"{person['uri']}/statuses/{status.id}",
        "url": f"{person['url']}/{status.id}",
        "replies_count": 0,
        "reblogs_count": 0,
        "favourites_count": 0,
        "edited_at": None,
        "content": formatted(status.text, f"https://{_DOMAIN}"),
        "reblog": None,
        "account": person,
        "media_attachments": [],
        "mentions": [],
        "tags": [],
        "emojis": [],
        "card": None,
        "poll": None,
    }


def _person(account: str) -> dict[str, Any]:
    username = account.replace("-", "_")
    return {
        "id": _person_id(account),
        "username": username,
        "acct": username,
        "display_name": account,
        "locked": False,
        "bot": False,
        "uri": f"https://{_DOMAIN}/users/{username}",
        "url": f"https://{_DOMAIN}/@{username}",
    }


def _person_id(account: str) -> str:
    return str(int.from_bytes(blake2b(account.encode(), digest_size=7).digest(), "big"))


def _read(record: Mapping[str, Any]) -> _Status:
    names = ("id", "account", "key", "text", "reply_to", "visibility", "warning", "language")
    return _Status(at=datetime.fromisoformat(record["at"]), **{name: record[name] for name in names})


def _json(value: Any, window: Window | None = None, *, status: int = 200) -> Response:
    headers = {}
    if window is not None:
        resets_at = window.resets_at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        headers = {
            "X-RateLimit-Limit": str(window.limit),
            "X-RateLimit-Remaining": str(window.remaining),
            "X-RateLimit-Reset": resets_at,
        }
    return Response(orjson.dumps(value), status, headers, "application/json")
