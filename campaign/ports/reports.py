"""Reports: the part of the ledger that tells, in sums, how a rollout went. None of it names a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from campaign.model.report import Hour, Reactions


class Reports(Protocol):
    """Each method is one transaction, and reads all of the rollout's events or readings: not for a page that people
    wait for all day."""

    def reactions(self) -> Mapping[str, Reactions]:
        """What people did with each step's e-mails, by step; those are left out with which nobody did anything."""
        ...

    def hours(self) -> Sequence[Hour]:
        """When e-mails were first opened and clicked by people: the hours, in UTC, in which any was."""
        ...

    def readings(self) -> Iterator[tuple[datetime, str, int, int, int]]:
        """Every reading of a post's figures, by its instant: that, the channel, wave and seq of the post, and its
        likes, reposts and replies together."""
        ...

    def costs(self) -> Mapping[str, int]:
        """What is spent or reserved, in micro-USD by step."""
        ...
