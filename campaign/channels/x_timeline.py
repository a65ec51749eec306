"""What an account's timeline on X shows, and which of its posts is ours. Pure: nothing here calls X."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

FIELDS: Sequence[Mapping[str, str]] = (
    {"post.fields": "created_at,entities,note_post,text", "expansions": "referenced_posts"},
    {"tweet.fields": "created_at,entities,note_tweet,referenced_tweets,text"},
)
"""What to ask of a timeline: in the words of today's specification, and in those of before."""

_SHORTENED_FROM = 240
"""X has been seen to cut texts at 270 characters in timelines; below this length none is taken for cut."""
_LINK = re.compile(r"https?://", re.IGNORECASE)
_SLASH = re.compile(r"/(?=\s|$)")


@dataclass(frozen=True, slots=True)
class Seen:
    """A post as the timeline shows it, its text folded. ``replies_to`` is None where X named no post."""

    ref: str
    text: str
    replies_to: str | None
    at: datetime

    @classmethod
    def read(cls, post: Mapping[str, Any]) -> Self:
        """Read a Post object. Raises ValueError, KeyError, TypeError or AttributeError where it is none.

        X hands a text out with ``&``, ``<`` and ``>`` escaped and every link as one of its own (t.co); the entities
        say what stood there.
        """
        note = post.get("note_post") or post.get("note_tweet") or {}
        source = note if note.get("text") else post
        text = str(source["text"]).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        for url in (source.get("entities") or {}).get("urls", ()):
            if url.get("url"):
                # A link with a media_key is the post's own picture, which X writes behind the text.
                text = text.replace(url["url"], "" if "media_key" in url else url.get("expanded_url", ""))
        related = post.get("referenced_posts") or post.get("referenced_tweets") or ()
        replied = next((str(other["id"]) for other in related if other.get("type") == "replied_to"), None)
        return cls(str(post["id"]), fold(text), replied, datetime.fromisoformat(post["created_at"]))


def fold(text: str) -> str:
    """``text`` without what X changes: its normal form, white space, and how a link is written."""
    plain = _SLASH.sub("", _LINK.sub("", unicodedata.normalize("NFC", text)))
    return " ".join(plain.split())


def find(seen: Sequence[Seen], text: str, parent: str | None, *, anywhere: bool = False) -> Seen | None:
    """The first post with this text that replies to ``parent``, or to nothing; ``anywhere``: whatever it replies to."""
    ours = fold(text)
    for post in seen:
        if not anywhere and post.replies_to not in (None, parent):
            continue
        shortened = post.text.removesuffix("…").rstrip()
        if post.text == ours or (len(shortened) >= _SHORTENED_FROM and ours.startswith(shortened)):
            return post
    return None
