"""Mastodon's stand-in: one server with posts, media, figures and deleting, with its rules, limits and errors.

It answers as https://docs.joinmastodon.org/methods documents. An Idempotency-Key is kept for an hour of the world's
clock, for each account. Limits are those of config/initializers/rack_attack.rb and app/lib/rate_limiter.rb.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import parse_qs

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.flow.fit import MASTODON_CHARACTERS, URL_LENGTH, fits
from campaign.sandbox import mastodon_media, multipart
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.mastodon_media import Attachments, Invalid
from campaign.sandbox.mastodon_statuses import DELETED, DOMAIN, TAKEN, Status, Statuses, person
from campaign.sandbox.windows import STRUCK_RESET, Window, Windows
from campaign.sandbox.world import World

_REQUESTS = 300
_WINDOW = timedelta(minutes=5)
_POSTS = 300
_POSTS_WINDOW = timedelta(hours=3)
_DELETIONS = 30
_MEDIA = 30
_HALF_HOUR = timedelta(minutes=30)
_BODY_BYTES = 100_000
_FORM_BYTES = mastodon_media.VIDEO_BYTES + 1024 * 1024
_PAGE = 40
_AT_ONCE = 20
_ATTACHMENTS = 4
_VISIBILITIES = ("public", "unlisted", "private", "direct")
ResultT = TypeVar("ResultT")
Endpoint = Callable[[Request], Awaitable[Response]]


class _Refusal(Exception):
    def __init__(self, status: int, error: str, window: Window | None = None) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.window = window


class _Server:
    """The endpoints. Each raises _Refusal where the server would answer with an error."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._statuses = Statuses(world)
        self._media = Attachments(world)
        self._requests = Windows(world.limits.get("mastodon", _REQUESTS), _WINDOW)
        self._posts = Windows(world.limits.get("mastodon-posts", _POSTS), _POSTS_WINDOW)
        self._uploads = Windows(world.limits.get("mastodon-media", _MEDIA), _HALF_HOUR)
        self._deletions = Windows(world.limits.get("mastodon-deletions", _DELETIONS), _HALF_HOUR)

    async def post(self, request: Request) -> Response:
        world, now = self._world, self._world.now()
        body = _fields(await _body(request, _BODY_BYTES), request)
        account, window = self._admit(request, self._requests)
        key = request.headers.get("idempotency-key", "")
        repeated = self._statuses.repeated(account, key, now)
        if repeated is not None:
            return _json(self._shown(repeated), window)
        asked = self._asked(account, body)
        self._refuse(lambda: self._media.attach(account, asked["media"], self._statuses.showing))
        fault = self._strike("mastodon", f"{account} {key or asked['text']}", window, now)
        window = self._count(self._posts, account, window)
        status = self._statuses.take(account, key, asked, now)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("mastodon"))
        return _json(self._shown(status), window)

    async def upload(self, request: Request) -> Response:
        world, now = self._world, self._world.now()
        body = await _body(request, _FORM_BYTES)
        account, window = self._admit(request, self._requests)
        window = self._count(self._uploads, account, window)
        try:
            form = multipart.parts(request.headers.get("content-type", ""), body)
        except ValueError as error:
            raise _Refusal(400, str(error)) from None
        fault = self._strike("mastodon-media", f"{account} {len(body)}", window, now)
        media = self._refuse(lambda: self._media.take(account, form))
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("mastodon-media"))
        return _json(media.shown(), window, status=200 if media.processed else 202)

    async def media(self, request: Request) -> Response:
        account, window = self._admit(request, self._requests)
        media = self._refuse(lambda: self._media.look(account, request.path_params["id"], self._statuses.showing))
        if media is None:
            raise _Refusal(404, "Record not found")
        return _json(media.shown(), window, status=200 if media.processed else 206)

    async def several(self, request: Request) -> Response:
        _, window = self._admit(request, self._requests)
        asked = dict.fromkeys(request.query_params.getlist("id[]"))
        if len(asked) > _AT_ONCE:
            raise _Refusal(422, "Validation failed")
        found = [self._statuses.by_id[number] for number in asked if number in self._statuses.by_id]
        return _json([self._shown(status) for status in found], window)

    async def edit(self, request: Request) -> Response:
        account, _ = self._admit(request, self._requests)
        if self._found(request.path_params["id"]).account != account:
            raise _Refusal(404, "Record not found")
        raise _Refusal(501, "the sandbox edits no posts")

    async def status(self, request: Request) -> Response:
        _, window = self._admit(request, self._requests)
        return _json(self._shown(self._found(request.path_params["id"])), window)

    async def delete(self, request: Request) -> Response:
        account, window = self._admit(request, self._requests)
        window = self._count(self._deletions, account, window)
        status = self._found(request.path_params["id"])
        if status.account != account:
            raise _Refusal(404, "Record not found")
        fault = self._strike("mastodon-deletions", status.id, window, self._world.now())
        shown = self._shown(status)
        self._statuses.delete(status, self._world.now())
        return NoReply() if fault is Fault.DROP_REPLY else _json({**shown, "text": status.text}, window)

    async def who(self, request: Request) -> Response:
        account, window = self._admit(request, self._requests)
        return _json(person(account), window)

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
            for status in self._statuses.of(user)
            if (not older or int(status.id) < older)
            and int(status.id) > newer
            and not (asked.get("exclude_replies") and status.reply_to)
        ]
        return _json([self._shown(status) for status in found[: max(most, 1)]], window)

    async def instance(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        statuses = {
            "max_characters": self._longest(self._world.account("mastodon", token)),
            "max_media_attachments": _ATTACHMENTS,
            "characters_reserved_per_url": URL_LENGTH,
        }
        media = {
            "description_limit": mastodon_media.ALT,
            "image_matrix_limit": mastodon_media.IMAGE_PIXELS,
            "image_size_limit": mastodon_media.IMAGE_BYTES,
            "supported_mime_types": list(mastodon_media.TYPES),
            "video_frame_rate_limit": 120,
            "video_matrix_limit": mastodon_media.VIDEO_PIXELS,
            "video_size_limit": mastodon_media.VIDEO_BYTES,
        }
        about = {"domain": DOMAIN, "title": "Sandbox", "version": "4.5.0", "api_versions": {"mastodon": 7}}
        configuration = {"statuses": statuses, "media_attachments": media}
        return _json({**about, "uri": DOMAIN, "configuration": configuration})

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

    def _count(self, windows: Windows, account: str, general: Window) -> Window:
        """Count a request in a window that is narrower; the one of the two that has less left is what is told."""
        window = windows.take(account, self._world.now())
        if window.refused:
            raise _too_many(window)
        return min(general, window, key=lambda one: one.remaining)

    def _shown(self, status: Status) -> dict[str, Any]:
        return self._statuses.shown(status, self._media.of(status.media), self._world.now())

    @staticmethod
    def _refuse(what: Callable[[], ResultT]) -> ResultT:
        try:
            return what()
        except Invalid as invalid:
            raise _Refusal(422, str(invalid)) from None

    def _found(self, number: str) -> Status:
        try:
            return self._statuses.by_id[number]
        except KeyError:
            raise _Refusal(404, "Record not found") from None

    def _longest(self, account: str | None) -> int:
        """How long a post the account's server takes: each may be on one of its own."""
        return self._world.longest.get(account or "", MASTODON_CHARACTERS)

    def _asked(self, account: str, body: Mapping[str, str]) -> dict[str, Any]:
        text, warning = body.get("status", ""), body.get("spoiler_text", "")
        media = [number for number in body.get("media_ids", "").split(",") if number]
        visibility, reply_to = body.get("visibility", "public"), body.get("in_reply_to_id") or None
        if len(media) > _ATTACHMENTS:
            raise _Refusal(422, f"Cannot attach more than {_ATTACHMENTS} files")
        if not text.strip() and not media:
            raise _Refusal(422, "Validation failed: Text can't be blank")
        longest = self._longest(account)
        if text.strip() and fits(text, "mastodon", warning=warning, characters=longest) is not None:
            raise _Refusal(422, f"Validation failed: Text character limit of {longest} exceeded")
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
            "media": media,
        }

    def _strike(self, what: str, message: str, window: Window, now: datetime) -> Fault | None:
        """The fault that strikes what is taken; raises _Refusal where it is not taken."""
        fault = self._world.faults.draw(what, message)
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
        Route("/api/v1/statuses", _answering(server.several), methods=["GET"]),
        Route("/api/v1/statuses/{id}", _answering(server.edit), methods=["PUT"]),
        Route("/api/v2/media", _answering(server.upload), methods=["POST"]),
        Route("/api/v1/media/{id}", _answering(server.media), methods=["GET"]),
        Route("/api/v1/statuses/{id}", _answering(server.status), methods=["GET"]),
        Route("/api/v1/statuses/{id}", _answering(server.delete), methods=["DELETE"]),
        Route("/api/v1/accounts/verify_credentials", _answering(server.who), methods=["GET"]),
        Route("/api/v1/accounts/{id}/statuses", _answering(server.posts), methods=["GET"]),
        *(Route(f"/api/{version}/instance{end}", server.instance) for version in ("v1", "v2") for end in ("", "/")),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken, and whether it was deleted since; ``key`` is its Idempotency-Key."""
    gone = {record["id"] for record in world.journal.records(DELETED)}
    kept = {record["id"]: record for record in world.journal.records(mastodon_media.MEDIA)}

    def media_of(record: Mapping[str, Any]) -> list[dict[str, str]]:
        shown = [kept[number] for number in record.get("media", ())]
        return [{"digest": one["digest"], "type": one["type"], "alt": one["alt"]} for one in shown]

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
            "deleted": record["id"] in gone,
            "media": media_of(record),
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


async def _body(request: Request, most: int) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= most:
            pieces.append(piece)
    if size > most:
        raise _Refusal(413, "Payload too large")
    return b"".join(pieces)


def _fields(raw: bytes, request: Request) -> dict[str, str]:
    """The parameters, from a form or from JSON; of what has several values, all in one with commas between."""
    try:
        if "json" in request.headers.get("content-type", ""):
            asked = {name: value for name, value in orjson.loads(raw).items() if value is not None}
            return {name: ",".join(map(str, one)) if isinstance(one, list) else str(one) for name, one in asked.items()}
        form = parse_qs(raw.decode(), keep_blank_values=True)
        return {
            name.removesuffix("[]"): ",".join(one) if name.endswith("[]") else one[-1] for name, one in form.items()
        }
    except (ValueError, AttributeError):
        raise _Refusal(400, "the body cannot be read") from None


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
