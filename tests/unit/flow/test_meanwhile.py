"""meanwhile: waves are prepared between instants, none twice, none forgotten, and none that may take too long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from campaign.flow.meanwhile import Meanwhile
from campaign.model.wave import LEAD, WaveState
from tests.builders import T0, step, wave
from tests.desks import HandClock, Office, office

ROOM = timedelta(milliseconds=200)


def prepared(at: Office) -> list[str]:
    return [one.name for one in at.ledger.waves(states=(WaveState.PREPARED, WaveState.DONE))]


def test_posts_are_prepared_one_at_a_time_until_none_is_left(at: Office) -> None:
    for number in range(3):
        at.approve(step(f"post{number}", "x"), wave(f"post{number}"))
    meanwhile = Meanwhile(at.desk, at.contents)
    assert meanwhile.one(ROOM), "it has looked"
    for number in range(3):
        assert len(prepared(at)) == number
        assert meanwhile.one(ROOM)
    assert not meanwhile.one(ROOM)
    assert len(prepared(at)) == 3


def test_e_mail_waits_for_the_turn_where_nobody_knows_how_long_it_takes(at: Office) -> None:
    at.add(3)
    at.approve(step())
    meanwhile = Meanwhile(at.desk, at.contents)
    assert meanwhile.one(ROOM)
    assert not meanwhile.one(ROOM)
    assert prepared(at) == []
    meanwhile.all()
    assert prepared(at) == ["alert#1"]


def test_e_mail_is_prepared_in_between_once_it_is_known_to_be_quick(tmp_path: Path) -> None:
    clock = HandClock(T0 - LEAD)
    with office(tmp_path, clock=clock) as at:
        at.add(3)
        at.approve(step(), wave(), wave(number=2, due_at=T0 + timedelta(seconds=5)))
        meanwhile = Meanwhile(at.desk, at.contents)
        meanwhile.all()
        clock.at += timedelta(seconds=5)
        while meanwhile.one(ROOM):
            pass
        assert prepared(at) == ["alert#1", "alert#2"]
