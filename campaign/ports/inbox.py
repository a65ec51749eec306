"""The inbox: what providers have posted to us, as it came. It is kept before it is understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Posted:
    """One request: its raw ``body``, not yet understood."""

    id: int
    channel: str
    received_at: datetime
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class InboxStanding:
    """How many requests wait to be applied, since when the oldest does; how many are kept, since when; and what could
    not be read, by id."""

    waiting: int
    waiting_since: datetime | None
    kept: int
    kept_since: datetime | None
    unread: tuple[tuple[int, str], ...]


class Inbox(Protocol):
    """Each method is one short transaction."""

    def put(self, channel: str, body: bytes, *, at: datetime) -> int:
        """Keep what was posted; its id. Once this returns it is on the disk. LedgerError where it cannot be kept."""
        ...

    def waiting(self, *, after: int = 0) -> Posted | None:
        """The first request after that id which is not applied yet."""
        ...

    def kept(self, *, after: int = 0, since: datetime | None = None) -> Posted | None:
        """The first request after that id, applied or not, received at ``since`` or later."""
        ...

    def applied(self, posted_id: int, *, at: datetime, why: str = "") -> None:
        """The ledger has what was in it; ``why`` says what of it could not be read."""
        ...

    def prune(self, *, before: datetime) -> int:
        """Forget what was received earlier, if it is applied; how many requests."""
        ...

    def standing(self) -> InboxStanding: ...
