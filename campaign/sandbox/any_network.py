"""What stands in for a network that has no stand-in of its own: it takes every post, as often as it comes.

It judges nothing and knows no post again: one that came twice is there twice, and the proof says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.applause import applause
from campaign.sandbox.faults import ANY_NETWORK, Fault, NoReply
from campaign.sandbox.windows import STRUCK_RESET
from campaign.sandbox.world import World

TAKEN = "network.post"
"""The journal's kind of a post: network, account, id, key, text, reply_to, at, media."""
DELETED = "network.deleted"
_MOST_BYTES = 1024 * 1024


class _Posts:
    """The posts that stand, read back from the journal and kept in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.by_id: dict[str, dict[str, Any]] = {}
        self._count = 0
        for record in world.journal.records():
            if record["kind"] == TAKEN:
                self._add(record)
            elif record["kind"] == DELETED:
                self.by_id.pop(record["id"], None)

    def take(self, network: str, asked: dict[str, Any]) -> str:
        number = str(self._count + 1)
        record = {
            "id": number,
            "network": network,
            "at": self.world.now().isoformat(),
            **{name: asked[name] for name in ("account", "key", "text", "reply_to", "media")},
        }
        self.world.journal.append(TAKEN, record)
        self._add(record)
        return number

    def delete(self, number: str) -> None:
        if self.by_id.pop(number, None) is not None:
            self.world.journal.append(DELETED, {"id": number, "at": self.world.now().isoformat()})

    def found(self, network: str, account: str) -> list[dict[str, Any]]:
        return [one for one in self.by_id.values() if (one["network"], one["account"]) == (network, account)]

    def _add(self, record: dict[str, Any]) -> None:
        self.by_id[record["id"]] = record
        self._count += 1


def routes(world: World) -> list[Route]:
    """``/{network}/{account}`` takes a post and lists those that stand, ``/{network}/{account}/{id}`` deletes one."""
    posts = _Posts(world)

    async def post(request: Request) -> Response:
        network, account = request.path_params["network"], request.path_params["account"]
        body = await request.body()
        try:
            asked = orjson.loads(body)
            message = f"{network} {account} {asked['key']}"
        except (ValueError, KeyError, TypeError):
            return _json({"error": "not understood"}, 400)
        if len(body) > _MOST_BYTES:
            return _json({"error": "too large"}, 413)
        fault = world.faults.draw(ANY_NETWORK, message)
        if fault in _ANSWERS:
            headers = {"Retry-After": str(STRUCK_RESET // timedelta(seconds=1))} if fault is Fault.RATE_LIMIT else {}
            return _json({"error": f"the sandbox was asked for: {fault}"}, _ANSWERS[fault], headers)
        number = posts.take(network, {**asked, "account": account})
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s(ANY_NETWORK))
        return _json({"id": number}, 201)

    async def standing(request: Request) -> Response:
        found = posts.found(request.path_params["network"], request.path_params["account"])
        return _json({"posts": [{**one, **_figures(one, world.now())} for one in found]})

    async def delete(request: Request) -> Response:
        posts.delete(request.path_params["id"])
        return _json({})

    return [
        Route("/{network}/{account}", post, methods=["POST"]),
        Route("/{network}/{account}", standing, methods=["GET"]),
        Route("/{network}/{account}/{id}", delete, methods=["DELETE"]),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken, under its network's own name, and whether it was deleted since."""
    gone = {record["id"] for record in world.journal.records(DELETED)}
    for record in world.journal.records(TAKEN):
        yield {
            "provider": record["network"],
            "account": record["account"],
            "key": record["key"],
            "recipient": record["account"],
            "text": record["text"],
            "at": record["at"],
            "ref": record["id"],
            "reply_to": record["reply_to"],
            "deleted": record["id"] in gone,
            "media": record["media"],
        }


_ANSWERS = {Fault.RATE_LIMIT: 429, Fault.UNAVAILABLE: 503, Fault.ERROR: 500, Fault.REFUSE: 422}


def _figures(record: dict[str, Any], now: datetime) -> dict[str, int]:
    liked = applause(f"{record['network']} {record['id']}", now - datetime.fromisoformat(record["at"]))
    return {"likes": liked.likes, "reposts": liked.reposts, "views": liked.views}


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, "application/json")
