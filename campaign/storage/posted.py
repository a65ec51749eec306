"""Raw bodies as they are kept, and how one person is taken out of them."""

from __future__ import annotations

import re
from typing import Any

import orjson
import sqlalchemy as sa
import zstandard
from sqlalchemy import Connection

from campaign.storage.tables import inbox

MOST_BYTES = 64 * 1024 * 1024
"""No body that is kept is larger once it is unpacked."""
_LEVEL = 3
_TAKEN_OUT = "(address)"
_BEFORE, _AFTER = r"(?<![\w.+-])", r"(?![\w-]|\.\w)"
"""So that nobody is taken for somebody whose address ends or begins like theirs."""
_OF_A_PERSON = ("email", "ip", "useragent")
"""What an event holds of whoever got the mail, beside the address where it stands in other words."""


def pack(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(body)


def unpack(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=MOST_BYTES)


def blank(connection: Connection, email: str) -> None:
    """Take ``email``, and what is told of the person beside it, out of every body that is kept."""
    found = re.compile(_BEFORE + re.escape(email) + _AFTER, re.IGNORECASE)
    anyhow = b"|".join(map(re.escape, _written(email)))
    written = re.compile(_BEFORE.encode() + b"(?:" + anyhow + b")" + _AFTER.encode(), re.IGNORECASE)
    for number in connection.execute(sa.select(inbox.c.id).order_by(inbox.c.id)).scalars().all():
        kept = connection.execute(sa.select(inbox.c.body).where(inbox.c.id == number)).scalar()
        body = unpack(kept) if kept is not None else b""
        if written.search(body):
            without = pack(_without(body, found, written))
            connection.execute(sa.update(inbox).where(inbox.c.id == number).values(body=without))


def _written(email: str) -> list[bytes]:
    """The address as JSON may have it: as it is, or with escapes."""
    escaped = "".join(letter if letter.isascii() else f"\\u{ord(letter):04x}" for letter in email)
    return [email.encode(errors="replace"), escaped.encode()]


def _without(body: bytes, found: re.Pattern[str], written: re.Pattern[bytes]) -> bytes:
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        return written.sub(_TAKEN_OUT.encode(), body)
    if not isinstance(events, list):
        return written.sub(_TAKEN_OUT.encode(), body)
    return orjson.dumps([_event(one, found) if _is_theirs(one, found) else one for one in events])


def _is_theirs(event: Any, found: re.Pattern[str]) -> bool:
    return found.search(orjson.dumps(event).decode()) is not None


def _event(event: Any, found: re.Pattern[str]) -> Any:
    if not isinstance(event, dict):
        return _TAKEN_OUT
    return {
        name: found.sub(_TAKEN_OUT, value) if isinstance(value, str) else value
        for name, value in event.items()
        if name not in _OF_A_PERSON
    }
