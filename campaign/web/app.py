"""The web server's app: the routes of its modules, what each answer carries, and what the log says of it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.errors import place_of

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), camera=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""Every answer carries these, unless a page says otherwise. Browsers heed Strict-Transport-Security over https alone
(RFC 6797, section 8.1)."""

BODY_WITHIN_S = 30.0
"""A request whose body has not come by then is over."""


def create(routes: Iterable[BaseRoute], *, revision: Callable[[], str | None], tell: Callable[[str], None]) -> ASGIApp:
    """``revision`` asks the database which migration it is at, None where it cannot be reached."""

    async def health(_: Request) -> Response:
        at = await run_in_threadpool(revision)
        return JSONResponse({"ok": at is not None, "revision": at}, 200 if at is not None else 503)

    return Guarded(Starlette(routes=[Route("/healthz", health, methods=["GET"]), *routes]), tell)


class Guarded:
    """Around the app: headers on every answer, an end to waiting for a body, and one line in the log.

    The line has the route and not the path, which may be somebody's key; no query, no address, no user agent.
    """

    body_within_s = BODY_WITHIN_S

    def __init__(self, app: ASGIApp, tell: Callable[[str], None]) -> None:
        self._app = app
        self._tell = tell

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        began = loop.time()
        body = _Patience(receive, began + self.body_within_s)
        status = 0

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, body.receive, answer)
        except Exception as error:  # noqa: BLE001 - Starlette has answered 500 by now; its text may hold anything
            self._tell(f"fault in Campaign itself: {type(error).__name__}{place_of(error)}")
        finally:
            took_ms = (loop.time() - began) * 1_000
            self._tell(f"{scope['method']} {_place(scope)} {status or 'failed'} {took_ms:.0f} ms")


class _Patience:
    """Waits so long for a body, and then takes its sender for gone."""

    def __init__(self, receive: Receive, until: float) -> None:
        self._receive = receive
        self._until = until
        self._whole = False

    async def receive(self) -> Message:
        if self._whole:
            return await self._receive()  # waits for the client to go, as long as that takes
        try:
            async with asyncio.timeout_at(self._until):
                message = await self._receive()
        except TimeoutError:
            return {"type": "http.disconnect"}
        self._whole = not message.get("more_body", False)
        return message


def _place(scope: Scope) -> str:
    route = scope.get("route")
    return re.sub(r":\w+}", "}", str(getattr(route, "path", ""))) or "(no such page)"
