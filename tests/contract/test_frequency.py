"""How often anybody hears from a campaign, on SQLite and PostgreSQL: counted when a wave is prepared, and again when
it is claimed where others went out meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from campaign.flow import approve, audience
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.frequency import HAD_ENOUGH, Frequency
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.model.pace import Portion, Portions, Rate
from campaign.model.plan import Repeat, Step
from campaign.model.segment import Segment, Share
from campaign.model.supporter import Reason
from campaign.model.top_up import Reason as Why
from campaign.model.wave import PlannedWave, Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage import entering
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, payload, people, step

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
ONE, TWO = Frequency(1, 7 * DAY), Frequency(2, 7 * DAY)
ACCEPTED = Accepted()
TAGGED = Segment("tagged", tags_all=("extra",))


class World:
    """A ledger, and a hand that takes a campaign's waves through it."""

    def __init__(self, database: Database, *, world: str = "live") -> None:
        self.ledger = SqlLedger(database, world=world)

    def place(
        self,
        chosen: Step | str,
        at: datetime,
        cap: Frequency | None = TWO,
        *,
        campaign: str = "example",
        waves: Sequence[PlannedWave] = (),
        release: bool = False,
    ) -> Wave:
        chosen = step(chosen) if isinstance(chosen, str) else chosen
        made = bundle(chosen)
        made = replace(made, plan=replace(made.plan, frequency=cap, campaign=campaign))
        planned = waves or [PlannedWave(chosen.id, 1, at)]
        told = approve.manifest(made, planned)
        self.ledger.approve(made, told, planned, by="Jo Example", at=at - HOUR, release=release)
        return self.ledger.waves(step=chosen.id)[0]

    def prepare(self, wave: Wave, at: datetime | None = None, *, batch_size: int = 10) -> None:
        whom = audience.of(self.ledger.bundle(wave.digest), wave.zones, share=wave.share, most=wave.most)
        self.ledger.prepare_mail(wave, whom, batch_size=batch_size, at=at or wave.due_at - SECOND)

    def claim(self, at: datetime, *, most: int = 16) -> Sequence[Claim]:
        return self.ledger.claim(owner="one", now=at, lease=HOUR, most=most)

    def send(self, claims: Sequence[Claim], at: datetime, outcome: Outcome = ACCEPTED) -> None:
        for claim in claims:
            assert self.ledger.begin(claim, payload(len(claim.seqs)), now=at) == ()
            self.ledger.record(claim, dict.fromkeys(claim.seqs, outcome), now=at, retry_at=at + 300 * DAY)

    def mail(
        self,
        chosen: Step | str,
        at: datetime,
        cap: Frequency | None = TWO,
        outcome: Outcome = ACCEPTED,
        *,
        campaign: str = "example",
    ) -> list[str]:
        """Who gets a step that is prepared and sent when it is due."""
        wave = self.place(chosen, at, cap, campaign=campaign)
        self.prepare(wave)
        self.send(self.claim(at), at, outcome)
        return self.got(wave.step)

    def got(self, step_id: str) -> list[str]:
        log = self.ledger.log(Filters(step=step_id, state=State.ACCEPTED))
        return sorted(sent.recipient.split("@")[0] for sent in log)

    def left_out(self, step_id: str) -> dict[str, str]:
        log = self.ledger.log(Filters(step=step_id, state=State.SUPPRESSED))
        return {sent.recipient.split("@")[0]: sent.why for sent in log}


BOTH = ["person0", "person1"]
ENOUGH = dict.fromkeys(BOTH, HAD_ENOUGH)


@pytest.fixture
def world(database: Database, supporters: SqlSupporters) -> World:
    supporters.add(people(2), at=T0 - 100 * DAY)
    return World(database)


def test_who_has_had_so_many_is_left_out_and_the_log_says_why(world: World) -> None:
    assert world.mail("first", T0) == BOTH
    assert world.mail("second", T0 + DAY) == BOTH
    assert world.mail("third", T0 + 2 * DAY) == []
    assert world.left_out("third") == ENOUGH
    (wave,) = world.ledger.waves(step="third")
    assert (wave.planned, wave.counts, wave.state) == (2, {State.SUPPRESSED: 2}, WaveState.DONE)


def test_days_are_those_of_the_calendar_so_that_a_weekly_e_mail_comes_each_week(world: World) -> None:
    assert world.mail("first", T0, ONE) == BOTH
    assert world.mail("sixth-day", T0 + 6 * DAY + 14 * HOUR, ONE) == []
    assert world.mail("seventh-day", T0 + 7 * DAY - HOUR, ONE) == BOTH, "an hour earlier in the day than the first"


def test_hours_are_counted(world: World) -> None:
    cap = Frequency(1, 36 * HOUR)
    assert world.mail("first", T0, cap) == BOTH
    assert world.mail("early", T0 + 36 * HOUR - SECOND, cap) == []
    assert world.mail("late", T0 + 36 * HOUR, cap) == BOTH


def test_a_step_that_is_exempt_goes_out_all_the_same_and_counts(world: World) -> None:
    world.mail("first", T0, ONE)
    assert world.mail(step("confirmation", exempt=True), T0 + HOUR, ONE) == BOTH
    world.mail(step("other", exempt=True), T0 + 7 * DAY, ONE)
    assert world.mail("next", T0 + 8 * DAY, ONE) == []


def test_only_those_who_had_them_are_left_out(world: World, supporters: SqlSupporters) -> None:
    supporters.add(people(3)[2:], at=T0)
    supporters.add([replace(one, tags=("extra",)) for one in people(1)], at=T0)
    world.mail(step("partners", segment=TAGGED), T0, ONE)
    assert world.mail("everybody", T0 + HOUR, ONE) == ["person1", "person2"]
    assert world.left_out("everybody") == {"person0": HAD_ENOUGH}


@pytest.mark.parametrize("outcome", [Refused("no such mailbox"), InDoubt("no answer"), ACCEPTED])
def test_what_was_not_sent_does_not_count_and_what_may_have_been_does(world: World, outcome: Outcome) -> None:
    world.mail("first", T0, ONE, outcome)
    assert world.mail("second", T0 + DAY, ONE) == (BOTH if isinstance(outcome, Refused) else [])


def test_one_of_a_batch_that_was_refused_does_not_count(world: World) -> None:
    wave = world.place("first", T0, ONE)
    world.prepare(wave)
    (claim,) = world.claim(T0)
    world.ledger.begin(claim, payload(2), now=T0)
    world.ledger.record(claim, {0: ACCEPTED, 1: Refused("no such mailbox")}, now=T0, retry_at=T0)
    assert world.mail("second", T0 + DAY, ONE) == ["person1"]


def test_one_that_went_out_of_a_batch_that_was_refused_counts(world: World, supporters: SqlSupporters) -> None:
    supporters.add(people(3)[2:], at=T0)
    world.prepare(world.place("first", T0, ONE))
    (claim,) = world.claim(T0)
    world.ledger.begin(claim, payload(3), now=T0)
    no = Refused("no such mailbox")
    world.ledger.record(claim, {0: ACCEPTED, 1: no, 2: no}, now=T0, retry_at=T0)
    assert world.mail("second", T0 + DAY, ONE) == ["person1", "person2"]


def test_what_is_planned_counts_while_it_is_to_go_out(world: World) -> None:
    world.prepare(world.place("first", T0, ONE))
    world.prepare(world.place("second", T0 + HOUR, ONE))
    assert world.left_out("second") == ENOUGH
    world.send(world.claim(T0 + HOUR), T0 + HOUR)
    assert world.got("first") == BOTH


def test_what_was_cancelled_or_missed_does_not_count(world: World) -> None:
    for name, became in (("first", WaveState.CANCELLED), ("second", WaveState.MISSED)):
        wave = world.place(name, T0, ONE)
        world.prepare(wave)
        world.ledger.end_wave(wave.id, became, why="said so", at=T0)
    assert world.mail("third", T0 + HOUR, ONE) == BOTH


def test_a_wave_that_is_held_does_not_count_and_is_counted_again_when_let_go(world: World) -> None:
    held = world.place("first", T0, ONE)
    world.prepare(held)
    world.ledger.end_wave(held.id, WaveState.HELD, why="its message cannot be filled", at=T0)
    assert world.mail("second", T0 + HOUR, ONE) == BOTH
    world.place("first", T0, ONE, release=True)
    later = T0 + DAY
    assert not world.claim(later)
    assert world.left_out("first") == ENOUGH
    assert world.ledger.waves(step="first")[0].state is WaveState.DONE


def test_a_deferred_wave_counts_again_once_others_went_out(world: World, supporters: SqlSupporters) -> None:
    """Of two under way whoever is claimed first goes out; nobody gets one too many."""
    cap = Frequency(1, 36 * HOUR)
    world.prepare(world.place("first", T0, cap))
    world.send(world.claim(T0), T0, Deferred("full", until=T0 + 40 * HOUR))
    assert world.mail("second", T0 + 38 * HOUR, cap) == [], "the first is still to come"


@pytest.mark.parametrize("sent", [True, False])
def test_what_turns_out_not_to_have_been_sent_is_counted_again(world: World, *, sent: bool) -> None:
    world.mail("first", T0, ONE, InDoubt("no answer"))
    assert world.mail("second", T0 + DAY, ONE) == []
    (doubt,) = world.ledger.doubts()
    found = ACCEPTED if sent else NotSent("it is not there")
    world.ledger.settle(doubt, dict.fromkeys(doubt.seqs, found), now=T0 + DAY)
    world.send(world.claim(T0 + DAY), T0 + DAY)
    assert world.got("first") == BOTH


def test_suppressed_people_keep_their_own_reason(world: World, supporters: SqlSupporters) -> None:
    world.mail("first", T0, ONE)
    supporters.suppress("person0@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
    world.mail("second", T0 + DAY, ONE)
    assert world.left_out("second") == {"person0": "unsubscribed", "person1": HAD_ENOUGH}


def test_other_campaigns_and_other_worlds_do_not_count(world: World, database: Database) -> None:
    world.mail("first", T0, ONE)
    assert world.mail("other", T0 + HOUR, ONE, campaign="another") == BOTH
    assert World(database, world="sandbox").mail("trial", T0 + HOUR, ONE) == BOTH


def test_without_a_frequency_everybody_gets_everything(world: World) -> None:
    for number in range(4):
        assert world.mail(f"step-{number}", T0 + number * HOUR, None) == BOTH


def test_each_time_of_a_repeating_step_counts(world: World) -> None:
    chosen = step("daily", repeat=Repeat(every=DAY, count=3))
    waves = [PlannedWave("daily", number, T0 + (number - 1) * DAY) for number in (1, 2, 3)]
    world.place(chosen, T0, TWO, waves=waves)
    for wave in world.ledger.waves(step="daily"):
        world.prepare(wave)
        world.send(world.claim(wave.due_at), wave.due_at)
    assert [wave.counts for wave in world.ledger.waves(step="daily")] == [
        {State.ACCEPTED: 2},
        {State.ACCEPTED: 2},
        {State.SUPPRESSED: 2},
    ]


def test_waves_of_one_step_are_one_e_mail_to_each(world: World, supporters: SqlSupporters) -> None:
    supporters.add(people(60), at=T0)
    parts = Portions((Portion(3_000, 0 * HOUR), Portion(7_000, HOUR)), seed=7)
    shares = [
        PlannedWave("alert", n, T0 + (n - 1) * HOUR, share=share) for n, (_, share) in enumerate(parts.shares(), 1)
    ]
    world.place(step("alert", portions=parts), T0, ONE, waves=shares)
    first, second = world.ledger.waves(step="alert")
    for wave in (first, second):
        world.prepare(wave)
        world.send(world.claim(wave.due_at), wave.due_at)
    assert len(world.got("alert")) == 60


def test_the_rest_of_a_test_is_one_e_mail_to_each(world: World, supporters: SqlSupporters) -> None:
    supporters.add(people(40), at=T0)
    arms = [
        PlannedWave("alert", 1, T0, arm="a", share=Share(0, 2_000, 7)),
        PlannedWave("alert", 2, T0, arm="b", share=Share(2_000, 4_000, 7)),
        PlannedWave("alert", 3, T0 + HOUR, arm="winner"),
    ]
    world.place("alert", T0, ONE, waves=arms)
    for wave in world.ledger.waves(step="alert"):
        world.prepare(wave)
        world.send(world.claim(wave.due_at), wave.due_at)
    assert len(world.got("alert")) == 40


def test_a_top_up_reaches_those_whose_turn_it_is_by_then_and_no_others(world: World) -> None:
    world.mail("first", T0, ONE)
    assert world.mail("second", T0 + DAY, ONE) == []
    (wave,) = world.ledger.waves(step="second")
    whom = audience.of(world.ledger.bundle(wave.digest))
    early, late = T0 + 2 * DAY, T0 + 7 * DAY
    assert {why: some.number for why, some in world.ledger.missing("second", whom, at=early).people.items()} == {
        Why.TURN: 2
    }
    assert {why: some.number for why, some in world.ledger.missing("second", whom, at=late).people.items()} == {
        Why.LIFTED: 2
    }
    placed = replace(wave, due_at=late, number=0)
    world.ledger.top_up(placed, whom, reasons=[Why.LIFTED], expected=2, batch_size=10, by="Jo Example", why="", at=late)
    world.send(world.claim(late), late)
    assert world.got("second") == BOTH


def test_a_paced_wave_goes_on_where_another_went_out_between(world: World, supporters: SqlSupporters) -> None:
    """Its people have it planned, so they get nothing else; and what goes out is still within the cap."""
    supporters.add(people(30), at=T0)
    slow = step("slow", rate=Rate(10, HOUR))
    world.prepare(world.place(slow, T0, ONE), batch_size=1)
    world.send(world.claim(T0), T0)
    assert world.mail(step("tagged", segment=TAGGED), T0 + HOUR / 2, ONE) == []
    assert world.mail("other", T0 + HOUR / 2, ONE) == []
    at = T0
    while (following := world.ledger.next_due(now=at)) is not None and at < T0 + DAY:
        at = following
        world.send(world.claim(at), at)
    assert len(world.got("slow")) == 30


def test_two_that_prepare_at_once_see_each_other(world: World, database: Database) -> None:
    """On PostgreSQL both could find that nobody has had anything; on SQLite one writes at a time."""
    waves = [world.place(name, T0, ONE) for name in ("one", "two")]
    whom = {wave.id: audience.of(world.ledger.bundle(wave.digest)) for wave in waves}
    began = threading.Event()

    def second() -> None:
        began.set()
        SqlLedger(database, world="live").prepare_mail(waves[1], whom[waves[1].id], batch_size=10, at=T0 - SECOND)

    other = threading.Thread(target=second)
    with database.write() as connection:
        entering.prepare_mail(connection, waves[0].id, whom[waves[0].id], batch_size=10, at=T0 - SECOND, reads=None)
        other.start()
        began.wait(10)
    other.join(60)
    assert [wave.counts for wave in world.ledger.waves()] == [{State.PLANNED: 2}, {State.SUPPRESSED: 2}]


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))], indirect=True
)
def test_two_that_claim_at_once_do_not_both_go_out(world: World, database: Database) -> None:
    """Two waves that were held, and are let go together: neither counted the other when it was prepared."""
    for name in ("one", "two"):
        wave = world.place(name, T0, ONE)
        world.prepare(wave)
        world.ledger.end_wave(wave.id, WaveState.HELD, why="wait", at=T0)
    for name in ("one", "two"):
        world.place(name, T0, ONE, release=True)
    ledgers = [SqlLedger(database, world="live") for _ in range(2)]
    found: list[Claim] = []
    start = threading.Barrier(2)

    def claim(ledger: SqlLedger) -> None:
        start.wait(10)
        found.extend(ledger.claim(owner=str(id(ledger)), now=T0 + HOUR, lease=HOUR, most=1))

    threads = [threading.Thread(target=claim, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(len(claim.seqs) for claim in found) == 2
