"""SendGrid's stand-in holds mail until its instant, and lets go of it, or throws it away, as it was told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import urllib3

from campaign.sandbox.faults import Fault
from campaign.sandbox.journal import Journal
from campaign.sandbox.sendgrid_scheduled import PROVIDER, left_at
from campaign.sandbox.server import Sandbox

NOW = datetime(2026, 5, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
SCHEDULED = "/v3/user/scheduled_sends"


class Client:
    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._pool = urllib3.PoolManager(retries=False, timeout=20)

    def __call__(self, method: str, path: str, body: Any = None, *, key: str = "key") -> urllib3.BaseHTTPResponse:
        url = self.sandbox.urls["sendgrid"] + path
        return self._pool.request(method, url, json=body, headers={"Authorization": f"Bearer {key}"})

    def batch(self) -> str:
        reply = self("POST", "/v3/mail/batch")
        assert reply.status == 201
        return str(reply.json()["batch_id"])

    def send(self, batch_id: str | None, after: timedelta | None, *addresses: str) -> urllib3.BaseHTTPResponse:
        request: dict[str, Any] = {
            "from": {"email": "hello@example.org"},
            "subject": "Hello",
            "content": [{"type": "text/plain", "value": "Hello"}],
            "personalizations": [
                {"to": [{"email": address}], "custom_args": {"key": f"k {address}"}}
                for address in addresses or ("ann@deliver.example.org",)
            ],
        }
        if batch_id is not None:
            request["batch_id"] = batch_id
        if after is not None:
            request["send_at"] = int((NOW + after).timestamp())
        return self("POST", "/v3/mail/send", request)

    def cancel(self, batch_id: str) -> int:
        return self("POST", SCHEDULED, {"batch_id": batch_id, "status": "cancel"}).status

    def at(self, after: timedelta) -> None:
        self.sandbox.world.set_now(NOW + after)

    def taken(self) -> list[tuple[str, datetime]]:
        return [(one["recipient"], datetime.fromisoformat(one["at"])) for one in self.sandbox.taken("sendgrid")]

    def events(self) -> list[str]:
        return [event["event"] for event in self.sandbox.events()[0]]

    def close(self) -> None:
        self._pool.clear()


def served(journal: Path | None = None) -> Sandbox:
    accounts = {"sendgrid": {"campaign": "key"}}
    return Sandbox(journal, accounts=accounts, limits={PROVIDER: 3}, now=NOW)


@pytest.fixture
def client() -> Iterator[Client]:
    with served() as sandbox:
        client = Client(sandbox)
        yield client
        client.close()


def test_a_batch_id_is_valid_once_it_was_made(client: Client) -> None:
    batch_id = client.batch()
    assert batch_id.isalnum()
    assert client.batch() != batch_id
    assert client("GET", f"/v3/mail/batch/{batch_id}").json() == {"batch_id": batch_id}
    assert client("GET", "/v3/mail/batch/another").status == 400
    assert client.send("another", HOUR).status == 400
    assert client.send(batch_id, HOUR).status == 202


def test_mail_leaves_at_its_send_at_and_not_before(client: Client) -> None:
    client.send(client.batch(), HOUR)
    client.at(HOUR - MINUTE)
    assert (client.taken(), client.events()) == ([], [])
    client.at(HOUR)
    assert client.taken() == [("ann@deliver.example.org", NOW + HOUR)]
    assert client.events() == []
    client.at(HOUR + MINUTE)
    assert client.events() == ["processed", "delivered"]


def test_each_of_a_request_may_leave_at_an_instant_of_their_own(client: Client) -> None:
    times = {"a@deliver.example.org": 3, "b@deliver.example.org": 1, "c@deliver.example.org": 3}
    parts = [
        {"to": [{"email": address}], "send_at": int((NOW + hours * HOUR).timestamp())}
        for address, hours in times.items()
    ]
    content = [{"type": "text/plain", "value": "Hello"}]
    request = {"from": {"email": "hello@example.org"}, "subject": "Hi", "content": content, "personalizations": parts}
    assert client("POST", "/v3/mail/send", request).status == 202
    client.at(2 * HOUR)
    assert client.taken() == [("b@deliver.example.org", NOW + HOUR)]
    assert client.events() == ["processed", "delivered"]
    client.at(4 * HOUR)
    assert [address for address, _ in client.taken()] == list(times)
    stamps = [event["timestamp"] - NOW.timestamp() for event in client.sandbox.events()[0]]
    assert [int(stamp // 3600) for stamp in stamps] == [1, 1, 3, 3, 3, 3]


def test_what_is_cancelled_never_leaves(client: Client) -> None:
    kept, cancelled = client.batch(), client.batch()
    client.send(cancelled, HOUR, "ann@deliver.example.org")
    client.send(kept, HOUR, "bob@deliver.example.org")
    assert client.cancel(cancelled) == 201
    client.send(cancelled, HOUR, "too-late@deliver.example.org")
    client.at(4 * HOUR)
    assert [address for address, _ in client.taken()] == ["bob@deliver.example.org"]
    assert client.events() == ["processed", "delivered"]


def test_a_status_is_shown_changed_and_taken_back(client: Client) -> None:
    batch_id = client.batch()
    assert client("GET", f"{SCHEDULED}/{batch_id}").json() == []
    assert client.cancel(batch_id) == 201
    assert client.cancel(batch_id) == 400, "a status is set once, and then changed"
    assert client("GET", f"{SCHEDULED}/{batch_id}").json() == [{"batch_id": batch_id, "status": "cancel"}]
    assert client("PATCH", f"{SCHEDULED}/{batch_id}", {"status": "pause"}).status == 204
    assert client("GET", SCHEDULED).json() == [{"batch_id": batch_id, "status": "pause"}]
    assert client("DELETE", f"{SCHEDULED}/{batch_id}").status == 204
    assert client("GET", SCHEDULED).json() == []
    assert client("DELETE", f"{SCHEDULED}/{batch_id}").status == 404
    assert client("PATCH", f"{SCHEDULED}/{batch_id}", {"status": "pause"}).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", SCHEDULED, {"batch_id": "another", "status": "cancel"}, 400),
        ("POST", SCHEDULED, {"status": "cancel"}, 400),
        ("POST", SCHEDULED, {"batch_id": 7, "status": "cancel"}, 400),
        ("POST", SCHEDULED, {"batch_id": "another", "status": "stop"}, 400),
        ("POST", SCHEDULED, [], 400),
        ("GET", f"{SCHEDULED}/another", None, 404),
        ("PATCH", f"{SCHEDULED}/another", {"status": "cancel"}, 404),
    ],
)
def test_what_cannot_be_meant_is_refused(client: Client, method: str, path: str, body: Any, status: int) -> None:
    reply = client(method, path, body)
    assert reply.status == status
    assert set(reply.json()["errors"][0]) == {"message", "field", "help"}


def test_another_key_opens_nothing(client: Client) -> None:
    assert client("POST", "/v3/mail/batch", key="another").status == 401
    assert client("GET", SCHEDULED, key="another").status == 401


@pytest.mark.parametrize(("before", "status"), [(10 * MINUTE, 201), (9 * MINUTE, 400), (-MINUTE, 400)])
def test_to_cancel_takes_ten_minutes(client: Client, before: timedelta, status: int) -> None:
    batch_id = client.batch()
    client.send(batch_id, HOUR)
    client.at(HOUR - before)
    assert client.cancel(batch_id) == status
    client.at(2 * HOUR)
    assert bool(client.taken()) == (status == 400)


def test_only_so_many_may_be_cancelled_before_their_instants(client: Client) -> None:
    batches = [client.batch() for _ in range(5)]
    for batch_id in batches:
        client.send(batch_id, HOUR)
    assert [client.cancel(batch_id) for batch_id in batches] == [201, 201, 201, 400, 400]
    assert client("DELETE", f"{SCHEDULED}/{batches[0]}").status == 204
    assert client.cancel(batches[3]) == 201
    client.at(2 * HOUR)
    later = client.batch()
    client.send(later, 4 * HOUR)
    assert client.cancel(later) == 201, "those before are over"


def test_what_is_paused_leaves_when_it_is_let_go(client: Client) -> None:
    batch_id = client.batch()
    client.send(batch_id, HOUR)
    client("POST", SCHEDULED, {"batch_id": batch_id, "status": "pause"})
    client.at(3 * HOUR)
    assert (client.taken(), client.events()) == ([], [])
    changed = [(NOW, "pause"), (NOW + 3 * HOUR, "")]
    assert left_at(NOW + HOUR, changed, NOW + 4 * HOUR) == NOW + 3 * HOUR
    assert left_at(NOW + HOUR, changed[:1], NOW + 100 * HOUR) is None
    assert left_at(NOW + HOUR, [(NOW, "pause"), (NOW + 100 * HOUR, "")], NOW + 200 * HOUR) is None


def test_a_sandbox_started_again_knows_batches_and_cancellations(tmp_path: Path) -> None:
    with served(tmp_path / "journal") as sandbox:
        client = Client(sandbox)
        cancelled, kept = client.batch(), client.batch()
        client.send(cancelled, HOUR, "ann@deliver.example.org")
        client.send(kept, HOUR, "bob@deliver.example.org")
        client.cancel(cancelled)
        client.close()
    with served(tmp_path / "journal") as sandbox:
        client = Client(sandbox)
        assert client("GET", SCHEDULED).json() == [{"batch_id": cancelled, "status": "cancel"}]
        assert client("GET", f"/v3/mail/batch/{kept}").status == 200
        client.at(HOUR - MINUTE)
        assert client.cancel(kept) == 400
        client.at(2 * HOUR)
        assert [address for address, _ in client.taken()] == ["bob@deliver.example.org"]
        client.close()


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.ERROR, Fault.RATE_LIMIT])
def test_a_cancellation_that_is_struck_is_not_made(client: Client, fault: Fault) -> None:
    batch_id = client.batch()
    client.sandbox.world.faults.ask(PROVIDER, fault, times=1)
    assert client.cancel(batch_id) in (429, 500, 503)
    assert client("GET", f"{SCHEDULED}/{batch_id}").json() == []


def test_a_cancellation_whose_reply_is_lost_is_made(client: Client) -> None:
    batch_id = client.batch()
    client.sandbox.world.faults.ask(PROVIDER, Fault.DROP_REPLY, times=1)
    with pytest.raises(urllib3.exceptions.ProtocolError):
        client.cancel(batch_id)
    assert client("GET", f"{SCHEDULED}/{batch_id}").json() == [{"batch_id": batch_id, "status": "cancel"}]


def test_the_journal_of_an_older_sandbox_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    request = {"personalizations": [{"to": [{"email": "ann@deliver.example.org"}]}]}
    journal.append("sendgrid.request", {"id": "r", "account": "campaign", "at": NOW.isoformat(), "request": request})
    journal.close()
    with served(tmp_path / "journal") as sandbox:
        assert Client(sandbox).taken() == [("ann@deliver.example.org", NOW)]
