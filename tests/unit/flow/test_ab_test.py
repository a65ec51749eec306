"""Which arm the rest gets: what the numbers say, when it is decided, and by whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import time, timedelta
from pathlib import Path

import pytest

from campaign.errors import CampaignError
from campaign.flow import ab_test, due, rollout, schedule
from campaign.flow.ab_test import look
from campaign.model.batch import MailBatch, Payload
from campaign.model.decision import TEST, ArmFigures
from campaign.model.delivery import DeliveryId, State
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Deferred, Outcome
from campaign.model.plan import AbTest, Late, Relative, Step
from campaign.model.wave import WINNER, Wave, WaveState
from tests import builders
from tests.builders import T0, plan, step
from tests.desks import HOUR, MINUTE, HandClock, Office, Told, accept, office


def figures(*arms: tuple[int, int]) -> list[ArmFigures]:
    """Arms a, b, … of which so many clicked, of so many."""
    return [ArmFigures("abcde"[n], of, of, 0, hits) for n, (hits, of) in enumerate(arms)]


# ── what the numbers say ──


def test_a_lead_that_may_be_chance_is_called_so() -> None:
    found = look(figures((40, 1000), (52, 1000)), "clicks")
    assert not found.lacks
    assert found.leader is not None
    assert found.leader.figures.arm == "b"
    assert not found.tells_apart
    assert found.words() == "b led a by 1.2 points (95%: -0.7 to 3.1): the numbers do not tell them apart"


def test_a_lead_that_is_none_of_chance_is_called_so() -> None:
    found = look(figures((600, 10_000), (500, 10_000)), "clicks")
    assert found.tells_apart
    assert found.words() == "a led b by 1.0 points (95%: 0.4 to 1.6): the numbers tell them apart"


def test_among_several_arms_it_takes_more_to_be_told_apart() -> None:
    """Of five arms that are alike one is always ahead; all ten comparisons hold at 95% together."""
    two = look(figures((560, 10_000), (496, 10_000)), "clicks")
    five = look(figures((560, 10_000), (496, 10_000), (490, 10_000), (490, 10_000), (490, 10_000)), "clicks")
    assert two.tells_apart
    assert not five.tells_apart
    assert "95% over all 10 pairs" in five.words()


def test_arms_that_are_level_are_called_so_and_the_first_leads() -> None:
    found = look(figures((50, 1000), (50, 1000)), "clicks")
    assert found.leader is not None
    assert found.leader.figures.arm == "a"
    assert found.words().startswith("a and b are level (95%: -1.9 to 1.9)")


def test_the_leader_is_the_best_share_and_not_the_most() -> None:
    found = look(figures((60, 2000), (50, 1000)), "clicks")
    assert found.leader is not None
    assert found.leader.figures.arm == "b"


def test_actions_are_not_clicks() -> None:
    arms = [ArmFigures("a", 500, 500, 0, clicked=90, acted=10), ArmFigures("b", 500, 500, 0, clicked=10, acted=60)]
    assert [look(arms, by).leader.figures.arm for by in ("clicks", "actions", "hand")] == ["a", "b", "a"]  # type: ignore[union-attr]  # there are leaders


@pytest.mark.parametrize(
    ("arms", "lacks"),
    [
        (figures((40, 1000), (5, 99)), 'too few: the arm "b" has reached 99 people, and each must reach 100'),
        (figures((40, 1000), (0, 0)), 'too few: the arm "b" has reached 0 people, and each must reach 100'),
        (figures((0, 1000), (0, 1000)), "nobody has clicked in any arm"),
    ],
)
def test_what_the_numbers_lack_is_said(arms: Sequence[ArmFigures], lacks: str) -> None:
    assert look(arms, "clicks").lacks == lacks


def test_nobody_clicks_what_was_not_sent_to_them() -> None:
    """The event of a delivery in doubt counts nobody beyond those who were reached."""
    assert look(figures((3, 2), (0, 1)), "clicks").arms[0].share == 1.0


# ── when it is decided ──


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Office]:
    with office(tmp_path, clock=HandClock(T0), mail=Told[MailBatch]("sendgrid", batch=500)) as made:
        yield made


def begin(here: Office, *, number: int = 2_000, local: bool = False, **changes: object) -> Step:
    """The test of an approved step is out: half of ``number`` people are in it. By local time it is out where it is
    nine o'clock at T-0."""
    late = changes.pop("late", Late(2 * HOUR, "hold"))
    test: AbTest = builders.ab_test(share=5_000, **changes)
    chosen = step(ab_test=test, late=late, at=Relative("T+0d 09:00", clock=time(9), local=local))
    if number:
        here.add(number)
    here.approve(chosen, *schedule.waves(plan(chosen), chosen))
    turn(here)
    return chosen


def turn(here: Office) -> None:
    rollout.turns(here.desk)()


def click(here: Office, arm: str, number: int, kind: EventKind = EventKind.CLICKED) -> None:
    wave = next(wave for wave in here.waves("alert") if wave.arm == arm and wave.planned)
    events = [
        (DeliveryId(wave.id, seq), Event(f"{arm}{kind}{seq}", "email", "", kind, T0 + HOUR)) for seq in range(number)
    ]
    here.ledger.apply(events, now=here.clock.now())


def rest(here: Office) -> Wave:
    return next(wave for wave in here.waves("alert") if wave.arm == WINNER)


def subjects(here: Office) -> dict[str, int]:
    """How many got each subject."""
    found: dict[str, int] = {}
    for batch, _ in here.mail.got:
        subject = batch.content.subject.split(",")[0]
        found[subject] = found.get(subject, 0) + len(batch)
    return found


def test_the_better_arm_goes_to_the_rest_at_its_instant(here: Office) -> None:
    begin(here)
    click(here, "a", 20)
    click(here, "b", 40)
    here.wait(4 * HOUR - MINUTE)
    turn(here)
    assert rest(here).state is WaveState.WAITING
    assert here.ledger.decision("alert") is None
    here.wait(MINUTE)
    turn(here)
    decision = here.ledger.decision("alert")
    assert decision is not None
    assert (decision.arm, decision.by, decision.at) == ("b", TEST, T0 + 4 * HOUR)
    assert [one.clicked for one in decision.figures] == [20, 40]
    assert rest(here).state is WaveState.DONE
    sent = subjects(here)
    assert sum(sent.values()) == 2_000
    assert sent["Before noon"] > 1_400
    assert any(line.startswith("alert: the rest gets b; b led a by") for line in here.told)


def test_it_is_decided_once(here: Office) -> None:
    begin(here, local=True)
    click(here, "a", 20)
    here.wait(4 * HOUR)
    turn(here)
    before = here.ledger.decision("alert")
    click(here, "b", 90)
    here.wait(HOUR)
    turn(here)
    assert here.ledger.decision("alert") == before


def test_by_actions_clicks_do_not_decide(here: Office) -> None:
    begin(here, decide_by="actions")
    click(here, "a", 90)
    click(here, "b", 3, EventKind.ACTED)
    here.wait(4 * HOUR)
    turn(here)
    decision = here.ledger.decision("alert")
    assert decision is not None
    assert decision.arm == "b"


@pytest.mark.parametrize(
    ("number", "clicks", "why"),
    [(2_000, 0, "nobody has clicked in any arm"), (300, 9, "too few: the arm")],
)
def test_without_numbers_to_decide_by_the_rest_is_held_for_a_person(
    here: Office, number: int, clicks: int, why: str
) -> None:
    begin(here, number=number)
    click(here, "b", clicks)
    here.wait(4 * HOUR)
    turn(here)
    held = rest(here)
    assert held.state is WaveState.HELD
    assert held.why.startswith(why)
    assert held.why.endswith("choose with: campaign ab-test alert --choose ARM")
    assert here.ledger.decision("alert") is None


def test_by_hand_the_rest_waits_for_somebody_however_long_and_is_not_late_then(here: Office) -> None:
    begin(here, decide_by="hand")
    click(here, "a", 90)
    here.wait(30 * HOUR)
    turn(here)
    assert rest(here).state is WaveState.HELD
    assert rest(here).why.startswith("nobody has chosen an arm yet")
    here.wait(30 * HOUR)
    ab_test.choose(here.ledger, "alert", "b", by="Jo Example", at=here.clock.now())
    turn(here)
    assert rest(here).state is WaveState.DONE
    assert subjects(here)["Before noon"] > 1_400


def test_somebody_may_choose_before_the_time_and_the_time_stays(here: Office) -> None:
    begin(here, decide_by="hand")
    ab_test.choose(here.ledger, "alert", "b", by="Jo Example", at=here.clock.now())
    turn(here)
    assert rest(here).state is WaveState.WAITING
    here.wait(4 * HOUR)
    turn(here)
    assert rest(here).state is WaveState.DONE


def test_a_person_overrules_the_test_until_the_rest_is_on_its_way(here: Office) -> None:
    begin(here)
    click(here, "a", 90)
    ab_test.choose(here.ledger, "alert", "b", by="Jo Example", at=T0 + HOUR)
    chosen = ab_test.choose(here.ledger, "alert", "a", by="Sam Example", at=T0 + 2 * HOUR)
    assert here.ledger.decision("alert") == chosen
    here.wait(4 * HOUR)
    turn(here)
    with pytest.raises(CampaignError, match='on its way already, with the arm "a", as Sam Example decided'):
        ab_test.choose(here.ledger, "alert", "b", by="Jo Example", at=T0 + 5 * HOUR)


def test_what_is_no_arm_cannot_be_chosen(here: Office) -> None:
    begin(here)
    with pytest.raises(CampaignError, match='has no arm "c"; there are a, b'):
        ab_test.choose(here.ledger, "alert", "c", by="Jo Example", at=T0)
    with pytest.raises(CampaignError, match='no A/B test of the step "other"'):
        ab_test.choose(here.ledger, "other", "a", by="Jo Example", at=T0)


def test_too_late_is_too_late_whatever_wins(here: Office) -> None:
    begin(here)
    click(here, "a", 90)
    here.wait(4 * HOUR + 2 * HOUR + MINUTE)
    turn(here)
    assert here.ledger.decision("alert") is None
    assert rest(here).state is WaveState.HELD
    assert "late; the step allows" in rest(here).why


def test_the_rest_waits_for_a_test_that_is_not_all_out(tmp_path: Path) -> None:
    """While one arm waits, the other has longer to be clicked."""
    with office(tmp_path, clock=HandClock(T0), mail=Told[MailBatch]("sendgrid", batch=500)) as here:
        slow = True

        def delivers(batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
            if slow and batch.content.subject.startswith("Before"):
                return [Deferred("busy")] * len(batch)
            return accept(batch, payload)

        here.mail.delivers = delivers
        begin(here, late=Late(12 * HOUR, "hold"))
        click(here, "a", 90)
        here.wait(4 * HOUR)
        turn(here)
        assert rest(here).state is WaveState.WAITING
        assert here.ledger.decision("alert") is None
        slow = False
        here.wait(HOUR)
        turn(here)
        turn(here)
        assert rest(here).state is WaveState.DONE


def test_an_arm_that_was_not_sent_leaves_it_to_a_person(here: Office) -> None:
    chosen = step(ab_test=builders.ab_test(share=5_000))
    here.add(2_000)
    here.approve(chosen, *schedule.waves(plan(chosen), chosen))
    second = here.waves("alert")[1]
    here.ledger.end_wave(second.id, WaveState.CANCELLED, why="a mistake in it", at=T0)
    turn(here)
    click(here, "a", 30)
    here.wait(4 * HOUR)
    turn(here)
    assert rest(here).state is WaveState.HELD
    assert rest(here).why.startswith('too few: the arm "b" has reached 0 people')
    ab_test.choose(here.ledger, "alert", "a", by="Jo Example", at=here.clock.now())
    turn(here)
    assert here.states("alert") == {State.ACCEPTED: 2_000}


def test_a_changed_step_waits_for_approval_and_is_not_decided(here: Office) -> None:
    begin(here)
    click(here, "a", 90)
    here.digests["alert"] = "another"
    here.wait(4 * HOUR)
    turn(here)
    assert here.ledger.decision("alert") is None
    assert rest(here).state is WaveState.WAITING


def test_by_local_time_each_zone_is_tested_and_one_decision_is_for_all(here: Office) -> None:
    here.add(1_200, zone="America/New_York")
    here.supporters.add(
        [replace(one, email=f"w{one.email}") for one in builders.people(800, zone="America/Denver")], at=T0
    )
    begin(here, number=0, local=True)
    here.wait(2 * HOUR)
    turn(here)
    click(here, "b", 60)
    here.wait(2 * HOUR)
    turn(here)
    decision = here.ledger.decision("alert")
    assert decision is not None
    assert decision.arm == "b"
    assert sum(one.accepted for one in decision.figures) == sum(
        wave.planned for wave in here.waves("alert") if wave.arm in ("a", "b")
    )
    here.wait(2 * HOUR)
    turn(here)
    assert here.states("alert") == {State.ACCEPTED: 2_000}


def test_a_small_zone_that_comes_first_waits_for_the_numbers_of_the_others(here: Office) -> None:
    """Nine o'clock comes early to a few, and their rest is due before the many have got their test."""
    here.add(30, zone="America/New_York")
    here.supporters.add(
        [replace(one, email=f"w{one.email}") for one in builders.people(1_500, zone="America/Denver")], at=T0
    )
    begin(here, number=0, local=True, after=HOUR, late=Late(12 * HOUR, "hold"))
    here.wait(HOUR)
    turn(here)
    assert here.ledger.decision("alert") is None
    mine = [wave for wave in here.waves("alert") if wave.arm == WINNER and "America/New_York" in (wave.zones or ())]
    assert [wave.state for wave in mine] == [WaveState.WAITING]
    here.wait(HOUR)
    turn(here)
    click(here, "a", 0)
    many = next(wave for wave in here.waves("alert") if wave.arm == "b" and wave.planned > 100)
    events = [(DeliveryId(many.id, n), Event(f"{n}", "email", "", EventKind.CLICKED, T0 + HOUR)) for n in range(30)]
    here.ledger.apply(events, now=here.clock.now())
    here.wait(HOUR)
    turn(here)
    assert here.ledger.decision("alert") is not None
    assert here.states("alert") == {State.ACCEPTED: 1_530}


def test_the_decision_lets_go_what_was_held_for_it_and_nothing_else(here: Office) -> None:
    begin(here, local=True)
    first, second = [
        wave for wave in here.waves("alert") if wave.arm == WINNER and "America/New_York" not in (wave.zones or ())
    ][:2]
    here.ledger.end_wave(
        first.id, WaveState.HELD, why="too few; choose with: campaign ab-test alert --choose ARM", at=T0
    )
    here.ledger.end_wave(second.id, WaveState.HELD, why="3:00:00 late", at=T0)
    click(here, "a", 30)
    here.wait(4 * HOUR)
    turn(here)
    states = {wave.id: wave.state for wave in here.waves("alert")}
    assert states[first.id] is not WaveState.HELD
    assert states[second.id] is WaveState.HELD


def test_nothing_of_the_rest_comes_due_while_nothing_is_decided(here: Office) -> None:
    begin(here, number=300, decide_by="hand")
    here.wait(4 * HOUR)
    assert [wave.arm for wave in due.waves(here.desk)] == []
    assert timedelta(0) == rest(here).ahead
