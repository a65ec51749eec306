"""What a prepared wave shows beside its text, read from the ledger when it is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from threading import Lock

from campaign.flow.fit_media import Album
from campaign.model.media import PartMedia
from campaign.model.wave import Wave
from campaign.ports.ledger import Ledger

_MOST_BYTES = 256 * 1024 * 1024
"""Kept in memory at once; one video may be more, and is kept alone."""
_MOST_WAVES = 256


class Shows:
    """Reads pictures and videos of waves once, for all their accounts. From any thread.

    ``album`` is what was fitted to a network before, for preparing the next wave.
    """

    def __init__(self, ledger: Ledger, most_bytes: int = _MOST_BYTES) -> None:
        self._ledger = ledger
        self._most_bytes = most_bytes
        self.album = Album()
        self._lock = Lock()
        self._parts: OrderedDict[tuple[int, datetime | None], tuple[PartMedia, ...]] = OrderedDict()
        self._bodies: OrderedDict[str, bytes] = OrderedDict()

    def parts(self, wave: Wave) -> tuple[PartMedia, ...]:
        """What the wave's parts show, from the first to the last that shows something."""
        key = (wave.id, wave.prepared_at)  # one that was withdrawn is prepared anew
        with self._lock:
            found = self._parts.get(key)
        if found is None:
            found = self._ledger.shown(wave.id)
            with self._lock:
                self._parts[key] = found
                while len(self._parts) > _MOST_WAVES:
                    self._parts.popitem(last=False)
        return found

    def files(self, wave: Wave) -> Mapping[str, bytes]:
        """The bytes of that by digest; each is read when it is first asked for."""
        shown = self.parts(wave)
        cards = [part.link_card.image for part in shown if part.link_card is not None]
        media = [*(one for part in shown for one in part.media), *cards]
        return Files((one.digest for one in media if one is not None), self.body)

    def body(self, digest: str) -> bytes:
        """LedgerError where the ledger does not hold it."""
        with self._lock:
            if digest in self._bodies:
                self._bodies.move_to_end(digest)
                return self._bodies[digest]
        body = self._ledger.file(digest)
        with self._lock:
            self._bodies[digest] = body
            while len(self._bodies) > 1 and sum(map(len, self._bodies.values())) > self._most_bytes:
                self._bodies.popitem(last=False)
        return body


class Files(Mapping[str, bytes]):
    """Bytes by digest, each read when it is asked for."""

    def __init__(self, digests: Iterable[str], read: Callable[[str], bytes]) -> None:
        self._digests = dict.fromkeys(digests)
        self._read = read

    def __getitem__(self, digest: str) -> bytes:
        if digest not in self._digests:
            raise KeyError(digest)
        return self._read(digest)

    def __iter__(self) -> Iterator[str]:
        return iter(self._digests)

    def __len__(self) -> int:
        return len(self._digests)
