"""dispatch: ledger, network, ledger; nothing twice, nothing lost, whatever a channel says or does."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Event

import pytest

from campaign.flow import dispatch, prepare, rollout
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Deferred, Outcome, Refused
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from tests.builders import T0, mail_message, people, post_message, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Office, RenewingLedger, Told, accept, office

THREAD = post_message("One of three.\n---\nTwo of three.\n---\nThree of three.\n")


def prepared(at: Office, n: int) -> None:
    at.add(n)
    at.approve(step())
    prepare.wave(at.desk, at.contents, at.waves()[0])


def thread(at: Office, *accounts: str) -> None:
    at.approve(step("launch", "x", accounts=accounts or ("national",)), message=THREAD)
    prepare.wave(at.desk, at.contents, at.waves("launch")[0])


def send(at: Office) -> int:
    return dispatch.everything(at.desk, at.contents)


def addresses(batch: MailBatch) -> list[str]:
    return [row.address for row in batch.rows]


class TestLedgerNetworkLedger:
    def test_everybody_gets_their_own_mail_once(self, at: Office) -> None:
        prepared(at, 10)
        assert send(at) == 3
        assert send(at) == 0
        got = [address for batch, _ in at.mail.got for address in addresses(batch)]
        assert sorted(got) == sorted(f"person{n}@example.org" for n in range(10))
        row = at.mail.got[0][0].rows[0]
        assert row.unsubscribe_url == f"https://campaign.example.org/u/{row.key}"
        assert "Name" in row.values[0]
        assert at.states() == {State.ACCEPTED: 10}

    def test_the_attempt_and_its_bytes_are_committed_before_the_channel_is_called(
        self, at: Office, tmp_path: Path
    ) -> None:
        seen: list[tuple[object, ...]] = []

        def look(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            with sqlite3.connect(tmp_path / "ledger.db") as other:
                seen.extend(
                    other.execute(
                        "SELECT b.state, a.outcome, length(a.payload) > 0 FROM batches b "
                        "JOIN attempts a ON a.id = b.attempt_id WHERE b.id = ?",
                        (batch.id,),
                    )
                )
            other.close()
            return accept(batch, payload)

        prepared(at, 4)
        at.mail.delivers = look
        send(at)
        assert [(state, bool(kept)) for state, _, kept in seen] == [("claimed", True)]
        assert not seen[0][1], "what became of it is not known yet"

    def test_what_is_kept_is_what_was_handed_over(self, at: Office) -> None:
        prepared(at, 4)
        send(at)
        (_, payload) = at.mail.got[0]
        for place, sent in enumerate(at.ledger.log(Filters())):
            kept = at.ledger.handed_over(sent.delivery)
            assert kept is not None
            assert list(kept.payload.chunks) == [payload.chunks[place]]

    def test_an_answer_that_comes_when_the_batch_was_settled_by_somebody_else_changes_nothing(self, at: Office) -> None:
        def meanwhile(batch: MailBatch, _: Payload) -> Sequence[Outcome]:
            at.ledger.lapse(now=T0 + HOUR)
            (doubt,) = at.ledger.doubts()
            at.ledger.settle(doubt, dict.fromkeys(doubt.seqs, Accepted("by a person")), now=T0)
            return [Refused("no")] * len(batch)

        prepared(at, 4)
        at.mail.delivers = meanwhile
        send(at)
        assert at.states() == {State.ACCEPTED: 4}
        assert "settled by somebody else" in at.told[-1]


class TestSuppressedInBetween:
    def test_somebody_suppressed_between_claim_and_begin_does_not_get_it(self, at: Office) -> None:
        """The first batch is on its way when person9 of the last leaves: it was claimed, and has not begun."""

        def leaves(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            at.supporters.suppress("person9@example.org", reason=Reason.UNSUBSCRIBED, source="link", at=T0)
            return accept(batch, payload)

        at.mail = at.desk.mails["sendgrid"] = Told("sendgrid", delivers=leaves, in_flight=1)  # type: ignore[index]  # a dict
        prepared(at, 10)
        send(at)
        assert all("person9@example.org" not in addresses(batch) for batch, _ in at.mail.got)
        assert at.states() == {State.ACCEPTED: 9, State.SUPPRESSED: 1}

    def test_a_batch_that_everybody_left_ends_and_holds_up_none_behind_it(self, at: Office) -> None:
        prepared(at, 44)
        for number in range(40):
            at.supporters.forget(f"person{number}@example.org", at=T0)
        send(at)
        assert at.states() == {State.ACCEPTED: 4, State.SUPPRESSED: 40}
        assert at.waves()[0].state is WaveState.DONE

    def test_batches_that_are_left_by_all_after_the_claim_end_too(self, at: Office) -> None:
        def leave(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            for number in range(4, 10):
                at.supporters.suppress(f"person{number}@example.org", reason=Reason.BY_HAND, source="", at=T0)
            return accept(batch, payload)

        at.mail = at.desk.mails["sendgrid"] = Told("sendgrid", delivers=leave, in_flight=1)  # type: ignore[index]  # a dict
        prepared(at, 10)
        assert send(at) == 1
        assert at.states() == {State.ACCEPTED: 4, State.SUPPRESSED: 6}
        assert at.waves()[0].state is WaveState.DONE


class TestRefusals:
    def test_a_whole_refusal_is_halved_until_only_the_bad_are_refused(self, at: Office) -> None:
        bad = {"person5@example.org", "person11@example.org"}

        def strict(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if bad.intersection(addresses(batch)):
                return [Refused("an address", whole=len(batch) > 1)] * len(batch)
            return accept(batch, payload)

        at.mail = at.desk.mails["sendgrid"] = Told("sendgrid", delivers=strict, batch=16)  # type: ignore[index]  # a dict
        prepared(at, 16)
        send(at)
        refused = {sent.recipient for sent in at.ledger.log(Filters(state=State.REFUSED))}
        assert refused == bad
        assert at.states() == {State.ACCEPTED: 14, State.REFUSED: 2}
        taken = [a for batch, _ in at.mail.got if not bad.intersection(addresses(batch)) for a in addresses(batch)]
        assert len(taken) == len(set(taken)) == 14

    def test_a_refused_part_of_a_thread_refuses_those_behind_it(self, at: Office) -> None:
        at.posts["x"].delivers = lambda _batch, _payload: [Accepted("1"), Refused("too long"), Deferred("waits")]
        thread(at)
        send(at)
        assert [(sent.state, sent.why) for sent in at.ledger.log(Filters())] == [
            (State.ACCEPTED, ""),
            (State.REFUSED, "too long"),
            (State.REFUSED, "the part before it was refused"),
        ]
        assert at.ledger.next_due(now=T0) is None

    def test_a_thread_refused_as_a_whole_is_not_cut_in_two(self, at: Office) -> None:
        at.posts["x"].delivers = lambda batch, _: [Refused("no", whole=True)] * len(batch)
        thread(at)
        assert send(at) == 1
        assert at.states() == {State.REFUSED: 3}


class TestGates:
    def test_where_an_account_has_to_wait_nothing_of_it_is_tried_before_and_the_others_go_on(self, at: Office) -> None:
        until = T0 + 15 * MINUTE

        def limited(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            if batch.account == "national" and at.clock.now() < until:
                return [Deferred("429", until=until, scope="account")] * len(batch)
            return accept(batch, payload)

        at.posts["x"].delivers = limited
        thread(at, "national", "local")
        at.approve(step("second", "x"), message=post_message("Another."))
        send(at)
        prepare.wave(at.desk, at.contents, at.waves("second")[0])
        assert send(at) == 0
        assert at.ledger.next_due(now=T0) == until
        assert [batch.account for batch, _ in at.posts["x"].got].count("national") == 1
        assert at.states("launch") == {State.ACCEPTED: 3, State.DEFERRED: 3}
        at.wait(15 * MINUTE)
        send(at)
        assert at.states() == {State.ACCEPTED: 7}

    def test_where_a_channel_has_to_wait_what_was_claimed_already_waits_too(self, at: Office) -> None:
        first = T0 + MINUTE

        def limited(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if at.clock.now() < first:
                return [Deferred("429", until=first, scope="channel")] * len(batch)
            return accept(batch, payload)

        at.mail = at.desk.mails["sendgrid"] = Told("sendgrid", delivers=limited, in_flight=1)  # type: ignore[index]  # a dict
        prepared(at, 100)
        assert send(at) == 1
        assert at.states() == {State.DEFERRED: 64, State.PLANNED: 36}
        assert at.ledger.next_due(now=T0) == first
        assert any("email waits until 13:01:00 UTC: 429" in said for said in at.told)
        at.wait(MINUTE)
        send(at)
        assert at.states() == {State.ACCEPTED: 100}

    def test_a_deferral_of_some_alone_closes_no_gate(self, at: Office) -> None:
        at.mail.delivers = lambda batch, _: [
            Deferred("mailbox full") if row.seq == 0 else Accepted() for row in batch.rows
        ]
        prepared(at, 12)
        assert send(at) == 3
        assert at.states() == {State.ACCEPTED: 11, State.DEFERRED: 1}


class TestRetries:
    def test_the_time_between_tries_grows_and_is_bounded_however_often_it_is_tried(self, at: Office) -> None:
        at.mail.delivers = lambda batch, _: [Deferred("later")] * len(batch)
        prepared(at, 1)
        waits: list[timedelta] = []
        for _ in range(60):
            before = at.clock.now()
            assert send(at) == 1
            due = at.ledger.next_due(now=before)
            assert due is not None
            waits.append(due - before)
            at.clock.sleep_until(due)
        assert waits[0] == timedelta(seconds=30)
        assert waits == sorted(waits)
        assert set(waits[6:]) == {timedelta(minutes=15)}

    def test_the_instant_that_a_provider_names_is_the_one_that_counts(self, at: Office) -> None:
        until = T0 + 3 * HOUR
        at.mail.delivers = lambda batch, _: [Deferred("later", until=until)] * len(batch)
        prepared(at, 1)
        send(at)
        assert at.ledger.next_due(now=T0) == until

    def test_a_second_attempt_of_a_post_hands_over_the_same_bytes(self, at: Office) -> None:
        said: list[list[Outcome]] = [
            [Accepted("1"), Deferred("busy"), Deferred("waits")],
            [Accepted("2"), Accepted("3")],
        ]
        answers = iter(said)
        at.posts["x"].delivers = lambda _batch, _payload: next(answers)
        thread(at)
        turn = rollout.turns(at.desk)
        turn()
        at.wait(MINUTE)
        turn()
        (first, before), (second, after) = at.posts["x"].got
        assert list(after.chunks) == list(before.chunks)[1:]
        assert [part.key for part in second.parts] == [part.key for part in first.parts][1:]
        assert (second.made_at, second.sent, second.attempted_at) == (first.made_at, ("1",), T0)
        assert at.states() == {State.ACCEPTED: 3}


class TestCallsInFlight:
    def test_no_provider_gets_more_calls_at_once_than_it_takes_and_none_holds_up_another(self, tmp_path: Path) -> None:
        """Each call of X waits for one of the other network: both have to be under way for this to end at all."""
        meet = Barrier(2, timeout=20)

        def together(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            meet.wait()
            return accept(batch, payload)

        slow = Told[PostBatch]("x", delivers=together, in_flight=1)
        other = Told[PostBatch]("mastodon", delivers=together, in_flight=1)
        with office(tmp_path, posts=[slow, other]) as at:
            accounts = ("one", "two", "three")
            at.approve(step("a", "x", accounts=accounts), message=THREAD)
            at.approve(step("b", "mastodon", accounts=accounts), message=THREAD)
            for one in at.waves():
                prepare.wave(at.desk, at.contents, one)
            assert send(at) == 6
            assert slow.most_at_once == other.most_at_once == 1

    def test_as_many_are_under_way_as_a_provider_takes(self, tmp_path: Path) -> None:
        meet = Barrier(3, timeout=20)

        def together(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            meet.wait()
            return accept(batch, payload)

        with office(tmp_path, mail=Told("sendgrid", delivers=together, batch=1, in_flight=3)) as at:
            prepared(at, 9)
            assert send(at) == 9
            assert at.mail.most_at_once == 3

    def test_a_full_provider_does_not_take_the_places_of_the_others(self, tmp_path: Path) -> None:
        """The only call that mail takes waits until the post is out: it has to be claimed beside it."""
        meet = Barrier(2, timeout=20)

        def slow(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if len(at.mail.got) == 1:
                meet.wait()
            return accept(batch, payload)

        def quick(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            meet.wait()
            return accept(batch, payload)

        mail = Told[MailBatch]("sendgrid", delivers=slow, batch=1, in_flight=1)
        with office(tmp_path, mail=mail, posts=[Told[PostBatch]("x", delivers=quick)]) as at:
            prepared(at, 20)
            thread(at)
            assert send(at) == 21


class TestLongCalls:
    def test_a_call_that_takes_longer_than_a_lease_is_not_taken_for_a_crash(self, tmp_path: Path) -> None:
        """Somebody else looks for lapsed claims while it is under way, and finds none."""
        clock = HandClock(T0)
        ended: list[int] = []

        def quick(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            clock.at += timedelta(seconds=90)  # this one answers, and that is when the other claim is renewed
            return accept(batch, payload)

        def slow(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            over.wait(20)
            clock.at = T0 + timedelta(seconds=150)
            ended.append(at.ledger.lapse(now=clock.now()))
            return accept(batch, payload)

        over = Event()
        posts = [Told[PostBatch]("x", delivers=quick), Told[PostBatch]("mastodon", delivers=slow)]
        with office(tmp_path, posts=posts, clock=clock) as at:
            at.desk.ledger = RenewingLedger(at.database, renewed=over)
            at.desk.post_lease = 2 * MINUTE
            at.approve(step("a", "x"), message=THREAD)
            at.approve(step("b", "mastodon"), message=THREAD)
            for one in at.waves():
                prepare.wave(at.desk, at.contents, one)
            send(at)
            assert ended == [0]
            assert at.states() == {State.ACCEPTED: 6}


class TestSomethingElseComesDue:
    def test_a_long_mailing_is_left_at_the_instant_of_the_next_wave_and_goes_on_after_it(self, tmp_path: Path) -> None:
        clock = HandClock(T0)

        def slow(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            clock.at += timedelta(seconds=20)
            return accept(batch, payload)

        mail = Told[MailBatch]("sendgrid", delivers=slow, batch=1, in_flight=1)
        with office(tmp_path, mail=mail, clock=clock) as at:
            at.add(9)
            at.approve(step())
            at.approve(step("launch", "x"), wave("launch", due_at=T0 + MINUTE), message=THREAD)
            turn = rollout.turns(at.desk)
            again = turn()
            assert again is not None
            assert again <= clock.now() < T0 + 2 * MINUTE
            assert at.states()[State.ACCEPTED] < 9
            turn()  # it was left for the next wave to be prepared, and now for it to leave
            turn()
            sent_at = at.waves("launch")[0].first_sent_at
            assert sent_at is not None
            assert sent_at < T0 + 2 * MINUTE
            while turn() is not None:
                clock.at += MINUTE
            assert at.states() == {State.ACCEPTED: 12}


class TestStopping:
    def test_when_the_desk_is_stopping_nothing_new_is_begun_and_what_flies_is_recorded(self, tmp_path: Path) -> None:
        def stop(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if len(at.mail.got) == 1:
                at.desk.stopping.set()
            return accept(batch, payload)

        with office(tmp_path, mail=Told("sendgrid", delivers=stop, in_flight=1)) as at:
            prepared(at, 100)
            assert send(at) == 1
            assert at.states() == {State.ACCEPTED: 4, State.DEFERRED: 60, State.PLANNED: 36}
            assert send(at) == 0
            at.desk.stopping.clear()
            send(at)
            assert at.states() == {State.ACCEPTED: 100}

    def test_a_wave_that_is_stopped_while_it_goes_out_sends_no_more(self, tmp_path: Path) -> None:
        def halt(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if len(at.mail.got) == 1:
                at.ledger.end_wave(at.waves()[0].id, WaveState.CANCELLED, why="halt", at=T0)
            return accept(batch, payload)

        with office(tmp_path, mail=Told("sendgrid", delivers=halt, in_flight=1)) as at:
            prepared(at, 20)
            assert send(at) == 1
            assert len(at.mail.got) == 1
            at.wait(HOUR)
            at.ledger.lapse(now=at.clock.now())
            assert at.states() == {State.ACCEPTED: 4, State.CANCELLED: 16}


class TestChannelsThatFail:
    def test_an_exception_out_of_a_channel_is_a_doubt_with_a_reason_and_loses_no_other(self, tmp_path: Path) -> None:
        meet = Barrier(2, timeout=20)

        def fail(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            meet.wait()
            if batch.rows[0].seq == 0:
                raise RuntimeError(f"cannot reach {batch.rows[0].address}")
            return accept(batch, payload)

        with office(tmp_path, mail=Told("sendgrid", delivers=fail, in_flight=2)) as at:
            prepared(at, 8)
            assert send(at) == 2
            assert at.states() == {State.ACCEPTED: 4, State.IN_DOUBT: 4}
            (doubt,) = at.ledger.doubts()
            assert doubt.why.startswith("the channel sendgrid failed (RuntimeError at test_dispatch.py:")
            assert [said for said in at.told if said.endswith("4 in doubt")]
            assert not [said for said in at.told if "@" in said], "no address is told"

    @pytest.mark.parametrize("many", [0, 3, 5])
    def test_as_many_answers_as_deliveries_or_it_is_a_doubt(self, at: Office, many: int) -> None:
        at.mail.delivers = lambda _batch, _payload: [Accepted()] * many
        prepared(at, 4)
        send(at)
        assert at.states() == {State.IN_DOUBT: 4}
        assert at.ledger.doubts()[0].why == f"the channel sendgrid gave {many} answers for 4"

    def test_a_network_that_failed_so_is_asked_afterwards_like_any_other(self, at: Office) -> None:
        answers = iter([ValueError("not JSON")])

        def fail(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
            for error in answers:
                raise error
            return accept(batch, payload)

        at.posts["x"].delivers = fail
        thread(at)
        rollout.turns(at.desk)()
        assert [len(batch) for batch, _ in at.posts["x"].asked] == [3]
        assert at.states() == {State.ACCEPTED: 3}

    def test_a_message_that_cannot_be_filled_for_somebody_holds_its_wave_and_no_other(self, tmp_path: Path) -> None:
        """It is not what was approved: a person mends it. What is under way is recorded, the rest waits unsent."""
        message = mail_message(text="{{ 100 // (supporter.first_name | length) }} {{ unsubscribe_url }}")
        with office(tmp_path, mail=Told("sendgrid", batch=1)) as at:
            at.add(3)
            at.supporters.add(people(1, email="nameless@example.org", first_name=""), at=T0)
            at.approve(step(), message=message)
            prepare.wave(at.desk, at.contents, at.waves()[0])
            thread(at)
            send(at)
            states = at.states()
            assert states.keys() == {State.ACCEPTED, State.DEFERRED}
            assert states[State.ACCEPTED] + states[State.DEFERRED] == 7
            (held,) = at.waves("alert")
            assert held.state is WaveState.HELD
            assert "supporter 4" in held.why
            assert any("is held" in said for said in at.told)


class TestCallsOfTheirOwn:
    def test_who_does_not_fit_into_a_call_with_others_gets_one_alone_and_everybody_gets_it_once(
        self, tmp_path: Path
    ) -> None:
        class Narrow(Told[MailBatch]):
            def compose(self, batch: MailBatch) -> Payload:
                large = tuple(at for at, row in enumerate(batch.rows) if "large" in row.address)
                return replace(super().compose(batch), alone=large if len(batch) > 1 else ())

        with office(tmp_path, mail=Narrow("sendgrid", batch=10)) as at:
            large = [one for n in range(2) for one in people(1, email=f"large{n}@example.org")]
            at.supporters.add([*people(6), *large], at=T0)
            at.approve(step())
            prepare.wave(at.desk, at.contents, at.waves()[0])
            send(at)
            calls = sorted(addresses(batch) for batch, _ in at.mail.got)
            assert calls == [
                ["large0@example.org"],
                ["large1@example.org"],
                [f"person{n}@example.org" for n in range(6)],
            ]
            assert at.states() == {State.ACCEPTED: 8}

    def test_a_provider_that_took_the_last_it_takes_for_now_is_left_alone_until_then(self, tmp_path: Path) -> None:
        clock = HandClock(T0)

        def last(batch: MailBatch, _: Payload) -> Sequence[Outcome]:
            return [Accepted(rest_until=T0 + MINUTE)] * len(batch)

        with office(tmp_path, mail=Told("sendgrid", delivers=last, in_flight=1), clock=clock) as at:
            prepared(at, 8)
            send(at)
            assert at.states() == {State.ACCEPTED: 4, State.DEFERRED: 4}
            send(at)
            assert len(at.mail.got) == 1
            clock.at = T0 + MINUTE
            at.mail.delivers = accept
            send(at)
            assert at.states() == {State.ACCEPTED: 8}
