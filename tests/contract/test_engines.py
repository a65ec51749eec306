"""What every engine must do: campaign/ports/engine.py. Nothing here measures time; it is waited for events."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from threading import Event, Thread, current_thread
from threading import enumerate as threads

import pytest

from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock, VirtualClock
from campaign.engines.inline import Inline
from campaign.ports.clock import Clock
from campaign.ports.engine import Engine

START = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)
SOON = timedelta(milliseconds=30)
FAR = timedelta(days=400)
PATIENCE = 60
"""Seconds after which a test that hangs is taken to have failed; nothing is measured against it."""

Made = tuple[Engine, Clock]


def inline_on_a_virtual_clock() -> Made:
    clock = VirtualClock(START)
    return Inline(clock), clock


def inline_on_the_machines_clock() -> Made:
    clock = SystemClock()
    return Inline(clock), clock


def apscheduler() -> Made:
    clock = SystemClock()
    return Apscheduler(clock), clock


REAL = [inline_on_the_machines_clock, apscheduler]
ALL = [inline_on_a_virtual_clock, *REAL]


@pytest.fixture(params=ALL, ids=lambda make: make.__name__)
def made(request: pytest.FixtureRequest) -> Made:
    make: Callable[[], Made] = request.param
    return make()


def test_the_first_turn_comes_at_once_and_none_ends_the_run(made: Made) -> None:
    engine, _ = made
    turns: list[int] = []
    engine.run(lambda: turns.append(1))
    assert turns == [1]


def test_each_next_turn_comes_when_its_instant_has_come(made: Made) -> None:
    engine, clock = made
    asked: list[datetime] = []
    came: list[datetime] = []

    def turn() -> datetime | None:
        came.append(clock.now())
        if len(came) == 4:
            return None
        asked.append(clock.now() + SOON)
        return asked[-1]

    engine.run(turn)
    assert len(came) == 4
    assert all(at >= instant for at, instant in zip(came[1:], asked, strict=True))


def test_an_instant_that_has_passed_brings_the_next_turn_at_once(made: Made) -> None:
    engine, clock = made
    instants = iter([clock.now() - FAR, clock.now() - timedelta(seconds=1), clock.now(), None])
    engine.run(lambda: next(instants))
    assert list(instants) == []


def test_turns_run_in_the_calling_thread(made: Made) -> None:
    engine, clock = made
    seen: list[Thread] = []

    def turn() -> datetime | None:
        seen.append(current_thread())
        return clock.now() + SOON if len(seen) < 3 else None

    engine.run(turn)
    assert seen == [current_thread()] * 3


def test_what_a_turn_raises_comes_out_of_the_run_and_leaves_no_thread_behind(made: Made) -> None:
    engine, _ = made
    before = set(threads())

    def turn() -> datetime | None:
        raise LookupError("the ledger is gone")

    with pytest.raises(LookupError, match="the ledger is gone"):
        engine.run(turn)
    assert set(threads()) <= before


def test_an_engine_that_was_stopped_before_it_ran_takes_no_turn(made: Made) -> None:
    engine, clock = made
    turns: list[int] = []

    def turn() -> datetime | None:
        turns.append(1)
        return clock.now() + FAR

    engine.stop()
    engine.run(turn)
    assert turns == []


def test_a_stop_during_a_turn_lets_it_finish_and_takes_no_other(made: Made) -> None:
    engine, clock = made
    under_way, may_end = Event(), Event()
    turns: list[str] = []

    def turn() -> datetime | None:
        turns.append("began")
        under_way.set()
        assert may_end.wait(PATIENCE)
        turns.append("ended")
        return clock.now() + FAR

    running = Thread(target=engine.run, args=(turn,), daemon=True)
    running.start()
    assert under_way.wait(PATIENCE)
    engine.stop()
    may_end.set()
    running.join(PATIENCE)
    assert not running.is_alive()
    assert turns == ["began", "ended"]


def test_a_turn_can_stop_its_own_engine(made: Made) -> None:
    engine, clock = made
    turns: list[int] = []

    def turn() -> datetime | None:
        turns.append(1)
        engine.stop()
        return clock.now() + FAR

    engine.run(turn)
    assert turns == [1]


@pytest.mark.parametrize("make", REAL, ids=lambda make: make.__name__)
def test_a_stop_while_it_waits_ends_the_run(make: Callable[[], Made]) -> None:
    engine, clock = make()
    turned = Event()

    def turn() -> datetime | None:
        turned.set()
        return clock.now() + FAR

    running = Thread(target=engine.run, args=(turn,), daemon=True)
    running.start()
    assert turned.wait(PATIENCE)
    engine.stop()
    running.join(PATIENCE)
    assert not running.is_alive()


IN_A_PROCESS = """
import signal, sys
from datetime import timedelta
from campaign.engines.{module} import {name}
from campaign.engines.clock import SystemClock
clock = SystemClock()
engine = {name}(clock)
signal.signal(signal.SIGTERM, lambda *_: engine.stop())
def turn():
    print("turned", flush=True)
    return clock.now() + timedelta(days=400)
engine.run(turn)
print("ended", flush=True)
"""


@pytest.mark.parametrize(("module", "name"), [("inline", "Inline"), ("apscheduler", "Apscheduler")])
def test_a_signal_handler_can_stop_it(module: str, name: str) -> None:
    program = IN_A_PROCESS.format(module=module, name=name)
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "turned\n"
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=PATIENCE)
    assert (rest, process.returncode) == ("ended\n", 0)
