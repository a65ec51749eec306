"""Whoever a claim is for comes out of the database as they went in, on SQLite and on PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from campaign.model.supporter import Supporter
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, CONSENT, T0, bundle, manifest, people, step, wave

ODD = (
    '"Ann"',
    "a\\b",
    "two\nlines\tand tabs",
    "\u2028\u2029",
    "Zoë 👩‍👩‍👧 \U0001f3fd",
    "<b>&amp;",
    "[1,2]",
    '{"a":null}',
    "''",
    "\x7f",
)


def claimed(ledger: SqlLedger) -> list[Supporter]:
    ledger.approve(bundle(step()), manifest(step()), [wave()], by="Jo Example", at=T0)
    ledger.prepare_mail(ledger.waves()[0], AUDIENCE, batch_size=1_000, at=T0)
    (claim,) = ledger.claim(owner="one", now=T0, lease=timedelta(minutes=5), most=9)
    assert len(claim.seqs) == len(claim.people)
    assert list(claim.seqs) == sorted(claim.seqs)
    return list(claim.people)


def test_every_character_of_a_name_comes_out_of_a_claim(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    named = [replace(one, first_name=odd, last_name=odd[::-1]) for one, odd in zip(people(len(ODD)), ODD, strict=True)]
    supporters.add(named, at=T0)
    found = {person.email: (person.first_name, person.last_name) for person in claimed(ledger)}
    assert found == {one.email: (one.first_name, one.last_name) for one in named}


def test_all_that_is_known_of_a_person_comes_out_of_a_claim(ledger: SqlLedger, supporters: SqlSupporters) -> None:
    (one,) = people(1)
    acted_at = datetime(2018, 5, 20, 8, 15, 0, 123456, tzinfo=UTC)
    one = replace(
        one,
        language="en",
        zone="Asia/Tokyo",
        country="JP",
        region="Tōkyō",
        postal_code="00123",
        tags=("volunteer", 'with "quotes"'),
        consent=replace(CONSENT, text='I agree: "yes"\n'),
        acted_at=acted_at,
        extra={"shoe size": "44", "said": '"'},
    )
    supporters.add([one], at=T0)
    (person,) = claimed(ledger)
    assert (person.zone, person.country, person.region, person.postal_code) == ("Asia/Tokyo", "JP", "Tōkyō", "00123")
    assert (person.tags, person.consent, person.acted_at) == (one.tags, one.consent, acted_at)
    assert dict(person.extra) == dict(one.extra)
