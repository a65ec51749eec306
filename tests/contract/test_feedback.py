"""Feedback's contract, on SQLite and on PostgreSQL: however often, late, and in whatever order events come."""

from __future__ import annotations

import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from campaign.channels import sendgrid_events
from campaign.engines.clock import VirtualClock
from campaign.flow import engagement
from campaign.flow.feedback import Feedback, Read
from campaign.model.delivery import State
from campaign.model.event import EventKind
from campaign.model.outcome import Accepted, Deferred, InDoubt
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.inbox import SqlInbox
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, payload
from tests.feedback import KEYS, LEASE, event, prepared, sent

SECOND = timedelta(seconds=1)
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"
ACT, LETTER = "https://act.example.org/", "https://example.org/letter"


def feedback(database: Database, *, world: str = "live") -> Feedback:
    ledger = SqlLedger(database, world=world)
    return Feedback(SqlInbox(database), ledger, KEYS, VirtualClock(T0), {"sendgrid": sendgrid_events.read})


def post(database: Database, *events: dict[str, Any]) -> dict[EventKind, int]:
    """Post them in one request, and apply it; how many were new."""
    SqlInbox(database).put("sendgrid", orjson.dumps(events), at=T0)
    return dict(feedback(database).apply())


def counts(database: Database) -> dict[State, int]:
    """By the counters, which the log has to agree with."""
    ledger = SqlLedger(database, world="live")
    counted = {state: n for state, n in ledger.waves()[0].counts.items() if n}
    found: dict[State, int] = {}
    for one in ledger.log(Filters()):
        found[one.state] = found.get(one.state, 0) + 1
    assert counted == found
    return found


def rows(database: Database) -> list[tuple[int, str, str, str]]:
    """What is recorded: delivery, kind, link, and why it is a program's."""
    e = t.events.c
    query = sa.select(e.seq, e.kind, e.link, e.machine).order_by(e.seq, e.happened_at, e.link)
    with database.read() as connection:
        return [(seq, kind, link, machine) for seq, kind, link, machine in connection.execute(query)]


def reason(database: Database, seq: int) -> Reason | None:
    found = SqlSupporters(database).suppression(f"person{seq}@example.org")
    return None if found is None else found.reason


def person_click(wave_id: int, seq: int, after_s: float, url: str = ACT, **more: Any) -> dict[str, Any]:
    return event(wave_id, seq, "click", at=T0 + after_s * SECOND, url=url, useragent=SAFARI, **more)


# --- once, in any order ---


def test_what_is_told_of_nearly_everybody_leaves_no_row_in_events(database: Database) -> None:
    wave_id = sent(database, 4)
    told = [event(wave_id, seq, kind) for seq in range(3) for kind in ("processed", "deferred", "delivered")]
    assert post(database, *told) == {EventKind.DELIVERED: 3}
    assert rows(database) == []
    assert counts(database) == {State.ACCEPTED: 1, State.DELIVERED: 3}


def everything(wave_id: int) -> list[dict[str, Any]]:
    fates: Sequence[Sequence[tuple[str, dict[str, Any]]]] = (
        [("processed", {}), ("delivered", {})],
        [("processed", {}), ("deferred", {}), ("delivered", {}), ("open", {"useragent": SAFARI})],
        [("processed", {}), ("bounce", {"type": "bounce"})],
        [("processed", {}), ("bounce", {"type": "blocked"})],
        [("dropped", {"reason": "Unsubscribed Address"})],
        [("delivered", {}), ("open", {}), ("click", {"url": ACT}), ("spamreport", {})],
        [("delivered", {}), ("unsubscribe", {})],
        [("delivered", {}), ("bounce", {"type": "bounce"})],
        [("delivered", {}), ("group_unsubscribe", {}), ("group_resubscribe", {})],
    )
    return [
        event(wave_id, seq, kind, at=T0 + (60 * place + seq) * SECOND, **more)
        for seq, fate in enumerate(fates)
        for place, (kind, more) in enumerate(fate)
    ]


AFTERWARDS = {State.DELIVERED: 4, State.BOUNCED: 2, State.ACCEPTED: 1, State.DROPPED: 1, State.COMPLAINED: 1}


@pytest.mark.parametrize("seed", range(4))
def test_in_whatever_order_and_pieces_events_come_it_ends_the_same(database: Database, seed: int) -> None:
    wave_id = sent(database, 9, batch_size=4)
    told = everything(wave_id)
    mixed = random.Random(seed)  # noqa: S311 - a test's order, no secret
    mixed.shuffle(told)
    while told:
        some = mixed.randint(1, 5)
        post(database, *told[:some])
        told = told[some:]
    assert counts(database) == AFTERWARDS
    reasons = [reason(database, seq) for seq in range(9)]
    assert reasons == [
        None, None, Reason.BOUNCED, None, Reason.UNSUBSCRIBED, Reason.COMPLAINED, Reason.UNSUBSCRIBED, Reason.BOUNCED,
        Reason.UNSUBSCRIBED,
    ]  # fmt: skip


def test_a_repeat_changes_nothing_under_its_own_id_or_another(database: Database) -> None:
    wave_id = sent(database, 9, batch_size=4)
    told = everything(wave_id)
    post(database, *told, *told)
    before, recorded = counts(database), rows(database)
    assert before == AFTERWARDS
    assert post(database, *told) == {}
    assert post(database, *(one | {"sg_event_id": f"changed {n}"} for n, one in enumerate(told))) == {}
    assert (counts(database), rows(database)) == (before, recorded)


def test_the_same_link_a_second_later_is_another_click(database: Database) -> None:
    wave_id = sent(database, 1)
    assert post(database, person_click(wave_id, 0, 60), person_click(wave_id, 0, 61)) == {EventKind.CLICKED: 2}


def test_a_repeat_does_not_suppress_again_whoever_has_come_back(database: Database) -> None:
    wave_id = sent(database, 1)
    left = event(wave_id, 0, "unsubscribe")
    post(database, left)
    SqlSupporters(database).lift("person0@example.org", source="they asked", at=T0)
    post(database, left, left | {"sg_event_id": "another"})
    assert reason(database, 0) is None


def test_ten_thousand_events_in_one_request_are_applied(database: Database) -> None:
    wave_id = sent(database, 2_500)
    told = [event(wave_id, seq, kind) for seq in range(2_500) for kind in ("processed", "delivered", "open", "click")]
    new = post(database, *told)
    assert new == {EventKind.DELIVERED: 2_500, EventKind.OPENED: 2_500, EventKind.CLICKED: 2_500}
    assert counts(database) == {State.DELIVERED: 2_500}


def test_one_bad_event_stops_no_other_and_is_said(database: Database) -> None:
    wave_id = sent(database, 2)
    bad = [7, {"event": "open", "key": KEYS.key(wave_id, 0), "timestamp": "soon"}, {"event": {}}]
    assert post(database, *bad, event(wave_id, 1, "delivered")) == {EventKind.DELIVERED: 1}  # type: ignore[arg-type]  # bad on purpose
    assert SqlInbox(database).standing().unread[0][1] == "2 of 4 events cannot be read"


# --- who must not be written to any more ---


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        ("Bounced Address", Reason.BOUNCED),
        ("Spam Reporting Address", Reason.COMPLAINED),
        ("Unsubscribed Address", Reason.UNSUBSCRIBED),
        ("Invalid", Reason.DROPPED),
        ("Recipient List over Package Quota", None),
        ("Spam Content", None),
    ],
)
def test_a_drop_suppresses_where_the_address_is_why(database: Database, why: str, expected: Reason | None) -> None:
    wave_id = sent(database, 1)
    post(database, event(wave_id, 0, "dropped", reason=why))
    assert counts(database) == {State.DROPPED: 1}
    assert reason(database, 0) is expected


def test_who_is_blocked_put_off_or_subscribes_to_a_group_again_is_neither_suppressed_nor_let_back(
    database: Database,
) -> None:
    wave_id = sent(database, 3)
    post(
        database,
        event(wave_id, 0, "bounce", type="blocked"),
        event(wave_id, 1, "deferred"),
        event(wave_id, 2, "group_unsubscribe"),
        event(wave_id, 2, "group_resubscribe", at=T0 + SECOND),
    )
    assert [reason(database, seq) for seq in range(3)] == [None, None, Reason.UNSUBSCRIBED]


def test_of_several_reasons_the_first_stands(database: Database) -> None:
    wave_id = sent(database, 1)
    post(database, event(wave_id, 0, "spamreport", at=T0 + SECOND), event(wave_id, 0, "unsubscribe"))
    assert reason(database, 0) is Reason.UNSUBSCRIBED


# --- what was in doubt ---


@pytest.mark.parametrize("kind", ["processed", "deferred", "delivered", "open"])
def test_the_first_word_of_any_of_them_settles_the_doubt_of_their_request(database: Database, kind: str) -> None:
    wave_id = sent(database, 4, outcome=InDoubt("the reply was lost"))
    post(database, event(wave_id, 2, kind))
    ledger = SqlLedger(database, world="live")
    assert ledger.doubts() == []
    assert ledger.waves()[0].state is WaveState.DONE
    assert State.IN_DOUBT not in counts(database)


def test_it_says_nothing_of_another_request(database: Database) -> None:
    wave_id = sent(database, 8, batch_size=4, outcome=InDoubt("the reply was lost"))
    post(database, event(wave_id, 2, "processed"))
    assert counts(database) == {State.ACCEPTED: 4, State.IN_DOUBT: 4}


def test_an_event_that_overtakes_the_reply_waits_for_it(database: Database) -> None:
    wave_id = prepared(database, 4)
    ledger = SqlLedger(database, world="live")
    (claim,) = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)
    ledger.begin(claim, payload(4), now=T0)
    assert post(database, event(wave_id, 1, "delivered"), event(wave_id, 2, "open")) == {}
    assert counts(database) == {State.CLAIMED: 4}
    assert SqlInbox(database).standing().waiting == 1
    ledger.record(claim, dict.fromkeys(claim.seqs, Accepted("m")), now=T0, retry_at=T0)
    assert feedback(database).apply() == {EventKind.DELIVERED: 1, EventKind.OPENED: 1}
    assert counts(database) == {State.ACCEPTED: 3, State.DELIVERED: 1}
    assert SqlInbox(database).standing().waiting == 0


def test_an_event_that_comes_while_a_dead_programs_claim_still_holds_settles_it_afterwards(database: Database) -> None:
    wave_id = prepared(database, 4)
    ledger = SqlLedger(database, world="live")
    (claim,) = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)
    ledger.begin(claim, payload(4), now=T0)
    post(database, event(wave_id, 1, "processed"))
    ledger.lapse(now=T0 + LEASE)
    assert counts(database) == {State.IN_DOUBT: 4}
    feedback(database).apply()
    assert counts(database) == {State.ACCEPTED: 4}


@pytest.mark.parametrize("kind", ["delivered", "bounce", "spamreport"])
def test_what_came_to_somebody_is_not_sent_again_whatever_was_believed(database: Database, kind: str) -> None:
    wave_id = sent(database, 3, outcome=Deferred("the provider said that it was not taken"))
    post(database, event(wave_id, 1, kind))
    ledger = SqlLedger(database, world="live")
    (claim,) = ledger.claim(owner="two", now=T0 + timedelta(days=1), lease=LEASE, most=1)
    assert claim.seqs == (0, 2)


@pytest.mark.parametrize("kind", ["processed", "dropped", "deferred"])
def test_what_is_only_being_worked_on_does_not_keep_it_from_being_sent(database: Database, kind: str) -> None:
    wave_id = sent(database, 3, outcome=Deferred("not taken"))
    post(database, event(wave_id, 1, kind, reason="Spam Content"))
    assert counts(database) == {State.DEFERRED: 3}


# --- whose it was ---


def test_a_scanner_is_told_from_a_person(database: Database) -> None:
    wave_id = sent(database, 3)
    post(
        database,
        *(event(wave_id, seq, "delivered") for seq in range(3)),
        event(wave_id, 0, "open", at=T0 + 60 * SECOND, useragent=SAFARI, sg_machine_open=True),
        person_click(wave_id, 1, 2),
        person_click(wave_id, 2, 90),
    )
    assert rows(database) == [
        (0, "opened", "", engagement.MARKED),
        (1, "clicked", ACT, engagement.TOO_SOON),
        (2, "clicked", ACT, ""),
    ]


def test_a_burst_that_spans_requests_turns_what_came_before(database: Database) -> None:
    wave_id = sent(database, 1)
    post(database, person_click(wave_id, 0, 600))
    assert rows(database) == [(0, "clicked", ACT, "")]
    post(database, person_click(wave_id, 0, 601, LETTER))
    assert [machine for *_, machine in rows(database)] == [engagement.TOO_MANY] * 2


def test_a_delivery_that_is_told_late_turns_the_click_that_came_too_soon(database: Database) -> None:
    wave_id = sent(database, 1)
    post(database, person_click(wave_id, 0, 3))
    post(database, event(wave_id, 0, "delivered"))
    assert [machine for *_, machine in rows(database)] == [engagement.TOO_SOON]
    post(database, person_click(wave_id, 0, 700))
    assert [machine for *_, machine in rows(database)] == [engagement.TOO_SOON, ""]


def test_a_better_rule_can_be_run_again_over_the_raw_bodies(database: Database) -> None:
    wave_id = sent(database, 2)
    post(database, person_click(wave_id, 0, 600), person_click(wave_id, 1, 600))
    post(database, person_click(wave_id, 0, 601, LETTER))
    right = rows(database)
    with database.write() as connection:
        connection.execute(sa.update(t.events).where(t.events.c.seq == 0).values(machine=""))
        connection.execute(sa.update(t.events).where(t.events.c.seq == 1).values(machine="by an older rule"))
    assert feedback(database).again() == 3
    assert rows(database) == right
    assert feedback(database).again() == 0


def test_running_it_again_since_a_day_leaves_what_was_before(database: Database) -> None:
    wave_id = sent(database, 1)
    post(database, person_click(wave_id, 0, 600))
    with database.write() as connection:
        connection.execute(sa.update(t.events).values(machine="by an older rule"))
    assert feedback(database).again(since=T0 + timedelta(days=1)) == 0
    assert rows(database)[0][3] == "by an older rule"


# --- several at once, and worlds ---


def test_two_that_apply_at_once_count_everything_once(database: Database) -> None:
    wave_id = sent(database, 60, batch_size=20)
    inbox = SqlInbox(database)
    for start in range(0, 60, 4):
        told = [
            event(wave_id, seq, kind) for seq in range(start, start + 4) for kind in ("delivered", "open", "bounce")
        ]
        inbox.put("sendgrid", orjson.dumps(told), at=T0)
    with ThreadPoolExecutor(3) as pool:
        new = [one.result() for one in [pool.submit(feedback(database).apply) for _ in range(3)]]
    assert sum(one[EventKind.BOUNCED] for one in new) == 60
    assert counts(database) == {State.BOUNCED: 60}
    assert len(rows(database)) == 120
    assert inbox.standing().waiting == 0


def test_an_applier_that_died_after_the_ledger_and_before_the_inbox_does_no_harm(database: Database) -> None:
    class Dies(SqlInbox):
        def applied(self, posted_id: int, *, at: datetime, why: str = "") -> None:
            raise KeyboardInterrupt(posted_id, at, why)

    wave_id = sent(database, 9, batch_size=4)
    inbox = SqlInbox(database)
    inbox.put("sendgrid", orjson.dumps(everything(wave_id)), at=T0)
    dying = feedback(database)
    dying.inbox = Dies(database)
    with pytest.raises(KeyboardInterrupt):
        dying.apply()
    assert inbox.standing().waiting == 1
    assert feedback(database).apply() == {}
    assert inbox.standing().waiting == 0
    assert counts(database) == AFTERWARDS


def test_events_of_another_worlds_waves_are_left_alone(database: Database) -> None:
    wave_id = sent(database, 2, world="sandbox")
    assert post(database, event(wave_id, 0, "bounce")) == {}
    assert reason(database, 0) is None


def test_a_reader_that_is_asked_for_nothing_changes_nothing(database: Database) -> None:
    inbox = SqlInbox(database)
    inbox.put("sendgrid", b"[]", at=T0)
    made = feedback(database)
    made.readers = {"sendgrid": lambda _body: Read(())}
    assert made.apply() == {}
    assert made.again() == 0


def test_who_went_in_a_request_of_their_own_proves_nothing_of_the_others(database: Database) -> None:
    wave_id = prepared(database, 4)
    ledger = SqlLedger(database, world="live")
    (claim,) = ledger.claim(owner="one", now=T0, lease=LEASE, most=1)
    ledger.set_apart(claim, [1], now=T0)
    rest = replace(claim, seqs=(0, 2, 3))
    ledger.begin(rest, payload(3), now=T0)
    ledger.record(rest, dict.fromkeys(rest.seqs, InDoubt("lost")), now=T0, retry_at=T0)
    (own,) = ledger.claim(owner="one", now=T0, lease=LEASE, most=8)
    assert own.seqs == (1,)
    ledger.begin(own, payload(1), now=T0)
    ledger.record(own, {1: InDoubt("lost")}, now=T0, retry_at=T0)
    post(database, event(wave_id, 1, "processed"))
    assert counts(database) == {State.IN_DOUBT: 3, State.ACCEPTED: 1}
    post(database, event(wave_id, 3, "delivered"))
    assert counts(database) == {State.ACCEPTED: 3, State.DELIVERED: 1}
