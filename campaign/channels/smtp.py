"""E-mail by an SMTP server of one's own: one message for each person, on a connection that is kept."""

from __future__ import annotations

import smtplib
import socket
import ssl
from collections.abc import Callable, Sequence
from queue import Empty, LifoQueue
from typing import TYPE_CHECKING, Literal

from campaign.channels import mime
from campaign.channels.smtp_conversation import Conversation, Envelope
from campaign.errors import ChannelUnusable
from campaign.model.batch import MailBatch, Payload, Shown
from campaign.model.outcome import Deferred, InDoubt, Outcome, Settled
from campaign.ports.channel import Limits, Settling, Standing

if TYPE_CHECKING:
    from campaign.channels.dkim_signing import Signer  # loads dkimpy and its DNS, for those who sign

Security = Literal["starttls", "tls", "none"]
PORTS: dict[Security, int] = {"starttls": 587, "tls": 465, "none": 25}


class Smtp:
    """Replies are mapped for each person: 2xx accepted, 4xx deferred, 5xx refused (RFC 5321, section 4.2.1).

    A connection that is lost once a message's text has begun to leave leaves that one person in doubt, for a person
    to say: SMTP cannot be asked. Lost earlier, nothing was taken. A Message-ID is made of the delivery's key. With a
    ``signer`` each message is signed by DKIM as it leaves; what is kept of it is the message that was signed.

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
        signer: Signer | None = None,
        batch: int = 100,
        in_flight: int = 4,
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
        self._signer = signer
        self._idle: LifoQueue[Conversation] = LifoQueue()

    def __repr__(self) -> str:
        return f"Smtp(host={self.host!r}, port={self.port}, security={self._security!r})"

    def check(self) -> Sequence[Standing]:
        """Connect and log in. Raises ChannelUnusable where that is not possible."""
        try:
            self._idle.put(self._conversation())
        except _NotOpened as error:
            raise ChannelUnusable(f"SMTP at {self.host}:{self.port}: {error}; {error.remedy}") from None
        how = "without TLS" if self._security == "none" else "by TLS"
        detail = f"{self.host}:{self.port} {how}, {self._signing()}"
        return [Standing(account=self.name, who=self._username or "(no login)", detail=detail)]

    def compose(self, batch: MailBatch) -> Payload:
        made_at = batch.send_at or batch.made_at
        return Payload(chunks=[mime.write(row, batch.content, made_at=made_at) for row in batch.rows])

    def deliver(self, batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        sender = mime.wire(batch.content.sender.address)
        envelopes = [
            Envelope(sender, mime.wire(row.address), self._signed(message), mime.message_id(row.key, sender))
            for row, message in zip(batch.rows, payload.chunks, strict=True)
        ]
        outcomes: list[Outcome] = []
        while len(outcomes) < len(envelopes):
            left = envelopes[len(outcomes) :]
            try:
                conversation = self._conversation()
            except _NotOpened as error:
                return [*outcomes, *[Deferred(str(error), scope="channel")] * len(left)]
            told = self._hand_over(conversation, left, batch.holds)
            outcomes += told[: len(left) - conversation.for_another]
        return outcomes

    def _hand_over(
        self, conversation: Conversation, envelopes: Sequence[Envelope], holds: Callable[[], bool]
    ) -> Sequence[Outcome]:
        try:
            told = conversation.hand_over(envelopes, holds)
        except BaseException:
            conversation.close()
            raise
        if conversation.ended is None:
            self._idle.put(conversation)
        else:
            conversation.close()
        return told

    def settle(self, batch: MailBatch, payload: Payload) -> Sequence[Settled]:  # noqa: ARG002 - the port's signature
        return [InDoubt("an SMTP server cannot be asked what it took")] * len(batch)

    def shows(self, payload: Payload, index: int) -> Shown:
        return mime.read(payload.chunks[index])

    def close(self) -> None:
        while True:
            try:
                kept = self._idle.get_nowait()
            except Empty:
                return
            kept.quit()

    def _signed(self, message: bytes) -> bytes:
        return message if self._signer is None else self._signer.signed(message)

    def _signing(self) -> str:
        if self._signer is None:
            return "without DKIM signatures of our own"
        short = f" (of {self._signer.bits:,} bits: 2,048 are advised)" if self._signer.is_weak else ""
        return f"signed by DKIM for {self._signer.domain} with {self._signer.selector}{short}"

    def _conversation(self) -> Conversation:
        """One on a connection that is open and logged in: kept from before if it still answers. Raises _NotOpened."""
        while True:
            try:
                kept = self._idle.get_nowait()
            except Empty:
                return Conversation(self._open())
            if kept.answers():
                return kept
            kept.close()

    def _open(self) -> smtplib.SMTP:
        try:
            connection = self._connected()
            try:
                if connection.sock is not None:  # a message's last packet does not wait for the one before it
                    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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
