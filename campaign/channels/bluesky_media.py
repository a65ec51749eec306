"""What a Bluesky post shows beside its text: pictures, a video or a link card. Nothing here calls anybody.

A blob is named by what its bytes are (CID version 1, raw, SHA-256), so that a record is fixed before its media is
uploaded. See https://atproto.com/specs/blob and the lexicons app.bsky.embed.images, app.bsky.embed.video and
app.bsky.embed.external. A record has one embed.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from campaign.model.media import LinkCard, Media, PartMedia

_RAW_HEAD = b"\x01\x55\x12\x20"
"""CID version 1, raw bytes, SHA-256 of 32 bytes (https://github.com/multiformats/cid)."""
_VIDEO = "video/"


def embed(shows: PartMedia) -> dict[str, Any] | None:
    """What a record is given for ``shows``, None for nothing. Pictures or a video come before a link card."""
    if shows.media:
        first = shows.media[0]
        return _video(first) if first.type.startswith(_VIDEO) else _images(shows.media)
    return _external(shows.link_card) if shows.link_card is not None else None


def blob(media: Media) -> dict[str, Any]:
    """The reference that the server gives for ``media`` once it has it."""
    return {"$type": "blob", "ref": {"$link": blob_id(media.digest)}, "mimeType": media.type, "size": media.size}


def blob_id(digest: str) -> str:
    """The CID of bytes by their SHA-256 in hex."""
    return "b" + base64.b32encode(_RAW_HEAD + bytes.fromhex(digest)).decode().lower().rstrip("=")


def digest_of(blob_id: str) -> str:
    """The SHA-256 in hex of the bytes with this CID."""
    return binary(blob_id)[len(_RAW_HEAD) :].hex()


def binary(cid: str) -> bytes:
    """A CID in its binary form. ValueError where it is none in base32."""
    body = cid[1:].upper()
    return base64.b32decode(body + "=" * (-len(body) % 8))


def blobs(records: Iterable[Mapping[str, Any]]) -> Mapping[str, dict[str, Any]]:
    """The blobs that ``records`` name, by CID."""
    return {found["ref"]["$link"]: found for record in records for found in _blobs(record.get("embed"))}


def _blobs(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if value.get("$type") == "blob":
            yield value
        else:
            for inner in value.values():
                yield from _blobs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _blobs(inner)


def _images(pictures: Iterable[Media]) -> dict[str, Any]:
    rows = [{"image": blob(one), "alt": one.alt, "aspectRatio": _ratio(one)} for one in pictures]
    return {"$type": "app.bsky.embed.images", "images": rows}


def _video(video: Media) -> dict[str, Any]:
    """The file as it is: what Bluesky's own video service makes of one has a name that nobody knows before."""
    return {"$type": "app.bsky.embed.video", "video": blob(video), "alt": video.alt, "aspectRatio": _ratio(video)}


def _external(card: LinkCard) -> dict[str, Any]:
    external: dict[str, Any] = {"uri": card.url, "title": card.title, "description": card.text}
    if card.image is not None:
        external["thumb"] = blob(card.image)
    return {"$type": "app.bsky.embed.external", "external": external}


def _ratio(media: Media) -> dict[str, int]:
    return {"width": media.width, "height": media.height}
