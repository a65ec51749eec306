"""Pictures and videos for X: uploaded before the post that shows them, each once for an account.

https://docs.x.com/x-api/media/quickstart/best-practices. A picture goes up in one call; a GIF or video in pieces, and
then X works on it for a while. Nothing here posts, so whatever fails is certainly no post.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from campaign.channels.x_calls import Calls
from campaign.channels.x_login import Unanswered
from campaign.channels.x_replies import before_the_post, data, outcome
from campaign.model.media import Media
from campaign.model.outcome import Deferred, Refused

if TYPE_CHECKING:
    import requests

PIECE_BYTES = 4 * 1024 * 1024
"""X takes pieces of up to 5 MB."""
_CATEGORIES = {"image/gif": "tweet_gif", "video/mp4": "tweet_video"}
_AT_ONCE = "tweet_image"
_MARGIN = timedelta(minutes=1)
_LONGEST_WAIT_S = 30.0
_MOST_LOOKS = 60
_PATIENCE_S = 180.0
"""How long one attempt waits for X to be done with a video; the next one goes on waiting."""


class NotUploaded(Exception):
    """What a post is to show is not there, so nothing was posted; ``outcome`` says why."""

    def __init__(self, outcome: Deferred | Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass(frozen=True, slots=True)
class Shown:
    """What a part shows, as it stands in the payload."""

    digest: str
    type: str
    alt: str

    @classmethod
    def of(cls, media: Media) -> Shown:
        return cls(media.digest, media.type, media.alt)

    def written(self) -> dict[str, str]:
        return {"digest": self.digest, "type": self.type, "alt": self.alt}


def shown(chunk: Mapping[str, Any]) -> Sequence[Shown]:
    """What a part's chunk says that it shows."""
    return [Shown(**one) for one in chunk.get("media", ())]


@dataclass(slots=True)
class _Upload:
    """How far one upload is. ``id`` is empty before there is one; then X is done with it, then it has its alt text."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    id: str = ""
    ends_at: datetime | None = None
    processed: bool = False
    described: bool = False

    def forget(self) -> None:
        self.id, self.ends_at, self.processed, self.described = "", None, False, False


class Uploads:
    """What the accounts have uploaded, until X throws it away. ``wait`` is given seconds.

    Without ``now`` an id is used until X says that it does not know it.
    """

    def __init__(self, calls: Calls, *, now: Callable[[], datetime] | None, wait: Callable[[float], object]) -> None:
        self._calls = calls
        self._now = now
        self._wait = wait
        self._lock = threading.Lock()
        self._uploads: dict[tuple[str, Shown], _Upload] = {}

    def ids(self, account: str, chunk: Mapping[str, Any], files: Mapping[str, bytes]) -> Sequence[str]:
        """X's ids of what a part shows; what is not uploaded yet is. Raises NotUploaded."""
        return [self._id(account, one, files) for one in shown(chunk)]

    def forget(self, account: str, chunk: Mapping[str, Any]) -> None:
        """X does not know these any more."""
        for one in shown(chunk):
            upload = self._upload(account, one)
            with upload.lock:
                upload.forget()

    def _upload(self, account: str, one: Shown) -> _Upload:
        with self._lock:
            return self._uploads.setdefault((account, one), _Upload())

    def _id(self, account: str, one: Shown, files: Mapping[str, bytes]) -> str:
        upload = self._upload(account, one)
        with upload.lock:  # whoever comes second waits for the first, and uploads nothing
            if self._now is not None and upload.ends_at is not None and self._now() >= upload.ends_at - _MARGIN:
                upload.forget()
            was_there = bool(upload.id)
            try:
                return self._finished(account, one, upload, files)
            except NotUploaded as failed:
                if not (was_there and isinstance(failed.outcome, Refused)):
                    raise
            upload.forget()  # it was from an earlier attempt, and may have been lost since
            return self._finished(account, one, upload, files)

    def _finished(self, account: str, one: Shown, upload: _Upload, files: Mapping[str, bytes]) -> str:
        try:
            if not upload.id:
                body = files.get(one.digest)
                if body is None:
                    raise NotUploaded(Refused("what the post is to show is not there", code="media"))
                if one.type in _CATEGORIES:
                    self._in_pieces(account, one.type, body, upload)
                else:
                    self._at_once(account, body, upload)
            if not upload.processed:
                self._until_processed(account, upload)
            if one.alt and not upload.described:
                self._describe(account, one, upload)
        except Unanswered as none:
            raise NotUploaded(before_the_post(none.outcome)) from None
        return upload.id

    def _at_once(self, account: str, body: bytes, upload: _Upload) -> None:
        reply = self._calls.upload(account, "/2/media/upload", {"media_category": _AT_ONCE}, body)
        self._begun(_made(reply), upload)
        upload.processed = not _processing(data(reply))

    def _in_pieces(self, account: str, kind: str, body: bytes, upload: _Upload) -> None:
        asked = {"media_category": _CATEGORIES[kind], "media_type": kind, "total_bytes": len(body)}
        told = _made(self._calls.ask(account, "POST", "/2/media/upload/initialize", json=asked))
        place = f"/2/media/upload/{_id_in(told)}"
        for number, start in enumerate(range(0, len(body), PIECE_BYTES)):
            form = {"segment_index": str(number)}
            _made(self._calls.upload(account, f"{place}/append", form, body[start : start + PIECE_BYTES]))
        finished = self._calls.ask(account, "POST", f"{place}/finalize")
        self._begun(_made(finished), upload)
        upload.processed = not _processing(data(finished))
        if not upload.processed:
            self._pause(data(finished))

    def _begun(self, told: Mapping[str, Any], upload: _Upload) -> None:
        upload.id = _id_in(told)
        seconds = told.get("expires_after_secs")
        if self._now is not None and isinstance(seconds, int) and 0 < seconds < timedelta.max.total_seconds():
            upload.ends_at = self._now() + timedelta(seconds=min(seconds, 30 * 86_400))

    def _until_processed(self, account: str, upload: _Upload) -> None:
        waited = 0.0
        for _ in range(_MOST_LOOKS):
            asked = {"command": "STATUS", "media_id": upload.id}
            told = _made(self._calls.ask(account, "GET", "/2/media/upload", params=asked))
            if _state(told) == "failed":
                upload.forget()
                raise NotUploaded(Refused(f"X cannot use the video or picture: {_why(told)}", code="media"))
            if not _processing(told):
                upload.processed = True
                return
            if waited >= _PATIENCE_S:
                break
            waited += self._pause(told)
        raise NotUploaded(Deferred("X is still working on the video that the post shows"))

    def _pause(self, told: Mapping[str, Any]) -> float:
        """Wait as long as X asks for, in seconds."""
        asked = (told.get("processing_info") or {}).get("check_after_secs")
        seconds = min(float(asked), _LONGEST_WAIT_S) if isinstance(asked, int | float) and asked >= 0 else 1.0
        self._wait(seconds)
        return seconds

    def _describe(self, account: str, one: Shown, upload: _Upload) -> None:
        asked = {"id": upload.id, "metadata": {"alt_text": {"text": one.alt}}}
        reply = self._calls.ask(account, "POST", "/2/media/metadata", json=asked)
        # X documents alt texts of pictures and GIFs alone: a video that may have none goes without.
        if not (one.type.startswith("video/") and reply.status_code == HTTPStatus.BAD_REQUEST):
            _made(reply)
        upload.described = True


def _made(reply: requests.Response) -> Mapping[str, Any]:
    """What X says of an upload. Raises NotUploaded where it refused it."""
    if not reply.ok:
        raise NotUploaded(before_the_post(outcome(reply, about="picture or video")))
    return data(reply)


def _id_in(told: Mapping[str, Any]) -> str:
    number = told.get("id")
    if not isinstance(number, str) or not number.isdigit():
        raise NotUploaded(Deferred("X answered an upload without its id"))
    return number


def _state(told: Mapping[str, Any]) -> str:
    info = told.get("processing_info")
    return str(info.get("state", "")) if isinstance(info, dict) else ""


def _processing(told: Mapping[str, Any]) -> bool:
    return _state(told) in ("pending", "in_progress")


def _why(told: Mapping[str, Any]) -> str:
    info = told.get("processing_info")
    error = info.get("error") if isinstance(info, dict) else None
    said = error.get("message") or error.get("name") if isinstance(error, dict) else None
    return str(said)[:200] if said else "its processing failed"
