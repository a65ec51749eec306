"""Pages and numbers that waves wait for, asked of a real server on loopback."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest

from campaign.engines.clock import SystemClock
from campaign.lookups.conditions import REDIRECTS, Answers
from campaign.model.condition import Elsewhere, NumberCondition, PageCondition, Seen

PAGES: dict[str, tuple[int, str, bytes]] = {
    "/live": (200, "text/html; charset=utf-8", "<p>Add <b>your\n name</b> &amp; go — ¡ya!</p>".encode()),
    "/latin": (200, "text/html; charset=ISO-8859-1", "Añade tu nombre".encode("latin-1")),
    "/odd": (200, "text/html; charset=klingon", b"Add your name"),
    "/down": (503, "text/plain", b"Add your name"),
    "/huge": (200, "text/plain", b"x" * (1024 * 1024 + 1) + b"Add your name"),
    "/count": (200, "application/json", b'{"signatures": 9412, "a/b": [{"m~n": "10,412"}], "no": true, "half": 0.5}'),
    "/deep": (200, "application/json", b"[" * 100_000),
    "/nan": (200, "application/json", b'{"signatures": NaN}'),
    "/words": (200, "text/html", b"<p>9412</p>"),
    "/lost": (500, "application/json", b'{"signatures": 99999}'),
}


class Site(BaseHTTPRequestHandler):
    """``/circle`` leads to itself, ``/moved`` to /live, ``/inner`` to this machine by another name, ``/plain`` to http
    elsewhere; ``/slow`` answers when it is let, and ``/drip`` never comes to its end."""

    protocol_version = "HTTP/1.1"
    let = Event()

    def do_GET(self) -> None:
        port = self.connection.getsockname()[1]
        leads = {
            "/circle": "/circle",
            "/moved": "/live",
            "/inner": f"https://localhost:{port}/live",
            "/plain": "http://example.org/",
        }
        if self.path in leads:
            self.send_response(302)
            self.send_header("Location", leads[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/slow":
            self.let.wait(30)
            return
        if self.path == "/drip":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            while not self.let.wait(0.05):
                try:
                    self.wfile.write(b"x")
                except OSError:
                    return
            return
        status, kind, body = PAGES[self.path]
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            return  # whoever has read enough goes away

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def site() -> Iterator[str]:
    Site.let.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.daemon_threads = False
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    Site.let.set()
    server.shutdown()
    thread.join()
    server.server_close()


def look(condition: Elsewhere, *, timeout_s: float = 10.0) -> Seen:
    answers = Answers(SystemClock(), timeout_s=timeout_s)
    try:
        return answers.look(condition)
    finally:
        answers.close()


@pytest.mark.parametrize(
    ("path", "contains", "evidence"),
    [
        ("/live", "", "200"),
        ("/live", "Add your name & go", "200, and the words are on the page"),
        ("/live", "go — ¡ya!", "200, and the words are on the page"),
        ("/moved", "Add your name", "200, and the words are on the page"),
        ("/latin", "Añade tu nombre", "200, and the words are on the page"),
        ("/odd", "Add your name", "200, and the words are on the page"),
    ],
)
def test_a_page_is_live_when_it_answers_and_a_reader_finds_the_words_on_it(
    site: str, path: str, contains: str, evidence: str
) -> None:
    assert look(PageCondition(site + path, contains=contains)) == Seen(is_met=True, evidence=evidence)


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        ("/down", "503 Service Unavailable"),
        ("/words", "200, but the words are not on the page"),
        ("/huge", "200, and more than 1 MB, which is not read"),
        ("/circle", f"it leads on more than {REDIRECTS} times"),
        ("/inner", "it leads to an address of an inner network"),
        ("/plain", "it leads to an address that is not https"),
    ],
)
def test_a_page_that_is_not_live_says_what_was_seen_instead(site: str, path: str, evidence: str) -> None:
    assert look(PageCondition(site + path, contains="Add your name")) == Seen(is_met=False, evidence=evidence)


def test_a_page_may_be_awaited_with_another_status(site: str) -> None:
    assert look(PageCondition(f"{site}/down", answers=503)).is_met
    assert not look(PageCondition(f"{site}/live", answers=503)).is_met


def test_a_server_that_keeps_silent_is_not_waited_for_any_longer(site: str) -> None:
    assert look(PageCondition(f"{site}/slow"), timeout_s=0.3) == Seen(is_met=False, evidence="no answer in time")


def test_a_server_that_never_comes_to_its_end_is_not_listened_to_any_longer(site: str) -> None:
    assert look(PageCondition(f"{site}/drip"), timeout_s=0.3) == Seen(
        is_met=False, evidence="no whole answer within 0.3 s"
    )


def test_where_nothing_listens_that_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        seen = look(PageCondition(f"http://127.0.0.1:{port}/"))
    assert seen == Seen(is_met=False, evidence="nothing answers there")


@pytest.mark.parametrize(
    ("path", "pointer", "at_least", "met", "evidence"),
    [
        ("/count", "/signatures", 10_000, False, "9,412 of 10,000"),
        ("/count", "/signatures", 9_412, True, "9,412 of 9,412"),
        ("/count", "/a~1b/0/m~0n", 10_000, True, "10,412 of 10,000"),
        ("/count", "/half", 1, False, "0.5 of 1"),
        ("/count", "/no", 1, False, "200, but at /no is no number"),
        ("/count", "", 1, False, "200, but at  is no number"),
        ("/count", "/a~1b/00", 1, False, "200, but there is nothing at /a~1b/00"),
        ("/count", "/gone", 1, False, "200, but there is nothing at /gone"),
        ("/count", "/signatures/0", 1, False, "200, but there is nothing at /signatures/0"),
        ("/words", "/signatures", 1, False, "200, but it is no JSON"),
        ("/deep", "/signatures", 1, False, "200, but it is no JSON"),
        ("/nan", "/signatures", 1, False, "200, but it is no JSON"),
        ("/lost", "/signatures", 1, False, "500 Internal Server Error"),
    ],
)
def test_a_number_is_read_by_its_pointer_and_shown_beside_what_it_must_be(
    site: str,
    path: str,
    pointer: str,
    at_least: int,
    met: bool,  # noqa: FBT001 - a parameter of the test
    evidence: str,
) -> None:
    assert look(NumberCondition(site + path, pointer, at_least)) == Seen(is_met=met, evidence=evidence)
