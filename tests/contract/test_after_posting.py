"""The ledger's contract after posting, on SQLite and on PostgreSQL: figures, deleting, and what posts cost."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.errors import ClaimLost, OverBudget
from campaign.model.claim import Claim
from campaign.model.delivery import DeliveryId, State
from campaign.model.media import Metrics, Reading
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.model.posted import Posted
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from tests.builders import T0, bundle, manifest, payload, step, wave

LEASE = timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def approved(ledger: SqlLedger, *accounts: str, number: int = 1) -> None:
    chosen = step("launch", "x", accounts=accounts or ("national",))
    waves = [wave("launch", n, T0 + (n - 1) * HOUR) for n in range(1, number + 1)]
    ledger.approve(bundle(chosen), manifest(chosen), waves, by="Jo Example", at=T0 - MINUTE)


def thread(ledger: SqlLedger, *accounts: str, parts: int = 3) -> Wave:
    approved(ledger, *accounts)
    ledger.prepare_posts(ledger.waves()[0], accounts or ("national",), parts=parts, at=T0)
    return ledger.waves()[0]


def claimed(ledger: SqlLedger) -> Claim:
    return ledger.claim(owner="one", now=T0, lease=LEASE, most=1)[0]


def begun(ledger: SqlLedger) -> Claim:
    taken = claimed(ledger)
    ledger.begin(taken, payload(len(taken.seqs)), now=T0)
    return taken


def record(ledger: SqlLedger, taken: Claim, *outcomes: Outcome) -> None:
    ledger.record(taken, dict(zip(taken.seqs, outcomes, strict=True)), now=T0, retry_at=T0 + MINUTE)


def there(n: int) -> Accepted:
    return Accepted(ref=f"r{n}", url=f"https://x.example.com/{n}")


def posted(ledger: SqlLedger, *accounts: str, parts: int = 3) -> Wave:
    """A thread of three that stands, from each account."""
    made = thread(ledger, *accounts, parts=parts)
    for account in range(len(accounts) or 1):
        record(ledger, begun(ledger), *(there(account * parts + n) for n in range(parts)))
    return made


def logged(ledger: SqlLedger) -> dict[State, int]:
    """Deliveries by state, counted one by one; the ledger's counters say the same."""
    found: dict[State, int] = {}
    for sent in ledger.log(Filters()):
        found[sent.state] = found.get(sent.state, 0) + 1
    counted: dict[State, int] = {}
    for one in ledger.waves():
        for state, n in one.counts.items():
            counted[state] = counted.get(state, 0) + n
    assert counted == found
    return found


def retract(ledger: SqlLedger, account: str | None = None, at: timedelta = HOUR) -> None:
    ledger.retract("launch", account=account, by="Jo Example", at=T0 + at)


def delete(ledger: SqlLedger, post: Posted, outcome: Outcome, at: timedelta = HOUR) -> bool:
    """One attempt to delete ``post``, from its beginning to its end; False where it may not be tried."""
    if not ledger.begin_retraction(post.delivery, now=T0 + at, again_at=T0 + at + MINUTE):
        return False
    ledger.end_retraction(post.delivery, outcome, now=T0 + at, retry_at=T0 + at + MINUTE)
    return True


class TestPosts:
    def test_what_a_network_took_is_listed_with_where_it_stands(self, ledger: SqlLedger) -> None:
        made = posted(ledger)
        found = ledger.posts()
        assert [(one.delivery, one.part, one.ref, one.url) for one in found] == [
            (DeliveryId(made.id, n), n + 1, f"r{n}", f"https://x.example.com/{n}") for n in range(3)
        ]
        assert {(one.step, one.wave, one.channel, one.account) for one in found} == {("launch", 1, "x", "national")}
        assert {(one.posted_at, one.reading, one.retraction) for one in found} == {(T0, None, None)}
        assert all(one.is_up for one in found)

    def test_what_was_not_taken_is_no_post(self, ledger: SqlLedger) -> None:
        thread(ledger)
        record(ledger, begun(ledger), there(0), Refused("too long"), Refused("the part before it was refused"))
        assert [one.ref for one in ledger.posts()] == ["r0"]

    def test_a_part_that_comes_later_counts_from_its_own_instant(self, ledger: SqlLedger) -> None:
        thread(ledger, parts=2)
        record(ledger, begun(ledger), there(0), Deferred("wait"))
        again = ledger.claim(owner="one", now=T0 + HOUR, lease=LEASE, most=1)[0]
        ledger.begin(again, payload(1), now=T0 + HOUR)
        ledger.record(again, {1: there(1)}, now=T0 + HOUR, retry_at=T0 + HOUR)
        assert [(one.part, one.posted_at) for one in ledger.posts()] == [(1, T0), (2, T0 + HOUR)]

    def test_they_are_asked_for_by_step_and_by_world(self, ledger: SqlLedger, database: Database) -> None:
        posted(ledger)
        assert len(ledger.posts(step="launch")) == 3
        assert list(ledger.posts(step="other")) == []
        assert list(SqlLedger(database, world="sandbox").posts()) == []


class TestReadings:
    def test_the_latest_reading_of_each_post_is_kept_with_it(self, ledger: SqlLedger) -> None:
        made = posted(ledger)
        first = [Reading(made.id, seq, T0 + HOUR, Metrics(likes=seq)) for seq in range(3)]
        ledger.keep_readings(first, costs={})
        later = Reading(made.id, 1, T0 + 2 * HOUR, Metrics(likes=10**10, reposts=2, replies=3, views=None))
        ledger.keep_readings([later], costs={})
        assert [one.reading for one in ledger.posts()] == [first[0], later, first[2]]

    def test_the_same_reading_again_changes_nothing(self, ledger: SqlLedger) -> None:
        made = posted(ledger, parts=1)
        one = Reading(made.id, 0, T0 + HOUR, Metrics(likes=1))
        for _ in range(2):
            ledger.keep_readings([one], costs={})
        assert [post.reading for post in ledger.posts()] == [one]

    def test_what_a_reading_costs_is_counted_for_its_wave(self, ledger: SqlLedger) -> None:
        made = posted(ledger, parts=1)
        for hour in (1, 2):
            reading = Reading(made.id, 0, T0 + hour * HOUR, Metrics(likes=1))
            ledger.keep_readings([reading], costs={made.id: 1_000})
        assert ledger.spent() == {"x": 2_000}


class TestSpending:
    def test_a_wave_reserves_what_it_costs_once(self, ledger: SqlLedger, database: Database) -> None:
        approved(ledger)
        for _ in range(2):
            ledger.prepare_posts(ledger.waves()[0], ["national"], parts=1, at=T0, cost=15_000, budget=20_000)
        assert ledger.spent() == {"x": 15_000}
        assert SqlLedger(database, world="sandbox").spent() == {}

    def test_what_is_more_than_is_left_is_not_prepared(self, ledger: SqlLedger) -> None:
        approved(ledger, number=2)
        first, second = ledger.waves()
        ledger.prepare_posts(first, ["national"], parts=1, at=T0, cost=200_000, budget=300_000)
        with pytest.raises(
            OverBudget, match=r"costs \$0\.20 on x, and of the budget of \$0\.30 there are \$0\.10 left"
        ):
            ledger.prepare_posts(second, ["national"], parts=1, at=T0, cost=200_000, budget=300_000)
        assert [(one.state, one.planned) for one in ledger.waves()] == [
            (WaveState.PREPARED, 1),
            (WaveState.WAITING, 0),
        ]
        assert ledger.spent() == {"x": 200_000}

    def test_what_costs_exactly_what_is_left_is_prepared(self, ledger: SqlLedger) -> None:
        approved(ledger)
        assert ledger.prepare_posts(ledger.waves()[0], ["national"], parts=1, at=T0, cost=5, budget=5) == 1

    def test_what_is_cancelled_before_anything_left_costs_nothing(self, ledger: SqlLedger) -> None:
        approved(ledger)
        ledger.prepare_posts(ledger.waves()[0], ["national"], parts=1, at=T0, cost=15_000)
        ledger.end_wave(ledger.waves()[0].id, WaveState.HELD, why="wait", at=T0)
        assert ledger.spent() == {"x": 15_000}
        ledger.end_wave(ledger.waves()[0].id, WaveState.CANCELLED, why="no", at=T0)
        assert ledger.spent() == {}

    def test_what_is_cancelled_once_something_left_costs_what_it_costs(self, ledger: SqlLedger) -> None:
        approved(ledger)
        ledger.prepare_posts(ledger.waves()[0], ["national"], parts=2, at=T0, cost=30_000)
        record(ledger, begun(ledger), there(0), Deferred("wait"))
        ledger.end_wave(ledger.waves()[0].id, WaveState.CANCELLED, why="no", at=T0)
        assert ledger.spent() == {"x": 30_000}

    def test_what_is_withdrawn_gives_its_reservation_back(self, ledger: SqlLedger) -> None:
        approved(ledger)
        ledger.prepare_posts(ledger.waves()[0], ["national"], parts=1, at=T0, cost=15_000)
        ledger.end_wave(ledger.waves()[0].id, WaveState.HELD, why="changed", at=T0)
        assert ledger.withdraw(ledger.waves()[0].id)
        assert ledger.spent() == {}


class TestRetracting:
    def test_what_is_deleted_is_retracted_and_no_longer_accepted(self, ledger: SqlLedger) -> None:
        posted(ledger)
        retract(ledger)
        assert logged(ledger) == {State.ACCEPTED: 3}
        for post in ledger.posts(to_retract=True):
            assert delete(ledger, post, there(0))
        assert logged(ledger) == {State.RETRACTED: 3}
        assert list(ledger.posts(to_retract=True)) == []
        gone = ledger.posts()
        assert {(one.state, one.posted_at, one.is_up) for one in gone} == {(State.RETRACTED, T0, False)}
        assert {sent.why for sent in ledger.log(Filters())} == {"retracted by Jo Example"}

    def test_an_attempt_is_counted_before_its_call_and_not_made_twice_at_once(self, ledger: SqlLedger) -> None:
        posted(ledger, parts=1)
        retract(ledger)
        (post,) = ledger.posts()
        assert ledger.begin_retraction(post.delivery, now=T0 + HOUR, again_at=T0 + HOUR + MINUTE)
        assert not ledger.begin_retraction(post.delivery, now=T0 + HOUR, again_at=T0 + HOUR + MINUTE)
        (post,) = ledger.posts(to_retract=True)
        assert post.retraction is not None
        assert (post.retraction.attempts, post.retraction.due_at) == (1, T0 + HOUR + MINUTE)
        # Nobody came back from that call: it is made again.
        assert ledger.begin_retraction(post.delivery, now=T0 + HOUR + MINUTE, again_at=T0 + 2 * HOUR)

    def test_what_is_put_off_is_due_again_then_and_what_is_lost_soon(self, ledger: SqlLedger) -> None:
        posted(ledger, parts=2)
        retract(ledger)
        one, other = ledger.posts()
        assert delete(ledger, one, Deferred("later", until=T0 + 5 * HOUR))
        assert delete(ledger, other, InDoubt("no reply"))
        found = [post.retraction for post in ledger.posts(to_retract=True)]
        assert [(each.due_at, each.why) for each in found if each] == [
            (T0 + 5 * HOUR, "later"),
            (T0 + HOUR + MINUTE, "no reply"),
        ]
        assert logged(ledger) == {State.ACCEPTED: 2}

    def test_what_its_network_refuses_to_delete_stands_and_can_be_asked_for_anew(self, ledger: SqlLedger) -> None:
        posted(ledger, parts=1)
        retract(ledger)
        assert delete(ledger, ledger.posts()[0], Refused("not yours"))
        assert list(ledger.posts(to_retract=True)) == []
        assert logged(ledger) == {State.ACCEPTED: 1}
        (post,) = ledger.posts()
        assert post.retraction is not None
        assert (post.retraction.why, post.to_retract) == ("not yours", False)
        retract(ledger, at=2 * HOUR)
        assert delete(ledger, post, there(0), 2 * HOUR)
        assert logged(ledger) == {State.RETRACTED: 1}

    def test_a_second_word_changes_nothing_of_what_is_under_way(self, ledger: SqlLedger) -> None:
        posted(ledger, parts=2)
        retract(ledger)
        one, other = ledger.posts()
        delete(ledger, one, there(0))
        delete(ledger, other, Deferred("later", until=T0 + 5 * HOUR))
        ledger.retract("launch", account=None, by="Sam Example", at=T0 + 2 * HOUR)
        assert [(post.retraction.by, post.retraction.due_at) for post in ledger.posts() if post.retraction] == [
            ("Jo Example", T0 + HOUR + MINUTE),
            ("Jo Example", T0 + 5 * HOUR),
        ]
        assert logged(ledger) == {State.ACCEPTED: 1, State.RETRACTED: 1}

    def test_what_was_never_posted_cannot_be_retracted(self, ledger: SqlLedger) -> None:
        made = thread(ledger, parts=1)
        assert not ledger.begin_retraction(DeliveryId(made.id, 0), now=T0, again_at=T0)
        ledger.retract("launch", account=None, by="Jo Example", at=T0)
        assert not ledger.begin_retraction(DeliveryId(made.id, 0), now=T0, again_at=T0)
        assert logged(ledger) == {State.CANCELLED: 1}

    def test_a_deletion_that_is_told_twice_counts_once(self, ledger: SqlLedger) -> None:
        posted(ledger, parts=1)
        retract(ledger)
        (post,) = ledger.posts()
        for _ in range(2):
            ledger.end_retraction(post.delivery, there(0), now=T0 + HOUR, retry_at=T0 + HOUR)
        assert logged(ledger) == {State.RETRACTED: 1}


class TestWhatIsNotOutYet:
    def test_it_is_cancelled_with_the_waves_that_are_still_to_come(self, ledger: SqlLedger) -> None:
        approved(ledger, number=3)
        ledger.prepare_posts(ledger.waves()[0], ["national"], parts=3, at=T0)
        record(ledger, begun(ledger), there(0), Deferred("wait"), Deferred("wait"))
        ledger.prepare_posts(ledger.waves()[1], ["national"], parts=1, at=T0)
        told = ledger.retract("launch", account=None, by="Jo Example", at=T0 + HOUR)
        assert (told.posts, told.in_doubt, told.cancelled) == (1, 0, 3)
        assert [one.state for one in ledger.waves()] == [WaveState.CANCELLED] * 3
        assert sum(one.counts.get(State.CANCELLED, 0) for one in ledger.waves()) == 3
        assert not ledger.claim(owner="two", now=T0 + 9 * HOUR, lease=LEASE, most=9)

    def test_a_claim_that_has_not_begun_is_lost(self, ledger: SqlLedger) -> None:
        thread(ledger, "national", "ohio", parts=1)
        taken = claimed(ledger)
        told = ledger.retract("launch", account=taken.account, by="Jo Example", at=T0)
        assert (told.posts, told.cancelled) == (0, 1)
        with pytest.raises(ClaimLost):
            ledger.begin(taken, payload(1), now=T0)
        assert logged(ledger) == {State.CANCELLED: 1, State.PLANNED: 1}

    def test_one_account_is_retracted_and_the_others_go_on(self, ledger: SqlLedger) -> None:
        thread(ledger, "national", "ohio", parts=2)
        record(ledger, begun(ledger), there(0), there(1))
        told = ledger.retract("launch", account="ohio", by="Jo Example", at=T0)
        assert (told.posts, told.cancelled) == (0, 2)
        assert logged(ledger) == {State.ACCEPTED: 2, State.CANCELLED: 2}
        told = ledger.retract("launch", account="national", by="Jo Example", at=T0)
        assert (told.posts, told.cancelled) == (2, 0)
        assert [post.account for post in ledger.posts(to_retract=True)] == ["national", "national"]

    def test_what_is_under_way_is_retracted_once_it_is_known_to_stand(self, ledger: SqlLedger) -> None:
        thread(ledger)
        taken = begun(ledger)
        told = ledger.retract("launch", account=None, by="Jo Example", at=T0)
        assert (told.posts, told.in_doubt, told.cancelled) == (3, 3, 0)
        assert {(post.state, post.ref) for post in ledger.posts(to_retract=True)} == {(State.CLAIMED, "")}
        record(ledger, taken, there(0), there(1), Deferred("wait"))
        assert logged(ledger) == {State.ACCEPTED: 2, State.CANCELLED: 1}
        assert [post.ref for post in ledger.posts(to_retract=True)] == ["r0", "r1"]

    def test_what_is_in_doubt_is_retracted_if_it_turns_out_to_stand(self, ledger: SqlLedger) -> None:
        thread(ledger, "national", "ohio")
        record(ledger, begun(ledger), there(0), InDoubt("no reply"), Deferred("it waits for the part before it"))
        told = ledger.retract("launch", account="national", by="Jo Example", at=T0)
        assert (told.posts, told.in_doubt) == (3, 2)
        first, *others = ledger.posts(to_retract=True)
        assert first.is_up
        assert {(post.state, post.to_retract) for post in others} == {(State.IN_DOUBT, True)}
        assert not ledger.begin_retraction(others[0].delivery, now=T0 + HOUR, again_at=T0 + HOUR)
        (doubt,) = ledger.doubts()
        ledger.settle(doubt, {1: there(1), 2: NotSent("not there")}, now=T0 + MINUTE)
        assert [post.ref for post in ledger.posts(to_retract=True)] == ["r0", "r1"]
        assert logged(ledger) == {State.ACCEPTED: 2, State.CANCELLED: 1, State.PLANNED: 3}
        assert ledger.claim(owner="two", now=T0 + HOUR, lease=LEASE, most=9)[0].account == "ohio"

    def test_what_a_crash_left_under_way_is_in_doubt_and_still_to_be_retracted(self, ledger: SqlLedger) -> None:
        thread(ledger, parts=1)
        begun(ledger)
        ledger.retract("launch", account=None, by="Jo Example", at=T0)
        assert ledger.lapse(now=T0 + HOUR) == 1
        assert [post.state for post in ledger.posts(to_retract=True)] == [State.IN_DOUBT]
        ledger.settle(ledger.doubts()[0], {0: NotSent("not there")}, now=T0 + HOUR)
        assert list(ledger.posts(to_retract=True)) == []
        assert logged(ledger) == {State.CANCELLED: 1}
