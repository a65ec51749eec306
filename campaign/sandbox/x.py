"""X's stand-in: posts, the own timeline and deleting, with X's rules, limits and errors.

It answers as https://docs.x.com/x-api documents, in the names of today's OpenAPI description and, where a client asks
with ``tweet.fields``, in those of before. Not documented and chosen to be strict: a text that an account ever posted
is a duplicate for good. A signature is not verified, because only its owner has the secret; the token is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from twitter_text import extract_urls_with_indices

from campaign.flow.fit import fits
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.windows import STRUCK_RESET, Window, Windows
from campaign.sandbox.world import World

TAKEN = "x.post"
"""The journal's kind of a post: id, account, at, text, reply_to."""
DELETED = "x.deleted"
_POSTS = 100
_READS = 900
_WINDOW = timedelta(minutes=15)
_BODY_BYTES = 100_000
_EPOCH_MS = 1_288_834_974_657
"""X's ids hold the milliseconds since 2010-11-04."""
_BODY_KEYS = frozenset({"media", "poll", "quote_tweet_id", "reply", "reply_settings", "text"})
"""What a post may have, as far as it is modelled; anything else is refused, as X refuses what it does not know."""
_OAUTH = re.compile(r'(oauth_\w+)="([^"]*)"')
_SIGNED = frozenset({"oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_timestamp", "oauth_token"})
_PAGING = frozenset({"max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"})
_FIELDS = {
    "post.fields": frozenset({"created_at", "entities", "id", "lang", "note_post", "public_metrics", "text"}),
    "tweet.fields": frozenset(
        {"author_id", "created_at", "entities", "id", "lang", "note_tweet", "referenced_tweets", "text"}
    ),
    "expansions": frozenset({"author_id", "referenced_posts", "referenced_tweets.id"}),
    "user.fields": frozenset({"created_at", "id", "name", "protected", "username", "verified"}),
}
Endpoint = Callable[[Request], Awaitable[Response]]
_PROBLEMS = "https://api.x.com/2/problems/"


@dataclass(frozen=True, slots=True)
class _Post:
    id: str
    account: str
    text: str
    reply_to: str | None
    at: datetime


class _Refusal(Exception):
    def __init__(self, status: int, problem: Mapping[str, Any], window: Window | None = None) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.window = window


class _Posts:
    """What stands on X, read back from the journal and kept in it."""

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self.by_id: dict[str, _Post] = {}
        self._said: set[tuple[str, str]] = set()
        self._last = 0
        for record in world.journal.records():
            if record["kind"] == TAKEN:
                self._add(_read(record))
            elif record["kind"] == DELETED:
                self.by_id.pop(record["id"], None)

    def has(self, account: str, text: str) -> bool:
        return (account, text) in self._said

    def take(self, account: str, text: str, reply_to: str | None, now: datetime) -> _Post:
        number = max(self._last + 1, (int(now.timestamp() * 1000) - _EPOCH_MS) << 22)
        post = _Post(str(number), account, text, reply_to, now)
        self._journal.append(
            TAKEN, {"id": post.id, "account": account, "at": now.isoformat(), "text": text, "reply_to": reply_to}
        )
        self._add(post)
        return post

    def delete(self, post: _Post, now: datetime) -> None:
        self._journal.append(DELETED, {"id": post.id, "account": post.account, "at": now.isoformat()})
        del self.by_id[post.id]

    def of(self, user_id: str) -> list[_Post]:
        """Somebody's posts, the newest first."""
        return [post for post in reversed(self.by_id.values()) if _user_id(post.account) == user_id]

    def _add(self, post: _Post) -> None:
        self.by_id[post.id] = post
        self._said.add((post.account, post.text))
        self._last = max(self._last, int(post.id))


class _Api:
    """The endpoints. Each raises _Refusal where X would answer with an error."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._posts = _Posts(world)
        self._writing = Windows(world.limits.get("x", _POSTS), _WINDOW)
        self._reading = Windows(_READS, _WINDOW)

    async def create(self, request: Request) -> Response:
        world, now = self._world, self._world.now()
        body = await _body(request)
        account, window = self._admit(request, self._writing)
        text, reply_to = _asked(body, self._posts)
        if self._posts.has(account, text):
            raise _forbidden("You are not allowed to create a Tweet with duplicate content.")
        fault = _strike(world, account, text, window, now)
        post = self._posts.take(account, text, reply_to, now)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("x"))
        shown = _shown(post, frozenset())
        return _json(201, {"data": {**shown, "edit_history_post_ids": [post.id]}}, window)

    async def delete(self, request: Request) -> Response:
        account, window = self._admit(request, self._writing)
        post = self._posts.by_id.get(request.path_params["id"])
        if post is not None and post.account != account:
            raise _forbidden("You are not authorized to delete this Tweet.")
        if post is not None:
            self._posts.delete(post, self._world.now())
        return _json(200, {"data": {"deleted": post is not None}}, window)

    async def me(self, request: Request) -> Response:
        account, window = self._admit(request, self._reading)
        _parameters(request, frozenset())
        username = account.replace("-", "_")[:15]
        return _json(200, {"data": {"id": _user_id(account), "name": account, "username": username}}, window)

    async def timeline(self, request: Request) -> Response:
        _, window = self._admit(request, self._reading)
        asked = _parameters(request, _PAGING)
        return _json(200, _page(self._posts.of(request.path_params["id"]), asked), window)

    def _admit(self, request: Request, windows: Windows) -> tuple[str, Window]:
        """Whose request it is, and the window that it was counted in."""
        account = _account(self._world, request)
        window = windows.take(account, self._world.now())
        if window.refused:
            raise _too_many(window)
        return account, window


def routes(world: World) -> list[Route]:
    api = _Api(world)
    return [
        Route("/2/tweets", _answering(api.create), methods=["POST"]),
        Route("/2/tweets/{id}", _answering(api.delete), methods=["DELETE"]),
        Route("/2/users/me", _answering(api.me), methods=["GET"]),
        Route("/2/users/{id}/tweets", _answering(api.timeline), methods=["GET"]),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken. X knows no key of ours."""
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
        }


def _account(world: World, request: Request) -> str:
    """OAuth 1.0a's header, or the bearer token of OAuth 2."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme == "OAuth":
        signed = dict(_OAUTH.findall(credential))
        credential = signed.get("oauth_token", "") if signed.keys() >= _SIGNED else ""
    account = world.account("x", credential) if scheme in ("OAuth", "Bearer") else None
    if account is None:
        raise _Refusal(401, {"title": "Unauthorized", "type": "about:blank", "status": 401, "detail": "Unauthorized"})
    return account


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except _Refusal as refusal:
            return _json(refusal.status, refusal.problem, refusal.window)

    return answer


def _too_many(window: Window) -> _Refusal:
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    return _Refusal(429, body, Window(window.limit, 0, window.resets_at))


def _strike(world: World, account: str, text: str, window: Window, now: datetime) -> Fault | None:
    """The fault that strikes a post that is taken; raises _Refusal where it is not taken."""
    fault = world.faults.draw("x", f"{account} {text}")
    if fault is Fault.REFUSE:
        raise _forbidden("This request looks like it might be automated.")
    if fault is Fault.RATE_LIMIT:
        raise _too_many(Window(window.limit, 0, now + STRUCK_RESET))
    if fault is Fault.UNAVAILABLE:
        raise _Refusal(503, {"title": "Service Unavailable", "detail": "Service Unavailable", "status": 503})
    if fault is Fault.ERROR:
        raise _Refusal(500, {"title": "Internal Server Error", "detail": "Something is broken.", "status": 500})
    return fault


def _forbidden(detail: str) -> _Refusal:
    return _Refusal(403, {"detail": detail, "type": "about:blank", "title": "Forbidden", "status": 403})


def _invalid(message: str) -> _Refusal:
    return _Refusal(
        400,
        {
            "errors": [{"message": message}],
            "title": "Invalid Request",
            "detail": "One or more parameters to your request was invalid.",
            "type": f"{_PROBLEMS}invalid-request",
        },
    )


async def _body(request: Request) -> bytes:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= _BODY_BYTES:
            pieces.append(piece)
    if size > _BODY_BYTES:
        raise _Refusal(413, {"title": "Payload Too Large", "detail": "Payload Too Large", "status": 413})
    return b"".join(pieces)


def _asked(body: bytes, posts: _Posts) -> tuple[str, str | None]:
    """The text and what it replies to."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise _invalid("Invalid JSON") from None
    if not isinstance(asked, dict):
        raise _invalid("the body must be an object")
    unknown = asked.keys() - _BODY_KEYS
    if unknown:
        raise _invalid(f"[$.{', $.'.join(sorted(unknown))}] is not defined in the schema")
    text, reply = asked.get("text", ""), asked.get("reply")
    if not isinstance(text, str) or not text.strip():
        raise _invalid("text must not be empty")
    if fits(text, "x"):
        raise _invalid("Your Tweet text is too long.")
    if reply is None:
        return text, None
    if not isinstance(reply, dict) or not isinstance(reply.get("in_reply_to_tweet_id"), str):
        raise _invalid("[$.reply.in_reply_to_tweet_id] must be a string")
    if reply["in_reply_to_tweet_id"] not in posts.by_id:
        raise _forbidden("You attempted to reply to a Tweet that is deleted or not visible to you.")
    return text, reply["in_reply_to_tweet_id"]


def _parameters(request: Request, others: frozenset[str]) -> dict[str, str]:
    asked = dict(request.query_params)
    for name, value in asked.items():
        if name not in others and name not in _FIELDS:
            raise _invalid(f"The query parameter [{name}] is not one of [{','.join(sorted({*others, *_FIELDS}))}]")
        if name in _FIELDS and (wrong := set(value.split(",")) - _FIELDS[name]):
            raise _invalid(f"The `{name}` query parameter value [{','.join(sorted(wrong))}] is not known")
    return asked


def _page(posts: list[_Post], asked: Mapping[str, str]) -> dict[str, Any]:
    try:
        most = int(asked.get("max_results", "10"))
        start = (
            datetime.fromisoformat(asked["start_time"]) if "start_time" in asked else datetime.min.replace(tzinfo=UTC)
        )
        before = int(asked.get("pagination_token", "0"), 32) or None
    except ValueError:
        raise _invalid("a query parameter cannot be read") from None
    if not 5 <= most <= 100:  # noqa: PLR2004 - as documented
        raise _invalid(f"The `max_results` query parameter value [{most}] is not between 5 and 100")
    if start.utcoffset() is None:
        raise _invalid("start_time needs a time zone")
    found = [
        post
        for post in posts
        if post.at >= start
        and (before is None or int(post.id) < before)
        and not ("replies" in asked.get("exclude", "") and post.reply_to)
    ]
    page = found[:most]
    wanted = frozenset(f"{asked.get('post.fields', '')},{asked.get('tweet.fields', '')}".split(","))
    related = frozenset(asked.get("expansions", "").split(",")) & {"referenced_posts"}
    meta: dict[str, Any] = {"result_count": len(page)}
    if page:
        meta |= {"newest_id": page[0].id, "oldest_id": page[-1].id}
    if len(found) > most:
        meta["next_token"] = _base32hex(int(page[-1].id))
    answer: dict[str, Any] = {"meta": meta}
    if page:
        answer["data"] = [_shown(post, wanted | related) for post in page]
    return answer


def _shown(post: _Post, wanted: frozenset[str]) -> dict[str, Any]:
    """A Post object: every link in its text is one of X's own, and ``&``, ``<`` and ``>`` are escaped."""
    text, urls, end = "", [], 0
    for number, url in enumerate(extract_urls_with_indices(post.text)):
        start, stop = url["indices"]
        text += _escaped(post.text[end:start])
        short = f"https://t.co/{blake2b(f'{post.id}/{number}'.encode(), digest_size=5).hexdigest()}"
        written = url["url"]
        expanded = written if "://" in written else f"http://{written}"
        place = {"start": len(text), "end": len(text) + len(short)}
        urls.append({**place, "url": short, "expanded_url": expanded, "display_url": written.split("://")[-1][:26]})
        text += short
        end = stop
    text += _escaped(post.text[end:])
    shown: dict[str, Any] = {"id": post.id, "text": text}
    if "created_at" in wanted:
        shown["created_at"] = post.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if "entities" in wanted and urls:
        shown["entities"] = {"urls": urls}
    for name in ("referenced_posts", "referenced_tweets"):
        if name in wanted and post.reply_to:
            shown[name] = [{"type": "replied_to", "id": post.reply_to}]
    return shown


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _base32hex(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = "0123456789abcdefghijklmnopqrstuv"[digit] + digits
    return digits


def _user_id(account: str) -> str:
    return str(int.from_bytes(blake2b(account.encode(), digest_size=7).digest(), "big"))


def _read(record: Mapping[str, Any]) -> _Post:
    return _Post(
        record["id"], record["account"], record["text"], record["reply_to"], datetime.fromisoformat(record["at"])
    )


def _json(status: int, value: Mapping[str, Any], window: Window | None = None) -> Response:
    headers = {}
    if window is not None:
        headers = {
            "x-rate-limit-limit": str(window.limit),
            "x-rate-limit-remaining": str(window.remaining),
            "x-rate-limit-reset": str(int(window.resets_at.timestamp())),
        }
    return Response(orjson.dumps(value), status, headers, "application/json")
