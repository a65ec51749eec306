"""What a provider holds until its instant goes out once, at its instant, and is taken back while it still can be."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from campaign.engines.clock import VirtualClock
from campaign.flow import hand_off
from campaign.flow.rollout import turns
from campaign.model.delivery import State
from campaign.model.group import GroupState
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.sandbox.faults import Fault
from campaign.sandbox.sendgrid_scheduled import PROVIDER
from tests.builders import T0, mail_message
from tests.desks import Told, office
from tests.staged import AHEAD, HOUR, MINUTE, Staged, at_provider, staged

ONCE = {f"person{place}@deliver.example.org": 1 for place in range(8)}
MARGIN = timedelta(minutes=10)


@pytest.fixture
def at(tmp_path: Path) -> Iterator[Staged]:
    with at_provider(tmp_path) as made:
        yield made


def lose_replies(at: Staged, number: int = 1) -> None:
    at.sandbox.world.faults.ask("sendgrid", Fault.DROP_REPLY, times=number)


def test_a_staged_wave_is_handed_over_ahead_and_leaves_at_its_instant(at: Staged) -> None:
    at.approve()
    at.run(T0 - AHEAD - MINUTE)
    assert at.requests == []
    at.run(T0 - AHEAD)
    assert sorted(address for request in at.requests for address in request) == sorted(ONCE)
    assert at.states() == {State.ACCEPTED: 8}
    assert at.wave().state is WaveState.PREPARED, "it can still come back"
    assert at.received() == {}
    at.run(T0)
    assert at.wave().state is WaveState.DONE
    assert at.received() == ONCE
    assert at.left_at() == {T0}


def test_a_wave_makes_about_ten_groups(tmp_path: Path) -> None:
    with at_provider(tmp_path, number=50, batch=2) as at:
        at.approve()
        at.run(T0 - HOUR)
        groups = at.groups()
        assert [sum(group.batches.values()) for group in groups] == [3] * 8 + [1]
        assert {group.state for group in groups} == {GroupState.FULL, GroupState.OPEN}


def test_a_lost_reply_is_settled_by_cancelling_its_group_alone(at: Staged) -> None:
    at.approve()
    lose_replies(at)
    at.run(T0 - HOUR)
    assert at.states() == {State.ACCEPTED: 8}
    assert [group.state for group in at.groups()].count(GroupState.CANCELLED) == 1
    assert sorted(map(len, at.requests)) == [2] * 5, "one of four requests was made again"
    at.run(T0 + HOUR)
    assert at.received() == ONCE


def test_every_reply_lost_and_lost_again_converges(at: Staged) -> None:
    at.sandbox.world.faults.ask("sendgrid", Fault.DROP_REPLY)
    at.approve()
    at.run(T0 + HOUR)
    assert at.received() == ONCE
    assert at.states() == {State.DELIVERED: 8}


def test_what_was_accepted_beside_a_lost_reply_comes_back_with_it_and_goes_once(tmp_path: Path) -> None:
    with at_provider(tmp_path, number=40, batch=2) as at:
        at.approve()
        lose_replies(at)
        at.run(T0 - HOUR)
        assert len(at.requests) == 22, "both requests of the group were made again"
        at.run(T0 + HOUR)
        assert set(at.received().values()) == {1}
        assert len(at.received()) == 40


@pytest.mark.parametrize("fault", [Fault.DROP_REPLY, Fault.ERROR, Fault.UNAVAILABLE, Fault.RATE_LIMIT])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_cancellation_that_fails_is_tried_until_it_is_confirmed(at: Staged, fault: Fault, times: int) -> None:
    at.approve()
    at.run(T0 - AHEAD - MINUTE)
    lose_replies(at)
    at.sandbox.world.faults.ask(PROVIDER, fault, times=times)
    at.run(T0 + HOUR)
    assert at.received() == ONCE
    assert at.states() == {State.DELIVERED: 8}


def test_a_provider_that_lets_no_more_be_cancelled_leaves_the_doubt_to_a_person(tmp_path: Path) -> None:
    with at_provider(tmp_path, limits={PROVIDER: 0}, address="person{}@silent.example.org") as at:
        at.approve()
        lose_replies(at)
        at.run(T0 + HOUR)
        assert at.states() == {State.ACCEPTED: 6, State.IN_DOUBT: 2}
        assert set(at.received().values()) == {1}
        assert any("maximum of 0" in told for told in at.told)
        assert sum("not taken back yet" in told for told in at.told) == 1, "it is said once"


def test_what_is_in_doubt_for_want_of_cancelling_is_settled_by_the_first_event(tmp_path: Path) -> None:
    with at_provider(tmp_path, limits={PROVIDER: 0}) as at:
        at.approve()
        lose_replies(at)
        at.run(T0 - MINUTE)
        assert at.states() == {State.ACCEPTED: 6, State.IN_DOUBT: 2}
        at.run(T0 + MINUTE)
        at.run(T0 + 2 * MINUTE)
        assert at.states() == {State.DELIVERED: 8}
        assert at.received() == ONCE


def test_what_is_cancelled_too_late_to_be_sure_is_in_doubt_all_of_it(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    (group, *_) = at.groups()
    at.ledger.call_back(group, why="a test says so", now=at.clock.now())
    at.desk.mails["sendgrid"].staging.cancel(group.ref)  # type: ignore[union-attr]  # SendGrid has one
    at.clock.sleep_until(T0 - 9 * MINUTE)
    at.run(T0 - 8 * MINUTE)
    assert at.states() == {State.ACCEPTED: 6, State.IN_DOUBT: 2}
    at.run(T0 + HOUR)
    assert at.states() == {State.DELIVERED: 6, State.IN_DOUBT: 2}, "nobody may send to them again"


def test_a_group_that_turns_out_not_to_be_cancelled_stays_as_it_was(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    (group, *_) = at.groups()
    at.ledger.call_back(group, why="a test says so", now=at.clock.now())
    at.clock.sleep_until(T0 - 9 * MINUTE)
    at.run(T0 + HOUR)
    assert at.states() == {State.DELIVERED: 8}
    assert at.received() == ONCE


def test_nothing_is_handed_over_to_be_held_near_the_margin_but_goes_out_at_the_instant(at: Staged) -> None:
    at.clock.sleep_until(T0 - MARGIN - hand_off.SLACK)
    at.approve()
    at.run(T0 - MINUTE)
    assert at.requests == []
    assert at.states() == {State.DEFERRED: 8}
    at.run(T0)
    assert at.received() == ONCE
    assert at.groups() == ()


def test_a_step_approved_within_its_time_ahead_is_handed_over_at_once(at: Staged) -> None:
    at.clock.sleep_until(T0 - HOUR)
    at.approve()
    at.run(T0 - HOUR)
    assert at.states() == {State.ACCEPTED: 8}


def test_what_is_handed_over_for_longer_than_the_provider_holds_waits(tmp_path: Path) -> None:
    with at_provider(tmp_path, now=T0 - timedelta(hours=100)) as at:
        at.approve(replace(staged(), ahead=timedelta(hours=90)))
        at.run(T0 - timedelta(hours=72, minutes=1))
        assert at.requests == []
        at.run(T0 - timedelta(hours=72))
        assert at.states() == {State.ACCEPTED: 8}


def test_nothing_is_handed_over_before_the_embargo(at: Staged) -> None:
    at.approve(replace(staged(), embargo=T0 - HOUR))
    at.run(T0 - HOUR - MINUTE)
    assert at.requests == []
    at.run(T0 - HOUR)
    assert at.states() == {State.ACCEPTED: 8}


@pytest.mark.parametrize("before", [HOUR, 40 * MINUTE, 20 * MINUTE])
def test_who_leaves_in_between_is_taken_out(at: Staged, before: timedelta) -> None:
    at.approve()
    at.run(T0 - before)
    at.supporters.suppress("person3@deliver.example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0 - before)
    at.run(T0 + HOUR)
    assert at.received() == {address: 1 for address in ONCE if "person3" not in address}
    assert at.states() == {State.DELIVERED: 7, State.SUPPRESSED: 1}
    assert len([group for group in at.groups() if group.state is GroupState.CANCELLED]) == 1


def test_several_who_leave_cost_one_cancellation_of_their_group(at: Staged) -> None:
    at.approve()
    at.run(T0 - 2 * AHEAD / 3)
    for place in (2, 3):
        address = f"person{place}@deliver.example.org"
        at.supporters.suppress(address, reason=Reason.UNSUBSCRIBED, source="test", at=at.clock.now())
    at.run(T0 + HOUR)
    assert len(at.groups(GroupState.CANCELLED)) == 1
    assert at.states() == {State.DELIVERED: 6, State.SUPPRESSED: 2}


def test_who_is_forgotten_in_between_gets_nothing(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.supporters.forget("person3@deliver.example.org", at=T0 - HOUR)
    at.run(T0 + HOUR)
    assert "person3@deliver.example.org" not in at.received()


def test_who_leaves_within_the_margin_still_gets_it(at: Staged) -> None:
    at.approve()
    at.run(T0 - 9 * MINUTE)
    at.supporters.suppress("person3@deliver.example.org", reason=Reason.UNSUBSCRIBED, source="test", at=at.clock.now())
    at.run(T0 + HOUR)
    assert at.received() == ONCE


@pytest.mark.parametrize("became", [WaveState.CANCELLED, WaveState.MISSED])
def test_a_wave_that_is_stopped_is_taken_back(at: Staged, became: WaveState) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.ledger.end_wave(at.wave().id, became, why="Jo said so", at=at.clock.now())
    hand_off.reach(at.desk)
    assert at.states() == {State(became.value): 8}
    at.run(T0 + HOUR)
    assert at.received() == {}
    assert at.wave().state is became


def test_a_wave_stopped_elsewhere_is_reached_within_minutes(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.ledger.end_wave(at.wave().id, WaveState.CANCELLED, why="Jo said so", at=at.clock.now())
    at.run(T0 - HOUR + 5 * MINUTE)
    assert at.states() == {State.CANCELLED: 8}


def test_a_wave_that_is_held_is_planned_again_and_goes_on_when_it_is_released(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.ledger.end_wave(at.wave().id, WaveState.HELD, why="Jo said so", at=at.clock.now())
    at.run(T0 - HOUR + MINUTE)
    hand_off.reach(at.desk)
    assert at.states() == {State.PLANNED: 8}
    assert at.wave().state is WaveState.HELD


def test_what_cannot_be_reached_any_more_goes_out_and_is_said_to(at: Staged) -> None:
    at.approve()
    at.run(T0 - 9 * MINUTE)
    at.ledger.end_wave(at.wave().id, WaveState.CANCELLED, why="Jo said so", at=at.clock.now())
    at.run(T0 + HOUR)
    assert at.states() == {State.DELIVERED: 8}
    assert at.received() == ONCE


def test_a_step_that_changes_while_it_is_held_comes_back_and_waits_for_approval(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.digests["alert"] = "of other files"
    at.run(T0 - 30 * MINUTE)
    assert at.wave().state is WaveState.WAITING
    assert at.states() == {}
    at.run(T0 + HOUR)
    assert at.received() == {}


def test_what_changed_and_is_approved_again_goes_out_at_its_instant_as_it_is_now(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    at.approve(message=mail_message(subject="Another subject"))
    at.run(T0 - HOUR + 10 * MINUTE)
    assert at.states() == {State.ACCEPTED: 8}
    at.run(T0 + MINUTE)
    assert at.received() == ONCE
    assert {one["subject"] for one in at.sandbox.taken()} == {"Another subject"}
    assert at.left_at() == {T0}


def test_a_change_after_the_margin_holds_what_has_not_gone_and_lets_the_rest_go(at: Staged) -> None:
    at.approve()
    at.run(T0 - 5 * MINUTE)
    at.digests["alert"] = "of other files"
    at.run(T0 + HOUR)
    assert at.received() == ONCE
    assert at.states() == {State.DELIVERED: 8}


def test_a_claim_under_way_in_another_program_holds_up_the_cancelling(at: Staged) -> None:
    at.approve()
    at.run(T0 - AHEAD - MINUTE)
    at.clock.sleep_until(T0 - HOUR)
    lose_replies(at)
    at.run(T0 - HOUR)
    assert at.received() == {}
    assert at.states() == {State.ACCEPTED: 8}


def test_a_program_that_died_while_cancelling_is_taken_up_by_the_next(at: Staged) -> None:
    at.approve()
    at.run(T0 - HOUR)
    (group, *_) = at.groups()
    at.ledger.call_back(group, why="a test says so", now=at.clock.now())
    at.turn = turns(at.desk)
    at.run(T0 - HOUR + MINUTE)
    assert at.groups()[0].state is GroupState.CANCELLED
    at.run(T0 + HOUR)
    assert at.received() == ONCE


def test_a_provider_without_the_means_gets_it_directly_at_the_instant(tmp_path: Path) -> None:
    with office(tmp_path) as at:
        at.clock = at.desk.clock
        at.add(4)
        at.approve(staged())
        turn = turns(at.desk)
        turn()
        assert at.states() == {State.ACCEPTED: 4}
        (batch, _), *_ = at.mail.got
        assert (batch.send_at, batch.group) == (None, "")


def test_such_a_provider_gets_nothing_before_the_instant(tmp_path: Path) -> None:
    with office(tmp_path, mail=Told("sendgrid"), clock=VirtualClock(T0 - HOUR)) as at:
        at.add(4)
        at.approve(staged())
        turn = turns(at.desk)
        assert (turn() or T0) <= T0
        assert at.mail.got == []
        at.wait(HOUR)
        turn()
        assert at.states() == {State.ACCEPTED: 4}


def test_no_group_to_be_had_delays_the_wave_and_loses_nothing(at: Staged) -> None:
    at.approve()
    at.sandbox.world.faults.ask(PROVIDER, Fault.UNAVAILABLE, times=3)
    at.run(T0 - HOUR)
    assert at.states() == {State.ACCEPTED: 8}
    assert sum("no batch_id" in told for told in at.told) == 3
    at.run(T0 + HOUR)
    assert at.received() == ONCE


def test_with_no_group_to_be_had_at_all_it_goes_out_directly_at_the_instant(at: Staged) -> None:
    at.approve()
    at.sandbox.world.faults.ask(PROVIDER, Fault.UNAVAILABLE)
    at.run(T0 - MINUTE)
    assert at.requests == []
    at.run(T0)
    assert at.received() == ONCE
    assert at.left_at() == {T0}
