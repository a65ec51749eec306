"""UTM tags on the campaign's links, by channel and step."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

from campaign.rendering import share

_IN_TEXT: Final = re.compile(r"https?://[^\s<>\"'\]\[{}|\\^`]+", re.IGNORECASE)
_HREF: Final = re.compile(
    r"""(<(?:a|area)\b(?:[^>"']|"[^"]*"|'[^']*')*?\shref\s*=\s*)(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE
)
_AFTER_URL: Final = ".,;:!?"


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
            url, rest = _without_stops(match[0])
            return (url if url in kept else self.tagged(url)) + rest

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
    return [_without_stops(match[0])[0] for match in _IN_TEXT.finditer(text)]


def _without_stops(url: str) -> tuple[str, str]:
    """The address, and what after it belongs to the sentence: a full stop, a closing bracket that opens outside."""
    end = len(url)
    while end and (
        url[end - 1] in _AFTER_URL or (url[end - 1] == ")" and url.count("(", 0, end) < url.count(")", 0, end))
    ):
        end -= 1
    return url[:end], url[end:]


def _each_piece(text: str, between: re.Pattern[str] | None, change: Callable[[str], str]) -> str:
    if between is None:
        return change(text)
    pieces, end = [], 0
    for match in between.finditer(text):
        pieces += [change(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join([*pieces, change(text[end:])])
