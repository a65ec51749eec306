"""What a server of Bluesky's does, held against the real one and against the stand-in alike, call by call."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
import urllib3

from campaign.sandbox.server import Sandbox
from tests.real_pds import POST, RealPds

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
KEYS = [f"3l2wiyfiahws{digit}" for digit in "abcdefghij"]
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
JPEG = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")
MP4 = bytes.fromhex("00000018667479706d70343200000000") + b"mp42isom" + bytes(64)
PASSWORDS = {"national": "s3cret-of-national", "chapter-west": "s3cret-of-west"}


class Server:
    """One account's calls to a server."""

    def __init__(self, url: str, handle: str, password: str) -> None:
        self.url, self.handle = (url, handle)
        self._pool = urllib3.PoolManager(maxsize=8, retries=False)
        self.token = ""
        signing = {"identifier": handle, "password": password}
        session = self.call("com.atproto.server.createSession", signing).json()
        self.token, self.did = session["accessJwt"], session["did"]

    def call(self, method: str, body: Any = None, **asked: Any) -> urllib3.BaseHTTPResponse:
        kind = asked.pop("kind", "application/json")
        return self._pool.request(
            "GET" if body is None else "POST",
            f"{self.url}/xrpc/{method}",
            fields=asked or None if body is None else None,
            body=body if isinstance(body, bytes) or body is None else orjson.dumps(body),
            headers={"Content-Type": kind, **({"Authorization": f"Bearer {self.token}"} if self.token else {})},
        )

    def upload(self, body: bytes, kind: str) -> urllib3.BaseHTTPResponse:
        return self.call("com.atproto.repo.uploadBlob", body, kind=kind)

    def put(self, rkey: str, record: Any, **more: Any) -> urllib3.BaseHTTPResponse:
        return self.call("com.atproto.repo.putRecord", {**self.where(rkey), "record": record, **more})

    def create(self, rkey: str, record: Any) -> urllib3.BaseHTTPResponse:
        return self.call("com.atproto.repo.createRecord", {**self.where(rkey), "record": record})

    def delete(self, rkey: str) -> urllib3.BaseHTTPResponse:
        return self.call("com.atproto.repo.deleteRecord", self.where(rkey))

    def apply(self, *writes: tuple[str, Any]) -> urllib3.BaseHTTPResponse:
        kind = "com.atproto.repo.applyWrites#create"
        rows = [{"$type": kind, "collection": POST, "rkey": rkey, "value": value} for rkey, value in writes]
        return self.call("com.atproto.repo.applyWrites", {"repo": self.did, "writes": rows})

    def get(self, rkey: str) -> urllib3.BaseHTTPResponse:
        return self.call("com.atproto.repo.getRecord", repo=self.did, collection=POST, rkey=rkey)

    def where(self, rkey: str) -> dict[str, str]:
        return {"repo": self.did, "collection": POST, "rkey": rkey}

    def keys(self) -> list[str]:
        listed = self.call("com.atproto.repo.listRecords", repo=self.did, collection=POST, limit="100").json()
        return sorted(record["uri"].rpartition("/")[2] for record in listed["records"])

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture(params=["stand-in", pytest.param("pds", marks=pytest.mark.xdist_group("pds"))])
def at(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """Where the server is, and what its handles end in. Nothing stands on it."""
    if request.param == "stand-in":
        with Sandbox(accounts={"bluesky": PASSWORDS}, now=NOW) as sandbox:
            yield sandbox.urls["bluesky"], "example.org"
        return
    pds: RealPds = request.getfixturevalue("real_pds")
    for account, password in PASSWORDS.items():
        pds.account(f"{account}.test", password)
        pds.forget(f"{account}.test")
    yield pds.url, "test"


@pytest.fixture
def server(at: tuple[str, str]) -> Iterator[Server]:
    server = Server(at[0], f"national.{at[1]}", PASSWORDS["national"])
    yield server
    server.close()


def record(text: str = "Stop.", **more: Any) -> dict[str, Any]:
    return {"$type": POST, "text": text, "createdAt": "2026-03-09T13:00:00.000Z", **more}


def link(body: bytes) -> str:
    return "b" + base64.b32encode(b"\x01\x55\x12\x20" + hashlib.sha256(body).digest()).decode().lower().rstrip("=")


def blob(body: bytes, kind: str, **changed: Any) -> dict[str, Any]:
    return {"$type": "blob", "ref": {"$link": link(body)}, "mimeType": kind, "size": len(body), **changed}


def images(*blobs: dict[str, Any], **more: Any) -> dict[str, Any]:
    rows = [{"image": one, "alt": "A dot", "aspectRatio": {"width": 1, "height": 1}, **more} for one in blobs]
    return {"$type": "app.bsky.embed.images", "images": rows}


def external(**more: Any) -> dict[str, Any]:
    card = {"uri": "https://example.org/act", "title": "Act", "description": "Sign the letter", **more}
    return {"$type": "app.bsky.embed.external", "external": card}


def unique(text: bytes) -> bytes:
    """A picture like no other: a blob that a record names stays, and another test must not find it."""
    return PNG + text


def said(reply: urllib3.BaseHTTPResponse) -> tuple[int, str]:
    return reply.status, reply.json()["error"]


# ── blobs ──


@pytest.mark.parametrize(
    ("body", "kind"), [(PNG, "image/png"), (JPEG, "image/jpeg"), (MP4, "video/mp4")], ids=["png", "jpeg", "mp4"]
)
def test_a_blob_is_named_by_its_bytes_and_its_type_is_seen_in_them(server: Server, body: bytes, kind: str) -> None:
    for claimed in (kind, "application/octet-stream"):
        reply = server.upload(body, claimed)
        assert (reply.status, reply.json()) == (200, {"blob": blob(body, kind)})


def test_a_blob_whose_bytes_tell_no_type_has_the_one_that_was_claimed(server: Server) -> None:
    assert server.upload(b"plain words", "text/plain").json()["blob"]["mimeType"] == "text/plain"


def test_without_a_session_nothing_is_uploaded(server: Server) -> None:
    server.token = ""
    assert said(server.upload(PNG, "image/png")) == (401, "AuthMissing")


def test_a_record_may_name_what_was_uploaded(server: Server) -> None:
    picture = unique(b"named")
    server.upload(picture, "image/png")
    shown = record(embed=images(blob(picture, "image/png")))
    assert server.put(KEYS[0], shown).status == 200
    assert server.get(KEYS[0]).json()["value"] == shown


def test_a_record_that_names_what_was_not_uploaded_is_refused_and_leaves_nothing(server: Server) -> None:
    shown = record(embed=images(blob(unique(b"never uploaded"), "image/png")))
    assert said(server.put(KEYS[0], shown)) == (400, "BlobNotFound")
    assert said(server.apply((KEYS[0], record()), (KEYS[1], shown))) == (400, "BlobNotFound")
    assert server.keys() == []


def test_a_blob_belongs_to_the_account_that_uploaded_it(server: Server, at: tuple[str, str]) -> None:
    other = Server(at[0], f"chapter-west.{at[1]}", PASSWORDS["chapter-west"])
    picture = unique(b"of another account")
    other.upload(picture, "image/png")
    assert said(server.put(KEYS[0], record(embed=images(blob(picture, "image/png"))))) == (400, "BlobNotFound")
    other.close()


@pytest.mark.parametrize(
    ("changed", "error"), [({"mimeType": "image/webp"}, "InvalidMimeType"), ({"size": 7}, "InvalidSize")]
)
def test_a_record_must_name_a_blob_as_it_is(server: Server, changed: dict[str, Any], error: str) -> None:
    picture = unique(error.encode())
    server.upload(picture, "image/png")
    shown = record(embed=images(blob(picture, "image/png", **changed)))
    assert said(server.put(KEYS[0], shown)) == (400, error)
    assert server.keys() == []


def test_a_blob_goes_with_the_last_record_that_names_it(server: Server) -> None:
    picture = unique(b"goes with its record")
    shown = record(embed=images(blob(picture, "image/png")))
    server.upload(picture, "image/png")
    server.apply((KEYS[0], shown), (KEYS[1], shown))
    server.delete(KEYS[0])
    assert server.put(KEYS[2], shown).status == 200
    server.delete(KEYS[1])
    server.delete(KEYS[2])
    assert said(server.put(KEYS[3], shown)) == (400, "BlobNotFound")
    server.upload(picture, "image/png")
    assert server.put(KEYS[3], shown).status == 200


def test_to_upload_again_what_a_record_names_changes_nothing(server: Server) -> None:
    picture = unique(b"uploaded again")
    shown = record(embed=images(blob(picture, "image/png")))
    server.upload(picture, "image/png")
    first = server.put(KEYS[0], shown).json()
    assert server.upload(picture, "image/png").json() == {"blob": blob(picture, "image/png")}
    assert server.put(KEYS[0], shown, swapRecord=None).json()["cid"] == first["cid"]
    assert server.put(KEYS[1], record("Another", embed=shown["embed"])).status == 200


# ── records ──


@pytest.mark.parametrize(
    "embed",
    [
        images(*[blob(PNG, "image/png")] * 4),
        images(blob(PNG, "image/png"), alt="x" * 2_000),
        {"$type": "app.bsky.embed.images", "images": [{"image": blob(PNG, "image/png"), "alt": ""}]},
        external(),
        external(thumb=blob(PNG, "image/png")),
        {"$type": "app.bsky.embed.video", "video": blob(MP4, "video/mp4"), "alt": "A dot that moves"},
    ],
)
def test_an_embed_that_the_lexicon_allows_is_taken(server: Server, embed: dict[str, Any]) -> None:
    server.upload(PNG, "image/png")
    server.upload(MP4, "video/mp4")
    assert server.put(KEYS[0], record(embed=embed)).status == 200


@pytest.mark.parametrize(
    "bad",
    [
        record("x" * 301),
        record("👨‍👩‍👧‍👦" * 121),
        {"$type": POST, "createdAt": "2026-03-09T13:00:00Z"},
        record("x", createdAt="yesterday"),
        record("x", createdAt="2026-03-09T13:00:00"),
        record("x", langs=["en", "es", "fr", "de"]),
        record("x", langs=["English, please"]),
        record("x", facets=[{"features": []}]),
        record("x", facets=[{"index": {"byteStart": -1, "byteEnd": 1}, "features": []}]),
        record(
            "x",
            facets=[
                {
                    "index": {"byteStart": 0, "byteEnd": 1},
                    "features": [{"$type": "app.bsky.richtext.facet#mention", "did": "ana.example.org"}],
                }
            ],
        ),
        record(
            "x",
            facets=[
                {
                    "index": {"byteStart": 0, "byteEnd": 1},
                    "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "no address"}],
                }
            ],
        ),
        record("x", reply={"root": {"uri": "x", "cid": "y"}}),
        record("x", **{"$type": "app.bsky.feed.like"}),
        record(embed=images(*[blob(PNG, "image/png")] * 5)),
        record(embed=images(blob(PNG, "text/plain"))),
        record(embed=images(blob(PNG, "image/png"), alt=None)),
        record(embed=images(blob(PNG, "image/png"), aspectRatio={"width": 0, "height": 1})),
        record(embed=images({"$type": "blob", "ref": {"$link": "x"}, "mimeType": "image/png", "size": 1})),
        record(embed=external(title=None)),
        record(embed=external(uri="example.org")),
        record(embed=external(thumb=blob(PNG, "image/png", size=1_000_001))),
        record(embed={"$type": "app.bsky.embed.video", "video": blob(PNG, "image/png")}),
        record(embed={"$type": "app.bsky.embed.video", "video": blob(MP4, "video/mp4"), "alt": "x" * 1_001}),
        record(embed=images(blob(PNG, "image/png", size=2_000_001))),
        record(embed={"images": []}),
    ],
)
def test_a_record_that_the_lexicon_does_not_allow_is_refused(server: Server, bad: dict[str, Any]) -> None:
    server.upload(PNG, "image/png")
    server.upload(MP4, "video/mp4")
    assert said(server.create(KEYS[0], bad)) == (400, "InvalidRequest")
    assert server.keys() == []


@pytest.mark.parametrize("rkey", ["x", "3l2wiyfiahwsa3", "zl2wiyfiahwsa", "3l2wiyfiahws1", "3L2WIYFIAHWSA"])
def test_a_posts_key_must_be_a_tid(server: Server, rkey: str) -> None:
    assert said(server.create(rkey, record())) == (400, "InvalidRequest")


def test_300_graphemes_are_taken(server: Server) -> None:
    assert server.create(KEYS[0], record("e\u0301" * 300)).status == 200
    assert server.create(KEYS[1], record("👨‍👩‍👧‍👦" * 120)).status == 200


def test_creating_under_a_taken_key_is_500_and_one_record_stays(server: Server) -> None:
    server.create(KEYS[0], record("One"))
    assert said(server.create(KEYS[0], record("Two"))) == (500, "InternalServerError")
    assert server.get(KEYS[0]).json()["value"]["text"] == "One"


def test_the_identical_record_again_is_no_commit_even_at_once_and_where_none_should_stand(server: Server) -> None:
    with ThreadPoolExecutor(6) as pool:
        replies = list(pool.map(lambda _: server.put(KEYS[0], record(), swapRecord=None), range(12)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json()["cid"] for reply in replies}) == 1
    assert sum("commit" in reply.json() for reply in replies) == 1


def test_another_record_replaces_one_unless_none_should_stand(server: Server) -> None:
    cid = server.put(KEYS[0], record("One")).json()["cid"]
    assert said(server.put(KEYS[0], record("Two"), swapRecord=None)) == (400, "InvalidSwap")
    assert server.put(KEYS[0], record("Two"), swapRecord=cid).status == 200
    assert said(server.put(KEYS[0], record("Three"), swapRecord=cid)) == (400, "InvalidSwap")


def test_writes_are_applied_all_or_none(server: Server) -> None:
    assert server.apply((KEYS[0], record("One")), (KEYS[1], record("x" * 301))).status == 400
    assert server.apply((KEYS[0], record("One")), ("not-a-tid", record("Two"))).status == 400
    assert server.keys() == []
    assert server.apply((KEYS[0], record("One")), (KEYS[1], record("Two"))).status == 200
    assert server.apply((KEYS[2], record("Three")), (KEYS[1], record("Two"))).status == 500
    assert server.apply((KEYS[3], record("One")), (KEYS[3], record("One"))).status == 500
    assert server.keys() == KEYS[:2]


def test_threads_that_race_for_one_key_leave_one_of_them(server: Server) -> None:
    writes = [(rkey, record(rkey)) for rkey in KEYS[:5]]
    with ThreadPoolExecutor(6) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: server.apply(*writes), range(6)))
    assert statuses == [200, 500, 500, 500, 500, 500]
    assert server.keys() == KEYS[:5]


def test_200_writes_go_together_and_no_more(server: Server) -> None:
    digits = "234567abcdefghijklmnopqrstuvwxyz"
    keys = [f"3l2wiyfiahw{first}{second}" for first in digits[:7] for second in digits]
    assert said(server.apply(*[(rkey, record(rkey)) for rkey in keys[:201]])) == (400, "InvalidRequest")
    assert server.apply(*[(rkey, record(rkey)) for rkey in keys[:200]]).status == 200


def test_a_request_has_150_kilobytes_at_most(server: Server) -> None:
    def of(size: int) -> bytes:
        body = {**server.where(KEYS[0]), "record": record(), "validate": True}
        return orjson.dumps(body).ljust(size)

    assert said(server.call("com.atproto.repo.putRecord", of(150 * 1024 + 1)))[0] == 413
    assert server.call("com.atproto.repo.putRecord", of(150 * 1024)).status == 200


def test_a_deleted_record_is_gone_and_may_be_deleted_again(server: Server) -> None:
    server.create(KEYS[0], record())
    assert "commit" in server.delete(KEYS[0]).json()
    assert said(server.get(KEYS[0])) == (400, "RecordNotFound")
    again = server.delete(KEYS[0])
    assert (again.status, "commit" in again.json()) == (200, False)


def test_a_key_may_be_used_again_after_its_record_was_deleted(server: Server) -> None:
    server.create(KEYS[0], record("One"))
    server.delete(KEYS[0])
    assert server.put(KEYS[0], record("Two"), swapRecord=None).status == 200


def test_nobody_writes_to_somebody_elses_repository(server: Server, at: tuple[str, str]) -> None:
    other = Server(at[0], f"chapter-west.{at[1]}", PASSWORDS["chapter-west"])
    server.did, own = other.did, server.did
    assert server.create(KEYS[0], record()).status == 401
    assert other.keys() == []
    assert own != other.did
    other.close()


# ── accounts and handles ──


def test_a_handle_is_resolved_to_its_did(server: Server) -> None:
    asked = server.call("com.atproto.identity.resolveHandle", handle=server.handle.upper())
    assert (asked.status, asked.json()) == (200, {"did": server.did})


@pytest.mark.parametrize("handle", ["nobody-at-all", "no.such.account.invalid", "nobody"])
def test_a_handle_that_nobody_has_is_not_resolved(server: Server, at: tuple[str, str], handle: str) -> None:
    asked = handle if "." in handle else f"{handle}.{at[1]}"
    assert said(server.call("com.atproto.identity.resolveHandle", handle=asked)) == (400, "InvalidRequest")


def test_what_is_no_handle_is_the_servers_own_mistake(server: Server) -> None:
    assert said(server.call("com.atproto.identity.resolveHandle", handle="no handle")) == (500, "InternalServerError")


def test_a_session_says_who_it_is(server: Server) -> None:
    told = server.call("com.atproto.server.getSession").json()
    assert (told["handle"], told["did"], told["active"]) == (server.handle, server.did, True)


@pytest.mark.parametrize(
    ("token", "answer"), [("", (401, "AuthMissing")), ("x", (400, "InvalidToken")), ("a.b.c", (400, "InvalidToken"))]
)
def test_without_a_session_nothing_is_written(server: Server, token: str, answer: tuple[int, str]) -> None:
    server.token = token
    assert said(server.create(KEYS[0], record())) == answer
    assert server.keys() == []


def test_a_wrong_password_signs_nobody_in(server: Server) -> None:
    signing = {"identifier": server.handle, "password": "x"}
    server.token = ""
    assert said(server.call("com.atproto.server.createSession", signing)) == (401, "AuthenticationRequired")
