"""Whether pages are there, asked of a real server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from campaign.lookups.pages import WebPages

STATUSES = {"/ok": 200, "/gone": 404, "/shy": 403, "/broken": 500, "/busy": 429, "/private": 401}


class Site(BaseHTTPRequestHandler):
    """``/no-head`` knows no HEAD; ``/moved`` leads to /ok and ``/circle`` to itself; ``/endless`` never ends."""

    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        if self.path == "/no-head":
            return self._say(405)
        return self._get()

    def do_GET(self) -> None:
        self._get()

    def _get(self) -> None:
        if self.path in ("/moved", "/circle", "/lost"):
            target = {"/moved": "/ok", "/circle": "/circle", "/lost": "/gone"}[self.path]
            return self._say(302, target)
        return self._say(200 if self.path == "/no-head" else STATUSES.get(self.path, 404))

    def _say(self, status: int, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_pages_that_are_there_are_not_spoken_of(site: str) -> None:
    pages = WebPages()
    assert pages.broken([f"{site}{path}" for path in ("/ok", "/moved", "/no-head")]) == {}
    pages.close()


@pytest.mark.parametrize(
    ("path", "says", "uncertain"),
    [
        ("/gone", "404 Not Found", False),
        ("/broken", "500 Internal Server Error", False),
        ("/lost", "404 Not Found", False),
        ("/circle", "it leads in a circle", False),
        ("/shy", "403 Forbidden", True),
        ("/busy", "429 Too Many Requests", True),
        ("/private", "401 Unauthorized", True),
    ],
)
def test_pages_that_are_not_there_are_told_with_how_certain_that_is(
    site: str,
    path: str,
    says: str,
    uncertain: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    pages = WebPages()
    [why] = pages.broken([site + path]).values()
    assert says in why.what
    assert why.uncertain is uncertain
    pages.close()


def test_where_nothing_answers_it_is_not_certain_that_nothing_is_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        pages = WebPages()
        [why] = pages.broken([f"http://127.0.0.1:{taken.getsockname()[1]}/"]).values()
        pages.close()
    assert (why.what, why.uncertain) == ("nothing answers there", True)


def test_a_page_that_does_not_answer_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        pages = WebPages(timeout_s=0.3)
        [why] = pages.broken([f"http://127.0.0.1:{silent.getsockname()[1]}/"]).values()
        pages.close()
    assert (why.what, why.uncertain) == ("no answer in time", True)


def test_no_more_pages_are_asked_for_than_it_says(site: str) -> None:
    pages = WebPages(most=2)
    links = [f"{site}/gone?{number}" for number in range(5)]
    assert list(pages.broken(links)) == links[:2]
    pages.close()


def test_what_cannot_be_read_is_told() -> None:
    pages = WebPages()
    assert pages.broken(["https://[bad/"])["https://[bad/"].what == "it cannot be read"
    pages.close()
