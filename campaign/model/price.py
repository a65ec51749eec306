"""What providers charge, in millionths of a US dollar: whole numbers, so that sums are exact."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

MICRO = 1_000_000


@dataclass(frozen=True, slots=True)
class Prices:
    """All in micro-USD. ``media`` is for each picture or video of a post, ``own_read`` for each of our own posts that
    is read."""

    post: int = 0
    post_with_url: int = 0
    media: int = 0
    own_read: int = 0


def in_usd(micro_usd: int) -> str:
    """``$0.015``, ``$1,204.60``: two decimals at least, and no more than there are."""
    amount = Decimal(micro_usd) / MICRO
    whole = f"{amount:,.6f}".rstrip("0")
    head, _, decimals = whole.partition(".")
    return f"${head}.{decimals:0<2}"
