"""A server on loopback that keeps what is posted to it, as those do that notices go to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any

TIMEOUT_S = 60


@dataclass
class Listener:
    """``heard`` is what was posted, path and body; it answers with the first of ``answers``, then with 200. While
    ``hangs`` is set it answers nobody."""

    port: int = 0
    heard: Queue[tuple[str, Any]] = field(default_factory=Queue)
    answers: list[int] = field(default_factory=list)
    hangs: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def next(self) -> tuple[str, Any]:
        """What is posted next, waited for."""
        return self.heard.get(timeout=TIMEOUT_S)

    def all(self) -> list[tuple[str, Any]]:
        """What was posted by now."""
        return [self.heard.get() for _ in range(self.heard.qsize())]


@contextmanager
def listening() -> Iterator[Listener]:
    listener = Listener()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            listener.heard.put((self.path, json.loads(body)))
            if listener.hangs.is_set():
                listener.goes_on.wait(TIMEOUT_S)
            status = listener.answers.pop(0) if listener.answers else 200
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the class above has it
            """Nothing is said on the screen."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    listener.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, name="listening", daemon=True)
    thread.start()
    try:
        yield listener
    finally:
        listener.goes_on.set()
        server.shutdown()
        server.server_close()
        thread.join(TIMEOUT_S)
