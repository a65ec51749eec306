"""What Bluesky shows everybody of posts that stand: likes, reposts and replies.

Servers with people's data count nothing. The AppView does, and an account's server asks it on the account's behalf: see
https://atproto.com/specs/xrpc (service proxying) and the lexicon app.bsky.feed.getPosts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from campaign.channels.bluesky_session import Reply, outcome
from campaign.model.media import Metrics
from campaign.model.outcome import Deferred


def figures(reply: Reply) -> Mapping[str, Metrics]:
    """By the posts' URIs. Bluesky counts no views; a quotation is no repost."""
    posts = reply.body.get("posts")
    rows = [row for row in posts if isinstance(row, dict)] if isinstance(posts, list) else []
    return {
        str(row["uri"]): Metrics(
            likes=_count(row.get("likeCount")),
            reposts=_count(row.get("repostCount")),
            replies=_count(row.get("replyCount")),
        )
        for row in rows
        if "uri" in row
    }


def unread(reply: Reply) -> Deferred:
    """Why the figures could not be read."""
    told = outcome(reply)
    if isinstance(told, Deferred):
        return told
    return Deferred(f"the account's server has no figures: it answered {reply.why()}")


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None
