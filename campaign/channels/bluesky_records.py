"""Bluesky's records: their keys, content and identifiers, fixed before the first attempt. Nothing here calls anybody.

See https://atproto.com/specs/tid, https://atproto.com/specs/data-model and the lexicon app.bsky.feed.post.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import libipld

from campaign.model.batch import PostBatch

COLLECTION = "app.bsky.feed.post"
_TID_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_TID_LENGTH = 13
_CID_HEAD = b"\x01\x71\x12\x20"
"""CID version 1, DAG-CBOR, SHA-256 of 32 bytes (https://github.com/multiformats/cid)."""
_LABELS = frozenset({"sexual", "nudity", "porn", "graphic-media"})
"""The content warnings that Bluesky has; it takes no text for one."""


def composed(batch: PostBatch, key: str, text: str, place: int) -> dict[str, Any]:
    """A part's record and key. ``place`` counts the thread's parts from 0: a millisecond apart, they stay in order."""
    from atproto_client.utils import detect_facets  # noqa: PLC0415 - takes half a second

    made_at = batch.made_at.astimezone(UTC) + timedelta(milliseconds=place)
    record: dict[str, Any] = {
        "$type": COLLECTION,
        "text": text,
        "createdAt": made_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }
    if batch.language:
        record["langs"] = [batch.language]
    facets = [facet.model_dump(by_alias=True, exclude_none=True) for facet in detect_facets(text)]
    if facets:
        record["facets"] = facets
    if batch.warning in _LABELS:
        record["labels"] = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": batch.warning}]}
    return {"rkey": record_key(made_at, key), "record": record}


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
    digest = hashlib.sha256(libipld.encode_dag_cbor(dict(record))).digest()
    return "b" + base64.b32encode(_CID_HEAD + digest).decode().lower().rstrip("=")


def same(standing: Any, ours: Mapping[str, Any]) -> bool:
    """Whether the record that stands is ours: its text and its time. The key has told them apart before."""
    return isinstance(standing, dict) and all(standing.get(name) == ours[name] for name in ("text", "createdAt"))


def uri(did: str, rkey: str) -> str:
    return f"at://{did}/{COLLECTION}/{rkey}"
