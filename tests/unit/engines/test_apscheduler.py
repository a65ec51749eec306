"""Apscheduler's own promises, beyond those of every engine (tests/contract/test_engines.py)."""

from __future__ import annotations

import gc
import weakref
from datetime import UTC, datetime, timedelta

from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from tests.builders import T0
from tests.desks import HandClock


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


class TestLitter:
    """Python looks for values that only hold each other between turns, not when something leaves."""

    class Ring:
        def __init__(self) -> None:
            self.itself = self

    def test_nobody_looks_in_a_turn_and_it_is_as_before_when_the_last_is_over(self) -> None:
        looked: list[bool] = []

        def turn() -> None:
            looked.append(gc.isenabled())

        was = gc.isenabled()
        gc.enable()
        try:
            Apscheduler(SystemClock()).run(turn)
            assert gc.isenabled()
            assert gc.get_freeze_count() == 0
        finally:
            (gc.enable if was else gc.disable)()
        assert looked == [False]

    def test_where_there_is_a_moment_it_is_cleared_away(self) -> None:
        clock = HandClock(T0)
        left: list[weakref.ref[TestLitter.Ring]] = []

        def turn() -> datetime | None:
            if not left:
                left.append(weakref.ref(self.Ring()))
                clock.at += timedelta(minutes=1)
                return clock.now() + timedelta(hours=1)
            assert left[0]() is None
            return None

        Apscheduler(clock, glance=timedelta(milliseconds=10)).run(turn)
        assert left[0]() is None

    def test_where_something_leaves_in_a_moment_it_stays_until_there_is_time(self) -> None:
        clock = HandClock(T0)
        left: list[weakref.ref[TestLitter.Ring]] = []
        there: list[bool] = []

        def turn() -> datetime | None:
            if not left:
                left.append(weakref.ref(self.Ring()))
            there.append(left[0]() is not None)
            clock.at += timedelta(minutes=1)
            return clock.now() + timedelta(milliseconds=5) if len(there) < 15 else None

        Apscheduler(clock, glance=timedelta(milliseconds=10)).run(turn)
        assert there[:10] == [True] * 10
        assert there[-1] is False, "sooner or later it is looked for in any case"
