"""The SMTP stand-in: a real server (aiosmtpd) that keeps what it takes and passes nothing on.

It asks for AUTH where the world has accounts for "smtp" (user's name to password), and offers TLS where it was given a
certificate. Faults strike by the recipient's address: REFUSE is 550 and RATE_LIMIT 451 to RCPT, UNAVAILABLE 421 and
the end of the connection; ERROR drops the connection after DATA without taking the message, DROP_REPLY after taking
it. Without any fault asked, a recipient at ``malformed.example.org`` (or ``.net``, ``.com``) is refused with 553.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any
from weakref import WeakSet

from aiosmtpd.smtp import DATA_SIZE_DEFAULT, SMTP, AuthResult, Envelope, LoginPassword, Session, syntax

from campaign.sandbox.faults import Fault
from campaign.sandbox.sendgrid_rules import MALFORMED
from campaign.sandbox.world import World

TAKEN = "smtp.message"
"""The journal's kind of an accepted message: id (its Message-ID), key, at, from, to, subject and the message itself."""
_HEADERS = BytesHeaderParser()
_END = b"\r\n.\r\n"
_MOST_AT_ONCE = 1 << 30
HOSTNAME = "sandbox.example.org"


@dataclass(frozen=True, slots=True)
class Security:
    """``context`` holds the certificate for STARTTLS, or for TLS from the first byte if ``implicit``."""

    context: ssl.SSLContext | None = None
    implicit: bool = False


class _Server(SMTP):
    """aiosmtpd's server, but that it reads a text as it comes and not line by line: less than half the work."""

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        envelope = self.envelope
        if arg or envelope is None or not envelope.rcpt_tos:
            await self.push("501 Syntax: DATA" if arg else "503 Error: need RCPT command")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        came = bytearray(b"\r\n")
        looked, end = 0, -1
        while end < 0:
            chunk = await self._reader.read(_MOST_AT_ONCE)
            if not chunk:
                return
            came += chunk
            end = came.find(_END, looked)
            looked = max(0, len(came) - len(_END))
        if len(came) > end + len(_END):  # what was pipelined behind the text; the reader holds nothing else
            self._reader.feed_data(bytes(came[end + len(_END) :]))
        text = bytes(came[2 : end + 2])
        envelope.content = envelope.original_content = _without_dots(text)
        if len(text) > DATA_SIZE_DEFAULT:
            status: Any = "552 Error: Too much mail data"
        elif any(len(line) > self.line_length_limit for line in text.splitlines()):
            status = "500 Line too long (see RFC5321 4.5.3.1.6)"
        else:
            status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd's own, without types
        await self.push(status)


def _without_dots(text: bytes) -> bytes:
    """``text`` less the dot that was put before each line that begins with one (RFC 5321, section 4.5.2)."""
    return text.replace(b"\r\n..", b"\r\n.").removeprefix(b".")


class Connections:
    """What ``loop.create_server`` makes each connection with; ``end`` closes those that are open."""

    def __init__(self, world: World, security: Security) -> None:
        self._world = world
        self._security = security
        self._accounts = world.accounts.get("smtp", {})
        self._open: WeakSet[SMTP] = WeakSet()

    def __call__(self) -> SMTP:
        connection = _Server(
            _Taking(self._world, auth=bool(self._accounts)),
            hostname=HOSTNAME,
            ident="Campaign sandbox",
            enable_SMTPUTF8=True,
            tls_context=None if self._security.implicit else self._security.context,
            require_starttls=not self._security.implicit,
            auth_require_tls=False,
            authenticator=self._authenticate,
            loop=asyncio.get_running_loop(),
        )
        self._open.add(connection)
        return connection

    def end(self) -> None:
        for connection in list(self._open):
            if isinstance(connection.transport, asyncio.WriteTransport):
                connection.transport.abort()

    def _authenticate(self, _: SMTP, __: Session, ___: Envelope, ____: str, told: Any) -> AuthResult:
        if not isinstance(told, LoginPassword):
            return AuthResult(success=False, handled=False)
        expected = self._accounts.get(told.login.decode(errors="replace"))
        known = expected is not None and hmac.compare_digest(expected.encode(), told.password)
        return AuthResult(success=known, handled=False)


class _Taking:
    """aiosmtpd calls these by name, one object for each connection."""

    def __init__(self, world: World, *, auth: bool) -> None:
        self._world = world
        self._auth = auth
        self._fault: Fault | None = None

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, __: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        return [*responses[:-1], "250-PIPELINING", responses[-1]]

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self._auth and not session.authenticated:
            return "530 5.7.0 Authentication required"
        self._fault = None
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if MALFORMED.search(address):
            return "553 5.1.3 The address is malformed"
        self._fault = self._world.faults.draw("smtp", address.lower())
        if self._fault is Fault.REFUSE:
            return f"550 5.1.1 <{address}>: no such user here"
        if self._fault is Fault.RATE_LIMIT:
            return "451 4.7.1 Too many messages, try again later"
        if self._fault is Fault.UNAVAILABLE:
            await server.push("421 4.3.2 Shutting down for now")
            await _end(server)
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if self._fault is Fault.ERROR:
            await _end(server)
        content = envelope.original_content or b""
        headers = _HEADERS.parsebytes(content.partition(b"\r\n\r\n")[0])
        name = str(headers.get("Message-ID", "")).strip()
        self._world.journal.append(
            TAKEN,
            {
                "id": name,
                "key": name.strip("<>").partition("@")[0],
                "at": self._world.now().isoformat(),
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "subject": _words(headers),
                "message": content.decode("latin-1"),
            },
        )
        if self._fault is Fault.DROP_REPLY:
            await _end(server)
        if self._fault is Fault.SLOW:
            await asyncio.sleep(self._world.faults.delay_s("smtp"))
        return "250 2.0.0 OK"


def _words(headers: Message) -> str:
    """The subject as it is read, by the older parser: the newer one takes as long as all else for a message."""
    return str(make_header(decode_header(re.sub(r"\r?\n(?=[ \t])", "", str(headers.get("Subject", ""))))))


async def _end(server: SMTP) -> None:
    """Close the connection; what was written before still arrives. Does not return."""
    if server.transport is not None:
        server.transport.close()
    await asyncio.get_running_loop().create_future()


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each e-mail that was taken, one for each recipient."""
    for record in world.journal.records(TAKEN):
        for address in record["to"]:
            yield {
                "provider": "smtp",
                "key": record["key"],
                "recipient": address,
                "subject": record["subject"],
                "at": record["at"],
                "ref": record["id"],
            }


def mail(world: World, key: str) -> dict[str, Any] | None:
    """The e-mail with this key as its recipient would have it: subject, text, html, headers; the first, if several."""
    for record in world.journal.records(TAKEN):
        if record["key"] == key:
            message = message_from_bytes(record["message"].encode("latin-1"), policy=policy.default)
            text, html = (message.get_body((kind,)) for kind in ("plain", "html"))
            return {
                "subject": record["subject"],
                "text": text.get_content() if text else "",
                "html": html.get_content() if html else "",
                "headers": {name: str(value) for name, value in message.items()},
            }
    return None
