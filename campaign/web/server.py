"""The server: uvicorn, with limits to what a stranger's connection may cost."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from campaign.errors import CampaignError

CONNECTIONS = 400
"""Connections at the same time; whoever comes on top is told to come again (503)."""
HEAD_WITHIN_S = 10.0
"""A request whose line and headers are not there by then is dropped, and its connection with it."""
HEAD_BYTES = 16 * 1024
IDLE_S = 15
END_WITHIN_S = 20
_BACKLOG = 512


class Punctual(H11Protocol):
    """uvicorn's own, with an end to waiting for a request's head: it lets somebody send that a byte a minute."""

    head_within_s = HEAD_WITHIN_S
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._hush()

    def _watch(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn's types leave out that there is none at first
        if cycle is not None and not cycle.response_complete:
            self._hush()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_within_s, self.transport.close)

    def _hush(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises CampaignError where the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise CampaignError(f"cannot listen on {host} port {port}: {error}; choose another with --port") from None
    return listening


class Server(uvicorn.Server):
    """uvicorn, which ends on SIGINT and SIGTERM and leaves it at that: its own raises the signal again, and so ends
    the process before what it was working for has been put away."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def server(app: ASGIApp) -> Server:
    return Server(
        uvicorn.Config(
            app,
            interface="asgi3",
            http=Punctual,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=END_WITHIN_S,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
    )
