"""What is particular to SMTP: TLS, each person's reply, and connections that end in the middle."""

from __future__ import annotations

import datetime as dt
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

import dkim
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from campaign.channels.dkim_signing import Signer
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


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA", "message"])
@pytest.mark.parametrize("said", ["421 4.7.0 enough for one connection", ""])
def test_a_connection_that_has_brought_what_it_may_is_followed_by_another(
    command: str, said: str, *, pipelining: bool
) -> None:
    usual = USUAL.get(command, "250 fine")
    with Script({command: [usual, usual, said, usual]}, pipelining=pipelining) as server:
        channel = channel_to(server.port)
        outcomes = send(channel, *(f"{name}@example.org" for name in "abcd"))
        if (command, said) == ("message", ""):  # that one may have been taken
            assert [type(outcome) for outcome in outcomes] == [Accepted, Accepted, InDoubt, Deferred]
        else:
            assert [type(outcome) for outcome in outcomes] == [Accepted] * 4
            assert server.connections == 2
        channel.close()


def test_a_kept_connection_that_has_brought_what_it_may_is_followed_by_another() -> None:
    with Script({"MAIL": ["250 fine", "421 4.7.0 enough for one connection", "250 fine"]}) as server:
        channel = channel_to(server.port)
        assert [type(outcome) for outcome in send(channel, "a@example.org")] == [Accepted]
        assert [type(outcome) for outcome in send(channel, "b@example.org", "c@example.org")] == [Accepted] * 2
        assert server.connections == 2
        channel.close()


def test_a_server_that_takes_nothing_over_a_new_connection_either_is_left_in_peace() -> None:
    with Script({"MAIL": ["250 fine", "421 4.3.2 shutting down"]}) as server:
        channel = channel_to(server.port)
        taken, *left = send(channel, *(f"{name}@example.org" for name in "abc"))
        assert isinstance(taken, Accepted)
        assert left == [Deferred("421 4.3.2 shutting down", scope="channel")] * 2
        assert server.connections == 2
        channel.close()


def test_what_was_stopped_meanwhile_goes_over_no_other_connection() -> None:
    with Script({"MAIL": ["250 fine", "421 4.7.0 enough for one connection", "250 fine"]}) as server:
        channel = channel_to(server.port)
        asked: list[int] = []

        def holds() -> bool:
            asked.append(1)
            return len(asked) <= 2

        batch = replace(batch_to("a@example.org", "b@example.org", "c@example.org"), holds=holds)
        outcomes = channel.deliver(batch, channel.compose(batch))
        assert [type(outcome) for outcome in outcomes] == [Accepted, Deferred, Deferred]
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
    """An SMTP server that replies as scripted; ``replies`` by command, "" closes the connection.

    Of several replies to a command each is given once, and the last one from then on. Where it announces ``pipelining``
    it says nothing to MAIL and RCPT before it has read DATA: who waits for that waits in vain.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, replies: Mapping[str, str | Sequence[str]], *, pipelining: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Script)
        self.replies = dict(replies)
        self.pipelining = pipelining
        self.connections = 0
        self.heard: list[str] = []
        """The commands that came together, by the words they begin with."""
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


COMMANDS = (b"EHLO", b"RSET", b"MAIL", b"RCPT", b"DATA", b"QUIT")


class _Script(socketserver.BaseRequestHandler):
    server: Script
    request: socket.socket

    def reply(self, command: str) -> str:
        said = self.server.replies.get(command, USUAL.get(command, "250 fine"))
        if command == "EHLO" and self.server.pipelining:
            said = "250-ready\r\n250 PIPELINING"
        if not isinstance(said, str):
            said, *rest = said
            self.server.replies[command] = rest or said
        if said:
            self.request.sendall(f"{said}\r\n".encode())
        return said

    def lines(self) -> Iterator[bytes]:
        left = b""
        while came := self.request.recv(1 << 20):
            *lines, left = (left + came).split(b"\r\n")
            came_together = [line[:4].upper() for line in lines]
            self.server.heard.append(b" ".join(one for one in came_together if one in COMMANDS).decode())
            yield from lines

    def handle(self) -> None:
        self.server.connections += 1
        waiting: list[str] = []
        lines = self.lines()
        if not self.reply("greeting"):
            return
        for line in lines:
            command = line.split()[0].decode().upper()
            waiting.append(command)
            # RSET alone is the last of its group: no server keeps silent to that.
            if self.server.pipelining and command in ("RSET", "MAIL", "RCPT") and self.server.heard[-1] != "RSET":
                continue
            said = ""
            for each in waiting:
                said = self.reply(each)
                if not said:
                    return
            waiting = []
            if command == "DATA" and said.startswith("354"):
                for text in lines:
                    if text == b".":
                        break
                if not self.reply("message"):
                    return


@contextmanager
def outcomes_with(command: str, said: str, *, pipelining: bool = False) -> Iterator[list[Outcome]]:
    with Script({command: said}, pipelining=pipelining) as server:
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
@pytest.mark.parametrize("pipelining", [False, True])
def test_a_reply_means(
    command: str, said: str, first: type[Outcome], second: type[Outcome], *, pipelining: bool
) -> None:
    with outcomes_with(command, said, pipelining=pipelining) as outcomes:
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


# --- pipelining ---


def test_a_server_that_announces_it_hears_a_message_and_the_next_ones_envelope_in_one_write() -> None:
    with Script({}, pipelining=True) as server:
        channel = channel_to(server.port)
        assert [type(outcome) for outcome in send(channel, "a@example.org", "b@example.org")] == [Accepted] * 2
        channel.close()
        together = [heard for heard in server.heard if "MAIL" in heard]
        assert together == ["MAIL RCPT DATA", "MAIL RCPT DATA"]


def test_a_server_that_does_not_announce_it_hears_one_command_at_a_time() -> None:
    with Script({}) as server:
        channel = channel_to(server.port)
        assert [type(outcome) for outcome in send(channel, "a@example.org", "b@example.org")] == [Accepted] * 2
        channel.close()
        assert not any(" " in heard for heard in server.heard)


def test_a_connection_that_ends_in_the_middle_of_a_pipeline_leaves_what_came_before_taken() -> None:
    for command in ("MAIL", "RCPT", "DATA"):
        usual = USUAL.get(command, "250 fine")
        with Script({command: [usual, ""]}, pipelining=True) as server:
            channel = channel_to(server.port)
            outcomes = send(channel, "a@example.org", "b@example.org", "c@example.org")
            assert [type(outcome) for outcome in outcomes] == [Accepted, Deferred, Deferred]
            channel.close()


def test_who_is_refused_within_a_pipeline_costs_nobody_else_anything() -> None:
    for data in ("354 go ahead", ["354 go ahead", "554 no valid recipients", "354 go ahead"]):
        replies = {"RCPT": ["250 fine", "550 nobody", "450 busy", "250 fine"], "DATA": data}
        with Script({**replies, "message": ["250 fine", "250 fine"]}, pipelining=True) as server:
            channel = channel_to(server.port)
            outcomes = send(channel, *(f"{name}@example.org" for name in "abcd"))
            assert [type(outcome) for outcome in outcomes] == [Accepted, Refused, Deferred, Accepted]
            assert [type(outcome) for outcome in send(channel, "e@example.org")] == [Accepted]
            assert server.connections == 1
            channel.close()


def test_a_message_that_is_refused_does_not_end_the_pipeline() -> None:
    with Script({"message": ["554 spam", "250 fine"]}, pipelining=True) as server:
        channel = channel_to(server.port)
        outcomes = send(channel, "a@example.org", "b@example.org")
        assert [type(outcome) for outcome in outcomes] == [Refused, Accepted]
        channel.close()


# --- signing ---


def test_what_leaves_is_signed_and_what_is_kept_is_what_was_signed() -> None:
    signer = Signer(
        domain="example.org",
        selector="s1",
        key=rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    )
    with Sandbox() as sandbox:
        channel = Smtp(
            host="127.0.0.1", port=sandbox.smtp_port, security="none", hostname="localhost", signer=signer, timeout_s=20
        )
        (standing,) = channel.check()
        assert standing.detail.endswith("signed by DKIM for example.org with s1")
        batch = batch_to("ann@example.org", "bo@example.org")
        payload = channel.compose(batch)
        assert [type(outcome) for outcome in channel.deliver(batch, payload)] == [Accepted] * 2
        channel.close()
        records = list(sandbox.world.journal.records(stand_in.TAKEN))
    for record, chunk in zip(records, payload.chunks, strict=True):
        sent = record["message"].encode("latin-1")
        assert dkim.verify(sent, dnsfunc=lambda *_, **__: signer.record.encode())
        assert sent.endswith(chunk)
