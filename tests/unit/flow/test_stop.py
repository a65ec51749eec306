"""At the desk: what is stopped does not leave, what goes on goes on, and how it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from campaign.errors import ClaimLost
from campaign.flow import dispatch, due, metrics, prepare, rollout, settle, stop, volley
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, InDoubt, Outcome
from campaign.model.plan import Late
from campaign.model.stop import DEAD_MAN, EVERYTHING
from campaign.model.wave import WaveState
from tests.builders import T0, post_message, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Office, Told, accept, office

THREAD = "One.\n---\nTwo.\n---\nThree.\n"
BATCH = 4


def ready(at: Office, number: int, name: str = "alert", **changes: Any) -> None:
    """A wave to so many people, in the ledger."""
    if not at.supporters.count():
        at.add(number)
    at.approve(step(name, **changes))
    for one in at.waves(name):
        prepare.wave(at.desk, at.contents, one)


def halt(at: Office, what: str = EVERYTHING, *, by: str = "Jo Example", why: str = "the letter was withdrawn") -> None:
    at.ledger.stop(what, by=by, why=why, at=at.desk.clock.now())


def resume(at: Office, what: str = EVERYTHING) -> None:
    at.ledger.resume(what, by="Sam Example", at=at.desk.clock.now())


# --- in the middle ---


def test_a_mailing_that_is_halted_in_the_middle_ends_with_the_calls_under_way(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.mail.delivers = _once(lambda: halt(at))
        ready(at, 40)
        dispatch.everything(at.desk, at.contents)
        sent = sum(len(batch) for batch, _ in at.mail.got)
        assert BATCH <= sent <= BATCH * at.mail.limits.in_flight
        assert at.states() == {State.ACCEPTED: sent, State.PLANNED: 40 - sent}
        assert at.ledger.under_way() == {}
        dispatch.everything(at.desk, at.contents)
        assert sum(len(batch) for batch, _ in at.mail.got) == sent
        resume(at)
        dispatch.everything(at.desk, at.contents)
        assert at.states() == {State.ACCEPTED: 40}
        assert sorted(row.seq for batch, _ in at.mail.got for row in batch.rows) == list(range(40))


def test_while_one_step_is_paused_another_goes_on(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 8)
        ready(at, 8, "second")
        halt(at, "alert")
        dispatch.everything(at.desk, at.contents)
        assert at.states("alert") == {State.PLANNED: 8}
        assert at.states("second") == {State.ACCEPTED: 8}


def test_posts_that_wait_for_their_instant_are_stopped_until_the_last_moment(tmp_path: Path) -> None:
    clock = _Acting(T0 - volley.AHEAD)
    with office(tmp_path, clock=clock) as at:
        at.approve(step("launch", "x", accounts=("national", "local")), message=post_message(THREAD))
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        clock.act = lambda: halt(at)
        dispatch.everything(at.desk, at.contents)
        assert at.posts["x"].got == []
        assert at.states() == {State.PLANNED: 6}
        assert clock.at >= T0, "it had waited for its instant"
        resume(at)
        dispatch.everything(at.desk, at.contents)
        assert at.states() == {State.ACCEPTED: 6}


def test_a_thread_ends_at_the_part_that_is_being_posted(tmp_path: Path) -> None:
    def in_order(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        from campaign.channels.threads import post_in_order  # noqa: PLC0415 - what channels do with a thread

        posted: list[str] = []

        def post(_chunk: object, _parent: str | None) -> Outcome:
            posted.append("")
            halt(at)
            return Accepted(f"{len(posted)}")

        return post_in_order(batch, Payload([b"{}" for _ in payload.chunks]), post)

    with office(tmp_path, posts=[Told[PostBatch]("x", delivers=in_order)]) as at:
        at.approve(step("launch", "x"), message=post_message(THREAD))
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        dispatch.everything(at.desk, at.contents)
        assert at.states() == {State.ACCEPTED: 1, State.DEFERRED: 2}


def test_e_mail_that_goes_one_by_one_is_asked_about_before_each(tmp_path: Path) -> None:
    def one_by_one(batch: MailBatch, _payload: Payload) -> Sequence[Outcome]:
        allowed.append(batch.holds())
        halt(at)
        at.wait(timedelta(seconds=1))
        allowed.append(batch.holds())
        return accept(batch, _payload)

    allowed: list[bool] = []
    with office(tmp_path, mail=Told[MailBatch]("sendgrid", delivers=one_by_one, in_flight=1)) as at:
        ready(at, 3)
        dispatch.everything(at.desk, at.contents)
        assert allowed == [True, False]


# --- turns ---


def test_nothing_is_prepared_or_missed_while_it_is_stopped_and_all_is_once_it_goes_on(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.add(4)
        at.approve(step(late=Late(within=HOUR, then="skip")))
        halt(at)
        turn = rollout.turns(at.desk)
        assert turn() is None
        at.wait(2 * HOUR)
        turn()
        assert [one.state for one in at.waves()] == [WaveState.WAITING]
        resume(at)
        turn()
        assert [one.state for one in at.waves()] == [WaveState.MISSED]
        assert at.mail.got == []


def test_what_was_begun_and_is_too_late_is_judged_when_it_goes_on_and_not_before(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 4, late=Late(within=HOUR, then="hold"))
        halt(at)
        at.wait(2 * HOUR)
        due.stale(at.desk)
        assert [one.state for one in at.waves()] == [WaveState.PREPARED]
        resume(at)
        assert [one.state for one in at.waves()] == [WaveState.HELD]
        dispatch.everything(at.desk, at.contents)
        assert at.mail.got == []


def test_what_goes_on_while_a_turn_is_busy_with_another_step_is_not_sent_too_late(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 8, late=Late(within=HOUR, then="hold"))
        halt(at, "alert")
        at.wait(2 * HOUR)
        at.approve(step("second", late=Late(within=HOUR, then="send")))
        at.mail.delivers = _once(lambda: resume(at, "alert"))
        rollout.turns(at.desk)()
        assert at.states("second") == {State.ACCEPTED: 8}
        assert [one.state for one in at.waves("alert")] == [WaveState.HELD]
        assert at.states("alert") == {State.PLANNED: 8}


def test_a_stop_and_its_end_are_told_once_with_who_and_why(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 4)
        halt(at)
        turn = rollout.turns(at.desk)
        turn()
        turn()
        halted = [line for line in at.told if line.startswith(stop.HEAD)]
        assert halted == [
            "STOPPED: halted by Jo Example: the letter was withdrawn. Nothing goes out until: campaign resume"
        ]
        resume(at)
        turn()
        turn()
        assert [line for line in at.told if "goes on" in line] == [
            "everything goes on: Sam Example has ended the stop by Jo Example"
        ]


def test_posts_are_not_made_ready_while_they_are_stopped(tmp_path: Path) -> None:
    with office(tmp_path, clock=HandClock(T0 - MINUTE / 3)) as at:
        at.approve(step("launch", "x"))
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        halt(at, "launch")
        rollout.turns(at.desk)()
        assert at.posts["x"].readied == []


def test_doubts_are_settled_and_figures_read_under_a_halt(tmp_path: Path) -> None:
    lost: Callable[[PostBatch, Payload], Sequence[Outcome]] = lambda batch, _: [InDoubt("lost")] * len(batch)  # noqa: E731
    there: Callable[[PostBatch, Payload], Sequence[Accepted]] = lambda batch, _: [Accepted("1")] * len(batch)  # noqa: E731
    with office(tmp_path, posts=[Told[PostBatch]("x", delivers=lost, settled=there)]) as at:
        at.approve(step("launch", "x"))
        at.desk.read_after = (MINUTE,)
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        dispatch.everything(at.desk, at.contents)
        halt(at)
        at.wait(HOUR)
        settle.doubts(at.desk, at.contents)
        assert at.states() == {State.ACCEPTED: 1}
        at.wait(HOUR)
        metrics.read(at.desk, until=None)
        assert [(account, list(refs)) for account, refs in at.posts["x"].read] == [("national", ["1"])]


def test_while_something_is_stopped_its_end_is_seen_soon_and_by_a_look_alone(tmp_path: Path) -> None:
    with office(tmp_path, clock=HandClock(T0)) as at:
        turns: list[str] = []

        def turn() -> None:
            turns.append("")

        looked = stop.awake(at.desk, turn)
        assert looked() is None
        halt(at)
        assert looked() == T0 + stop.LOOK
        for _ in range(5):
            at.wait(stop.LOOK)
            assert looked() == at.desk.clock.now() + stop.LOOK
        assert len(turns) == 2
        resume(at)
        assert looked() is None
        assert len(turns) == 3


# --- the dead man's switch ---


def _manned(at: Office, hours: int = 6) -> None:
    at.desk.confirm_within = hours * HOUR


def test_where_nobody_has_ever_confirmed_nothing_begins(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        _manned(at)
        ready(at, 4)
        rollout.turns(at.desk)()
        assert at.mail.got == []
        (made,) = at.ledger.stops()
        assert (made.step, made.by) == (EVERYTHING, DEAD_MAN)
        assert "within 6 hours (never yet)" in made.why
        at.ledger.confirm(by="Jo Example", at=at.desk.clock.now())
        rollout.turns(at.desk)()
        assert at.states() == {State.ACCEPTED: 4}


def test_a_mailing_stops_in_the_middle_once_the_confirmation_is_too_old(tmp_path: Path) -> None:
    with office(tmp_path, mail=Told[MailBatch]("sendgrid", in_flight=1)) as at:
        _manned(at)
        ready(at, 40)
        at.ledger.confirm(by="Jo Example", at=T0 - 5 * HOUR)
        at.mail.delivers = _each(lambda: at.wait(HOUR / 2))
        dispatch.everything(at.desk, at.contents)
        sent = sum(len(batch) for batch, _ in at.mail.got)
        assert 0 < sent < 40
        assert [one.by for one in at.ledger.stops()] == [DEAD_MAN]
        assert all(one.at >= T0 + HOUR for one in at.ledger.stops())


def test_a_confirmation_in_time_keeps_it_going_and_a_turn_comes_when_it_ends(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        _manned(at)
        at.add(4)
        at.approve(step(), wave(due_at=T0 + 10 * HOUR))
        at.ledger.confirm(by="Jo Example", at=T0 - HOUR)
        turn = rollout.turns(at.desk)
        assert turn() == T0 + 5 * HOUR, "when the switch would stop it"
        at.ledger.confirm(by="Jo Example", at=T0 + 4 * HOUR)
        at.wait(5 * HOUR)
        assert turn() == T0 + 10 * HOUR - timedelta(seconds=30), "when the wave is prepared"
        assert at.ledger.stops() == []


def test_without_the_switch_nobody_has_to_confirm(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 4)
        rollout.turns(at.desk)()
        assert at.states() == {State.ACCEPTED: 4}


# --- what comes of ending a stop ---


def test_the_outlook_names_what_goes_out_at_once_what_is_too_late_and_what_is_to_come(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        ready(at, 4)
        at.approve(step("late", late=Late(within=MINUTE, then="skip")), wave("late", due_at=T0 - HOUR))
        at.approve(step("later"), wave("later", due_at=T0 + HOUR))
        at.approve(step("paused"), wave("paused"))
        halt(at)
        halt(at, "paused")
        ending, staying = at.ledger.stops()
        found = stop.outlook(at.waves(), [ending], [staying], now=T0)
        assert [one.name for one in found.at_once] == ["alert#1"]
        assert [one.name for one in found.late] == ["late#1"]
        assert [one.name for one in found.to_come] == ["later#1"]
        assert stop.unsent(found.at_once[0]) == 4


def test_where_the_ledger_cannot_be_asked_a_long_call_goes_no_further(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.add(4)
        at.approve(step())
        prepare.wave(at.desk, at.contents, at.waves()[0])
        (claim,) = at.ledger.claim(owner="one", now=T0, lease=HOUR, most=1)
        assert stop.Brake(at.desk).allows(claim)
        with at.database.write() as connection:
            connection.exec_driver_sql("DROP TABLE stops")
        assert not stop.Brake(at.desk).allows(claim)


@pytest.mark.parametrize("what", [EVERYTHING, "alert"])
def test_what_was_claimed_before_is_refused_in_words_that_say_who_and_why(tmp_path: Path, what: str) -> None:
    with office(tmp_path) as at:
        ready(at, 4)
        (claim,) = at.ledger.claim(owner="one", now=T0, lease=HOUR, most=1)
        halt(at, what)
        with pytest.raises(ClaimLost, match="Jo Example: the letter was withdrawn"):
            at.ledger.begin(claim, Payload([b""] * 4), now=T0)


# --- channels and clocks that do something ---


def _once(act: Callable[[], object]) -> Callable[[MailBatch, Payload], Sequence[Outcome]]:
    """Accepts; the first call does something before, and the others wait until it is done."""
    first, done = Event(), Event()

    def delivers(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        if not first.is_set():
            first.set()
            act()
            done.set()
        done.wait()
        return accept(batch, payload)

    return delivers


def _each(act: Callable[[], object]) -> Callable[[MailBatch, Payload], Sequence[Outcome]]:
    def delivers(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        act()
        return accept(batch, payload)

    return delivers


class _Acting(HandClock):
    """Does something when it is first waited for."""

    act: Callable[[], object] | None = None

    def sleep_until(self, instant: object) -> None:
        act, self.act = self.act, None
        if act is not None:
            act()
        super().sleep_until(instant)  # type: ignore[arg-type]  # an instant
