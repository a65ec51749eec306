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
_OWN_MEDIA = re.compile(r"https?://(?:x|twitter)\.com/[^/]+/status/(\d+)/(?:photo|video)/\d+", re.IGNORECASE)
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
        ref = str(post["id"])
        note = post.get("note_post") or post.get("note_tweet") or {}
        source = note if note.get("text") else post
        text = str(source["text"]).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
        for url in (source.get("entities") or {}).get("urls", ()):
            if url.get("url"):
                text = text.replace(url["url"], "" if _is_own_media(url, ref) else url.get("expanded_url") or "")
        related = post.get("referenced_posts") or post.get("referenced_tweets") or ()
        replied = next((str(other["id"]) for other in related if other.get("type") == "replied_to"), None)
        return cls(ref, fold(text), replied, datetime.fromisoformat(post["created_at"]))


def _is_own_media(url: Mapping[str, Any], ref: str) -> bool:
    """Whether this is the link to its own pictures that X writes behind a post's text, one for all of them.

    A link that somebody wrote to another post's picture looks the same but for the post that it names.
    """
    named = _OWN_MEDIA.match(url.get("expanded_url") or "")
    if named is not None:
        return named[1] == ref
    return bool(url.get("media_key")) or str(url.get("display_url", "")).startswith(("pic.x.com/", "pic.twitter.com/"))


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
