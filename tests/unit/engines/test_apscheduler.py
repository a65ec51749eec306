"""Apscheduler's own promises, beyond those of every engine (tests/contract/test_engines.py)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock


def test_a_turn_comes_without_any_alarm_after_a_glance() -> None:
    clock = SystemClock()
    turns: list[datetime] = []

    def turn() -> datetime | None:
        turns.append(clock.now())
        return clock.now() + timedelta(days=400) if len(turns) < 3 else None

    Apscheduler(clock, glance=timedelta(milliseconds=10)).run(turn)
    assert len(turns) == 3


def test_a_later_turn_may_ask_for_an_earlier_instant() -> None:
    """The alarm for the instant that was asked for before is replaced, not added to."""
    clock = SystemClock()
    asked = [timedelta(milliseconds=20), timedelta(days=400), timedelta(milliseconds=20)]
    left = iter(asked)

    def turn() -> datetime | None:
        ahead = next(left, None)
        return clock.now() + ahead if ahead else None

    Apscheduler(clock, glance=timedelta(milliseconds=50)).run(turn)
    assert next(left, None) is None


def test_an_instant_in_the_far_future_is_no_trouble() -> None:
    clock = SystemClock()
    instants = iter([datetime.max.replace(tzinfo=UTC), None])
    Apscheduler(clock, glance=timedelta(milliseconds=10)).run(lambda: next(instants))
    assert next(instants, "empty") == "empty"
