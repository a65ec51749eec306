"""The sandbox's own endpoints, under /_sandbox/: its clock, its faults, and what it took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from campaign.sandbox.faults import PROVIDERS, SCENARIOS, Fault
from campaign.sandbox.world import World

Taken = Callable[[str | None], Iterator[dict[str, Any]]]
Events = Callable[[int], tuple[list[dict[str, Any]], int]]
_PIECE_ROWS = 1000


def routes(world: World, taken: Taken, events: Events) -> list[Route]:
    """``taken`` yields what a provider (None: any) took, ``events`` the mail events after a number and the next one."""

    async def health(_: Request) -> Response:
        return _json({"ok": True, "now": world.now().isoformat()})

    async def clock(request: Request) -> Response:
        asked = orjson.loads(await request.body())["now"]
        world.set_now(datetime.fromisoformat(asked) if asked else None)
        return _json({"now": world.now().isoformat()})

    async def faults(request: Request) -> Response:
        _ask(world, orjson.loads(await request.body()))
        return _json({"ok": True})

    # Plain functions, which Starlette runs beside the event loop: they read the whole journal.
    def everything(request: Request) -> Response:
        return StreamingResponse(_stream(taken(request.query_params.get("provider"))), media_type="application/json")

    def happened(request: Request) -> Response:
        found, following = events(int(request.query_params.get("after", "0")))
        return _json({"events": found, "next": following})

    return [
        Route("/health", health),
        Route("/clock", _forgiving(clock), methods=["POST"]),
        Route("/faults", _forgiving(faults), methods=["POST"]),
        Route("/taken", everything),
        Route("/events", happened),
    ]


def _ask(world: World, asked: dict[str, Any]) -> None:
    """``{"name": SCENARIO, "seed": 0}``, or ``{"provider", "fault", "times", "share", "seed", "delay_s"}``."""
    seed = int(asked.get("seed", 0))
    if "name" in asked:
        if asked["name"] not in SCENARIOS:
            raise ValueError(f"no scenario has this name; there are {', '.join(SCENARIOS)}")
        world.faults.play(asked["name"], seed=seed)
        return
    if asked.get("provider") not in PROVIDERS:
        raise ValueError(f"give a name, or a provider of {', '.join(PROVIDERS)}")
    world.faults.ask(
        asked["provider"],
        Fault(asked["fault"]),
        times=asked.get("times"),
        share=asked.get("share"),
        seed=seed,
        delay_s=float(asked.get("delay_s", 0)),
    )


def _forgiving(endpoint: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return _json({"error": f"not understood: {error}"}, 400)

    return answer


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status_code=status, media_type="application/json")


def _stream(rows: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    """``{"taken": [...]}`` piece by piece: a large rehearsal takes a million messages."""
    yield b'{"taken":['
    piece: list[bytes] = []
    comma = b""
    for row in rows:
        piece.append(comma + orjson.dumps(row))
        comma = b","
        if len(piece) >= _PIECE_ROWS:
            yield b"".join(piece)
            piece.clear()
    yield b"".join((*piece, b"]}"))
