"""Where supporters are who gave no zone: the same in SQL as in the table of facts, on every database."""

from __future__ import annotations

import random
from dataclasses import replace
from zoneinfo import available_timezones

import pytest

from campaign.flow.wall_clock import zone_names
from campaign.model import places
from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import NewSupporter, Reason
from campaign.storage.supporters import SqlSupporters
from tests.builders import CONSENT, EVERYBODY, T0

NEW_YORK = "America/New_York"


def zone(country: str = "", region: str = "", postal_code: str = "", *, own: str = "", home: str = NEW_YORK) -> str:
    country_of_home = places.home_country(home)
    found = places.key(zone=own, country=country, region=region, postal_code=postal_code, home=country_of_home)
    return places.zone_at(found, home_zone=home)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"own": "Asia/Tokyo", "country": "US", "region": "WA"}, "Asia/Tokyo"),
        ({"country": "US", "region": "WA"}, "America/Los_Angeles"),
        ({"country": "US", "region": "wa"}, "America/Los_Angeles"),
        ({"country": "AU", "region": "WA"}, "Australia/Perth"),
        ({"region": "WA"}, "America/Los_Angeles"),
        ({"region": "WA", "home": "Australia/Sydney"}, "Australia/Perth"),
        ({"region": "WA", "home": "Europe/London"}, "Europe/London"),
        ({"country": "US", "region": "TX", "postal_code": "77001"}, "America/Chicago"),
        ({"country": "US", "region": "TX", "postal_code": "79901-1234"}, "America/Denver"),
        ({"country": "US", "region": "FL", "postal_code": "32501"}, "America/Chicago"),
        ({"country": "US", "region": "FL", "postal_code": "33101"}, NEW_YORK),
        ({"country": "US", "region": "TN", "postal_code": "37902"}, NEW_YORK),
        ({"country": "US", "region": "IN", "postal_code": "46401"}, "America/Chicago"),
        ({"country": "US", "region": "AZ"}, "America/Phoenix"),
        ({"country": "US", "postal_code": "98101"}, "America/Los_Angeles"),
        ({"country": "US", "postal_code": "79901"}, "America/Denver"),
        ({"postal_code": "98101"}, "America/Los_Angeles"),
        ({"postal_code": "98101", "home": "Europe/Berlin"}, "Europe/Berlin"),
        ({"country": "CA", "region": "Ontario"}, "America/Toronto"),
        ({"country": "CA", "region": "Qu\u00e9bec"}, "America/Toronto"),
        ({"country": "CA", "region": "ON", "postal_code": "P9N 1A1"}, "America/Winnipeg"),
        ({"country": "CA", "postal_code": "v6b 1a1"}, "America/Vancouver"),
        ({"country": "ES", "region": "Las Palmas", "postal_code": "35001"}, "Atlantic/Canary"),
        ({"country": "ES", "postal_code": "28001"}, "Europe/Madrid"),
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "NZ"}, "Pacific/Auckland"),
        ({"country": "US"}, NEW_YORK),
        ({"country": "RU", "home": "Europe/London"}, "Europe/London"),
        ({}, NEW_YORK),
    ],
)
def test_a_place_is_known_by_zone_then_region_then_postal_code_then_country(
    known: dict[str, str], expected: str, supporters: SqlSupporters
) -> None:
    assert zone(**known) == expected
    home = known.get("home", NEW_YORK)
    person = NewSupporter(
        "ann@example.org",
        zone=known.get("own", ""),
        country=known.get("country", ""),
        region=known.get("region", ""),
        postal_code=known.get("postal_code", ""),
        consent=CONSENT,
    )
    supporters.add([person], at=T0)
    there = Audience(EVERYBODY, home_zone=home, zones=(expected,))
    elsewhere = replace(there, zones=tuple(sorted(available_timezones() - {expected})))
    assert supporters.headcount(there).members == 1
    assert supporters.headcount(elsewhere).members == 0
    census = supporters.census([EVERYBODY], home_zone=home, campaign="example")
    assert census == {EVERYBODY: {expected: Headcount(1, 0, 0)}}


def somewhere(number: int, chance: random.Random) -> NewSupporter:
    keys = [*places.PARTS, *places.REGIONS, *places.THREE_SIGNS, *places.TWO_SIGNS, *places.WHOLE]
    picked = chance.choice(keys)
    country = picked[1:3]
    return NewSupporter(
        f"person-{number}@example.org",
        zone=chance.choice(["", "", "", "Europe/London", "GB", "NZ"]),
        country=chance.choice([country, country, "", "US", "DE"]),
        region=chance.choice([picked[4:].split("-")[0], "", "WA", "NT", "Else where"]),
        postal_code=chance.choice([picked[-3:], picked[-2:] + "99", "", "98101", "K1A 0B1"]),
        tags=chance.choice([(), ("press",)]),
        consent=chance.choice([CONSENT, None]),
    )


@pytest.mark.parametrize("home", [NEW_YORK, "Europe/Berlin", "Australia/Perth", "UTC"])
def test_sql_knows_what_the_table_knows_and_everybody_is_in_one_zone(supporters: SqlSupporters, home: str) -> None:
    people = [somewhere(number, random.Random(number)) for number in range(600)]  # noqa: S311 - a fixed draw, nothing secret
    supporters.add(people, at=T0)
    expected: dict[str, int] = {}
    for one in people:
        at = zone(one.country, one.region, one.postal_code, own=one.zone, home=home)
        expected[at] = expected.get(at, 0) + 1
    audience = Audience(EVERYBODY, home_zone=home)
    assert {at: supporters.headcount(replace(audience, zones=(at,))).members for at in expected} == expected
    census = supporters.census([EVERYBODY], home_zone=home, campaign="example")[EVERYBODY]
    assert {at: head.members for at, head in census.items()} == expected


def test_a_census_counts_each_segment_and_each_reason_as_a_headcount_does(supporters: SqlSupporters) -> None:
    people = [somewhere(number, random.Random(number)) for number in range(200)]  # noqa: S311 - a fixed draw, nothing secret
    supporters.add(people, at=T0)
    for one in people[::7]:
        supporters.suppress(one.email, reason=Reason.BY_HAND, source="test", at=T0)
    segments = [EVERYBODY, Segment("press", tags_all=("press",)), Segment("none", tags_all=("x",))]
    census = supporters.census(segments, home_zone=NEW_YORK, campaign="example")
    assert census[segments[2]] == {}
    for segment in segments[:2]:
        whole = supporters.headcount(Audience(segment, home_zone=NEW_YORK, campaign="example"))
        for name in ("members", "suppressed", "without_consent", "elsewhere", "reachable"):
            assert sum(getattr(head, name) for head in census[segment].values()) == getattr(whole, name)


def test_more_segments_than_a_number_has_bits_are_counted_too(supporters: SqlSupporters) -> None:
    supporters.add([NewSupporter("a@example.org", tags=("t70",), consent=CONSENT)], at=T0)
    segments = [Segment(f"s{number}", tags_all=(f"t{number}",)) for number in range(75)]
    census = supporters.census(segments, home_zone=NEW_YORK, campaign="example")
    assert [segment.name for segment in segments if census[segment]] == ["s70"]


def test_every_zone_of_the_table_is_one_that_waves_serve() -> None:
    told = {*places.PARTS.values(), *places.REGIONS.values(), *places.THREE_SIGNS.values(), *places.TWO_SIGNS.values()}
    assert (told | {*places.WHOLE.values()}) <= zone_names()
