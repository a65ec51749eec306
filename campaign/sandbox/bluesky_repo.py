"""The repositories of Bluesky's stand-in: records under their keys, read back from the journal and kept in it.

What a key must be: https://atproto.com/specs/tid.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from campaign.sandbox.bluesky_blobs import Blobs
from campaign.sandbox.bluesky_lexicon import POST, Refusal, check_post, content_id
from campaign.sandbox.world import World

__all__ = ["COMMIT", "POST", "Refusal", "Repos", "Standing", "Write", "content_id", "taken"]

COMMIT = "bluesky.commit"
"""The journal's kind of a commit: account, did, at, and its writes with action, collection, rkey, cid and record."""
BLOB = "bluesky.blob"
"""The journal's kind of an upload: did, cid, type, size."""
_TID = re.compile(r"[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
_WRITES = 200


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
        self.blobs = Blobs()
        self._replies: Counter[str] = Counter()
        both = (world.journal.positions(kind) for kind in (COMMIT, BLOB))
        for _, record in heapq.merge(*both, key=lambda found: found[0]):
            if record["kind"] == COMMIT:
                self._apply(record["did"], record["writes"])
            else:
                self.blobs.put(record["did"], record["cid"], record["type"], record["size"])

    def get(self, did: str, collection: str, rkey: str) -> Standing | None:
        return self._records.get((did, collection), {}).get(rkey)

    def each(self, did: str, collection: str) -> Iterator[tuple[str, Standing]]:
        """By key, the newest first."""
        records = self._records.get((did, collection), {})
        return ((rkey, records[rkey]) for rkey in sorted(records, reverse=True))

    def replies(self, uri: str) -> int:
        """How many records reply to the one at ``uri``."""
        return self._replies[uri]

    def check(self, did: str, writes: Sequence[Write]) -> None:
        """Raises Refusal unless all of ``writes`` can be made."""
        if len(writes) > _WRITES:
            raise Refusal("InvalidRequest", f"Too many writes. Max: {_WRITES}")
        for write in writes:
            if write.collection != POST:
                raise Refusal("InvalidRequest", f"this stand-in keeps {POST} alone")
            if not _TID.fullmatch(write.rkey):
                raise Refusal("InvalidRequest", f"Invalid record key for {POST}: not a TID: {write.rkey[:60]}")
            if write.record is not None:
                check_post(write.record)
        taken: set[tuple[str, str]] = set()
        for write in writes:
            there = (write.collection, write.rkey) in taken or self.get(did, write.collection, write.rkey) is not None
            if (write.action == "create") == there and write.action != "put":
                # The reference server does not catch this: https://github.com/bluesky-social/atproto
                raise Refusal("InternalServerError", "Internal Server Error", 500)
            taken.add((write.collection, write.rkey))
        for write in writes:
            if write.record is not None:
                self.blobs.check(did, write.record)

    def upload(self, did: str, cid: str, media_type: str, size: int) -> None:
        self._journal.append(BLOB, {"did": did, "cid": cid, "type": media_type, "size": size})
        self.blobs.put(did, cid, media_type, size)

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
            before = records.pop(row["rkey"], None)
            if before is not None:
                self._replies[_parent(before.value)] -= 1
            if row["record"] is not None:
                records[row["rkey"]] = Standing(row["cid"], row["record"])
                self._replies[_parent(row["record"])] += 1
            self.blobs.name(did, f"{row['collection']}/{row['rkey']}", row["record"])


def taken(world: World) -> Iterator[dict[str, Any]]:
    """Each post that was taken, and whether it was deleted since; ``key`` is its record key."""
    gone: dict[str, bool] = {}
    for commit in world.journal.records(COMMIT):
        gone.update((_uri(commit, row), row["record"] is None) for row in commit["writes"])
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
                    "ref": _uri(commit, row),
                    "deleted": gone[_uri(commit, row)],
                    "reply_to": _parent(row["record"]) or None,
                    "media": [
                        {"digest": one["image"]["ref"]["$link"], "type": one["image"]["mimeType"], "alt": one["alt"]}
                        for one in (row["record"].get("embed") or {}).get("images", ())
                    ],
                }


def _uri(commit: Mapping[str, Any], row: Mapping[str, Any]) -> str:
    return f"at://{commit['did']}/{row['collection']}/{row['rkey']}"


def _parent(record: Mapping[str, Any]) -> str:
    """The post that ``record`` replies to, "" where it is no reply."""
    return str(record.get("reply", {}).get("parent", {}).get("uri", ""))
