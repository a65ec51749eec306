"""UTM tags on the campaign's links, by channel and step."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from campaign.rendering import share

_NO_PART: Final = "\u2028\u2029\u3000-\u3003\u3008-\u3011\u3014-\u301f\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\ufeff"
"""Marks of scripts that put no space after them: nobody writes them in an address, and the next sentence follows."""
_IN_TEXT: Final = re.compile(rf"https?://[^\s<>\"'\]\[{{}}|\\^`{_NO_PART}]+", re.IGNORECASE)
_HREF: Final = re.compile(
    r"""(<(?:a|area)\b(?:[^>"']|"[^"]*"|'[^']*')*?\shref\s*=\s*)(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE
)
_AFTER_URL: Final = frozenset(".,;:!?…“”„‘’‚«»‹›।؟،؛۔")  # noqa: RUF001 - marks of many scripts


@dataclass(frozen=True, slots=True)
class Utm:
    """The four tags of a step on a channel. Hosts in ``untagged`` get none, nor do those of share links."""

    source: str
    medium: str
    campaign: str
    content: str
    untagged: frozenset[str] = frozenset()

    def tagged(self, url: str) -> str:
        """``url`` with the tags that it has not yet. Its query and fragment stay; what is no web address too."""
        try:
            parts = urlsplit(url)
            host = (parts.hostname or "").lower()
        except ValueError:
            return url
        if parts.scheme.lower() not in ("http", "https") or not host or host in self.untagged | share.HOSTS:
            return url
        present = {pair.partition("=")[0].lower() for pair in parts.query.split("&")}
        added = [f"{name}={quote(value, safe='')}" for name, value in self._tags() if name not in present]
        query = "&".join([parts.query, *added] if parts.query else added)
        return urlunsplit((parts.scheme, parts.netloc, parts.path, query, parts.fragment))

    def in_text(self, text: str, *, leave: Iterable[str] = (), between: re.Pattern[str] | None = None) -> str:
        """``text`` with every web address in it tagged, but for those in ``leave``.

        No address reaches across what matches ``between``.
        """
        kept = frozenset(leave)

        def tag(match: re.Match[str]) -> str:
            url = without_stops(match[0])
            return (url if url in kept else self.tagged(url)) + match[0][len(url) :]

        return _each_piece(text, between, lambda piece: _IN_TEXT.sub(tag, piece))

    def in_html(self, markup: str, *, leave: Iterable[str] = (), between: re.Pattern[str] | None = None) -> str:
        """``markup`` with the web address of every link tagged, but for those in ``leave``."""
        kept = frozenset(leave)

        def tag(match: re.Match[str]) -> str:
            quoted = match[2] if match[2] is not None else match[3]
            url = html.unescape(quoted).strip()
            tagged = url if url in kept else _each_piece(url, between, self.tagged)
            return match[0] if tagged == url else f'{match[1]}"{html.escape(tagged)}"'

        return _HREF.sub(tag, markup)

    def _tags(self) -> tuple[tuple[str, str], ...]:
        return (
            ("utm_source", self.source),
            ("utm_medium", self.medium),
            ("utm_campaign", self.campaign),
            ("utm_content", self.content),
        )


def addresses_in(text: str) -> list[str]:
    """The web addresses that stand in ``text``, as mail programs make links of them."""
    return [text[start:end] for start, end in places_in(text)]


def places_in(text: str) -> list[tuple[int, int]]:
    """Where those addresses begin and end."""
    found = [(match.start(), match.start() + len(without_stops(match[0]))) for match in _IN_TEXT.finditer(text)]
    return [(start, end) for start, end in found if text[end - 3 : end] != "://"]


def without_stops(url: str) -> str:
    """The address without what after it belongs to the sentence: a full stop, a closing bracket that opens outside."""
    end = len(url)
    closing = url.count(")") - url.count("(")
    while end and (url[end - 1] in _AFTER_URL or (url[end - 1] == ")" and closing > 0)):
        closing -= url[end - 1] == ")"
        end -= 1
    return url[:end]


def _each_piece(text: str, between: re.Pattern[str] | None, change: Callable[[str], str]) -> str:
    if between is None:
        return change(text)
    pieces, end = [], 0
    for match in between.finditer(text):
        pieces += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*pieces, change(text[end:])])
