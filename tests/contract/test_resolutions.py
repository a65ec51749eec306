"""A person's word on what is in doubt, on SQLite and on PostgreSQL: taken once, and never above what an event shows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.errors import LedgerError
from campaign.model.delivery import DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted, InDoubt, NotSent, Outcome
from campaign.model.resolution import Question, Word
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Applied, Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def doubtful(ledger: SqlLedger, supporters: SqlSupporters) -> Wave:
    """A wave to six people in batches of four: the answer to the first was lost, the second is planned."""
    supporters.add(people(6), at=T0)
    ledger.approve(bundle(step()), manifest(step()), [wave()], by="Jo Example", at=T0 - MINUTE)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
    lose(ledger)
    return ledger.waves()[0]


def lose(ledger: SqlLedger, at: timedelta = timedelta(0), *, most: int = 1) -> None:
    """Send the next batches; their answers are lost."""
    for taken in ledger.claim(owner="one", now=T0 + at, lease=MINUTE, most=most):
        ledger.begin(taken, payload(len(taken.seqs)), now=T0 + at)
        told = dict.fromkeys(taken.seqs, InDoubt("no reply"))
        ledger.record(taken, told, now=T0 + at, retry_at=T0 + at + MINUTE)


def ask(ledger: SqlLedger, after: timedelta = MINUTE) -> Question:
    (question,) = ledger.questions(now=T0 + after)
    return question


def say(ledger: SqlLedger, question: Question, said: Accepted | NotSent, after: timedelta = MINUTE) -> bool:
    results = dict.fromkeys(question.seqs, said)
    return ledger.resolve(question, results, by="Jo Example", why="asked two of them", now=T0 + after)


def states(ledger: SqlLedger) -> dict[State, int]:
    found: dict[State, int] = {}
    for sent in ledger.log(Filters()):
        found[sent.state] = found.get(sent.state, 0) + 1
    (only,) = ledger.waves()
    assert only.counts == found
    return found


def event(ledger: SqlLedger, doubtful: Wave, seq: int, kind: EventKind, at: timedelta) -> Applied:
    told = Event(id=f"{seq}-{kind}", channel="sendgrid", key="", kind=kind, at=T0 + at)
    return ledger.apply([(DeliveryId(doubtful.id, seq), told)], now=T0 + at + MINUTE)


class TestQuestions:
    @pytest.mark.usefixtures("doubtful")
    def test_a_person_is_told_of_the_batch_and_of_nobodys_address(self, ledger: SqlLedger) -> None:
        question = ask(ledger)
        assert (question.wave.name, question.seqs, question.why) == ("alert#1", (0, 1, 2, 3), "no reply")
        assert (question.began_at, question.since, len(question.people)) == (T0, T0, 3)

    @pytest.mark.usefixtures("doubtful")
    def test_they_can_be_had_by_step_and_by_batch(self, ledger: SqlLedger) -> None:
        lose(ledger)
        first, second = ledger.questions(now=T0)
        assert ledger.questions(now=T0, batch_id=second.batch_id) == [second]
        assert ledger.questions(now=T0, step="alert") == [first, second]
        assert not ledger.questions(now=T0, step="other")

    @pytest.mark.usefixtures("doubtful")
    def test_those_of_another_world_are_not_asked_about(self, database: Database) -> None:
        assert not SqlLedger(database, world="sandbox").questions(now=T0)


class TestWords:
    @pytest.mark.usefixtures("doubtful")
    def test_what_a_person_says_was_sent_is_accepted(self, ledger: SqlLedger) -> None:
        assert say(ledger, ask(ledger), Accepted())
        assert states(ledger) == {State.ACCEPTED: 4, State.PLANNED: 2}

    @pytest.mark.usefixtures("doubtful")
    def test_what_a_person_says_was_not_sent_goes_out_again(self, ledger: SqlLedger) -> None:
        assert say(ledger, ask(ledger), NotSent("Jo says so"))
        assert states(ledger) == {State.PLANNED: 6}
        claims = ledger.claim(owner="two", now=T0 + MINUTE, lease=MINUTE, most=9)
        assert sorted(seq for claim in claims for seq in claim.seqs) == [0, 1, 2, 3, 4, 5]

    @pytest.mark.usefixtures("doubtful")
    def test_who_when_and_why_are_kept(self, ledger: SqlLedger) -> None:
        say(ledger, ask(ledger), Accepted())
        (told,) = ledger.resolutions(step="alert")
        assert (told.word, told.number, told.by, told.why) == (Word.ACCEPTED, 4, "Jo Example", "asked two of them")
        assert (told.at, told.corrected_at) == (T0 + MINUTE, None)

    def test_what_has_settled_itself_meanwhile_stays(self, ledger: SqlLedger, doubtful: Wave) -> None:
        question = ask(ledger)
        event(ledger, doubtful, 2, EventKind.PROCESSED, MINUTE)
        assert not say(ledger, question, NotSent("Jo says so"))
        assert states(ledger) == {State.ACCEPTED: 4, State.PLANNED: 2}
        assert not ledger.resolutions()

    @pytest.mark.usefixtures("doubtful")
    def test_of_two_people_the_first_is_heard(self, ledger: SqlLedger) -> None:
        question = ask(ledger)
        assert say(ledger, question, Accepted())
        assert not say(ledger, question, NotSent("Jo says so"))
        assert states(ledger) == {State.ACCEPTED: 4, State.PLANNED: 2}

    @pytest.mark.usefixtures("doubtful")
    def test_a_word_on_one_attempt_says_nothing_of_the_next(self, ledger: SqlLedger) -> None:
        first = ask(ledger)
        say(ledger, first, NotSent("Jo says so"))
        lose(ledger, MINUTE, most=2)
        assert not say(ledger, first, Accepted(), 2 * MINUTE)
        assert states(ledger) == {State.IN_DOUBT: 6}

    def test_what_was_not_sent_of_a_cancelled_wave_is_cancelled(self, ledger: SqlLedger, doubtful: Wave) -> None:
        ledger.end_wave(doubtful.id, WaveState.CANCELLED, why="enough", at=T0)
        say(ledger, ask(ledger), NotSent("Jo says so"))
        assert states(ledger) == {State.CANCELLED: 6}


class TestEvidence:
    def test_an_event_of_what_was_said_not_to_be_sent_keeps_all_of_it(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        applied = event(ledger, doubtful, 1, EventKind.PROCESSED, 2 * MINUTE)
        (corrected,) = applied.corrected
        assert (corrected.kept, corrected.resolution.number) == (4, 4)
        assert states(ledger) == {State.ACCEPTED: 4, State.PLANNED: 2}
        (told,) = ledger.resolutions()
        assert told.corrected_at == T0 + 3 * MINUTE
        assert told.evidence.startswith("processed at 2018-05-22 13:02")

    def test_it_is_told_once(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        assert event(ledger, doubtful, 1, EventKind.PROCESSED, 2 * MINUTE).corrected
        assert not event(ledger, doubtful, 2, EventKind.PROCESSED, 3 * MINUTE).corrected

    def test_a_claim_whose_attempt_has_not_begun_is_taken_away(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        ledger.claim(owner="two", now=T0 + MINUTE, lease=HOUR, most=2)
        assert event(ledger, doubtful, 1, EventKind.DELIVERED, 2 * MINUTE).corrected[0].kept == 4
        assert states(ledger) == {State.ACCEPTED: 3, State.DELIVERED: 1, State.CLAIMED: 2}

    def test_what_went_out_again_by_then_is_told_to_have_gone_twice(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        lose(ledger, HOUR, most=2)
        (corrected,) = event(ledger, doubtful, 1, EventKind.DELIVERED, 30 * MINUTE).corrected
        assert corrected.kept == 0

    def test_an_event_of_the_second_attempt_says_nothing_of_the_first(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        lose(ledger, HOUR, most=2)
        assert not event(ledger, doubtful, 1, EventKind.DELIVERED, HOUR + MINUTE).corrected
        assert ledger.resolutions()[0].corrected_at is None

    def test_what_was_missed_meanwhile_turns_out_to_be_sent(self, ledger: SqlLedger, doubtful: Wave) -> None:
        say(ledger, ask(ledger), NotSent("Jo says so"))
        ledger.end_wave(doubtful.id, WaveState.MISSED, why="late", at=T0 + MINUTE)
        event(ledger, doubtful, 1, EventKind.PROCESSED, 2 * MINUTE)
        assert states(ledger) == {State.ACCEPTED: 4, State.MISSED: 2}


class TestGroups:
    def test_what_the_provider_may_still_hold_cannot_be_said_to_be_unsent(
        self, ledger: SqlLedger, supporters: SqlSupporters
    ) -> None:
        supporters.add(people(2), at=T0)
        chosen = step(hand_off="staged")
        later = wave(due_at=T0 + HOUR)
        ledger.approve(bundle(chosen), manifest(chosen), [later], by="Jo Example", at=T0 - MINUTE)
        ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
        (taken,) = ledger.claim(owner="one", now=T0, lease=MINUTE, most=1)
        group = ledger.open_group(taken.wave, "g1", size=1, now=T0)
        ledger.begin(taken, payload(2), now=T0, group=group)
        ledger.record(taken, dict.fromkeys(taken.seqs, InDoubt("no reply")), now=T0, retry_at=T0)
        question = ask(ledger)
        assert question.held_until == T0 + HOUR
        with pytest.raises(LedgerError, match="may hold"):
            say(ledger, question, NotSent("Jo says so"))
        assert not ledger.resolutions()
        assert ask(ledger, HOUR).held_until is None
        assert say(ledger, question, NotSent("Jo says so"), HOUR)
        assert states(ledger) == {State.PLANNED: 2}


class TestThreads:
    @pytest.fixture
    def thread(self, ledger: SqlLedger) -> Question:
        """Three parts: the first was accepted, the answer to the second was lost."""
        chosen = step("launch", "x")
        ledger.approve(bundle(chosen), manifest(chosen), [wave("launch")], by="Jo Example", at=T0 - MINUTE)
        ledger.prepare_posts(ledger.waves()[0], ["national"], parts=3, at=T0)
        (taken,) = ledger.claim(owner="one", now=T0, lease=MINUTE, most=1)
        ledger.begin(taken, payload(3), now=T0)
        told: dict[int, Outcome] = {0: Accepted(ref="11"), 1: InDoubt("no reply"), 2: InDoubt("no reply")}
        ledger.record(taken, told, now=T0, retry_at=T0 + MINUTE)
        return ask(ledger)

    def test_the_parts_behind_one_that_stands_reply_to_it(self, ledger: SqlLedger, thread: Question) -> None:
        assert (thread.seqs, thread.sent, thread.account) == ((1, 2), ("11",), "national")
        results: dict[int, Accepted | NotSent] = {
            1: Accepted(ref="12", url="https://x.com/national/status/12"),
            2: NotSent("Jo says so"),
        }
        assert ledger.resolve(thread, results, by="Jo Example", why="I see it", now=T0 + MINUTE)
        assert states(ledger) == {State.ACCEPTED: 2, State.PLANNED: 1}
        (taken,) = ledger.claim(owner="two", now=T0 + MINUTE, lease=MINUTE, most=1)
        assert (taken.seqs, taken.sent) == ((2,), ("11", "12"))
        assert [(told.word, told.number) for told in ledger.resolutions()] == [(Word.ACCEPTED, 1), (Word.NOT_SENT, 1)]

    def test_a_part_that_was_not_posted_goes_out_with_those_behind_it(
        self, ledger: SqlLedger, thread: Question
    ) -> None:
        assert say(ledger, thread, NotSent("Jo says so"))
        assert states(ledger) == {State.ACCEPTED: 1, State.PLANNED: 2}
