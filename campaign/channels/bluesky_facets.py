# ruff: noqa: RUF001 -- the full-width number sign begins a hashtag too
"""What in a post is a link, a mention or a hashtag: Bluesky links nothing by itself, whoever posts marks it.

Places are counted in bytes of UTF-8 (lexicon app.bsky.richtext.facet). Found is what Bluesky's own app finds
(``detectFacets`` of @atproto/api), and more where that finds too much or too little for a text that people set with
care: all of the punctuation after an address stays outside, quotation marks and opening brackets may stand before, a
hashtag ends where its sentence goes on, and a mention may have any domain, so that a mistyped one is noticed.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import grapheme

from campaign.rendering.links import places_in, without_stops

TAG_GRAPHEMES: Final = 64
TAG_BYTES: Final = 640
_HANDLE_LENGTH: Final = 253
_LABEL_LENGTH: Final = 63

# Scripts that put no space between words: what follows them directly begins something of its own.
_UNSPACED: Final = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_BEFORE: Final = rf"(?<![^\W{_UNSPACED}])(?<![@#＃$&/.:%+=~?-])"
_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9.-]*+"
_MENTION: Final = re.compile(rf"(?:{_BEFORE}|(?<=^\.)|(?<=\s\.))@({_NAME})(?![@_])")
_BARE: Final = re.compile(rf"{_BEFORE}{_NAME}(?![@_])")
_REST: Final = re.compile(r"(?::[0-9]{1,5})?(?:[/?#][^\s<>\"'\]\[{}|\\^`]*)?")
_TICKER: Final = re.compile(rf"{_BEFORE}\$([A-Za-z][A-Za-z0-9]{{0,4}})(?![\w$-])")
_HASH: Final = re.compile(rf"{_BEFORE}[#＃](?!\ufe0f|\u20e3)")

_INSIDE_TAG: Final = frozenset("_-.&·\u05be\u05f3\u05f4\u0f0b\u301c\u30a0\u30fb")
"""Punctuation that a hashtag may hold, not at its end; that of Hebrew, Tibetan and Japanese stands within words."""
_ZERO_WIDTH: Final = frozenset("\u00ad\u2060\u200b\u200c\u200d\u20e2\ufeff")
"""Bluesky's app ends a hashtag at these."""
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class _Found(NamedTuple):
    """From ``start`` to ``end``, counted in code points."""

    start: int
    end: int
    feature: dict[str, str]


def facets(text: str, dids: Mapping[str, str]) -> list[dict[str, Any]]:
    """The facets of ``text``, in order and none over another, as JSON of app.bsky.richtext.facet.

    ``dids`` are the DIDs of handles, in small letters and without ``@``; a mention of any other stays plain text.
    Hashtags over 64 graphemes or 640 bytes stay plain text too. ``text`` must be able to be UTF-8.
    """
    links = list(_links(text))
    found = [*links, *_mentions(text, dids), *_tags(text), *_tickers(text)]
    made: list[dict[str, Any]] = []
    at, byte = 0, 0
    for one in sorted(found, key=lambda one: one.start):  # stable: links come first
        if one.start < at or any(link.start < one.end and one.start < link.end for link in links if link is not one):
            continue
        start = byte + len(text[at : one.start].encode())
        byte = start + len(text[one.start : one.end].encode())
        at = one.end
        made.append({"index": {"byteStart": start, "byteEnd": byte}, "features": [one.feature]})
    return made


def handles(text: str) -> tuple[str, ...]:
    """The handles that ``text`` mentions, in small letters and without ``@``, each once and in order."""
    links = list(_links(text))
    found = [
        handle
        for start, end, handle in _handles(text)
        if not any(link.start < end and start < link.end for link in links)
    ]
    return tuple(dict.fromkeys(found))


def _links(text: str) -> Iterator[_Found]:
    """Addresses with their scheme, as they are found wherever a link is tagged, and domains that stand alone."""
    whole = places_in(text)
    for start, end in whole:
        yield _link(start, end, text[start:end])
    for match in _BARE.finditer(text):
        if any(start < match.end() and match.start() < end for start, end in whole):
            continue
        host = match[0].rstrip(".-")
        end = match.start() + len(host)
        if end == match.end() and (rest := _REST.match(text, end)) is not None:
            end = match.start() + len(without_stops(text[match.start() : rest.end()]))
        if _is_domain(host):
            yield _link(match.start(), end, f"https://{text[match.start() : end]}")


def _link(start: int, end: int, uri: str) -> _Found:
    return _Found(start, end, {"$type": "app.bsky.richtext.facet#link", "uri": uri})


def _mentions(text: str, dids: Mapping[str, str]) -> Iterator[_Found]:
    for start, end, handle in _handles(text):
        did = dids.get(handle)
        if did is not None:
            yield _Found(start, end, {"$type": "app.bsky.richtext.facet#mention", "did": did})


def _handles(text: str) -> Iterator[tuple[int, int, str]]:
    """Where a handle is mentioned, as https://atproto.com/specs/handle has it."""
    for match in _MENTION.finditer(text):
        handle = match[1].rstrip(".-")
        labels = handle.lower().split(".")
        if (
            len(labels) > 1
            and len(handle) <= _HANDLE_LENGTH
            and all(len(label) <= _LABEL_LENGTH and _LABEL.fullmatch(label) for label in labels)
            and not labels[-1][0].isdigit()
        ):
            yield match.start(), match.start(1) + len(handle), handle.lower()


def _tags(text: str) -> Iterator[_Found]:
    for match in _HASH.finditer(text):
        end = match.end()
        while end < len(text) and _in_tag(text[end]):
            end += 1
        tag = text[match.end() : end]
        while tag and unicodedata.category(tag[-1])[0] == "P":
            tag = tag[:-1]
        if not any(_names(character) for character in tag) or len(tag.encode()) > TAG_BYTES:
            continue
        if len(tag) <= TAG_GRAPHEMES or grapheme.length(tag) <= TAG_GRAPHEMES:
            feature = {"$type": "app.bsky.richtext.facet#tag", "tag": tag}
            yield _Found(match.start(), match.end() + len(tag), feature)


def _in_tag(character: str) -> bool:
    kind = unicodedata.category(character)
    return character in _INSIDE_TAG or (kind[0] not in "ZCP" and character not in _ZERO_WIDTH)


def _names(character: str) -> bool:
    """Whether a tag that holds ``character`` is more than a number: #2 is not a hashtag, #2nd is."""
    return character not in _INSIDE_TAG and not ("0" <= character <= "9") and unicodedata.category(character)[0] != "M"


def _tickers(text: str) -> Iterator[_Found]:
    """A share's symbol is a hashtag too, written in capitals and with its dollar sign."""
    for match in _TICKER.finditer(text):
        feature = {"$type": "app.bsky.richtext.facet#tag", "tag": f"${match[1].upper()}"}
        yield _Found(match.start(), match.end(), feature)


def _is_domain(host: str) -> bool:
    """Whether ``host`` ends as a domain name can, so that what reads like one is one: example.org, and not e.g or v1.2.

    A last label with a capital is none, unless all is: in "now.It" a space is missing.
    """
    last = host.rpartition(".")[2]
    return (last.islower() or host.isupper()) and _is_known(host.lower())


@lru_cache(maxsize=1024)
def _is_known(host: str) -> bool:
    """Whether Bluesky's library, which has the list of top-level domains, takes ``host`` for a domain name."""
    from atproto_client.utils import detect_facets  # noqa: PLC0415 - takes half a second

    return all(map(_LABEL.fullmatch, host.split("."))) and bool(detect_facets(host))
