"""Bluesky in detail: keys, records, identifiers and sessions."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.channels.bluesky import Bluesky, BlueskyCredentials
from campaign.channels.bluesky_records import composed, content_id, record_key
from campaign.model.batch import PostBatch, PostPart
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox
from tests.unit.channels.answering import Answer, Asked, answering

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
PART = PostPart(0, "key0-0", "Stop.")
TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
SESSION = {"accessJwt": "a", "refreshJwt": "r", "did": "did:plc:abc", "handle": "coalition.example.org"}


@contextmanager
def channel(url: str, word: str = "app") -> Iterator[Bluesky]:
    bluesky = Bluesky({"national": BlueskyCredentials("coalition.example.org", word)}, base_url=url, timeout_s=10)
    try:
        yield bluesky
    finally:
        bluesky.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts={"bluesky": {"national": "app"}}, now=NOW) as sandbox:
        yield sandbox


def batch(*texts: str, sent: tuple[str, ...] = (), wave: int = 0, warning: str = "") -> PostBatch:
    parts = [PostPart(seq, f"key{wave}-{seq}", text) for seq, text in enumerate(texts, start=len(sent))]
    return PostBatch(id=1, account="national", parts=parts, made_at=NOW, sent=sent, language="en", warning=warning)


def deliver(bluesky: Bluesky, posts: PostBatch) -> list[Outcome]:
    return list(bluesky.deliver(posts, bluesky.compose(posts)))


def signing(write: Answer, get: Answer | None = None) -> Callable[[Asked], Answer]:
    def answer(asked: Asked) -> Answer:
        if "createSession" in asked.path:
            return Answer(200, SESSION)
        if "getRecord" in asked.path:
            return get or Answer(400, {"error": "RecordNotFound", "message": "Could not locate record"})
        return write

    return answer


def answered(write: Answer, get: Answer | None = None, *texts: str) -> list[Outcome]:
    with answering(signing(write, get)) as server, channel(server.url) as bluesky:
        return deliver(bluesky, batch(*(texts or ("Stop.",))))


@given(
    at=st.datetimes(datetime(2006, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    key=st.text(min_size=1),
)
def test_a_records_key_is_a_valid_tid_and_always_the_same(at: datetime, key: str) -> None:
    assert TID.fullmatch(record_key(at, key))
    assert record_key(at, key) == record_key(at, key)


@given(at=st.datetimes(datetime(2006, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))
def test_keys_keep_the_order_of_time(at: datetime) -> None:
    keys = [record_key(at + timedelta(milliseconds=place), f"key{place}") for place in range(5)]
    assert keys == sorted(keys)


def test_a_key_holds_the_time_that_it_was_made_for() -> None:
    number = 0
    for digit in record_key(NOW, "key"):
        number = number << 5 | "234567abcdefghijklmnopqrstuvwxyz".index(digit)
    assert datetime.fromtimestamp((number >> 10) / 1_000_000, UTC) - NOW < timedelta(milliseconds=1)


def test_posts_of_one_instant_have_keys_of_their_own() -> None:
    assert len({record_key(NOW, f"key{n}") for n in range(50)}) == 50


def test_links_and_hashtags_are_marked_by_their_bytes() -> None:
    text = "Émile 👨‍👩‍👧‍👦: sign https://example.org/a?b=1&c=ü, now! #Rights."
    facets = composed(batch(text), batch(text).parts[0], 0)["record"]["facets"]
    marked = [text.encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode() for facet in facets]
    assert marked == ["https://example.org/a?b=1&c=ü", "#Rights"]
    assert [facet["features"][0].get("uri", facet["features"][0].get("tag")) for facet in facets] == [
        "https://example.org/a?b=1&c=ü",
        "Rights",
    ]


def test_a_record_has_its_time_and_language_and_a_label_where_bluesky_knows_the_warning() -> None:
    record = composed(batch("Stop.", warning="graphic-media"), PART, 2)["record"]
    assert record["createdAt"] == "2026-03-09T13:00:00.002Z"
    assert record["langs"] == ["en"]
    assert record["labels"]["values"] == [{"val": "graphic-media"}]
    assert "labels" not in composed(batch("Stop.", warning="politics"), PART, 0)["record"]


def test_what_a_reply_names_is_what_the_server_has(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        first = deliver(bluesky, batch("One https://example.org", "Two"))
        refs = tuple(outcome.ref for outcome in first if isinstance(outcome, Accepted) and outcome.ref)
        deliver(bluesky, batch("Three", sent=refs))
    rows = [row for commit in sandbox.world.journal.records("bluesky.commit") for row in commit["writes"]]
    assert [row["cid"] for row in rows] == [content_id(row["record"]) for row in rows]
    root = {"uri": refs[0], "cid": rows[0]["cid"]}
    assert "reply" not in rows[0]["record"]
    assert rows[1]["record"]["reply"] == {"root": root, "parent": root}
    assert rows[2]["record"]["reply"] == {"root": root, "parent": {"uri": refs[1], "cid": rows[1]["cid"]}}
    assert [row["record"]["createdAt"][-4:] for row in rows] == ["000Z", "001Z", "002Z"]


def test_a_thread_is_one_commit(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        deliver(bluesky, batch("One", "Two", "Three"))
    assert len(list(sandbox.world.journal.records("bluesky.commit"))) == 1


def test_a_thread_with_one_bad_part_leaves_nothing_behind(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        outcomes = deliver(bluesky, batch("One", "x" * 301, "Three"))
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    assert list(sandbox.taken("bluesky")) == []


def test_a_reply_to_a_post_that_is_gone_is_refused(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        (first,) = deliver(bluesky, batch("One"))
        assert isinstance(first, Accepted)
        assert first.ref is not None
        gone = first.ref[:-13] + "3l2wiyfiahwsj"
        (outcome,) = deliver(bluesky, batch("Two", sent=(gone,)))
    assert isinstance(outcome, Refused)
    assert "gone" in outcome.reason


def test_another_record_under_our_key_is_never_overwritten(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        (ours,) = deliver(bluesky, batch("What we said"))
        assert isinstance(ours, Accepted)
        (outcome,) = deliver(bluesky, batch("What we say now"))
        (settled,) = bluesky.settle(batch("What we say now"), bluesky.compose(batch("What we say now")))
    assert isinstance(outcome, InDoubt)
    assert isinstance(settled, InDoubt)
    assert [row["text"] for row in sandbox.taken("bluesky")] == ["What we said"]


def test_one_sign_in_serves_many_threads(sandbox: Sandbox) -> None:
    paths: list[str] = []

    def answer(asked: Asked) -> Answer:
        paths.append(asked.path)
        return signing(Answer(200, {"uri": "at://x", "cid": "c"}))(asked)

    with answering(answer) as server, channel(server.url) as bluesky, ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda wave: deliver(bluesky, batch("Stop.", wave=wave)), range(12)))
    assert sum("createSession" in path for path in paths) == 1
    assert sum("putRecord" in path for path in paths) == 12


def test_a_session_that_ran_out_is_renewed_and_the_post_goes(sandbox: Sandbox) -> None:
    with channel(sandbox.urls["bluesky"]) as bluesky:
        deliver(bluesky, batch("One"))
        sandbox.world.set_now(NOW + timedelta(hours=3))
        assert isinstance(deliver(bluesky, batch("Two", wave=1))[0], Accepted)
        sandbox.world.set_now(NOW + timedelta(days=365))
        assert isinstance(deliver(bluesky, batch("Three", wave=2))[0], Accepted)


def test_a_session_is_renewed_once_for_all_threads(sandbox: Sandbox) -> None:
    tokens = iter(range(100))
    renewed: list[str] = []

    def answer(asked: Asked) -> Answer:
        if "Session" in asked.path:
            renewed.append(asked.path)
            return Answer(200, {**SESSION, "accessJwt": f"a{next(tokens)}", "refreshJwt": "r"})
        if asked.headers["authorization"] == "Bearer a0":
            return Answer(400, {"error": "ExpiredToken", "message": "Token has expired"})
        return Answer(200, {"uri": "at://x", "cid": "c"})

    with answering(answer) as server, channel(server.url) as bluesky, ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(lambda wave: deliver(bluesky, batch("Stop.", wave=wave)), range(12)))
    assert all(isinstance(outcome, Accepted) for (outcome,) in outcomes)
    assert [path.rpartition(".")[2] for path in renewed] == ["createSession", "refreshSession"]


def test_after_signing_in_the_server_with_the_data_is_spoken_to() -> None:
    with answering(signing(Answer(200, {"uri": "at://x", "cid": "c"}))) as home:
        document = {
            "@context": ["https://www.w3.org/ns/did/v1"],
            "id": "did:plc:abc",
            "service": [
                {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": home.url},
            ],
        }
        with answering(lambda _: Answer(200, {**SESSION, "didDoc": document})) as entry, channel(entry.url) as bluesky:
            deliver(bluesky, batch("Stop."))
        assert [asked.path for asked in entry.asked] == ["/xrpc/com.atproto.server.createSession"]
        assert [asked.path for asked in home.asked] == ["/xrpc/com.atproto.repo.putRecord"]


def test_too_many_sign_ins_defer_until_the_reset(sandbox: Sandbox) -> None:
    for _ in range(30):
        with channel(sandbox.urls["bluesky"], word="wrong") as bluesky:
            deliver(bluesky, batch("Stop."))
    with channel(sandbox.urls["bluesky"]) as bluesky:
        (outcome,) = deliver(bluesky, batch("Stop."))
    assert isinstance(outcome, Deferred)
    assert outcome.until == NOW + timedelta(minutes=5)


def test_spent_points_defer_until_the_reset() -> None:
    limits = {"bluesky": 8}
    with (
        Sandbox(accounts={"bluesky": {"national": "app"}}, now=NOW, limits=limits) as sandbox,
        channel(sandbox.urls["bluesky"]) as bluesky,
    ):
        deliver(bluesky, batch("One", "Two"))
        outcomes = deliver(bluesky, batch("Three", "Four", wave=1))
    assert {outcome.until for outcome in outcomes if isinstance(outcome, Deferred)} == {NOW + timedelta(hours=1)}


@pytest.mark.parametrize("error", ["AccountTakedown", "AccountDeactivated", "InvalidToken", "AuthMissing"])
def test_what_is_wrong_with_the_account_defers_the_account(error: str) -> None:
    (outcome,) = answered(Answer(400, {"error": error, "message": "no"}))
    assert isinstance(outcome, Deferred)
    assert outcome.scope == "account"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_error_is_a_doubt(status: int) -> None:
    assert [type(outcome) for outcome in answered(Answer(status, b"<html>"), None, "One", "Two")] == [InDoubt, InDoubt]


def test_a_server_error_over_records_that_stand_is_an_acceptance() -> None:
    record = composed(batch("Stop."), PART, 0)["record"]
    (outcome,) = answered(Answer(500), Answer(200, {"uri": "at://x", "cid": "c", "value": record}))
    assert isinstance(outcome, Accepted)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"17", b'"x"', b"{}", b'{"error":7}', b"\xff"])
@pytest.mark.parametrize("status", [200, 400, 401, 404, 413, 429, 500, 503])
def test_no_answer_makes_it_raise(status: int, body: bytes) -> None:
    assert len(answered(Answer(status, body))) == 1
    with answering(lambda _: Answer(status, body)) as server, channel(server.url) as bluesky:
        (outcome,) = deliver(bluesky, batch("Stop."))
        assert isinstance(outcome, Deferred)
        (settled,) = bluesky.settle(batch("Stop."), bluesky.compose(batch("Stop.")))
        assert isinstance(settled, InDoubt)


def test_a_lost_reply_to_signing_in_is_no_doubt_about_the_post(sandbox: Sandbox) -> None:
    with channel("http://127.0.0.1:9") as bluesky:
        (outcome,) = deliver(bluesky, batch("Stop."))
    assert isinstance(outcome, Deferred)


def test_a_thread_in_doubt_is_settled_whole(sandbox: Sandbox) -> None:
    sandbox.world.faults.ask("bluesky", Fault.DROP_REPLY, times=1)
    with channel(sandbox.urls["bluesky"]) as bluesky:
        posts = batch("One", "Two", "Three")
        assert all(isinstance(outcome, InDoubt) for outcome in deliver(bluesky, posts))
        settled = bluesky.settle(posts, bluesky.compose(posts))
    assert [one.ref for one in settled if isinstance(one, Accepted)] == [row["ref"] for row in sandbox.taken("bluesky")]


def test_nothing_private_is_logged(sandbox: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with channel(sandbox.urls["bluesky"]) as bluesky:
        deliver(bluesky, batch("Stop."))
    assert "Bearer" not in caplog.text
    assert '"app"' not in caplog.text


def test_the_payload_holds_what_is_written_to_the_server() -> None:
    written: list[dict[str, Any]] = []

    def answer(asked: Asked) -> Answer:
        if "putRecord" in asked.path:
            written.append(json.loads(asked.body))
        return signing(Answer(200, {"uri": "at://x", "cid": "c"}))(asked)

    with answering(answer) as server, channel(server.url) as bluesky:
        payload = bluesky.compose(batch("Stop https://example.org #now"))
        bluesky.deliver(batch("Stop https://example.org #now"), payload)
    kept = json.loads(payload.chunks[0])
    assert written == [
        {
            "repo": "did:plc:abc",
            "collection": "app.bsky.feed.post",
            "rkey": kept["rkey"],
            "record": kept["record"],
            "swapRecord": None,
        }
    ]
