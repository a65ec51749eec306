"""Conditions: what waves wait for, as the ledger keeps it, and who looks at what is on other people's servers."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from campaign.model.condition import Elsewhere, Looked, Seen


class Looker(Protocol):
    def look(self, condition: Elsewhere) -> Seen:
        """Ask the server once, for some ten seconds at most. From any thread; never raises. What it says of an answer
        holds nothing of it but a status and a number."""
        ...


class Conditions(Protocol):
    """The part of the ledger that keeps what was seen of conditions. Each method is one transaction."""

    def looked(self, waves: Collection[int] | None = None) -> Mapping[tuple[int, int], Looked]:
        """What was seen, by wave and the condition's number, which counts from 0 within its step. None is all waves."""
        ...

    def keep_look(self, wave_id: int, number: int, seen: Seen, *, at: datetime) -> bool:
        """Record what was seen. True where that is news: another evidence, or true for the first time.

        What was true once stays so, whatever is seen after it. A wave that is approved as something else, or let go
        after it was held, begins anew. Of a wave that is gone by now nothing is kept.
        """
        ...
