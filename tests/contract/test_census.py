"""The census, on SQLite and on PostgreSQL, held to headcounts, which ask the database for each segment alone."""

from __future__ import annotations

import random
from dataclasses import replace

import sqlalchemy as sa

from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import NewSupporter, Reason
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters
from campaign.storage.tables import supporters as table
from tests.builders import CONSENT, T0, people

NEW_YORK = "America/New_York"
SEGMENTS = [
    Segment("everybody"),
    Segment("all", tags_all=("press", "Volunteer")),
    Segment("any", tags_any=("press", "new, here")),
    Segment("none", tags_none=("press", "VOLUNTEER", ",")),
    Segment("nobody", tags_all=(",",)),
    Segment("nobody either", tags_any=("", " ")),
    Segment("spanish", languages=("ES", "")),
    Segment("german", countries=("de", "")),
    Segment("west", regions=("WA", 'O"r[e', "")),
    Segment("acted", acted=True, tags_none=("press",)),
    Segment("not yet", acted=False, languages=("en",), countries=("US",)),
]


def somebody(number: int) -> NewSupporter:
    chance = random.Random(number)  # noqa: S311 - a fixed draw, nothing secret
    return NewSupporter(
        f"person-{number}@{chance.choice(('big.example', 'other.example'))}",
        language=chance.choice(("en", "es", "")),
        zone=chance.choice(("", NEW_YORK, "Europe/Berlin")),
        country=chance.choice(("US", "DE", "")),
        region=chance.choice(("WA", 'O"r[e', "\x1e", "")),
        tags=tuple(tag for tag in ("Press", "volunteer", "new here", "pres") if chance.random() < 0.4),
        acted_at=chance.choice((T0, None)),
        consent=chance.choice((CONSENT, CONSENT, None)),
    )


def heads(found: Headcount) -> tuple[int, ...]:
    return found.members, found.suppressed, found.without_consent, found.elsewhere


def test_a_census_says_of_each_segment_what_its_headcount_says(supporters: SqlSupporters) -> None:
    everybody = [somebody(number) for number in range(300)]
    supporters.add(everybody, at=T0)
    for one in everybody[::7]:
        supporters.suppress(one.email, reason=Reason.BY_HAND, source="test", at=T0)
    census = supporters.census(SEGMENTS, home_zone=NEW_YORK, campaign="example")
    domains = supporters.at_domains(SEGMENTS, ["big.example", "other.example"], campaign="example")
    groups = supporters.groups(SEGMENTS, campaign="example")
    for segment in SEGMENTS:
        whole = supporters.headcount(Audience(segment, home_zone=NEW_YORK, campaign="example"))
        summed = zip(*map(heads, census[segment].values()), strict=True)
        assert (tuple(map(sum, summed)) or (0, 0, 0, 0)) == heads(whole), segment.name
        assert sum(domains[segment].values()) == whole.reachable, segment.name
        assert sum(number for group, number in groups.items() if segment in group) == whole.reachable, segment.name
    assert census[SEGMENTS[4]] == census[SEGMENTS[5]] == {}


def test_each_segment_alone_is_counted_as_it_is_beside_others(supporters: SqlSupporters) -> None:
    supporters.add([somebody(number) for number in range(200)], at=T0)
    together = supporters.census(SEGMENTS, home_zone="Europe/Berlin", campaign="example")
    for segment in SEGMENTS:
        alone = supporters.census([segment], home_zone="Europe/Berlin", campaign="example")
        assert alone == {segment: together[segment]}


def test_people_whose_numbers_lie_far_apart_are_all_counted(supporters: SqlSupporters, database: Database) -> None:
    supporters.add(people(6, zone=NEW_YORK), at=T0)
    with database.write() as connection:
        for email, number in (("person4@example.org", 150_001), ("person5@example.org", 400_000)):
            connection.execute(sa.update(table).where(table.c.email == email).values(id=number))
    found = supporters.census(SEGMENTS[:1], home_zone=NEW_YORK, campaign="example")
    assert found == {SEGMENTS[0]: {NEW_YORK: Headcount(6, 0, 0)}}
    assert supporters.groups(SEGMENTS[:1], campaign="example") == {frozenset(SEGMENTS[:1]): 6}


def test_nobody_is_counted_where_nobody_is(supporters: SqlSupporters) -> None:
    assert supporters.census(SEGMENTS, home_zone=NEW_YORK, campaign="example") == {one: {} for one in SEGMENTS}
    assert supporters.groups(SEGMENTS, campaign="example") == {}
    supporters.add(people(1), at=T0)
    assert supporters.census([], home_zone=NEW_YORK, campaign="example") == {}


def test_a_plan_without_caps_asks_nothing_for_them(supporters: SqlSupporters, database: Database) -> None:
    supporters.add(people(3), at=T0)
    asked: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert supporters.at_domains(SEGMENTS, [], campaign="example") == {segment: {} for segment in SEGMENTS}
    assert supporters.groups([], campaign="example") == {}
    assert asked == []
    supporters.groups(SEGMENTS[:1], campaign="example")
    assert asked


def test_more_tags_than_a_number_has_bits_are_told_apart(supporters: SqlSupporters) -> None:
    many = [Segment(f"s{number}", tags_all=(f"t{number}",)) for number in range(150)]
    one = replace(people(1)[0], tags=("t0", "t57", "t58", "t117", "t118", "t149"))
    supporters.add([one], at=T0)
    found = supporters.groups(many, campaign="example")
    assert found == {frozenset(many[number] for number in (0, 57, 58, 117, 118, 149)): 1}
