"""What stands on Mastodon's stand-in, and how a server shows it (https://docs.joinmastodon.org/entities/Status/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

from campaign.sandbox.applause import applause
from campaign.sandbox.mastodon_html import formatted
from campaign.sandbox.world import World

TAKEN = "mastodon.status"
"""The journal's kind of a post: id, account, at, key, text, reply_to, visibility, warning, language, media."""
DELETED = "mastodon.deleted"
DOMAIN = "social.example.org"
_KEY_KEPT = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Status:
    """``media`` are the ids of what it shows."""

    id: str
    account: str
    at: datetime
    key: str
    text: str
    reply_to: str | None
    visibility: str
    warning: str
    language: str | None
    media: tuple[str, ...] = ()


class Statuses:
    """The posts, read back from the journal and kept in it; ``showing`` which of them shows a picture, by its id."""

    def __init__(self, world: World) -> None:
        self._journal = world.journal
        self.by_id: dict[str, Status] = {}
        self.showing: dict[str, str] = {}
        self._by_key: dict[tuple[str, str], Status] = {}
        self._replies: dict[str, int] = {}
        self._last = 0
        for record in world.journal.records():
            if record["kind"] == TAKEN:
                self._add(_read(record))
            elif record["kind"] == DELETED:
                self._remove(record["id"])

    def repeated(self, account: str, key: str, now: datetime) -> Status | None:
        """What this key made within the hour, if it stands."""
        status = self._by_key.get((account, key)) if key else None
        return status if status is not None and now - status.at < _KEY_KEPT and status.id in self.by_id else None

    def take(self, account: str, key: str, asked: Mapping[str, Any], now: datetime) -> Status:
        number = max(self._last + 1, int(now.timestamp() * 1000) << 16)
        record = {"id": str(number), "account": account, "at": now.isoformat(), "key": key, **asked}
        self._journal.append(TAKEN, record)
        status = _read(record)
        self._add(status)
        return status

    def delete(self, status: Status, now: datetime) -> None:
        self._journal.append(DELETED, {"id": status.id, "account": status.account, "at": now.isoformat()})
        self._remove(status.id)

    def of(self, user: str) -> Iterator[Status]:
        """A person's posts, the newest first."""
        return (status for status in reversed(self.by_id.values()) if person_id(status.account) == user)

    def shown(self, status: Status, attached: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
        """The post as the server shows it ``now``, with these attachments."""
        at = status.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        owner = person(status.account)
        liked = applause(status.id, now - status.at)
        return {
            "id": status.id,
            "created_at": at,
            "in_reply_to_id": status.reply_to,
            "in_reply_to_account_id": owner["id"] if status.reply_to else None,
            "sensitive": bool(status.warning),
            "spoiler_text": status.warning,
            "visibility": status.visibility,
            "language": status.language,
            "uri": f"{owner['uri']}/statuses/{status.id}",
            "url": f"{owner['url']}/{status.id}",
            "replies_count": self._replies.get(status.id, 0),
            "reblogs_count": liked.reposts,
            "favourites_count": liked.likes,
            "edited_at": None,
            "content": formatted(status.text, f"https://{DOMAIN}"),
            "reblog": None,
            "account": owner,
            "media_attachments": list(attached),
            "mentions": [],
            "tags": [],
            "emojis": [],
            "card": None,
            "poll": None,
        }

    def _add(self, status: Status) -> None:
        self.by_id[status.id] = status
        self.showing |= dict.fromkeys(status.media, status.id)
        if status.key:
            self._by_key[status.account, status.key] = status
        if status.reply_to:
            self._replies[status.reply_to] = self._replies.get(status.reply_to, 0) + 1
        self._last = max(self._last, int(status.id))

    def _remove(self, number: str) -> None:
        status = self.by_id.pop(number, None)
        if status is None:
            return
        for shown in status.media:
            del self.showing[shown]
        if status.reply_to:
            self._replies[status.reply_to] -= 1


def person(account: str) -> dict[str, Any]:
    username = account.replace("-", "_")
    return {
        "id": person_id(account),
        "username": username,
        "acct": username,
        "display_name": account,
        "locked": False,
        "bot": False,
        "uri": f"https://{DOMAIN}/users/{username}",
        "url": f"https://{DOMAIN}/@{username}",
    }


def person_id(account: str) -> str:
    return str(int.from_bytes(blake2b(account.encode(), digest_size=7).digest(), "big"))


def _read(record: Mapping[str, Any]) -> Status:
    names = ("id", "account", "key", "text", "reply_to", "visibility", "warning", "language")
    named = {name: record[name] for name in names}
    return Status(at=datetime.fromisoformat(record["at"]), media=tuple(record.get("media", ())), **named)
