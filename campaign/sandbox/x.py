"""X's stand-in: posts, media, figures, the own timeline and deleting, with X's rules, limits and errors.

It answers as https://docs.x.com/x-api documents, in the names of today's OpenAPI description and, where a client asks
with ``tweet.fields``, in those of before. Not documented and chosen to be strict: a text that an account ever posted
is a duplicate for good. A signature is not verified, because only its owner has the secret; the token is. Forms are
read as multipart/form-data alone.

``world.barred`` with "x replies" forbids replies as self-serve apps are forbidden them, with "x credit" nothing goes
for want of credit, with "x videos" no video is ever done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.flow.fit import fits
from campaign.sandbox import multipart, x_media
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.windows import STRUCK_RESET, Window, Windows
from campaign.sandbox.world import World
from campaign.sandbox.x_logins import Logins
from campaign.sandbox.x_media import Uploads
from campaign.sandbox.x_posts import DELETED, TAKEN, Posts, page, shown, user_id, username, wanted
from campaign.sandbox.x_rules import (
    Refusal,
    answer,
    body_of,
    broken,
    forbidden,
    invalid,
    no_credit,
    not_found,
    object_in,
    parameters,
    too_many,
    unauthorized,
    unavailable,
)

_POSTS = 100
_READS = 900
_UPLOADS = 500
_PIECES = 1_875
_WINDOW = timedelta(minutes=15)
_BODY_BYTES = 100_000
_FORM_BYTES = x_media.PIECE_BYTES + 100_000
_BODY_KEYS = frozenset({"media", "poll", "quote_tweet_id", "reply", "reply_settings", "text"})
"""What a post may have, as far as it is modelled; anything else is refused, as X refuses what it does not know."""
_UPLOAD_KEYS = frozenset({"additional_owners", "media_category", "media_type", "shared", "total_bytes"})
_PAGING = frozenset({"max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"})
_MOST_IDS = 100
_NO_REPLIES = (
    "Reply to this conversation is not allowed because you have not been mentioned or otherwise engaged by the author "
    "of the post you are replying to."
)
Endpoint = Callable[[Request], Awaitable[Response]]


class _Api:
    """The endpoints. Each raises Refusal where X would answer with an error."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._posts = Posts(world)
        self._uploads = Uploads(world)
        self._logins = Logins(world)
        self._writing = Windows(world.limits.get("x", _POSTS), _WINDOW)
        self._reading = Windows(_READS, _WINDOW)
        self._uploading = Windows(_UPLOADS, _WINDOW)
        self._adding = Windows(_PIECES, _WINDOW)

    async def create(self, request: Request) -> Response:
        world, now = self._world, self._world.now()
        body = await body_of(request, _BODY_BYTES)
        account, window = self._admit(request, self._writing)
        asked = _asked(body, self._posts)
        text = asked["text"]
        if asked.get("reply") and "x replies" in world.barred:
            raise forbidden(_NO_REPLIES)
        if self._posts.has(account, text) and "x memory" not in world.barred:
            raise forbidden("You are not allowed to create a Tweet with duplicate content.")
        media = self._uploads.attach(account, (asked.get("media") or {}).get("media_ids", ()))
        fault = self._strike("x", f"{account} {text}", window, now)
        post = self._posts.take(account, asked, media, now)
        found = {**shown(post), "edit_history_post_ids": [post.id]}
        return await self._reply(fault, "x", answer(201, {"data": found}, window))

    async def delete(self, request: Request) -> Response:
        number = request.path_params["id"]
        account, window = self._admit(request, self._writing)
        post = self._posts.by_id.get(number)
        if post is not None and post.account != account:
            raise forbidden("You are not authorized to delete this Tweet.")
        fault = self._strike("x-deletions", f"{account} {number}", window, self._world.now())
        if post is not None:
            self._posts.delete(post, self._world.now())
        reply = answer(200, {"data": {"deleted": post is not None}}, window)
        return await self._reply(fault, "x-deletions", reply)

    async def me(self, request: Request) -> Response:
        account, window = self._admit(request, self._reading)
        parameters(request, frozenset())
        found: dict[str, Any] = {"id": user_id(account), "name": account, "username": username(account)}
        if "protected" in request.query_params.get("user.fields", ""):
            found["protected"] = False
        reply = answer(200, {"data": found}, window)
        reply.headers["x-access-level"] = "read-write"
        return reply

    async def timeline(self, request: Request) -> Response:
        _, window = self._admit(request, self._reading)
        asked = parameters(request, _PAGING)
        chosen, meta = page(self._posts.of(request.path_params["id"]), asked)
        found: dict[str, Any] = {"meta": meta}
        if chosen:
            found["data"] = [shown(post, wanted(asked)) for post in chosen]
        return answer(200, found, window)

    async def lookup(self, request: Request) -> Response:
        _, window = self._admit(request, self._reading)
        asked = parameters(request, frozenset({"ids"}))
        numbers = asked.get("ids", "").split(",")
        if len(numbers) > _MOST_IDS or not all(number.isdigit() for number in numbers):
            raise invalid("The `ids` query parameter value is not valid")
        told = wanted(asked)
        posts = [self._posts.by_id[number] for number in numbers if number in self._posts.by_id]
        missing = [not_found(f"post {number}").problem for number in numbers if number not in self._posts.by_id]
        found: dict[str, Any] = {"errors": missing} if missing else {}
        if posts:
            found["data"] = [
                {**shown(post, told), "public_metrics": self._posts.figures(post, self._world.now())}
                if "public_metrics" in told
                else shown(post, told)
                for post in posts
            ]
        return answer(200, found, window)

    async def upload(self, request: Request) -> Response:
        return await self._media(request, self._uploads.simple, self._uploading)

    async def append(self, request: Request) -> Response:
        number = request.path_params["id"]
        return await self._media(
            request, lambda account, form: self._uploads.append(account, number, form), self._adding
        )

    async def initialize(self, request: Request) -> Response:
        body = await body_of(request, _BODY_BYTES)
        account, window = self._admit(request, self._uploading)
        return answer(200, {"data": self._uploads.initialize(account, object_in(body, _UPLOAD_KEYS))}, window)

    async def finalize(self, request: Request) -> Response:
        account, window = self._admit(request, self._uploading)
        number = request.path_params["id"]
        fault = self._strike("x-media", f"{account} {number}", window, self._world.now())
        reply = answer(200, {"data": self._uploads.finalize(account, number)}, window)
        return await self._reply(fault, "x-media", reply)

    async def status(self, request: Request) -> Response:
        account, window = self._admit(request, self._reading)
        number = request.query_params.get("media_id", "")
        if request.query_params.keys() - {"media_id", "command"}:
            raise invalid("a query parameter is not known")
        return answer(200, {"data": self._uploads.status(account, number)}, window)

    async def describe(self, request: Request) -> Response:
        body = await body_of(request, _BODY_BYTES)
        account, window = self._admit(request, self._uploading)
        asked = object_in(body, frozenset({"id", "metadata"}))
        return answer(200, {"data": self._uploads.describe(account, asked)}, window)

    async def token(self, request: Request) -> Response:
        body = await body_of(request, _BODY_BYTES)
        fault = self._strike("x-tokens", "", Window(1, 0, self._world.now()), self._world.now())
        renewed = self._logins.renew(body, request.headers.get("authorization", ""))
        return await self._reply(fault, "x-tokens", answer(200, renewed))

    async def _media(
        self, request: Request, take: Callable[[str, list[multipart.Part]], Mapping[str, Any]], windows: Windows
    ) -> Response:
        body = await body_of(request, _FORM_BYTES)
        account, window = self._admit(request, windows)
        try:
            form = list(multipart.parts(request.headers.get("content-type", ""), body))
        except ValueError as error:
            raise invalid(str(error)) from None
        named = blake2b(b"".join(part.body for part in form if part.name == "media"), digest_size=8).hexdigest()
        fault = self._strike("x-media", f"{account} {named}", window, self._world.now())
        return await self._reply(fault, "x-media", answer(200, {"data": take(account, form)}, window))

    def _admit(self, request: Request, windows: Windows) -> tuple[str, Window]:
        """Whose request it is, and the window that it was counted in."""
        account = self._logins.account(request)
        if account is None:
            raise unauthorized()
        if "x credit" in self._world.barred:
            raise no_credit()
        window = windows.take(account, self._world.now())
        if window.refused:
            raise too_many(window)
        return account, window

    def _strike(self, provider: str, message: str, window: Window, now: datetime) -> Fault | None:
        """The fault that strikes what is taken; raises Refusal where it is not taken."""
        fault = self._world.faults.draw(provider, message)
        if fault is Fault.REFUSE:
            raise forbidden("This request looks like it might be automated.")
        if fault is Fault.RATE_LIMIT:
            raise too_many(Window(window.limit, 0, now + STRUCK_RESET))
        if fault is Fault.UNAVAILABLE:
            raise unavailable()
        if fault is Fault.ERROR:
            raise broken()
        return fault

    async def _reply(self, fault: Fault | None, provider: str, reply: Response) -> Response:
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(self._world.faults.delay_s(provider))
        return reply


def routes(world: World) -> list[Route]:
    api = _Api(world)
    return [
        Route("/2/tweets", _answering(api.create), methods=["POST"]),
        Route("/2/tweets", _answering(api.lookup), methods=["GET"]),
        Route("/2/tweets/{id}", _answering(api.delete), methods=["DELETE"]),
        Route("/2/users/me", _answering(api.me), methods=["GET"]),
        Route("/2/users/{id}/tweets", _answering(api.timeline), methods=["GET"]),
        Route("/2/media/upload", _answering(api.upload), methods=["POST"]),
        Route("/2/media/upload", _answering(api.status), methods=["GET"]),
        Route("/2/media/upload/initialize", _answering(api.initialize), methods=["POST"]),
        Route("/2/media/upload/{id}/append", _answering(api.append), methods=["POST"]),
        Route("/2/media/upload/{id}/finalize", _answering(api.finalize), methods=["POST"]),
        Route("/2/media/metadata", _answering(api.describe), methods=["POST"]),
        Route("/2/oauth2/token", _answering(api.token), methods=["POST"]),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken, and whether it was deleted since. X knows no key of ours."""
    gone = {record["id"] for record in world.journal.records(DELETED)}
    kept = {record["id"]: record for record in world.journal.records(x_media.MEDIA)}
    alts = {record["id"]: record["alt"] for record in world.journal.records(x_media.DESCRIBED)}
    for record in world.journal.records(TAKEN):
        yield {
            "provider": "x",
            "account": record["account"],
            "key": "",
            "recipient": record["account"],
            "text": record["text"],
            "at": record["at"],
            "ref": record["id"],
            "reply_to": record["reply_to"],
            "deleted": record["id"] in gone,
            "media": [
                {"digest": kept[number]["digest"], "type": kind, "alt": alts.get(number, "")}
                for number, kind in record.get("media", ())
            ],
        }


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answered(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return answer(refusal.status, refusal.problem, refusal.window)

    return answered


def _asked(body: bytes, posts: Posts) -> dict[str, Any]:
    """A post as it was asked for, with its text."""
    asked = object_in(body, _BODY_KEYS)
    text, reply, media = asked.get("text", ""), asked.get("reply"), asked.get("media")
    if not isinstance(text, str) or not (text.strip() or media):
        raise invalid("text must not be empty")
    if fits(text, "x"):
        raise invalid("Your Tweet text is too long.")
    if media is not None:
        numbers = media.get("media_ids") if isinstance(media, dict) else None
        if not isinstance(numbers, list) or not numbers or not all(isinstance(one, str) for one in numbers):
            raise invalid("[$.media.media_ids] must be an array of strings")
    if reply is not None:
        if not isinstance(reply, dict) or not isinstance(reply.get("in_reply_to_tweet_id"), str):
            raise invalid("[$.reply.in_reply_to_tweet_id] must be a string")
        if reply["in_reply_to_tweet_id"] not in posts.by_id:
            raise forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
    return {**asked, "text": text}
