"""What every clock must do: campaign/ports/clock.py."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from threading import Thread

import pytest

from campaign.engines.clock import SystemClock, VirtualClock
from campaign.ports.clock import Clock

START = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)
PATIENCE = 60
"""Seconds after which a test that hangs is taken to have failed; nothing is measured against it."""


@pytest.fixture(params=[SystemClock, lambda: VirtualClock(START)], ids=["system", "virtual"])
def clock(request: pytest.FixtureRequest) -> Clock:
    make: Callable[[], Clock] = request.param
    return make()


def test_the_time_is_aware_and_in_utc(clock: Clock) -> None:
    assert clock.now().tzinfo is UTC


def test_time_never_goes_back(clock: Clock) -> None:
    before = clock.now()
    clock.sleep_until(before - timedelta(days=1))
    assert clock.now() >= before


def test_after_a_sleep_the_instant_has_come(clock: Clock) -> None:
    instant = clock.now() + timedelta(milliseconds=20)
    clock.sleep_until(instant)
    assert clock.now() >= instant


def test_an_instant_may_be_given_in_any_zone(clock: Clock) -> None:
    instant = (clock.now() + timedelta(milliseconds=20)).astimezone(timezone(timedelta(hours=-4)))
    clock.sleep_until(instant)
    assert clock.now() >= instant
    assert clock.now().tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(clock: Clock) -> None:
    with pytest.raises(ValueError, match="zone"):
        clock.sleep_until(datetime(2018, 5, 22, 9, 0))


def test_a_wake_ends_the_sleep_of_another_thread(clock: Clock) -> None:
    sleeper = Thread(target=clock.sleep_until, args=(clock.now() + timedelta(days=1),), daemon=True)
    sleeper.start()
    clock.wake()
    sleeper.join(PATIENCE)
    assert not sleeper.is_alive()


def test_a_wake_before_the_sleep_is_not_lost(clock: Clock) -> None:
    far = clock.now() + timedelta(days=1)
    clock.wake()
    sleeper = Thread(target=clock.sleep_until, args=(far,), daemon=True)
    sleeper.start()
    sleeper.join(PATIENCE)
    assert not sleeper.is_alive()
