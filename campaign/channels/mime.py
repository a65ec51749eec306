"""One person's e-mail as the bytes that go over SMTP (RFC 5322, MIME), and back."""

from __future__ import annotations

import re
from binascii import b2a_qp
from collections.abc import Iterator
from datetime import UTC, datetime
from email.header import Header
from email.message import EmailMessage, MIMEPart
from email.parser import BytesParser
from email.policy import SMTP as READING
from email.utils import format_datetime, quote
from functools import lru_cache

from campaign.model.batch import MailContent, MailRow, Shown

_LINE = 76
_PLAIN_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")


def message_id(key: str, sender: str) -> str:
    """The Message-ID of the delivery with this key, in the sender's domain."""
    return f"<{key}@{wire(sender).rpartition('@')[2]}>"


def wire(address: str) -> str:
    """The address with its domain in ASCII, as headers and servers know it (RFC 5890); as it is if it has no such form.

    What is not ASCII even then needs a server that knows SMTPUTF8.
    """
    address = _one_line(address)
    if address.isascii():
        return address
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return f"{local}@{domain}"


def write(row: MailRow, content: MailContent, *, made_at: datetime | None) -> bytes:
    """The whole message, lines ended by CRLF.

    All parts are quoted-printable, which keeps lines short and survives every server. The boundary comes from the
    key: the same delivery is the same message to the byte, and no quoted-printable text can hold ``=_``.
    """
    values = dict(zip(content.tokens, row.values, strict=True))
    lines = [f"{name}: {value}" for name, value in _headers(row, content, values, made_at)]
    bodies = (("text/plain", content.text), ("text/html", content.html))
    parts = [_part(kind, _filled(text, values)) for kind, text in bodies if text] or [_part("text/plain", "")]
    head = "\r\n".join(lines).encode(errors="replace")
    if len(parts) == 1:
        return head + b"\r\n" + parts[0] + (b"" if parts[0].endswith(b"\n") else b"\r\n")
    boundary = f"=_{row.key}"
    # The line end before an edge belongs to the edge (RFC 2046, section 5.1.1): a text keeps its own end, or none.
    edge = f"\r\n--{boundary}\r\n".encode()
    outer = f'\r\nContent-Type: multipart/alternative; boundary="{boundary}"\r\n'.encode()
    return b"".join((head, outer, *(edge + part for part in parts), edge[:-2], b"--\r\n"))


def read(message: bytes) -> Shown:
    """What the recipient of the message sees."""
    parsed = BytesParser(_class=EmailMessage, policy=READING).parsebytes(message)
    text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
    hidden = {"mime-version", "content-type", "content-transfer-encoding", "subject"}
    return Shown(
        text=_body(text),
        subject=str(parsed["Subject"] or ""),
        html=_body(html),
        headers={name: str(value) for name, value in parsed.items() if name.lower() not in hidden},
    )


def _headers(
    row: MailRow, content: MailContent, values: dict[str, str], made_at: datetime | None
) -> Iterator[tuple[str, str]]:
    sender = content.sender
    yield "From", _mailbox(sender.name, sender.address)
    yield "To", _mailbox(row.name, row.address)
    if sender.reply_to:
        yield "Reply-To", _mailbox("", sender.reply_to)
    yield "Subject", _words(_filled(content.subject, values), room=len("Subject: "))
    if made_at is not None:
        yield "Date", format_datetime(made_at.astimezone(UTC))
    yield "Message-ID", message_id(row.key, sender.address)
    if row.unsubscribe_url:
        # RFC 8058, section 3.1: both headers, one of them with this very value. A URL is never folded or encoded.
        yield "List-Unsubscribe", f"<{_one_line(row.unsubscribe_url)}>"
        yield "List-Unsubscribe-Post", "List-Unsubscribe=One-Click"
    if content.language:
        yield "Content-Language", content.language
    yield "MIME-Version", "1.0"


def _part(kind: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    # b2a_qp breaks long lines as the text itself ends its first one: with \n alone, all of them end so.
    encoded = b2a_qp(lines.encode(errors="replace"), istext=True).replace(b"\n", b"\r\n")
    return (
        f"Content-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode() + encoded
    )


def _body(part: MIMEPart | None) -> str:
    if part is None:
        return ""
    content: str = part.get_content()
    return content.replace("\r\n", "\n")


def _mailbox(name: str, address: str) -> str:
    name, address = _one_line(name), wire(address)
    if not name:
        return address
    if _PLAIN_NAME.fullmatch(name) and "=?" not in name:
        return f"{name} <{address}>"
    if name.isascii() and "=?" not in name:
        return f'"{quote(name)}" <{address}>'
    return f"{_words(name, room=len('Reply-To: '))} <{address}>"


def _words(text: str, *, room: int) -> str:
    """A header's text: as it is where ASCII allows it, else in encoded words of at most 75 characters (RFC 2047)."""
    text = _one_line(text)
    if text.isascii() and "=?" not in text:
        return Header(text, "us-ascii", maxlinelen=_LINE, header_name=" " * room).encode(linesep="\r\n")
    clean = text.encode(errors="replace").decode()
    return Header(clean, "utf-8", maxlinelen=_LINE, header_name=" " * room).encode(linesep="\r\n")


def _one_line(text: str) -> str:
    """Without line ends and other control characters, which in a header could begin another one."""
    return "".join(mark if mark.isprintable() else " " for mark in text).strip()


def _filled(text: str, values: dict[str, str]) -> str:
    """``text`` with each token's value in its place: tokens in values are words like others."""
    return _any_of(tuple(values)).sub(lambda match: values[match[0]], text) if values else text


@lru_cache(maxsize=64)
def _any_of(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)))
