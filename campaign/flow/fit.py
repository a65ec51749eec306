"""Does a post fit its network? Each network counts in its own way; the answer says by how much it does not.

X counts weighted characters by twitter-text, configuration 3 (https://docs.x.com/fundamentals/counting-characters).
Bluesky counts graphemes and UTF-8 bytes (lexicon app.bsky.feed.post: maxGraphemes 300, maxLength 3000). Mastodon
counts graphemes, with every URL as 23 and a mention without its server (status_length_validator.rb); 500 is what a
server takes unless it says otherwise at /api/v2/instance.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

X_CHARACTERS = 280
BLUESKY_GRAPHEMES = 300
BLUESKY_BYTES = 3_000
MASTODON_CHARACTERS = 500
URL_LENGTH = 23
"""What X and Mastodon count for any URL, however long it is."""

_PARSED_AT_MOST = 5_000
"""Longer texts are not parsed: no network takes them, and the parsers' time grows with the square of the text."""

_ENDLESS = re.compile(r"(?:[^\s./@]+\.){50}")
"""Fifty labels and more: no domain name that anybody writes, and twitter-text's patterns take seconds over it."""

_MENTION = re.compile(r"(?<![=/\w])@(\w+(?:[\w.-]*\w)?)@[\w.-]*\w")


def fits(text: str, channel: str, *, warning: str = "") -> str | None:
    """None where ``text`` fits ``channel`` (x, bluesky or mastodon), else what is wrong, with the numbers.

    ``warning`` is the content warning, which counts on Mastodon alone. ValueError where the channel posts nothing.
    """
    try:
        check = _CHECKS[channel]
    except KeyError:
        raise ValueError(f'"{channel}" is not a network that posts are fitted to') from None
    if not text.strip():
        return "the text is empty"
    if len(text) <= _PARSED_AT_MOST and _ENDLESS.search(text):
        return "a word of the text holds fifty dots or more"
    return check(text, warning)


def weighted_length(text: str) -> int:
    """X's weighted length of ``text``; for texts that are not absurdly long (see ``fits``)."""
    parsed: int = _twitter_text().parse_tweet(text).weightedLength
    return parsed


def grapheme_length(text: str) -> int:
    """The number of user-perceived characters (Unicode Standard Annex 29) in ``text``."""
    count: int = _grapheme().length(text)
    return count


def mastodon_length(text: str) -> int:
    """What Mastodon counts for ``text``; for texts that are not absurdly long (see ``fits``)."""
    pieces = []
    end = 0
    for url in _twitter_text().extract_urls_with_indices(text, extract_urls_without_protocol=False):
        start, stop = url["indices"]
        pieces += [text[end:start], "x" * URL_LENGTH]
        end = stop
    pieces.append(text[end:])
    return grapheme_length(_MENTION.sub(r"@\1", "".join(pieces)))


def _fits_x(text: str, warning: str) -> str | None:  # noqa: ARG001 - X has no content warnings in text
    if len(text) > _PARSED_AT_MOST:
        return _over("X", len(text), X_CHARACTERS, "characters")
    parsed = _twitter_text().parse_tweet(text)
    if parsed.weightedLength > X_CHARACTERS:
        return _over("X", parsed.weightedLength, X_CHARACTERS, "weighted characters")
    if not parsed.valid:
        return "the text holds a character that X refuses (U+FFFE, U+FEFF or U+FFFF)"
    return None


def _fits_bluesky(text: str, warning: str) -> str | None:  # noqa: ARG001 - Bluesky's warnings are labels, not text
    size = len(text.encode())
    if size > BLUESKY_BYTES:
        return _over("Bluesky", size, BLUESKY_BYTES, "UTF-8 bytes")
    graphemes = grapheme_length(text)
    return _over("Bluesky", graphemes, BLUESKY_GRAPHEMES, "graphemes") if graphemes > BLUESKY_GRAPHEMES else None


def _fits_mastodon(text: str, warning: str) -> str | None:
    if len(text) + len(warning) > _PARSED_AT_MOST:
        return _over("Mastodon", len(text) + len(warning), MASTODON_CHARACTERS, "characters")
    count = mastodon_length(text) + grapheme_length(warning)
    what = "characters with the content warning" if warning else "characters"
    return _over("Mastodon", count, MASTODON_CHARACTERS, what) if count > MASTODON_CHARACTERS else None


def _over(network: str, count: int, most: int, what: str) -> str:
    return f"{network} counts {count:,} {what} and takes {most:,}: {count - most:,} too many"


_CHECKS: dict[str, Callable[[str, str], str | None]] = {
    "x": _fits_x,
    "bluesky": _fits_bluesky,
    "mastodon": _fits_mastodon,
}


@cache
def _twitter_text() -> Any:
    import twitter_text  # noqa: PLC0415 - a quarter of a second of pattern compiling that most commands never need

    return twitter_text


@cache
def _grapheme() -> Any:
    import grapheme  # noqa: PLC0415 - reads its tables when imported

    return grapheme
