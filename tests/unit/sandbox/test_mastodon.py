"""Mastodon's stand-in has Mastodon's rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from campaign.sandbox.faults import Fault
from campaign.sandbox.mastodon_html import formatted
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"mastodon": {"national": "tok", "chapter-west": "tok-west"}}


class Client:
    """Calls the stand-in as an account does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(retries=False)

    def call(
        self, method: str, path: str, fields: dict[str, str] | None = None, *, bearer: str = "tok", key: str = ""
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {bearer}", **({"Idempotency-Key": key} if key else {})}
        url = self.sandbox.urls["mastodon"] + path
        if method == "POST":
            return self._pool.request(method, url, fields=fields or {}, headers=headers, encode_multipart=False)
        return self._pool.request(method, url, headers=headers)

    def post(self, status: str, *, bearer: str = "tok", key: str = "", **more: str) -> urllib3.BaseHTTPResponse:
        return self.call("POST", "/api/v1/statuses", {"status": status, **more}, bearer=bearer, key=key)

    def own(self, query: str = "", *, bearer: str = "tok") -> Any:
        me = self.call("GET", "/api/v1/accounts/verify_credentials", bearer=bearer).json()["id"]
        return self.call("GET", f"/api/v1/accounts/{me}/statuses?{query}", bearer=bearer).json()

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def server() -> Iterator[Client]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_a_post_comes_back_as_a_status(server: Client) -> None:
    status = server.post("Stop #it.", visibility="unlisted", spoiler_text="politics", language="es").json()
    assert status["id"].isdigit()
    assert status["url"].endswith(status["id"])
    assert status["created_at"] == "2026-03-09T13:00:00.000Z"
    assert (status["visibility"], status["spoiler_text"], status["language"]) == ("unlisted", "politics", "es")
    assert status["content"].startswith("<p>Stop <a ")


def test_without_a_token_that_it_knows_nothing_is_taken(server: Client) -> None:
    reply = server.post("Stop.", bearer="other")
    assert (reply.status, reply.json()["error"]) == (401, "The access token is invalid")
    assert list(server.sandbox.taken("mastodon")) == []


def test_the_same_key_gives_the_same_post_for_an_hour(server: Client) -> None:
    first = server.post("Stop.", key="k").json()
    assert server.post("Something else", key="k").json()["id"] == first["id"]
    server.sandbox.world.set_now(NOW + timedelta(minutes=59))
    assert server.post("Stop.", key="k").json()["id"] == first["id"]
    server.sandbox.world.set_now(NOW + timedelta(minutes=60))
    assert server.post("Stop.", key="k").json()["id"] != first["id"]
    assert len(list(server.sandbox.taken("mastodon"))) == 2


def test_a_key_is_an_accounts_own(server: Client) -> None:
    first = server.post("Stop.", key="k").json()
    assert server.post("Stop.", key="k", bearer="tok-west").json()["id"] != first["id"]


def test_without_a_key_the_same_text_is_posted_again(server: Client) -> None:
    assert server.post("Stop.").json()["id"] != server.post("Stop.").json()["id"]


def test_500_characters_are_taken_and_501_are_not(server: Client) -> None:
    assert server.post("x" * 500).status == 200
    assert server.post("x" * 501).status == 422
    assert server.post("x" * 490, spoiler_text="w" * 11).status == 422
    assert server.post("x" * 470 + " https://example.org/" + "a" * 100).status == 200


@pytest.mark.parametrize("fields", [{}, {"status": ""}, {"status": " "}, {"status": "x", "visibility": "everyone"}])
def test_what_is_no_post_is_refused(server: Client, fields: dict[str, str]) -> None:
    assert server.call("POST", "/api/v1/statuses", fields).status == 422


def test_a_reply_needs_a_post_that_exists(server: Client) -> None:
    assert server.post("Two", in_reply_to_id="17").status == 404
    first = server.post("One").json()
    assert server.post("Two", in_reply_to_id=first["id"]).json()["in_reply_to_id"] == first["id"]


def test_the_limit_is_told_with_a_reset_in_iso_8601_and_ends_with_429() -> None:
    with Sandbox(accounts=ACCOUNTS, now=NOW, limits={"mastodon": 2}) as sandbox:
        server = Client(sandbox)
        first = server.post("One")
        assert first.headers["X-RateLimit-Remaining"] == "1"
        assert first.headers["X-RateLimit-Reset"] == "2026-03-09T13:05:00.000000Z"
        server.post("Two")
        assert server.post("Three").status == 429
        assert server.post("Three", bearer="tok-west").status == 200
        sandbox.world.set_now(NOW + timedelta(minutes=5))
        assert server.post("Three").status == 200
        server.close()


def test_ones_own_posts_are_listed_the_newest_first_in_pages(server: Client) -> None:
    ids = [server.post(f"Post {number}").json()["id"] for number in range(5)]
    server.post("Elsewhere", bearer="tok-west")
    assert [status["id"] for status in server.own()] == ids[::-1]
    assert [status["id"] for status in server.own("limit=2")] == [ids[4], ids[3]]
    assert [status["id"] for status in server.own(f"max_id={ids[3]}")] == [ids[2], ids[1], ids[0]]
    assert [status["id"] for status in server.own(f"since_id={ids[3]}")] == [ids[4]]


def test_a_page_has_40_posts_at_most(server: Client) -> None:
    for number in range(45):
        server.post(f"Post {number}")
    assert len(server.own("limit=100")) == 40
    assert len(server.own()) == 20


def test_a_deleted_post_is_gone_and_only_its_owner_can_delete_it(server: Client) -> None:
    status = server.post("Stop.", key="k").json()
    assert server.call("DELETE", f"/api/v1/statuses/{status['id']}", bearer="tok-west").status == 404
    assert server.call("DELETE", f"/api/v1/statuses/{status['id']}").json()["text"] == "Stop."
    assert server.call("GET", f"/api/v1/statuses/{status['id']}").status == 404
    assert server.own() == []


@pytest.mark.parametrize("path", ["/api/v1/instance", "/api/v2/instance", "/api/v2/instance/"])
def test_the_server_tells_its_limits(server: Client, path: str) -> None:
    statuses = server.call("GET", path).json()["configuration"]["statuses"]
    assert (statuses["max_characters"], statuses["characters_reserved_per_url"]) == (500, 23)


def test_each_account_may_be_on_a_server_that_takes_more(server: Client) -> None:
    server.sandbox.world.longest = {"chapter-west": 5_000}
    told = server.call("GET", "/api/v2/instance", bearer="tok-west").json()["configuration"]["statuses"]
    assert told["max_characters"] == 5_000
    assert [server.post("a" * length, bearer="tok-west").status for length in (5_000, 5_001)] == [200, 422]
    assert server.post("a" * 501).status == 422


def test_it_knows_posts_and_keys_after_it_was_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        server = Client(before)
        first = server.post("One", key="k").json()
        gone = server.post("Two").json()
        server.call("DELETE", f"/api/v1/statuses/{gone['id']}")
        server.close()
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        server = Client(after)
        assert [status["id"] for status in server.own()] == [first["id"]]
        assert server.post("One", key="k").json()["id"] == first["id"]
        assert server.post("Three").json()["id"] not in (first["id"], gone["id"])
        assert [row["key"] for row in after.taken("mastodon")] == ["k", "", ""]
        server.close()


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [
        (Fault.RATE_LIMIT, 429, 0),
        (Fault.UNAVAILABLE, 503, 0),
        (Fault.ERROR, 500, 0),
        (Fault.REFUSE, 422, 0),
        (Fault.SLOW, 200, 1),
    ],
)
def test_faults_can_be_asked_for(server: Client, fault: Fault, status: int, taken: int) -> None:
    server.sandbox.world.faults.ask("mastodon", fault, times=1)
    assert server.post("Stop.").status == status
    assert len(list(server.sandbox.taken("mastodon"))) == taken


def test_a_dropped_reply_leaves_the_post(server: Client) -> None:
    server.sandbox.world.faults.ask("mastodon", Fault.DROP_REPLY, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        server.post("Stop.", key="k")
    (taken,) = server.sandbox.taken("mastodon")
    assert server.post("Stop.", key="k").json()["id"] == taken["ref"]


def test_text_becomes_html_as_mastodon_writes_it() -> None:
    text = "R&D <b>\n\nsee https://www.example.org/a-very-long/path/to/somewhere?x=1&y=2\nnow #Rights"
    assert formatted(text, "https://s.example.org") == (
        '<p>R&amp;D &lt;b&gt;</p><p>see <a href="https://www.example.org/a-very-long/path/to/somewhere?x=1&amp;y=2" '
        'target="_blank" rel="nofollow noopener noreferrer" translate="no">'
        '<span class="invisible">https://www.</span>'
        '<span class="ellipsis">example.org/a-very-long/path/t</span>'
        '<span class="invisible">o/somewhere?x=1&amp;y=2</span></a><br />now '
        '<a href="https://s.example.org/tags/rights" class="mention hashtag" rel="tag">#<span>Rights</span></a></p>'
    )


def test_several_posts_are_told_at_once_and_twenty_at_most(server: Client) -> None:
    ids = [server.post(f"Post {number}").json()["id"] for number in range(3)]
    asked = "&".join(f"id[]={number}" for number in [*ids, "17"])
    assert [one["id"] for one in server.call("GET", f"/api/v1/statuses?{asked}").json()] == ids
    asked = "&".join(f"id[]={number}" for number in range(21))
    assert server.call("GET", f"/api/v1/statuses?{asked}").status == 422


def test_figures_grow_and_replies_are_counted(server: Client) -> None:
    first = server.post("One").json()
    assert (first["favourites_count"], first["reblogs_count"], first["replies_count"]) == (0, 0, 0)
    reply = server.post("Two", in_reply_to_id=first["id"]).json()
    server.sandbox.world.set_now(NOW + timedelta(days=1))
    later = server.call("GET", f"/api/v1/statuses/{first['id']}").json()
    assert later["favourites_count"] > later["reblogs_count"] >= 0
    assert later["replies_count"] == 1
    server.call("DELETE", f"/api/v1/statuses/{reply['id']}")
    assert server.call("GET", f"/api/v1/statuses/{first['id']}").json()["replies_count"] == 0


def test_300_posts_are_taken_in_three_hours_and_30_deleted_in_half_an_hour() -> None:
    limits = {"mastodon-posts": 2, "mastodon-deletions": 1}
    with Sandbox(accounts=ACCOUNTS, now=NOW, limits=limits) as sandbox:
        server = Client(sandbox)
        first, second = (server.post(text) for text in ("One", "Two"))
        assert second.headers["X-RateLimit-Remaining"] == "0"
        assert second.headers["X-RateLimit-Reset"] == "2026-03-09T16:00:00.000000Z"
        assert server.post("Three").status == 429
        path = f"/api/v1/statuses/{first.json()['id']}"
        assert server.call("DELETE", path).status == 200
        assert server.call("DELETE", f"/api/v1/statuses/{second.json()['id']}").status == 429
        server.close()


def test_a_post_that_is_not_there_cannot_be_edited(server: Client) -> None:
    assert server.call("PUT", "/api/v1/statuses/0").status == 404
    assert server.call("PUT", "/api/v1/statuses/0", bearer="other").status == 401
