"""Notices: what is told to people, the box that it waits in until it has left, and those who carry it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from campaign.model.notice import Notice, Outgoing


class Notifier(Protocol):
    """It carries a text to a place; it does not retry, wait, or decide."""

    @property
    def places(self) -> Sequence[str]:
        """What each place is called: nothing of its address, which is a secret."""
        ...

    def send(self, place: str, title: str, text: str, *, urgent: bool) -> str:
        """Carry it to ``place``, within half a minute; why that did not succeed, "" where it did. Never raises.

        From any thread. Nothing of an address is in what it returns.
        """
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How a step's waves stand: how many there are, and how many of them are still ``open``. ``began_at`` is when the
    first of it left, ``ended_at`` when the last of its waves was done, missed or cancelled; None where not yet."""

    step: str
    channel: str
    waves: int
    open: int
    began_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Doubtful:
    """``number`` deliveries of a step are in doubt, the oldest ``since`` then."""

    step: str
    channel: str
    number: int
    since: datetime


class Outbox(Protocol):
    """One world's notices. Each method is one short transaction."""

    def new(self, keys: Collection[str]) -> frozenset[str]:
        """Those of ``keys`` of which no notice was ever made."""
        ...

    def put(self, notice: Notice, *, places: Collection[str], at: datetime) -> bool:
        """Make it, to be sent to each of ``places``; False, and nothing is changed, where it was made before."""
        ...

    def take(self, place: str, *, most: int, now: datetime, again_at: datetime) -> Sequence[Outgoing]:
        """What is due to be sent there, oldest first. Nobody else takes it before ``again_at``."""
        ...

    def end(self, taken: Sequence[Outgoing], *, at: datetime, why: str = "") -> None:
        """It was sent, or, with ``why``, will not be."""
        ...

    def put_off(self, taken: Sequence[Outgoing], *, until: datetime, why: str) -> None:
        """It could not be sent, and is to be tried again."""
        ...

    def end_elsewhere(self, places: Collection[str], *, at: datetime, why: str) -> int:
        """Let nothing wait for a place that is none of ``places``; how much did."""
        ...

    def next_at(self) -> datetime | None:
        """When the first that waits is due; None where none does."""
        ...

    def progress(self) -> Sequence[Progress]:
        """Each step that has waves, by its first instant."""
        ...

    def doubtful(self) -> Sequence[Doubtful]: ...
