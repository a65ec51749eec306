"""A web application on a real server on loopback, and requests to it."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

import uvicorn
from starlette.types import ASGIApp

HOST = "127.0.0.1"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Site:
    """``url`` is without a closing slash."""

    url: str

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        connection = http.client.HTTPConnection(HOST, urlsplit(self.url).port or 80, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            reply = connection.getresponse()
            return Answer(reply.status, {k.lower(): v for k, v in reply.getheaders()}, reply.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def post(self, path: str, **fields: str) -> Answer:
        """As a browser posts a form."""
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields).encode(), form)

    def break_off(self, method: str, path: str, body: bytes, *, length: int) -> None:
        """Announce a body of ``length``, send ``body`` alone, and hang up."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {length}\r\n\r\n"
        with socket.create_connection((HOST, urlsplit(self.url).port or 80), timeout=TIMEOUT_S) as connection:
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4_096):
                pass


@contextmanager
def served(app: ASGIApp) -> Iterator[Site]:
    listening = socket.create_server((HOST, 0))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="served")
    thread.start()
    try:
        # The socket listens already: what is asked before the server is up is answered once it is.
        yield Site(f"http://{HOST}:{listening.getsockname()[1]}")
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
