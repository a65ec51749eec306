"""The repositories of Bluesky's stand-in: records under their keys, read back from the journal and kept in it.

What a record must be is the lexicon app.bsky.feed.post; what a key must be, https://atproto.com/specs/tid.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import libipld

from campaign.flow.fit import BLUESKY_BYTES, BLUESKY_GRAPHEMES, grapheme_length
from campaign.sandbox.world import World

COMMIT = "bluesky.commit"
"""The journal's kind of a commit: account, did, at, and its writes with action, collection, rkey, cid and record."""
POST = "app.bsky.feed.post"
_TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_AT_URI = re.compile(r"at://[a-z0-9:._-]+/[a-zA-Z.]+/[a-zA-Z0-9._~:-]+")
_LANGUAGES = 3
_WRITES = 200


class Refusal(Exception):
    """What the server answers instead: the error's name in the lexicon, and a message."""

    def __init__(self, error: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.status = status


@dataclass(frozen=True, slots=True)
class Write:
    """``record`` is None where the write deletes."""

    action: str
    collection: str
    rkey: str
    record: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    cid: str
    value: Mapping[str, Any]


class Repos:
    """``commits`` counts each repository's, by DID."""

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self._records: dict[tuple[str, str], dict[str, Standing]] = {}
        self.commits: dict[str, int] = {}
        for record in world.journal.records(COMMIT):
            self._apply(record["did"], record["writes"])

    def get(self, did: str, collection: str, rkey: str) -> Standing | None:
        return self._records.get((did, collection), {}).get(rkey)

    def each(self, did: str, collection: str) -> Iterator[tuple[str, Standing]]:
        """By key, the newest first."""
        records = self._records.get((did, collection), {})
        return ((rkey, records[rkey]) for rkey in sorted(records, reverse=True))

    def check(self, did: str, writes: Sequence[Write]) -> None:
        """Raises Refusal unless all of ``writes`` can be made."""
        if len(writes) > _WRITES:
            raise Refusal("InvalidRequest", f"Too many writes. Max: {_WRITES}")
        taken: set[tuple[str, str]] = set()
        for write in writes:
            if write.collection != POST:
                raise Refusal("InvalidRequest", f"this stand-in keeps {POST} alone")
            if not _TID.fullmatch(write.rkey):
                raise Refusal("InvalidRequest", f"Invalid record key for {POST}: not a TID: {write.rkey[:60]}")
            if write.record is not None:
                _check_post(write.record)
            there = (write.collection, write.rkey) in taken or self.get(did, write.collection, write.rkey) is not None
            if (write.action == "create") == there and write.action != "put":
                # The reference server does not catch this: https://github.com/bluesky-social/atproto
                raise Refusal("InternalServerError", "Internal Server Error", 500)
            taken.add((write.collection, write.rkey))

    def commit(self, account: str, did: str, writes: Sequence[Write], now: datetime) -> Sequence[str]:
        """Make ``writes``, which were checked, in one line of the journal; the CIDs of what stands then."""
        rows = [
            {
                "action": write.action,
                "collection": write.collection,
                "rkey": write.rkey,
                "cid": content_id(write.record) if write.record is not None else "",
                "record": write.record,
            }
            for write in writes
        ]
        self._journal.append(COMMIT, {"account": account, "did": did, "at": now.isoformat(), "writes": rows})
        self._apply(did, rows)
        return [str(row["cid"]) for row in rows]

    def _apply(self, did: str, rows: Sequence[Mapping[str, Any]]) -> None:
        self.commits[did] = self.commits.get(did, 0) + 1
        for row in rows:
            records = self._records.setdefault((did, row["collection"]), {})
            if row["record"] is None:
                records.pop(row["rkey"], None)
            else:
                records[row["rkey"]] = Standing(row["cid"], row["record"])


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken; ``key`` is its record key."""
    for commit in world.journal.records(COMMIT):
        for row in commit["writes"]:
            if row["record"] is not None:
                yield {
                    "provider": "bluesky",
                    "account": commit["account"],
                    "key": row["rkey"],
                    "recipient": commit["account"],
                    "text": row["record"]["text"],
                    "at": commit["at"],
                    "ref": f"at://{commit['did']}/{row['collection']}/{row['rkey']}",
                    "reply_to": row["record"].get("reply", {}).get("parent", {}).get("uri"),
                }


def content_id(record: Mapping[str, Any]) -> str:
    """CID version 1 over the record in DAG-CBOR with SHA-256."""
    try:
        encoded = libipld.encode_dag_cbor(dict(record))
    except (ValueError, TypeError) as error:
        raise Refusal("InvalidRequest", f"the record has no DAG-CBOR: {error}") from None
    raw = b"\x01\x71\x12\x20" + hashlib.sha256(encoded).digest()
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")


def _check_post(record: Mapping[str, Any]) -> None:
    if record.get("$type", POST) != POST:
        raise Refusal("InvalidRequest", f"Invalid $type: expected {POST}")
    text = record.get("text")
    if not isinstance(text, str):
        raise _invalid('must have the property "text"')
    if len(text.encode()) > BLUESKY_BYTES:
        raise _invalid(f"text must not be longer than {BLUESKY_BYTES} bytes")
    if grapheme_length(text) > BLUESKY_GRAPHEMES:
        raise _invalid(f"text must not be longer than {BLUESKY_GRAPHEMES} graphemes")
    _check_time(record.get("createdAt"))
    languages = record.get("langs", [])
    if not isinstance(languages, list) or len(languages) > _LANGUAGES:
        raise _invalid(f"langs must not have more than {_LANGUAGES} elements")
    for facet in record.get("facets", []):
        _check_facet(facet)
    if "reply" in record:
        _check_reference(record["reply"], "root")
        _check_reference(record["reply"], "parent")
    content_id(record)


def _check_time(written: Any) -> None:
    try:
        aware = datetime.fromisoformat(written).utcoffset() is not None
    except (TypeError, ValueError):
        aware = False
    if not aware:
        raise _invalid("createdAt must be a datetime with a time zone")


def _check_facet(facet: Any) -> None:
    try:
        start, end = facet["index"]["byteStart"], facet["index"]["byteEnd"]
        sound = isinstance(start, int) and isinstance(end, int) and start >= 0 and end >= 0 and facet["features"]
    except (KeyError, TypeError):
        sound = False
    if not sound:
        raise _invalid("facets must have an index and features")


def _check_reference(reply: Any, name: str) -> None:
    try:
        uri, cid = reply[name]["uri"], reply[name]["cid"]
        libipld.decode_cid(cid)
        sound = _AT_URI.fullmatch(uri) is not None
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise _invalid(f"reply/{name} must be a strong reference")


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidRequest", f"Invalid {POST} record: Record/{message}")
