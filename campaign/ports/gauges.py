"""Gauges: the part of the ledger that breakers look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from campaign.model.breaker import Gauged


class Gauges(Protocol):
    def gauges(self) -> Sequence[Gauged]:
        """How each step and each channel (its ``step`` is "") stands of which something was tried, from counters.

        Where somebody has ended a breaker's stop, what the step and its channel had come to by the first call after
        that is kept, once and for every process: from then on their gauges begin anew there.
        """
        ...
