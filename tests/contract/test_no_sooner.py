"""A clock that was set back makes nothing due before its wave's instant, on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from campaign.model.claim import Claim
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Settled
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
BACK = T0 - 3 * HOUR


@pytest.fixture
def claimed(ledger: SqlLedger, supporters: SqlSupporters) -> Claim:
    """A batch of four at its instant, claimed."""
    supporters.add(people(4), at=BACK)
    ledger.approve(bundle(), manifest(step()), [wave()], by="Jo Example", at=BACK)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=4, at=T0)
    (claim,) = ledger.claim(owner="one", now=T0, lease=MINUTE, most=1)
    return claim


def begun(ledger: SqlLedger, claim: Claim) -> Claim:
    assert ledger.begin(claim, payload(4), now=T0) == ()
    return claim


def due(ledger: SqlLedger, now: datetime) -> list[int]:
    return sorted(seq for one in ledger.claim(owner="two", now=now, lease=MINUTE, most=9) for seq in one.seqs)


@pytest.mark.parametrize("unsent", [(0, 1, 2, 3), (1, 2, 3), (2,)], ids=["all", "most", "one"])
def test_what_settling_finds_unsent_waits_for_the_instant_that_has_been(
    ledger: SqlLedger, claimed: Claim, unsent: tuple[int, ...]
) -> None:
    lost: dict[int, Outcome] = dict.fromkeys(claimed.seqs, InDoubt("lost"))
    ledger.record(begun(ledger, claimed), lost, now=T0, retry_at=T0)
    (doubt,) = ledger.doubts()
    found: dict[int, Settled] = {seq: NotSent("not there") if seq in unsent else Accepted() for seq in doubt.seqs}
    ledger.settle(doubt, found, now=BACK)
    assert due(ledger, BACK + HOUR) == []
    assert due(ledger, T0) == list(unsent)


def test_what_was_put_off_waits_for_it(ledger: SqlLedger, claimed: Claim) -> None:
    late: dict[int, Outcome] = dict.fromkeys(claimed.seqs, Deferred("later"))
    ledger.record(begun(ledger, claimed), late, now=BACK, retry_at=BACK + MINUTE)
    assert due(ledger, BACK + HOUR) == []
    assert due(ledger, T0) == [0, 1, 2, 3]


def test_what_was_given_back_or_halved_waits_for_it(ledger: SqlLedger, claimed: Claim) -> None:
    ledger.halve(begun(ledger, claimed), now=BACK, why="one of them is bad")
    assert due(ledger, BACK + HOUR) == []
    (first, second) = ledger.claim(owner="two", now=T0, lease=MINUTE, most=9)
    ledger.release(first, now=BACK, due_at=BACK, why="stopped")
    assert due(ledger, BACK + HOUR) == []
    assert second.seqs == (2, 3)
