"""The sandbox runs every stand-in, tells what it took, and leaves nothing behind."""

from __future__ import annotations

import http.client
import os
import signal
import smtplib
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3

from campaign.errors import SandboxFailed
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import HTTP_PROVIDERS, Sandbox

ACCOUNTS = {"sendgrid": {"campaign": "key"}}
MAIL = {
    "from": {"email": "hello@example.org"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "Hello"}],
    "personalizations": [{"to": [{"email": "ann@deliver.example.org"}], "custom_args": {"key": "k1"}}],
}


def ask(url: str, body: Any = None) -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager() as pool:
        return pool.request(
            "GET" if body is None else "POST",
            url,
            body=None if body is None else orjson.dumps(body),
            headers={"Authorization": "Bearer key"},
            retries=False,
            timeout=20,
        )


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts=ACCOUNTS) as sandbox:
        yield sandbox


def test_it_answers_on_both_ports_once_constructed(sandbox: Sandbox) -> None:
    assert ask(f"{sandbox.url}/_sandbox/health").json()["ok"] is True
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=20) as connection:
        assert connection.noop()[0] == 250


def test_each_provider_has_an_address_of_its_own(sandbox: Sandbox) -> None:
    assert {name: url.removeprefix(sandbox.url) for name, url in sandbox.urls.items()} == {
        name: f"/{name}" for name in HTTP_PROVIDERS
    }


def test_stopped_it_frees_its_ports_and_may_be_stopped_again() -> None:
    sandbox = Sandbox()
    ports = int(sandbox.url.rpartition(":")[2]), sandbox.smtp_port
    with socket.create_connection(("127.0.0.1", ports[0])), socket.create_connection(("127.0.0.1", ports[1])):
        sandbox.stop()
    sandbox.stop()
    for port in ports:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
    with Sandbox(port=ports[0], smtp_port=ports[1]) as again:
        assert again.smtp_port == ports[1]


def test_a_port_that_is_taken_is_told(sandbox: Sandbox) -> None:
    with pytest.raises(SandboxFailed, match=str(sandbox.smtp_port)):
        Sandbox(smtp_port=sandbox.smtp_port)


def test_it_speaks_https_to_those_who_trust_the_authority_that_it_wrote(tmp_path: Path) -> None:
    trusted = tmp_path / "authority.pem"
    with Sandbox(trusted=trusted) as sandbox:
        assert sandbox.url.startswith("https://127.0.0.1:")
        with urllib3.PoolManager(ca_certs=str(trusted)) as pool:
            assert pool.request("GET", f"{sandbox.url}/_sandbox/health", timeout=20).json()["ok"] is True
        with pytest.raises(urllib3.exceptions.SSLError):
            ask(f"{sandbox.url}/_sandbox/health")
    assert b"PRIVATE" not in trusted.read_bytes()


def test_as_a_process_it_speaks_https_where_it_is_asked_to(tmp_path: Path) -> None:
    trusted = tmp_path / "authority.pem"
    command = [sys.executable, "-m", "campaign.sandbox", "--https", str(trusted)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        try:
            url = told_by(started)["url"]
            with urllib3.PoolManager(ca_certs=str(trusted)) as pool:
                assert pool.request("GET", f"{url}/_sandbox/health", timeout=20).status == 200
        finally:
            started.kill()


def test_whom_to_trust_where_it_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxFailed, match="whom to trust"):
        Sandbox(trusted=tmp_path / "nowhere" / "authority.pem")


def test_a_journal_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    with pytest.raises(SandboxFailed, match="journal"):
        Sandbox(tmp_path)


def test_a_dropped_reply_closes_the_connection_without_a_byte(sandbox: Sandbox) -> None:
    sandbox.world.faults.ask("sendgrid", Fault.DROP_REPLY, times=1)
    body = orjson.dumps(MAIL)
    with socket.create_connection(("127.0.0.1", int(sandbox.url.rpartition(":")[2])), timeout=20) as raw:
        raw.sendall(
            b"POST /sendgrid/v3/mail/send HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer key\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        assert raw.recv(100) == b""
    assert [mail["key"] for mail in sandbox.taken()] == ["k1"]
    assert ask(f"{sandbox.url}/_sandbox/health").status == 200


def test_its_clock_is_the_real_one_until_it_is_set(sandbox: Sandbox) -> None:
    def now() -> datetime:
        return datetime.fromisoformat(ask(f"{sandbox.url}/_sandbox/health").json()["now"])

    before = datetime.now(UTC)
    assert before <= now() <= datetime.now(UTC)
    ask(f"{sandbox.url}/_sandbox/clock", {"now": "2026-05-22T09:00:00-04:00"})
    assert now() == datetime(2026, 5, 22, 13, tzinfo=UTC)
    ask(f"{sandbox.url}/_sandbox/clock", {"now": None})
    assert before <= now() <= datetime.now(UTC)


def test_a_clock_without_a_zone_is_refused(sandbox: Sandbox) -> None:
    assert ask(f"{sandbox.url}/_sandbox/clock", {"now": "2026-05-22T09:00:00"}).status == 400
    with pytest.raises(ValueError, match="time zone"):
        sandbox.world.set_now(datetime(2026, 5, 22, 9))


def test_faults_can_be_asked_from_outside(sandbox: Sandbox) -> None:
    url = f"{sandbox.url}/_sandbox/faults"
    assert ask(url, {"provider": "sendgrid", "fault": "unavailable", "times": 1}).status == 200
    assert ask(f"{sandbox.urls['sendgrid']}/v3/mail/send", MAIL).status == 503
    assert ask(f"{sandbox.urls['sendgrid']}/v3/mail/send", MAIL).status == 202
    assert ask(url, {"name": "storm", "seed": 4}).status == 200
    assert not sandbox.world.faults.quiet("mastodon")
    assert ask(url, {"name": "none"}).status == 200
    assert sandbox.world.faults.quiet("mastodon")


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"name": "typhoon"},
        {"provider": "fax", "fault": "slow"},
        {"provider": "x", "fault": "rain"},
        {"provider": "x", "fault": "slow", "share": 3},
        ["storm"],
        7,
    ],
)
def test_faults_that_do_not_exist_are_refused(sandbox: Sandbox, asked: Any) -> None:
    reply = ask(f"{sandbox.url}/_sandbox/faults", asked)
    assert reply.status == 400
    assert reply.json()["error"]


def test_what_was_taken_is_told_from_outside_and_inside(sandbox: Sandbox) -> None:
    sandbox.world.set_now(datetime(2026, 5, 22, 9, tzinfo=UTC))
    ask(f"{sandbox.urls['sendgrid']}/v3/mail/send", MAIL)
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=20) as connection:
        text = "Subject: Hi\r\nMessage-ID: <k2@example.org>\r\n\r\nHi"
        connection.sendmail("hello@example.org", ["bo@example.org"], text)
    taken = ask(f"{sandbox.url}/_sandbox/taken").json()["taken"]
    assert taken == list(sandbox.taken())
    ref = taken[0].pop("ref")
    assert ref
    assert taken == [
        {
            "provider": "sendgrid",
            "account": "campaign",
            "key": "k1",
            "recipient": "ann@deliver.example.org",
            "subject": "Hello",
            "at": "2026-05-22T09:00:00+00:00",
        },
        {
            "provider": "smtp",
            "key": "k2",
            "recipient": "bo@example.org",
            "subject": "Hi",
            "at": "2026-05-22T09:00:00+00:00",
            "ref": "<k2@example.org>",
        },
    ]
    assert len(ask(f"{sandbox.url}/_sandbox/taken?provider=smtp").json()["taken"]) == 1


def test_many_messages_are_told_in_one_answer(sandbox: Sandbox) -> None:
    assert ask(f"{sandbox.url}/_sandbox/taken").json() == {"taken": []}
    for number in range(3):
        people = [
            {"to": [{"email": f"p{seq}@example.org"}], "custom_args": {"key": f"{number}-{seq}"}} for seq in range(900)
        ]
        ask(f"{sandbox.urls['sendgrid']}/v3/mail/send", {**MAIL, "personalizations": people})
    assert len(ask(f"{sandbox.url}/_sandbox/taken").json()["taken"]) == 2700


def test_mail_events_are_told_from_outside(sandbox: Sandbox) -> None:
    sandbox.world.set_now(datetime(2026, 5, 22, 9, tzinfo=UTC))
    ask(f"{sandbox.urls['sendgrid']}/v3/mail/send", MAIL)
    url = f"{sandbox.url}/_sandbox/events"
    assert ask(url).json() == {"events": [], "next": 0}
    sandbox.world.set_now(datetime(2026, 5, 22, 10, tzinfo=UTC))
    told = ask(f"{url}?after=0").json()
    assert [event["event"] for event in told["events"]] == ["processed", "delivered"]
    assert told["next"] == 2
    assert ask(f"{url}?after=2").json() == {"events": [], "next": 2}


def test_started_again_it_knows_what_it_had_taken(tmp_path: Path) -> None:
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS) as first:
        ask(f"{first.urls['sendgrid']}/v3/mail/send", MAIL)
    with Sandbox(tmp_path / "journal", accounts=ACCOUNTS) as second:
        assert [mail["key"] for mail in second.taken()] == ["k1"]


def test_an_unknown_path_is_not_found(sandbox: Sandbox) -> None:
    assert ask(f"{sandbox.url}/sendgrid/v3/elsewhere").status == 404
    assert ask(f"{sandbox.url}/").status == 404


@pytest.fixture
def process(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    accounts = tmp_path / "accounts.json"
    accounts.write_bytes(orjson.dumps(ACCOUNTS))
    journal = tmp_path / "journal"
    command = [sys.executable, "-m", "campaign.sandbox", "--journal", str(journal), "--accounts", str(accounts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        yield started
        started.kill()


def told_by(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return orjson.loads(process.stdout.readline())


def test_as_a_process_it_first_says_where_it_is(process: subprocess.Popen[bytes]) -> None:
    told = told_by(process)
    assert set(told["urls"]) == set(HTTP_PROVIDERS)
    assert told["smtp_port"]
    assert ask(f"{told['url']}/_sandbox/health").status == 200


def test_as_a_process_it_ends_with_whoever_started_it(process: subprocess.Popen[bytes]) -> None:
    told_by(process)
    out, err = process.communicate(timeout=60)  # closes its stdin
    assert (process.returncode, out, err) == (0, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_ends_when_told_to(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    told_by(process)
    process.send_signal(number)
    assert process.wait(timeout=60) == 0


def test_killed_it_has_lost_nothing_that_it_had_taken(process: subprocess.Popen[bytes], tmp_path: Path) -> None:
    told = told_by(process)
    assert ask(f"{told['urls']['sendgrid']}/v3/mail/send", MAIL).status == 202
    process.kill()
    process.wait(timeout=60)
    with Sandbox(tmp_path / "journal") as again:
        assert [mail["key"] for mail in again.taken()] == ["k1"]


def test_as_a_process_it_says_in_one_line_what_is_wrong(sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    command = [sys.executable, "-m", "campaign.sandbox", "--port", port]
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60, env=dict(os.environ))
    assert ended.returncode == SandboxFailed.exit_code
    assert ended.stderr.count(b"\n") == 1
    assert port.encode() in ended.stderr


def test_a_connection_is_kept_for_many_requests(sandbox: Sandbox) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(sandbox.url.rpartition(":")[2]), timeout=20)
    ports = set()
    for _ in range(3):
        connection.request("GET", "/_sandbox/health")
        connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1
