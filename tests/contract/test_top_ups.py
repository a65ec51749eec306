"""Topping a step up, on SQLite and PostgreSQL: exactly those who should have got it and did not, and nobody twice."""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import pytest

from campaign.errors import LedgerError
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.plan import Late
from campaign.model.segment import Segment
from campaign.model.supporter import Reason
from campaign.model.top_up import ALWAYS
from campaign.model.top_up import Reason as Why
from campaign.model.wave import TOP_UP, PlannedWave, Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, CONSENT, T0, bundle, manifest, payload, people, step, wave

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LATER = T0 + HOUR


def approve(ledger: SqlLedger, *waves: PlannedWave) -> None:
    ledger.approve(bundle(step()), manifest(step()), waves or [wave()], by="Jo Example", at=T0 - MINUTE)


def send(ledger: SqlLedger, outcome: Outcome | None = None, *, most: int = 100) -> list[Claim]:
    """Send all that is due, each with that outcome."""
    taken = list(ledger.claim(owner="one", now=LATER, lease=MINUTE, most=most))
    for claim in taken:
        ledger.begin(claim, payload(len(claim.seqs)), now=LATER)
        told = dict.fromkeys(claim.seqs, outcome or Accepted())
        ledger.record(claim, told, now=LATER, retry_at=LATER + HOUR)
    return taken


def why(ledger: SqlLedger) -> dict[Why, int]:
    found = ledger.missing("alert", AUDIENCE)
    return {reason: some.number for reason, some in found.people.items()}


def top_up(
    ledger: SqlLedger, expected: int, *, reasons: Collection[Why] = ALWAYS, number: int = 0, arm: str = ""
) -> Wave:
    like = Wave(
        id=0, step="alert", number=number, channel="email", due_at=LATER, state=WaveState.WAITING, digest="d1",
        late=Late(HOUR, "hold"), arm=arm,
    )  # fmt: skip
    return ledger.top_up(
        like, AUDIENCE, reasons=reasons, expected=expected, batch_size=4, by="Jo Example", why="late list", at=LATER
    )


def got(ledger: SqlLedger) -> list[str]:
    """The address of each delivery that was accepted, or may have been."""
    taken = (State.ACCEPTED, State.IN_DOUBT)
    return sorted(sent.recipient for sent in ledger.log(Filters()) if sent.state in taken)


@pytest.fixture
def sent(ledger: SqlLedger, supporters: SqlSupporters) -> SqlLedger:
    """A step that went out to six people."""
    supporters.add(people(6), at=T0)
    approve(ledger)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
    send(ledger)
    return ledger


class TestWho:
    def test_nobody_who_has_it_is_missing(self, sent: SqlLedger) -> None:
        assert why(sent) == {}

    def test_who_was_imported_since_is(self, sent: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(9), at=LATER)
        assert why(sent) == {Why.LATE: 3}
        assert sent.missing("alert", AUDIENCE).people[Why.LATE].number == len(
            sent.missing("alert", AUDIENCE).people[Why.LATE].examples
        )

    def test_who_may_not_be_written_to_is_not_topped_up(self, sent: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(7), at=LATER)
        supporters.suppress("person6@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=LATER)
        assert why(sent) == {Why.BARRED: 1}

    @pytest.mark.parametrize("outcome", [InDoubt("no reply"), Deferred("busy"), Accepted()])
    def test_who_may_have_it_or_is_about_to_get_it_is_not_missing(
        self, ledger: SqlLedger, supporters: SqlSupporters, outcome: Outcome
    ) -> None:
        supporters.add(people(6), at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        assert why(ledger) == {}
        send(ledger, outcome, most=1)
        assert why(ledger) == {}

    def test_a_suppression_that_was_lifted_lets_somebody_have_it(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(6), at=T0)
        supporters.suppress("person2@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        send(ledger)
        assert why(ledger) == {Why.BARRED: 1}
        supporters.lift("person2@example.org", source="test", at=LATER)
        assert why(ledger) == {Why.LIFTED: 1}

    def test_consent_given_since_lets_somebody_have_it(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add([*people(5), replace(people(6)[5], consent=None)], at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        send(ledger)
        supporters.add([replace(people(6)[5], consent=CONSENT)], at=LATER)
        assert why(ledger) == {Why.LIFTED: 1}

    def test_whom_the_provider_refused_is_only_once_something_has_changed(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(4), at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        send(ledger, Refused("no such mailbox"))
        assert why(ledger) == {Why.REFUSED: 4}
        supporters.add([replace(people(1)[0], first_name="Corrected")], at=LATER + MINUTE)
        assert why(ledger) == {Why.REFUSED: 3, Why.MENDED: 1}

    def test_one_of_a_batch_that_was_refused_is_known_by_its_own_row(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(4), at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        (taken,) = ledger.claim(owner="one", now=LATER, lease=MINUTE, most=1)
        ledger.begin(taken, payload(4), now=LATER)
        told: dict[int, Outcome] = {**dict.fromkeys(taken.seqs, Accepted()), 1: Refused("no such mailbox")}
        ledger.record(taken, told, now=LATER, retry_at=LATER)
        assert ledger.missing("alert", AUDIENCE).people[Why.REFUSED].examples == (2,)

    @pytest.mark.parametrize(
        ("state", "reason"), [(WaveState.MISSED, Why.MISSED), (WaveState.CANCELLED, Why.CANCELLED)]
    )
    @pytest.mark.parametrize("prepared", [1, 0])
    def test_of_a_wave_that_was_stopped_all_are_missing(
        self, ledger: SqlLedger, supporters: SqlSupporters, state: WaveState, reason: Why, prepared: int
    ) -> None:
        supporters.add(people(6), at=T0)
        approve(ledger)
        if prepared:
            ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        ledger.end_wave(ledger.waves()[0].id, state, why="test", at=T0)
        assert why(ledger) == {reason: 6}

    def test_whose_wave_is_still_to_come_waits_for_it(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(2, zone="Europe/Paris"), at=T0)
        here, there = replace(wave(), zones=("Europe/Paris",)), replace(wave(number=2), zones=("Pacific/Honolulu",))
        approve(ledger, here, there)
        ledger.prepare_mail(ledger.waves()[0], replace(AUDIENCE, zones=("Europe/Paris",)), batch_size=4, at=T0)
        send(ledger)
        late = [
            replace(one, zone=zone)
            for one, zone in zip(people(4)[2:], ("Europe/Paris", "Pacific/Honolulu"), strict=True)
        ]
        supporters.add(late, at=LATER)
        assert why(ledger) == {Why.LATE: 1, Why.WAITS: 1}

    def test_who_has_left_the_audience_is_not_missing(self, sent: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(9), at=LATER)
        supporters.acted("person8@example.org", at=LATER)
        not_yet = replace(AUDIENCE, segment=Segment("not yet", acted=False))
        assert sent.missing("alert", not_yet).people[Why.LATE].number == 2

    def test_of_a_repeating_step_one_time_is_looked_at(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(2), at=T0)
        approve(ledger, wave(), wave(number=2, due_at=T0 + MINUTE))
        first, second = ledger.waves()
        ledger.prepare_mail(first, AUDIENCE, batch_size=4, at=T0)
        supporters.add(people(3), at=LATER)
        ledger.prepare_mail(second, AUDIENCE, batch_size=4, at=LATER)
        assert ledger.missing("alert", AUDIENCE, time=1).number(ALWAYS) == 1
        assert ledger.missing("alert", AUDIENCE, time=2).number(ALWAYS) == 0
        placed = top_up(ledger, 1, number=1)
        assert (placed.number, placed.name) == (TOP_UP + 1, "alert#1-top-up-1")
        assert ledger.missing("alert", AUDIENCE, time=1).number(ALWAYS) == 0


class TestPlacing:
    def test_the_wave_goes_to_exactly_those_who_are_missing(self, sent: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(9), at=LATER)
        placed = top_up(sent, 3)
        assert (placed.name, placed.planned, placed.state) == ("alert#top-up-1", 3, WaveState.PREPARED)
        send(sent)
        assert got(sent) == sorted(f"person{n}@example.org" for n in range(9))
        assert why(sent) == {}

    def test_a_second_one_goes_to_those_who_came_after_the_first(
        self, sent: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(7), at=LATER)
        top_up(sent, 1)
        supporters.add(people(8), at=LATER)
        assert top_up(sent, 1).name == "alert#top-up-2"
        send(sent)
        assert len(got(sent)) == len(set(got(sent))) == 8

    def test_nothing_is_placed_where_it_is_another_number_by_now(
        self, sent: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(9), at=LATER)
        with pytest.raises(LedgerError, match="3 people by now, and not 2"):
            top_up(sent, 2)
        assert [one.number for one in sent.waves()] == [1]

    def test_two_at_once_send_to_nobody_twice(
        self, sent: SqlLedger, supporters: SqlSupporters, database: Database
    ) -> None:
        supporters.add(people(40), at=LATER)
        begin = Barrier(2)

        def placing(_: int) -> bool:
            begin.wait()
            try:
                top_up(SqlLedger(database, world="live"), 34)
            except LedgerError:
                return False
            return True

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(placing, range(2))) == [False, True]
        send(sent)
        assert len(got(sent)) == len(set(got(sent))) == 40

    def test_who_was_refused_or_cancelled_is_in_it_only_where_somebody_says_so(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(4), at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        ledger.end_wave(ledger.waves()[0].id, WaveState.CANCELLED, why="test", at=T0)
        assert top_up(ledger, 4, reasons={*ALWAYS, Why.CANCELLED}).planned == 4

    def test_whoever_moves_to_a_zone_that_is_still_to_come_gets_it_once(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        here, there = replace(wave(), zones=("Europe/Paris",)), replace(wave(number=2), zones=("Pacific/Honolulu",))
        approve(ledger, here, there)
        ledger.prepare_mail(ledger.waves()[0], replace(AUDIENCE, zones=("Europe/Paris",)), batch_size=4, at=T0)
        supporters.add(people(1, zone="Europe/Paris"), at=LATER)
        top_up(ledger, 1)
        supporters.add(people(1, zone="Pacific/Honolulu"), at=LATER + MINUTE)
        coming = next(one for one in ledger.waves() if one.number == 2)
        assert ledger.prepare_mail(coming, replace(AUDIENCE, zones=coming.zones), batch_size=4, at=LATER) == 0

    def test_a_plan_that_gets_more_waves_places_them_all_and_leaves_the_top_up(
        self, sent: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(7), at=LATER)
        top_up(sent, 1)
        approve(sent, wave(), wave(number=2, due_at=T0 + 2 * HOUR))
        assert sorted(one.number for one in sent.waves()) == [1, 2, TOP_UP]

    def test_who_topped_up_when_and_why_is_kept(self, sent: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(9), at=LATER)
        top_up(sent, 3)
        (told,) = sent.top_ups(step="alert")
        assert (told.wave.name, told.by, told.why, told.at) == ("alert#top-up-1", "Jo Example", "late list", LATER)
        assert (told.number, told.reasons) == (3, {Why.LATE: 3})

    def test_worlds_know_nothing_of_each_others_top_ups(self, sent: SqlLedger, database: Database) -> None:
        other = SqlLedger(database, world="sandbox")
        approve(other)
        assert {reason: some.number for reason, some in other.missing("alert", AUDIENCE).people.items()} == {
            Why.WAITS: 6
        }
        assert not other.top_ups()
        assert why(sent) == {}


class TestPosts:
    @pytest.fixture
    def thread(self, ledger: SqlLedger) -> SqlLedger:
        """Three parts each of two accounts: one account's all stand, of the other's the first alone."""
        chosen = step("launch", "x", accounts=("national", "local"))
        ledger.approve(bundle(chosen), manifest(chosen), [wave("launch")], by="Jo Example", at=T0 - MINUTE)
        ledger.prepare_posts(ledger.waves()[0], chosen.accounts, parts=3, at=T0)
        for taken in ledger.claim(owner="one", now=T0, lease=MINUTE, most=2):
            ledger.begin(taken, payload(3), now=T0)
            refused = Refused("suspended")
            told: dict[int, Outcome] = {seq: Accepted(ref=f"r{seq}") for seq in taken.seqs}
            told |= dict.fromkeys(taken.seqs[1:], refused) if taken.account == "local" else {}
            ledger.record(taken, told, now=T0, retry_at=T0)
        return ledger

    def test_the_parts_that_are_missing_are_found(self, thread: SqlLedger) -> None:
        (found,) = thread.missing_posts("launch")
        assert (found.account, found.parts, found.reason, found.why) == ("local", 2, Why.REFUSED, "suspended")

    def test_they_alone_are_posted_behind_those_that_stand(self, thread: SqlLedger) -> None:
        found = thread.missing_posts("launch")
        (placed,) = thread.top_up_posts("launch", found, "d1", by="Jo Example", why="mended", at=LATER)
        assert (placed.state, placed.due_at, placed.planned) == (WaveState.PREPARED, LATER, 6)
        assert placed.counts == {State.ACCEPTED: 4, State.PLANNED: 2}
        (taken,) = thread.claim(owner="two", now=LATER, lease=MINUTE, most=9)
        assert (taken.account, taken.seqs, taken.sent) == ("local", (4, 5), ("r3",))
        assert thread.missing_posts("launch") == []

    def test_two_at_once_post_nothing_twice(self, thread: SqlLedger) -> None:
        found = thread.missing_posts("launch")
        thread.top_up_posts("launch", found, "d1", by="Jo", why="", at=LATER)
        with pytest.raises(LedgerError, match="changed meanwhile"):
            thread.top_up_posts("launch", found, "d1", by="Ann", why="", at=LATER)

    def test_a_thread_is_not_ended_in_other_words_than_it_began_in(self, thread: SqlLedger) -> None:
        with pytest.raises(LedgerError, match="in other words"):
            thread.top_up_posts("launch", thread.missing_posts("launch"), "d2", by="Jo", why="", at=LATER)
        assert thread.waves()[0].counts == {State.ACCEPTED: 4, State.REFUSED: 2}

    @pytest.mark.parametrize("prepared", [1, 0])
    def test_a_wave_of_which_nothing_left_waits_as_if_it_had_never_been(self, ledger: SqlLedger, prepared: int) -> None:
        chosen = step("launch", "x")
        ledger.approve(bundle(chosen), manifest(chosen), [wave("launch")], by="Jo Example", at=T0 - MINUTE)
        if prepared:
            ledger.prepare_posts(ledger.waves()[0], chosen.accounts, parts=3, at=T0, cost=5)
        ledger.end_wave(ledger.waves()[0].id, WaveState.MISSED, why="late", at=T0)
        (found,) = ledger.missing_posts("launch")
        assert (found.batch_id, found.reason, found.why) == (None, Why.MISSED, "late")
        (placed,) = ledger.top_up_posts("launch", [found], "d1", by="Jo", why="", at=LATER)
        assert (placed.state, placed.due_at, placed.planned, placed.counts) == (WaveState.WAITING, LATER, 0, {})
        assert ledger.prepare_posts(placed, chosen.accounts, parts=3, at=LATER) == 3
