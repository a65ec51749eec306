"""What an account's posts on Mastodon show, and which of them is ours. Pure: nothing here calls a server."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html.parser import HTMLParser
from typing import Any, Self

_SLASH = re.compile(r"(https?://[^\s/]+)/(?=\s|$)", re.IGNORECASE)
_SERVER = re.compile(r"(?<![=/\w])(@\w+(?:[\w.-]*\w)?)@[\w.-]*\w")


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as the server shows it, its text folded."""

    ref: str
    url: str | None
    text: str
    replies_to: str | None
    at: datetime

    @classmethod
    def read(cls, status: Mapping[str, Any]) -> Self:
        """Read a Status as Mastodon.py gives it. Raises KeyError, TypeError or ValueError where it is none."""
        at = status["created_at"]
        at = at if isinstance(at, datetime) else datetime.fromisoformat(at)
        if at.utcoffset() is None:
            raise ValueError("a time without its zone")
        replied = status["in_reply_to_id"]
        return cls(
            ref=str(status["id"]),
            url=str(status["url"]) if status["url"] else None,
            text=fold(plain(status["content"])),
            replies_to=str(replied) if replied else None,
            at=at,
        )


def plain(content: str) -> str:
    """The text from which a server made the HTML ``content``."""
    reader = _Reader()
    reader.feed(content)
    reader.close()
    return "".join(reader.pieces)


def fold(text: str) -> str:
    """``text`` without what a server changes: its normal form, white space, a mention's server, a bare host's slash."""
    return " ".join(_SERVER.sub(r"\1", _SLASH.sub(r"\1", unicodedata.normalize("NFC", text))).split())


def find(seen: Sequence[Seen], text: str, parent: str | None) -> Seen | None:
    """The first post with this text that replies to ``parent``; None is one that replies to nothing."""
    ours = fold(text)
    return next((post for post in seen if post.text == ours and post.replies_to == parent), None)


class _Reader(HTMLParser):
    """A paragraph and a break are white space. A link is what it shows, if that is a whole URL, or where it goes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._target = ""
        self._begun = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("p", "br", "li", "div"):
            self.pieces.append("\n")
        elif tag == "a":
            given = dict(attrs)
            spoken = {"mention", "hashtag"} & set((given.get("class") or "").split())
            self._target = "" if spoken else given.get("href") or ""
            self._begun = len(self.pieces)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._target:
            shown = "".join(self.pieces[self._begun :])
            if not shown.lower().startswith(("http://", "https://")) or shown.endswith("…"):
                self.pieces[self._begun :] = [self._target]
            self._target = ""

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)
