"""Paces on SQLite and PostgreSQL: a rate holds whoever draws from it, and waves one after the other miss nobody."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, time, timedelta

import pytest
import sqlalchemy as sa

from campaign.errors import NotApproved
from campaign.flow import approve, audience, schedule
from campaign.model.claim import Claim
from campaign.model.draw import drawn
from campaign.model.outcome import Accepted
from campaign.model.pace import Portion, Portions, Ramp, Rate
from campaign.model.plan import EMAIL, Relative, Step
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, payload, people, plan, step

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TEN = Rate(10, SECOND)
PARTS = Portions((Portion(1_000, timedelta(0)), Portion(3_000, HOUR), Portion(6_000, 3 * HOUR)), seed=7)
RAMP = Ramp(first=20, grow=2, every=timedelta(days=1), seed=7)


def place(ledger: SqlLedger, chosen: Step) -> list[Wave]:
    made, planned = bundle(chosen), schedule.waves(plan(chosen), chosen)
    ledger.approve(made, approve.manifest(made, planned), planned, by="Jo Example", at=T0 - HOUR)
    return list(ledger.waves(step=chosen.id))


def prepare(ledger: SqlLedger, wave: Wave, *, batch_size: int = 10) -> int:
    whom = audience.of(ledger.bundle(wave.digest), wave.zones, share=wave.share, most=wave.most)
    return ledger.prepare_mail(wave, whom, batch_size=batch_size, at=wave.due_at - SECOND)


def paced(ledger: SqlLedger, rate: Rate = TEN, name: str = "alert") -> None:
    (wave,) = place(ledger, step(name, rate=rate))
    prepare(ledger, wave, batch_size=rate.batch)


def taken(ledger: SqlLedger, at: datetime, *, owner: str = "one", ahead: timedelta | None = None) -> list[Claim]:
    return list(ledger.claim(owner=owner, now=at, lease=HOUR, most=16, ahead=ahead))


def send(ledger: SqlLedger, claims: list[Claim], at: datetime) -> int:
    for claim in claims:
        ledger.begin(claim, payload(len(claim.seqs)), now=at)
        ledger.record(claim, dict.fromkeys(claim.seqs, Accepted()), now=at, retry_at=at + HOUR)
    return sum(len(claim.seqs) for claim in claims)


def who(database: Database, wave: Wave) -> list[int]:
    d = t.deliveries.c
    with database.read() as connection:
        return list(connection.execute(sa.select(d.supporter_id).where(d.wave_id == wave.id)).scalars())


# ── rates ──


def test_nothing_goes_faster_than_its_rate_whoever_claims(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(100), at=T0)
    paced(ledger)
    other = SqlLedger(database, world="live")
    sent = 0
    for tenth in range(60):
        at = T0 + tenth * SECOND / 10
        for one in (ledger, other):
            sent += send(one, taken(one, at, owner=str(id(one))), at)
        assert sent <= 10 + tenth
    assert sent >= 50


def test_a_paced_wave_is_through_when_its_rate_says(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(95), at=T0)
    paced(ledger)
    at, instants = T0, []
    while ledger.waves()[0].finished_at is None:
        if send(ledger, taken(ledger, at), at):
            instants.append(at)
        following = ledger.next_due(now=at)
        if following is None:
            break
        at = following
    assert instants == [T0 + number * SECOND for number in range(10)]


def test_nobody_has_to_ask_again_before_there_is_enough(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(30), at=T0)
    paced(ledger, Rate(600, HOUR))
    assert send(ledger, taken(ledger, T0), T0) == 10
    assert not taken(ledger, T0)
    assert ledger.next_due(now=T0) == T0 + 60 * SECOND
    assert not taken(ledger, T0 + 59 * SECOND)
    assert len(taken(ledger, T0 + 60 * SECOND)) == 1


def test_a_program_that_starts_again_does_not_find_a_full_bucket(database: Database, supporters: SqlSupporters) -> None:
    supporters.add(people(30), at=T0)
    first = SqlLedger(database, world="live")
    paced(first)
    send(first, taken(first, T0), T0)
    assert not taken(SqlLedger(database, world="live"), T0 + SECOND / 2, owner="two")


def test_an_outage_is_not_made_up_for(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(100), at=T0)
    paced(ledger)
    send(ledger, taken(ledger, T0), T0)
    assert not taken(ledger, T0)
    late = T0 + 60 * SECOND
    assert send(ledger, taken(ledger, late), late) == 10
    assert not taken(ledger, late)
    assert ledger.next_due(now=late) == late + SECOND


def test_a_clock_that_was_set_back_neither_stops_a_bucket_nor_fills_it(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(60), at=T0)
    paced(ledger, name="alert")
    send(ledger, taken(ledger, T0), T0)
    (wave,) = place(ledger, step("before", rate=TEN))
    bucket = sa.update(t.buckets).values(name="step before")
    with ledger._database.write() as connection:
        connection.execute(bucket)
        connection.execute(sa.update(t.waves).where(t.waves.c.id == wave.id).values(due_at=T0 - 2 * HOUR))
    prepare(ledger, wave)
    earlier = T0 - HOUR
    assert not taken(ledger, earlier)
    assert [claim.wave.step for claim in taken(ledger, earlier + SECOND)] == ["before"]


def test_two_clocks_that_differ_by_a_second_do_not_make_it_faster(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(200), at=T0)
    paced(ledger)
    sent = 0
    for number in range(10):
        at = T0 + number * SECOND / 10
        sent += send(ledger, taken(ledger, at + SECOND), at + SECOND)
        sent += send(ledger, taken(ledger, at, owner="two"), at)
    assert sent <= 30


def test_steps_of_a_channel_share_its_rate(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(30), at=T0)
    for name in ("alert", "second"):
        chosen = step(name)
        made = bundle(chosen)
        made = replace(made, plan=replace(made.plan, rates={EMAIL: TEN}))
        planned = schedule.waves(made.plan, chosen)
        ledger.approve(made, approve.manifest(made, planned), planned, by="Jo Example", at=T0 - HOUR)
        prepare(ledger, ledger.waves(step=name)[0])
    assert send(ledger, taken(ledger, T0), T0) == 10
    assert send(ledger, taken(ledger, T0 + SECOND), T0 + SECOND) == 10


def test_what_was_drawn_for_a_batch_that_is_given_back_is_given_back_too(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    supporters.add(people(30), at=T0)
    paced(ledger)
    (claim,) = taken(ledger, T0)
    ledger.release(claim, now=T0, due_at=T0, why="the program stopped before it sent this")
    assert len(taken(ledger, T0)) == 1


def test_what_is_claimed_ahead_is_drawn_for_at_its_instant(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(50), at=T0)
    paced(ledger)
    found = taken(ledger, T0 - 2 * SECOND, ahead=2 * SECOND)
    assert [claim.due_at for claim in found] == [T0]
    assert not taken(ledger, T0 - 2 * SECOND, ahead=2 * SECOND)
    found = taken(ledger, T0 - SECOND, ahead=2 * SECOND)
    assert [claim.due_at for claim in found] == [T0 + SECOND]


def test_what_keeps_to_a_rate_is_not_too_late_while_it_goes_on(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(50), at=T0)
    paced(ledger, Rate(10, HOUR))
    at = T0
    for _ in range(5):
        send(ledger, taken(ledger, at), at)
        at = ledger.next_due(now=at) or at
    for _ in range(200):
        at = ledger.next_due(now=at) or at
        if at > T0 + 3 * HOUR:
            break
        send(ledger, taken(ledger, at), at)
    (wave,) = ledger.waves()
    assert at > T0 + wave.late.within
    assert not wave.is_late(at)
    assert wave.is_late(at + wave.late.within + SECOND)


# ── waves one after the other ──


@pytest.mark.parametrize("local", ["", " local"])
def test_everybody_is_in_exactly_one_portion(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters, local: str
) -> None:
    zones = ("America/New_York", "Europe/Berlin", "")
    for number, zone in enumerate(zones):
        made = people(300, zone=zone)
        supporters.add([one for at, one in enumerate(made) if at % 3 == number], at=T0)
    at = Relative("T+0d 09:00 local", clock=time(9), local=True) if local else Relative("T-0")
    waves = place(ledger, step(at=at, portions=PARTS))
    for number, wave in enumerate(waves):
        prepare(ledger, wave)
        if number == len(waves) // 2:  # somebody new, with any draw
            more = people(360)[300:]
            supporters.add(more, at=T0)
    got = Counter(number for wave in waves for number in who(database, wave))
    assert set(got.values()) == {1}
    everybody = {person.id for person in supporters.each()}
    late_on = everybody - set(got)
    assert not late_on or local  # a zone whose last wave had gone out before they came
    assert len(got) >= 300


def test_portions_have_the_sizes_that_the_plan_gives_them(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(1_000), at=T0)
    waves = place(ledger, step(portions=PARTS))
    sizes = [prepare(ledger, wave) for wave in waves]
    assert [abs(size - wanted) < 60 for size, wanted in zip(sizes, (100, 300, 600), strict=True)] == [True] * 3
    assert sum(sizes) == 1_000
    assert all(drawn(number, 7) < 1_000 for number in who(database, waves[0]))


def test_whoever_is_imported_after_their_portion_gets_the_next(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(200), at=T0)
    first, second, third = place(ledger, step(portions=PARTS))
    prepare(ledger, first)
    before = {person.id for person in supporters.each()}
    supporters.add(people(400)[200:], at=T0)
    prepare(ledger, second)
    missed = {p.id for p in supporters.each() if p.id not in before and drawn(p.id, 7) < 1_000}
    assert missed
    assert missed <= set(who(database, second))
    prepare(ledger, third)
    assert sum(len(who(database, wave)) for wave in (first, second, third)) == 400


def test_a_portion_that_is_held_keeps_its_people(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(300), at=T0)
    first, second, third = place(ledger, step(portions=PARTS))
    prepare(ledger, first)
    prepare(ledger, third)  # while the second is held
    assert all(not 1_000 <= drawn(number, 7) < 4_000 for number in who(database, third))
    prepare(ledger, second)
    assert sum(len(who(database, wave)) for wave in (first, second, third)) == 300


def test_a_ramp_takes_so_many_people_of_all_languages_and_each_once(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    supporters.add(people(100), at=T0)
    waves = place(ledger, step(ramp=RAMP))
    assert [prepare(ledger, wave) for wave in waves[:4]] == [20, 40, 40, 0]
    got = Counter(number for wave in waves[:4] for number in who(database, wave))
    assert set(got.values()) == {1}
    assert len(got) == 100
    draws = [max(drawn(number, 7) for number in who(database, wave)) for wave in waves[:3]]
    assert draws == sorted(draws)


def test_shares_cannot_be_changed_once_a_portion_has_gone_out(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(10), at=T0)
    first, *_ = place(ledger, step(portions=PARTS))
    prepare(ledger, first)
    other = Portions((Portion(5_000, timedelta(0)), Portion(5_000, HOUR)), seed=7)
    with pytest.raises(NotApproved, match="10% of its audience"):
        place(ledger, step(portions=other))


def test_a_ramp_can_be_slowed_down_once_it_has_begun(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    supporters.add(people(100), at=T0)
    first, *_ = place(ledger, step(ramp=RAMP))
    prepare(ledger, first)
    _, second, *_ = place(ledger, step(ramp=Ramp(first=20, grow=1, every=timedelta(days=1), seed=7)))
    assert prepare(ledger, second) == 20
