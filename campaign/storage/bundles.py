"""Bundles and payloads as bytes: what was approved, and what was handed over."""

from __future__ import annotations

from functools import cache

import orjson
import zstandard
from pydantic import TypeAdapter

from campaign.model.batch import Payload
from campaign.model.bundle import Bundle

_LEVEL = 3
_MOST_BYTES = 256 * 1024 * 1024
"""No payload is larger than a provider's largest request (30 MB), not even all of a batch's e-mails over SMTP."""


@cache
def _adapter() -> TypeAdapter[Bundle]:
    return TypeAdapter(Bundle)


def pack_bundle(bundle: Bundle) -> bytes:
    return zstandard.ZstdCompressor(level=_LEVEL).compress(_adapter().dump_json(bundle))


def unpack_bundle(body: bytes) -> Bundle:
    return _adapter().validate_json(_decompress(body))


def pack_payload(seqs: tuple[int, ...], payload: Payload) -> bytes:
    """The seqs, the length of each part, then the parts; compressed. Parts lie next to each other uncut, so that what
    they share is kept once."""
    parts = [payload.head, payload.tail, payload.glue, *payload.chunks]
    index = orjson.dumps([seqs, [len(part) for part in parts]])
    raw = b"".join([len(index).to_bytes(4, "big"), index, *parts])
    return zstandard.ZstdCompressor(level=1).compress(raw)


def unpack_payload(body: bytes) -> tuple[tuple[int, ...], Payload]:
    raw = _decompress(body)
    start = 4 + int.from_bytes(raw[:4], "big")
    seqs, lengths = orjson.loads(raw[4:start])
    parts: list[bytes] = []
    for length in lengths:
        parts.append(raw[start : start + length])
        start += length
    head, tail, glue, *chunks = parts
    return tuple(seqs), Payload(chunks=chunks, head=head, tail=tail, glue=glue)


def _decompress(body: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=_MOST_BYTES)
