"""Pictures and videos on their way to a Mastodon server: handed over, waited for until they are processed, and kept
until a post shows them. See https://docs.joinmastodon.org/methods/media/.

A server forgets what no post shows after a day, and one that is shown cannot be shown again: so what is handed over is
for one part of one thread.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from operator import methodcaller
from typing import Any

from campaign.channels.mastodon_client import Clients, NoReply, Reply
from campaign.model.media import Media
from campaign.model.outcome import Deferred, Refused

_PAUSES_S = (0.2, 0.3, 0.5, 1.0, *[2.0] * 29)
"""Between one look and the next, a minute in all: what takes longer is looked at again at the next attempt."""
_FORGOTTEN = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_BUSY = (HTTPStatus.ACCEPTED, HTTPStatus.PARTIAL_CONTENT)
_NAMES = {"image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "video/mp4": "mp4"}


class NotShown(Exception):
    """A picture is not there yet, so that the post that shows it was not sent."""

    def __init__(self, outcome: Deferred | Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


@dataclass
class _Kept:
    """One picture on its server. ``tried`` where a post may have shown it already."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    id: str = ""
    processed: bool = False
    tried: bool = False


def asked(media: Sequence[Media]) -> list[dict[str, str]]:
    """What a part's chunk says of its media."""
    return [{"digest": one.digest, "type": one.type, "alt": one.alt} for one in media]


class Uploads:
    """What was handed over and is not shown yet, by account, part and digest. Safe from any thread."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, int, str], _Kept] = {}
        self._ended = threading.Event()

    def ids(
        self,
        account: str,
        key: str,
        media: Sequence[Mapping[str, str]],
        files: Mapping[str, bytes],
        *,
        again: bool = False,
    ) -> list[str]:
        """The ids under which the server has them, all processed; hands over what it has not. Raises NotShown.

        With ``again`` the server is asked whether it still has those that were handed over before.
        """
        ended = self._ended
        found = []
        for at, one in enumerate(media):
            with self._lock:
                kept = self._kept.setdefault((account, key, at, one["digest"]), _Kept())
            with kept.lock:
                if kept.id and kept.processed and (again or kept.tried):
                    self._look(account, kept)
                if not kept.id:
                    self._hand_over(account, kept, one, files)
                self._wait(account, kept, ended)
                kept.tried = False
                found.append(kept.id)
        return found

    def tried(self, account: str, key: str) -> None:
        """A post was sent that may or may not show them."""
        for kept in self._of(account, key).values():
            kept.tried = True

    def shown(self, account: str, key: str) -> None:
        """A post shows them: they are of no more use."""
        with self._lock:
            for place in [one for one in self._kept if one[:2] == (account, key)]:
                del self._kept[place]

    def close(self) -> None:
        """End all waiting, and forget what was handed over."""
        with self._lock:
            self._ended.set()
            self._ended = threading.Event()
            self._kept.clear()

    def _of(self, account: str, key: str) -> Mapping[tuple[str, str, int, str], _Kept]:
        with self._lock:
            return {place: kept for place, kept in self._kept.items() if place[:2] == (account, key)}

    def _hand_over(self, account: str, kept: _Kept, media: Mapping[str, str], files: Mapping[str, bytes]) -> None:
        body = files.get(media["digest"])
        if body is None:
            raise NotShown(Deferred("a picture of this post is not at hand"))
        media_type = media["type"]
        send = methodcaller(
            "media_post",
            body,
            mime_type=media_type,
            description=media["alt"] or None,
            file_name=f"media.{_NAMES.get(media_type, 'bin')}",
        )
        reply = self._ask(account, send)
        number = reply.value.get("id") if reply.ok and isinstance(reply.value, dict) else None
        if not number:
            raise NotShown(_refused(reply))
        kept.id, kept.processed = str(number), reply.status not in _BUSY

    def _wait(self, account: str, kept: _Kept, ended: threading.Event) -> None:
        """Until the server has processed it; a minute at most."""
        for pause_s in _PAUSES_S:
            if kept.processed:
                return
            if ended.wait(pause_s):
                raise NotShown(Deferred("the program stopped while a picture was being processed"))
            self._look(account, kept)
            if not kept.id:
                raise NotShown(Deferred("the server has lost a picture while processing it"))
        if not kept.processed:
            raise NotShown(Deferred("the server is still processing a picture or video of this post"))

    def _look(self, account: str, kept: _Kept) -> None:
        """Whether the server has it, and has processed it."""
        reply = self._ask(account, methodcaller("media", kept.id))
        if reply.status in _FORGOTTEN:
            kept.id, kept.processed = "", False
        elif reply.ok:
            kept.processed = reply.status not in _BUSY
        elif reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            told = _refused(reply)
            if isinstance(told, Refused):  # it could not be processed: another time, another copy
                kept.id, kept.processed = "", False
            raise NotShown(told)

    def _ask(self, account: str, call: Any) -> Reply:
        try:
            return self._clients.call(account, call)
        except NoReply as none:
            # A picture that was handed over and not answered is seen by nobody, and the server throws it away.
            why = f"a picture could not be handed over: {none}"
            raise NotShown(Deferred(why) if none.sent else Deferred(why, scope="account")) from None


def _refused(reply: Reply) -> Deferred | Refused:
    """What an answer means for a post that is to show the picture: never that it may have been sent."""
    match reply.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            # Media has a window of its own, 30 in half an hour: posts without any go on.
            return Deferred("the server takes no more pictures for now", until=reply.resets_at())
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            why = "the account's token may not hand over pictures (scope write:media)"
            return Deferred(f"{why}: {reply.why()}", scope="account")
        case status if status < HTTPStatus.BAD_REQUEST or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Deferred(f"a picture could not be handed over: the server answered {reply.why()}")
        case HTTPStatus.REQUEST_TIMEOUT:
            return Deferred(f"a picture could not be handed over: the server answered {reply.why()}")
        case status:
            return Refused(f"the server refused a picture: {reply.why()}", code=str(status))
