"""Intervals: as they were published, and never narrower than what was seen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.flow.intervals import for_each_of, lead, wilson


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_the_one_that_newcombe_tabulated(hits: int, of: int, low: float, high: float) -> None:
    """R. G. Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3."""
    found = wilson(hits, of)
    assert found.low == pytest.approx(low, abs=0.00005)
    assert found.high == pytest.approx(high, abs=0.00005)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((0, 10), (0, 10), -0.2775, 0.2775),
    ],
)
def test_the_lead_is_the_interval_that_newcombe_tabulated(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """R. G. Newcombe, Interval estimation for the difference (1998), table II, method 10."""
    found = lead(*first, *second)
    assert found.low == pytest.approx(low, abs=0.00005)
    assert found.high == pytest.approx(high, abs=0.00005)


counts = st.integers(1, 100_000).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(counts, counts, st.integers(1, 10))
def test_an_interval_holds_what_was_seen_and_widens_with_the_comparisons(
    first: tuple[int, int], second: tuple[int, int], pairs: int
) -> None:
    seen = first[0] / first[1] - second[0] / second[1]
    alone, among = lead(*first, *second), lead(*first, *second, confidence=for_each_of(pairs))
    assert -1 - 1e-9 <= among.low <= alone.low <= seen <= alone.high <= among.high <= 1 + 1e-9
    one = wilson(*first)
    assert 0 <= one.low <= first[0] / first[1] <= one.high <= 1


@given(counts, counts)
def test_the_lead_of_one_is_the_lag_of_the_other(first: tuple[int, int], second: tuple[int, int]) -> None:
    there, back = lead(*first, *second), lead(*second, *first)
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low))


def test_nothing_is_said_of_nobody() -> None:
    with pytest.raises(ValueError, match="there must be some"):
        wilson(0, 0)
    with pytest.raises(ValueError, match="no more hits"):
        wilson(3, 2)
