"""What every answer carries, what the log says, and what a stranger's connection may cost."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from queue import SimpleQueue
from urllib.parse import urlsplit

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from campaign.errors import CampaignError
from campaign.web import app
from campaign.web.app import HEADERS
from campaign.web.server import Punctual, listen, server
from tests.served import HOST, TIMEOUT_S, Site, served

KEY = "AAAABBBBCCCCDDDDEEEEFF"


async def page(request: Request) -> Response:
    return PlainTextResponse("hello", headers={"Content-Security-Policy": "a page's own", "X-Its-Own": "yes"})


async def bad(request: Request) -> Response:
    raise ValueError("ann@example.org")


ROUTES = [Route("/u/{key:path}", page, methods=["GET"]), Route("/bad", bad)]


@pytest.fixture
def said() -> SimpleQueue[str]:
    return SimpleQueue()


@pytest.fixture
def site(said: SimpleQueue[str]) -> Iterator[Site]:
    with served(app.create(ROUTES, revision=lambda: "0007", tell=said.put)) as site:
        yield site


@pytest.mark.parametrize("path", ["/healthz", "/nothing"])
def test_every_answer_carries_the_strict_headers_and_no_cookie(site: Site, path: str) -> None:
    answer = site.get(path)
    assert {name.lower(): value for name, value in HEADERS.items()}.items() <= dict(answer.headers).items()
    assert "set-cookie" not in answer.headers


def test_a_page_may_say_otherwise(site: Site) -> None:
    answer = site.get(f"/u/{KEY}")
    assert answer.headers["content-security-policy"] == "a page's own"
    assert answer.headers["x-frame-options"] == "DENY"


def test_the_log_has_the_route_and_neither_key_nor_query(site: Site, said: SimpleQueue[str]) -> None:
    for path, line in ((f"/u/{KEY}", "GET /u/{key} 200"), (f"/{KEY}", "GET (no such page) 404")):
        site.get(f"{path}?who=ann@example.org")
        assert said.get(timeout=TIMEOUT_S).rsplit(" ", 2)[0] == line


def test_a_page_that_fails_tells_the_stranger_nothing_and_the_log_where(site: Site, said: SimpleQueue[str]) -> None:
    answer = site.get("/bad")
    assert (answer.status, "ann" in answer.text) == (500, False)
    assert re.fullmatch(r"fault in Campaign itself: ValueError at test_app\.py:\d+", said.get(timeout=TIMEOUT_S))
    assert said.get(timeout=TIMEOUT_S).startswith("GET /bad 500")


def test_health_is_whether_the_database_answers_and_at_which_revision(site: Site) -> None:
    assert (site.get("/healthz").status, json.loads(site.get("/healthz").text)) == (
        200,
        {"ok": True, "revision": "0007"},
    )


def test_without_a_database_it_is_not_healthy() -> None:
    with served(app.create((), revision=lambda: None, tell=lambda _: None)) as site:
        assert site.get("/healthz").status == 503


@contextmanager
def ours(made: ASGIApp, http: type[Punctual] = Punctual) -> Iterator[tuple[str, int]]:
    """On the server that the program runs, and not just any."""
    listening = listen(HOST, 0)
    running = server(made)
    running.config.http = http
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()
    finally:
        running.should_exit = True
        thread.join()
        listening.close()


def test_the_programs_server_says_nothing_of_itself() -> None:
    with ours(app.create(ROUTES, revision=lambda: "1", tell=lambda _: None)) as (host, port):
        answer = Site(f"http://{host}:{port}").get("/healthz")
        assert (answer.status, "server" in answer.headers) == (200, False)


@pytest.mark.parametrize("sent", [b"", b"G", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_whoever_does_not_come_to_the_point_is_hung_up_on(sent: bytes) -> None:
    with (
        ours_in_a_hurry() as address,
        socket.create_connection(address, timeout=TIMEOUT_S) as connection,
    ):
        connection.sendall(sent)
        assert connection.recv(1_000) == b""


class Hurried(Punctual):
    head_within_s = 0.05


def ours_in_a_hurry() -> AbstractContextManager[tuple[str, int]]:
    return ours(app.create(ROUTES, revision=lambda: "1", tell=lambda _: None), Hurried)


def test_whoever_comes_to_the_point_is_answered_by_a_server_in_a_hurry() -> None:
    with ours_in_a_hurry() as (host, port):
        assert Site(f"http://{host}:{port}").get("/healthz").status == 200


def test_a_body_that_does_not_come_is_waited_for_so_long_and_its_sender_taken_for_gone() -> None:
    gone = threading.Event()

    async def read(request: Request) -> Response:
        try:
            await request.body()
        except ClientDisconnect:
            gone.set()
        return PlainTextResponse("")

    guarded = app.create([Route("/read", read, methods=["POST"])], revision=lambda: "1", tell=lambda _: None)
    assert isinstance(guarded, app.Guarded)
    guarded.body_within_s = 0.05
    with served(guarded) as site:
        address = (HOST, urlsplit(site.url).port or 80)
        with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
            connection.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nfive")
            assert gone.wait(TIMEOUT_S)


def test_a_port_that_is_taken_is_said_to_be() -> None:
    with listen(HOST, 0) as taken, pytest.raises(CampaignError, match="--port"):
        listen(HOST, taken.getsockname()[1])
