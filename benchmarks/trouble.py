"""What goes wrong between the program and the stand-ins: any request may be struck, to post, to read or to sign in."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.sandbox.faults import ABORT, NoReply
from campaign.sandbox.server import Sandbox
from campaign.sandbox.world import World

_WINDOW = timedelta(minutes=15)
_SLOW_S = 0.03


class Blow(StrEnum):
    """What befalls one request. What comes after ``taken`` was done, and the program cannot know."""

    RESET = "reset"
    ERROR = "500"
    UNAVAILABLE = "503"
    LIMIT = "429"
    SLOW = "slow"
    LOST = "reply lost, taken"
    ERROR_TAKEN = "500, taken"
    TORN = "reply torn, taken"
    GARBAGE = "reply unreadable, taken"


Blows = Mapping[str, dict[int, Blow]]
"""By network, and by the number of the request to it, from 0."""


def drawn(dice: random.Random, networks: Sequence[str], *, requests: int, most: int) -> Blows:
    """Up to ``most`` blows for each network among its first so many requests."""
    return {
        network: {dice.randrange(requests): dice.choice(list(Blow)) for _ in range(dice.randint(0, most))}
        for network in networks
    }


class Troubled(Sandbox):
    """The sandbox, with ``blows`` on the way to it.

    Where it is ``forgetful``, X takes the same text again and Mastodon knows no keys, as Pixelfed does not: what would
    be posted twice is.
    """

    def __init__(self, blows: Blows, *, accounts: Mapping[str, Mapping[str, str]], forgetful: bool = False) -> None:
        self._blows = blows
        self._forgetful = forgetful
        self._seen: Counter[str] = Counter()
        self.struck: list[str] = []
        super().__init__(accounts=accounts)
        if forgetful:
            self.world.barred.add("x memory")

    def _app(self) -> ASGIApp:
        app = super()._app()

        async def troubled(scope: Scope, receive: Receive, send: Send) -> None:
            if self._forgetful:
                scope["headers"] = [one for one in scope.get("headers", ()) if one[0] != b"idempotency-key"]
            network = scope.get("path", "").split("/")[1:2]
            blow = self._next(network[0]) if network else None
            if blow is None:
                await app(scope, receive, send)
            else:
                self.struck.append(f"{network[0]} {scope['method']} {scope['path'].rsplit('/', 1)[-1]}: {blow}")
                await _strike(blow, self.world, app, scope, receive, send)

        return troubled

    def _next(self, network: str) -> Blow | None:
        number = self._seen[network]
        self._seen[network] += 1
        return self._blows.get(network, {}).get(number)


async def _strike(blow: Blow, world: World, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    match blow:
        case Blow.RESET:
            await NoReply()(scope, receive, send)
        case Blow.ERROR:
            await _answer(500)(scope, receive, send)
        case Blow.UNAVAILABLE:
            await _answer(503)(scope, receive, send)
        case Blow.LIMIT:
            await _limited(world)(scope, receive, send)
        case Blow.SLOW:
            await asyncio.sleep(_SLOW_S)
            await app(scope, receive, send)
        case _:
            told: list[Message] = []
            await app(scope, receive, _kept(told))
            await _after(blow, told, scope, receive, send)


async def _after(blow: Blow, told: list[Message], scope: Scope, receive: Receive, send: Send) -> None:
    """What becomes of the reply to a request that was carried out."""
    match blow:
        case Blow.ERROR_TAKEN:
            await _answer(500)(scope, receive, send)
        case Blow.GARBAGE:
            await Response(b"<html>", 200, media_type="text/html")(scope, receive, send)
        case Blow.TORN:
            body = b"".join(message.get("body", b"") for message in told)
            await send(next(message for message in told if message["type"] == "http.response.start"))
            await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
            scope[ABORT]()
        case _:
            scope[ABORT]()


def _kept(told: list[Message]) -> Send:
    async def keep(message: Message) -> None:
        told.append(message)

    return keep


def _answer(status: int) -> Response:
    return Response(orjson.dumps({"error": "trouble", "title": "trouble"}), status, media_type="application/json")


def _limited(world: World) -> Response:
    """Each network says in its own way when the limit is reset."""
    resets_at = world.now() + _WINDOW
    epoch = str(int(resets_at.timestamp()))
    headers = {
        "x-rate-limit-reset": epoch,
        "ratelimit-reset": epoch,
    }
    return Response(b'{"error": "RateLimitExceeded"}', 429, headers, "application/json")
