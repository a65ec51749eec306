"""E-mail by an SMTP server of one's own: one message for each person, on a connection that is kept."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress
from queue import Empty, LifoQueue
from typing import Literal

from campaign.channels import mime
from campaign.channels.reasons import without_addresses
from campaign.errors import ChannelUnusable
from campaign.model.batch import MailBatch, Payload, Shown
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

Security = Literal["starttls", "tls", "none"]
PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}

_READY, _GO_AHEAD, _CLOSING = 250, 354, 421
_YES, _TRANSIENT, _PERMANENT = range(200, 300), 400, 500
_ABOUT_US = frozenset({530, 534, 535, 538})
"""Replies that ask for authentication or more of it (RFC 4954, section 6): not the recipient's fault."""
_LEADING_DOT = re.compile(rb"^\.", re.MULTILINE)
_NOT_ATTEMPTED = Deferred("not attempted: the connection ended before")


class Smtp:
    """Replies are mapped for each person: 2xx accepted, 4xx deferred, 5xx refused (RFC 5321, section 4.2.1).

    A connection that is lost once a message's text has begun to leave leaves that one person in doubt, for a person
    to say: SMTP cannot be asked. Lost earlier, nothing was taken. A Message-ID is made of the delivery's key.

    TLS is required, and the certificate checked, unless ``security`` is "none". ``port`` 0 is the usual one.
    ``hostname`` is how we name ourselves to the server; this machine's name if left out.
    """

    name = "smtp"
    staging = None
    settles = Settling(by="nobody")

    def __init__(
        self,
        *,
        host: str,
        port: int = 0,
        username: str = "",
        password: str = "",
        security: Security = "starttls",
        timeout_s: float = 30.0,
        hostname: str = "",
        tls: ssl.SSLContext | None = None,
        batch: int = 100,
        in_flight: int = 2,
    ) -> None:
        self.limits = Limits(batch=batch, in_flight=in_flight)
        self.host = host
        self.port = port or PORTS[security]
        self._username = username
        self._password = password
        self._security = security
        self._timeout_s = timeout_s
        self._hostname = hostname or socket.gethostname()
        self._tls = tls or ssl.create_default_context()
        self._idle: LifoQueue[smtplib.SMTP] = LifoQueue()

    def __repr__(self) -> str:
        return f"Smtp(host={self.host!r}, port={self.port}, security={self._security!r})"

    def check(self) -> Sequence[Standing]:
        """Connect and log in. Raises ChannelUnusable where that is not possible."""
        try:
            self._idle.put(self._connection())
        except _NotOpened as error:
            raise ChannelUnusable(f"SMTP at {self.host}:{self.port}: {error}; {error.remedy}") from None
        how = "without TLS" if self._security == "none" else "by TLS"
        return [
            Standing(account=self.name, who=self._username or "(no login)", detail=f"{self.host}:{self.port} {how}")
        ]

    def compose(self, batch: MailBatch) -> Payload:
        made_at = batch.send_at or batch.made_at
        return Payload(chunks=[mime.write(row, batch.content, made_at=made_at) for row in batch.rows])

    def deliver(self, batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        try:
            connection = self._connection()
        except _NotOpened as error:
            return [Deferred(str(error), scope="channel")] * len(batch)
        sender = mime.wire(batch.content.sender.address)
        outcomes: list[Outcome] = []
        for row, message in zip(batch.rows, payload.chunks, strict=True):
            attempt = _Attempt(connection)
            ref = mime.message_id(row.key, sender)
            outcomes.append(attempt.send(sender, mime.wire(row.address), message, ref=ref))
            if attempt.ended is not None:
                connection.close()
                return outcomes + [attempt.ended] * (len(batch) - len(outcomes))
        self._idle.put(connection)
        return outcomes

    def settle(self, batch: MailBatch, payload: Payload) -> Sequence[Settled]:  # noqa: ARG002 - the port's signature
        return [InDoubt("an SMTP server cannot be asked what it took")] * len(batch)

    def shows(self, payload: Payload, index: int) -> Shown:
        return mime.read(payload.chunks[index])

    def close(self) -> None:
        while True:
            try:
                connection = self._idle.get_nowait()
            except Empty:
                return
            with suppress(smtplib.SMTPException, OSError):
                connection.quit()
            connection.close()

    def _connection(self) -> smtplib.SMTP:
        """One that is open and logged in: kept from before if it still answers. Raises _NotOpened."""
        while True:
            try:
                kept = self._idle.get_nowait()
            except Empty:
                return self._open()
            with suppress(smtplib.SMTPException, OSError):
                if kept.noop()[0] == _READY:
                    return kept
            kept.close()

    def _open(self) -> smtplib.SMTP:
        try:
            connection = self._connected()
            try:
                self._log_in(connection)
            except BaseException:
                connection.close()
                raise
        except smtplib.SMTPAuthenticationError:
            raise _NotOpened(
                "the server refused the login", "see CAMPAIGN_SMTP__USERNAME and CAMPAIGN_SMTP__PASSWORD"
            ) from None
        except ssl.SSLError as error:
            raise _NotOpened(
                f"TLS failed ({error.reason or 'no reason given'})", "see CAMPAIGN_SMTP__SECURITY and the certificate"
            ) from None
        except (smtplib.SMTPException, OSError) as error:
            raise _NotOpened(
                f"the server did not answer as it should ({type(error).__name__})",
                "see CAMPAIGN_SMTP__HOST, CAMPAIGN_SMTP__PORT and CAMPAIGN_SMTP__SECURITY",
            ) from None
        return connection

    def _connected(self) -> smtplib.SMTP:
        if self._security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, self._hostname, timeout=self._timeout_s, context=self._tls)
        return smtplib.SMTP(self.host, self.port, self._hostname, timeout=self._timeout_s)

    def _log_in(self, connection: smtplib.SMTP) -> None:
        connection.ehlo_or_helo_if_needed()
        if self._security == "starttls":
            if not connection.has_extn("starttls"):
                raise _NotOpened("the server offers no STARTTLS", "set CAMPAIGN_SMTP__SECURITY to tls, or none")
            connection.starttls(context=self._tls)
            connection.ehlo()
        if self._username:
            if not connection.has_extn("auth"):
                raise _NotOpened("the server offers no login", "see CAMPAIGN_SMTP__SECURITY and CAMPAIGN_SMTP__PORT")
            connection.login(self._username, self._password)


class _NotOpened(Exception):
    """No connection came about, or not one that may be used; nothing was sent."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


class _Attempt:
    """One message on an open connection. ``ended`` is set once nothing more can be sent on it, to what the rest get."""

    def __init__(self, connection: smtplib.SMTP) -> None:
        self.ended: Deferred | None = None
        self._connection = connection

    def send(self, sender: str, recipient: str, message: bytes, *, ref: str) -> Outcome:
        if not (sender + recipient).isascii() and not self._connection.has_extn("smtputf8"):
            return Refused("this server takes no address beyond ASCII (RFC 6531)", code="SMTPUTF8")
        try:
            refused = self._offer(sender, recipient)
        except ValueError:
            # Only a line end or half a character in an address; smtplib wrote nothing of the command.
            self._start_over()
            return Refused("the address is malformed")
        except (smtplib.SMTPException, OSError):
            self.ended = _NOT_ATTEMPTED
            return Deferred("the connection ended before the message left")
        return self._hand_over(message, ref=ref) if refused is None else refused

    def _offer(self, sender: str, recipient: str) -> Outcome | None:
        """Everything before the message itself; None where the server wants it."""
        options: list[str] = []
        if not (sender + recipient).isascii():
            options = ["SMTPUTF8", "BODY=8BITMIME"]
            self._connection.command_encoding = "utf-8"
        code, said = self._connection.mail(sender, options)
        if code >= _PERMANENT:
            # No other message would fare better.
            self.ended = Deferred(f"the server refused the sender: {_said(code, said)}", scope="channel")
            return self.ended
        if code in _YES:
            code, said = self._connection.rcpt(recipient)
        if code in _YES:
            code, said = self._connection.docmd("DATA")
        return None if code == _GO_AHEAD else self._no(code, said)

    def _hand_over(self, message: bytes, *, ref: str) -> Outcome:
        """The message itself. It counts as taken once the server has said so, and may be from its first byte on."""
        try:
            self._connection.send(_LEADING_DOT.sub(b"..", message) + b".\r\n")
            code, said = self._connection.getreply()
        except (smtplib.SMTPException, OSError):
            self.ended = _NOT_ATTEMPTED
            return InDoubt("the connection was lost before the server replied to the message")
        if code in _YES:
            return Accepted(ref=ref)
        if code < _TRANSIENT:
            # smtplib's -1: no code could be read.
            self.ended = _NOT_ATTEMPTED
            return InDoubt("the server replied to the message with what is no SMTP")
        return self._no(code, said)

    def _no(self, code: int, said: bytes) -> Outcome:
        reason = _said(code, said)
        if code < _TRANSIENT:
            self.ended = _NOT_ATTEMPTED
            return Deferred("the server replied with what is no SMTP")
        if code == _CLOSING or code in _ABOUT_US:
            self.ended = Deferred(reason, scope="channel")
            return self.ended
        self._start_over()
        return Refused(reason, code=str(code)) if code >= _PERMANENT else Deferred(reason)

    def _start_over(self) -> None:
        """End the transaction begun, so that the next one can begin on this connection."""
        try:
            self._connection.rset()
        except (smtplib.SMTPException, OSError):
            self.ended = _NOT_ATTEMPTED


def _said(code: int, said: bytes) -> str:
    return without_addresses(f"{code} {said.decode(errors='replace')}")
