"""overdue: what came due while nothing ran is told as a program starts, with what becomes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.flow import overdue, rollout
from campaign.model.outcome import Deferred
from campaign.model.plan import Late, Then
from campaign.model.wave import WaveState
from tests.builders import T0, step, wave
from tests.desks import HOUR, MINUTE, Office


def told(at: Office) -> str:
    at.told.clear()
    overdue.tell(at.desk)
    return "\n".join(at.told)


def test_where_nothing_came_due_nothing_is_told(at: Office) -> None:
    at.approve(step(), wave(due_at=T0), wave(number=2, due_at=T0 + HOUR))
    assert told(at) == ""


@pytest.mark.parametrize(
    ("then", "words", "became"),
    [
        (
            "hold",
            "alert#1 is held, 2:00:00 late; the step allows 1:00:00; let it go with: campaign approve --release",
            "held",
        ),
        ("skip", "alert#1 is missed, 2:00:00 late; the step allows 1:00:00", "missed"),
        ("send", "alert#1 goes out now, 2:00:00 late, which its step allows", "done"),
    ],
)
def test_what_is_told_is_what_becomes_of_it(at: Office, then: Then, words: str, became: str) -> None:
    at.add(1)
    at.approve(step(late=Late(HOUR, then)))
    at.wait(2 * HOUR)
    assert words in told(at)
    rollout.turns(at.desk)()
    assert at.waves()[0].state is WaveState(became)
    assert any("late" in line for line in at.told), "and it is told again as it happens"


def test_all_of_it_is_told_in_one_summary_by_instant(at: Office) -> None:
    for number in range(3):
        at.approve(step(f"alert{number}", late=Late(HOUR, "skip")), wave(f"alert{number}", due_at=T0 + number * MINUTE))
    at.wait(5 * MINUTE)
    lines = told(at).splitlines()
    assert lines[0] == "While nothing was running 3 waves came due:"
    assert [line.split()[0] for line in lines[1:]] == ["alert0#1", "alert1#1", "alert2#1"]
    assert lines[1] == "  alert0#1 goes out now, 0:05:00 late, which its step allows"


def test_a_changed_step_waits_for_approval_and_a_stopped_one_stays_stopped(at: Office) -> None:
    at.approve(step())
    at.approve(step("launch", "x"))
    at.digests["alert"] = "changed"
    at.ledger.stop("launch", by="Jo Example", why="", at=T0)
    at.wait(MINUTE)
    assert "alert#1 waits for approval, because its step has changed; it is 0:01:00 late" in told(at)
    assert "launch#1 is stopped, and 0:01:00 late" in told(at)


def test_the_rest_of_what_had_begun_is_told_too_and_what_is_all_out_is_not(at: Office) -> None:
    at.add(6)
    at.approve(step())
    at.approve(step("launch", "x"))
    at.mail.delivers = lambda batch, _: [Deferred("full", until=T0 + HOUR)] * len(batch)
    rollout.turns(at.desk)()
    at.wait(timedelta(minutes=30))
    lines = told(at).splitlines()
    assert lines == [
        "While nothing was running a wave came due:",
        "  alert#1 the rest of it goes out now, 0:30:00 late, which its step allows",
    ]
