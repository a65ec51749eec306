"""Bluesky's stand-in: one personal data server with sessions and the record calls, its rules, limits and errors.

It answers as the lexicons com.atproto.server.* and com.atproto.repo.* say, and where they are silent as the reference
server does; tests/contract/test_bluesky_servers.py holds both to the same. What the AppView counts it tells itself.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.applause import applause
from campaign.sandbox.bluesky_accounts import Accounts, Signed, repo
from campaign.sandbox.bluesky_blobs import HEAD_BYTES, type_of
from campaign.sandbox.bluesky_lexicon import POST, Refusal, blob_id
from campaign.sandbox.bluesky_repo import Repos, Standing, Write, taken
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.windows import STRUCK_RESET, Window, Windows
from campaign.sandbox.world import World

__all__ = ["routes", "taken"]

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_POINTS_AN_HOUR = 5_000
_POINTS_A_DAY = 35_000
_POINTS = {"create": 3, "put": 2, "update": 2, "delete": 1}
_SIGN_INS = 30
_SIGN_IN_WINDOW = timedelta(minutes=5)
_BODY_BYTES = 150 * 1024
_BLOB_BYTES = 300_000_000
"""Each server sets its own; this is what the largest blob of the lexicons has."""
_POSTS = 25
_HANDLE = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_LIST = 100
_TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
Endpoint = Callable[[Request], Awaitable[Response]]


class _Limited(Exception):
    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window


class _Server:
    """The endpoints. Each raises Refusal or _Limited where the server would answer with an error."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._repos = Repos(world)
        self._accounts = Accounts(world)
        self._hour = Windows(world.limits.get("bluesky", _POINTS_AN_HOUR), _HOUR)
        self._day = Windows(_POINTS_A_DAY, _DAY)
        self._sign_ins = Windows(_SIGN_INS, _SIGN_IN_WINDOW)

    async def create_session(self, request: Request) -> Response:
        asked = await _body(request)
        handle = str(asked.get("identifier", "")).removeprefix("@").lower()
        window = self._sign_ins.take(handle, self._world.now())
        if window.refused:
            raise _Limited(window)
        signed = self._accounts.sign_in(handle, str(asked.get("password", "")))
        return _json(self._accounts.session(signed), window)

    async def refresh_session(self, request: Request) -> Response:
        return _json(self._accounts.session(self._read(request, "refresh")))

    async def get_session(self, request: Request) -> Response:
        signed = self._read(request, "appPass")
        window = self._hour.take(signed.did, self._world.now(), points=0)
        return _json({"handle": signed.handle, "did": signed.did, "active": True}, window)

    async def describe_server(self, _: Request) -> Response:
        return _json({"did": "did:web:sandbox.example.org", "availableUserDomains": [".example.org"]})

    async def create_record(self, request: Request) -> Response:
        asked = await _body(request)
        rkey = asked.get("rkey") or self._new_key()
        return await self._write(request, asked, [{**asked, "action": "create", "rkey": rkey}])

    async def put_record(self, request: Request) -> Response:
        asked = await _body(request)
        signed = self._read(request, "appPass")
        collection, rkey, record = asked.get("collection"), asked.get("rkey"), asked.get("record")
        there = self._repos.get(signed.did, str(collection), str(rkey))
        if there is not None and there.value == record:
            same = {"uri": f"at://{signed.did}/{collection}/{rkey}", "cid": there.cid, "validationStatus": "valid"}
            return _json(same, self._count(signed.did, _POINTS["put"], self._world.now()))
        if "swapRecord" in asked and asked["swapRecord"] != (there.cid if there else None):
            raise Refusal("InvalidSwap", f"Record was at {there.cid if there else None}")
        return await self._write(request, asked, [{**asked, "action": "put"}])

    async def delete_record(self, request: Request) -> Response:
        asked = await _body(request)
        signed = self._read(request, "appPass")
        if self._repos.get(signed.did, str(asked.get("collection")), str(asked.get("rkey"))) is None:
            return _json({}, self._count(signed.did, _POINTS["delete"], self._world.now()))
        return await self._write(request, asked, [{**asked, "action": "delete", "record": None}])

    async def apply_writes(self, request: Request) -> Response:
        asked = await _body(request)
        writes = asked.get("writes")
        if not isinstance(writes, list) or not all(isinstance(write, dict) for write in writes):
            raise Refusal("InvalidRequest", "Input/writes must be an array")
        rows = [
            {
                **write,
                "action": str(write.get("$type", "")).rpartition("#")[2],
                "rkey": write.get("rkey") or self._new_key(),
                "record": write.get("value"),
            }
            for write in writes
        ]
        return await self._write(request, asked, rows, many=True)

    async def upload_blob(self, request: Request) -> Response:
        signed = self._read(request, "appPass")
        digest, size, head = hashlib.sha256(), 0, b""
        async for piece in request.stream():
            size += len(piece)
            if size > _BLOB_BYTES:
                raise Refusal("PayloadTooLarge", "request entity too large", 413)
            digest.update(piece)
            head = (head + piece)[:HEAD_BYTES]
        cid, media_type = blob_id(digest.digest()), type_of(head, request.headers.get("content-type", ""))
        self._repos.upload(signed.did, cid, media_type, size)
        return _json({"blob": {"$type": "blob", "ref": {"$link": cid}, "mimeType": media_type, "size": size}})

    async def resolve_handle(self, request: Request) -> Response:
        handle = request.query_params.get("handle", "").lower()
        if not _HANDLE.fullmatch(handle):
            raise Refusal("InternalServerError", "Internal Server Error", 500)
        return _json({"did": self._accounts.resolve(handle)})

    async def get_posts(self, request: Request) -> Response:
        """What the AppView shows; what is not there is left out."""
        self._read(request, "appPass")
        uris = request.query_params.getlist("uris")
        if not 1 <= len(uris) <= _POSTS:
            raise Refusal("InvalidRequest", f"uris must have from 1 to {_POSTS} elements")
        found = [(uri, self._standing(uri)) for uri in uris]
        return _json({"posts": [self._view(uri, one) for uri, one in found if one is not None]})

    def _standing(self, uri: str) -> Standing | None:
        did, _, rkey = uri.removeprefix("at://").partition(f"/{POST}/")
        return self._repos.get(did, POST, rkey)

    def _view(self, uri: str, standing: Standing) -> dict[str, Any]:
        fared = applause(uri, self._world.now() - datetime.fromisoformat(standing.value["createdAt"]))
        counts = {"likeCount": fared.likes, "repostCount": fared.reposts, "quoteCount": 0}
        replies = self._repos.replies(uri)
        return {"uri": uri, "cid": standing.cid, "record": standing.value, "replyCount": replies, **counts}

    async def get_record(self, request: Request) -> Response:
        asked = request.query_params
        did, collection, rkey = repo(asked.get("repo", "")), asked.get("collection", ""), asked.get("rkey", "")
        found = self._repos.get(did, collection, rkey)
        uri = f"at://{did}/{collection}/{rkey}"
        if found is None:
            raise Refusal("RecordNotFound", f"Could not locate record: {uri}")
        return _json({"uri": uri, "cid": found.cid, "value": found.value})

    async def list_records(self, request: Request) -> Response:
        asked = request.query_params
        did, collection = repo(asked.get("repo", "")), asked.get("collection", "")
        try:
            most = int(asked.get("limit", "50"))
        except ValueError:
            most = 0
        if not 1 <= most <= _LIST:
            raise Refusal("InvalidRequest", f"limit must be between 1 and {_LIST}")
        before = asked.get("cursor") or "~"
        found = [(rkey, standing) for rkey, standing in self._repos.each(did, collection) if rkey < before]
        page = found[:most]
        rows = [{"uri": f"at://{did}/{collection}/{rkey}", "cid": one.cid, "value": one.value} for rkey, one in page]
        return _json({"records": rows, **({"cursor": page[-1][0]} if len(found) > most else {})})

    async def _write(
        self, request: Request, asked: Mapping[str, Any], rows: list[dict[str, Any]], *, many: bool = False
    ) -> Response:
        signed = self._read(request, "appPass")
        writes = [_write(row) for row in rows]
        if repo(str(asked.get("repo", ""))) != signed.did:
            raise Refusal("AuthenticationRequired", "Authentication Required", 401)
        now = self._world.now()
        window = self._count(signed.did, sum(_POINTS[write.action] for write in writes), now)
        self._repos.check(signed.did, writes)
        fault = self._strike(signed.did, writes, window, now)
        cids = self._repos.commit(signed.account, signed.did, writes, now)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(self._world.faults.delay_s("bluesky"))
        commit = {"cid": cids[0], "rev": self._new_key()}
        results = [
            {"uri": f"at://{signed.did}/{write.collection}/{write.rkey}", "cid": cid, "validationStatus": "valid"}
            for write, cid in zip(writes, cids, strict=True)
        ]
        if many:
            kinds = [f"com.atproto.repo.applyWrites#{write.action}Result" for write in writes]
            results = [{"$type": kind, **result} for kind, result in zip(kinds, results, strict=True)]
            return _json({"commit": commit, "results": results}, window)
        return _json({**results[0], "commit": commit}, window)

    def _count(self, did: str, points: int, now: datetime) -> Window:
        hour, day = self._hour.take(did, now, points=points), self._day.take(did, now, points=points)
        for window in (hour, day):
            if window.refused:
                raise _Limited(window)
        return hour

    def _strike(self, did: str, writes: list[Write], window: Window, now: datetime) -> Fault | None:
        """The fault that strikes writes that are made; raises Refusal or _Limited where they are not made."""
        fault = self._world.faults.draw("bluesky", f"{did}/{writes[0].rkey}" if writes else "")
        if fault is Fault.REFUSE:
            raise Refusal("InvalidRequest", "the sandbox was asked to refuse this post")
        if fault is Fault.RATE_LIMIT:
            raise _Limited(Window(window.limit, 0, now + STRUCK_RESET))
        if fault is Fault.UNAVAILABLE:
            raise Refusal("NotEnoughResources", "Service Unavailable", 503)
        if fault is Fault.ERROR:
            raise Refusal("InternalServerError", "Internal Server Error", 500)
        return fault

    def _read(self, request: Request, kind: str) -> Signed:
        return self._accounts.read(request.headers.get("authorization", ""), kind)

    def _new_key(self) -> str:
        number = int(self._world.now().timestamp() * 1_000_000) << 10 | secrets.randbelow(1024)
        return "".join(_TID_DIGITS[number >> 5 * place & 31] for place in reversed(range(13)))


def routes(world: World) -> list[Route]:
    server = _Server(world)
    queries = {
        "com.atproto.server.getSession": server.get_session,
        "com.atproto.server.describeServer": server.describe_server,
        "com.atproto.repo.getRecord": server.get_record,
        "com.atproto.repo.listRecords": server.list_records,
        "com.atproto.identity.resolveHandle": server.resolve_handle,
        "app.bsky.feed.getPosts": server.get_posts,
    }
    procedures = {
        "com.atproto.server.createSession": server.create_session,
        "com.atproto.server.refreshSession": server.refresh_session,
        "com.atproto.repo.createRecord": server.create_record,
        "com.atproto.repo.putRecord": server.put_record,
        "com.atproto.repo.deleteRecord": server.delete_record,
        "com.atproto.repo.applyWrites": server.apply_writes,
        "com.atproto.repo.uploadBlob": server.upload_blob,
    }
    asked = [Route(f"/xrpc/{name}", _answering(endpoint), methods=["GET"]) for name, endpoint in queries.items()]
    done = [Route(f"/xrpc/{name}", _answering(endpoint), methods=["POST"]) for name, endpoint in procedures.items()]
    return [*asked, *done]


def _answering(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except Refusal as refusal:
            return _json({"error": refusal.error, "message": refusal.message}, status=refusal.status)
        except _Limited as limited:
            spent = Window(limited.window.limit, 0, limited.window.resets_at)
            return _json({"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, spent, status=429)

    return answer


async def _body(request: Request) -> dict[str, Any]:
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size <= _BODY_BYTES:
            pieces.append(piece)
    if size > _BODY_BYTES:
        raise Refusal("PayloadTooLarge", "request entity too large", 413)
    try:
        asked = orjson.loads(b"".join(pieces))
    except orjson.JSONDecodeError:
        raise Refusal("InvalidRequest", "the body is not JSON") from None
    if not isinstance(asked, dict):
        raise Refusal("InvalidRequest", "Input must be an object")
    return asked


def _write(row: Mapping[str, Any]) -> Write:
    action, collection, rkey, record = (row.get(name) for name in ("action", "collection", "rkey", "record"))
    sound = isinstance(collection, str) and isinstance(rkey, str) and action in _POINTS
    if not sound or (action != "delete" and not isinstance(record, dict)):
        raise Refusal("InvalidRequest", "Input must have a collection, an rkey and a record")
    return Write(str(action), str(collection), str(rkey), record)


def _json(value: Any, window: Window | None = None, *, status: int = 200) -> Response:
    headers = {}
    if window is not None:
        headers = {
            "ratelimit-limit": str(window.limit),
            "ratelimit-remaining": str(window.remaining),
            "ratelimit-reset": str(int(window.resets_at.timestamp())),
        }
    return Response(orjson.dumps(value), status, headers, "application/json")
