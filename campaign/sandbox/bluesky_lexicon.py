"""What a post must be for Bluesky's stand-in: the lexicon app.bsky.feed.post and those that it names.

Sizes of blobs are today's (2,000,000 bytes for a picture, 300,000,000 for a video). A server checks records by the
lexicons that it was built with: one of before April 2026 takes half of a picture's and a third of a video's.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import libipld

from campaign.flow.fit import BLUESKY_BYTES, BLUESKY_GRAPHEMES, grapheme_length

POST = "app.bsky.feed.post"
_RAW_HEAD = b"\x01\x55\x12\x20"
_RECORD_HEAD = b"\x01\x71\x12\x20"
_AT_URI = re.compile(r"at://[a-z0-9:._-]+/[a-zA-Z.]+/[a-zA-Z0-9._~:-]+")
_DID = re.compile(r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]")
_ADDRESS = re.compile(r"[a-z][a-z.-]{0,80}:[^\s]+")
_LANGUAGE = re.compile(r"(i|[a-z]{2,3})(-[a-zA-Z0-9]+)*")
_LANGUAGES = 3
_IMAGES = 4
_PICTURE_BYTES = 2_000_000
_THUMB_BYTES = 1_000_000
_VIDEO_BYTES = 300_000_000
_VIDEO_ALT = (1_000, 10_000)
"""Of a video's alternative text: graphemes and bytes."""


class Refusal(Exception):
    """What the server answers instead: the error's name in the lexicon, and a message."""

    def __init__(self, error: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.error = error
        self.message = message
        self.status = status


def content_id(record: Mapping[str, Any]) -> str:
    """CID version 1 over the record in DAG-CBOR with SHA-256. Raises Refusal where it has none."""
    try:
        encoded = libipld.encode_dag_cbor(_linked(record))
    except (ValueError, TypeError) as error:
        raise Refusal("InvalidRequest", f"the record has no DAG-CBOR: {error}") from None
    return _written(_RECORD_HEAD + hashlib.sha256(encoded).digest())


def blob_id(digest: bytes) -> str:
    """The CID of bytes by their SHA-256."""
    return _written(_RAW_HEAD + digest)


def blobs_in(value: Any) -> Iterator[Mapping[str, Any]]:
    """The blobs that a record names."""
    if isinstance(value, dict):
        if value.get("$type") == "blob":
            yield value
        else:
            for inner in value.values():
                yield from blobs_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from blobs_in(inner)


def check_post(record: Mapping[str, Any]) -> None:
    """Raises Refusal where the lexicon does not allow ``record``."""
    if record.get("$type", POST) != POST:
        raise Refusal("InvalidRequest", f"Invalid $type: expected {POST}")
    _check_text(record.get("text"))
    _check_time(record.get("createdAt"))
    languages = record.get("langs", [])
    if not isinstance(languages, list) or len(languages) > _LANGUAGES:
        raise _invalid(f"langs must not have more than {_LANGUAGES} elements")
    if not all(isinstance(language, str) and _LANGUAGE.fullmatch(language) for language in languages):
        raise _invalid("langs must be well-formed language tags")
    for facet in _list(record.get("facets", []), "facets"):
        _check_facet(facet)
    if "reply" in record:
        _check_reference(record["reply"], "root")
        _check_reference(record["reply"], "parent")
    if "embed" in record:
        _check_embed(record["embed"])
    content_id(record)


def _check_text(text: Any) -> None:
    if not isinstance(text, str):
        raise _invalid('must have the property "text"')
    if len(text.encode()) > BLUESKY_BYTES:
        raise _invalid(f"text must not be longer than {BLUESKY_BYTES} bytes")
    if grapheme_length(text) > BLUESKY_GRAPHEMES:
        raise _invalid(f"text must not be longer than {BLUESKY_GRAPHEMES} graphemes")


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
        sound = isinstance(start, int) and isinstance(end, int) and start >= 0 and end >= 0
        features = facet["features"]
    except (KeyError, TypeError):
        raise _invalid("facets must have an index and features") from None
    if not sound:
        raise _invalid("facets must begin and end at whole numbers from 0")
    for feature in _list(features, "facets/features"):
        kind = str(feature.get("$type", "")) if isinstance(feature, dict) else ""
        if not kind:
            raise _invalid("facets/features must have a $type")
        if kind.endswith("#mention") and not _DID.fullmatch(str(feature.get("did", ""))):
            raise _invalid("facets/features/did must be a did")
        if kind.endswith("#link") and not _ADDRESS.fullmatch(str(feature.get("uri", ""))):
            raise _invalid("facets/features/uri must be a uri")


def _check_reference(reply: Any, name: str) -> None:
    try:
        uri, cid = reply[name]["uri"], reply[name]["cid"]
        libipld.decode_cid(cid)
        sound = _AT_URI.fullmatch(uri) is not None
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise _invalid(f"reply/{name} must be a strong reference")


def _check_embed(embed: Any) -> None:
    kind = str(embed.get("$type", "")) if isinstance(embed, dict) else ""
    if kind == "app.bsky.embed.images":
        images = _list(embed.get("images"), "embed/images")
        if len(images) > _IMAGES:
            raise _invalid(f"embed/images must not have more than {_IMAGES} elements")
        for image in images:
            _check_blob(_field(image, "image", dict), "image/", _PICTURE_BYTES)
            _field(image, "alt", str)
            _check_ratio(image)
    elif kind == "app.bsky.embed.video":
        _check_blob(_field(embed, "video", dict), "video/mp4", _VIDEO_BYTES)
        alt = _field({"alt": "", **embed}, "alt", str)
        if grapheme_length(alt) > _VIDEO_ALT[0] or len(alt.encode()) > _VIDEO_ALT[1]:
            raise _invalid(f"embed/alt must not be longer than {_VIDEO_ALT[0]} graphemes")
        _check_ratio(embed)
    elif kind == "app.bsky.embed.external":
        card = _field(embed, "external", dict)
        if not _ADDRESS.fullmatch(_field(card, "uri", str)):
            raise _invalid("embed/external/uri must be a uri")
        _field(card, "title", str)
        _field(card, "description", str)
        if "thumb" in card:
            _check_blob(card["thumb"], "image/", _THUMB_BYTES)
    else:
        # A server takes what it does not know, as long as it says what it is; here that would be our own mistake.
        raise _invalid("embed must be one of images, video and external")


def _check_blob(blob: Any, accepts: str, most: int) -> None:
    try:
        libipld.decode_cid(blob["ref"]["$link"])
        sound = blob["$type"] == "blob" and isinstance(blob["mimeType"], str) and isinstance(blob["size"], int)
    except (KeyError, TypeError, ValueError):
        sound = False
    if not sound:
        raise _invalid("embed must name its blobs with ref, mimeType and size")
    if not blob["mimeType"].startswith(accepts):
        raise _invalid(f"embed expected {accepts}, got {blob['mimeType'][:60]}")
    if blob["size"] > most:
        raise _invalid(f"embed: this blob is too big, it must be at most {most} bytes")


def _check_ratio(holder: Mapping[str, Any]) -> None:
    ratio = holder.get("aspectRatio")
    if ratio is None:
        return
    sides = [ratio.get("width"), ratio.get("height")] if isinstance(ratio, dict) else []
    if not sides or not all(isinstance(side, int) and side >= 1 for side in sides):
        raise _invalid("embed/aspectRatio must have a width and a height from 1")


def _field(holder: Any, name: str, kind: type[Any]) -> Any:
    value = holder.get(name) if isinstance(holder, dict) else None
    if not isinstance(value, kind):
        raise _invalid(f'embed must have the property "{name}"')
    return value


def _list(value: Any, name: str) -> list[Any]:
    if not isinstance(value, list):
        raise _invalid(f"{name} must be an array")
    return value


def _invalid(message: str) -> Refusal:
    return Refusal("InvalidRequest", f"Invalid {POST} record: Record/{message}")


def _linked(value: Any) -> Any:
    """JSON's {"$link": CID} as the CID itself (https://atproto.com/specs/data-model)."""
    if isinstance(value, Mapping):
        if set(value) == {"$link"}:
            body = str(value["$link"])[1:].upper()
            return base64.b32decode(body + "=" * (-len(body) % 8))
        return {key: _linked(one) for key, one in value.items()}
    return [_linked(one) for one in value] if isinstance(value, list) else value


def _written(raw: bytes) -> str:
    return "b" + base64.b32encode(raw).decode().lower().rstrip("=")
