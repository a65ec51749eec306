"""A spam filter such as receivers have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Judged:
    """``score`` from ``threshold`` on is spam; ``tests`` are those that were met. ``why_not`` where there is none."""

    score: float = 0.0
    threshold: float = 5.0
    tests: tuple[str, ...] = ()
    why_not: str = ""


class SpamFilter(Protocol):
    def judge(self, message: bytes) -> Judged:
        """Never raises; ``message`` is a whole mail (RFC 5322)."""
        ...
