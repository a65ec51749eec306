"""The made-up list: like a real one in its shares, and reaching nobody."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.files.addresses import Addresses
from campaign.files.sample import sample, write_csv
from campaign.files.supporters_csv import Reading, read
from campaign.model.supporter import Basis, NewSupporter

N = 10_000


@pytest.fixture(scope="module")
def people() -> list[NewSupporter]:
    return list(sample(N))


def test_every_address_is_valid_its_own_and_at_a_reserved_domain(people: list[NewSupporter]) -> None:
    addresses = Addresses()
    assert [person.email for person in people] == [addresses.normalised(person.email) for person in people]
    assert len({person.email.lower() for person in people}) == N
    domains = {person.email.split("@")[1] for person in people}
    assert all(domain.split(".")[-2:] in (["example", end] for end in ("org", "com", "net")) for domain in domains)
    assert {"bounce.example.org"} < domains


def test_the_shares_are_those_of_a_real_list(people: list[NewSupporter]) -> None:
    languages = Counter(person.language for person in people)
    tags = Counter(tag for person in people for tag in person.tags)
    assert 0.16 < languages["es"] / N < 0.20
    assert tags["partner"] == 40
    assert set(tags) == {"partner", "press", "volunteer", "donor", "monthly"}
    assert 0.05 < sum(not person.first_name for person in people) / N < 0.07
    assert 0.003 < sum(person.consent is None for person in people) / N < 0.007
    assert 0 < sum(person.unsubscribed for person in people) / N < 0.01
    assert 0.9 < sum(person.country == "US" for person in people) / N < 0.96
    assert 0.02 < sum(not person.zone for person in people) / N < 0.06
    assert not any(person.acted_at for person in people)


def test_partners_are_partners_and_agreed_as_such(people: list[NewSupporter]) -> None:
    partners = [person for person in people if "partner" in person.tags]
    assert all(person.consent and person.consent.basis is Basis.PARTNER for person in partners)
    assert not any(person.unsubscribed for person in partners)


def test_zones_exist_and_consents_are_older_than_the_letter(people: list[NewSupporter]) -> None:
    assert {person.zone for person in people} - {""} <= available_timezones()
    letter = datetime(2018, 5, 22, tzinfo=UTC)
    assert all(person.consent.at < letter for person in people if person.consent)


@given(n=st.integers(0, 300), seed=st.integers(0, 2**64))
@settings(max_examples=10)
def test_the_same_seed_makes_the_same_people_and_a_shorter_list_is_its_beginning(n: int, seed: int) -> None:
    assert list(sample(n, seed=seed)) == list(sample(300, seed=seed))[:n]


def test_another_seed_makes_other_people() -> None:
    assert list(sample(10, seed=1)) != list(sample(10, seed=2))


def test_what_is_written_is_read_back_person_for_person(tmp_path: Path, people: list[NewSupporter]) -> None:
    write_csv(tmp_path / "sample.csv", N)
    reading = Reading()
    back = list(read(tmp_path / "sample.csv", rejects=lambda reject: pytest.fail(reject.reason), reading=reading))
    assert back == people
    assert not reading.warnings
