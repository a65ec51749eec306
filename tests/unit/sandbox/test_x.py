"""X's stand-in has X's rules."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3
from openapi_schema_validator import OAS30Validator

from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
ACCOUNTS = {"x": {"national": "tok", "chapter-west": "tok-west"}}


class Client:
    """Calls the stand-in as an account does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(retries=False)

    def call(self, method: str, path: str, body: Any = None, *, bearer: str = "tok") -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            method,
            self.sandbox.urls["x"] + path,
            body=body if isinstance(body, bytes) else orjson.dumps(body) if body is not None else None,
            headers={"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"},
        )

    def post(self, text: str, reply_to: str | None = None, *, bearer: str = "tok") -> urllib3.BaseHTTPResponse:
        reply = {"reply": {"in_reply_to_tweet_id": reply_to}} if reply_to else {}
        return self.call("POST", "/2/tweets", {"text": text, **reply}, bearer=bearer)

    def posted(self, text: str, reply_to: str | None = None) -> str:
        reply = self.post(text, reply_to)
        assert reply.status == 201, reply.data
        return str(reply.json()["data"]["id"])

    def timeline(self, query: str = "", *, bearer: str = "tok") -> Any:
        me = self.call("GET", "/2/users/me", bearer=bearer).json()["data"]["id"]
        return self.call("GET", f"/2/users/{me}/tweets?{query}", bearer=bearer).json()

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def x() -> Iterator[Client]:
    with Sandbox(accounts=ACCOUNTS, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_a_post_is_answered_with_201_and_its_id(x: Client) -> None:
    reply = x.post("Stop.")
    assert reply.status == 201
    assert reply.json()["data"]["text"] == "Stop."
    assert reply.json()["data"]["id"].isdigit()


def test_without_a_token_that_it_knows_nothing_is_taken(x: Client) -> None:
    assert x.post("Stop.", bearer="other").status == 401
    assert list(x.sandbox.taken("x")) == []


def test_the_same_text_twice_is_forbidden_to_an_account_and_to_no_other(x: Client) -> None:
    x.posted("Stop.")
    reply = x.post("Stop.")
    assert (reply.status, reply.json()["detail"]) == (
        403,
        "You are not allowed to create a Tweet with duplicate content.",
    )
    assert x.post("Stop.", bearer="tok-west").status == 201


def test_280_weighted_characters_are_taken_and_281_are_not(x: Client) -> None:
    assert x.post("日" * 140).status == 201
    assert x.post("日" * 140 + "!").status == 400
    assert x.post("https://example.org/" + "a" * 400).status == 201


def test_a_reply_needs_a_post_that_exists(x: Client) -> None:
    assert x.post("Two", reply_to="17").status == 403
    first = x.posted("One")
    x.posted("Two", reply_to=first)
    assert [row["reply_to"] for row in x.sandbox.taken("x")] == [None, first]


@pytest.mark.parametrize(
    "body", [b"", b"{", [], 7, {}, {"text": ""}, {"text": 7}, {"txt": "x"}, {"text": "x", "reply": 7}]
)
def test_what_is_no_post_is_refused(x: Client, body: Any) -> None:
    assert x.call("POST", "/2/tweets", body).status == 400


def test_the_limit_is_told_with_every_reply_and_ends_with_429(x: Client) -> None:
    first = x.post("One")
    assert first.headers["x-rate-limit-limit"] == "100"
    assert first.headers["x-rate-limit-remaining"] == "99"
    reset = int(first.headers["x-rate-limit-reset"])
    assert reset == int((NOW + timedelta(minutes=15)).timestamp())
    for number in range(99):
        assert x.post(f"Post {number}").status == 201
    last = x.post("One too many")
    assert (last.status, last.headers["x-rate-limit-remaining"]) == (429, "0")
    assert x.post("Another account", bearer="tok-west").status == 201
    x.sandbox.world.set_now(NOW + timedelta(minutes=15))
    assert x.post("One too many").status == 201


def test_a_timeline_is_ones_own_and_the_newest_first(x: Client) -> None:
    ids = [x.posted(f"Post {number}") for number in range(3)]
    x.post("Elsewhere", bearer="tok-west")
    assert [post["id"] for post in x.timeline()["data"]] == ids[::-1]
    assert [post["text"] for post in x.timeline(bearer="tok-west")["data"]] == ["Elsewhere"]


def test_a_timeline_has_pages(x: Client) -> None:
    ids = [x.posted(f"Post {number}") for number in range(12)]
    found: list[str] = []
    token = ""
    while True:
        page = x.timeline("max_results=5" + (f"&pagination_token={token}" if token else ""))
        found += [post["id"] for post in page["data"]]
        token = page["meta"].get("next_token", "")
        if not token:
            break
    assert found == ids[::-1]


def test_a_timeline_begins_where_it_is_asked_to(x: Client) -> None:
    x.posted("Before")
    x.sandbox.world.set_now(NOW + timedelta(hours=1))
    x.posted("After")
    assert [post["text"] for post in x.timeline("start_time=2026-03-09T13:30:00Z")["data"]] == ["After"]
    assert "data" not in x.timeline("start_time=2026-03-09T14:30:00Z")


def test_links_come_back_as_xs_own_with_what_stood_there(x: Client) -> None:
    x.posted("A & B: https://example.org/a?b=1, example.net <c>")
    (post,) = x.timeline("post.fields=entities,text,created_at")["data"]
    first, second = post["entities"]["urls"]
    assert post["text"] == f"A &amp; B: {first['url']}, {second['url']} &lt;c&gt;"
    assert (first["expanded_url"], second["expanded_url"]) == ("https://example.org/a?b=1", "http://example.net")
    assert first["url"].startswith("https://t.co/")
    assert len(first["url"]) == 23
    assert post["text"][first["start"] : first["end"]] == first["url"]
    assert post["created_at"] == "2026-03-09T13:00:00.000Z"


def test_what_was_not_asked_for_is_not_told(x: Client) -> None:
    x.posted("Two", reply_to=x.posted("One"))
    assert set(x.timeline()["data"][0]) == {"id", "text"}
    assert "referenced_posts" in x.timeline("expansions=referenced_posts")["data"][0]


@pytest.mark.parametrize(
    "query", ["tweep.fields=id", "post.fields=nothing", "max_results=4", "max_results=x", "start_time=x"]
)
def test_a_parameter_that_x_does_not_know_is_refused(x: Client, query: str) -> None:
    assert x.timeline(query)["title"] == "Invalid Request"


def test_a_deleted_post_is_gone_and_only_its_owner_can_delete_it(x: Client) -> None:
    number = x.posted("Stop.")
    assert x.call("DELETE", f"/2/tweets/{number}", bearer="tok-west").status == 403
    assert x.call("DELETE", f"/2/tweets/{number}").json() == {"data": {"deleted": True}}
    assert "data" not in x.timeline()
    assert x.call("DELETE", f"/2/tweets/{number}").json() == {"data": {"deleted": False}}


def test_it_knows_what_it_took_after_it_was_killed(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as before:
        client = Client(before)
        first, second = client.posted("One"), client.posted("Two")
        client.call("DELETE", f"/2/tweets/{second}")
        client.close()
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS, now=NOW) as after:
        client = Client(after)
        assert [post["id"] for post in client.timeline()["data"]] == [first]
        assert client.post("One").status == 403
        assert client.posted("Three") not in (first, second)
        client.close()


@pytest.mark.parametrize(
    ("fault", "status", "taken"),
    [
        (Fault.RATE_LIMIT, 429, 0),
        (Fault.UNAVAILABLE, 503, 0),
        (Fault.ERROR, 500, 0),
        (Fault.REFUSE, 403, 0),
        (Fault.SLOW, 201, 1),
    ],
)
def test_faults_can_be_asked_for(x: Client, fault: Fault, status: int, taken: int) -> None:
    x.sandbox.world.faults.ask("x", fault, times=1)
    assert x.post("Stop.").status == status
    assert len(list(x.sandbox.taken("x"))) == taken


def test_a_dropped_reply_leaves_the_post(x: Client) -> None:
    x.sandbox.world.faults.ask("x", Fault.DROP_REPLY, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        x.post("Stop.")
    assert [row["text"] for row in x.sandbox.taken("x")] == ["Stop."]


def test_its_answers_are_what_the_specification_describes(x: Client, shared: Path) -> None:
    specification = json.loads((shared / "specs" / "x_api_v2_openapi.json").read_text())
    schemas = {"components": {"schemas": specification["components"]["schemas"]}}
    fields = "post.fields=created_at,entities,text&expansions=referenced_posts"
    made = x.post("One https://example.org")
    x.post("Two", reply_to=made.json()["data"]["id"])
    answers = {
        "CreatePostsResponse": made.json(),
        "GetUsersPostsResponse": x.timeline(fields),
        "GetUsersMeResponse": x.call("GET", "/2/users/me").json(),
        "DeletePostsResponse": x.call("DELETE", f"/2/tweets/{made.json()['data']['id']}").json(),
    }
    for name, answer in answers.items():
        OAS30Validator({**schemas, "$ref": f"#/components/schemas/{name}"}).validate(answer)
