"""What is particular to SendGrid: its requests, its replies, its events."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_schema_validator import OAS31Validator
from ruamel.yaml import YAML

from campaign.channels import sendgrid
from campaign.channels.sendgrid import SendGrid
from campaign.errors import ChannelUnusable, NotConfigured
from campaign.model.batch import MailBatch, MailContent, MailRow
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.plan import Sender
from campaign.sandbox.server import Sandbox

SENDER = Sender(via="sendgrid", address="hello@example.org", name="Fair Streets", postal_address="1 Elm Street")
CONTENT = MailContent(
    sender=SENDER,
    subject="Hello zqNAMEzq",
    html="<p>Hello zqNAMEzq</p>",
    text="Hello zqNAMEzq",
    tokens=("zqNAMEzq",),
    language="en",
    categories=("alert",),
)


def batch_of(count: int, *, content: MailContent = CONTENT) -> MailBatch:
    rows = [
        MailRow(n, f"key{n:019}", f"p{n}@example.org", f"Person {n}", (f"Person {n}",), f"https://example.org/u/{n}")
        for n in range(count)
    ]
    return MailBatch(id=1, content=content, rows=rows)


def request_of(channel: SendGrid, batch: MailBatch) -> dict[str, Any]:
    request: dict[str, Any] = orjson.loads(channel.compose(batch).body())
    return request


@pytest.fixture
def channel() -> Iterator[SendGrid]:
    channel = SendGrid(api_key="key", base_url="http://127.0.0.1:9")
    yield channel
    channel.close()


class Scripted(socketserver.ThreadingTCPServer):
    """Answers every HTTP request with the same bytes, then closes the connection; counts requests."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, reply: bytes | None, *, read_body: bool, at_once: bool) -> None:
        super().__init__(("127.0.0.1", 0), _Scripted)
        self.at_once = at_once
        self.reply = reply
        self.read_body = read_body
        self.requests = 0
        self.ended = threading.Event()


class _Scripted(socketserver.StreamRequestHandler):
    server: Scripted

    def handle(self) -> None:
        if self.server.at_once:
            self.wfile.write(self.server.reply or b"")
            self.rfile.read(1)
            return
        length = 0
        for line in iter(self.rfile.readline, b"\r\n"):
            if not line:
                return
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        if self.server.read_body:
            self.rfile.read(length)
        self.server.requests += 1
        if self.server.reply is None:
            self.server.ended.wait()
        else:
            self.wfile.write(self.server.reply)


@contextmanager
def scripted(reply: bytes | None, *, read_body: bool = True, at_once: bool = False) -> Iterator[tuple[Scripted, str]]:
    with Scripted(reply, read_body=read_body, at_once=at_once) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server, f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


def http(status: int, body: bytes = b"", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status} Reply\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def outcome_of(reply: bytes | None, *, people: int = 1, timeout_s: float = 20) -> Outcome:
    with scripted(reply) as (_, url):
        channel = SendGrid(api_key="key", base_url=url, timeout_s=timeout_s)
        batch = batch_of(people)
        outcomes = channel.deliver(batch, channel.compose(batch))
        channel.close()
    assert len(outcomes) == people
    assert len(set(outcomes)) == 1
    return outcomes[0]


# --- requests ---


def test_a_request_holds_the_shared_body_once_and_each_person_once(channel: SendGrid) -> None:
    assert request_of(channel, batch_of(2)) == {
        "from": {"email": "hello@example.org", "name": "Fair Streets"},
        "subject": "Hello zqNAMEzq",
        "content": [
            {"type": "text/plain", "value": "Hello zqNAMEzq"},
            {"type": "text/html", "value": "<p>Hello zqNAMEzq</p>"},
        ],
        "categories": ["alert"],
        "tracking_settings": {
            "click_tracking": {"enable": True, "enable_text": False},
            "open_tracking": {"enable": True},
            "subscription_tracking": {"enable": False},
        },
        "personalizations": [
            {
                "to": [{"email": f"p{n}@example.org", "name": f"Person {n}"}],
                "substitutions": {"zqNAMEzq": f"Person {n}"},
                "custom_args": {"key": f"key{n:019}"},
                "headers": {
                    "List-Unsubscribe": f"<https://example.org/u/{n}>",
                    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                },
            }
            for n in range(2)
        ],
    }


def test_the_custom_arguments_hold_our_key_and_nothing_of_the_person(channel: SendGrid) -> None:
    for part in request_of(channel, batch_of(3))["personalizations"]:
        assert set(part["custom_args"]) == {"key"}
        assert "Person" not in part["custom_args"]["key"]


def test_what_is_not_there_is_not_sent(channel: SendGrid) -> None:
    content = replace(CONTENT, html="", tokens=(), categories=())
    batch = replace(batch_of(1), content=content)
    batch = replace(batch, rows=[batch.rows[0]._replace(name="", values=(), unsubscribe_url="")])
    request = request_of(channel, batch)
    assert "categories" not in request
    assert "send_at" not in request
    assert "reply_to" not in request
    assert [part["type"] for part in request["content"]] == ["text/plain"]
    assert request["personalizations"] == [{"to": [{"email": "p0@example.org"}], "custom_args": {"key": f"key{0:019}"}}]


def test_a_time_to_send_is_in_seconds_since_1970(channel: SendGrid) -> None:
    batch = replace(batch_of(1), send_at=datetime(2026, 5, 22, 13, tzinfo=UTC))
    assert request_of(channel, batch)["send_at"] == 1779454800


def test_at_most_ten_categories_are_sent_none_twice() -> None:
    channel = SendGrid(api_key="key", base_url="http://127.0.0.1:9", categories=("alert", *map(str, range(12))))
    categories = request_of(channel, batch_of(1))["categories"]
    assert len(categories) == len(set(categories)) == 10
    channel.close()


def test_tracking_can_be_switched_off() -> None:
    channel = SendGrid(api_key="key", base_url="http://127.0.0.1:9", track_opens=False, track_clicks=False)
    settings = request_of(channel, batch_of(1))["tracking_settings"]
    assert not any(setting["enable"] for setting in settings.values())
    channel.close()


@pytest.fixture(scope="session")
def validator(shared: Path) -> OAS31Validator:
    spec = YAML(typ="safe").load(shared / "specs" / "sendgrid_mail_v3.yaml")
    schema = spec["components"]["requestBodies"]["PostMailSend"]["content"]["application/json"]["schema"]
    return OAS31Validator({**schema, "components": spec["components"]})


@pytest.mark.parametrize("people", [1, 7, 1_000])
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"html": ""},
        {"categories": ()},
        {"tokens": ("zqNAMEzq",), "subject": "Größe, ñ, 🎉"},
        {"sender": replace(SENDER, reply_to="answers@example.org", name="")},
    ],
)
def test_every_request_is_valid_by_sendgrids_openapi(
    validator: OAS31Validator, channel: SendGrid, people: int, change: dict[str, Any]
) -> None:
    batch = replace(batch_of(people, content=replace(CONTENT, **change)), send_at=datetime(2026, 5, 22, tzinfo=UTC))
    assert [error.message for error in validator.iter_errors(request_of(channel, batch))] == []


def test_the_openapi_is_really_looked_at(validator: OAS31Validator, channel: SendGrid) -> None:
    request = request_of(channel, batch_of(1_001))
    request["personalizations"][0]["substitutions"]["zqNAMEzq"] = 7
    del request["from"]
    assert len(list(validator.iter_errors(request))) == 3


# --- replies ---

WHY = orjson.dumps({"errors": [{"message": "Not good: [ann@example.org]", "field": None, "help": None}]})


def test_202_is_accepted_with_sendgrids_id() -> None:
    assert outcome_of(http(202, headers="X-Message-Id: abc\r\n"), people=3) == Accepted(ref="abc")


def test_a_202_that_was_the_last_of_its_window_says_until_when_to_rest() -> None:
    spent = "X-Message-Id: abc\r\nX-RateLimit-Remaining: 0\r\nX-RateLimit-Reset: 1779454800\r\n"
    assert outcome_of(http(202, headers=spent)) == Accepted(ref="abc", rest_until=datetime(2026, 5, 22, 13, tzinfo=UTC))
    assert outcome_of(http(202, headers=spent.replace(": 0", ": 1"))) == Accepted(ref="abc")


@pytest.mark.parametrize("status", [400, 406, 413, 415, 422])
def test_a_bad_request_is_refused_with_sendgrids_reason_and_without_the_address(status: int) -> None:
    refused = Refused("Not good: [(address)]", code=str(status))
    assert outcome_of(http(status, WHY)) == refused
    assert outcome_of(http(status, WHY), people=2) == replace(refused, whole=True)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"errors": 7}', b'{"errors": [7, {}]}', b"\xff"])
def test_a_refusal_without_a_reason_is_told_as_one(body: bytes) -> None:
    assert outcome_of(http(400, body)) == Refused("SendGrid gave no reason", code="400")


@pytest.mark.parametrize("status", [301, 307, 401, 403, 404, 405, 408, 503])
def test_a_reply_that_blames_no_row_stops_the_channel(status: int) -> None:
    outcome = outcome_of(http(status, WHY, headers="Location: http://127.0.0.1:9/\r\n"), people=2)
    assert isinstance(outcome, Deferred)
    assert (outcome.scope, outcome.until) == ("channel", None)
    assert "ann@" not in outcome.reason


@pytest.mark.parametrize(
    ("header", "until"),
    [
        ("X-RateLimit-Reset: 1779454800\r\n", datetime(2026, 5, 22, 13, tzinfo=UTC)),
        ("", None),
        ("X-RateLimit-Reset: soon\r\n", None),
        ("X-RateLimit-Reset: 99999999999999999999\r\n", None),
    ],
)
def test_429_waits_for_the_reset_that_it_names(header: str, until: datetime | None) -> None:
    outcome = outcome_of(http(429, headers=header))
    assert isinstance(outcome, Deferred)
    assert (outcome.scope, outcome.until) == ("channel", until)


@pytest.mark.parametrize("status", [200, 201, 500, 502, 504, 599])
def test_a_reply_that_does_not_tell_leaves_the_whole_request_in_doubt(status: int) -> None:
    assert isinstance(outcome_of(http(status), people=2), InDoubt)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 2", b"nonsense\r\n\r\n"])
def test_a_lost_or_torn_reply_leaves_the_request_in_doubt(reply: bytes) -> None:
    assert isinstance(outcome_of(reply), InDoubt)


def test_a_reply_torn_after_its_status_still_counts() -> None:
    torn = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: abc\r\nContent-Length: 100\r\n\r\nhalf"
    assert outcome_of(torn) == Accepted(ref="abc")


def test_no_reply_in_time_leaves_the_request_in_doubt() -> None:
    outcome = outcome_of(None, timeout_s=0.2)
    assert outcome == InDoubt("SendGrid did not reply in time")


def test_a_server_that_hangs_up_on_a_large_request_leaves_it_in_doubt_or_is_heard() -> None:
    with scripted(http(400, WHY), read_body=False) as (_, url):
        channel = SendGrid(api_key="key", base_url=url)
        batch = batch_of(1_000, content=replace(CONTENT, html="x" * 5_000_000))
        outcomes = channel.deliver(batch, channel.compose(batch))
        channel.close()
    assert all(isinstance(outcome, InDoubt | Refused) for outcome in outcomes)


def test_a_host_that_does_not_exist_was_not_reached() -> None:
    channel = SendGrid(api_key="key", base_url="http://nothing.invalid")
    batch = batch_of(1)
    (outcome,) = channel.deliver(batch, channel.compose(batch))
    assert isinstance(outcome, Deferred)
    channel.close()


def test_where_tls_fails_nothing_was_sent() -> None:
    with scripted(b"no TLS here", at_once=True) as (_, url):
        channel = SendGrid(api_key="key", base_url=url.replace("http://", "https://"), timeout_s=20)
        batch = batch_of(2)
        for outcome in channel.deliver(batch, channel.compose(batch)):
            assert isinstance(outcome, Deferred)
            assert outcome.scope == "channel"
        channel.close()


def test_by_https_it_sends_where_the_authority_is_trusted_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, trusted, batch = {"sendgrid": {"campaign": "key"}}, tmp_path / "authority.pem", batch_of(2)
    with Sandbox(accounts=accounts, trusted=trusted) as sandbox:
        url = sandbox.urls["sendgrid"]
        assert url.startswith("https://")
        stranger = SendGrid(api_key="key", base_url=url, timeout_s=20)
        with pytest.raises(ChannelUnusable, match=r"its certificate is not trusted; .* SSL_CERT_FILE"):
            stranger.check()
        for outcome in stranger.deliver(batch, stranger.compose(batch)):
            assert isinstance(outcome, Deferred)
            assert outcome.scope == "channel"
        stranger.close()
        assert not list(sandbox.taken())
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        channel = SendGrid(api_key="key", base_url=url, timeout_s=20)
        channel.check()
        assert [type(outcome) for outcome in channel.deliver(batch, channel.compose(batch))] == [Accepted] * 2
        channel.close()
        assert len(list(sandbox.taken())) == 2


def test_a_certificate_for_another_name_is_not_accepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = tmp_path / "authority.pem"
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}, trusted=trusted) as sandbox:
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        url = sandbox.urls["sendgrid"].replace("127.0.0.1", "localhost")
        channel = SendGrid(api_key="key", base_url=url, timeout_s=20)
        with pytest.raises(ChannelUnusable, match="its certificate is not trusted"):
            channel.check()
        channel.close()


def test_no_request_is_made_twice_by_itself() -> None:
    for reply in (b"", http(503), http(500), http(307, headers="Location: /\r\n")):
        with scripted(reply) as (server, url):
            channel = SendGrid(api_key="key", base_url=url)
            batch = batch_of(1)
            channel.deliver(batch, channel.compose(batch))
            channel.close()
            assert server.requests == 1


def test_equal_failures_are_told_in_equal_words() -> None:
    reasons = set()
    for port in (9, 10):
        channel = SendGrid(api_key="key", base_url=f"http://127.0.0.1:{port}")
        batch = batch_of(1)
        (outcome,) = channel.deliver(batch, channel.compose(batch))
        assert isinstance(outcome, Deferred)
        reasons.add(outcome.reason)
        channel.close()
    assert len(reasons) == 1


def test_somebody_whose_fields_are_too_large_gets_bodies_of_their_own_in_a_batch_of_one() -> None:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}) as sandbox:
        channel = SendGrid(api_key="key", base_url=sandbox.urls["sendgrid"])
        batch = batch_of(3)
        rows: Sequence[MailRow] = [batch.rows[0], batch.rows[1]._replace(values=("é" * 5_000,)), batch.rows[2]]
        batch = replace(batch, rows=rows)
        outcomes = channel.deliver(batch, channel.compose(batch))
        assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Accepted]
        assert isinstance(outcomes[1], Refused)
        assert not outcomes[1].whole
        assert [mail["recipient"] for mail in sandbox.taken()] == ["p0@example.org", "p2@example.org"]
        assert channel.compose(batch).alone == (1,)
        alone = replace(batch, rows=[rows[1]])
        payload = channel.compose(alone)
        assert payload.alone == ()
        assert b"substitutions" not in payload.body()
        (outcome,) = channel.deliver(alone, payload)
        assert isinstance(outcome, Accepted)
        assert "é" * 5_000 in channel.shows(payload, 0).html
        assert [mail["recipient"] for mail in sandbox.taken()][2:] == ["p1@example.org"]
        just = replace(batch, rows=[rows[1]._replace(values=("é" * 4_996,))])
        (outcome,) = channel.deliver(just, channel.compose(just))
        assert isinstance(outcome, Accepted)
        channel.close()


def test_a_request_over_30_mb_is_refused_without_a_call() -> None:
    with scripted(http(202)) as (server, url):
        channel = SendGrid(api_key="key", base_url=url)
        batch = batch_of(2, content=replace(CONTENT, html="x" * sendgrid.REQUEST_BYTES))
        outcomes = channel.deliver(batch, channel.compose(batch))
        assert all(isinstance(outcome, Refused) and outcome.whole for outcome in outcomes)
        assert server.requests == 0
        channel.close()


def test_connections_are_kept() -> None:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}) as sandbox:
        channel = SendGrid(api_key="key", base_url=sandbox.urls["sendgrid"])
        for _ in range(5):
            batch = batch_of(2)
            channel.deliver(batch, channel.compose(batch))
        channel.check()
        assert channel._pool.num_connections == 1
        channel.close()


def test_what_a_forgotten_person_got_is_shown_as_nothing(channel: SendGrid) -> None:
    payload = channel.compose(batch_of(2))
    blanked = replace(payload, chunks=[b"", payload.chunks[1]])
    assert channel.shows(blanked, 0).text == ""
    assert channel.shows(blanked, 1).text == "Hello Person 1"


# --- the check ---


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (http(200, b'{"scopes": ["mail.batch.create"]}'), "Mail Send"),
        (http(200, b"<html>"), "Mail Send"),
        (http(401, WHY), "API key"),
        (http(403, WHY), "403"),
        (http(500), "500"),
        (b"", "reached"),
    ],
)
def test_a_key_that_cannot_be_used_fails_the_check(reply: bytes, says: str) -> None:
    with scripted(reply) as (_, url):
        channel = SendGrid(api_key="key", base_url=url)
        with pytest.raises(ChannelUnusable, match=says):
            channel.check()
        channel.close()


@pytest.mark.parametrize("url", ["", "api.sendgrid.com", "ftp://example.org", "http://", "http://[", "https://x:y"])
def test_a_base_url_that_is_none_is_told_at_once(url: str) -> None:
    with pytest.raises(NotConfigured, match="BASE_URL"):
        SendGrid(api_key="key", base_url=url)
