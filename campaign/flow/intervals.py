"""What so many of so many says about the share behind it: intervals that hold for few and for small shares.

Wilson's score interval for one share, and Newcombe's hybrid of two of them for the difference of two shares
(R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics in Medicine 17,
1998, method 10). Clicks are a few in a hundred, where the textbook's ± would reach below zero and claim too much.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """Shares from 0 to 1; of a difference, from -1 to 1."""

    low: float
    high: float


def wilson(hits: int, of: int, *, confidence: float = CONFIDENCE) -> Interval:
    """Where the share behind ``hits`` of ``of`` lies. ValueError where ``of`` is not positive."""
    if not 0 <= hits <= of or not of:
        raise ValueError("there must be some, and no more hits than that")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, z2 = hits / of, z * z
    middle = share + z2 / (2 * of)
    reach = z * sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    # Rounding must not leave out what was seen.
    low, high = (middle - reach) / (1 + z2 / of), (middle + reach) / (1 + z2 / of)
    return Interval(min(max(low, 0.0), share), max(min(high, 1.0), share))


def lead(hits: int, of: int, other_hits: int, of_others: int, *, confidence: float = CONFIDENCE) -> Interval:
    """By how much the first share is larger than the other."""
    one, other = hits / of, other_hits / of_others
    first = wilson(hits, of, confidence=confidence)
    second = wilson(other_hits, of_others, confidence=confidence)
    below = sqrt((one - first.low) ** 2 + (second.high - other) ** 2)
    above = sqrt((first.high - one) ** 2 + (other - second.low) ** 2)
    return Interval(one - other - below, one - other + above)


def for_each_of(pairs: int, confidence: float = CONFIDENCE) -> float:
    """The confidence for each of several comparisons with which all of them hold at ``confidence`` (Bonferroni)."""
    return 1 - (1 - confidence) / pairs
