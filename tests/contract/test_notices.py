"""The box of notices, and the gauges of breakers, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaign.model.breaker import BREAKER, Gauge
from campaign.model.delivery import DeliveryId
from campaign.model.event import Event, EventKind
from campaign.model.notice import Notice, NoticeKind
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.wave import Wave, WaveState
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.notices import SqlOutbox
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LAUNCH = Notice("launch alert", NoticeKind.LAUNCH, "alert has begun\nThe first of it left.")


@pytest.fixture
def box(database: Database) -> SqlOutbox:
    return SqlOutbox(database, world="live")


def test_a_notice_is_made_once_and_goes_once_to_each_place(box: SqlOutbox) -> None:
    assert box.put(LAUNCH, places=["a", "b"], at=T0)
    assert not box.put(LAUNCH, places=["a", "b", "c"], at=T0)
    (taken,) = box.take("a", most=9, now=T0, again_at=T0 + MINUTE)
    assert (taken.text, taken.kind, taken.place, taken.attempts) == (LAUNCH.text, NoticeKind.LAUNCH, "a", 1)
    box.end([taken], at=T0)
    assert len(box.take("a", most=9, now=T0 + HOUR, again_at=T0 + HOUR)) == 0
    assert len(box.take("b", most=9, now=T0, again_at=T0 + MINUTE)) == 1
    assert len(box.take("c", most=9, now=T0, again_at=T0 + MINUTE)) == 0


def test_what_one_has_taken_another_does_not_take_before_its_time(box: SqlOutbox, database: Database) -> None:
    other = SqlOutbox(database, world="live")
    box.put(LAUNCH, places=["a"], at=T0)
    assert len(box.take("a", most=9, now=T0, again_at=T0 + MINUTE)) == 1
    assert len(other.take("a", most=9, now=T0, again_at=T0 + MINUTE)) == 0
    assert box.next_at() == T0 + MINUTE
    (again,) = other.take("a", most=9, now=T0 + MINUTE, again_at=T0 + HOUR)
    assert again.attempts == 2
    other.put_off([again], until=T0 + 2 * HOUR, why="it answered 500")
    assert other.next_at() == T0 + 2 * HOUR


def test_what_goes_to_nobody_waits_for_nobody(box: SqlOutbox) -> None:
    assert box.put(LAUNCH, places=[], at=T0)
    assert box.next_at() is None
    assert not box.put(LAUNCH, places=["a"], at=T0)
    assert box.next_at() is None


def test_a_notice_tells_others_as_well(box: SqlOutbox) -> None:
    box.put(Notice("held 1", NoticeKind.HOLD, "held", also=("held 2", "held 3")), places=["a"], at=T0)
    assert box.new(["held 1", "held 2", "held 3", "held 4"]) == {"held 4"}
    assert len(box.take("a", most=9, now=T0, again_at=T0 + MINUTE)) == 1


def test_places_that_are_no_more_are_waited_for_no_more(box: SqlOutbox) -> None:
    box.put(LAUNCH, places=["a", "b"], at=T0)
    assert box.end_elsewhere(["b"], at=T0, why="gone") == 1
    assert len(box.take("a", most=9, now=T0, again_at=T0 + MINUTE)) == 0
    assert len(box.take("b", most=9, now=T0, again_at=T0 + MINUTE)) == 1


def test_worlds_know_nothing_of_each_others_notices(box: SqlOutbox, database: Database) -> None:
    other = SqlOutbox(database, world="rehearsal")
    assert box.put(LAUNCH, places=["a"], at=T0)
    assert other.new([LAUNCH.key]) == {LAUNCH.key}
    assert other.put(LAUNCH, places=[], at=T0)
    assert len(other.take("a", most=9, now=T0, again_at=T0)) == 0


def prepared(ledger: SqlLedger, supporters: SqlSupporters, number: int, *waves: int) -> Wave:
    supporters.add(people(number), at=T0)
    made = bundle(step())
    planned = [wave(number=n, due_at=T0 + (n - 1) * HOUR) for n in waves]
    ledger.approve(made, manifest(step()), planned, by="Jo Example", at=T0 - HOUR)
    first = ledger.waves(step="alert")[0]
    ledger.prepare_mail(first, AUDIENCE, batch_size=10, at=T0)
    return first


def test_gauges_count_what_was_tried_and_what_became_of_it(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    first = prepared(ledger, supporters, 10, 1, 2)
    assert ledger.gauges() == []
    (claim,) = ledger.claim(owner="one", now=T0, lease=HOUR, most=9)
    ledger.begin(claim, payload(10), now=T0)
    told: list[Outcome] = [*[Accepted()] * 6, *[Refused("no")] * 2, Deferred("later"), InDoubt("lost")]
    ledger.record(claim, dict(zip(claim.seqs, told, strict=True)), now=T0, retry_at=T0 + HOUR)
    kinds = [EventKind.COMPLAINED, EventKind.BOUNCED, EventKind.BLOCKED, EventKind.BLOCKED, EventKind.DROPPED]
    events = [
        (DeliveryId(first.id, claim.seqs[place]), Event(f"e{number}", "sendgrid", "", kind, T0 + number * MINUTE))
        for number, (place, kind) in enumerate(zip((0, 1, 2, 2, 3), kinds, strict=True))
    ]
    ledger.apply(events, now=T0)
    of_step, of_channel = ledger.gauges()
    assert of_step.gauge == Gauge(taken=6, tried=10, complaints=1, bounces=2, refusals=3, deferrals=1, doubts=1)
    assert (of_step.step, of_step.channel, of_step.goes_out, of_step.stopped) == ("alert", "email", True, False)
    assert (of_channel.step, of_channel.gauge) == ("", of_step.gauge)


def test_gauges_begin_anew_where_a_breakers_stop_was_ended_and_only_there(
    ledger: SqlLedger, supporters: SqlSupporters, database: Database
) -> None:
    prepared(ledger, supporters, 20, 1, 2)
    one, other = ledger.claim(owner="one", now=T0, lease=HOUR, most=9)
    for claim in (one, other):
        ledger.begin(claim, payload(10), now=T0)
    ledger.record(one, dict.fromkeys(one.seqs, Refused("no")), now=T0, retry_at=T0)
    ledger.stop("alert", by="Jo Example", why="", at=T0)
    ledger.resume("alert", by="Jo Example", at=T0)
    assert [gauged.gauge.refusals for gauged in ledger.gauges()] == [10, 10]
    ledger.stop("alert", by=BREAKER, why="10 refused", at=T0)
    assert next(iter(ledger.gauges())).stopped
    ledger.resume("alert", by="Jo Example", at=T0)
    assert [(gauged.gauge, gauged.resumed > 0) for gauged in ledger.gauges()] == [(Gauge(), True)] * 2
    ledger.record(other, dict.fromkeys(other.seqs, Refused("no")), now=T0, retry_at=T0)
    # Another program, which was not there when it was resumed, counts from the same.
    assert [gauged.gauge.refusals for gauged in SqlLedger(database, world="live").gauges()] == [10, 10]
    assert SqlLedger(database, world="rehearsal").gauges() == []


def test_progress_tells_when_a_step_began_and_when_it_was_done(
    ledger: SqlLedger, supporters: SqlSupporters, box: SqlOutbox
) -> None:
    first = prepared(ledger, supporters, 10, 1, 2)
    (stands,) = box.progress()
    assert (stands.waves, stands.open, stands.began_at, stands.ended_at) == (2, 2, None, None)
    (claim,) = ledger.claim(owner="one", now=T0, lease=HOUR, most=9)
    ledger.begin(claim, payload(10), now=T0 + MINUTE)
    ledger.record(claim, dict.fromkeys(claim.seqs, Accepted()), now=T0 + MINUTE, retry_at=T0)
    assert box.progress()[0].began_at == T0 + MINUTE
    ledger.end_wave(first.id + 1, WaveState.CANCELLED, why="no more", at=T0 + HOUR)
    (stands,) = box.progress()
    assert (stands.open, stands.ended_at) == (0, T0 + HOUR)


def test_what_is_doubtful_is_counted_by_step_from_the_end_of_its_attempt(
    ledger: SqlLedger, supporters: SqlSupporters, box: SqlOutbox
) -> None:
    prepared(ledger, supporters, 20, 1)
    assert box.doubtful() == []
    for minutes, claim in enumerate(ledger.claim(owner="one", now=T0, lease=HOUR, most=9), start=1):
        ledger.begin(claim, payload(10), now=T0)
        ledger.record(claim, dict.fromkeys(claim.seqs, InDoubt("lost")), now=T0 + minutes * MINUTE, retry_at=T0)
    (one,) = box.doubtful()
    assert (one.step, one.channel, one.number, one.since) == ("alert", "email", 20, T0 + MINUTE)
