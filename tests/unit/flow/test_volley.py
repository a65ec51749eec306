"""volley: posts of the same instant leave at it together, and not a moment before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Event

import pytest

from campaign.engines.clock import VirtualClock
from campaign.errors import LedgerError
from campaign.flow import dispatch, due, prepare, rollout, volley
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.outcome import Deferred, Outcome
from campaign.model.wave import LEAD, WaveState
from campaign.ports.ledger import Filters
from campaign.storage.ledger import SqlLedger
from tests.builders import T0, post_message, step, wave
from tests.desks import MINUTE, HandClock, Office, RenewingLedger, Told, accept, office

THREAD = post_message("One of two.\n---\nTwo of two.\n")
MANY = tuple(f"chapter{n}" for n in range(9))


class Meddled(VirtualClock):
    """A clock at which somebody does something as soon as an instant is waited for."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.then: dict[datetime, list[object]] = {}

    def sleep_until(self, instant: datetime) -> None:
        super().sleep_until(instant)
        for at in [at for at in self.then if at <= self.now()]:
            for meddle in self.then.pop(at):
                assert callable(meddle)
                meddle()


def launched(at: Office, *, x: Sequence[str] = MANY, mastodon: Sequence[str] = ()) -> None:
    """A thread of each account at T-0, prepared."""
    for channel, accounts in (("x", x), ("mastodon", mastodon)):
        if accounts:
            at.approve(step(f"on-{channel}", channel, accounts=tuple(accounts)), message=THREAD)
    for one in at.waves():
        prepare.wave(at.desk, at.contents, one)


def test_all_accounts_on_all_networks_are_called_at_once_and_at_the_instant(tmp_path: Path) -> None:
    meet = Barrier(2 * len(MANY), timeout=20)
    instants: list[datetime] = []

    def together(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        meet.wait()
        instants.append(at.clock.now())
        return accept(batch, payload)

    posts = [Told[PostBatch](name, delivers=together, in_flight=9) for name in ("x", "mastodon")]
    with office(tmp_path, posts=posts, clock=VirtualClock(T0 - LEAD)) as at:
        launched(at, mastodon=MANY)
        at.wait(LEAD - volley.AHEAD)
        assert dispatch.everything(at.desk, at.contents) == 2 * len(MANY)
        assert set(instants) == {T0}
        assert {one.first_sent_at for one in at.waves()} == {T0}
        assert at.states() == {State.ACCEPTED: 4 * len(MANY)}


def test_a_network_gets_no_more_calls_at_once_than_it_takes(tmp_path: Path) -> None:
    with office(tmp_path, posts=[Told[PostBatch]("x", in_flight=2)]) as at:
        launched(at)
        assert dispatch.everything(at.desk, at.contents) == len(MANY)
        assert at.posts["x"].most_at_once <= 2
        assert at.states() == {State.ACCEPTED: 2 * len(MANY)}


def test_instants_a_second_apart_are_each_kept(tmp_path: Path) -> None:
    second = timedelta(seconds=1)
    with office(tmp_path, posts=[Told[PostBatch]("x", in_flight=9)], clock=VirtualClock(T0 - volley.AHEAD)) as at:
        for number in range(3):
            name = f"post{number}"
            at.approve(step(name, "x"), wave(name, due_at=T0 + number * second), message=THREAD)
        for one in at.waves():
            prepare.wave(at.desk, at.contents, one)
        turn = rollout.turns(at.desk)
        while (following := turn()) is not None:
            at.clock.sleep_until(following)
        assert [one.first_sent_at for one in at.waves()] == [T0 + number * second for number in range(3)]
        assert at.states() == {State.ACCEPTED: 6}


class TestGivenBack:
    def test_a_wave_that_is_cancelled_a_moment_before_its_instant_does_not_leave(self, tmp_path: Path) -> None:
        clock = Meddled(T0 - volley.AHEAD)
        with office(tmp_path, clock=clock) as at:
            launched(at)
            (placed,) = at.waves()
            clock.then[T0] = [lambda: at.ledger.end_wave(placed.id, WaveState.CANCELLED, why="halt", at=T0)]
            assert dispatch.everything(at.desk, at.contents) == 0
            assert at.posts["x"].got == []
            assert at.states() == {State.CANCELLED: 2 * len(MANY)}

    def test_a_step_that_is_changed_a_moment_before_its_instant_is_held_and_waits_for_approval(
        self, tmp_path: Path
    ) -> None:
        clock = Meddled(T0 - volley.AHEAD)
        with office(tmp_path, clock=clock) as at:
            launched(at)
            clock.then[T0 - timedelta(seconds=1)] = [lambda: at.digests.update({"on-x": "changed"})]
            assert dispatch.everything(at.desk, at.contents) == 0
            assert at.posts["x"].got == []
            assert at.waves()[0].state is WaveState.HELD
            assert {sent.due_at for sent in at.ledger.log(Filters())} == {T0}
            assert due.withdraw(at.desk), "nothing of it has left, so it can be approved as it is now"

    def test_when_the_desk_stops_before_the_instant_nothing_leaves_and_all_is_given_back(self, tmp_path: Path) -> None:
        clock = Meddled(T0 - volley.AHEAD)
        with office(tmp_path, clock=clock) as at:
            launched(at)
            clock.then[T0 - timedelta(seconds=1)] = [at.desk.stopping.set]
            assert dispatch.everything(at.desk, at.contents) == 0
            assert at.posts["x"].got == []
            assert at.states() == {State.DEFERRED: 2 * len(MANY)}
            assert not at.ledger.claim(owner="too early", now=clock.now(), lease=MINUTE, most=9)
            at.desk.stopping.clear()
            assert dispatch.everything(at.desk, at.contents) == len(MANY)
            assert at.waves()[0].first_sent_at == T0

    def test_where_the_clock_is_set_back_nothing_begins_before_its_instant(self, tmp_path: Path) -> None:
        """It is claimed when it is due; then the clock goes back an hour, and then it waits."""
        clock = HandClock(T0)
        with office(tmp_path, clock=clock) as at:
            launched(at, x=["national"])
            (claim,) = at.ledger.claim(owner=at.desk.owner, now=T0, lease=MINUTE, most=1, ahead=volley.AHEAD)
            clock.at = T0 - timedelta(hours=1)
            packed = at.ledger.pack(claim, Payload([b"1", b"2"]))
            assert at.ledger.begin_all([(claim, packed)], now=clock.now())


def test_e_mail_of_the_same_instant_goes_out_with_the_posts(tmp_path: Path) -> None:
    """The mail is under way while the posts are: each waits for the other."""
    meet = Barrier(2, timeout=20)

    def post(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        meet.wait()
        return accept(batch, payload)

    def mail(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        meet.wait()
        return accept(batch, payload)

    with office(
        tmp_path,
        mail=Told("sendgrid", delivers=mail, batch=9),
        posts=[Told("x", delivers=post)],
        clock=VirtualClock(T0 - LEAD),
    ) as at:
        at.add(3)
        at.approve(step())
        at.approve(step("launch", "x"), message=THREAD)
        turn = rollout.turns(at.desk)
        while (following := turn()) is not None:
            at.clock.sleep_until(following)
        assert [one.first_sent_at for one in at.waves()] == [T0, T0]
        assert at.states() == {State.ACCEPTED: 5}


def test_where_the_ledger_fails_at_the_instant_nothing_leaves_and_nothing_hangs(tmp_path: Path) -> None:
    class Failing(SqlLedger):
        def begin_all(self, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
            raise LedgerError(f"the disk is full, {len(packed)} attempts at {now} could not begin")

    with office(tmp_path, clock=VirtualClock(T0 - volley.AHEAD)) as at:
        launched(at)
        at.desk.ledger = Failing(at.database, world="live")
        with pytest.raises(LedgerError, match="the disk is full"):
            dispatch.everything(at.desk, at.contents)
        assert at.posts["x"].got == []
        assert at.states() == {State.DEFERRED: 2 * len(MANY)}


def test_a_claim_that_was_lost_is_not_held_again_by_renewing_it(tmp_path: Path) -> None:
    """The program stood still for a minute; another has taken the thread. Then it renews what it had."""
    clock = HandClock(T0)
    held: list[bool] = []

    def stand_still(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        if batch.account == "national":
            clock.at = T0 + MINUTE
            assert at.ledger.lapse(now=clock.at) == 2
            return accept(batch, payload)  # it answers, and that is when the other claim is renewed
        over.wait(20)
        held.append(batch.holds())
        return [Deferred("the claim may have run out")] * len(batch)

    over = Event()
    with office(tmp_path, posts=[Told[PostBatch]("x", delivers=stand_still)], clock=clock) as at:
        at.desk.ledger = RenewingLedger(at.database, renewed=over)
        launched(at, x=["national", "local"])
        dispatch.everything(at.desk, at.contents)
        assert held == [False]


def test_a_part_asks_whether_its_claim_still_holds(tmp_path: Path) -> None:
    """A program that stood still may have been taken for one that stopped: somebody else posts the rest by then."""
    clock = HandClock(T0)
    held: list[bool] = []

    def stand_still(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        held.append(batch.holds())
        clock.at = T0 + at.desk.post_lease
        held.append(batch.holds())
        return [Deferred("the claim may have run out")] * len(batch)

    with office(tmp_path, posts=[Told[PostBatch]("x", delivers=stand_still)], clock=clock) as at:
        launched(at, x=["national"])
        dispatch.everything(at.desk, at.contents)
        assert held == [True, False]
