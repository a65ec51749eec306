"""Whole audiences, on SQLite and on PostgreSQL: everybody in one, and those who share a mailbox."""

from __future__ import annotations

from dataclasses import replace

from campaign.model.segment import Segment
from campaign.model.supporter import Consent, Reason, Supporter
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, people

BOTH = replace(AUDIENCE, variants=("en", "es"))


def at(supporters: SqlSupporters, *emails: str, **changes: object) -> list[int]:
    """People at these addresses; their ids."""
    supporters.add([replace(one, email=email, **changes) for one, email in zip(people(len(emails)), emails)], at=T0)  # type: ignore[arg-type]  # noqa: B905 - as many as there are addresses; names of its own fields
    return [found.id for email in emails if (found := supporters.find(email)) is not None]


def reached(supporters: SqlSupporters) -> list[tuple[str, Supporter]]:
    return [
        (language, person)
        for page in supporters.reachable(BOTH)
        for language, members in page.items()
        for person in members
    ]


def test_everybody_who_may_be_written_to_comes_once_by_id_each_in_their_language(supporters: SqlSupporters) -> None:
    supporters.add(people(4_500), at=T0)
    supporters.add(people(1_500, language="es"), at=T0)
    found = reached(supporters)
    assert sorted(person.id for _, person in found) == sorted(person.id for person in supporters.each())
    assert {language for language, person in found if person.language == "es"} == {"es"}
    assert sum(language == "es" for language, _ in found) == 1_500
    assert max(sum(map(len, page.values())) for page in supporters.reachable(BOTH)) <= 2_000


def test_people_come_as_they_come_elsewhere(supporters: SqlSupporters) -> None:
    at(supporters, "ana@example.org", tags=("a", "b"), extra={"city": "León"}, acted_at=T0, region="NY")
    assert [person for _, person in reached(supporters)] == list(supporters.each())


def test_who_may_not_be_written_to_is_left_out(supporters: SqlSupporters) -> None:
    supporters.add(people(4), at=T0)
    supporters.suppress("person1@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
    supporters.add([replace(one, email=f"no-{one.email}", consent=None) for one in people(2)], at=T0)
    assert [person.email for _, person in reached(supporters)] == [
        f"person{number}@example.org" for number in (0, 2, 3)
    ]
    assert list(supporters.reachable(replace(BOTH, segment=Segment("nobody", tags_all=("none",))))) == []


def test_a_mailbox_that_two_addresses_lead_to_is_found(supporters: SqlSupporters) -> None:
    plain, plus = at(supporters, "ana@example.org", "ana+news@example.org")
    dotted, _, other = at(supporters, "b.o@gmail.com", "bo@gmail.com", "BO+x@googlemail.com")
    at(supporters, "c.d@example.org", "cd@example.org", "+e@example.org", "+f@example.org", "g+@example.net")
    shared = supporters.shared_mailboxes(AUDIENCE)
    assert shared.people == 3
    assert list(shared.examples) == [(plain, plus), (dotted, other)]


def test_who_is_suppressed_shares_no_mailbox(supporters: SqlSupporters) -> None:
    at(supporters, "ana@example.org", "ana+news@example.org", "bo+a@example.org", "bo+b@example.org")
    supporters.suppress("ana@example.org", reason=Reason.BOUNCED, source="test", at=T0)
    supporters.suppress("bo+b@example.org", reason=Reason.BOUNCED, source="test", at=T0)
    assert supporters.shared_mailboxes(AUDIENCE).people == 0


def test_consent_is_read_as_it_was_given(supporters: SqlSupporters) -> None:
    at(supporters, "ana@example.org")
    [(_, person)] = reached(supporters)
    assert isinstance(person.consent, Consent)
    assert person.consent.at.tzinfo is not None


TAGGED = Segment("tagged", tags_all=("local",))


def test_people_at_a_mailbox_domain_are_counted_by_segment(supporters: SqlSupporters) -> None:
    at(supporters, "a@big.example", "b@Big.Example", "c@other.example", "d@big.example.org")
    at(supporters, "e@big.example", tags=("local",))
    at(supporters, "f@big.example")
    supporters.suppress("f@big.example", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
    found = supporters.at_domains(
        [AUDIENCE.segment, TAGGED], ["big.example", "other.example", "none.example"], campaign="example"
    )
    assert found == {AUDIENCE.segment: {"big.example": 3, "other.example": 1}, TAGGED: {"big.example": 1}}
    assert supporters.at_domains([TAGGED], [], campaign="example") == {TAGGED: {}}


def test_people_are_counted_by_the_segments_they_are_in_together(supporters: SqlSupporters) -> None:
    at(supporters, "a@example.org", "b@example.org", "c@example.org")
    at(supporters, "d@example.org", tags=("local",))
    supporters.suppress("c@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=T0)
    many = [Segment(f"s{number}", tags_all=(f"tag-{number}",)) for number in range(70)]
    chosen = [AUDIENCE.segment, *many, TAGGED]  # more than a number has bits
    assert supporters.groups(chosen, campaign="example") == {
        frozenset({AUDIENCE.segment}): 2,
        frozenset({AUDIENCE.segment, TAGGED}): 1,
    }
    assert supporters.groups([], campaign="example") == {}
