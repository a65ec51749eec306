"""What stands on X, and how X shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from twitter_text import extract_urls_with_indices

from campaign.sandbox.applause import applause
from campaign.sandbox.world import World
from campaign.sandbox.x_rules import invalid

TAKEN = "x.post"
"""The journal's kind of a post: id, account, at, text, reply_to, media (ids), and the request as it came."""
DELETED = "x.deleted"
_EPOCH_MS = 1_288_834_974_657
"""X's ids hold the milliseconds since 2010-11-04."""
_VIDEO = "video/"


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture or video that a post shows: X's id for it, and what it is."""

    id: str
    type: str

    @property
    def key(self) -> str:
        """X's media_key: the number before the id tells pictures from GIFs and videos."""
        kind = 7 if self.type.startswith(_VIDEO) else 16 if self.type == "image/gif" else 3
        return f"{kind}_{self.id}"


@dataclass(frozen=True, slots=True)
class Post:
    id: str
    account: str
    text: str
    reply_to: str | None
    at: datetime
    media: tuple[Shown, ...] = ()


class Posts:
    """What stands on X, read back from the journal and kept in it."""

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self.by_id: dict[str, Post] = {}
        self._said: set[tuple[str, str]] = set()
        self._last = 0
        for record in world.journal.records():
            if record["kind"] == TAKEN:
                self._add(_read(record))
            elif record["kind"] == DELETED:
                self.by_id.pop(record["id"], None)

    def has(self, account: str, text: str) -> bool:
        return (account, text) in self._said

    def take(self, account: str, asked: Mapping[str, Any], media: Sequence[Shown], now: datetime) -> Post:
        number = max(self._last + 1, (int(now.timestamp() * 1000) - _EPOCH_MS) << 22)
        record = {
            "id": str(number),
            "account": account,
            "at": now.isoformat(),
            "text": asked["text"],
            "reply_to": (asked.get("reply") or {}).get("in_reply_to_tweet_id"),
            "media": [[one.id, one.type] for one in media],
            "request": asked,
        }
        self._journal.append(TAKEN, record)
        post = _read(record)
        self._add(post)
        return post

    def delete(self, post: Post, now: datetime) -> None:
        self._journal.append(DELETED, {"id": post.id, "account": post.account, "at": now.isoformat()})
        del self.by_id[post.id]

    def of(self, user: str) -> list[Post]:
        """Somebody's posts, the newest first."""
        return [post for post in reversed(self.by_id.values()) if user_id(post.account) == user]

    def figures(self, post: Post, now: datetime) -> dict[str, int]:
        fares = applause(post.id, now - post.at)
        return {
            "repost_count": fares.reposts,
            "reply_count": sum(other.reply_to == post.id for other in self.by_id.values()),
            "like_count": fares.likes,
            "quote_count": 0,
            "bookmark_count": fares.likes // 10,
            "impression_count": fares.views,
        }

    def _add(self, post: Post) -> None:
        self.by_id[post.id] = post
        self._said.add((post.account, post.text))
        self._last = max(self._last, int(post.id))


def page(posts: Sequence[Post], asked: Mapping[str, str]) -> tuple[Sequence[Post], dict[str, Any]]:
    """The posts of one page of a timeline, and its ``meta``."""
    try:
        most = int(asked.get("max_results", "10"))
        start = (
            datetime.fromisoformat(asked["start_time"]) if "start_time" in asked else datetime.min.replace(tzinfo=UTC)
        )
        before = int(asked.get("pagination_token") or "0", 32) or None
    except ValueError:
        raise invalid("a query parameter cannot be read") from None
    if not 5 <= most <= 100:  # noqa: PLR2004 - as documented
        raise invalid(f"The `max_results` query parameter value [{most}] is not between 5 and 100")
    if start.utcoffset() is None:
        raise invalid("start_time needs a time zone")
    found = [
        post
        for post in posts
        if post.at >= start
        and (before is None or int(post.id) < before)
        and not ("replies" in asked.get("exclude", "") and post.reply_to)
    ]
    chosen = found[:most]
    meta: dict[str, Any] = {"result_count": len(chosen)}
    if chosen:
        meta |= {"newest_id": chosen[0].id, "oldest_id": chosen[-1].id}
    if len(found) > most:
        meta["next_token"] = _base32hex(int(chosen[-1].id))
    return chosen, meta


def wanted(asked: Mapping[str, str]) -> frozenset[str]:
    """What is to be told of posts, beside their id and text."""
    fields = frozenset(f"{asked.get('post.fields', '')},{asked.get('tweet.fields', '')}".split(","))
    return fields | (frozenset(asked.get("expansions", "").split(",")) & {"referenced_posts"})


def shown(post: Post, told: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A Post object: every link in its text is one of X's own, ``&``, ``<`` and ``>`` are escaped, and behind the text
    stands one more link, to its own pictures."""
    text, urls, end = "", [], 0
    for number, url in enumerate(extract_urls_with_indices(post.text)):
        start, stop = url["indices"]
        text += _escaped(post.text[end:start])
        short = _short(post, str(number))
        written = url["url"]
        expanded = written if "://" in written else f"http://{written}"
        place = {"start": len(text), "end": len(text) + len(short)}
        urls.append({**place, "url": short, "expanded_url": expanded, "display_url": written.split("://")[-1][:26]})
        text += short
        end = stop
    text += _escaped(post.text[end:])
    if post.media:
        short = _short(post, "media")
        place = {"start": len(text) + 1, "end": len(text) + 1 + len(short)}
        text += f" {short}"
        kind = "video" if post.media[0].type.startswith(_VIDEO) else "photo"
        where = f"https://x.com/{username(post.account)}/status/{post.id}/{kind}/1"
        display = f"pic.x.com/{short.rpartition('/')[2]}"
        urls += [
            {**place, "url": short, "expanded_url": where, "display_url": display, "media_key": one.key}
            for one in post.media
        ]
    found: dict[str, Any] = {"id": post.id, "text": text}
    if "created_at" in told:
        found["created_at"] = post.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if "entities" in told and urls:
        found["entities"] = {"urls": urls}
    if "attachments" in told and post.media:
        found["attachments"] = {"media_keys": [one.key for one in post.media]}
    for name in ("referenced_posts", "referenced_tweets"):
        if name in told and post.reply_to:
            found[name] = [{"type": "replied_to", "id": post.reply_to}]
    return found


def user_id(account: str) -> str:
    return str(int.from_bytes(blake2b(account.encode(), digest_size=7).digest(), "big"))


def username(account: str) -> str:
    return account.replace("-", "_")[:15]


def _short(post: Post, what: str) -> str:
    return f"https://t.co/{blake2b(f'{post.id}/{what}'.encode(), digest_size=5).hexdigest()}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _base32hex(number: int) -> str:
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = "0123456789abcdefghijklmnopqrstuv"[digit] + digits
    return digits


def _read(record: Mapping[str, Any]) -> Post:
    media = tuple(Shown(*one) for one in record.get("media", ()))
    at = datetime.fromisoformat(record["at"])
    return Post(record["id"], record["account"], record["text"], record["reply_to"], at, media)
