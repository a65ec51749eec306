"""What is particular to SMTP: TLS, each person's reply, and connections that end in the middle."""

from __future__ import annotations

import datetime as dt
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from campaign.channels.smtp import Security, Smtp
from campaign.errors import ChannelUnusable
from campaign.model.batch import MailBatch, MailContent, MailRow
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.plan import Sender
from campaign.sandbox import smtp as stand_in
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox

SENDER = Sender(via="smtp", address="hello@example.org", name="Fair Streets", postal_address="1 Elm Street")
CONTENT = MailContent(SENDER, "Hello", "<p>Hello</p>", "Hello\n.\n..dots\n", (), "en")


def batch_to(*addresses: str) -> MailBatch:
    rows = [MailRow(n, f"key{n:019}", address, "", (), "") for n, address in enumerate(addresses)]
    return MailBatch(id=1, content=CONTENT, rows=rows)


def send(channel: Smtp, *addresses: str) -> list[Outcome]:
    batch = batch_to(*addresses)
    return list(channel.deliver(batch, channel.compose(batch)))


def channel_to(port: int, *, security: Security = "none", tls: ssl.SSLContext | None = None, user: str = "") -> Smtp:
    return Smtp(
        host="127.0.0.1",
        port=port,
        username=user,
        password="made-up" if user else "",
        security=security,
        timeout_s=20,
        hostname="localhost",
        tls=tls,
    )


# --- TLS ---


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of its own for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.example.org")])
    begin = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(certificate: Path, *, implicit: bool) -> stand_in.Security:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.check_hostname = False
    return stand_in.Security(context, implicit=implicit)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_by_tls_to_a_server_whose_certificate_is_known(certificate: Path, security: Security) -> None:
    trusting = ssl.create_default_context(cafile=certificate)
    accounts = {"smtp": {"campaign": "made-up"}}
    with Sandbox(accounts=accounts, smtp_security=serving(certificate, implicit=security == "tls")) as sandbox:
        channel = Smtp(
            host="localhost",
            port=sandbox.smtp_port,
            username="campaign",
            password="made-up",
            security=security,
            timeout_s=20,
            hostname="localhost",
            tls=trusting,
        )
        (standing,) = channel.check()
        assert "TLS" in standing.detail
        assert [type(outcome) for outcome in send(channel, "ann@example.org")] == [Accepted]
        channel.close()


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_nothing_goes_to_a_server_whose_certificate_is_not_known(certificate: Path, security: Security) -> None:
    with Sandbox(smtp_security=serving(certificate, implicit=security == "tls")) as sandbox:
        channel = channel_to(sandbox.smtp_port, security=security)
        with pytest.raises(ChannelUnusable, match="TLS"):
            channel.check()
        for outcome in send(channel, "ann@example.org", "bo@example.org"):
            assert isinstance(outcome, Deferred)
            assert outcome.scope == "channel"
        assert list(sandbox.taken()) == []
        channel.close()


def test_nothing_goes_without_tls_unless_that_is_said() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port, security="starttls")
        with pytest.raises(ChannelUnusable, match="STARTTLS"):
            channel.check()
        (outcome,) = send(channel, "ann@example.org")
        assert isinstance(outcome, Deferred)
        assert list(sandbox.taken()) == []
        channel.close()


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_usual_port_goes_with_the_security(security: Security, port: int) -> None:
    assert Smtp(host="mail.example.org", security=security).port == port


# --- each person's reply ---


def test_one_persons_refusal_is_that_persons_alone() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port)
        outcomes = send(channel, "ann@example.org", "x@malformed.example.org", "cy@example.org")
        assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Accepted]
        assert outcomes[1] == Refused("553 5.1.3 The address is malformed", code="553")
        assert outcomes[0] == Accepted(ref=f"<key{0:019}@example.org>")
        channel.close()


def test_a_lost_reply_leaves_one_in_doubt_and_the_rest_unattempted() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port)
        sandbox.world.faults.ask("smtp", Fault.RATE_LIMIT, times=1)
        sandbox.world.faults.ask("smtp", Fault.DROP_REPLY, times=1)
        outcomes = send(channel, "ann@example.org", "bo@example.org", "cy@example.org")
        assert [type(outcome) for outcome in outcomes] == [Deferred, InDoubt, Deferred]
        assert [mail["recipient"] for mail in sandbox.taken()] == ["bo@example.org"]
        assert isinstance(outcomes[2], Deferred)
        assert "not attempted" in outcomes[2].reason
        channel.close()


def test_a_server_that_shuts_down_defers_the_rest() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port)
        sandbox.world.faults.ask("smtp", Fault.UNAVAILABLE, times=1)
        for outcome in send(channel, "ann@example.org", "bo@example.org"):
            assert isinstance(outcome, Deferred)
            assert outcome.scope == "channel"
        assert list(sandbox.taken()) == []
        channel.close()


def test_dots_at_the_beginning_of_a_line_arrive() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port)
        batch = batch_to("ann@example.org")
        payload = channel.compose(batch)
        channel.deliver(batch, payload)
        (record,) = sandbox.world.journal.records(stand_in.TAKEN)
        assert record["message"].encode("latin-1") == payload.chunks[0] == payload.body()
        channel.close()


def test_a_connection_is_kept_from_batch_to_batch() -> None:
    with Script({}) as server:
        channel = channel_to(server.port)
        for _ in range(3):
            assert [type(outcome) for outcome in send(channel, "a@example.org", "b@example.org")] == [Accepted] * 2
        channel.check()
        channel.close()
        assert server.connections == 1


def test_a_kept_connection_that_has_ended_is_opened_again() -> None:
    with Script({}) as server:
        channel = channel_to(server.port)
        send(channel, "a@example.org")
        server.replies["NOOP"] = "421 too long idle"
        assert [type(outcome) for outcome in send(channel, "a@example.org")] == [Accepted]
        assert server.connections == 2
        channel.close()


def test_an_address_beyond_ascii_needs_a_server_that_takes_it() -> None:
    with Sandbox() as sandbox:
        channel = channel_to(sandbox.smtp_port)
        assert [type(outcome) for outcome in send(channel, "änn@example.org")] == [Accepted]
        assert [mail["recipient"] for mail in sandbox.taken()] == ["änn@example.org"]
        channel.close()
    with Script({}) as server:
        channel = channel_to(server.port)
        outcomes = send(channel, "änn@example.org", "ann@example.org")
        assert [type(outcome) for outcome in outcomes] == [Refused, Accepted]
        channel.close()


# --- a server that says what it is told to say ---


class Script(socketserver.ThreadingTCPServer):
    """An SMTP server that replies as scripted; ``replies`` by command, "" closes the connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, replies: Mapping[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Script)
        self.replies = dict(replies)
        self.connections = 0
        self.port = int(self.server_address[1])
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


USUAL = {"greeting": "220 ready", "EHLO": "250 ready", "DATA": "354 go ahead"}


class _Script(socketserver.StreamRequestHandler):
    server: Script

    def reply(self, command: str) -> bool:
        said = self.server.replies.get(command, USUAL.get(command, "250 fine"))
        if said:
            self.wfile.write(f"{said}\r\n".encode())
        return bool(said)

    def handle(self) -> None:
        self.server.connections += 1
        if not self.reply("greeting"):
            return
        for line in self.rfile:
            command = line.split()[0].decode().upper()
            if not self.reply(command):
                return
            if command == "DATA" and self.server.replies.get("DATA", "354").startswith("354"):
                for text in self.rfile:
                    if text == b".\r\n":
                        break
                if not self.reply("message"):
                    return


@contextmanager
def outcomes_with(command: str, said: str) -> Iterator[list[Outcome]]:
    with Script({command: said}) as server:
        channel = channel_to(server.port)
        yield send(channel, "ann@example.org", "bo@example.org")
        channel.close()


@pytest.mark.parametrize(
    ("command", "said", "first", "second"),
    [
        ("greeting", "554 go away", Deferred, Deferred),
        ("greeting", "", Deferred, Deferred),
        ("MAIL", "451 later", Deferred, Deferred),
        ("MAIL", "550 not you", Deferred, Deferred),
        ("MAIL", "", Deferred, Deferred),
        ("RCPT", "450 busy", Deferred, Deferred),
        ("RCPT", "550 nobody", Refused, Refused),
        ("RCPT", "530 log in first", Deferred, Deferred),
        ("RCPT", "", Deferred, Deferred),
        ("DATA", "451 later", Deferred, Deferred),
        ("DATA", "554 no", Refused, Refused),
        ("DATA", "", Deferred, Deferred),
        ("message", "250 queued", Accepted, Accepted),
        ("message", "452 full", Deferred, Deferred),
        ("message", "554 spam", Refused, Refused),
        ("message", "", InDoubt, Deferred),
        ("message", "nonsense", InDoubt, Deferred),
        ("message", "354 what?", InDoubt, Deferred),
        ("MAIL", "nonsense", Deferred, Deferred),
        ("RCPT", "nonsense", Deferred, Deferred),
        ("DATA", "250 what?", Deferred, Deferred),
    ],
)
def test_a_reply_means(command: str, said: str, first: type[Outcome], second: type[Outcome]) -> None:
    with outcomes_with(command, said) as outcomes:
        assert [type(outcome) for outcome in outcomes] == [first, second]


def test_a_reason_names_the_code_and_no_address() -> None:
    with outcomes_with("RCPT", "550 5.1.1 <ann@example.org>: nobody") as (outcome, _):
        assert outcome == Refused("550 5.1.1 <(address)>: nobody", code="550")


def test_a_refused_sender_stops_the_channel() -> None:
    with outcomes_with("MAIL", "553 not your address") as outcomes:
        assert all(isinstance(outcome, Deferred) and outcome.scope == "channel" for outcome in outcomes)


def test_a_server_without_a_login_is_told() -> None:
    with Script({}) as server:
        channel = channel_to(server.port, user="campaign")
        with pytest.raises(ChannelUnusable, match="login"):
            channel.check()
        channel.close()
