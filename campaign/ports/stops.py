"""Stops: the part of the ledger that keeps anything from being sent, by a person's word or because nobody is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from campaign.model.stop import Resumed, Stop


class Stops(Protocol):
    """Each method is one transaction."""

    def stop(self, step: str, *, by: str, why: str, at: datetime) -> Stop:
        """Let nothing of ``step`` be claimed or begun any more; of EVERYTHING where it is that.

        No attempt begins once this has returned, whoever has claimed it. Asked for twice by the same: the stop that
        stands is returned, and nothing changes.
        """
        ...

    def resume(self, step: str, *, by: str, at: datetime) -> Resumed:
        """End the stops of ``step``, or of EVERYTHING, but not that of the dead man's switch. What has become too late
        meanwhile is held or missed in the same transaction, by its step's own rule."""
        ...

    def stops(self, *, active: bool = True) -> Sequence[Stop]:
        """The stops that hold, or all there ever were, in the order in which they were made."""
        ...

    def confirm(self, *, by: str, at: datetime) -> Resumed:
        """Record that somebody is there, and end the dead man's switch's stop, as ``resume`` ends others."""
        ...

    def confirmed_at(self) -> datetime | None:
        """When somebody last confirmed; None where nobody ever has."""
        ...

    def held_by_providers(self, *, now: datetime) -> Mapping[str, int]:
        """The deliveries by step that providers have taken and hold until a later instant."""
        ...

    def under_way(self) -> Mapping[str, int]:
        """The deliveries by step of which an attempt has begun and is not over: they are leaving, or may have."""
        ...
