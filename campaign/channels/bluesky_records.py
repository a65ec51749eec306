"""Bluesky's records: their keys, content and identifiers, fixed before the first attempt. Nothing here calls anybody.

See https://atproto.com/specs/tid, https://atproto.com/specs/data-model and the lexicon app.bsky.feed.post.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import libipld

from campaign.channels.bluesky_facets import facets, handles
from campaign.channels.bluesky_media import binary, embed
from campaign.flow.fit import BLUESKY_LABELS
from campaign.model.batch import PostBatch, PostPart

COLLECTION = "app.bsky.feed.post"
_MENTION = "app.bsky.richtext.facet#mention"
_TELLING = ("text", "createdAt", "embed")
_TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_TID_LENGTH = 13
_CID_HEAD = b"\x01\x71\x12\x20"
"""CID version 1, DAG-CBOR, SHA-256 of 32 bytes (https://github.com/multiformats/cid)."""


def composed(batch: PostBatch, part: PostPart, place: int) -> dict[str, Any]:
    """A part's record and key. ``place`` counts the thread's parts from 0: a millisecond apart, they stay in order.

    Whom it mentions stands beside it, under ``mentions``, with handles where DIDs belong: who has a handle is known to
    the network alone (see ``mentioning``).
    """
    made_at = batch.made_at.astimezone(UTC) + timedelta(milliseconds=place)
    record: dict[str, Any] = {
        "$type": COLLECTION,
        "text": part.text,
        "createdAt": made_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if batch.language:
        record["langs"] = [batch.language]
    found = facets(part.text, {handle: handle for handle in handles(part.text)})
    plain = [facet for facet in found if not _mentioned(facet)]
    if plain:
        record["facets"] = plain
    if batch.warning in BLUESKY_LABELS:
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": batch.warning}]}
    beside = embed(part.shows)
    if beside is not None:
        record["embed"] = beside
    mentions = [facet for facet in found if _mentioned(facet)]
    return {"rkey": record_key(made_at, part.key), "record": record, **({"mentions": mentions} if mentions else {})}


def mentioned(chunk: Mapping[str, Any]) -> Iterator[str]:
    """The handles that the part of a read chunk mentions."""
    return (_mentioned(facet) for facet in chunk.get("mentions", ()))


def mentioning(chunk: Mapping[str, Any], dids: Mapping[str, str | None]) -> dict[str, Any]:
    """The record of a read chunk with its mentions; one of a handle without a DID stays plain text."""
    record = dict(chunk["record"])
    known = [
        {**facet, "features": [{"$type": _MENTION, "did": dids[_mentioned(facet)]}]}
        for facet in chunk.get("mentions", ())
        if dids.get(_mentioned(facet)) is not None
    ]
    if known:
        record["facets"] = sorted([*record.get("facets", ()), *known], key=lambda facet: facet["index"]["byteStart"])
    return record


def _mentioned(facet: Mapping[str, Any]) -> str:
    """The handle in a facet that ``composed`` made, "" where it is no mention."""
    return str(facet["features"][0].get("did", ""))


def record_key(made_at: datetime, key: str) -> str:
    """A TID: the millisecond of ``made_at``, then microseconds and clock number drawn from the delivery's ``key``.

    So it is the same at every attempt, keeps the order of a thread, and is one of a million for two posts of one
    account in the same millisecond.
    """
    drawn = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "big")
    milliseconds = (made_at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    number = (milliseconds * 1000 + drawn % 1000) << 10 | (drawn // 1000) % 1024
    return "".join(_TID_DIGITS[number >> 5 * place & 31] for place in reversed(range(_TID_LENGTH)))


def content_id(record: Mapping[str, Any]) -> str:
    """The CID that the server will give ``record``; a reply must name it."""
    digest = hashlib.sha256(libipld.encode_dag_cbor(_linked(record))).digest()
    return "b" + base64.b32encode(_CID_HEAD + digest).decode().lower().rstrip("=")


def _linked(value: Any) -> Any:
    """JSON's {"$link": CID} as the CID itself, which is a link in DAG-CBOR (https://atproto.com/specs/data-model)."""
    if isinstance(value, Mapping):
        return binary(value["$link"]) if set(value) == {"$link"} else {key: _linked(one) for key, one in value.items()}
    return [_linked(one) for one in value] if isinstance(value, list) else value


def same(standing: Any, ours: Mapping[str, Any]) -> bool:
    """Whether the record that stands is ours: its text, its time and what it shows. Whom it mentions may have been
    known better at one attempt than at another; the key has told records apart before."""
    return isinstance(standing, dict) and all(standing.get(name) == ours.get(name) for name in _TELLING)


def uri(did: str, rkey: str) -> str:
    return f"at://{did}/{COLLECTION}/{rkey}"
