"""The blobs of Bluesky's stand-in: each belongs to one account, and goes with the last record that names it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from campaign.sandbox.bluesky_lexicon import Refusal, blobs_in

HEAD_BYTES = 16
"""How much of a blob tells what it is."""
_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"\x1a\x45\xdf\xa3", "video/webm"),
)
_BRANDS = {
    b"avif": "image/avif",
    b"mif1": "image/heif",
    b"heic": "image/heic",
    b"heix": "image/heic",
    b"qt  ": "video/quicktime",
    b"M4V ": "video/x-m4v",
    b"M4VH": "video/x-m4v",
    b"M4VP": "video/x-m4v",
    b"M4A ": "audio/x-m4a",
    b"M4B ": "audio/mp4",
}


@dataclass(slots=True)
class _Blob:
    type: str
    size: int
    named_by: set[str] = field(default_factory=set)


class Blobs:
    """By the account's DID and CID. What no record names yet is temporary."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Blob] = {}
        self._named: dict[tuple[str, str], set[str]] = {}

    def put(self, did: str, cid: str, media_type: str, size: int) -> None:
        """Keep it; what is kept already stays as it is."""
        self._kept.setdefault((did, cid), _Blob(media_type, size))

    def check(self, did: str, record: Mapping[str, Any]) -> None:
        """Raises Refusal unless all that ``record`` names is kept, and is what it is said to be."""
        for blob in blobs_in(record.get("embed")):
            cid = blob["ref"]["$link"]
            kept = self._kept.get((did, cid))
            if kept is None:
                raise Refusal("BlobNotFound", f"Could not find blob: {cid}")
            if kept.named_by:
                continue
            if blob["mimeType"] != kept.type:
                why = f"Referenced Mimetype does not match stored blob. Expected: {kept.type}, Got: {blob['mimeType']}"
                raise Refusal("InvalidMimeType", why)
            if blob["size"] != kept.size:
                why = f"Referenced Size does not match stored blob. Expected: {kept.size}, Got: {blob['size']}"
                raise Refusal("InvalidSize", why)

    def name(self, did: str, uri: str, record: Mapping[str, Any] | None) -> None:
        """Let the record at ``uri`` name what it names now, None where it is gone."""
        named = {blob["ref"]["$link"] for blob in blobs_in(record.get("embed"))} if record is not None else set()
        for cid in self._named.pop((did, uri), set()) - named:
            blob = self._kept[did, cid]
            blob.named_by.discard(uri)
            if not blob.named_by:
                del self._kept[did, cid]
        if named:
            self._named[did, uri] = named
            for cid in named:
                self._kept[did, cid].named_by.add(uri)

    def drop(self) -> Sequence[str]:
        """Lose what no record names, as a server does after some hours; the CIDs."""
        lost = [key for key, blob in self._kept.items() if not blob.named_by]
        for key in lost:
            del self._kept[key]
        return [cid for _, cid in lost]


def type_of(head: bytes, claimed: str) -> str:
    """The media type as the bytes tell it, as claimed where they do not: as the package file-type does, which the
    reference server asks, for what posts show."""
    for start, media_type in _BEGINNINGS:
        if head.startswith(start):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":
        return "video/3gpp" if head[8:10] == b"3g" else _BRANDS.get(head[8:12], "video/mp4")
    return claimed
