"""The sandbox: every stand-in behind one HTTP port and one SMTP port on loopback."""

from __future__ import annotations

import asyncio
import http.client
import logging
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from campaign.errors import SandboxFailed
from campaign.ports.network import StandIn
from campaign.sandbox import any_network, authority, bluesky, control, mastodon, sendgrid, smtp, x
from campaign.sandbox.crowd import Crowd
from campaign.sandbox.faults import ABORT, ANY_NETWORK, Faults
from campaign.sandbox.journal import Journal
from campaign.sandbox.world import World

HOST = "127.0.0.1"
_ROUTES = {
    "sendgrid": sendgrid.routes,
    "x": x.routes,
    "bluesky": bluesky.routes,
    "mastodon": mastodon.routes,
    ANY_NETWORK: any_network.routes,
}
_TAKEN = {
    "sendgrid": sendgrid.taken,
    "smtp": smtp.taken,
    "x": x.taken,
    "bluesky": bluesky.taken,
    "mastodon": mastodon.taken,
    ANY_NETWORK: any_network.taken,
}
HTTP_PROVIDERS = tuple(_ROUTES)
_START_TIMEOUT_S = 20.0
_KEEP_ALIVE_S = 75
_BACKLOG = 512
_ROUNDS_TO_CLOSE = 5
"""Rounds of the event loop in which a connection just accepted is made, aborted and, TLS and all, closed."""

# uvicorn and aiosmtpd speak of every connection. What a stand-in does is seen in its journal; only its own failure
# is worth a line.
logging.getLogger("uvicorn").setLevel(logging.ERROR)
logging.getLogger("mail.log").setLevel(logging.ERROR)


class Sandbox:
    """Runs the stand-ins in a thread from construction to ``stop``, or as a context manager.

    ``journal`` is where it keeps what it took, in memory if None; one that was there before is read, and its messages
    count as taken. ``accounts`` and ``limits``: see World. Ports of 0 are chosen by the system. Constructed, it
    answers on both ports; SandboxFailed is raised if it cannot. ``stand_ins`` are those of other packages' networks.
    With ``trusted`` its HTTP is HTTPS, by a certificate of its own, and the authority to trust is written there.
    """

    def __init__(
        self,
        journal: Path | None = None,
        *,
        accounts: Mapping[str, Mapping[str, str]] | None = None,
        faults: Faults | None = None,
        limits: Mapping[str, int] | None = None,
        now: datetime | None = None,
        port: int = 0,
        smtp_port: int = 0,
        smtp_security: smtp.Security | None = None,
        stand_ins: Mapping[str, StandIn] | None = None,
        trusted: Path | None = None,
    ) -> None:
        self._routes = {**_ROUTES, **{name: one.routes for name, one in (stand_ins or {}).items()}}
        self._taken = {**_TAKEN, **{name: one.taken for name, one in (stand_ins or {}).items()}}
        self._http_socket, self._smtp_socket = _listen(port, smtp_port)
        doing = f"write whom to trust to {trusted}"
        try:
            serves_by = authority.issue(HOST, trusted) if trusted else None
            doing = f"keep its journal in {journal}"
            kept = Journal(journal)
        except OSError as error:
            self._http_socket.close()
            self._smtp_socket.close()
            raise SandboxFailed(f"the sandbox cannot {doing}: {error.strerror}") from error
        self.world = World(kept, Faults() if faults is None else faults, accounts or {}, limits or {})
        self.world.set_now(now)
        self._crowd = Crowd(self.world)
        self._smtp_security = smtp_security or smtp.Security()
        self._trusted = trusted
        self.url = f"{'https' if trusted else 'http'}://{HOST}:{self._http_socket.getsockname()[1]}"
        self.urls: Mapping[str, str] = {name: f"{self.url}/{name}" for name in self._routes}
        self.smtp_port: int = self._smtp_socket.getsockname()[1]
        self._server = _Server(self._app(), serves_by)
        self._broken: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()
        self._wait_until_it_answers()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def taken(self, provider: str | None = None) -> Iterator[dict[str, Any]]:
        """Everything the stand-ins took, in order by provider: provider, key, recipient, text or subject, at, ref."""
        for name, taken in self._taken.items():
            if provider in (None, name):
                yield from taken(self.world)
            elif name == ANY_NETWORK:
                yield from (one for one in taken(self.world) if one["provider"] == provider)

    def events(self, after: int = 0) -> tuple[list[dict[str, Any]], int]:
        """The mail events that have happened by now, after the first ``after`` of them, and what to ask for next."""
        return self._crowd.events(after)

    def stop(self) -> None:
        """End the stand-ins and free their ports; harmless when called again."""
        self._server.end()
        self._thread.join()
        self._http_socket.close()
        self._smtp_socket.close()
        self.world.journal.close()

    def _app(self) -> ASGIApp:
        mounted: list[BaseRoute] = [
            Mount(f"/{name}", routes=[*routes(self.world)]) for name, routes in self._routes.items()
        ]
        mounted.append(Mount("/_sandbox", routes=control.routes(self.world, self.taken, self.events)))
        return Starlette(routes=mounted)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits for the start
            self._broken = error
            self._http_socket.close()
            self._smtp_socket.close()

    async def _serve(self) -> None:
        connections = smtp.Connections(self.world, self._smtp_security)
        tls = self._smtp_security.context if self._smtp_security.implicit else None
        loop = asyncio.get_running_loop()
        mail = await loop.create_server(connections, sock=self._smtp_socket, ssl=tls)
        try:
            await self._server.serve(sockets=[self._http_socket])
        finally:
            # asyncio never closes a connection whose server is closed between its being accepted and being made: so
            # accepting ends first, then the connections, then the servers.
            loop.remove_reader(self._http_socket)
            loop.remove_reader(self._smtp_socket)
            for _ in range(_ROUNDS_TO_CLOSE):
                connections.end()
                self._server.abort()
                await asyncio.sleep(0)
            for server in (mail, *self._server.servers):
                server.close()

    def _wait_until_it_answers(self) -> None:
        """The socket listens already, so what is asked now is answered once the thread is up; SMTP is up before."""
        port = self._http_socket.getsockname()[1]
        connection = http.client.HTTPConnection(HOST, port, timeout=_START_TIMEOUT_S)
        if self._trusted:
            trusting = ssl.create_default_context(cafile=self._trusted)
            connection = http.client.HTTPSConnection(HOST, port, timeout=_START_TIMEOUT_S, context=trusting)
        try:
            connection.request("GET", "/_sandbox/health")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            self.stop()
            raise SandboxFailed(f"the sandbox did not start: {self._broken or error}") from error
        finally:
            connection.close()


class _Server(uvicorn.Server):
    """uvicorn that ends at once, and gives each request the means to have its connection closed: see NoReply.

    uvicorn itself looks ten times a second whether it is to end, and then waits for its clients.
    """

    def __init__(self, app: ASGIApp, serves_by: ssl.SSLContext | None) -> None:
        self._app = app
        self._ended = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(
            uvicorn.Config(
                self._answer,
                interface="asgi3",
                proxy_headers=False,
                log_config=None,
                access_log=False,
                lifespan="off",
                ws="none",
                server_header=False,
                date_header=False,
                timeout_keep_alive=_KEEP_ALIVE_S,
                ssl_context_factory=(lambda *_: serves_by) if serves_by else None,
            )
        )

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[ABORT] = partial(self.abort, scope["client"])
        await self._app(scope, receive, send)

    def end(self) -> None:
        """Called from another thread."""
        self.should_exit = True
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended by itself
                self._loop.call_soon_threadsafe(self._ended.set)

    def abort(self, client: tuple[str, int] | None = None) -> None:
        """Close the connection of ``client``, or every one, without writing anything to it."""
        for connection in list(self.server_state.connections):
            if client in (None, getattr(connection, "client", None)):
                connection.transport.abort()

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        if not await self.on_tick(0):
            await self._ended.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """The sandbox ends the connections to all its servers together."""


def _listen(*ports: int) -> list[socket.socket]:
    """A listening socket for each port, or none at all."""
    sockets: list[socket.socket] = []
    for port in ports:
        # With the protocol named, asyncio sets TCP_NODELAY on its connections: else each reply waits 40 ms for an ACK.
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sockets.append(listening)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind((HOST, port))
            listening.listen(_BACKLOG)
        except (OSError, OverflowError) as error:
            for opened in sockets:
                opened.close()
            raise SandboxFailed(f"the sandbox cannot listen on port {port}: {error}") from error
    return sockets
