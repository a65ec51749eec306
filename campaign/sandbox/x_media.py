"""Uploads to X's stand-in: pictures in one call, GIFs and videos in pieces and then worked on for a while.

A video is worked on while it is looked at: so many looks later it is done, whatever the clock. Rules:
https://docs.x.com/x-api/media/quickstart/best-practices.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from campaign.rendering.media_types import GIF, JPEG, MP4, PNG, QUICKTIME, WEBP, told
from campaign.sandbox.multipart import Part
from campaign.sandbox.world import World
from campaign.sandbox.x_posts import Shown
from campaign.sandbox.x_rules import Refusal, invalid, not_found

MEDIA = "x.media"
"""The journal's kind of an upload that is whole: id, account, at, type, size, digest."""
DESCRIBED = "x.media-alt"
"""And of its alternative text: id, alt."""
IMAGE_BYTES = 5 * 1024 * 1024
GIF_BYTES = 15 * 1024 * 1024
VIDEO_BYTES = 512 * 1024 * 1024
PIECE_BYTES = 5 * 1024 * 1024
ALT = 1_000
MOST_SHOWN = 4
LOOKS = 2
"""Looks at what is being worked on that still find it so."""
KEPT = timedelta(hours=24)
_CATEGORIES = {
    "tweet_image": (IMAGE_BYTES, (JPEG, PNG, WEBP, GIF)),
    "tweet_gif": (GIF_BYTES, (GIF,)),
    "tweet_video": (VIDEO_BYTES, (MP4, QUICKTIME)),
}
_MOVES = ("tweet_gif", "tweet_video")


@dataclass(slots=True)
class Upload:
    id: str
    account: str
    category: str
    until: datetime
    total: int = 0
    type: str = ""
    pieces: dict[int, bytes] = field(default_factory=dict)
    looks: int = 0
    state: str = ""
    """What X says of its processing; "" where there is none to be done."""
    digest: str = ""
    alt: str = ""

    @property
    def whole(self) -> bool:
        return bool(self.digest)


class Uploads:
    """What was uploaded, read back from the journal and kept in it; ``world.barred`` with "x videos" lets all
    processing fail."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_id: dict[str, Upload] = {}
        self._next = 10**18
        for record in world.journal.records():
            if record["kind"] == MEDIA:
                self._read(record)
            elif record["kind"] == DESCRIBED and record["id"] in self._by_id:
                self._by_id[record["id"]].alt = record["alt"]

    def simple(self, account: str, form: Sequence[Part]) -> dict[str, Any]:
        """A picture in one call."""
        fields = _fields(form, {"media", "media_category", "additional_owners"})
        category = fields["media_category"].body.decode(errors="replace") if "media_category" in fields else ""
        if category != "tweet_image" or "media" not in fields:
            raise invalid("media and media_category (tweet_image) are required")
        upload = self._begin(account, category)
        self._complete(upload, fields["media"].body)
        return self._told(upload)

    def initialize(self, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        category, total = asked.get("media_category"), asked.get("total_bytes")
        if category not in _CATEGORIES or asked.get("media_type") not in _CATEGORIES[category][1]:
            raise invalid("media_category and media_type do not go together")
        if not isinstance(total, int) or not 0 < total <= _CATEGORIES[category][0]:
            raise invalid("total_bytes is out of range")
        upload = self._begin(account, category)
        upload.total = total
        return {"id": upload.id, "expires_after_secs": int(KEPT.total_seconds()), "media_key": self._key(upload)}

    def append(self, account: str, number: str, form: Sequence[Part]) -> dict[str, Any]:
        upload = self._open(account, number)
        fields = _fields(form, {"media", "segment_index"})
        index = fields["segment_index"].body.decode(errors="replace") if "segment_index" in fields else ""
        if not index.isdigit() or int(index) > 999 or "media" not in fields:  # noqa: PLR2004 - as specified
            raise invalid("media and segment_index (0 to 999) are required")
        if not 0 < len(fields["media"].body) <= PIECE_BYTES:
            raise invalid("a segment may have 5 MB")
        upload.pieces[int(index)] = fields["media"].body
        return {"expires_at": int(upload.until.timestamp())}

    def finalize(self, account: str, number: str) -> dict[str, Any]:
        upload = self._open(account, number)
        body = b"".join(upload.pieces[index] for index in sorted(upload.pieces))
        if len(body) != upload.total or sorted(upload.pieces) != list(range(len(upload.pieces))):
            raise invalid("Segments do not add up to provided total file size.")
        self._complete(upload, body)
        if upload.category in _MOVES:
            upload.state, upload.looks = "pending", LOOKS
        return self._told(upload)

    def status(self, account: str, number: str) -> dict[str, Any]:
        """A look at an upload, by which one that is worked on gets on."""
        upload = self._known(account, number)
        if upload.state in ("pending", "in_progress"):
            upload.state = "in_progress" if upload.looks > 1 else "succeeded"
            upload.looks -= 1
            if upload.state == "succeeded" and "x videos" in self._world.barred:
                upload.state = "failed"
        return self._told(upload)

    def describe(self, account: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        text = ((asked.get("metadata") or {}).get("alt_text") or {}).get("text")
        upload = self._known(account, str(asked.get("id")))
        if not isinstance(text, str) or not 0 < len(text) <= ALT:
            raise invalid(f"alt_text must have 1 to {ALT} characters")
        if upload.category == "tweet_video":
            raise invalid("alt_text is for pictures and GIFs")  # as the documents of v1.1 say; those of v2 are silent
        upload.alt = text
        self._world.journal.append(DESCRIBED, {"id": upload.id, "alt": text})
        return {"id": upload.id, "associated_metadata": {"alt_text": {"text": text}}}

    def attach(self, account: str, numbers: Sequence[str]) -> Sequence[Shown]:
        """What a post is to show. Raises Refusal where it may not."""
        found = []
        for number in numbers:
            try:
                upload = self._known(account, number)
            except Refusal:
                raise _no_such_media() from None
            if not upload.whole or upload.state not in ("", "succeeded"):
                raise _no_such_media()
            found.append(upload)
        if len(found) > MOST_SHOWN or (len(found) > 1 and any(one.category in _MOVES for one in found)):
            raise invalid("a Tweet may have 4 photos, or 1 animated GIF, or 1 video")
        return [Shown(one.id, one.type) for one in found]

    def forget(self) -> None:
        """As X does after a day."""
        self._by_id.clear()

    def _begin(self, account: str, category: str) -> Upload:
        self._next += 1
        upload = Upload(str(self._next), account, category, self._world.now() + KEPT)
        self._by_id[upload.id] = upload
        return upload

    def _complete(self, upload: Upload, body: bytes) -> None:
        kind = told(body)
        most, kinds = _CATEGORIES[upload.category]
        if kind is None or kind not in kinds or len(body) > most:
            del self._by_id[upload.id]
            raise invalid("media type unrecognized, or the file is too large")
        upload.type, upload.digest, upload.total = kind, sha256(body).hexdigest(), len(body)
        upload.pieces.clear()
        self._world.journal.append(
            MEDIA,
            {
                "id": upload.id,
                "account": upload.account,
                "at": self._world.now().isoformat(),
                "category": upload.category,
                "type": kind,
                "size": len(body),
                "digest": upload.digest,
            },
        )

    def _known(self, account: str, number: str) -> Upload:
        upload = self._by_id.get(number)
        if upload is None or upload.account != account or self._world.now() >= upload.until:
            raise not_found(f"media {number[:19]}")
        return upload

    def _open(self, account: str, number: str) -> Upload:
        upload = self._known(account, number)
        if upload.whole:
            raise invalid("this upload is finalized")
        return upload

    def _told(self, upload: Upload) -> dict[str, Any]:
        seconds = int((upload.until - self._world.now()).total_seconds())
        found: dict[str, Any] = {"id": upload.id, "media_key": self._key(upload), "size": upload.total}
        found["expires_after_secs"] = seconds
        if upload.state:
            info: dict[str, Any] = {"state": upload.state}
            if upload.state in ("pending", "in_progress"):
                info |= {"check_after_secs": 1, "progress_percent": 100 * (LOOKS - upload.looks) // LOOKS}
            found["processing_info"] = info
        return found

    @staticmethod
    def _key(upload: Upload) -> str:
        kinds = {"tweet_gif": GIF, "tweet_video": MP4}
        return Shown(upload.id, upload.type or kinds.get(upload.category, JPEG)).key

    def _read(self, record: Mapping[str, Any]) -> None:
        until = datetime.fromisoformat(record["at"]) + KEPT
        upload = Upload(record["id"], record["account"], record["category"], until, record["size"], record["type"])
        upload.digest = record["digest"]
        self._by_id[upload.id] = upload
        self._next = max(self._next, int(upload.id))


def _fields(form: Sequence[Part], known: set[str]) -> Mapping[str, Part]:
    fields = {part.name: part for part in form}
    if fields.keys() - known:
        raise invalid(f"[$.{', $.'.join(sorted(fields.keys() - known))}] is not defined in the schema")
    return fields


def _no_such_media() -> Refusal:
    return invalid("Your media IDs are invalid.")
