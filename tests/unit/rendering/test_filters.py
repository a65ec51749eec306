from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from campaign.model.message import Source
from campaign.rendering.environment import Strict, render
from campaign.rendering.escaping import escaped


def written(template: str, language: str = "en", **values: Any) -> str:
    environment = Strict({"t": Source("t.txt", template)}, language=language, autoescape=False)
    return render(environment.get_template("t"), values)


LAUNCH = date(2018, 5, 22)


@pytest.mark.parametrize(
    ("language", "style", "expected"),
    [
        ("en", "", "22 May 2018"),
        ("en", '("short")', "22 May"),
        ("en", '("weekday")', "Tuesday, 22 May 2018"),
        ("en-GB", "", "22 May 2018"),
        ("es", "", "22 de mayo de 2018"),
        ("es", '("short")', "22 de mayo"),
        ("es", '("weekday")', "martes, 22 de mayo de 2018"),
        ("en", '(language="es")', "22 de mayo de 2018"),
        ("fr", "", "22 mai 2018"),
        ("fr", '("weekday")', "mardi 22 mai 2018"),
        ("de", "", "22. Mai 2018"),
        ("de", '("short")', "22. Mai"),
        ("de", '("weekday")', "Dienstag, 22. Mai 2018"),
    ],
)
def test_a_date_is_written_in_the_messages_language(language: str, style: str, expected: str) -> None:
    assert written("{{ day | date" + style + " }}", language, day=LAUNCH) == expected


@pytest.mark.parametrize(
    ("hour", "language", "expected"),
    [
        (0, "en", "Tuesday, 22 May 2018, 12:05 a.m. UTC"),
        (12, "en", "Tuesday, 22 May 2018, 12:05 p.m. UTC"),
        (15, "en", "Tuesday, 22 May 2018, 3:05 p.m. UTC"),
        (15, "es", "martes, 22 de mayo de 2018, 15:05 UTC"),
    ],
)
def test_a_moment_is_written_with_its_time_and_zone(hour: int, language: str, expected: str) -> None:
    moment = datetime(2018, 5, 22, hour, 5, tzinfo=UTC)
    assert written("{{ day | date('moment') }}", language, day=moment) == expected


def test_an_instant_is_written_as_its_date() -> None:
    assert written("{{ day | date }}", day=datetime(2018, 5, 22, 13, tzinfo=UTC)) == "22 May 2018"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ none | date }}", "there is none"),
        ("{{ 'May' | date }}", "a str"),
        ("{{ day | date('shortest') }}", "long, short, weekday"),
        ("{{ day | date(language='xx') }}", "en, es"),
    ],
)
def test_what_cannot_be_written_as_a_date_is_said(template: str, said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        written(template, day=LAUNCH)


@pytest.mark.parametrize("blank", ["", "  ", "\t\n", None])
def test_a_blank_value_falls_back(blank: str | None) -> None:
    assert written("{{ name | fallback('friend') }}", name=blank) == "friend"


def test_a_value_loses_the_white_space_around_it_before_it_falls_back() -> None:
    assert written("{{ name | fallback('friend') }}", name=" Ana ") == "Ana"


def test_a_missing_entry_falls_back_and_a_misspelt_name_does_not() -> None:
    assert written("{{ extra.city | fallback('your city') }}", extra={}) == "your city"
    with pytest.raises(Exception, match="'nmae' is undefined"):
        written("{{ nmae | fallback('friend') }}")


@pytest.mark.parametrize(
    ("values", "language", "expected"),
    [
        ([], "en", ""),
        (["A"], "en", "A"),
        (["A", "B"], "en", "A and B"),
        (["A", "B", "C"], "en", "A, B and C"),
        (["A", "B"], "es", "A y B"),
        (["A", "Iglesia"], "es", "A e Iglesia"),
        (["A", "Hijos"], "es", "A e Hijos"),
        (["A", "hielo"], "es", "A y hielo"),
    ],
)
def test_names_are_joined_as_one_says_them(values: list[str], language: str, expected: str) -> None:
    assert written("{{ values | join_and }}", language, values=values) == expected


def test_the_joining_word_can_be_given() -> None:
    assert written("{{ ['A', 'B'] | join_and('or') }}") == "A or B"


def test_a_noun_follows_its_number() -> None:
    assert written("{{ 1 | plural('day', 'days') }} {{ 0 | plural('day', 'days') }}") == "day days"


def test_a_filtered_list_can_be_read_twice() -> None:
    template = "{% set upper = names | map('upper') %}{{ upper | join }}{{ upper | join }}"
    assert written(template, names=["a", "b"]) == "ABAB"


@pytest.mark.parametrize("name", ["safe", "tojson", "xmlattr", "urlize", "random", "attr", "center", "pprint"])
def test_a_filter_that_is_not_offered_is_unknown(name: str) -> None:
    with pytest.raises(Exception, match=f"No filter named '{name}'"):
        written("{{ 'a' | " + name + " }}")


@given(st.text() | st.integers() | st.none() | st.text().map(Markup))
def test_escaping_on_the_hot_path_is_markupsafes(value: Any) -> None:
    found = escaped(value)
    assert found == str(escape(value))
    assert type(found) is str


def test_what_is_the_same_for_everybody_is_still_said_in_each_language() -> None:
    """A filter of what is written out in the template itself is called when the template is compiled."""
    text = "{{ ['a', 'b', 'c'] | join_and }}"
    assert [written(text, language) for language in ("en", "es", "de", "en")] == [
        "a, b and c",
        "a, b y c",
        "a, b und c",
        "a, b and c",
    ]
