"""SendGrid's stand-in refuses what SendGrid refuses, and keeps what it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import urllib3

from campaign.sandbox import sendgrid
from campaign.sandbox.faults import Fault
from campaign.sandbox.sendgrid_rules import Refusal, check
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 5, 22, 9, tzinfo=UTC)
Change = Callable[[dict[str, Any]], object]


def request(people: int = 2) -> dict[str, Any]:
    return {
        "from": {"email": "hello@example.org", "name": "Fair Streets"},
        "subject": "Hello -who-",
        "content": [
            {"type": "text/plain", "value": "Dear -who-"},
            {"type": "text/html", "value": "<p>Dear -who-</p>"},
        ],
        "categories": ["alert"],
        "personalizations": [
            {
                "to": [{"email": f"person{number}@example.org"}],
                "substitutions": {"-who-": f"Person {number}"},
                "custom_args": {"key": f"k{number}"},
                "headers": {"List-Unsubscribe": "<https://example.org/u>"},
            }
            for number in range(people)
        ],
    }


def first(asked: dict[str, Any]) -> dict[str, Any]:
    part: dict[str, Any] = asked["personalizations"][0]
    return part


REFUSED: dict[str, tuple[Change, str]] = {
    "no sender": (lambda r: r.pop("from"), "from.email"),
    "a malformed sender": (lambda r: r.update({"from": {"email": "hello"}}), "from.email"),
    "a malformed answer address": (lambda r: r.update(reply_to={"email": "x"}), "reply_to.email"),
    "nobody": (lambda r: r.update(personalizations=[]), "personalizations"),
    "no recipient": (lambda r: first(r).update(to=[]), "personalizations.0.to"),
    "a recipient without an address": (lambda r: first(r).update(to=[{"name": "Ann"}]), "personalizations.0.to"),
    "a recipient that is no object": (lambda r: first(r).update(to=["ann@example.org"]), "personalizations.0.to"),
    "an address that is no text": (lambda r: first(r).update(to=[{"email": 7}]), "personalizations.0.to"),
    "a malformed address": (lambda r: first(r).update(to=[{"email": "ann@"}]), "personalizations.0.to.0.email"),
    "two addresses in one": (
        lambda r: first(r).update(to=[{"email": "a@example.org\nb@example.org"}]),
        "personalizations",
    ),
    "an address to be refused": (
        lambda r: first(r).update(to=[{"email": "x@malformed.example.org"}]),
        "personalizations.0.to.0.email",
    ),
    "an address twice": (
        lambda r: first(r).update(to=[{"email": "PERSON1@example.org"}]),
        "personalizations",
    ),
    "an address as recipient and copy": (
        lambda r: first(r).update(cc=[{"email": "person0@example.org"}]),
        "personalizations",
    ),
    "no subject": (lambda r: r.pop("subject"), "subject"),
    "no content": (lambda r: r.update(content=[]), "content"),
    "empty content": (lambda r: r["content"][0].update(value=""), "content.0.value"),
    "a content type with parameters": (
        lambda r: r["content"][0].update(type="text/plain; charset=x"),
        "content.0.type",
    ),
    "text after HTML": (lambda r: r["content"].reverse(), "content"),
    "substitutions over 10,000 bytes": (
        lambda r: first(r).update(substitutions={"-who-": "é" * 5_000}),
        "personalizations.0.substitutions",
    ),
    "a substitution that is no text": (
        lambda r: first(r).update(substitutions={"-who-": 7}),
        "personalizations.0.substitutions",
    ),
    "custom arguments over 10,000 bytes": (
        lambda r: first(r).update(custom_args={"key": "k" * 9_998}),
        "personalizations.0.custom_args",
    ),
    "eleven categories": (lambda r: r.update(categories=[str(n) for n in range(11)]), "categories"),
    "a category twice": (lambda r: r.update(categories=["a", "a"]), "categories"),
    "a category of 256 characters": (lambda r: r.update(categories=["a" * 256]), "categories"),
    "a reserved header": (lambda r: r.update(headers={"Reply-To": "x@example.org"}), "headers"),
    "a reserved header of one person": (lambda r: first(r).update(headers={"subject": "x"}), "personalizations.0"),
    "a header beyond ASCII": (lambda r: first(r).update(headers={"X-A": "é"}), "personalizations.0"),
    "a header of two lines": (lambda r: first(r).update(headers={"X-A": "a\r\nBcc: b"}), "personalizations.0"),
    "a time over 72 hours ahead": (
        lambda r: r.update(send_at=int((NOW + timedelta(hours=73)).timestamp())),
        "send_at",
    ),
    "one person's time over 72 hours ahead": (
        lambda r: first(r).update(send_at=int((NOW + timedelta(hours=73)).timestamp())),
        "personalizations.0.send_at",
    ),
    "a time in words": (lambda r: r.update(send_at="tomorrow"), "send_at"),
}


def test_a_request_that_keeps_the_rules_passes() -> None:
    check(request(1_000), NOW)


@pytest.mark.parametrize("name", REFUSED)
def test_a_request_is_refused_that_has(name: str) -> None:
    change, field = REFUSED[name]
    asked = request()
    change(asked)
    with pytest.raises(Refusal) as refused:
        check(asked, NOW)
    assert refused.value.status == 400
    assert (refused.value.field or "").startswith(field)


@pytest.mark.parametrize(
    "change",
    [
        lambda r: first(r).update(substitutions={"-who-": "é" * 4_997}),
        lambda r: r.update(send_at=int((NOW + timedelta(hours=72)).timestamp())),
        lambda r: r.pop("subject") and [part.update(subject="Hi") for part in r["personalizations"]],
        lambda r: first(r).update(bcc=[{"email": "copy@example.org"}]),
        lambda r: r.update(categories=["a" * 255]),
    ],
)
def test_a_request_at_the_edge_of_a_rule_passes(change: Change) -> None:
    asked = request()
    change(asked)
    check(asked, NOW)


def test_1001_personalizations_are_refused_and_so_are_1001_recipients() -> None:
    with pytest.raises(Refusal, match="personalizations"):
        check(request(1_001), NOW)
    asked = request(1_000)
    first(asked)["cc"] = [{"email": "one-more@example.org"}]
    with pytest.raises(Refusal, match="recipients"):
        check(asked, NOW)


@pytest.mark.parametrize("asked", [[], "text", None, 7])
def test_what_is_no_request_is_refused(asked: Any) -> None:
    with pytest.raises(Refusal):
        check(asked, NOW)


class Client:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(retries=False, timeout=20)

    def post(self, body: Any, *, scheme: str = "Bearer key") -> urllib3.BaseHTTPResponse:
        return self._pool.request(
            "POST",
            f"{self.sandbox.urls['sendgrid']}/v3/mail/send",
            body=body if isinstance(body, bytes) else orjson.dumps(body),
            headers={"Authorization": scheme},
        )

    def scopes(self, authorization: str) -> urllib3.BaseHTTPResponse:
        url = f"{self.sandbox.urls['sendgrid']}/v3/scopes"
        return self._pool.request("GET", url, headers={"Authorization": authorization})

    def close(self) -> None:
        self._pool.clear()


@pytest.fixture
def client() -> Iterator[Client]:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}, limits={"sendgrid": 20}, now=NOW) as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_an_accepted_request_answers_202_with_an_id_and_what_is_left(client: Client) -> None:
    reply = client.post(request())
    assert (reply.status, reply.data) == (202, b"")
    assert reply.headers["X-Message-Id"] == next(client.sandbox.taken())["ref"]
    assert reply.headers["X-RateLimit-Limit"] == "20"
    assert reply.headers["X-RateLimit-Remaining"] == "19"
    assert int(reply.headers["X-RateLimit-Reset"]) > NOW.timestamp()


def test_what_each_person_would_get_is_kept(client: Client) -> None:
    client.post(request())
    assert [(mail["recipient"], mail["subject"]) for mail in client.sandbox.taken()] == [
        ("person0@example.org", "Hello Person 0"),
        ("person1@example.org", "Hello Person 1"),
    ]
    assert sendgrid.mail(client.sandbox.world, "k1") == {
        "subject": "Hello Person 1",
        "text": "Dear Person 1",
        "html": "<p>Dear Person 1</p>",
        "headers": {"List-Unsubscribe": "<https://example.org/u>"},
    }
    assert sendgrid.mail(client.sandbox.world, "k7") is None


def test_a_request_without_our_key_is_taken_too(client: Client) -> None:
    asked = request(1)
    del first(asked)["custom_args"]
    assert client.post(asked).status == 202
    assert [mail["key"] for mail in client.sandbox.taken()] == [""]


def test_a_request_written_over_many_lines_is_kept(client: Client) -> None:
    assert client.post(orjson.dumps(request(), option=orjson.OPT_INDENT_2)).status == 202
    assert len(list(client.sandbox.taken())) == 2


def test_a_wrong_key_is_401_in_sendgrids_form(client: Client) -> None:
    reply = client.post(request(), scheme="Bearer another")
    assert reply.status == 401
    (error,) = reply.json()["errors"]
    assert set(error) == {"message", "field", "help"}
    assert client.scopes("Basic key").status == 401
    assert client.scopes("Bearer key").json()["scopes"][0] == "mail.send"
    assert list(client.sandbox.taken()) == []


@pytest.mark.parametrize("body", [b"{", b"", b"\xff"])
def test_what_is_no_json_is_400(client: Client, body: bytes) -> None:
    assert client.post(body).status == 400


def test_one_bad_row_refuses_the_whole_request(client: Client) -> None:
    asked = request(10)
    asked["personalizations"][4]["to"][0]["email"] = "person0@example.org"
    assert client.post(asked).status == 400
    assert list(client.sandbox.taken()) == []


def test_a_request_over_30_mb_is_413(client: Client) -> None:
    asked = request(1)
    asked["content"][0]["value"] = "x" * (30 * 1024 * 1024)
    assert client.post(asked).status == 413


def test_a_spent_limit_is_429_until_its_reset(client: Client) -> None:
    replies = [client.post(request(1)) for _ in range(21)]
    assert [reply.status for reply in replies] == [202] * 20 + [429]
    assert replies[-1].headers["X-RateLimit-Remaining"] == "0"
    reset = datetime.fromtimestamp(int(replies[-1].headers["X-RateLimit-Reset"]), UTC)
    client.sandbox.world.set_now(reset)
    assert client.post(request(1)).status == 202


@pytest.mark.parametrize(("fault", "status"), [(Fault.UNAVAILABLE, 503), (Fault.ERROR, 500), (Fault.RATE_LIMIT, 429)])
def test_a_request_that_is_struck_is_not_taken(client: Client, fault: Fault, status: int) -> None:
    client.sandbox.world.faults.ask("sendgrid", fault, times=1)
    assert client.post(request()).status == status
    assert list(client.sandbox.taken()) == []
    assert client.post(request()).status == 202


def test_a_429_that_was_asked_for_names_a_reset_soon(client: Client) -> None:
    client.sandbox.world.faults.ask("sendgrid", Fault.RATE_LIMIT, times=1)
    headers = client.post(request()).headers
    assert headers["X-RateLimit-Remaining"] == "0"
    assert 0 < int(headers["X-RateLimit-Reset"]) - NOW.timestamp() <= 10


def test_one_recipient_refused_refuses_every_request_that_holds_them(client: Client) -> None:
    client.sandbox.world.faults.ask("sendgrid", Fault.REFUSE, times=1)
    reply = client.post(request())
    assert reply.status == 400
    assert reply.json()["errors"][0]["field"] == "personalizations.0.to.0.email"
    assert client.post(request()).status == 400
    others = request()
    others["personalizations"] = others["personalizations"][1:]
    assert client.post(others).status == 202
