"""The virtual clock's own promises, beyond those of every clock (tests/contract/test_clocks.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.engines.clock import VirtualClock

START = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)


def test_a_virtual_clock_stands_still_until_somebody_waits() -> None:
    clock = VirtualClock(START)
    assert [clock.now() for _ in range(3)] == [START] * 3


@given(st.lists(st.integers(-10_000, 10_000)))
def test_a_virtual_clock_is_at_the_latest_instant_that_was_waited_for(seconds: list[int]) -> None:
    clock = VirtualClock(START)
    for offset in seconds:
        clock.sleep_until(START + timedelta(seconds=offset))
    assert clock.now() == START + timedelta(seconds=max([0, *seconds]))


def test_a_virtual_clock_that_starts_in_another_zone_tells_utc() -> None:
    clock = VirtualClock(START.astimezone(timezone(timedelta(hours=-4))))
    assert clock.now() == START
    assert clock.now().tzinfo is UTC


def test_a_virtual_clock_must_start_at_an_instant_with_its_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        VirtualClock(datetime(2018, 5, 22, 9, 0))


def test_threads_that_share_a_virtual_clock_cannot_take_it_back() -> None:
    clock = VirtualClock(START)

    def wait(first: int) -> None:
        for second in range(first, 4_000, 4):
            clock.sleep_until(START + timedelta(seconds=second))

    sleepers = [Thread(target=wait, args=(first,)) for first in range(4)]
    for sleeper in sleepers:
        sleeper.start()
    for sleeper in sleepers:
        sleeper.join()
    assert clock.now() == START + timedelta(seconds=3_999)
