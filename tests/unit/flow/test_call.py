"""Calls that leave together: none waits for one that has come to its end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from campaign.flow.call import Call, together
from campaign.flow.compose import Composed
from campaign.model.outcome import Accepted, Outcome
from campaign.ports.channel import Gate

PATIENCE_S = 60


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as made:
        yield made


def a_call(pool: ThreadPoolExecutor, aim: Callable[[Gate], Sequence[Outcome]]) -> Call:
    composed = Composed(claim=cast(Any, None), provider="x", payload=cast(Any, None), deliver=list, aim=aim)
    return Call(composed, b"", pool)


def fails_ahead(_: Gate) -> Sequence[Outcome]:
    raise ValueError("ahead")


def fails_at_once(gate: Gate) -> Sequence[Outcome]:
    gate()
    raise ValueError("at once")


def tells_early(_: Gate) -> Sequence[Outcome]:
    return [Accepted("early")]


def says_nothing_of_having_left(gate: Gate) -> Sequence[Outcome]:
    gate()
    return [Accepted("late")]


def leaves(gate: Gate) -> Sequence[Outcome]:
    gate()
    gate.left()
    return [Accepted("left")]


def test_an_answer_is_read_once_all_have_left(pool: ThreadPoolExecutor) -> None:
    order: list[str] = []
    may_leave = threading.Event()

    def quick(gate: Gate) -> Sequence[Outcome]:
        gate()
        order.append("left")
        may_leave.set()
        gate.left()
        order.append("read")
        return [Accepted("quick")]

    def slow(gate: Gate) -> Sequence[Outcome]:
        gate()
        assert may_leave.wait(PATIENCE_S)
        order.append("left")
        gate.left()
        order.append("read")
        return [Accepted("slow")]

    made = [a_call(pool, quick), a_call(pool, slow)]
    together(made)
    assert [one.future.result(PATIENCE_S) for one in made] == [[Accepted("quick")], [Accepted("slow")]]
    assert order == ["left", "left", "read", "read"]


@pytest.mark.parametrize("aim", [fails_ahead, fails_at_once, tells_early, says_nothing_of_having_left])
def test_nobody_waits_for_one_that_is_over(pool: ThreadPoolExecutor, aim: Callable[[Gate], Sequence[Outcome]]) -> None:
    other, mine = a_call(pool, aim), a_call(pool, leaves)
    together([other, mine], most_s=PATIENCE_S * 10)
    assert mine.future.result(PATIENCE_S) == [Accepted("left")]


def test_one_that_hangs_keeps_no_answer_for_long(pool: ThreadPoolExecutor) -> None:
    end = threading.Event()

    def hangs(gate: Gate) -> Sequence[Outcome]:
        gate()
        assert end.wait(PATIENCE_S)
        return [Accepted("hung")]

    hanging, mine = a_call(pool, hangs), a_call(pool, leaves)
    together([hanging, mine])
    assert mine.future.result(PATIENCE_S) == [Accepted("left")]
    end.set()


def test_one_that_was_sent_home_tells_nothing(pool: ThreadPoolExecutor) -> None:
    made = [a_call(pool, aim) for aim in (fails_ahead, fails_at_once, tells_early, leaves)]
    for one in made:
        one.send_home()
    assert [one.future.result(PATIENCE_S) for one in made] == [()] * 4


def test_one_alone_waits_for_nobody(pool: ThreadPoolExecutor) -> None:
    one = a_call(pool, leaves)
    one.let_go()
    assert one.future.result(PATIENCE_S) == [Accepted("left")]
