# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""What a card says beside its words: marks, the source line, tidy text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from campaign.model.letter import Addressee, Letter
from campaign.rendering.card_words import quotation_marks, source_line, tidy, within_marks
from campaign.rendering.cards import card_of
from tests import builders

ADDRESSEE = Addressee("Robin Ash", "Chief", "Example, Inc.", "Seattle", line=2)


def letter(**changes: object) -> Letter:
    changed = {"addressees": (ADDRESSEE,), **changes}
    return replace(builders.letter(), **changed)  # type: ignore[arg-type]  # names of Letter's own fields


def line(language: str = "en", *, restated: bool = False, **changes: object) -> str:
    return source_line(letter(**changes), language, restated=restated).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "Letter to Robin Ash of Example, 22 May 2018"),
        ("en-US", "Letter to Robin Ash of Example, 22 May 2018"),
        ("es", "Carta a Robin Ash, Example, 22 de mayo de 2018"),
        ("fr", "Lettre à Robin Ash, Example, 22 mai 2018"),
        ("de", "Brief an Robin Ash, Example, 22. Mai 2018"),
        ("pl", "Robin Ash, Example, 2018-05-22"),
    ],
)
def test_the_source_line_is_in_the_posts_language_or_the_data_alone(language: str, expected: str) -> None:
    assert line(language) == expected


def test_the_source_line_says_that_restated_words_are_ours() -> None:
    assert line(restated=True) == "In our words: letter to Robin Ash, 22 May 2018"
    assert line("es", restated=True).startswith("En nuestras palabras: ")


def test_only_a_quotation_is_restated_since_a_figure_is_the_letters_own() -> None:
    restated = letter(restated=True)
    made = [
        card_of(restated, kind=kind, text="41", says="groups", shape="wide", by="Us", language="en")
        for kind in ("quotation", "figure")
    ]
    assert [card.restated for card in made] == [True, False]
    assert [card.source.startswith("In our words") for card in made] == [True, False]


def test_a_letter_to_several_people_names_the_first() -> None:
    assert line(addressees=(ADDRESSEE, replace(ADDRESSEE, name="Kim Oak"))) == (
        "Letter to Robin Ash and others, 22 May 2018"
    )


def test_a_letter_to_an_organisation_names_it_once() -> None:
    assert line(addressees=(replace(ADDRESSEE, name="Example"),)) == "Letter to Example, 22 May 2018"


def test_a_letter_without_a_date_has_a_source_line_without_one() -> None:
    assert line(date=None) == "Letter to Robin Ash of Example"
    assert line("pl", date=None) == "Robin Ash, Example"


def test_a_long_organisation_is_left_out() -> None:
    bureau = replace(ADDRESSEE, organisation="Interdepartmental Bureau for the Review of Procurement and Supply")
    assert line(addressees=(bureau,)) == "Letter to Robin Ash, 22 May 2018"


def test_names_and_dates_stay_on_one_line() -> None:
    told = source_line(letter(), "en", restated=False)
    assert told.split(" ") == ["Letter", "to", "Robin\u00a0Ash", "of", "Example,", "22\u00a0May\u00a02018"]


@pytest.mark.parametrize(
    "organisation", ["Example, Inc.", "Example Inc", "Example LLC", "Example GmbH", "Example, S.A.", "Example plc"]
)
def test_a_legal_form_is_left_out(organisation: str) -> None:
    assert "of Example," in line(addressees=(replace(ADDRESSEE, organisation=organisation),))


def test_the_first_of_the_month_is_ordinal_in_french() -> None:
    assert line("fr", date=date(2018, 5, 1)).endswith("1er mai 2018")


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "They call it “simple”.", "They call it ‘simple’."),
        ("en", 'They call it "simple".', "They call it ‘simple’."),
        ("es", "Lo llaman «simple».", "Lo llaman “simple”."),
        ("de", "Sie nennen es „einfach“.", "Sie nennen es ‚einfach‘."),
        ("fr", "Ils disent « simple ».", "Ils disent “simple”."),
        ("en", "“All of it.”", "All of it."),
        ("en", '"All of it."', "All of it."),
        ("en", "“One” and “two”", "‘One’ and ‘two’"),
        ("en", 'Six feet and 3" more', 'Six feet and 3" more'),
    ],
)
def test_marks_within_a_quotation_are_the_languages_inner_ones(language: str, text: str, expected: str) -> None:
    assert within_marks(text, language) == expected


def test_a_language_without_marks_here_has_english_ones() -> None:
    assert quotation_marks("xx") == ("“", "”")
    assert quotation_marks("de") == ("„", "“")
    assert quotation_marks("de-CH") == ("«", "»")
    assert quotation_marks("fr-CA") == ("«\u202f", "\u202f»")


def test_a_tidy_text_has_one_space_for_many_and_curly_apostrophes() -> None:
    assert tidy("  everybody's \n rights,\tworkers' rights ") == "everybody’s rights, workers’ rights"
    assert tidy("1\u00a0000\u202f000\u2009km") == "1\u00a0000\u202f000\u202fkm"
    assert tidy("e\u0301tat\u200b so\u00adft\ufeff") == "état soft"
