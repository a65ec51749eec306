"""Bluesky's stand-in has the reference server's rules."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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


def test_creating_under_a_taken_key_is_500_and_one_record_stays(pds: Client) -> None:
    pds.create(KEYS[0], "One")
    assert pds.create(KEYS[0], "Two").status == 500
    assert pds.get(KEYS[0]).json()["value"]["text"] == "One"
    assert pds.commits() == 1


def test_putting_the_identical_record_is_200_without_a_commit_even_at_once(pds: Client) -> None:
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: pds.put(KEYS[0], "Stop."), range(12)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json()["cid"] for reply in replies}) == 1
    assert pds.commits() == 1


def test_putting_another_record_replaces_it_unless_swap_forbids(pds: Client) -> None:
    cid = pds.put(KEYS[0], "One").json()["cid"]
    refused = pds.put(KEYS[0], "Two", swapRecord=None)
    assert (refused.status, refused.json()["error"]) == (400, "InvalidSwap")
    assert pds.put(KEYS[0], "Two", swapRecord=cid).status == 200
    assert pds.put(KEYS[0], "Three", swapRecord=cid).json()["error"] == "InvalidSwap"
    assert pds.put(KEYS[1], "New", swapRecord=None).status == 200


def test_writes_are_applied_all_or_none(pds: Client) -> None:
    assert pds.apply(**{KEYS[0]: "One", KEYS[1]: "x" * 301}).status == 400
    assert pds.apply(**{KEYS[0]: "One", "not-a-tid": "Two"}).status == 400
    assert pds.get(KEYS[0]).json()["error"] == "RecordNotFound"
    assert pds.commits() == 0
    reply = pds.apply(**{KEYS[0]: "One", KEYS[1]: "Two"})
    assert [result["uri"][-13:] for result in reply.json()["results"]] == KEYS[:2]
    assert pds.commits() == 1
    assert pds.apply(**{KEYS[2]: "Three", KEYS[1]: "Two"}).status == 500
    assert pds.get(KEYS[2]).status == 400


@pytest.mark.parametrize("rkey", ["x", "3l2wiyfiahwsa3", "zl2wiyfiahwsa", "3l2wiyfiahws1", "3L2WIYFIAHWSA"])
def test_a_key_must_be_a_tid(pds: Client, rkey: str) -> None:
    assert pds.create(rkey, "Stop.").status == 400


@pytest.mark.parametrize(
    "bad",
    [
        record("x" * 301),
        record("👨‍👩‍👧‍👦" * 121),
        {"$type": POST, "createdAt": "2026-03-09T13:00:00Z"},
        record("x", createdAt="yesterday"),
        record("x", createdAt="2026-03-09T13:00:00"),
        record("x", langs=["en", "es", "fr", "de"]),
        record("x", facets=[{"features": []}]),
        record("x", reply={"root": {"uri": "x", "cid": "y"}}),
        record("x", **{"$type": "app.bsky.feed.like"}),
    ],
)
def test_a_record_that_the_lexicon_does_not_allow_is_refused(pds: Client, bad: dict[str, Any]) -> None:
    reply = pds.call("repo.createRecord", {**pds.where(KEYS[0]), "record": bad})
    assert (reply.status, reply.json()["error"]) == (400, "InvalidRequest")
    assert pds.commits() == 0


def test_300_graphemes_are_taken(pds: Client) -> None:
    assert pds.create(KEYS[0], "e\u0301" * 300).status == 200
    assert pds.create(KEYS[1], "👨‍👩‍👧‍👦" * 120).status == 200


@pytest.mark.parametrize("body", [b"", b"{", [], 7, {}, {"repo": 7}, {"repo": "x", "writes": 7}])
@pytest.mark.parametrize("method", ["createRecord", "putRecord", "deleteRecord", "applyWrites"])
def test_what_is_no_request_is_refused(pds: Client, method: str, body: Any) -> None:
    assert pds.call(f"repo.{method}", body).status in (400, 403, 200)
    assert pds.commits() == 0


def test_a_wrong_password_signs_nobody_in(pds: Client) -> None:
    reply = pds.call("server.createSession", {"identifier": "coalition.example.org", "password": "x"}, token="")
    assert (reply.status, reply.json()["error"]) == (401, "AuthenticationRequired")


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


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_without_a_session_nothing_is_written(pds: Client, token: str) -> None:
    pds.token = token
    assert pds.create(KEYS[0], "Stop.").status in (400, 401)
    assert pds.commits() == 0


def test_a_refresh_token_opens_no_session(pds: Client) -> None:
    pds.token = pds.refresh
    assert pds.create(KEYS[0], "Stop.").json()["error"] == "InvalidToken"


def test_nobody_writes_to_somebody_elses_repository(pds: Client) -> None:
    other = Client(pds.sandbox, "west.example.org", "app-west")
    other.did, before = pds.did, other.did
    assert other.create(KEYS[0], "Stop.").status == 403
    other.close()
    assert before != pds.did


def test_points_are_counted_by_the_kind_of_write(pds: Client) -> None:
    first = pds.apply(**{KEYS[0]: "One", KEYS[1]: "Two"})
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("5000", "4994")
    assert pds.put(KEYS[2], "Three").headers["ratelimit-remaining"] == "4992"
    gone = pds.call("repo.deleteRecord", pds.where(KEYS[2]))
    assert gone.headers["ratelimit-remaining"] == "4991"
    assert gone.headers["ratelimit-reset"] == str(int((NOW + timedelta(hours=1)).timestamp()))


def test_a_deleted_record_is_gone_and_may_be_deleted_again(pds: Client) -> None:
    pds.create(KEYS[0], "Stop.")
    assert pds.call("repo.deleteRecord", pds.where(KEYS[0])).status == 200
    assert pds.get(KEYS[0]).json()["error"] == "RecordNotFound"
    assert pds.call("repo.deleteRecord", pds.where(KEYS[0])).status == 200


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
