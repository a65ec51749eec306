"""Rates of mailbox domains on SQLite and PostgreSQL: they hold whoever draws from them, and hold up nobody else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from campaign.flow import approve, audience, schedule
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Deferred
from campaign.model.pace import AtDomain, DomainRate, Rate
from campaign.model.plan import Step
from campaign.model.supporter import Reason
from campaign.model.wave import Wave
from campaign.storage import tables as t
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, payload, people, step

SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
TEN = Rate(10, SECOND)
BIG, OTHER = "big.example", "other.example"
"""A mailbox domain with a rate, and its other name."""
CAPPED = (DomainRate((BIG, OTHER), TEN),)


def invite(supporters: SqlSupporters, **numbers: int) -> None:
    """So many people at ``big``, ``other`` and ``small``, mixed."""
    made = [
        replace(one, email=f"{domain}{number}@{domain}.example")
        for domain, many in numbers.items()
        for number, one in enumerate(people(many))
    ]
    supporters.add(sorted(made, key=lambda one: one.email[::-1]), at=T0)


def place(ledger: SqlLedger, chosen: Step, shared: Sequence[DomainRate] = ()) -> Wave:
    made = bundle(chosen)
    made = replace(made, plan=replace(made.plan, domain_rates=tuple(shared)))
    planned = schedule.waves(made.plan, chosen)
    ledger.approve(made, approve.manifest(made, planned), planned, by="Jo Example", at=T0 - HOUR)
    (wave,) = ledger.waves(step=chosen.id)
    return wave


def prepare(ledger: SqlLedger, wave: Wave, *, batch_size: int = 100) -> None:
    ledger.prepare_mail(wave, audience.of(ledger.bundle(wave.digest)), batch_size=batch_size, at=T0 - SECOND)


def taken(ledger: SqlLedger, at: datetime, *, owner: str = "one") -> list[Claim]:
    return list(ledger.claim(owner=owner, now=at, lease=HOUR, most=16))


def send(ledger: SqlLedger, claims: Sequence[Claim], at: datetime) -> Counter[str]:
    """What goes out, by domain."""
    sent: Counter[str] = Counter()
    for claim in claims:
        sent.update(person.email.partition("@")[2] for person in claim.people)
        ledger.begin(claim, payload(len(claim.seqs)), now=at)
        ledger.record(claim, dict.fromkeys(claim.seqs, Accepted()), now=at, retry_at=at + HOUR)
    return sent


def test_a_batch_holds_people_of_one_kind_of_domains(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    invite(supporters, big=25, other=13, small=140)
    prepare(ledger, place(ledger, step(), CAPPED))
    d, b, s = t.deliveries.c, t.batches.c, t.supporters.c
    inside = (
        sa.select(b.id, b.domain, s.email)
        .join_from(t.batches, t.deliveries, sa.and_(d.wave_id == b.wave_id, d.seq.between(b.first_seq, b.last_seq)))
        .join(t.supporters, s.id == d.supporter_id)
    )
    sizes: dict[str, Counter[int]] = {}
    with database.read() as connection:
        for batch, domain, email in connection.execute(inside):
            sizes.setdefault(domain, Counter())[batch] += 1
            assert (email.partition("@")[2] in (BIG, OTHER)) is (domain == BIG)
    assert sorted(sizes[BIG].values()) == [8, 10, 10, 10], "what the domain's rate lets go at once"
    assert sorted(sizes[""].values()) == [40, 100]


def test_nobody_else_is_held_up_by_a_domain_that_waits(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    invite(supporters, big=400, small=250)
    prepare(ledger, place(ledger, step(), CAPPED))
    sent = send(ledger, taken(ledger, T0), T0)
    sent += send(ledger, taken(ledger, T0), T0)
    assert sent == {BIG: 10, "small.example": 250}
    assert ledger.next_due(now=T0) == T0 + SECOND


def test_a_domains_rate_holds_whoever_claims_and_over_restarts(database: Database, supporters: SqlSupporters) -> None:
    invite(supporters, big=100, other=100)
    first = SqlLedger(database, world="live")
    prepare(first, place(first, step(), CAPPED))
    sent = 0
    for tenth in range(60):
        at = T0 + tenth * SECOND / 10
        for owner in ("one", "two"):  # each a ledger that has only just been opened
            fresh = SqlLedger(database, world="live")
            sent += send(fresh, taken(fresh, at, owner=owner), at).total()
        assert sent <= 10 + tenth
    assert sent >= 50


def test_all_steps_share_a_plans_rate_and_each_has_its_own(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    invite(supporters, big=60)
    own = DomainRate((BIG,), Rate(5, SECOND))
    for chosen in (step("first", domain_rates=(own,)), step("second")):
        prepare(ledger, place(ledger, chosen, CAPPED))
    went: Counter[str] = Counter()
    for second in range(3):
        at = T0 + second * SECOND
        for claim in taken(ledger, at):
            went[claim.wave.step] += send(ledger, [claim], at).total()
    assert went["first"] <= 15
    assert went.total() <= 30


def test_a_wave_that_is_short_as_a_whole_waits_as_a_whole(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    invite(supporters, big=40, small=40)
    prepare(ledger, place(ledger, step(rate=Rate(20, SECOND)), CAPPED), batch_size=20)
    at, went = T0, Counter[str]()
    for _ in range(100):
        went += send(ledger, taken(ledger, at), at)
        assert went.total() <= 20 + (at - T0).total_seconds() * 20
        assert went[BIG] <= 10 + (at - T0).total_seconds() * 10
        following = ledger.next_due(now=at)
        if following is None:
            break
        at = following
    assert went == {BIG: 40, "small.example": 40}
    assert at <= T0 + 5 * SECOND


def test_what_is_given_back_goes_back_to_its_own_bucket_alone(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    invite(supporters, big=30, small=30)
    rates = (*CAPPED, DomainRate(("small.example",), TEN))
    prepare(ledger, place(ledger, step(), rates))
    for claim in taken(ledger, T0):
        if claim.domain == BIG:
            ledger.release(claim, now=T0, due_at=T0, why="the program stopped before it sent this")
    with database.read() as connection:
        tokens = {row.name: row.tokens for row in connection.execute(sa.select(t.buckets))}
    assert tokens == {f"domain {BIG}": 10, "domain small.example": 0}


def test_whoever_fares_otherwise_keeps_to_the_rate_when_tried_again(
    ledger: SqlLedger, supporters: SqlSupporters
) -> None:
    invite(supporters, big=20)
    prepare(ledger, place(ledger, step(), CAPPED))
    (claim,) = taken(ledger, T0)
    ledger.begin(claim, payload(10), now=T0)
    later = Deferred("full", until=T0 + SECOND)
    ledger.record(claim, {seq: later if seq < 4 else Accepted() for seq in claim.seqs}, now=T0, retry_at=T0)
    at = T0 + SECOND
    again = taken(ledger, at)
    assert [(one.domain, len(one.seqs)) for one in again] in ([(BIG, 10)], [(BIG, 4)])


@pytest.mark.parametrize("half", ["first", "second"])
def test_halves_of_a_batch_keep_to_the_rate(ledger: SqlLedger, supporters: SqlSupporters, half: str) -> None:
    invite(supporters, big=10)
    prepare(ledger, place(ledger, step(), CAPPED))
    (claim,) = taken(ledger, T0)
    ledger.begin(claim, payload(10), now=T0)
    ledger.halve(claim, now=T0, why="refused as a whole")
    at = T0 + (SECOND if half == "second" else SECOND / 2)
    assert len(taken(ledger, at)) == (2 if half == "second" else 1)


def test_a_wave_tells_how_far_each_domain_is(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    invite(supporters, big=30, small=50)
    supporters.suppress("big0@big.example", reason=Reason.BY_HAND, source="test", at=T0)
    prepare(ledger, place(ledger, step(), CAPPED))
    send(ledger, taken(ledger, T0), T0)
    (wave,) = ledger.waves()
    rest, big = wave.at_domains
    assert rest == AtDomain("", planned=50, left=0)
    assert (big.domain, big.planned) == (BIG, 30)
    assert big.left == wave.counts[State.PLANNED] in (19, 20)
    assert big.goes_on_at is not None
    assert big.goes_on_at > T0


def test_a_wave_without_rates_of_domains_is_as_it_was(
    ledger: SqlLedger, database: Database, supporters: SqlSupporters
) -> None:
    invite(supporters, big=120, small=120)
    prepare(ledger, place(ledger, step()))
    with database.read() as connection:
        found = connection.execute(sa.select(t.batches.c.domain, t.batches.c.last_seq - t.batches.c.first_seq + 1))
        assert sorted(map(tuple, found)) == [("", 40), ("", 100), ("", 100)]
        assert not connection.execute(sa.select(t.buckets)).all()
