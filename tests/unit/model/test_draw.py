"""The draw of an A/B test is even, and one seed's draws say nothing of another's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import pairwise
from math import sqrt

import pytest

from campaign.model.draw import DRAWS, PRIME, drawn

PEOPLE = range(1, 100_001)
SEEDS = (0, 1, 2, 2018, 2**31 - 2)


def uneven(cells: Iterable[int], number: int) -> float:
    """How many standard deviations the chi-square statistic of ``cells`` (each from 0 to ``number`` - 1) lies from what
    chance would give: it has ``number`` - 1 degrees of freedom."""
    found = Counter(cells)
    expected = found.total() / number
    chi_square = sum((found[cell] - expected) ** 2 / expected for cell in range(number))
    return (chi_square - (number - 1)) / sqrt(2 * (number - 1))


@cache
def draws(seed: int) -> Sequence[int]:
    return [drawn(number, seed) for number in PEOPLE]


@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_even_in_tenths_hundredths_and_one_by_one(seed: int) -> None:
    found = draws(seed)
    for number in (10, 100, 1_000, DRAWS):
        assert abs(uneven((draw * number // DRAWS for draw in found), number)) < 4


@pytest.mark.parametrize("seed", SEEDS)
def test_neighbours_in_the_list_draw_independently(seed: int) -> None:
    found = draws(seed)
    pairs = (first // 100 * 100 + second // 100 for first, second in pairwise(found))
    assert abs(uneven(pairs, DRAWS)) < 4


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("apart", [1, 1_000])
def test_who_is_in_which_arm_with_one_seed_says_nothing_of_another(seed: int, apart: int) -> None:
    pairs = (one // 100 * 100 + other // 100 for one, other in zip(draws(seed), draws(seed + apart), strict=True))
    assert abs(uneven(pairs, DRAWS)) < 4


def test_a_straight_line_would_be_seen_by_these_tests() -> None:
    """The tests can fail: what they look for is what a draw without the cubes would do."""
    straight = [number * 48_271 % PRIME % DRAWS for number in PEOPLE]
    pairs = (first // 100 * 100 + second // 100 for first, second in pairwise(straight))
    assert abs(uneven(pairs, DRAWS)) > 100


def test_somebodys_draw_stays_what_it_was() -> None:
    """Who was in which arm is found again by id and seed, so the formula must never change."""
    assert [drawn(number, 2018) for number in (1, 2, 3, 1_000_000, 2**40)] == [3948, 2101, 6475, 3718, 8938]
