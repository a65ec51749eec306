"""The AT Protocol's reference server, in memory: started by Node from tests/pds, with a proxy before it for faults."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
import urllib3

from campaign.sandbox.faults import Fault, Faults
from campaign.sandbox.windows import STRUCK_RESET
from tests.unit.channels.answering import Answer, Asked, answering

FOLDER = Path(__file__).parent / "pds"
POST = "app.bsky.feed.post"
_WRITES = ("putRecord", "createRecord", "applyWrites")
_START_S = 120.0


@dataclass
class AppView:
    """What the AppView is to say: figures of posts by URI, and who has which handle."""

    figures: dict[str, dict[str, int]] = field(default_factory=dict)
    handles: dict[str, str] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Answer:
        query = parse_qs(urlsplit(asked.path).query)
        if "getPosts" in asked.path:
            found = [{"uri": uri, **self.figures[uri]} for uri in query.get("uris", []) if uri in self.figures]
            return Answer(200, {"posts": found})
        did = self.handles.get(query.get("handle", [""])[0])
        return Answer(200, {"did": did}) if did else Answer(400, {"error": "InvalidRequest", "message": "not found"})


class RealPds:
    """``url`` is a server that asks ``appview``, ``limited`` one that counts requests and has no AppView."""

    def __init__(self, url: str, limited: str, appview: AppView) -> None:
        self.url, self.limited, self.appview = (url, limited, appview)
        self._pool = urllib3.PoolManager(retries=False)
        self._tokens: dict[tuple[str, str], tuple[str, str]] = {}

    def account(self, handle: str, password: str, *, url: str = "") -> str:
        """The DID of the account ``handle``, which is made where there is none."""
        at = url or self.url
        if (at, handle) not in self._tokens:
            mail = f"{handle.partition('.')[0]}@example.org"
            made = self.call("server.createAccount", {"handle": handle, "email": mail, "password": password}, url=at)
            self._tokens[at, handle] = (made["did"], made["accessJwt"])
        return self._tokens[at, handle][0]

    def call(self, method: str, body: Any = None, *, handle: str = "", url: str = "", **asked: str) -> dict[str, Any]:
        """What the server answers, as ``handle`` where one is given; fails where it refuses."""
        at = url or self.url
        token = {"Authorization": f"Bearer {self._tokens[at, handle][1]}"} if handle else {}
        reply = self._pool.request(
            "GET" if body is None else "POST",
            f"{at}/xrpc/com.atproto.{method}",
            fields=asked or None if body is None else None,
            body=None if body is None else orjson.dumps(body),
            headers={"Content-Type": "application/json", **token},
        )
        assert reply.status == 200, (method, reply.status, reply.data)
        answered: dict[str, Any] = reply.json()
        return answered

    def records(self, handle: str, *, url: str = "") -> list[dict[str, Any]]:
        """The account's latest hundred posts by key, the oldest first, each with uri, cid and value."""
        asked = {"repo": self._tokens[url or self.url, handle][0], "collection": POST, "limit": "100"}
        listed: list[dict[str, Any]] = self.call("repo.listRecords", url=url, **asked)["records"]
        return sorted(listed, key=lambda record: str(record["uri"]))

    def forget(self, handle: str) -> None:
        """Delete all of the account's posts."""
        kind = {"$type": "com.atproto.repo.applyWrites#delete", "collection": POST}
        did = self._tokens[self.url, handle][0]
        while records := self.records(handle):
            writes = [{**kind, "rkey": record["uri"].rpartition("/")[2]} for record in records]
            self.call("repo.applyWrites", {"repo": did, "writes": writes}, handle=handle)

    def commits(self, handle: str) -> str:
        """What changes with every commit of the account's."""
        revision: str = self.call("sync.getLatestCommit", did=self._tokens[self.url, handle][0])["rev"]
        return revision

    def close(self) -> None:
        self._pool.clear()


def missing() -> str:
    """Why the servers cannot be started here, "" where they can."""
    if shutil.which("node") is None:
        return "Bluesky's real server needs Node 20 or newer, which is not here"
    if not (FOLDER / "node_modules" / "@atproto" / "dev-env").is_dir():
        return "Bluesky's real server is not installed; make test-pds installs it (npm ci in tests/pds)"
    return ""


@contextmanager
def running() -> Iterator[RealPds]:
    """The servers, from their start to their end. Skips where they cannot be started, but in CI."""
    why = missing()
    if why and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why:
        pytest.skip(why)
    appview = AppView()
    with answering(appview.answer) as told:
        command = ["node", str(FOLDER / "start.mjs"), told.url]
        with subprocess.Popen(command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as node:
            watch = threading.Timer(_START_S, node.kill)
            watch.start()
            try:
                assert node.stdout is not None
                said = next((line for line in node.stdout if line.startswith(b'{"url"')), b"")
                watch.cancel()
                assert said, "the real PDS did not start"
                urls = {name: url.replace("localhost", "127.0.0.1") for name, url in json.loads(said).items()}
                pds = RealPds(urls["url"], urls["limited"], appview)
                yield pds
                pds.close()
            finally:
                watch.cancel()
                node.kill()


class FaultyProxy:
    """Hands on what it is asked, but for faults in writes of records. It tells of resets as if it were ``now``.

    ``asked`` are the methods that were called, ``written`` is set once a record was written, before the caller knows.
    """

    def __init__(self, target: str, now: datetime) -> None:
        self.faults = Faults()
        self.asked: list[str] = []
        self.written = threading.Event()
        self._at = urlsplit(target)
        self._struck = _struck(now)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        """End; harmless when called again."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def answer(
        self, fault: Fault | None, method: str, path: str, headers: Message, body: bytes
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers: the server's, or what the fault says in its place."""
        if fault is not None and fault in self._struck:
            status, said, more = self._struck[fault]
            return status, orjson.dumps(said), more
        answered = _answer(self._at.netloc, method, self._at.path + path, headers, body)
        if path.endswith(_WRITES) and answered[0] == HTTPStatus.OK:
            self.written.set()
        return answered

    def drawn(self, path: str, body: bytes) -> Fault | None:
        self.asked.append(path.partition("?")[0].rpartition(".")[2])
        if not path.endswith(_WRITES):
            return None
        asked = orjson.loads(body)
        first = asked["writes"][0] if "writes" in asked else asked
        return self.faults.draw("bluesky", f"{asked['repo']}/{first.get('rkey')}")


def _struck(now: datetime) -> Mapping[Fault, tuple[int, Mapping[str, str], Mapping[str, str]]]:
    """What is answered instead, without the server's being asked."""
    reset = {"ratelimit-reset": str(int((now + STRUCK_RESET).timestamp()))}
    return {
        Fault.RATE_LIMIT: (429, {"error": "RateLimitExceeded", "message": "Rate Limit Exceeded"}, reset),
        Fault.UNAVAILABLE: (503, {"error": "NotEnoughResources", "message": "Service Unavailable"}, {}),
        Fault.ERROR: (500, {"error": "InternalServerError", "message": "Internal Server Error"}, {}),
        Fault.REFUSE: (400, {"error": "InvalidRequest", "message": "asked to refuse this post"}, {}),
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: FaultyProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        proxy = self.server.proxy
        fault = proxy.drawn(self.path, body)
        status, told, headers = proxy.answer(fault, self.command, self.path, self.headers, body)
        if fault is Fault.DROP_REPLY:
            self.close_connection = True
            return
        if fault is Fault.SLOW:
            threading.Event().wait(proxy.faults.delay_s("bluesky"))
        self._reply(status, told, headers)

    do_GET = do_POST = _serve  # noqa: N815 - the names that http.server calls

    def _reply(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle(self) -> None:
        try:
            super().handle()
        except OSError:
            """The channel has hung up, because it was asked to or because it waited long enough."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _answer(target: str, method: str, path: str, headers: Message, body: bytes) -> tuple[int, bytes, Mapping[str, str]]:
    """What ``target`` answers, and those of its headers that tell something."""
    upstream = http.client.HTTPConnection(target, timeout=60)
    try:
        passed = {name: value for name, value in headers.items() if name.lower() not in _OWN}
        upstream.request(method, path, body or None, {**passed, "Accept-Encoding": "identity"})
        answer = upstream.getresponse()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, answer.read(), {name: told[name] for name in told if name.startswith(_TELLING)}
    finally:
        upstream.close()


_OWN = ("host", "connection", "content-length", "accept-encoding")
_TELLING = ("content-type", "ratelimit-")
