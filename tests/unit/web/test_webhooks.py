"""The webhook on a real server: what is SendGrid's is kept as it came before it is answered, anything else is not."""

from __future__ import annotations

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from campaign.channels.sendgrid_signature import SIGNATURE, TIMESTAMP, Signatures
from campaign.engines.clock import VirtualClock
from campaign.sandbox.webhook import Poster, Signer
from campaign.storage.database import Database
from campaign.storage.inbox import SqlInbox
from campaign.web import app, webhooks
from campaign.web.webhooks import MOST_BYTES, SendGridHook
from tests.served import HOST, TIMEOUT_S, Answer, Site, served

NOW = datetime(2026, 5, 22, 13, tzinfo=UTC)
SIGNER = Signer()
BODY = json.dumps([{"event": "delivered", "email": "jos\u00e9@example.org", "key": "k"}], indent=1).encode()
PATH = "/webhooks/sendgrid"


@dataclass
class Here:
    site: Site
    database: Database
    inbox: SqlInbox
    path: Path
    said: list[str] = field(default_factory=list)
    woken: list[None] = field(default_factory=list)

    def post(self, body: bytes = BODY, headers: dict[str, str] | None = None) -> Answer:
        signed = SIGNER.headers(body, NOW) if headers is None else headers
        return self.site.ask("POST", PATH, body, {"Content-Type": "application/json", **signed})

    def kept(self) -> list[bytes]:
        found = []
        after = 0
        while (posted := self.inbox.kept(after=after)) is not None:
            after = posted.id
            found.append(posted.body)
        return found


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    with serving(tmp_path, Signatures(SIGNER.public_key)) as here:
        yield here


class serving:  # noqa: N801 - used as a function is
    def __init__(self, folder: Path, signatures: Signatures | None) -> None:
        path = folder / "ledger.db"
        database = Database(f"sqlite:///{path}")
        self._here = Here(Site(""), database, SqlInbox(database), path)
        hook = SendGridHook(
            inbox=self._here.inbox,
            signatures=signatures,
            clock=VirtualClock(NOW),
            tell=self._here.said.append,
            wake=lambda: self._here.woken.append(None),
        )
        self._served = served(
            app.create(webhooks.routes(hook), revision=database.revision, tell=self._here.said.append)
        )

    def __enter__(self) -> Here:
        site = self._served.__enter__()
        self._here.site = site
        return self._here

    def __exit__(self, *error: object) -> None:
        self._served.__exit__(None, None, None)
        self._here.database.close()


def test_what_is_signed_is_kept_byte_for_byte_and_then_answered(here: Here) -> None:
    assert here.post().status == 200
    assert here.kept() == [BODY]
    assert here.woken == [None]


def test_the_stand_ins_own_requests_are_taken(tmp_path: Path) -> None:
    signer = Signer(tmp_path / "key.pem")
    with serving(tmp_path, Signatures(Signer(tmp_path / "key.pem").public_key)) as here:
        poster = Poster(here.site.url + PATH, lambda _after: ([], 0), signer)
        stamped = signer.headers(b"[]", NOW)
        assert poster.post(b"[]", stamped)
        assert not poster.post(b"[1]", stamped)
        assert here.kept() == [b"[]"]


def test_the_same_json_written_anew_is_refused_and_not_kept(here: Here) -> None:
    anew = json.dumps(json.loads(BODY)).encode()
    assert here.post(anew, SIGNER.headers(BODY, NOW)).status == 403
    assert here.kept() == []
    assert here.woken == []


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {SIGNATURE: "AAAA"},
        {SIGNATURE: "AAAA", TIMESTAMP: "now"},
        {SIGNATURE: "!", TIMESTAMP: str(int(NOW.timestamp()))},
        Signer().headers(BODY, NOW),
        SIGNER.headers(BODY, NOW - timedelta(hours=26)),
        SIGNER.headers(BODY, NOW + timedelta(minutes=11)),
    ],
    ids=["unsigned", "no time", "no instant", "no signature", "another key", "stale", "from tomorrow"],
)
def test_what_is_not_sendgrids_or_not_of_today_is_refused(here: Here, headers: dict[str, str]) -> None:
    assert here.post(headers=headers).status == 403
    assert here.kept() == []
    assert any("is refused: its" in line or "is refused: it is not" in line for line in here.said)


def test_a_retry_after_most_of_a_day_is_taken(here: Here) -> None:
    assert here.post(headers=SIGNER.headers(BODY, NOW - timedelta(hours=24))).status == 200


def test_without_a_key_nothing_is_taken_and_the_log_names_the_variable(tmp_path: Path) -> None:
    with serving(tmp_path, None) as here:
        answer = here.post()
        assert (answer.status, answer.headers["retry-after"]) == (503, "60")
        assert here.kept() == []
        assert any("CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY" in line for line in here.said)


def test_the_same_request_again_is_answered_and_kept_once(here: Here) -> None:
    assert [here.post().status for _ in range(3)] == [200, 200, 200]
    assert here.kept() == [BODY]


def test_what_is_not_json_is_kept_all_the_same_where_it_is_signed(here: Here) -> None:
    assert here.post(b"not JSON").status == 200
    assert here.kept() == [b"not JSON"]


def test_while_the_database_cannot_be_written_it_is_asked_to_come_again(here: Here) -> None:
    here.database.engine.dispose()
    with sqlite3.connect(here.path) as connection:
        connection.execute("DROP TABLE inbox")
    answer = here.post()
    assert (answer.status, answer.headers["retry-after"]) == (503, "60")
    assert any("is not taken" in line for line in here.said)


def test_ten_thousand_events_in_one_request_are_fine(here: Here) -> None:
    event = {"event": "delivered", "email": "ann@example.org", "key": "k" * 22, "more": "x" * 500}
    body = json.dumps([event | {"sg_event_id": f"{n:040}"} for n in range(10_000)]).encode()
    assert len(body) > 6_000_000
    assert here.post(body).status == 200
    assert here.kept() == [body]


def test_a_body_that_is_too_large_is_refused_before_it_is_read(here: Here) -> None:
    address = (HOST, urlsplit(here.site.url).port)
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        signed = SIGNER.headers(BODY, NOW) | {"Content-Length": str(MOST_BYTES + 1), "Host": HOST}
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        connection.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())
        assert connection.recv(4_096).startswith(b"HTTP/1.1 413 ")
    assert here.kept() == []


def test_a_body_in_pieces_is_cut_off_where_it_is_too_large(here: Here) -> None:
    address = (HOST, urlsplit(here.site.url).port)
    with socket.create_connection(address, timeout=TIMEOUT_S) as connection:
        signed = SIGNER.headers(BODY, NOW) | {"Transfer-Encoding": "chunked", "Host": HOST}
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        connection.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())
        piece = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        threading.Thread(target=_send_on, args=(connection, piece), daemon=True).start()
        assert connection.recv(4_096).startswith(b"HTTP/1.1 413 ")
    assert here.kept() == []


def _send_on(connection: socket.socket, piece: bytes) -> None:
    try:
        for _ in range(MOST_BYTES // 0x100000 + 1):
            connection.sendall(piece)
    except OSError:
        pass  # it was cut off, as it should be


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_only_post_is_answered(here: Here, method: str) -> None:
    assert here.site.ask(method, PATH).status == 405


def test_many_at_once_are_all_kept(here: Here) -> None:
    bodies = [f"[{n}]".encode() for n in range(24)]
    answers: list[int] = []
    post: Callable[[bytes], None] = lambda body: answers.append(here.post(body).status)  # noqa: E731 - for a thread
    threads = [threading.Thread(target=post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * len(bodies)
    assert sorted(here.kept()) == sorted(bodies)
