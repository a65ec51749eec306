"""Mastodon's stand-in keeps pictures and videos as a server does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from campaign.sandbox.faults import Fault
from campaign.sandbox.mastodon_media import ALT, LOOKS
from campaign.sandbox.server import Sandbox
from tests.pictures import BROKEN, VIDEO, plain

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"mastodon": {"national": "tok", "chapter-west": "tok-west"}}


class Client:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(retries=False)

    def call(self, method: str, path: str, *, bearer: str = "tok", **more: Any) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {bearer}"}
        return self._pool.request(method, self.sandbox.urls["mastodon"] + path, headers=headers, **more)

    def upload(self, body: bytes, media_type: str = "image/png", alt: str = "A crowd", **more: Any) -> Any:
        fields = {"file": ("media", body, media_type), "description": alt}
        return self.call("POST", "/api/v2/media", fields=fields, **more)

    def post(self, *media: str, text: str = "Stop.", **more: Any) -> Any:
        fields = [("status", text), *(("media_ids[]", number) for number in media)]
        return self.call("POST", "/api/v1/statuses", fields=fields, encode_multipart=False, **more)

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def server() -> Iterator[Client]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_a_picture_is_there_at_once_with_its_alternative_text(server: Client) -> None:
    reply = server.upload(plain())
    assert reply.status == 200
    assert (reply.json()["type"], reply.json()["description"]) == ("image", "A crowd")
    assert reply.json()["url"]


def test_a_video_is_processed_while_it_is_looked_at(server: Client) -> None:
    reply = server.upload(VIDEO, "video/mp4")
    assert (reply.status, reply.json()["url"]) == (202, None)
    looks = [server.call("GET", f"/api/v1/media/{reply.json()['id']}").status for _ in range(LOOKS + 2)]
    assert looks == [206] * LOOKS + [200, 200]


def test_a_broken_video_is_taken_and_then_cannot_be_processed(server: Client) -> None:
    reply = server.upload(BROKEN, "video/mp4")
    assert reply.status == 202
    looks = [server.call("GET", f"/api/v1/media/{reply.json()['id']}").status for _ in range(LOOKS + 1)]
    assert looks[-1] == 422


@pytest.mark.parametrize("body", [b"", b"text", b"%PDF-1.7"])
def test_what_is_no_picture_is_refused_by_its_bytes(server: Client, body: bytes) -> None:
    assert server.upload(body).status == 422


def test_an_alternative_text_that_is_too_long_is_refused(server: Client) -> None:
    assert server.upload(plain(), alt="a" * ALT).status == 200
    assert server.upload(plain(), alt="a" * (ALT + 1)).status == 422


def test_a_form_without_a_file_or_no_form_at_all_is_refused(server: Client) -> None:
    assert server.call("POST", "/api/v2/media", fields={"description": "A crowd"}).status == 422
    assert server.call("POST", "/api/v2/media", body=b"{}").status == 400


def test_a_post_shows_what_was_handed_over_once(server: Client) -> None:
    first, second = (server.upload(plain(colour)).json()["id"] for colour in ("red", "blue"))
    status = server.post(first, second).json()
    assert [one["id"] for one in status["media_attachments"]] == [first, second]
    assert server.post(first).status == 422
    assert server.call("GET", f"/api/v1/media/{first}").status == 404
    (taken,) = server.sandbox.taken("mastodon")
    assert [one["alt"] for one in taken["media"]] == ["A crowd", "A crowd"]


def test_what_is_not_processed_or_anothers_or_not_known_cannot_be_shown(server: Client) -> None:
    waiting = server.upload(VIDEO, "video/mp4").json()["id"]
    other = server.upload(plain(), bearer="tok-west").json()["id"]
    assert [server.post(number).status for number in (waiting, other, "17")] == [422, 422, 422]
    assert server.call("GET", f"/api/v1/media/{other}").status == 404
    assert list(server.sandbox.taken("mastodon")) == []


def test_five_pictures_or_a_video_beside_one_are_too_many(server: Client) -> None:
    pictures = [server.upload(plain()).json()["id"] for _ in range(5)]
    assert server.post(*pictures).status == 422
    video = server.upload(VIDEO, "video/mp4").json()["id"]
    for _ in range(LOOKS + 1):
        server.call("GET", f"/api/v1/media/{video}")
    assert server.post(pictures[0], video).status == 422
    assert server.post(video).status == 200


def test_a_deleted_post_lets_go_of_what_it_showed(server: Client) -> None:
    number = server.upload(plain()).json()["id"]
    status = server.post(number).json()
    server.call("DELETE", f"/api/v1/statuses/{status['id']}")
    assert server.call("GET", f"/api/v1/media/{number}").status == 200


def test_thirty_are_taken_in_half_an_hour(server: Client) -> None:
    replies = [server.upload(plain()) for _ in range(31)]
    assert [reply.status for reply in replies] == [200] * 30 + [429]
    assert replies[0].headers["X-RateLimit-Limit"] == "30"
    assert replies[30].headers["X-RateLimit-Reset"] == "2026-03-09T13:30:00.000000Z"
    server.sandbox.world.set_now(NOW + timedelta(minutes=30))
    assert server.upload(plain()).status == 200


def test_a_server_that_was_killed_still_has_what_was_handed_over(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        client = Client(before)
        number = client.upload(plain()).json()["id"]
        client.close()
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        client = Client(after)
        assert client.post(number).status == 200
        client.close()


def test_faults_can_be_asked_of_media_alone(server: Client) -> None:
    server.sandbox.world.faults.ask("mastodon-media", Fault.UNAVAILABLE, times=1)
    assert server.post().status == 200
    assert server.upload(plain()).status == 503
    assert server.upload(plain()).status == 200
