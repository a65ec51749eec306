"""Groups in the ledger, on each database: who joins, what comes back, and what ends with its wave."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from campaign.errors import GroupClosed
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.group import Group, GroupState
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.segment import Segment
from campaign.model.supporter import Reason
from campaign.model.wave import LEAD, Wave, WaveState
from campaign.ports.actions import Action
from campaign.ports.ledger import Filters
from campaign.storage.actions import SqlActions
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

NOW = T0 - timedelta(hours=2)
LEASE = timedelta(minutes=5)
DOUBT = InDoubt("no reply")


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    """A staged wave of twelve people, prepared in batches of two, to be handed over now."""
    ledger = SqlLedger(database, world="live")
    SqlSupporters(database).add(people(12), at=T0 - timedelta(days=9))
    staged = replace(step(), hand_off="staged", ahead=timedelta(hours=2))
    ledger.approve(bundle(staged), manifest(staged), [wave()], by="Jo", at=NOW)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=2, at=NOW)
    return ledger


def the_wave(ledger: SqlLedger) -> Wave:
    return ledger.waves()[0]


def claims(ledger: SqlLedger, most: int = 6) -> list[Claim]:
    return list(ledger.claim(owner="me", now=NOW, lease=LEASE, most=most))


def hand_over(ledger: SqlLedger, claim: Claim, group: Group | None, *outcomes: Outcome) -> None:
    assert ledger.begin(claim, payload(len(claim.seqs)), now=NOW, group=group) == ()
    told = outcomes or (Accepted("r"),) * len(claim.seqs)
    ledger.record(claim, dict(zip(claim.seqs, told, strict=True)), now=NOW, retry_at=NOW)


def opened(ledger: SqlLedger, size: int = 6, ref: str = "g") -> Group:
    return ledger.open_group(the_wave(ledger), ref, size=size, now=NOW)


def states(ledger: SqlLedger) -> dict[State, int]:
    found: dict[State, int] = {}
    for sent in ledger.log(Filters()):
        found[sent.state] = found.get(sent.state, 0) + 1
    assert dict(the_wave(ledger).counts) == found
    return found


def taken_back(ledger: SqlLedger, group: Group) -> int:
    ledger.call_back(group, why="a test says so", now=NOW)
    return ledger.called_back(group, now=NOW)


def test_a_staged_waves_batches_are_due_ahead_of_its_instant(ledger: SqlLedger) -> None:
    assert the_wave(ledger).ahead == timedelta(hours=2)
    assert the_wave(ledger).begins_at == NOW
    assert ledger.claim(owner="me", now=NOW - timedelta(seconds=1), lease=LEASE, most=9) == ()
    assert len(claims(ledger)) == 6


def test_a_wave_that_waits_is_next_when_it_is_to_be_handed_over_and_then_at_its_instant(database: Database) -> None:
    ledger = SqlLedger(database, world="live")
    staged = replace(step(), hand_off="staged", ahead=timedelta(hours=2))
    ledger.approve(bundle(staged), manifest(staged), [wave()], by="Jo", at=NOW)
    assert ledger.next_due(now=NOW - timedelta(hours=1)) == NOW - LEAD
    assert ledger.next_due(now=NOW - LEAD) == NOW
    assert ledger.next_due(now=NOW) == T0
    assert ledger.next_due(now=T0) is None


def test_a_group_is_open_until_it_is_full(ledger: SqlLedger) -> None:
    first, second, third = claims(ledger, 3)
    group = opened(ledger, size=2)
    assert (group.state, group.room, group.send_at) == (GroupState.OPEN, 2, T0)
    hand_over(ledger, first, group)
    hand_over(ledger, second, group)
    (full,) = ledger.groups()
    assert (full.state, full.room, full.batches) == (GroupState.FULL, 0, {State.ACCEPTED: 2})
    with pytest.raises(GroupClosed):
        ledger.begin(third, payload(2), now=NOW, group=group)
    assert states(ledger) == {State.ACCEPTED: 4, State.CLAIMED: 2, State.PLANNED: 6}
    hand_over(ledger, third, None)


def test_the_group_for_a_claim_is_one_with_room_or_the_size_of_a_new_one(ledger: SqlLedger) -> None:
    first, second, *_ = claims(ledger)
    assert ledger.group_for(first) == 1, "a tenth of six, and at least one"
    group = opened(ledger, size=1)
    assert ledger.group_for(first) == group
    hand_over(ledger, first, group)
    assert ledger.group_for(second) == 1


def test_a_batch_that_was_tried_before_joins_none_that_is_larger_than_half(database: Database) -> None:
    ledger = SqlLedger(database, world="live")
    SqlSupporters(database).add(people(35), at=T0 - timedelta(days=9))
    ledger.approve(bundle(), manifest(step()), [wave(due_at=NOW)], by="Jo", at=NOW)
    ledger.prepare_mail(the_wave(ledger), AUDIENCE, batch_size=1, at=NOW)
    (claim,) = claims(ledger, 1)
    assert ledger.group_for(claim) == 4
    large = opened(ledger, size=4)
    assert ledger.group_for(claim) == large
    assert [ledger.group_for(replace(claim, attempts=n)) for n in (2, 3, 4, 9)] == [2, 1, 1, 1]
    small = opened(ledger, size=2)
    assert ledger.group_for(replace(claim, attempts=2)) == small


def test_what_a_cancelled_group_held_is_planned_again_and_nothing_else(ledger: SqlLedger) -> None:
    first, second, third, *rest = claims(ledger)
    group, other = opened(ledger), opened(ledger, ref="other")
    hand_over(ledger, first, group)
    hand_over(ledger, second, group, DOUBT, DOUBT)
    hand_over(ledger, third, other)
    for claim in rest:
        hand_over(ledger, claim, None)
    assert taken_back(ledger, group) == 4
    assert states(ledger) == {State.PLANNED: 4, State.ACCEPTED: 8}
    assert [one.state for one in ledger.groups()] == [GroupState.CANCELLED, GroupState.OPEN]
    again = claims(ledger)
    assert sorted(seq for claim in again for seq in claim.seqs) == sorted((*first.seqs, *second.seqs))
    assert {claim.attempts for claim in again} == {2}


def test_those_of_a_batch_who_fared_otherwise_come_back_each_as_they_stand(ledger: SqlLedger) -> None:
    first, second, third, *_ = claims(ledger)
    group = opened(ledger)
    hand_over(ledger, first, group, Accepted("a"), DOUBT)
    hand_over(ledger, second, group, Accepted("a"), Refused("no such address"))
    hand_over(ledger, third, group, Accepted("a"), Accepted("of its own"))
    assert taken_back(ledger, group) == 5
    found = states(ledger)
    assert (found[State.PLANNED], found[State.REFUSED]) == (5, 1)
    assert State.ACCEPTED not in found
    assert State.IN_DOUBT not in found


def test_what_was_accepted_in_one_group_does_not_come_back_with_a_later_attempts(ledger: SqlLedger) -> None:
    (claim,) = claims(ledger, 1)
    first, second = opened(ledger, ref="first"), opened(ledger, ref="second")
    hand_over(ledger, claim, first, Accepted("a"), Deferred("later"))
    (again,) = (one for one in claims(ledger) if one.attempts == 2)
    assert len(again.seqs) == 1
    hand_over(ledger, again, second)
    assert taken_back(ledger, second) == 1
    assert taken_back(ledger, first) == 1


def test_a_group_comes_back_only_when_none_of_it_is_claimed(ledger: SqlLedger) -> None:
    first, second, *_ = claims(ledger)
    group = opened(ledger)
    hand_over(ledger, first, group)
    ledger.begin(second, payload(2), now=NOW, group=group)
    assert taken_back(ledger, group) == 0
    assert states(ledger)[State.ACCEPTED] == 2
    ledger.record(second, dict.fromkeys(second.seqs, Accepted()), now=NOW, retry_at=NOW)
    assert ledger.called_back(group, now=NOW) == 4


def test_nobody_joins_a_group_that_is_to_be_cancelled(ledger: SqlLedger) -> None:
    (claim,) = claims(ledger, 1)
    group = opened(ledger)
    ledger.call_back(group, why="a test says so", now=NOW)
    with pytest.raises(GroupClosed):
        ledger.begin(claim, payload(2), now=NOW, group=group)
    assert not isinstance(ledger.group_for(claim), Group)


def test_a_group_that_is_not_to_be_cancelled_does_not_come_back(ledger: SqlLedger) -> None:
    (claim,) = claims(ledger, 1)
    group = opened(ledger)
    hand_over(ledger, claim, group)
    assert ledger.called_back(group, now=NOW) == 0
    assert states(ledger)[State.ACCEPTED] == 2


@pytest.mark.parametrize(
    ("became", "state"),
    [
        (WaveState.CANCELLED, State.CANCELLED),
        (WaveState.MISSED, State.MISSED),
        (WaveState.HELD, State.PLANNED),
    ],
)
def test_what_comes_back_ends_with_a_wave_that_has_ended(ledger: SqlLedger, became: WaveState, state: State) -> None:
    group = opened(ledger)
    for claim in claims(ledger):
        hand_over(ledger, claim, group)
    ledger.end_wave(the_wave(ledger).id, became, why="Jo said so", at=NOW)
    assert states(ledger) == {State.ACCEPTED: 12}
    assert taken_back(ledger, group) == 12
    assert states(ledger) == {state: 12}
    assert the_wave(ledger).state is became


@pytest.mark.parametrize("unsure", [True, False])
def test_what_could_not_be_cancelled_for_certain_is_in_doubt(ledger: SqlLedger, *, unsure: bool) -> None:
    first, second, *_ = claims(ledger)
    group = opened(ledger)
    hand_over(ledger, first, group)
    hand_over(ledger, second, group, DOUBT, DOUBT)
    ledger.call_back(group, why="a test says so", now=NOW)
    ledger.not_called_back(group, why="too late", unsure=unsure, now=NOW)
    assert states(ledger)[State.IN_DOUBT] == (4 if unsure else 2)
    assert ledger.groups()[0].state is GroupState.FULL


def test_a_wave_is_done_only_when_its_provider_holds_nothing_of_it(ledger: SqlLedger) -> None:
    group = opened(ledger)
    for claim in claims(ledger):
        hand_over(ledger, claim, group)
    assert the_wave(ledger).state is WaveState.PREPARED
    ledger.close_wave(the_wave(ledger).id, now=T0 - timedelta(seconds=1))
    assert the_wave(ledger).state is WaveState.PREPARED
    ledger.close_wave(the_wave(ledger).id, now=T0)
    assert the_wave(ledger).state is WaveState.DONE


def test_those_in_a_group_who_may_not_be_written_to_are_counted(ledger: SqlLedger, database: Database) -> None:
    first, second, *_ = claims(ledger)
    group = opened(ledger)
    hand_over(ledger, first, group)
    supporters = SqlSupporters(database)
    later = NOW + timedelta(minutes=1)
    assert ledger.barred(group, now=later) == 0
    assert ledger.groups()[0].seen_at == later
    supporters.suppress("person0@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=NOW)
    supporters.forget("person1@example.org", at=NOW)
    supporters.suppress("person2@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=NOW)
    assert ledger.barred(group, now=later) == 2, "the third is in another batch"
    taken_back(ledger, group)
    assert states(ledger)[State.PLANNED] == 2
    claims(ledger)
    assert states(ledger)[State.SUPPRESSED] == 2
    del second


@pytest.mark.parametrize("acted", [False, None])
def test_those_in_a_group_who_have_acted_meanwhile_are_counted_where_it_is_for_those_who_have_not(
    ledger: SqlLedger, database: Database, *, acted: bool | None
) -> None:
    segment = Segment("not-yet", acted=acted)
    chosen = step("reminder", segment=segment, hand_off="staged", ahead=timedelta(hours=2))
    ledger.approve(bundle(chosen), manifest(chosen, "its own"), [wave("reminder")], by="Jo", at=NOW)
    [due] = ledger.waves(step="reminder")
    ledger.prepare_mail(due, replace(AUDIENCE, segment=segment), batch_size=6, at=NOW)
    group = ledger.open_group(due, "g", size=2, now=NOW)
    first, second = (claim for claim in claims(ledger, most=9) if claim.wave.step == "reminder")
    hand_over(ledger, first, group, *[Accepted("r")] * 5, Deferred("busy"))
    hand_over(ledger, second, group)
    assert ledger.barred(group, now=NOW) == 0
    acts = [people(12)[number].email for number in (0, 4, 5, 7)]
    SqlActions(database).record([Action(email, NOW) for email in acts], at=NOW)
    assert ledger.barred(group, now=NOW) == (0 if acted is None else 3), "one was deferred, and is not in it"
    taken_back(ledger, group)
    again = [claim for claim in claims(ledger, most=9) if claim.wave.step == "reminder"]
    left = {person.email for claim in again for person in claim.people}
    assert left == {new.email for new in people(12)} - (set() if acted is None else set(acts))


def test_a_held_wave_of_which_nothing_has_left_is_withdrawn_whole(ledger: SqlLedger) -> None:
    group = opened(ledger)
    for claim in claims(ledger):
        hand_over(ledger, claim, group)
    wave_id = the_wave(ledger).id
    assert not ledger.withdraw(wave_id), "it is not held"
    ledger.end_wave(wave_id, WaveState.HELD, why="changed", at=NOW)
    assert not ledger.withdraw(wave_id), "its provider has it"
    taken_back(ledger, group)
    assert ledger.withdraw(wave_id)
    found = the_wave(ledger)
    assert (found.state, found.planned, found.prepared_at, found.counts) == (WaveState.WAITING, 0, None, {})
    assert states(ledger) == {}
    assert ledger.prepare_mail(found, AUDIENCE, batch_size=2, at=NOW) == 12
    assert states(ledger) == {State.PLANNED: 12}


def test_a_held_wave_of_which_something_has_left_is_not_withdrawn(ledger: SqlLedger) -> None:
    (claim,) = claims(ledger, 1)
    hand_over(ledger, claim, None)
    ledger.end_wave(the_wave(ledger).id, WaveState.HELD, why="changed", at=NOW)
    assert not ledger.withdraw(the_wave(ledger).id)
    assert states(ledger)[State.ACCEPTED] == 2


def test_another_world_knows_nothing_of_it(ledger: SqlLedger, database: Database) -> None:
    opened(ledger)
    assert SqlLedger(database, world="sandbox").groups() == ()
