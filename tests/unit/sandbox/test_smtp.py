"""The SMTP stand-in is a real server that keeps what it takes."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from campaign.sandbox import smtp
from campaign.sandbox.faults import Fault
from campaign.sandbox.server import Sandbox

MESSAGE = (
    "From: hello@example.org\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nMessage-ID: <k1@example.org>\r\n\r\nHello\r\n"
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(accounts={"smtp": {"campaign": "password"}}) as sandbox:
        yield sandbox


@pytest.fixture
def connection(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    connection = smtplib.SMTP("127.0.0.1", sandbox.smtp_port, "localhost", timeout=20)
    connection.login("campaign", "password")
    yield connection
    connection.close()


def send(connection: smtplib.SMTP, address: str = "ann@example.org") -> None:
    connection.sendmail("hello@example.org", [address], MESSAGE)


def test_a_message_is_kept_with_its_key_and_recipient(sandbox: Sandbox, connection: smtplib.SMTP) -> None:
    send(connection)
    (mail,) = sandbox.taken("smtp")
    assert (mail["key"], mail["recipient"], mail["subject"]) == ("k1", "ann@example.org", "Grüße")
    kept = smtp.mail(sandbox.world, "k1")
    assert kept is not None
    assert kept["text"] == "Hello\r\n"
    assert smtp.mail(sandbox.world, "k2") is None


def test_nobody_sends_without_logging_in(sandbox: Sandbox) -> None:
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, "localhost", timeout=20) as connection:
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            send(connection)
        assert refused.value.smtp_code == 530
    assert list(sandbox.taken()) == []


@pytest.mark.parametrize(("user", "password"), [("campaign", "wrong"), ("nobody", "password"), ("nobody", "\0")])
def test_a_wrong_login_is_refused(sandbox: Sandbox, user: str, password: str) -> None:
    with (
        smtplib.SMTP("127.0.0.1", sandbox.smtp_port, "localhost", timeout=20) as connection,
        pytest.raises(smtplib.SMTPAuthenticationError),
    ):
        connection.login(user, password)


def test_without_accounts_no_login_is_needed() -> None:
    with (
        Sandbox() as sandbox,
        smtplib.SMTP("127.0.0.1", sandbox.smtp_port, "localhost", timeout=20) as connection,
    ):
        send(connection)
        assert len(list(sandbox.taken())) == 1


@pytest.mark.parametrize(("fault", "code"), [(Fault.REFUSE, 550), (Fault.RATE_LIMIT, 451), (Fault.UNAVAILABLE, 421)])
def test_a_recipient_that_is_struck_is_refused_with(
    sandbox: Sandbox, connection: smtplib.SMTP, fault: Fault, code: int
) -> None:
    sandbox.world.faults.ask("smtp", fault, times=1)
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(connection)
    assert refused.value.recipients["ann@example.org"][0] == code
    assert list(sandbox.taken()) == []


@pytest.mark.parametrize(("fault", "taken"), [(Fault.DROP_REPLY, 1), (Fault.ERROR, 0)])
def test_a_connection_dropped_after_data_does_not_tell_whether_it_was_taken(
    sandbox: Sandbox, connection: smtplib.SMTP, fault: Fault, taken: int
) -> None:
    sandbox.world.faults.ask("smtp", fault, times=1)
    with pytest.raises(smtplib.SMTPServerDisconnected):
        send(connection)
    assert len(list(sandbox.taken())) == taken


def test_a_malformed_address_is_refused_for_good(connection: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(connection, "x@malformed.example.org")
    assert refused.value.recipients["x@malformed.example.org"][0] == 553
    send(connection)


@pytest.mark.parametrize("text", ["", ".\r\n", "a\r\n.\r\n..\r\n.b\r\n", "\r\n\r\n", "x" * 998 + "\r\n"])
def test_a_text_is_kept_as_it_was_said(sandbox: Sandbox, connection: smtplib.SMTP, text: str) -> None:
    connection.sendmail("hello@example.org", ["ann@example.org"], MESSAGE + text)
    (record,) = sandbox.world.journal.records(smtp.TAKEN)
    assert record["message"] == MESSAGE + text


def test_what_is_pipelined_behind_a_text_is_heard(sandbox: Sandbox, connection: smtplib.SMTP) -> None:
    envelope = b"MAIL FROM:<hello@example.org>\r\nRCPT TO:<ann@example.org>\r\nDATA\r\n"
    text = MESSAGE.encode() + b".\r\n"
    connection.send(envelope)
    assert [connection.getreply()[0] for _ in range(3)] == [250, 250, 354]
    for half in (text[:30], text[30:-3], text[-3:] + envelope):
        connection.send(half)
    assert [connection.getreply()[0] for _ in range(4)] == [250, 250, 250, 354]
    connection.send(b".\r\nNOOP\r\n")
    assert [connection.getreply()[0] for _ in range(2)] == [250, 250]
    assert [record["message"] for record in sandbox.world.journal.records(smtp.TAKEN)] == [MESSAGE, ""]


def test_a_line_that_is_too_long_is_refused(sandbox: Sandbox, connection: smtplib.SMTP) -> None:
    with pytest.raises(smtplib.SMTPDataError) as refused:
        connection.sendmail("hello@example.org", ["ann@example.org"], MESSAGE + "x" * 1_100 + "\r\n")
    assert refused.value.smtp_code == 500
    send(connection)
    assert len(list(sandbox.taken())) == 1
