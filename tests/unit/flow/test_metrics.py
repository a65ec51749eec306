"""metrics: figures are read at some instants after posting, while nothing is to be sent, and then no more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from campaign.flow import metrics, rollout
from campaign.model.delivery import State
from campaign.model.media import Metrics
from campaign.model.outcome import Deferred, Outcome, Refused
from campaign.model.posted import READ_AFTER
from campaign.model.price import Prices
from campaign.model.wave import LEAD
from tests.builders import T0, post_message, step, wave
from tests.desks import HOUR, MINUTE, Office

DAY = 24 * HOUR


def posted(at: Office, *accounts: str, parts: int = 1) -> None:
    """A post at T-0 from each account, and a desk that reads figures back."""
    text = "\n---\n".join(f"Part {n}." for n in range(parts))
    at.approve(step("launch", "x", accounts=accounts or ("national",)), wave("launch"), message=post_message(text))
    rollout.turns(at.desk)()
    at.desk.read_after = READ_AFTER


def read(at: Office) -> list[int]:
    """How many posts each call was about, since this was last asked."""
    found = [len(refs) for _, refs in at.posts["x"].read]
    at.posts["x"].read.clear()
    return found


def test_each_post_is_read_at_its_instants_and_then_no_more(at: Office) -> None:
    posted(at)
    instants = []
    while (due_at := metrics.next_at(at.desk)) is not None:
        at.clock.sleep_until(due_at)
        assert metrics.read(at.desk, until=None) == 1
        instants.append(at.clock.now() - T0)
    assert instants == [15 * MINUTE, HOUR, 3 * HOUR, 12 * HOUR, DAY, 2 * DAY, 4 * DAY, 7 * DAY]
    at.wait(100 * DAY)
    assert metrics.read(at.desk, until=None) == 0


def test_nothing_is_read_before_its_instant_or_twice(at: Office) -> None:
    posted(at)
    assert metrics.read(at.desk, until=None) == 0
    at.wait(20 * MINUTE)
    assert [metrics.read(at.desk, until=None) for _ in range(2)] == [1, 0]


def test_the_figures_are_kept_as_the_network_tells_them(at: Office) -> None:
    posted(at)
    at.posts["x"].figures = lambda _account, refs: {ref: Metrics(likes=7, replies=2) for ref in refs}
    at.wait(15 * MINUTE)
    metrics.read(at.desk, until=None)
    (post,) = at.ledger.posts()
    assert post.reading is not None
    assert (post.reading.metrics, post.reading.read_at) == (Metrics(likes=7, replies=2), T0 + 15 * MINUTE)


def test_a_post_that_is_not_there_any_more_gets_a_reading_without_figures(at: Office) -> None:
    posted(at)
    at.posts["x"].figures = lambda _account, _refs: {}
    at.wait(15 * MINUTE)
    assert metrics.read(at.desk, until=None) == 0
    (post,) = at.ledger.posts()
    assert post.reading is not None
    assert post.reading.metrics == Metrics()


def test_an_account_is_asked_once_for_all_that_is_due_soon(at: Office) -> None:
    posted(at, "national", "ohio", parts=3)
    later = step("second", "x")
    at.wait(3 * MINUTE)
    at.approve(later, wave("second", due_at=T0 + 3 * MINUTE), message=post_message("More."))
    rollout.turns(at.desk)()
    at.wait(12 * MINUTE)
    metrics.read(at.desk, until=None)
    assert read(at) == [4, 3]
    at.wait(5 * MINUTE)
    metrics.read(at.desk, until=None)
    assert read(at) == []


def test_what_was_missed_while_nothing_ran_is_made_up_for_once(at: Office) -> None:
    posted(at)
    at.wait(30 * HOUR)
    assert metrics.read(at.desk, until=None) == 1
    assert metrics.next_at(at.desk) == T0 + 2 * DAY


def test_nothing_is_read_while_something_is_to_be_sent_soon(at: Office) -> None:
    posted(at)
    now = at.wait(HOUR)
    for until in (now, now + timedelta(seconds=30)):
        metrics.read(at.desk, until=until)
    assert read(at) == []
    metrics.read(at.desk, until=now + 2 * MINUTE)
    assert read(at) == [1]


def test_nothing_more_is_read_once_the_program_is_to_stop(at: Office) -> None:
    posted(at)
    at.wait(HOUR)
    at.desk.stopping.set()
    metrics.read(at.desk, until=None)
    assert read(at) == []


def test_a_network_that_does_not_tell_is_left_alone_until_it_says(at: Office) -> None:
    posted(at)
    now = at.wait(15 * MINUTE)
    at.posts["x"].figures = lambda _account, _refs: Deferred("too many", until=now + 40 * MINUTE, scope="account")
    assert metrics.read(at.desk, until=None) == 0
    assert metrics.next_at(at.desk) == now + 40 * MINUTE
    at.wait(39 * MINUTE)
    metrics.read(at.desk, until=None)
    assert read(at) == [1]
    at.wait(MINUTE)
    metrics.read(at.desk, until=None)
    assert read(at) == [1]


def test_a_network_that_never_tells_is_asked_ever_more_rarely_and_told_of_once(at: Office) -> None:
    posted(at)
    at.wait(15 * MINUTE)
    at.told.clear()
    at.posts["x"].figures = lambda _account, _refs: Deferred("not now")
    waits = []
    for _ in range(9):
        before = at.clock.now()
        metrics.read(at.desk, until=None)
        due_at = metrics.next_at(at.desk)
        assert due_at is not None
        waits.append((due_at - before) / MINUTE)
        at.clock.sleep_until(due_at)
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert at.told == ["x national: the figures of its posts are not told for now: not now"]


def test_what_keeps_figures_back_never_keeps_posts_back(at: Office) -> None:
    posted(at)
    at.wait(15 * MINUTE)

    def broken(_account: str, _refs: Sequence[str]) -> Mapping[str, Metrics]:
        raise RuntimeError("a mistake of the channel's own")

    at.posts["x"].figures = broken
    metrics.read(at.desk, until=None)
    at.approve(step("second", "x"), wave("second", due_at=at.clock.now()), message=post_message("More."))
    rollout.turns(at.desk)()
    assert at.states("second") == {State.ACCEPTED: 1}


def test_what_was_not_posted_and_what_is_to_be_deleted_is_not_read(at: Office) -> None:
    def refuse(batch: object, _payload: object) -> Sequence[Outcome]:
        return [Refused("no")]

    posted(at)
    at.posts["x"].delivers = refuse
    at.approve(step("second", "x"), wave("second"), message=post_message("More."))
    rollout.turns(at.desk)()
    at.ledger.retract("launch", account=None, by="Jo Example", at=T0)
    at.wait(HOUR)
    metrics.read(at.desk, until=None)
    assert read(at) == []
    assert metrics.next_at(at.desk) is None


def test_without_instants_nothing_is_read(at: Office) -> None:
    posted(at)
    at.desk.read_after = ()
    at.wait(DAY)
    assert metrics.read(at.desk, until=None) == 0
    assert metrics.next_at(at.desk) is None


def test_a_reading_costs_what_an_own_read_costs_and_stops_at_the_budget(at: Office) -> None:
    posted(at, parts=3)
    at.desk.prices = {"x": Prices(own_read=1_000)}
    at.desk.budgets = {"x": 5_000}
    at.wait(15 * MINUTE)
    assert metrics.read(at.desk, until=None) == 3
    assert at.ledger.spent() == {"x": 3_000}
    at.wait(HOUR)
    assert metrics.read(at.desk, until=None) == 0
    assert read(at) == [3]
    assert at.ledger.spent() == {"x": 3_000}
    assert at.told[-1] == "x national: the figures of its posts are not told for now: the budget is spent"


class TestTurns:
    def test_figures_are_read_between_what_is_sent_and_the_end_does_not_wait_for_them(self, at: Office) -> None:
        at.desk.read_after = READ_AFTER
        at.approve(step("launch", "x"), wave("launch"), message=post_message("Read it."))
        at.approve(step("second", "x"), wave("second", due_at=T0 + 2 * HOUR), message=post_message("More."))
        turn = rollout.turns(at.desk)
        instants: list[datetime] = []
        while (following := turn()) is not None:
            instants.append(following)
            at.clock.sleep_until(following)
        assert [instant - T0 for instant in instants[:3]] == [15 * MINUTE, HOUR, 2 * HOUR - LEAD]
        assert at.states() == {State.ACCEPTED: 2}
        assert read(at) == [1, 1]
        # Whoever stays for them learns when they come.
        assert metrics.next_at(at.desk) == T0 + 2 * HOUR + 15 * MINUTE
