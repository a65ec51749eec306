"""Pictures and videos as bytes: those that were approved, and what was made of them for a wave.

Each is kept once, under the SHA-256 of its bytes. Nothing is ever deleted: it is what was approved, and what was sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from hashlib import sha256

import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy import Connection

from campaign.errors import LedgerError
from campaign.model.media import PartMedia
from campaign.storage import tables as t
from campaign.storage.database import insert_or_ignore


@cache
def _adapter() -> TypeAdapter[tuple[PartMedia, ...]]:
    return TypeAdapter(tuple[PartMedia, ...])


def keep(connection: Connection, digests: Iterable[str], files: Mapping[str, bytes]) -> None:
    """Keep those of ``files`` that are named and not kept yet, read one by one. LedgerError where one is not given."""
    for digest in dict.fromkeys(digests):
        there = connection.execute(sa.select(t.media.c.digest).where(t.media.c.digest == digest)).first()
        if there is not None:
            continue
        if digest not in files:
            raise LedgerError(f"the picture or video {digest[:12]} is to be kept, and nobody has given its bytes")
        body = files[digest]
        if sha256(body).hexdigest() != digest:
            raise LedgerError(f"the picture or video {digest[:12]} has changed on its way to the ledger")
        insert_or_ignore(connection, t.media, {"digest": digest, "body": body})


def file(connection: Connection, digest: str) -> bytes:
    body = connection.execute(sa.select(t.media.c.body).where(t.media.c.digest == digest)).scalar()
    if body is None:
        raise LedgerError(f"the ledger holds no picture or video {digest[:12]}")
    return bytes(body)


def show(connection: Connection, wave_id: int, shown: tuple[PartMedia, ...], files: Mapping[str, bytes]) -> None:
    """Keep what the parts of a wave's post show, and its bytes."""
    keep(connection, digests(shown), files)
    written = _adapter().dump_json(shown).decode() if shown else None
    connection.execute(sa.update(t.waves).where(t.waves.c.id == wave_id).values(media=written))


def shown(connection: Connection, wave_id: int) -> tuple[PartMedia, ...]:
    written = connection.execute(sa.select(t.waves.c.media).where(t.waves.c.id == wave_id)).scalar()
    return _adapter().validate_json(written) if written else ()


def digests(shown: Iterable[PartMedia]) -> list[str]:
    """What these parts show, by digest."""
    found = [one.digest for part in shown for one in part.media]
    return [*found, *(part.link_card.image.digest for part in shown if part.link_card and part.link_card.image)]
