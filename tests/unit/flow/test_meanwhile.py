"""meanwhile: waves are prepared between instants, none twice, none forgotten, and none that may take too long."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from campaign.flow import prepare
from campaign.flow.meanwhile import Meanwhile
from campaign.flow.readiness import Readiness
from campaign.model.batch import PostBatch
from campaign.model.wave import LEAD, WaveState
from tests.builders import T0, step, wave
from tests.desks import HandClock, Office, Told, office

ROOM = timedelta(milliseconds=200)
SECOND = timedelta(seconds=1)


def meanwhile_of(at: Office) -> Meanwhile:
    return Meanwhile(at.desk, at.contents, Readiness(at.desk, at.contents))


def prepared(at: Office) -> list[str]:
    return [one.name for one in at.ledger.waves(states=(WaveState.PREPARED, WaveState.DONE))]


def test_posts_are_prepared_one_at_a_time_until_none_is_left(at: Office) -> None:
    for number in range(3):
        at.approve(step(f"post{number}", "x"), wave(f"post{number}"))
    meanwhile = meanwhile_of(at)
    assert meanwhile.one(ROOM), "it has looked"
    for number in range(3):
        assert len(prepared(at)) == number
        assert meanwhile.one(ROOM)
    assert not meanwhile.one(ROOM)
    assert len(prepared(at)) == 3


def test_e_mail_waits_for_the_turn_where_nobody_knows_how_long_it_takes(at: Office) -> None:
    at.add(3)
    at.approve(step())
    meanwhile = meanwhile_of(at)
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
        meanwhile = meanwhile_of(at)
        meanwhile.all()
        clock.at += timedelta(seconds=5)
        while meanwhile.one(ROOM):
            pass
        assert prepared(at) == ["alert#1", "alert#2"]


class TestWhereSomethingLeavesInAMoment:
    """A post leaves in a moment, and an e-mail is to be prepared of which nobody knows how long it takes."""

    def near(self, at: Office, leaves_in: timedelta, mail_in: timedelta) -> Meanwhile:
        now = at.clock.now()
        at.approve(step("launch", "x"), wave("launch", due_at=now + leaves_in))
        preparing = meanwhile_of(at)
        preparing.all()
        assert prepared(at) == ["launch#1"]
        at.add(3)
        at.approve(step(), wave(due_at=now + mail_in))
        return preparing

    def test_what_has_time_is_put_off_until_it_has_left(self, tmp_path: Path) -> None:
        clock = HandClock(T0)
        with office(tmp_path, clock=clock) as at:
            preparing = self.near(at, SECOND, 25 * SECOND)
            preparing.all()
            assert prepared(at) == ["launch#1"]
            assert preparing.again_at is not None, "nobody else may have a reason to come back in time"
            assert clock.now() < preparing.again_at <= clock.now() + 2 * SECOND
            clock.at += 4 * SECOND
            preparing.all()
            assert prepared(at) == ["launch#1", "alert#1"]
            assert preparing.again_at is None

    def test_what_has_no_time_is_prepared_all_the_same(self, tmp_path: Path) -> None:
        with office(tmp_path, clock=HandClock(T0)) as at:
            preparing = self.near(at, SECOND, 12 * SECOND)
            preparing.all()
            assert prepared(at) == ["launch#1", "alert#1"]
            assert preparing.again_at is None

    def test_what_takes_no_time_is_not_put_off(self, tmp_path: Path) -> None:
        with office(tmp_path, clock=HandClock(T0)) as at:
            preparing = self.near(at, SECOND, 12 * SECOND)
            preparing.all()
            at.approve(step("second"), wave("second", due_at=T0 + 25 * SECOND))
            preparing.all()
            assert prepared(at) == ["launch#1", "alert#1", "second#1"]

    def test_what_should_have_left_long_ago_and_has_not_puts_nothing_off(self, tmp_path: Path) -> None:
        clock = HandClock(T0)
        with office(tmp_path, clock=clock) as at:
            preparing = self.near(at, SECOND, 29 * SECOND)
            clock.at += 5 * SECOND
            preparing.all()
            assert prepared(at) == ["launch#1", "alert#1"]


def test_posts_are_made_ready_one_at_a_time_between_instants(tmp_path: Path) -> None:
    x = Told[PostBatch]("x")
    with office(tmp_path, posts=[x]) as at:
        for number in range(3):
            at.approve(step(f"post{number}", "x"), wave(f"post{number}", due_at=at.clock.now() + 20 * SECOND))
            prepare.wave(at.desk, at.contents, at.waves()[-1])
        readiness = Readiness(at.desk, at.contents)
        between = Meanwhile(at.desk, at.contents, readiness)
        assert between.one(ROOM), "it has looked"
        assert not between.one(timedelta(milliseconds=1)), "there is no room for one"
        for number in range(3):
            readiness.finish(within_s=20)
            assert len(x.readied) == number
            assert between.one(ROOM)
        assert not between.one(ROOM)
        readiness.finish(within_s=20)
        assert len(x.readied) == 3
