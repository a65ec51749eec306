"""Many new supporters column by column are the same people as one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from campaign.model.roll import NewSupporters, Roll, chunked, without
from campaign.model.supporter import Basis, Consent, NewSupporter

CONSENTS = st.none() | st.builds(
    Consent,
    basis=st.sampled_from(Basis),
    source=st.text(max_size=3),
    at=st.datetimes(timezones=st.just(UTC)),
    text=st.text(max_size=3),
)
PEOPLE = st.lists(
    st.builds(
        NewSupporter,
        email=st.emails(),
        first_name=st.text(max_size=3),
        tags=st.lists(st.text(max_size=3), max_size=2).map(tuple),
        consent=CONSENTS,
        acted_at=st.none() | st.just(datetime(2018, 5, 1, tzinfo=UTC)),
        unsubscribed=st.booleans(),
        extra=st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=2),
        preference=st.sampled_from(["", "less-often"]),
    ),
    max_size=9,
)


def in_pages(people: Sequence[NewSupporter], size: int) -> Roll:
    return Roll(NewSupporters.of(people[start : start + size]) for start in range(0, len(people), size))


def one_by_one(chunks: Iterable[NewSupporters]) -> list[list[NewSupporter]]:
    return [list(chunk.each()) for chunk in chunks]


@given(people=PEOPLE)
def test_columns_hold_the_people_that_they_were_made_of(people: list[NewSupporter]) -> None:
    assert list(NewSupporters.of(people).each()) == people


@given(people=PEOPLE, size=st.integers(1, 4), most=st.integers(1, 4))
def test_a_roll_gives_everybody_in_order_and_so_many_at_a_time(
    people: list[NewSupporter], size: int, most: int
) -> None:
    expected = [people[start : start + most] for start in range(0, len(people), most)]
    assert list(in_pages(people, size)) == people
    assert one_by_one(chunked(in_pages(people, size), most)) == expected
    assert one_by_one(chunked(iter(people), most)) == expected


@given(people=PEOPLE, data=st.data())
def test_people_are_taken_out_and_put_in_by_their_number(people: list[NewSupporter], data: st.DataObject) -> None:
    numbers = data.draw(st.sets(st.sampled_from(range(len(people))))) if people else set()
    taken = NewSupporters.of(people)
    assert list(taken.without(numbers).each()) == [
        person for number, person in enumerate(people) if number not in numbers
    ]
    assert without(people, numbers) == list(taken.without(numbers).each())
    another = NewSupporter(
        "another@example.org", consent=Consent(Basis.MEMBER, "roll", datetime(2018, 1, 1, tzinfo=UTC))
    )
    for number in numbers:
        taken.put(number, another)
    assert list(taken.each()) == [another if number in numbers else person for number, person in enumerate(people)]
