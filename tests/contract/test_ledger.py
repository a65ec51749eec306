"""The ledger's contract, on SQLite and on PostgreSQL: who may send what, and what is known of it afterwards."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.model.supporter import Reason
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

LEASE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)


def approve(ledger: SqlLedger, *waves: object) -> None:
    chosen = step()
    ledger.approve(bundle(chosen), manifest(chosen), [wave()], by="Jo Example", at=T0 - MINUTE)


def prepared(ledger: SqlLedger, supporters: SqlSupporters, n: int = 10, *, batch_size: int = 4) -> Wave:
    """A wave to ``n`` people, in the ledger as planned."""
    supporters.add(people(n), at=T0)
    approve(ledger)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=batch_size, at=T0)
    return ledger.waves()[0]


def prepared_thread(ledger: SqlLedger, parts: int = 3) -> Wave:
    chosen = step("launch", "x")
    ledger.approve(bundle(chosen), manifest(chosen), [wave("launch")], by="Jo Example", at=T0 - MINUTE)
    ledger.prepare_posts(ledger.waves()[0], ["national"], parts=parts, at=T0)
    return ledger.waves()[0]


def claim(ledger: SqlLedger, *, owner: str = "one", most: int = 1, after: timedelta = timedelta(0)) -> Claim:
    return ledger.claim(owner=owner, now=T0 + after, lease=LEASE, most=most)[0]


def attempt(ledger: SqlLedger, taken: Claim, outcome: Outcome | list[Outcome], after: timedelta = timedelta(0)) -> None:
    """Begin the attempt and record what became of it."""
    assert ledger.begin(taken, payload(len(taken.seqs)), now=T0 + after) == ()
    each = outcome if isinstance(outcome, list) else [outcome] * len(taken.seqs)
    record(ledger, taken, each, after)


def record(ledger: SqlLedger, taken: Claim, outcomes: list[Outcome], after: timedelta = timedelta(0)) -> None:
    told = dict(zip(taken.seqs, outcomes, strict=True))
    ledger.record(taken, told, now=T0 + after, retry_at=T0 + after + MINUTE)


def counts(ledger: SqlLedger) -> dict[State, int]:
    return dict(ledger.waves()[0].counts)


def logged(ledger: SqlLedger) -> dict[State, int]:
    """The same, counted delivery by delivery."""
    found: dict[State, int] = {}
    for sent in ledger.log(Filters()):
        found[sent.state] = found.get(sent.state, 0) + 1
    return found


class TestApproval:
    def test_what_was_approved_comes_back_whole(self, ledger: SqlLedger) -> None:
        chosen = step()
        ledger.approve(bundle(chosen), manifest(chosen, "abc"), [wave()], by="Jo Example", at=T0)
        assert ledger.bundle("abc") == bundle(chosen)
        assert ledger.approvals()["alert"].by == "Jo Example"

    def test_an_approval_places_the_waves_at_their_instants(self, ledger: SqlLedger) -> None:
        approve(ledger)
        (placed,) = ledger.waves()
        assert (placed.due_at, placed.state, placed.planned) == (T0, WaveState.WAITING, 0)

    def test_approving_again_moves_waves_that_have_not_begun(self, ledger: SqlLedger) -> None:
        approve(ledger)
        later = wave(due_at=T0 + MINUTE)
        assert ledger.approve(bundle(), manifest(step(), "d2"), [later], by="Jo", at=T0) == ("alert#1",)
        assert [(w.due_at, w.digest) for w in ledger.waves()] == [(T0 + MINUTE, "d2")]

    def test_a_wave_the_plan_no_longer_has_is_taken_out(self, ledger: SqlLedger) -> None:
        two = [wave(), wave(number=2, due_at=T0 + MINUTE)]
        ledger.approve(bundle(), manifest(step()), two, by="Jo", at=T0)
        ledger.approve(bundle(), manifest(step(), "d2"), [wave()], by="Jo", at=T0)
        assert [w.number for w in ledger.waves()] == [1]

    def test_a_wave_that_went_out_stays_as_it_was_approved_then(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        ledger.approve(bundle(), manifest(step(), "d2"), [wave(due_at=T0 + MINUTE)], by="Jo", at=T0)
        assert [(w.due_at, w.digest) for w in ledger.waves()] == [(T0, "d1")]

    def test_worlds_on_one_database_know_nothing_of_each_other(self, ledger: SqlLedger, database: Database) -> None:
        approve(ledger)
        assert SqlLedger(database, world="sandbox").waves() == []

    def test_a_held_wave_goes_at_the_moment_a_person_releases_it(self, ledger: SqlLedger) -> None:
        approve(ledger)
        ledger.end_wave(ledger.waves()[0].id, WaveState.HELD, why="late", at=T0)
        ledger.approve(bundle(), manifest(step()), [wave()], by="Jo", at=T0 + MINUTE)
        assert ledger.waves()[0].state is WaveState.HELD
        ledger.approve(bundle(), manifest(step()), [wave()], by="Jo", at=T0 + MINUTE, release=True)
        assert (ledger.waves()[0].state, ledger.waves()[0].due_at) == (WaveState.WAITING, T0 + MINUTE)


class TestPreparing:
    def test_the_whole_audience_is_planned_at_once(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        made = prepared(ledger, supporters, 10, batch_size=4)
        assert (made.state, made.planned, dict(made.counts)) == (WaveState.PREPARED, 10, {State.PLANNED: 10})
        assert [len(c.seqs) for c in ledger.claim(owner="one", now=T0, lease=LEASE, most=9)] == [4, 4, 2]

    def test_preparing_again_changes_nothing(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        made = prepared(ledger, supporters)
        assert ledger.prepare_mail(made, AUDIENCE, batch_size=4, at=T0) == 10
        assert logged(ledger) == {State.PLANNED: 10}

    def test_the_suppressed_and_those_without_consent_are_planned_and_left_out_with_the_reason(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.suppress("person3@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
        supporters.add(people(1, email="silent@example.org", consent=None), at=T0)
        prepared(ledger, supporters)
        assert counts(ledger) == logged(ledger) == {State.PLANNED: 9, State.SUPPRESSED: 2}
        (tally,) = ledger.tallies()
        assert tally.why == {(State.SUPPRESSED, "unsubscribed"): 1, (State.SUPPRESSED, "no consent"): 1}

    def test_a_batch_holds_one_language(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        supporters.add(people(3, language="es"), at=T0)
        supporters.add(people(8)[3:], at=T0)
        approve(ledger)
        both = AUDIENCE.__class__(AUDIENCE.segment, AUDIENCE.home_zone, variants=("en", "es"))
        ledger.prepare_mail(ledger.waves()[0], both, batch_size=4, at=T0)
        found = ledger.claim(owner="one", now=T0, lease=LEASE, most=9)
        assert [(c.variant, len(c.seqs)) for c in found] == [("en", 4), ("en", 1), ("es", 3)]
        assert {person.language for person in found[2].people} == {"es"}

    def test_a_wave_for_some_zones_takes_those_without_one_as_at_home(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(1, zone="Asia/Tokyo"), at=T0)
        supporters.add(people(3)[1:], at=T0)
        approve(ledger)
        there = AUDIENCE.__class__(AUDIENCE.segment, AUDIENCE.home_zone, zones=("America/New_York",), variants=("en",))
        assert ledger.prepare_mail(ledger.waves()[0], there, batch_size=4, at=T0) == 2

    def test_a_wave_that_nobody_is_in_is_done_at_once(self, ledger: SqlLedger) -> None:
        approve(ledger)
        assert ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0) == 0
        assert ledger.waves()[0].state is WaveState.DONE


class TestSending:
    def test_an_accepted_batch_is_accounted_for_by_person(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters)
        attempt(ledger, claim(ledger), Accepted(ref="m1"))
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 4, State.PLANNED: 6}
        assert next(iter(ledger.log(Filters(recipient="PERSON0@example.org")))).ref == "m1"

    def test_people_come_with_address_name_and_what_their_wave_reads_of_them(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(2, region="NY", tags=("donor",)), at=T0)
        approve(ledger)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0, reads={"tags"})
        taken = claim(ledger)
        whole = supporters.get([person.id for person in taken.people])
        for person in taken.people:
            full = whole[person.id]
            assert (person.email, person.first_name, person.tags) == (full.email, full.first_name, ("donor",))
            assert (person.region, person.consent, person.acted_at, dict(person.extra)) == ("", None, None, {})

    def test_what_is_done_together_fails_one_by_one_and_the_rest_stands(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 8)
        first, second = (claim(ledger), claim(ledger))
        attempt_of = payload(len(first.seqs))
        with ledger.together():
            assert ledger.begin(first, attempt_of, now=T0) == ()
            with pytest.raises(ClaimLost):
                ledger.begin(replace(second, owner="somebody else"), attempt_of, now=T0)
            record(ledger, first, [Accepted()] * len(first.seqs))
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 4, State.CLAIMED: 4}

    def test_no_batch_is_claimed_twice(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters)
        first = ledger.claim(owner="one", now=T0, lease=LEASE, most=2)
        second = ledger.claim(owner="two", now=T0, lease=LEASE, most=9)
        assert [c.batch_id for c in (*first, *second)] == sorted({c.batch_id for c in (*first, *second)})
        assert len(second) == 1

    def test_a_wave_is_done_when_nothing_is_left_of_it(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), [Accepted(), Refused("no"), Accepted(), Accepted()])
        assert (ledger.waves()[0].state, ledger.waves()[0].finished_at) == (WaveState.DONE, T0)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 3, State.REFUSED: 1}

    def test_somebody_suppressed_after_preparing_is_not_claimed(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        supporters.suppress("person1@example.org", reason=Reason.BY_HAND, source="test", at=T0)
        taken = claim(ledger)
        assert [person.email for person in taken.people] == [f"person{i}@example.org" for i in (0, 2, 3)]
        assert counts(ledger) == {State.CLAIMED: 3, State.PLANNED: 6, State.SUPPRESSED: 1}

    def test_somebody_suppressed_between_claim_and_send_is_taken_out_before_anything_leaves(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        supporters.suppress("person1@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
        assert ledger.begin(taken, payload(4), now=T0) == (1,)
        assert ledger.handed_over(DeliveryId(taken.wave.id, 0)) is None
        assert counts(ledger) == logged(ledger) == {State.CLAIMED: 3, State.PLANNED: 6, State.SUPPRESSED: 1}

    def test_a_batch_that_nobody_is_left_in_ends(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 2)
        for number in range(2):
            supporters.forget(f"person{number}@example.org", at=T0)
        assert not ledger.claim(owner="one", now=T0, lease=LEASE, most=1)
        assert counts(ledger) == {State.SUPPRESSED: 2}
        assert ledger.waves()[0].state is WaveState.DONE

    def test_a_stopped_wave_is_not_begun(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        ledger.end_wave(taken.wave.id, WaveState.HELD, why="halt", at=T0)
        with pytest.raises(ClaimLost, match="stopped"):
            ledger.begin(taken, payload(4), now=T0)
        assert ledger.claim(owner="two", now=T0, lease=LEASE, most=9) == ()

    def test_a_claim_that_has_run_out_is_not_begun(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        with pytest.raises(ClaimLost, match="run out"):
            ledger.begin(taken, payload(4), now=T0 + LEASE)

    def test_what_was_handed_over_is_kept_for_each_person(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        attempt(ledger, taken, Accepted())
        kept = ledger.handed_over(DeliveryId(taken.wave.id, 2))
        assert kept is not None
        assert kept.payload.body() == b"[chunk 2]"

    def test_a_closed_gate_holds_its_channel_until_its_instant(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        ledger.close_gate("email", "", until=T0 + MINUTE, why="429")
        assert ledger.claim(owner="one", now=T0, lease=LEASE, most=9) == ()
        assert ledger.next_due(now=T0) == T0 + MINUTE
        assert len(ledger.claim(owner="one", now=T0 + MINUTE, lease=LEASE, most=9)) == 3


class TestTroubleWithSome:
    def test_those_deferred_are_tried_again_alone(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), [Accepted(), Deferred("full"), Accepted(), Deferred("full")])
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 2, State.DEFERRED: 2}
        assert ledger.claim(owner="one", now=T0, lease=LEASE, most=9) == ()
        again = claim(ledger, after=MINUTE)
        assert (again.seqs, again.attempts) == ((1, 3), 2)
        attempt(ledger, again, Accepted("m2"), after=MINUTE)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 4}
        assert ledger.waves()[0].state is WaveState.DONE

    def test_who_was_accepted_on_a_second_attempt_is_not_part_of_the_third(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), [Accepted(), Deferred("full"), Accepted(), Deferred("full")])
        attempt(ledger, claim(ledger, after=MINUTE), [Accepted(), Deferred("still full")], after=MINUTE)
        assert claim(ledger, after=2 * MINUTE).seqs == (3,)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 3, State.CLAIMED: 1}

    def test_a_batch_deferred_whole_is_due_again_when_the_provider_said(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), Deferred("429", until=T0 + 3 * MINUTE))
        assert ledger.next_due(now=T0) == T0 + 3 * MINUTE
        assert claim(ledger, after=3 * MINUTE).seqs == (0, 1, 2, 3)

    def test_those_in_doubt_are_never_claimed(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), [Accepted(), InDoubt("lost"), Deferred("later"), Deferred("later")])
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 1, State.DEFERRED: 2, State.IN_DOUBT: 1}
        assert claim(ledger, after=MINUTE).seqs == (2, 3)
        (doubt,) = ledger.doubts()
        assert (doubt.seqs, doubt.kept.seqs) == ((1,), (0, 1, 2, 3))
        assert ledger.claim(owner="one", now=T0 + 9 * LEASE, lease=LEASE, most=9) == ()

    def test_a_batch_refused_whole_is_halved_until_only_the_bad_one_is_refused(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 8, batch_size=8)
        requests = 0
        while taken := ledger.claim(owner="one", now=T0, lease=LEASE, most=1):
            requests += 1
            (one,) = taken
            ledger.begin(one, payload(len(one.seqs)), now=T0)
            bad = 5 in one.seqs
            if bad and len(one.seqs) > 1:
                ledger.halve(one, now=T0, why="bad address")
            else:
                record(ledger, one, [Refused("bad address") if bad else Accepted()] * len(one.seqs))
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 7, State.REFUSED: 1}
        assert [sent.delivery.seq for sent in ledger.log(Filters(state=State.REFUSED))] == [5]
        assert requests == 7


class TestCrashes:
    def test_a_claim_that_lapses_before_its_attempt_is_planned_again(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        claim(ledger)
        assert ledger.lapse(now=T0 + LEASE) == 1
        assert counts(ledger) == logged(ledger) == {State.PLANNED: 10}

    def test_a_claim_that_is_renewed_does_not_lapse_and_one_that_was_lost_is_not_renewed(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 4)
        taken = claim(ledger)
        ledger.renew([taken], now=T0 + MINUTE, lease=LEASE)
        assert ledger.lapse(now=T0 + LEASE) == 0
        assert ledger.lapse(now=T0 + LEASE + MINUTE) == 1
        again = claim(ledger, owner="two", after=LEASE + MINUTE)
        ledger.renew([taken], now=T0 + 3 * LEASE, lease=LEASE)
        assert ledger.lapse(now=T0 + 2 * LEASE + MINUTE) == 1
        assert again.batch_id == taken.batch_id

    def test_a_claim_that_lapses_after_its_attempt_began_is_in_doubt(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        ledger.begin(claim(ledger), payload(4), now=T0)
        assert ledger.lapse(now=T0 + LEASE) == 1
        assert counts(ledger) == logged(ledger) == {State.IN_DOUBT: 4, State.PLANNED: 6}

    def test_an_answer_that_comes_after_the_lapse_still_counts(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        ledger.begin(taken, payload(4), now=T0)
        ledger.lapse(now=T0 + LEASE)
        record(ledger, taken, [Accepted()] * 4, after=LEASE)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 4, State.PLANNED: 6}

    def test_an_answer_that_comes_after_settling_is_too_late(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        taken = claim(ledger)
        ledger.begin(taken, payload(4), now=T0)
        ledger.lapse(now=T0 + LEASE)
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, NotSent("not there")), now=T0 + LEASE)
        with pytest.raises(ClaimLost):
            record(ledger, taken, [Accepted()] * 4, after=LEASE)
        assert counts(ledger) == {State.PLANNED: 10}

    def test_a_lapse_in_a_batch_of_those_deferred_keeps_them_together(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), [Accepted(), Deferred("full"), Accepted(), Deferred("full")])
        ledger.begin(claim(ledger, after=MINUTE), payload(2), now=T0 + MINUTE)
        ledger.lapse(now=T0 + MINUTE + LEASE)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 2, State.IN_DOUBT: 2}
        (doubt,) = ledger.doubts()
        assert doubt.seqs == doubt.kept.seqs == (1, 3)


class TestSettling:
    def test_what_was_not_sent_is_planned_again_and_what_was_is_accepted(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        (doubt,) = ledger.doubts()
        found: dict[int, Settled] = {0: Accepted("a"), **dict.fromkeys((1, 2, 3), NotSent("not there"))}
        ledger.settle(doubt, found, now=T0 + MINUTE)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 1, State.PLANNED: 3}
        assert claim(ledger, after=MINUTE).seqs == (1, 2, 3)

    def test_settling_twice_changes_nothing(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, Accepted()), now=T0)
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, NotSent("not there")), now=T0)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 4}

    def test_what_cannot_be_told_stays_in_doubt(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, InDoubt("cannot be read")), now=T0)
        assert counts(ledger) == {State.IN_DOUBT: 4}
        assert ledger.doubts()[0].why == "cannot be read"

    def test_settled_after_its_wave_was_missed_it_is_missed_and_not_planned(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        made = prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        ledger.end_wave(made.id, WaveState.MISSED, why="late", at=T0)
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, NotSent("not there")), now=T0)
        assert counts(ledger) == logged(ledger) == {State.MISSED: 4}

    def test_a_held_wave_of_which_nothing_is_left_is_done(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        made = prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        ledger.end_wave(made.id, WaveState.HELD, why="late", at=T0)
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, dict.fromkeys(doubt.seqs, Accepted()), now=T0)
        assert ledger.waves()[0].state is WaveState.DONE


class TestThreads:
    def test_each_part_keeps_its_own_address(self, ledger: SqlLedger) -> None:
        prepared_thread(ledger)
        attempt(ledger, claim(ledger), [Accepted(str(i), f"https://example.org/{i}") for i in range(3)])
        assert [(s.part, s.ref, s.url) for s in ledger.log(Filters())] == [
            (i + 1, str(i), f"https://example.org/{i}") for i in range(3)
        ]
        assert ledger.waves()[0].state is WaveState.DONE

    def test_a_thread_resumes_at_the_part_that_is_missing_with_the_same_bytes(self, ledger: SqlLedger) -> None:
        prepared_thread(ledger)
        attempt(ledger, claim(ledger), [Accepted("a"), Deferred("429"), Deferred("waits")])
        again = claim(ledger, after=MINUTE)
        assert (again.seqs, again.sent) == ((1, 2), ("a",))
        assert again.kept is not None
        assert again.kept.payload.chunks[1] == b"chunk 1"

    def test_a_part_in_doubt_holds_those_behind_it(self, ledger: SqlLedger) -> None:
        prepared_thread(ledger)
        attempt(ledger, claim(ledger), [Accepted("a"), InDoubt("lost"), Deferred("waits")])
        assert ledger.claim(owner="one", now=T0 + LEASE, lease=LEASE, most=1) == ()
        (doubt,) = ledger.doubts()
        assert (doubt.seqs, doubt.sent) == ((1, 2), ("a",))
        ledger.settle(doubt, {1: Accepted("b"), 2: NotSent("not there")}, now=T0 + MINUTE)
        again = claim(ledger, after=MINUTE)
        assert (again.seqs, again.sent) == ((2,), ("a", "b"))
        attempt(ledger, again, Accepted("c"), after=MINUTE)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 3}


class TestFeedback:
    def event(self, kind: EventKind, seq: int, name: str = "", wave_id: int = 1) -> tuple[DeliveryId, Event]:
        told = Event(id=name or f"{kind}{seq}", channel="sendgrid", key="", kind=kind, at=T0, why="told")
        return DeliveryId(wave_id, seq), told

    def sent(self, ledger: SqlLedger, supporters: SqlSupporters) -> int:
        made = prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), Accepted("m"))
        return made.id

    def test_events_move_deliveries_on_and_are_counted_once(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        at = self.sent(ledger, supporters)
        told = [self.event(EventKind.DELIVERED, seq, wave_id=at) for seq in (0, 1)]
        assert ledger.apply(told, now=T0).new == {EventKind.DELIVERED: 2}
        assert ledger.apply(told, now=T0).new == {}
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 2, State.DELIVERED: 2}

    def test_states_never_go_backwards(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        at = self.sent(ledger, supporters)
        ledger.apply([self.event(EventKind.BOUNCED, 0, wave_id=at)], now=T0)
        ledger.apply([self.event(EventKind.DELIVERED, 0, wave_id=at)], now=T0)
        assert counts(ledger) == {State.ACCEPTED: 3, State.BOUNCED: 1}

    def test_who_bounces_complains_or_leaves_is_suppressed_and_who_is_blocked_is_not(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        at = self.sent(ledger, supporters)
        kinds = (EventKind.BOUNCED, EventKind.COMPLAINED, EventKind.UNSUBSCRIBED, EventKind.BLOCKED)
        ledger.apply([self.event(kind, seq, wave_id=at) for seq, kind in enumerate(kinds)], now=T0)
        found = [supporters.suppression(f"person{seq}@example.org") for seq in range(4)]
        assert [one.reason if one else None for one in found] == [
            Reason.BOUNCED,
            Reason.COMPLAINED,
            Reason.UNSUBSCRIBED,
            None,
        ]

    def test_any_event_proves_that_the_request_in_doubt_was_taken(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        made = prepared(ledger, supporters, 4)
        attempt(ledger, claim(ledger), InDoubt("lost"))
        ledger.apply([self.event(EventKind.DELIVERED, 2, wave_id=made.id)], now=T0)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 3, State.DELIVERED: 1}
        assert ledger.doubts() == []
        assert ledger.waves()[0].state is WaveState.DONE

    def test_events_of_another_world_are_left_alone(
        self, ledger: SqlLedger, supporters: SqlSupporters, database: Database
    ) -> None:
        at = self.sent(ledger, supporters)
        other = SqlLedger(database, world="sandbox")
        assert other.apply([self.event(EventKind.DELIVERED, 0, wave_id=at)], now=T0).new == {}

    def test_what_the_sandbox_makes_up_is_not_held_against_real_people(
        self, database: Database, supporters: SqlSupporters
    ) -> None:
        ledger = SqlLedger(database, world="sandbox")
        at = self.sent(ledger, supporters)
        ledger.apply([self.event(EventKind.BOUNCED, 0, wave_id=at)], now=T0)
        assert counts(ledger) == {State.ACCEPTED: 3, State.BOUNCED: 1}
        assert supporters.suppression("person0@example.org") is None

    def test_who_acted_is_known(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        at = self.sent(ledger, supporters)
        ledger.apply([self.event(EventKind.ACTED, 1, wave_id=at)], now=T0)
        found = supporters.find("person1@example.org")
        assert found is not None
        assert found.acted_at == T0


class TestEnding:
    def test_a_missed_wave_leaves_nothing_to_send(self, ledger: SqlLedger, supporters: SqlSupporters) -> None:
        made = prepared(ledger, supporters)
        attempt(ledger, claim(ledger), [Accepted(), Deferred("full"), Accepted(), Accepted()])
        ledger.end_wave(made.id, WaveState.MISSED, why="3:00:00 late", at=T0)
        assert counts(ledger) == logged(ledger) == {State.ACCEPTED: 3, State.MISSED: 7}
        assert ledger.claim(owner="one", now=T0 + LEASE, lease=LEASE, most=9) == ()
        assert {why for (state, why), _ in ledger.tallies()[0].why.items() if state is State.MISSED} == {"3:00:00 late"}

    def test_the_log_of_a_person_holds_all_that_was_sent_to_them_and_nothing_else(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        prepared(ledger, supporters)
        found = list(ledger.log(Filters(recipient="person7@example.org")))
        assert [(s.step, s.recipient, s.state) for s in found] == [("alert", "person7@example.org", State.PLANNED)]
        assert list(ledger.log(Filters(recipient="nobody@example.org"))) == []
