"""Topping a step up, at the desk: as it is approved, within its embargo, and by the arm that won."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from campaign.errors import CampaignError, NotApproved
from campaign.flow import approve, rollout, top_up
from campaign.flow.approve import Standing
from campaign.model.batch import Payload, PostBatch
from campaign.model.decision import Decision
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Outcome, Refused
from campaign.model.plan import Step
from campaign.model.top_up import Reason
from campaign.model.wave import Wave, WaveState
from tests.builders import T0, ab_test, bundle, post_message, step, wave
from tests.desks import HOUR, Office, accept, office


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path) as made:
        yield made


def standing(desk: Office, chosen: Step, *, changed: bool = False) -> Standing:
    """How the step stands that was approved at the desk; ``changed`` since."""
    manifest = approve.manifest(bundle(chosen), (wave(chosen.id),))
    return Standing(chosen, manifest, desk.ledger.approvals().get(chosen.id), was=manifest if changed else None)


def go(desk: Office, chosen: Step, *, including: Sequence[Reason] = ()) -> Sequence[Wave]:
    now = desk.clock.now()
    found = top_up.look(desk.ledger, standing(desk, chosen), including=including, now=now)
    return top_up.place(desk.ledger, found, expected=found.number, batch_size=4, by="Jo Example", why="late", now=now)


def test_late_imports_get_what_the_others_got_and_the_others_nothing_more(desk: Office) -> None:
    chosen = step()
    desk.add(3)
    desk.approve(chosen)
    turn = rollout.turns(desk.desk)
    turn()
    desk.wait(HOUR)
    desk.add(5)
    (placed,) = go(desk, chosen)
    turn()
    assert placed.name == "alert#top-up-1"
    assert desk.states() == {State.ACCEPTED: 5}
    addresses = [row.address for batch, _ in desk.mail.got for row in batch.rows]
    assert sorted(addresses) == [f"person{n}@example.org" for n in range(5)]
    assert desk.mail.got[-1][0].content.subject == desk.mail.got[0][0].content.subject


def test_what_is_not_approved_as_it_is_is_not_topped_up(desk: Office) -> None:
    chosen = step()
    with pytest.raises(NotApproved, match="never approved"):
        top_up.look(desk.ledger, standing(desk, chosen), now=T0)
    desk.approve(chosen)
    rollout.turns(desk.desk)()
    with pytest.raises(NotApproved, match="not approved as it is now"):
        top_up.look(desk.ledger, standing(desk, chosen, changed=True), now=T0)


def test_the_embargo_holds(desk: Office) -> None:
    chosen = step(embargo=T0 + HOUR)
    desk.approve(chosen)
    with pytest.raises(CampaignError, match="under embargo until 22 May 2018 14:00"):
        top_up.look(desk.ledger, standing(desk, chosen), now=T0)


def test_before_anything_has_gone_out_nobody_is_missing(desk: Office) -> None:
    chosen = step()
    desk.approve(chosen, wave(due_at=T0 + HOUR))
    with pytest.raises(CampaignError, match="nothing of alert has gone out yet"):
        top_up.look(desk.ledger, standing(desk, chosen), now=T0)


def test_what_a_person_cancelled_is_topped_up_only_where_that_is_said(desk: Office) -> None:
    chosen = step()
    desk.add(2)
    desk.approve(chosen)
    desk.ledger.end_wave(desk.waves()[0].id, WaveState.CANCELLED, why="wrong day", at=T0)
    assert top_up.look(desk.ledger, standing(desk, chosen), now=T0).number == 0
    go(desk, chosen, including=[Reason.CANCELLED])
    rollout.turns(desk.desk)()
    assert desk.states() == {State.ACCEPTED: 2}


def test_a_top_up_of_a_step_that_was_changed_before_it_left_goes_to_nobody(desk: Office) -> None:
    chosen = step()
    desk.add(1)
    desk.approve(chosen)
    turn = rollout.turns(desk.desk)
    turn()
    desk.add(2)
    go(desk, chosen)
    digest = desk.digests["alert"]
    desk.digests["alert"] = "another"
    turn()
    assert [one.state for one in desk.waves()] == [WaveState.DONE, WaveState.CANCELLED]
    desk.digests["alert"] = digest
    turn()
    assert len(desk.mail.got) == 1
    go(desk, chosen)
    turn()
    assert [[row.address for row in batch.rows] for batch, _ in desk.mail.got[1:]] == [["person1@example.org"]]


def test_a_top_up_that_came_too_late_is_held_and_let_go_by_a_person(desk: Office) -> None:
    chosen = step()
    desk.add(1)
    made = desk.approve(chosen)
    turn = rollout.turns(desk.desk)
    turn()
    desk.add(2)
    go(desk, chosen)
    desk.wait(3 * HOUR)
    turn()
    assert [one.state for one in desk.waves()] == [WaveState.DONE, WaveState.HELD]
    manifest = approve.manifest(made, (wave(),))
    now = desk.clock.now()
    assert desk.ledger.approve(made, manifest, [wave()], by="Jo", at=now, release=True) == ("alert#top-up-1",)
    turn()
    assert desk.states() == {State.ACCEPTED: 2}


def test_of_an_ab_test_a_top_up_gets_what_won(desk: Office) -> None:
    chosen = step(ab_test=ab_test())
    desk.approve(chosen, replace(wave(), arm="a", share=chosen.ab_test.shares()["a"] if chosen.ab_test else None))
    rollout.turns(desk.desk)()
    with pytest.raises(CampaignError, match="not decided yet"):
        top_up.look(desk.ledger, standing(desk, chosen), now=T0)
    desk.ledger.decide(Decision("alert", "b", "Jo Example", T0, ()))
    desk.add(1)
    go(desk, chosen)
    rollout.turns(desk.desk)()
    assert desk.mail.got[-1][0].content.categories[-1] == "alert-b"


def test_of_a_thread_the_parts_that_are_missing_are_posted(desk: Office) -> None:
    chosen = step("launch", "x")

    def refuses_the_second(batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        del payload
        return [Accepted(ref="1"), *[Refused("suspended")] * (len(batch) - 1)]

    x = desk.posts["x"]
    x.delivers = refuses_the_second
    desk.approve(chosen, message=post_message("One.\n\n---\n\nTwo.\n\n---\n\nThree."))
    turn = rollout.turns(desk.desk)
    turn()
    assert desk.states() == {State.ACCEPTED: 1, State.REFUSED: 2}
    x.delivers = accept
    desk.wait(24 * HOUR)
    found = top_up.look(desk.ledger, standing(desk, chosen), now=desk.clock.now())
    assert (found.number, found.got) == (1, 1)
    go(desk, chosen)
    turn()
    again, _ = x.got[-1]
    assert ([part.text for part in again.parts], again.sent) == (["Two.", "Three."], ("1",))
    assert desk.states() == {State.ACCEPTED: 3}
