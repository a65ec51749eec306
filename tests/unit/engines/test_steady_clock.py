"""A clock that somebody sets while the program runs: nothing is sent before its instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaign.engines.apscheduler import Apscheduler
from campaign.engines.steady_clock import TOLERANCE, SteadyClock

START = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


class Machine:
    """A machine whose clock and sleep are in the test's hand."""

    def __init__(self) -> None:
        self.shows = START
        self.passed_s = 1_000.0
        self.awake_s = 500.0
        self.clock = SteadyClock(
            machines=lambda: self.shows, passed_s=lambda: self.passed_s, awake_s=lambda: self.awake_s
        )

    def wait(self, span: timedelta, *, asleep: bool = False) -> None:
        self.shows += span
        self.passed_s += span.total_seconds()
        self.awake_s += 0 if asleep else span.total_seconds()

    @property
    def truly(self) -> datetime:
        """What time it is, if the clock was right at the start."""
        return START + timedelta(seconds=self.passed_s - 1_000)


def test_a_clock_that_nobody_sets_is_simply_told() -> None:
    machine = Machine()
    machine.wait(HOUR)
    assert machine.clock.now() == START + HOUR
    assert machine.clock.ahead() == timedelta(0)


def test_a_clock_set_far_forward_is_not_followed_and_said_to_be_ahead() -> None:
    machine = Machine()
    machine.shows += 3 * HOUR
    assert machine.clock.now() == START
    assert machine.clock.ahead() == 3 * HOUR
    machine.wait(HOUR)
    assert machine.clock.now() == START + HOUR


def test_a_clock_set_forward_and_back_again_has_changed_nothing() -> None:
    machine = Machine()
    machine.shows += 30 * 24 * HOUR
    machine.clock.now()
    machine.wait(HOUR)
    machine.shows -= 30 * 24 * HOUR
    assert machine.clock.now() == START + HOUR
    assert machine.clock.ahead() == timedelta(0)


def test_a_clock_set_back_is_followed_and_forward_again_too() -> None:
    machine = Machine()
    machine.shows -= HOUR
    assert machine.clock.now() == START - HOUR
    assert machine.clock.ahead() == -HOUR
    machine.shows += HOUR
    assert machine.clock.now() == START


def test_what_a_time_server_corrects_is_followed_however_often() -> None:
    machine = Machine()
    for number in range(1, 6):
        machine.shows += TOLERANCE
        assert machine.clock.now() == START + number * TOLERANCE
        assert machine.clock.ahead() == timedelta(0)


def test_after_a_sleep_it_is_as_late_as_it_is_and_known_how_long_it_slept() -> None:
    machine = Machine()
    before = machine.clock.slept()
    machine.wait(3 * HOUR, asleep=True)
    assert machine.clock.now() == START + 3 * HOUR
    assert machine.clock.ahead() == timedelta(0)
    assert machine.clock.slept() - before == 3 * HOUR


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(-20_000, 20_000).filter(lambda s: abs(s) > 120))))
def test_it_is_never_ahead_of_the_time_that_has_passed(happens: list[tuple[int, int]]) -> None:
    machine = Machine()
    for waited_s, set_s in happens:
        machine.wait(waited_s * SECOND)
        off = machine.shows - machine.truly + set_s * SECOND
        if timedelta(0) < abs(off) <= TOLERANCE:
            continue  # a small difference is a correction, whoever made it
        machine.shows += set_s * SECOND
        assert machine.clock.now() <= machine.truly
        assert machine.clock.now() <= machine.shows


def test_no_turn_comes_too_early_where_the_machines_clock_was_set_forward() -> None:
    """The scheduler reads the machine's clock, by which the instant has come; ours says when."""
    passed = iter(range(0, 100_000, 1))
    clock = SteadyClock(
        machines=lambda: datetime.now(UTC) - 24 * HOUR, passed_s=lambda: next(passed) / 100, awake_s=lambda: 0.0
    )
    turns: list[datetime] = []
    asked: list[datetime] = []

    def turn() -> datetime | None:
        turns.append(clock.now())
        asked.append(turns[-1] + timedelta(milliseconds=50))
        return asked[-1] if len(turns) < 4 else None

    Apscheduler(clock).run(turn)
    assert all(came >= instant for came, instant in zip(turns[1:], asked, strict=False))
