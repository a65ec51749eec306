"""Conditions and actions, on SQLite and on PostgreSQL: what was seen is kept, and who has acted is left out."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.model.condition import Looked, PageCondition, Seen
from campaign.model.delivery import State
from campaign.model.segment import Segment
from campaign.ports.actions import Action, Recorded
from campaign.ports.ledger import Filters
from campaign.storage.actions import HAS_ACTED, SqlActions
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, people, step, wave

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
PAGE = PageCondition("https://act.example.org/")
NOT_YET = Seen(is_met=False, evidence="503 Service Unavailable")
LIVE = Seen(is_met=True, evidence="200")


def approve(ledger: SqlLedger, digest: str = "d1", *, release: bool = False) -> int:
    chosen = step(when=(PAGE,))
    ledger.approve(bundle(chosen), manifest(chosen, digest), [wave()], by="Jo Example", at=T0, release=release)
    return ledger.waves()[0].id


def test_what_was_seen_is_kept_and_news_only_where_it_differs(ledger: SqlLedger) -> None:
    alert = approve(ledger)
    assert ledger.keep_look(alert, 0, NOT_YET, at=T0)
    assert not ledger.keep_look(alert, 0, NOT_YET, at=T0 + SECOND)
    assert ledger.looked([alert]) == {(alert, 0): Looked(T0 + SECOND, None, "503 Service Unavailable")}
    assert ledger.keep_look(alert, 0, LIVE, at=T0 + 2 * SECOND)


def test_what_was_met_stays_met_whatever_is_seen_after_it(ledger: SqlLedger) -> None:
    alert = approve(ledger)
    ledger.keep_look(alert, 0, LIVE, at=T0)
    assert not ledger.keep_look(alert, 0, NOT_YET, at=T0 + SECOND)
    assert ledger.looked() == {(alert, 0): Looked(T0, T0, "200")}


def test_of_a_wave_that_is_gone_nothing_is_kept(ledger: SqlLedger) -> None:
    assert not ledger.keep_look(4_711, 0, LIVE, at=T0)
    assert ledger.looked() == {}


def test_another_world_knows_nothing_of_it(ledger: SqlLedger, database: Database) -> None:
    ledger.keep_look(approve(ledger), 0, LIVE, at=T0)
    assert SqlLedger(database, world="another").looked() == {}


@pytest.mark.parametrize(
    ("digest", "release", "stays"), [("d1", False, True), ("d2", False, False), ("d1", True, False)]
)
def test_what_was_seen_is_forgotten_when_the_wave_is_approved_as_something_else_or_let_go(
    ledger: SqlLedger,
    digest: str,
    release: bool,  # noqa: FBT001 - a parameter of the test
    stays: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    ledger.keep_look(approve(ledger), 0, LIVE, at=T0)
    approve(ledger, digest, release=release)
    assert bool(ledger.looked()) is stays


def test_a_wave_that_the_plan_no_longer_has_is_removed_with_what_was_seen(ledger: SqlLedger) -> None:
    chosen = step(when=(PAGE,))
    both = [wave(), wave(number=2, due_at=T0 + HOUR)]
    ledger.approve(bundle(chosen), manifest(chosen), both, by="Jo Example", at=T0)
    for one in ledger.waves():
        ledger.keep_look(one.id, 0, NOT_YET, at=T0)
    ledger.approve(bundle(chosen), manifest(chosen, "d2"), both[:1], by="Jo Example", at=T0)
    assert [one.number for one in ledger.waves()] == [1]


# --- who has acted ---

NOT_ACTED = Segment("not-yet", acted=False)


def prepared(ledger: SqlLedger, segment: Segment) -> None:
    chosen = step(segment=segment)
    ledger.approve(bundle(chosen), manifest(chosen), [wave()], by="Jo Example", at=T0 - HOUR)
    audience = replace(AUDIENCE, segment=segment)
    ledger.prepare_mail(ledger.waves()[0], audience, batch_size=3, at=T0 - SECOND)


def claimed(ledger: SqlLedger) -> list[str]:
    claims = ledger.claim(owner="one", now=T0, lease=HOUR, most=9)
    return [person.email for claim in claims for person in claim.people]


def test_who_acts_between_prepare_and_claim_is_left_out(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(4), at=T0 - HOUR)
    first, *others = [new.email for new in people(4)]
    prepared(ledger, NOT_ACTED)
    SqlActions(database).record([Action(first, T0)], at=T0)
    assert claimed(ledger) == others
    [out] = ledger.log(Filters(state=State.SUPPRESSED))
    assert (out.recipient, out.why) == (first, HAS_ACTED)


def test_who_acts_is_not_left_out_of_a_step_that_is_for_everybody(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(4), at=T0 - HOUR)
    prepared(ledger, AUDIENCE.segment)
    SqlActions(database).record([Action(people(1)[0].email, T0)], at=T0)
    assert claimed(ledger) == [new.email for new in people(4)]


def test_where_all_of_a_batch_have_acted_nothing_is_claimed(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(2), at=T0 - HOUR)
    prepared(ledger, NOT_ACTED)
    SqlActions(database).record([Action(new.email, T0) for new in people(2)], at=T0)
    assert claimed(ledger) == []
    assert ledger.waves()[0].counts == {State.SUPPRESSED: 2}


def test_actions_are_counted_and_the_first_of_somebody_stands(database: Database, supporters: SqlSupporters) -> None:
    supporters.add(people(2), at=T0 - HOUR)
    one, other = [new.email for new in people(2)]
    actions = SqlActions(database)
    both = [Action(one.upper(), T0), Action(one, T0 - SECOND), Action("stranger@example.org", T0)]
    assert actions.record(both, at=T0) == Recorded(new=1, known=0, unknown=1)
    assert actions.record([Action(one, T0 - HOUR), Action(other, T0)], at=T0) == Recorded(new=1, known=1)
    found = supporters.find(one)
    assert found is not None
    assert found.acted_at == T0 - SECOND


def test_nobody_has_acted_later_than_now(database: Database, supporters: SqlSupporters) -> None:
    supporters.add(people(1), at=T0 - HOUR)
    SqlActions(database).record([Action(people(1)[0].email, T0 + HOUR)], at=T0)
    found = supporters.find(people(1)[0].email)
    assert found is not None
    assert found.acted_at == T0
