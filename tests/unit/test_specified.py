"""The rules that requests to SendGrid are held to can be broken, and every request is heard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from campaign.channels.sendgrid import SendGrid
from campaign.sandbox.server import Sandbox
from tests.conftest import HEARD
from tests.specified import Request, Specification, journalled, specification


@pytest.fixture
def rules(shared: Path) -> Specification:
    found = specification(shared)
    if found is None:
        pytest.skip("SendGrid's specification is not in the shared folder: its requests are held to nothing here")
    return found


def body() -> dict[str, Any]:
    return {
        "from": {"email": "hello@example.org"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "Hello"}],
        "personalizations": [{"to": [{"email": f"person{n}@example.org"}]} for n in range(3)],
    }


def sent(change: Callable[[dict[str, Any]], object] = lambda _: None) -> Request:
    made = body()
    change(made)
    return Request("POST", "/v3/mail/send", json.dumps(made).encode())


@pytest.mark.parametrize(
    "request_",
    [
        sent(),
        sent(lambda b: b.update(send_at=1_500_000_000, batch_id="abc")),
        Request("POST", "/v3/mail/batch"),
        Request("GET", "/v3/mail/batch/abc"),
        Request("POST", "/v3/user/scheduled_sends", b'{"batch_id": "abc", "status": "cancel"}'),
        Request("PATCH", "/v3/user/scheduled_sends/a-b_c", b'{"status": "cancel"}'),
        Request("DELETE", "/v3/user/scheduled_sends/abc"),
        Request("GET", "/v3/scopes"),
    ],
    ids=lambda request: f"{request.method} {request.path}",
)
def test_what_is_specified_is_not_wrong(rules: Specification, request_: Request) -> None:
    assert rules.wrong(request_) == []


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (sent(lambda b: b.update(batchid="abc")), "batchid"),
        (sent(lambda b: b.update(send_at="soon")), "send_at"),
        (sent(lambda b: b.pop("from")), "'from' is a required property"),
        (sent(lambda b: b["personalizations"][2].pop("to")), "'to' is a required property"),
        (sent(lambda b: b["personalizations"][1].update(substitutions={"a": 7})), "substitutions"),
        (sent(lambda b: b.update(personalizations=[{"to": [{"email": "a@example.org"}]}] * 1_001)), "maxItems"),
        (Request("POST", "/v3/user/scheduled_sends", b'{"batch_id": "abc", "status": "stop"}'), "stop"),
        (Request("POST", "/v3/user/scheduled_sends", b'{"status": "cancel"}'), "batch_id"),
        (Request("POST", "/v3/mail/send", b"{"), "no JSON"),
        (Request("GET", "/v3/mail/batch/abc", b"{}"), "has a body"),
        (Request("PUT", "/v3/mail/send", b"{}"), "is not specified"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_not_specified_is_wrong(rules: Specification, request_: Request, why: str) -> None:
    assert why in " ".join(rules.wrong(request_))


def test_each_request_of_the_channel_is_heard() -> None:
    with Sandbox(accounts={"sendgrid": {"campaign": "key"}}) as sandbox:
        channel = SendGrid(api_key="key", base_url=sandbox.urls["sendgrid"])
        HEARD.take()
        channel.check()
        channel.staging.open()
        channel.staging.cancel("abc")
        channel.close()
    heard = HEARD.take()
    assert [(one.method, one.path) for one in heard] == [
        ("GET", "/v3/scopes"),
        ("POST", "/v3/mail/batch"),
        ("POST", "/v3/user/scheduled_sends"),
        ("GET", "/v3/user/scheduled_sends/abc"),
    ]
    assert json.loads(heard[2].body) == {"batch_id": "abc", "status": "cancel"}


def test_what_a_process_of_its_own_has_sent_is_read_from_its_journal(tmp_path: Path) -> None:
    (tmp_path / "sandbox.jsonl").write_bytes(
        b'{"kind":"x.post"}\n{"kind":"sendgrid.request","request":{"subject":"Hi"}}\n{"kind":"sendgrid.request","requ'
    )
    assert list(journalled(tmp_path)) == [Request("POST", "/v3/mail/send", b'{"subject": "Hi"}')]
