"""The figures of a post in the sandbox."""

from __future__ import annotations

import itertools
from datetime import timedelta

from campaign.sandbox.applause import applause


def test_figures_grow_with_age_never_fall_and_are_the_same_each_time() -> None:
    for post in ("1", "2", "at://did:plc:a/app.bsky.feed.post/b"):
        grown = [applause(post, timedelta(hours=hours)) for hours in (0, 1, 4, 24, 240)]
        assert grown[0] == (0, 0, 0)
        assert all(sum(before) < sum(after) for before, after in itertools.pairwise(grown))
        assert all(b >= a for one, two in itertools.pairwise(grown) for a, b in zip(one, two, strict=True))
        assert applause(post, timedelta(hours=4)) == grown[2]


def test_a_post_of_the_future_has_none() -> None:
    assert applause("1", timedelta(hours=-1)) == (0, 0, 0)
