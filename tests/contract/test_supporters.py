"""The supporters' contract, on SQLite and on PostgreSQL."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import Basis, Consent, NewSupporter, Reason, Suppression
from campaign.ports.supporters import Added
from campaign.storage import tables
from campaign.storage.bulk import CHUNK
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters
from tests.builders import CONSENT, EVERYBODY, T0, people

HOUR = timedelta(hours=1)
HOME = "America/New_York"

PERSON = NewSupporter(
    email="Mara.Okafor@example.org",
    first_name="Mara",
    last_name="Okafor",
    language="en",
    zone="America/Chicago",
    country="US",
    region="IL",
    postal_code="60601",
    tags=("Donor", "press"),
    consent=CONSENT,
    extra={"chapter": "North"},
)


def emails(supporters: SqlSupporters, segment: Segment) -> set[str]:
    return {person.email.split("@")[0] for person in supporters.each(segment)}


def audience(**changes: object) -> Audience:
    return replace(Audience(EVERYBODY, home_zone=HOME), **changes)  # type: ignore[arg-type]  # names of its own fields


# --- adding ---


def test_a_person_comes_back_as_they_were_added(supporters: SqlSupporters) -> None:
    assert supporters.add([PERSON], at=T0) == Added(new=1, updated=0, unchanged=0, duplicates=0, suppressed=0)
    found = supporters.find(PERSON.email)
    assert found is not None
    assert found.email == "Mara.Okafor@example.org"
    assert (found.first_name, found.last_name, found.language) == ("Mara", "Okafor", "en")
    assert (found.zone, found.country, found.region, found.postal_code) == ("America/Chicago", "US", "IL", "60601")
    assert found.tags == ("donor", "press")
    assert found.consent == CONSENT
    assert found.acted_at is None
    assert found.extra == {"chapter": "North"}


def test_addresses_match_in_any_case_and_in_either_form_of_their_domain(supporters: SqlSupporters) -> None:
    supporters.add([PERSON, replace(PERSON, email="ana@bücher.example.org")], at=T0)
    assert supporters.find("MARA.OKAFOR@EXAMPLE.ORG") == supporters.find("mara.okafor@example.org") is not None
    assert supporters.find("Ana@xn--bcher-kva.example.org") == supporters.find("ana@BÜCHER.example.org") is not None


def test_strasse_with_sharp_s_and_strasse_are_two_addresses(supporters: SqlSupporters) -> None:
    supporters.add(
        [replace(PERSON, email="a@straße.example.org"), replace(PERSON, email="a@strasse.example.org")], at=T0
    )
    assert supporters.count() == 2


def test_the_same_list_again_changes_nothing(supporters: SqlSupporters) -> None:
    supporters.add([PERSON, *people(3)], at=T0)
    assert supporters.add([PERSON, *people(3)], at=T0 + HOUR) == Added(0, 0, 4, 0, 0)


def test_what_a_row_leaves_empty_is_kept_and_what_it_says_replaces(supporters: SqlSupporters) -> None:
    supporters.add([PERSON], at=T0)
    row = NewSupporter(
        email=PERSON.email, first_name="Mara Ngozi", region="WI", tags=("volunteer",), extra={"shirt": "M"}
    )
    assert supporters.add([row], at=T0 + HOUR).updated == 1
    found = supporters.find(PERSON.email)
    assert found is not None
    assert (found.first_name, found.last_name, found.region, found.zone) == ("Mara Ngozi", "Okafor", "WI", PERSON.zone)
    assert found.tags == ("donor", "press", "volunteer")
    assert found.extra == {"chapter": "North", "shirt": "M"}
    assert found.consent == CONSENT


# What was known, what the row brings, and whether the row wins; a basis with the hour it was given.
CONSENTS: tuple[tuple[tuple[Basis, int] | None, tuple[Basis, int], bool], ...] = (
    (None, (Basis.OPT_IN, 0), True),
    ((Basis.OPT_IN, 0), (Basis.OPT_IN, 1), True),
    ((Basis.OPT_IN, 1), (Basis.OPT_IN, 0), False),
    ((Basis.OPT_IN, 1), (Basis.DOUBLE_OPT_IN, 0), True),
    ((Basis.DOUBLE_OPT_IN, 0), (Basis.OPT_IN, 1), False),
    ((Basis.NONE, 1), (Basis.MEMBER, 0), True),
    ((Basis.MEMBER, 0), (Basis.NONE, 1), False),
    ((Basis.MEMBER, 0), (Basis.PARTNER, 1), True),
)


def test_a_consent_gives_way_to_a_stronger_one_or_a_later_one_as_strong(supporters: SqlSupporters) -> None:
    def people_with(consents: list[tuple[Basis, int] | None]) -> list[NewSupporter]:
        return [
            NewSupporter(
                email=f"p{number}@example.org",
                consent=given and Consent(given[0], "form", T0 + given[1] * HOUR),
            )
            for number, given in enumerate(consents)
        ]

    supporters.add(people_with([known for known, _, _ in CONSENTS]), at=T0)
    supporters.add(people_with([row for _, row, _ in CONSENTS]), at=T0 + HOUR)
    winners = people_with([row if wins else known for known, row, wins in CONSENTS])
    assert [person.consent for person in supporters.each()] == [winner.consent for winner in winners]


def test_an_address_that_comes_twice_in_one_import_is_one_person(supporters: SqlSupporters) -> None:
    twice = [PERSON, replace(PERSON, email=PERSON.email.upper(), tags=("volunteer",))]
    assert supporters.add(twice, at=T0) == Added(new=1, updated=0, unchanged=0, duplicates=1, suppressed=0)
    found = supporters.find(PERSON.email)
    assert found is not None
    assert found.tags == ("donor", "press", "volunteer")


def test_duplicates_are_counted_however_far_apart_they_stand(supporters: SqlSupporters) -> None:
    many = people(CHUNK + 10)
    supporters.add(many[:5], at=T0)
    added = supporters.add([*many, many[0], many[7], many[7]], at=T0 + HOUR)
    assert added == Added(new=len(many) - 5, updated=0, unchanged=5, duplicates=3, suppressed=0)
    assert supporters.count() == len(many)


def test_a_list_of_known_and_new_people_in_any_order_is_told_apart_over_many_chunks(supporters: SqlSupporters) -> None:
    known = people(2 * CHUNK)
    supporters.add(known, at=T0)
    new = [replace(one, email=f"new{number}@example.org") for number, one in enumerate(people(2 * CHUNK))]
    said_more = [replace(one, last_name="Okafor") for one in known[:100]]
    everybody = [
        *known[100:],
        *new[:CHUNK],
        *said_more,
        *(one for pair in zip(known, new, strict=True) for one in pair),
    ]
    added = supporters.add(everybody, at=T0 + HOUR)
    assert added == Added(
        new=len(new), updated=100, unchanged=len(known) - 100, duplicates=len(known) + CHUNK, suppressed=0
    )
    assert supporters.count() == len(known) + len(new)
    again = supporters.add(everybody, at=T0 + 2 * HOUR)
    assert (again.new, again.updated, again.unchanged) == (0, 0, len(known) + len(new))


def test_an_import_that_changes_everybody_changes_each_and_leaves_the_rest_of_them(supporters: SqlSupporters) -> None:
    known = [replace(PERSON, email=f"p{number}@example.org") for number in range(CHUNK + 50)]
    supporters.add(known, at=T0)
    rows = [NewSupporter(email=one.email, tags=("spring",)) for one in known]
    assert supporters.add(rows, at=T0 + HOUR) == Added(0, len(known), 0, 0, 0)
    for person in supporters.each():
        assert person.tags == ("donor", "press", "spring")
        assert (person.first_name, person.zone, person.consent) == (PERSON.first_name, PERSON.zone, PERSON.consent)
        assert person.extra == PERSON.extra


def test_two_imports_at_once_are_one_after_the_other(database: Database) -> None:
    lists = [people(CHUNK + 7), people(CHUNK + 7)]
    with ThreadPoolExecutor(2) as threads:
        added = list(threads.map(lambda rows: SqlSupporters(database).add(rows, at=T0), lists))
    first, second = sorted(added, key=lambda one: one.new, reverse=True)
    assert first == Added(CHUNK + 7, 0, 0, 0, 0)
    assert second == Added(0, 0, CHUNK + 7, 0, 0)
    assert SqlSupporters(database).count() == CHUNK + 7


def test_an_import_leaves_python_as_it_was(supporters: SqlSupporters) -> None:
    before = gc.isenabled(), sys.getswitchinterval()
    supporters.add(people(3), at=T0)

    def broken() -> Iterator[NewSupporter]:
        yield PERSON
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        supporters.add(broken(), at=T0)
    assert (gc.isenabled(), sys.getswitchinterval()) == before


def test_an_import_that_fails_halfway_leaves_nothing(supporters: SqlSupporters) -> None:
    def rows() -> Iterator[NewSupporter]:
        yield from people(CHUNK + 1)
        yield replace(PERSON, unsubscribed=True)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supporters.add(rows(), at=T0)
    assert supporters.count() == 0
    assert supporters.suppression(PERSON.email) is None


def test_an_import_that_the_database_refuses_halfway_leaves_nothing(supporters: SqlSupporters) -> None:
    unstorable = replace(PERSON, email="z@example.org", first_name=None)  # type: ignore[arg-type]  # what no column takes
    with pytest.raises(Exception, match=r"(?i)not.null"):
        supporters.add([*people(3), unstorable], at=T0)
    assert supporters.count() == 0


def test_a_trial_says_what_an_import_would_come_to_and_leaves_nothing(supporters: SqlSupporters) -> None:
    supporters.add(people(2), at=T0)
    assert supporters.would_add([PERSON, *people(2)], at=T0) == Added(1, 0, 2, 0, 0)
    assert supporters.count() == 2


def test_an_import_of_nothing_adds_nobody(supporters: SqlSupporters) -> None:
    assert supporters.add([], at=T0) == Added(0, 0, 0, 0, 0)


# --- suppression ---


def test_a_row_of_somebody_who_unsubscribed_makes_a_suppression(supporters: SqlSupporters) -> None:
    assert supporters.add([replace(PERSON, unsubscribed=True)], at=T0) == Added(1, 0, 0, 0, suppressed=1)
    assert supporters.suppression(PERSON.email) == Suppression(Reason.UNSUBSCRIBED, "import", T0)


def test_a_suppression_stays_through_any_import(supporters: SqlSupporters) -> None:
    supporters.suppress(PERSON.email, reason=Reason.COMPLAINED, source="sendgrid", at=T0)
    assert supporters.add([PERSON], at=T0 + HOUR).suppressed == 1
    assert supporters.add([replace(PERSON, unsubscribed=True)], at=T0 + HOUR).suppressed == 1
    assert supporters.suppression(PERSON.email) == Suppression(Reason.COMPLAINED, "sendgrid", T0)


def test_a_later_row_that_says_unsubscribed_counts_although_it_is_a_duplicate(supporters: SqlSupporters) -> None:
    added = supporters.add([PERSON, *people(CHUNK), replace(PERSON, unsubscribed=True)], at=T0)
    assert (added.duplicates, added.suppressed) == (1, 1)
    assert supporters.suppression(PERSON.email) is not None


def test_an_address_that_nobody_knows_can_be_suppressed_and_only_the_first_reason_stays(
    supporters: SqlSupporters,
) -> None:
    assert supporters.suppress("Unknown@example.org", reason=Reason.BY_HAND, source="Jo Example", at=T0)
    assert not supporters.suppress("unknown@example.org", reason=Reason.BOUNCED, source="sendgrid", at=T0 + HOUR)
    assert supporters.suppression("UNKNOWN@example.org") == Suppression(Reason.BY_HAND, "Jo Example", T0)
    assert supporters.find("unknown@example.org") is None


def test_lifting_lets_mail_go_again_and_both_are_on_record(database: Database, supporters: SqlSupporters) -> None:
    supporters.suppress(PERSON.email, reason=Reason.UNSUBSCRIBED, source="link", at=T0)
    assert supporters.lift(PERSON.email, source="letter from Mara", at=T0 + HOUR)
    assert not supporters.lift(PERSON.email, source="again", at=T0 + HOUR)
    assert supporters.suppression(PERSON.email) is None
    h = tables.suppression_history.c
    with database.read() as connection:
        kept = [
            tuple(row)
            for row in connection.execute(sa.select(h.what, h.reason, h.source, h.happened_at).order_by(h.id))
        ]
    assert kept == [
        ("suppressed", "unsubscribed", "link", T0),
        ("lifted", "unsubscribed", "letter from Mara", T0 + HOUR),
    ]


def test_barred_are_those_whose_address_is_suppressed(supporters: SqlSupporters) -> None:
    supporters.add(people(3), at=T0)
    supporters.suppress("person1@example.org", reason=Reason.BY_HAND, source="test", at=T0)
    ids = {person.email: person.id for person in supporters.each()}
    assert supporters.barred(list(ids.values())) == {ids["person1@example.org"]}
    assert supporters.barred([]) == frozenset()


# --- forgetting ---


def test_a_person_who_is_forgotten_leaves_a_hash_and_nothing_else(
    database: Database, supporters: SqlSupporters
) -> None:
    supporters.add([PERSON], at=T0)
    supporters.suppress(PERSON.email, reason=Reason.UNSUBSCRIBED, source="link", at=T0)
    assert supporters.forget(PERSON.email, at=T0 + HOUR)
    assert supporters.find(PERSON.email) is None
    assert supporters.suppression(PERSON.email) == Suppression(Reason.FORGOTTEN, "request", T0 + HOUR)
    with database.read() as connection:
        for table in (tables.supporters, tables.suppressions, tables.suppression_history):
            for row in connection.execute(sa.select(table)):
                assert b"okafor" not in repr(row).lower().encode()


def test_nobody_unknown_can_be_forgotten(supporters: SqlSupporters) -> None:
    assert not supporters.forget("unknown@example.org", at=T0)
    assert supporters.suppression("unknown@example.org") is None


def test_an_old_list_does_not_bring_back_who_was_forgotten(supporters: SqlSupporters) -> None:
    supporters.add([PERSON], at=T0)
    supporters.forget(PERSON.email, at=T0)
    assert supporters.add([PERSON, *people(2), PERSON], at=T0 + HOUR) == Added(2, 0, 0, 1, suppressed=1)
    assert supporters.find(PERSON.email) is None


# --- segments ---


@pytest.fixture
def crowd(supporters: SqlSupporters) -> SqlSupporters:
    def person(name: str, *, suppressed: bool = False, **changes: object) -> NewSupporter:
        made = NewSupporter(email=f"{name}@example.org", consent=CONSENT, unsubscribed=suppressed)
        return replace(made, **changes)  # type: ignore[arg-type]  # names of its own fields

    rows = [
        person("plain"),
        person("donor", tags=("donor",), language="en", country="US", region="NY", zone=HOME),
        person("monthly", tags=("donor", "Monthly"), language="es", country="US", region="CA", zone="America/Denver"),
        person("partner", tags=("partner",), country="GB", zone="Europe/London", acted_at=T0),
        person("percent", tags=("100%",), language="fr", country="FR"),
        person("under", tags=("a_b",)),
        person("left", tags=("donor",), suppressed=True),
        person("silent", tags=("donor",), consent=None),
        person("nothing", consent=Consent(Basis.NONE, "import", T0)),
    ]
    supporters.add(rows, at=T0)
    return supporters


SEGMENTS: tuple[tuple[Segment, set[str]], ...] = (
    (Segment("s", tags_all=("donor", "monthly")), {"monthly"}),
    (Segment("s", tags_all=("MONTHLY",)), {"monthly"}),
    (Segment("s", tags_any=("monthly", "partner")), {"monthly", "partner"}),
    (Segment("s", tags_any=("month",)), set()),
    (Segment("s", tags_all=("100%",)), {"percent"}),
    (Segment("s", tags_all=("1%",)), set()),
    (Segment("s", tags_all=("a_b",)), {"under"}),
    (Segment("s", tags_all=("axb",)), set()),
    (Segment("s", tags_none=("donor",)), {"plain", "partner", "percent", "under", "nothing"}),
    (Segment("s", languages=("es", "fr")), {"monthly", "percent"}),
    (Segment("s", languages=("EN",)), {"donor"}),
    (Segment("s", languages=("es", ""), tags_all=("donor",)), {"monthly", "left", "silent"}),
    (Segment("s", countries=("us",)), {"donor", "monthly"}),
    (Segment("s", countries=("US",), regions=("CA",)), {"monthly"}),
    (Segment("s", acted=True), {"partner"}),
    (Segment("s", acted=False, tags_any=("partner", "monthly")), {"monthly"}),
)


def test_a_segment_selects_those_who_meet_every_condition(crowd: SqlSupporters) -> None:
    selected = [(segment, emails(crowd, segment)) for segment, _ in SEGMENTS]
    assert selected == list(SEGMENTS)


def test_headcount_counts_each_person_once(crowd: SqlSupporters) -> None:
    donors = audience(segment=Segment("donors", tags_all=("donor",)))
    assert crowd.headcount(donors) == Headcount(members=4, suppressed=1, without_consent=1)
    crowd.suppress("silent@example.org", reason=Reason.BY_HAND, source="test", at=T0)
    assert crowd.headcount(donors) == Headcount(members=4, suppressed=2, without_consent=0)
    assert crowd.headcount(audience(segment=Segment("nobody", tags_all=("x",)))) == Headcount(0, 0, 0)


def test_whom_several_audiences_reach_is_counted_once(crowd: SqlSupporters) -> None:
    donors = audience(segment=Segment("donors", tags_all=("donor",)))
    americans = audience(segment=Segment("americans", countries=("US", "GB")))
    assert crowd.reach([donors]) == 2
    assert crowd.reach([donors, americans]) == 3
    assert crowd.reach([]) == 0


def test_what_is_no_address_matches_nobody(crowd: SqlSupporters) -> None:
    for written in ("", "plain", "pl\u00e1in@", "xn--@example.org", "\udcff@example.org"):
        assert crowd.find(written) is None
        assert crowd.suppression(written) is None


def test_who_has_no_zone_is_where_they_live_else_at_home(crowd: SqlSupporters) -> None:
    assert crowd.headcount(audience(zones=(HOME,))).members == 6
    assert crowd.headcount(audience(zones=("Europe/London", "America/Denver", "America/Los_Angeles"))).members == 2
    assert crowd.headcount(audience(zones=("Europe/Paris",))).members == 1, "their country has but one"
    assert crowd.headcount(audience(zones=())).members == 0
    assert crowd.headcount(audience()).members == 9


def test_examples_show_each_variant_and_each_blank_among_the_reachable(crowd: SqlSupporters) -> None:
    examples = crowd.examples(audience(variants=("en", "es")), most=20)
    names = [person.email.split("@")[0] for person in examples]
    assert len(names) == len(set(names))
    assert {"left", "silent", "nothing"}.isdisjoint(names)
    assert {"plain", "monthly"} <= set(names[:3])
    assert any(person.country == "" for person in examples)
    assert any(person.acted_at for person in examples)
    assert len(crowd.examples(audience(variants=("en", "es")), most=2)) == 2
    assert not crowd.examples(audience(segment=Segment("nobody", tags_all=("x",))), most=5)


def test_examples_find_the_one_person_with_a_blank_field_in_a_crowd(supporters: SqlSupporters) -> None:
    rows = [replace(PERSON, email=f"p{number}@example.org") for number in range(300)]
    rows[250].first_name = ""
    rows[260].language = "es"
    supporters.add(rows, at=T0)
    examples = supporters.examples(audience(variants=("en", "es")), most=5)
    assert {person.email for person in examples} >= {"p250@example.org", "p260@example.org"}
    assert len(examples) == 5


# --- reading ---


def test_each_streams_everybody_by_id_over_many_pages(supporters: SqlSupporters) -> None:
    supporters.add(people(4_500), at=T0)
    ids = [person.id for person in supporters.each()]
    assert len(ids) == 4_500
    assert ids == sorted(set(ids))


def test_people_can_be_had_by_id(supporters: SqlSupporters) -> None:
    supporters.add(people(3), at=T0)
    everybody = {person.id: person for person in supporters.each()}
    assert supporters.get(list(everybody)) == everybody
    assert supporters.get([]) == supporters.get([10**9]) == {}


def test_the_first_action_is_recorded_and_stays(supporters: SqlSupporters) -> None:
    supporters.add([PERSON], at=T0)
    assert supporters.acted(PERSON.email.upper(), at=T0)
    assert not supporters.acted(PERSON.email, at=T0 + HOUR)
    assert not supporters.acted("unknown@example.org", at=T0)
    supporters.add([replace(PERSON, acted_at=T0 + HOUR)], at=T0 + HOUR)
    found = supporters.find(PERSON.email)
    assert found is not None
    assert found.acted_at == T0


# --- any input ---

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
ROWS = st.builds(
    NewSupporter,
    email=st.sampled_from(["a@example.org", "A@example.org", "b@example.net", "ö@example.com"]),
    first_name=TEXT,
    region=TEXT,
    tags=st.lists(TEXT, max_size=3).map(tuple),
    consent=st.none() | st.just(CONSENT),
    unsubscribed=st.booleans(),
    extra=st.dictionaries(TEXT, TEXT, max_size=2),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(rows=st.lists(ROWS, max_size=8))
def test_whatever_is_added_is_counted_once_and_who_left_stays_suppressed(
    supporters: SqlSupporters, rows: list[NewSupporter]
) -> None:
    before = supporters.count()
    added = supporters.add(rows, at=T0)
    assert added.new + added.updated + added.unchanged + added.duplicates == len(rows)
    assert supporters.count() == before + added.new
    for row in rows:
        assert supporters.find(row.email) is not None
        assert not row.unsubscribed or supporters.suppression(row.email) is not None
