"""Bluesky's stand-in, where it cannot be held against the real server: time, faults, its journal and figures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
import urllib3

from campaign.sandbox.bluesky_repo import content_id
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"bluesky": {"national": "app", "chapter-west": "app-west"}}
POST = "app.bsky.feed.post"
KEYS = [f"3l2wiyfiahws{digit}" for digit in "abcdefghij"]


class Client:
    """Calls the stand-in as an account does."""

    def __init__(self, sandbox: Sandbox, handle: str = "coalition.example.org", word: str = "app") -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)
        self.token = ""
        session = self.call("server.createSession", {"identifier": handle, "password": word}).json()
        self.token, self.refresh, self.did = session["accessJwt"], session["refreshJwt"], session["did"]

    def call(self, method: str, body: Any = None, *, token: str | None = None) -> urllib3.BaseHTTPResponse:
        used = self.token if token is None else token
        return self._pool.request(
            "GET" if "?" in method or (body is None and token is None) else "POST",
            f"{self.sandbox.urls['bluesky']}/xrpc/com.atproto.{method}",
            body=body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else None,
            headers={"Content-Type": "application/json", **({"Authorization": f"Bearer {used}"} if used else {})},
        )

    def put(self, rkey: str, text: str, **more: Any) -> urllib3.BaseHTTPResponse:
        return self.call("repo.putRecord", {**self.where(rkey), "record": record(text), **more})

    def create(self, rkey: str, text: str) -> urllib3.BaseHTTPResponse:
        return self.call("repo.createRecord", {**self.where(rkey), "record": record(text)})

    def apply(self, **texts: str) -> urllib3.BaseHTTPResponse:
        kind = "com.atproto.repo.applyWrites#create"
        rows = [
            {"$type": kind, "collection": POST, "rkey": rkey, "value": record(text)} for rkey, text in texts.items()
        ]
        return self.call("repo.applyWrites", {"repo": self.did, "writes": rows})

    def get(self, rkey: str) -> urllib3.BaseHTTPResponse:
        return self.call(f"repo.getRecord?repo={self.did}&collection={POST}&rkey={rkey}")

    def upload(self, body: bytes) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": "application/octet-stream", "Authorization": f"Bearer {self.token}"}
        url = f"{self.sandbox.urls['bluesky']}/xrpc/com.atproto.repo.uploadBlob"
        return self._pool.request("POST", url, body=body, headers=headers)

    def posts(self, *uris: str) -> dict[str, Any]:
        asked = urlencode([("uris", uri) for uri in uris])
        url = f"{self.sandbox.urls['bluesky']}/xrpc/app.bsky.feed.getPosts?{asked}"
        told: dict[str, Any] = self._pool.request("GET", url, headers={"Authorization": f"Bearer {self.token}"}).json()
        return told

    def where(self, rkey: str) -> dict[str, str]:
        return {"repo": self.did, "collection": POST, "rkey": rkey}

    def commits(self) -> int:
        return len(list(self.sandbox.world.journal.records("bluesky.commit")))

    def close(self) -> None:
        self._pool.clear()


def record(text: str, **more: Any) -> dict[str, Any]:
    return {"$type": POST, "text": text, "createdAt": "2026-03-09T13:00:00.000Z", **more}


@pytest.fixture
def pds() -> Iterator[Client]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_a_record_is_created_with_its_cid_and_can_be_read(pds: Client) -> None:
    made = pds.create(KEYS[0], "Stop.").json()
    assert made["uri"] == f"at://{pds.did}/{POST}/{KEYS[0]}"
    assert made["cid"] == content_id(record("Stop."))
    assert pds.get(KEYS[0]).json() == {"uri": made["uri"], "cid": made["cid"], "value": record("Stop.")}


@pytest.mark.parametrize("body", [b"", b"{", [], 7, {}, {"repo": 7}, {"repo": "x", "writes": 7}])
@pytest.mark.parametrize("method", ["createRecord", "putRecord", "deleteRecord", "applyWrites"])
def test_what_is_no_request_is_refused(pds: Client, method: str, body: Any) -> None:
    assert pds.call(f"repo.{method}", body).status in (400, 403, 200)
    assert pds.commits() == 0


def test_an_account_may_sign_in_30_times_in_5_minutes(pds: Client) -> None:
    signing = {"identifier": "coalition.example.org", "password": "app"}
    statuses = [pds.call("server.createSession", signing, token="").status for _ in range(30)]
    assert statuses == [200] * 29 + [429]  # the fixture signed in before
    pds.sandbox.world.set_now(NOW + timedelta(minutes=5))
    assert pds.call("server.createSession", signing, token="").status == 200


def test_a_token_runs_out_and_is_refreshed(pds: Client) -> None:
    pds.sandbox.world.set_now(NOW + timedelta(hours=3))
    assert pds.create(KEYS[0], "Stop.").json()["error"] == "ExpiredToken"
    session = pds.call("server.refreshSession", token=pds.refresh).json()
    pds.token = session["accessJwt"]
    assert pds.create(KEYS[0], "Stop.").status == 200


def test_a_refresh_token_opens_no_session(pds: Client) -> None:
    pds.token = pds.refresh
    assert pds.create(KEYS[0], "Stop.").json()["error"] == "InvalidToken"


def test_points_are_counted_by_the_kind_of_write(pds: Client) -> None:
    first = pds.apply(**{KEYS[0]: "One", KEYS[1]: "Two"})
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("5000", "4994")
    assert pds.put(KEYS[2], "Three").headers["ratelimit-remaining"] == "4992"
    gone = pds.call("repo.deleteRecord", pds.where(KEYS[2]))
    assert gone.headers["ratelimit-remaining"] == "4991"
    assert gone.headers["ratelimit-reset"] == str(int((NOW + timedelta(hours=1)).timestamp()))


def test_records_are_listed_the_newest_first_in_pages(pds: Client) -> None:
    for rkey in KEYS[:5]:
        pds.create(rkey, rkey)
    first = pds.call(f"repo.listRecords?repo={pds.did}&collection={POST}&limit=3").json()
    second = pds.call(f"repo.listRecords?repo={pds.did}&collection={POST}&limit=3&cursor={first['cursor']}").json()
    texts = [one["value"]["text"] for one in (*first["records"], *second["records"])]
    assert texts == sorted(KEYS[:5], reverse=True)
    assert "cursor" not in second


def test_it_knows_records_and_sessions_after_it_was_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        client = Client(before)
        client.apply(**{KEYS[0]: "One", KEYS[1]: "Two"})
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        client.sandbox = after
        assert client.get(KEYS[1]).json()["value"]["text"] == "Two"
        assert client.create(KEYS[0], "One").status == 500
        assert client.create(KEYS[2], "Three").status == 200
        assert [row["key"] for row in after.taken("bluesky")] == KEYS[:3]
        client.close()


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [
        (Fault.RATE_LIMIT, 429, 0),
        (Fault.UNAVAILABLE, 503, 0),
        (Fault.ERROR, 500, 0),
        (Fault.REFUSE, 400, 0),
        (Fault.SLOW, 200, 2),
    ],
)
def test_faults_can_be_asked_for(pds: Client, fault: Fault, status: int, taken: int) -> None:
    pds.sandbox.world.faults.ask("bluesky", fault, times=1)
    assert pds.apply(**{KEYS[0]: "One", KEYS[1]: "Two"}).status == status
    assert len(list(pds.sandbox.taken("bluesky"))) == taken


def test_a_dropped_reply_leaves_the_records(pds: Client) -> None:
    pds.sandbox.world.faults.ask("bluesky", Fault.DROP_REPLY, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        pds.apply(**{KEYS[0]: "One", KEYS[1]: "Two"})
    assert [row["text"] for row in pds.sandbox.taken("bluesky")] == ["One", "Two"]


def test_figures_grow_with_time_and_count_the_replies(pds: Client) -> None:
    first = pds.create(KEYS[0], "One").json()
    reply = {"root": {"uri": first["uri"], "cid": first["cid"]}, "parent": {"uri": first["uri"], "cid": first["cid"]}}
    pds.call("repo.createRecord", {**pds.where(KEYS[1]), "record": record("Two", reply=reply)})
    seen = []
    for hours in (0, 3, 30):
        pds.sandbox.world.set_now(NOW + timedelta(hours=hours))
        pds.token = pds.call("server.refreshSession", token=pds.refresh).json()["accessJwt"]
        (post,) = pds.posts(first["uri"], f"at://{pds.did}/{POST}/{KEYS[2]}")["posts"]
        seen.append((post["likeCount"], post["replyCount"]))
    assert seen == sorted(seen)
    assert seen[0] == (0, 1)
    assert seen[2][0] > seen[1][0] > 0
    pds.call("repo.deleteRecord", pds.where(KEYS[1]))
    assert pds.posts(first["uri"])["posts"][0]["replyCount"] == 0


def test_of_25_posts_at_most_figures_are_told(pds: Client) -> None:
    uris = [f"at://{pds.did}/{POST}/3l2wiyfiahw{number:02}" for number in range(22, 48)]
    assert pds.posts(*uris[:25]) == {"posts": []}
    assert pds.posts(*uris)["error"] == "InvalidRequest"


def test_it_knows_what_was_uploaded_after_it_was_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        client = Client(before)
        ref = client.upload(b"\x89PNG\r\n\x1a\n").json()["blob"]
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        client.sandbox = after
        shown = {"$type": "app.bsky.embed.images", "images": [{"image": ref, "alt": "A dot"}]}
        assert client.put(KEYS[0], "Stop.").status == 200
        assert client.put(KEYS[1], "", record=record("See.", embed=shown)).status == 200
        client.close()
