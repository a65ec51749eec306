"""A condition: what has to be so before a step goes out, beside its instant and its approval."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

MOST = 5
"""Conditions of one step, but for ``after``."""


@dataclass(frozen=True, slots=True)
class After:
    """Another step has gone out: what of it is due by now was ``accepted``, or all that could be done is ``done``."""

    step: str
    what: Literal["accepted", "done"] = "accepted"

    def __str__(self) -> str:
        return f"{self.step} {self.what}"


@dataclass(frozen=True, slots=True)
class PageCondition:
    """``url`` answers with the status ``answers``, and ``contains`` is on the page; "" is any page."""

    url: str
    answers: int = 200
    contains: str = ""

    def __str__(self) -> str:
        return f"{self.url} answers {self.answers}" + (f' and contains "{self.contains}"' if self.contains else "")


@dataclass(frozen=True, slots=True)
class NumberCondition:
    """The number to which ``number``, a JSON pointer (RFC 6901), leads in what ``url`` answers is ``at_least`` that."""

    url: str
    number: str
    at_least: int

    def __str__(self) -> str:
        return f"{self.number} of {self.url} is {self.at_least:,} or more"


Elsewhere = PageCondition | NumberCondition
"""What somebody else's server has to be asked for."""
Condition = After | PageCondition | NumberCondition


@dataclass(frozen=True, slots=True)
class Seen:
    """Whether a condition was found true, and what was seen: ``9,412 of 10,000``."""

    is_met: bool
    evidence: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen of a wave's condition when it was looked at last. ``met_at`` is when it was first found true: from
    then on it counts as true, and is not looked at again. None is not yet."""

    looked_at: datetime
    met_at: datetime | None
    evidence: str
