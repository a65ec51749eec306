"""Pictures and videos at Mastodon's stand-in, with its rules (app/models/media_attachment.rb, methods/media).

A picture is processed at once; a video, and a GIF that is made one, while it is looked at: so many looks later it is
there, whatever the clock. What is broken fails then, not when it is handed over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from campaign.flow.fit import grapheme_length
from campaign.rendering.media_types import GIF, JPEG, MP4, PNG, QUICKTIME, WEBP, told
from campaign.sandbox.mastodon_statuses import DOMAIN
from campaign.sandbox.multipart import Part
from campaign.sandbox.world import World

MEDIA = "mastodon.media"
"""The journal's kind of a picture or video: id, account, at, type, size, digest, alt."""
IMAGE_BYTES = 16 * 1024 * 1024
IMAGE_PIXELS = 33_177_600
VIDEO_BYTES = 99 * 1024 * 1024
VIDEO_PIXELS = 8_294_400
ALT = 1_500
TYPES = (JPEG, PNG, GIF, WEBP, MP4, QUICKTIME)
LOOKS = 2
"""Looks at what is processed in the background that still find it being processed."""
_KINDS = {GIF: "gifv", MP4: "video", QUICKTIME: "video"}
_LATER = (GIF, MP4, QUICKTIME)


class Invalid(Exception):
    """The server answers 422 with this."""


@dataclass(slots=True)
class Attachment:
    id: str
    account: str
    type: str
    alt: str
    looks: int = 0
    broken: bool = False

    @property
    def processed(self) -> bool:
        return self.looks <= 0

    def shown(self) -> dict[str, Any]:
        where = f"https://files.{DOMAIN}/media/{self.id}"
        return {
            "id": self.id,
            "type": _KINDS.get(self.type, "image"),
            "url": where if self.processed else None,
            "preview_url": f"{where}/small",
            "remote_url": None,
            "meta": {},
            "description": self.alt or None,
            "blurhash": None,
        }


class Attachments:
    """What was handed over, read back from the journal and kept in it; what a post shows belongs to that post."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_id: dict[str, Attachment] = {}
        for record in world.journal.records(MEDIA):
            self._by_id[record["id"]] = Attachment(record["id"], record["account"], record["type"], record["alt"])

    def take(self, account: str, form: Sequence[Part]) -> Attachment:
        """Keep the file of a form. Raises Invalid."""
        fields = {part.name: part for part in form}
        if "file" not in fields or not fields["file"].filename:
            raise Invalid("Validation failed: File can't be blank")
        body = fields["file"].body
        media_type = told(body)
        if media_type not in TYPES or not fields["file"].type:
            raise Invalid("Validation failed: File content type is invalid, File is invalid")
        most = VIDEO_BYTES if media_type in (MP4, QUICKTIME) else IMAGE_BYTES
        if len(body) > most:
            raise Invalid(f"Validation failed: File file size must be less than {most // 1024 // 1024} MB")
        alt = fields["description"].body.decode(errors="replace") if "description" in fields else ""
        if grapheme_length(alt) > ALT:
            raise Invalid(f"Validation failed: Description is too long (maximum is {ALT} characters)")
        number = str(10**17 + len(self._by_id) + 1)
        digest = sha256(body).hexdigest()
        record = {"id": number, "account": account, "at": self._world.now().isoformat(), "type": media_type}
        self._world.journal.append(MEDIA, {**record, "size": len(body), "digest": digest, "alt": alt})
        broken = media_type in (MP4, QUICKTIME) and b"moov" not in body
        looks = LOOKS + 1 if media_type in _LATER else 0
        self._by_id[number] = Attachment(number, account, media_type, alt, looks, broken)
        return self._by_id[number]

    def look(self, account: str, number: str, shown: Mapping[str, str]) -> Attachment | None:
        """What is not shown by a post yet, a look nearer to being processed; None where there is none."""
        found = self._by_id.get(number)
        if found is None or found.account != account or number in shown:
            return None
        found.looks -= 1
        if found.processed and found.broken:
            raise Invalid("Error processing thumbnail for uploaded media")
        return found

    def attach(self, account: str, numbers: Sequence[str], shown: Mapping[str, str]) -> None:
        """Raises Invalid where a post may not show these (app/services/post_status_service.rb)."""
        own = {number: self._by_id[number] for number in numbers if number in self._by_id and number not in shown}
        missing = [number for number in numbers if number not in own or own[number].account != account]
        if missing:
            raise Invalid(f"Media {', '.join(missing)} not found or already attached to another post")
        if len(own) > 1 and any(one.type in (MP4, QUICKTIME) for one in own.values()):
            raise Invalid("Cannot attach a video to a post that already contains images")
        if not all(one.processed for one in own.values()):
            raise Invalid("Cannot attach files that have not finished processing. Try again in a moment!")

    def forget(self) -> None:
        """As a server does after a day with what no post shows."""
        self._by_id.clear()

    def of(self, numbers: Sequence[str]) -> list[dict[str, Any]]:
        return [self._by_id[number].shown() for number in numbers if number in self._by_id]
