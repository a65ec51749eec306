"""A/B tests on SQLite and PostgreSQL: everybody is in exactly one wave, and the decision stands once it is used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import time, timedelta
from itertools import count

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.errors import NotApproved
from campaign.flow import approve, audience, schedule
from campaign.model.approval import Manifest
from campaign.model.decision import TEST, ArmFigures, Decision
from campaign.model.delivery import DeliveryId
from campaign.model.draw import drawn
from campaign.model.event import Event, EventKind
from campaign.model.outcome import Accepted
from campaign.model.plan import AbTest, Arm, Relative, Step
from campaign.model.segment import Segment, Share
from campaign.model.wave import WINNER, Wave, WaveState
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, ab_test, bundle, payload, people, plan, step

HOUR = timedelta(hours=1)


def place(ledger: SqlLedger, chosen: Step) -> Sequence[Wave]:
    """The step's waves as its own times place them."""
    made, planned = bundle(chosen), schedule.waves(plan(chosen), chosen)
    ledger.approve(made, approve.manifest(made, planned), planned, by="Jo Example", at=T0 - HOUR)
    return ledger.waves(step=chosen.id)


def prepare(ledger: SqlLedger, wave: Wave) -> int:
    made = ledger.bundle(wave.digest)
    return ledger.prepare_mail(wave, audience.of(made, wave.zones, share=wave.share), batch_size=1000, at=wave.due_at)


def who(database: Database, wave: Wave) -> list[int]:
    d = t.deliveries.c
    with database.read() as connection:
        return list(connection.execute(sa.select(d.supporter_id).where(d.wave_id == wave.id)).scalars())


def everybody(supporters: SqlSupporters) -> dict[int, str]:
    return {person.id: person.zone for person in supporters.each()}


def send(ledger: SqlLedger, at: timedelta = timedelta(0)) -> None:
    """All that is due is accepted."""
    while taken := ledger.claim(owner="one", now=T0 + at, lease=HOUR, most=10):
        for claim in taken:
            assert ledger.begin(claim, payload(len(claim.seqs)), now=T0 + at) == ()
            told = dict.fromkeys(claim.seqs, Accepted())
            ledger.record(claim, told, now=T0 + at, retry_at=T0 + at + HOUR)


def happened(
    ledger: SqlLedger, wave: Wave, seqs: Sequence[int], kind: EventKind = EventKind.CLICKED, machine: str = ""
) -> None:
    events = [
        (
            DeliveryId(wave.id, seq),
            Event(
                f"{wave.id} {seq} {kind}", "email", "", kind, T0 + HOUR, machine=machine, link="https://example.org/"
            ),
        )
        for seq in seqs
    ]
    ledger.apply(events, now=T0 + HOUR)


# ── who is in which wave ──


def test_the_database_draws_as_python_does(database: Database, supporters: SqlSupporters) -> None:
    supporters.add(people(3_000), at=T0)
    for seed in (0, 7, 2**31 - 2):
        with database.read() as connection:
            chosen = sa.select(t.supporters.c.id, drawn(t.supporters.c.id, seed))
            found = {row[0]: row[1] for row in connection.execute(chosen)}
        assert found == {number: drawn(number, seed) for number in found}


def test_the_database_draws_as_python_does_for_ids_of_any_size(database: Database) -> None:
    numbers = [2**31 - 1, 2**31, 2**33 + 5, 2**53 + 1, 2**62]
    with database.read() as connection:
        found = [
            connection.execute(sa.select(drawn(sa.literal(number, sa.BigInteger), 2018))).scalar() for number in numbers
        ]
    assert found == [drawn(number, 2018) for number in numbers]


def test_a_headcount_is_of_the_share(supporters: SqlSupporters) -> None:
    supporters.add(people(1_000), at=T0)
    share = Share(1_000, 3_000, seed=2018)
    mine = [number for number in everybody(supporters) if 1_000 <= drawn(number, 2018) < 3_000]
    assert supporters.headcount(replace(AUDIENCE, share=share)).members == len(mine)
    assert supporters.reach([replace(AUDIENCE, share=share)]) == len(mine)


ZONES = ("", "America/New_York", "Europe/Berlin", "Asia/Tokyo", "Pacific/Kiritimati", "Pacific/Honolulu")
tests = st.builds(
    lambda arms, share, seed, hours: AbTest(
        arms=tuple(Arm("abcde"[number], "email/alert") for number in range(arms)),
        share=share,
        decide_by="clicks",
        after=timedelta(hours=hours),
        seed=seed,
    ),
    arms=st.integers(2, 5),
    share=st.integers(100, 5_000),
    seed=st.integers(0, 2**31 - 2),
    hours=st.integers(1, 48),
)


worlds = count()


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(test=tests, local=st.booleans(), joining=st.lists(st.integers(0, 40), max_size=30), moving=st.booleans())
def test_everybody_is_in_exactly_one_wave(
    database: Database, test: AbTest, *, local: bool, joining: list[int], moving: bool
) -> None:
    """Also who joins between the waves, and who moves to another zone. By local time, whoever joins or moves when the
    rest of their zone has gone out comes too late, as in any step; but nobody is in two."""
    ledger, supporters = SqlLedger(database, world=f"world {next(worlds)}"), SqlSupporters(database)
    with database.write() as connection:
        connection.execute(sa.delete(t.supporters))
    crowd = [replace(one, zone=ZONES[number % len(ZONES)]) for number, one in enumerate(people(150))]
    supporters.add(crowd, at=T0)
    waves = place(ledger, step(at=Relative("T+0d 09:00", clock=time(9), local=local), ab_test=test))
    for number, wave in enumerate(waves):
        joined = [index for index, when in enumerate(joining) if when == number]
        supporters.add([replace(people(1)[0], email=f"late{index}@example.org") for index in joined], at=T0)
        if moving and number == len(waves) // 2:
            supporters.add([replace(one, zone="America/New_York") for one in crowd[::3]], at=T0)
        prepare(ledger, wave)
    got = Counter(number for wave in waves for number in who(database, wave))
    assert set(got.values()) == {1}
    if not local or not (joining or moving):
        assert set(got) == set(everybody(supporters))


def test_whoever_joins_after_their_arm_has_gone_out_gets_what_the_rest_gets(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(200), at=T0)
    first, second, rest = place(ledger, step(ab_test=ab_test()))
    before = everybody(supporters)
    for wave in (first, second):
        prepare(ledger, wave)
    supporters.add(people(400), at=T0)
    prepare(ledger, rest)
    joined = set(everybody(supporters)) - set(before)
    in_an_arm = {number for number in joined if drawn(number, 2018) < 2_000}
    assert in_an_arm
    assert joined <= set(who(database, rest))
    parts = [set(who(database, wave)) for wave in (first, second, rest)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 400


def test_an_arm_that_goes_out_after_the_rest_writes_to_nobody_twice(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(300), at=T0)
    first, second, rest = place(ledger, step(ab_test=ab_test()))
    prepare(ledger, first)
    prepare(ledger, rest)
    assert prepare(ledger, second) == 0
    assert len(who(database, first)) + len(who(database, rest)) == 300


def test_the_share_of_each_arm_is_what_the_plan_says(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(4_000), at=T0)
    for wave in place(ledger, step(ab_test=ab_test())):
        prepare(ledger, wave)
    planned = [wave.planned for wave in ledger.waves(step="alert")]
    assert sum(planned) == 4_000
    assert 340 <= planned[0] <= 460
    assert 340 <= planned[1] <= 460


def test_a_wave_keeps_its_arm_and_share(ledger: SqlLedger) -> None:
    found = [(wave.number, wave.arm, wave.share, wave.due_at) for wave in place(ledger, step(ab_test=ab_test()))]
    assert found == [
        (1, "a", Share(0, 1_000, 2018), T0),
        (2, "b", Share(1_000, 2_000, 2018), T0),
        (3, WINNER, None, T0 + 4 * HOUR),
    ]


# ── what may change once a test has begun ──


@pytest.mark.parametrize(
    "changed",
    [
        ab_test(share=3_000),
        ab_test(seed=1),
        ab_test(arms=(*ab_test().arms, Arm("c", "email/alert", {"": ab_test().arms[1].subject[""]}))),
        ab_test(arms=ab_test().arms[::-1]),
        None,
    ],
)
def test_who_is_in_the_test_stays_once_it_has_begun(
    ledger: SqlLedger, supporters: SqlSupporters, changed: AbTest | None
) -> None:
    supporters.add(people(50), at=T0)
    prepare(ledger, place(ledger, step(ab_test=ab_test()))[0])
    before = ledger.waves()
    with pytest.raises(NotApproved, match='alert#1 went out as the arm "a" of an A/B test'):
        place(ledger, step(ab_test=changed))
    assert ledger.waves() == before


def test_no_test_begins_when_a_part_is_out(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(50), at=T0)
    prepare(ledger, place(ledger, step())[0])
    with pytest.raises(NotApproved, match="alert#1 went out without an A/B test"):
        place(ledger, step(ab_test=ab_test()))


def test_before_it_has_begun_all_may_change_and_after_it_the_time_may(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(50), at=T0)
    place(ledger, step())
    place(ledger, step(ab_test=ab_test()))
    waves = place(ledger, step(ab_test=ab_test(share=1_000)))
    prepare(ledger, waves[0])
    waves = place(ledger, step(ab_test=ab_test(share=1_000, after=6 * HOUR)))
    assert [wave.state for wave in waves] == [WaveState.PREPARED, WaveState.WAITING, WaveState.WAITING]
    assert waves[2].due_at == T0 + 6 * HOUR


# ── figures ──


def test_people_are_counted_once_and_machines_never(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(200), at=T0)
    first, second, rest = place(ledger, step(ab_test=ab_test()))
    for wave in (first, second):
        prepare(ledger, wave)
    send(ledger)
    happened(ledger, first, [0, 1, 2])
    link = Event("again", "email", "", EventKind.CLICKED, T0 + 2 * HOUR, link="https://example.org/other")
    ledger.apply([(DeliveryId(first.id, 0), link)], now=T0 + 2 * HOUR)
    happened(ledger, first, [0], EventKind.ACTED)
    happened(ledger, first, [3], EventKind.OPENED)
    happened(ledger, second, [0, 1], machine="a scanner")
    happened(ledger, second, [2])
    sizes = [wave.planned for wave in ledger.waves(step="alert")]
    assert list(ledger.arms("alert")) == [
        ArmFigures("a", planned=sizes[0], accepted=sizes[0], clicked=3, acted=1),
        ArmFigures("b", planned=sizes[1], accepted=sizes[1], clicked=1),
    ]
    assert rest.planned == 0


def test_the_figures_of_another_world_are_its_own(
    database: Database, ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(50), at=T0)
    prepare(ledger, place(ledger, step(ab_test=ab_test()))[0])
    other = SqlLedger(database, world="sandbox")
    assert other.arms("alert") == ()
    other.decide(Decision("alert", "a", TEST, T0))
    assert ledger.decision("alert") is None


# ── the decision ──

FIGURES = (ArmFigures("a", 100, 100, 0, 4), ArmFigures("b", 100, 100, 0, 9))


def test_the_first_decision_stands_unless_a_person_overrules_it(ledger: SqlLedger) -> None:
    place(ledger, step(ab_test=ab_test()))
    assert ledger.decision("alert") is None
    first = Decision("alert", "b", TEST, T0, FIGURES)
    assert ledger.decide(first) == first
    assert ledger.decide(Decision("alert", "a", TEST, T0 + HOUR)) == first
    assert ledger.decision("alert") == first
    second = Decision("alert", "a", "Jo Example", T0 + HOUR, FIGURES)
    assert ledger.decide(second, over=True) == second
    assert ledger.decision("alert") == second


def test_nobody_overrules_what_the_rest_was_prepared_with(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(50), at=T0)
    waves = place(ledger, step(ab_test=ab_test()))
    first = Decision("alert", "b", TEST, T0, FIGURES)
    ledger.decide(first)
    prepare(ledger, waves[2])
    assert ledger.decide(Decision("alert", "a", "Jo Example", T0 + HOUR), over=True) == first
    assert ledger.decision("alert") == first


def test_what_waited_for_the_decision_goes_out_at_its_moment_and_what_is_to_come_at_its_own(ledger: SqlLedger) -> None:
    held = place(ledger, step(ab_test=ab_test()))[2]
    ledger.end_wave(held.id, WaveState.HELD, why="nobody has chosen", at=T0 + 4 * HOUR)
    ledger.decide(Decision("alert", "b", "Jo Example", T0 + 9 * HOUR), let_go=[held.id])
    rest = ledger.waves(step="alert")[2]
    assert (rest.state, rest.due_at, rest.ahead) == (WaveState.WAITING, T0 + 9 * HOUR, timedelta(0))
    early = place(ledger, step("second", ab_test=ab_test()))[2]
    ledger.decide(Decision("second", "b", "Jo Example", T0 + HOUR), let_go=[early.id])
    assert ledger.waves(step="second")[2].due_at == T0 + 4 * HOUR


def test_a_choice_ends_with_the_arm_that_was_chosen(ledger: SqlLedger) -> None:
    place(ledger, step(ab_test=ab_test()))
    chosen = Decision("alert", "b", "Jo Example", T0, FIGURES)
    ledger.decide(chosen, over=True)
    place(ledger, step(ab_test=ab_test(after=5 * HOUR)))
    assert ledger.decision("alert") == chosen
    renamed = tuple(replace(arm, name=f"{arm.name}2") for arm in ab_test().arms)
    place(ledger, step(ab_test=ab_test(arms=renamed)))
    assert ledger.decision("alert") is None


def test_only_what_was_to_be_let_go_is(ledger: SqlLedger) -> None:
    held = place(ledger, step(ab_test=ab_test()))[2]
    ledger.end_wave(held.id, WaveState.HELD, why="late", at=T0 + 9 * HOUR)
    ledger.decide(Decision("alert", "b", TEST, T0 + 9 * HOUR))
    assert ledger.waves(step="alert")[-1].state is WaveState.HELD


def test_a_manifest_by_hand_is_kept_with_the_waves(ledger: SqlLedger) -> None:
    chosen = step(ab_test=ab_test())
    made, planned = bundle(chosen), schedule.waves(plan(chosen), chosen)
    ledger.approve(made, Manifest("alert", {"to": "all"}, "d"), planned, by="Jo Example", at=T0)
    assert ledger.bundle("d") == made
    assert Segment("everybody") == made.step.segment
