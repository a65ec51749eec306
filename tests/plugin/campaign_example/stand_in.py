"""What stands in for Example: its rules, its errors, and a journal from which it knows after a kill what it took."""

from __future__ import annotations

import asyncio
from base64 import b64decode
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from campaign.sandbox.applause import applause
from campaign.sandbox.faults import Fault, NoReply
from campaign.sandbox.windows import STRUCK_RESET
from campaign.sandbox.world import World

TAKEN, DELETED = "example.post", "example.deleted"
_ANSWERS = {Fault.RATE_LIMIT: 429, Fault.UNAVAILABLE: 503, Fault.ERROR: 500, Fault.REFUSE: 422}


def routes(world: World) -> list[Route]:
    kept = list(world.journal.records(TAKEN))
    gone = {record["id"] for record in world.journal.records(DELETED)}

    def who(request: Request) -> str | None:
        return world.account("example", request.headers.get("authorization", "").removeprefix("Bearer "))

    def standing(account: str | None) -> list[dict[str, Any]]:
        return [one for one in kept if one["account"] == account and one["id"] not in gone]

    def shown(post: dict[str, Any]) -> dict[str, Any]:
        likes = applause(post["id"], world.now() - datetime.fromisoformat(post["at"])).likes
        return {**post, "likes": likes, "url": f"https://example.org/{post['account']}/{post['id']}"}

    async def post(request: Request) -> Response:
        account, asked = who(request), orjson.loads(await request.body())
        if account is None:
            return answer({"error": "unknown token"}, 401)
        if len(asked["text"]) > 500:
            return answer({"error": "too long"}, 422)
        for one in standing(account):
            if one["key"] == asked["key"]:
                return answer(shown(one))
        if any(sha256(b64decode(one.pop("body"))).hexdigest() != one["digest"] for one in asked["media"]):
            return answer({"error": "not the picture that was described"}, 422)
        fault = world.faults.draw("example", f"{account} {asked['key']}")
        if fault in _ANSWERS:
            return answer({"error": str(fault)}, _ANSWERS[fault])
        taken = {"id": str(len(kept) + 1), "account": account, "at": world.now().isoformat(), **asked}
        world.journal.append(TAKEN, taken)
        kept.append(taken)
        if fault is Fault.DROP_REPLY:
            return NoReply()
        if fault is Fault.SLOW:
            await asyncio.sleep(world.faults.delay_s("example"))
        return answer(shown(taken), 201)

    async def posts(request: Request) -> Response:
        account = who(request)
        if account is None:
            return answer({"error": "unknown token"}, 401)
        return answer({"posts": [shown(one) for one in standing(account)]})

    async def delete(request: Request) -> Response:
        ids = {one["id"] for one in standing(who(request))}
        if request.path_params["id"] not in ids:
            return answer({"error": "no such post"}, 404)
        world.journal.append(DELETED, {"id": request.path_params["id"]})
        gone.add(request.path_params["id"])
        return answer({})

    async def me(request: Request) -> Response:
        account = who(request)
        return answer({"error": "unknown token"}, 401) if account is None else answer({"name": account})

    def answer(value: object, status: int = 200) -> Response:
        headers = {"X-Resets-At": (world.now() + STRUCK_RESET).isoformat()}
        return Response(orjson.dumps(value), status, headers, "application/json")

    return [
        Route("/posts", post, methods=["POST"]),
        Route("/posts", posts, methods=["GET"]),
        Route("/posts/{id}", delete, methods=["DELETE"]),
        Route("/me", me, methods=["GET"]),
    ]


def taken(world: World) -> Iterator[dict[str, Any]]:
    gone = {record["id"] for record in world.journal.records(DELETED)}
    for one in world.journal.records(TAKEN):
        row = {name: one[name] for name in ("account", "key", "text", "at", "reply_to", "media")}
        yield {
            "provider": "example",
            **row,
            "recipient": one["account"],
            "ref": one["id"],
            "deleted": one["id"] in gone,
        }
