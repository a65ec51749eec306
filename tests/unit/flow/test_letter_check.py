# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""A message is held to its letter: quotations, figures, dates and the names of those who signed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import Problem
from campaign.flow.letter import check
from campaign.model.letter import Addressee, Demand, Letter, Note, Paragraph, Sentence, Signatory

SAID = (
    "We write for forty-one thousand readers. On 3 April you switched on cameras in 12 branches, says your brochure, "
    "“to count visitors — and nothing more.” It’s a lie: tens of millions of faces are kept, and 40 percent of our "
    "readers stay away. The contract is worth $1.2 million. We demand that you end it."
)
SIGNED = (
    "Electronic Frontier Example",
    "Color of Example",
    "American Example Union (AEU)",
    "Legacy of Equality, Leadership, and Organizing (LELO)",
    "Restore the Fifth, Inc.",
    "OneExample",
    "CREDO Example",
    "WITNESS",
    "AI Now",
    "Charles Example Institute - Law School",
    "Youth & Power Union",
    "AEU of Massachusetts",
)
LETTER = Letter(
    source="letter.txt",
    date=date(2018, 5, 22),
    addressees=(Addressee("Jane Doe", "Director", "Example, Inc.", "Seattle, WA", 1),),
    salutation="Dear Ms. Doe,",
    paragraphs=(Paragraph((Sentence(SAID, 3),), 3),),
    demands=(Demand("We demand that you end it.", 3),),
    figures=(),
    quotations=(),
    notes=(Note(1, 3, "Report of 7 March 2017, 93 pages."),),
    closing="Sincerely,",
    signatories=tuple(Signatory(name, line) for line, name in enumerate(SIGNED, 10)),
    text=SAID,
)
RESTATED = replace(LETTER, restated=True)


def problems(
    text: str, *, letter: Letter = LETTER, declared: Mapping[str, str] | None = None, language: str = "en"
) -> list[Problem]:
    return check(
        text=text, file="alert.txt", where='step "alert"', letter=letter, declared=declared or {}, language=language
    )


def said(text: str, **options: str) -> list[str]:
    return [problem.what for problem in problems(text, language=options.get("language", "en"))]


class TestQuotations:
    @pytest.mark.parametrize(
        "text",
        [
            "They say “to count visitors — and nothing more.”",
            'They say "to count visitors - and nothing more".',
            "They say «To count visitors — and nothing more,» but no.",
            "They say “to count\nvisitors — and nothing more”",
            "“It's a lie: tens of millions of faces are kept”",
            "“We write for forty-one thousand readers … and 40 percent of our readers stay away.”",
            "“We demand that […] you end it”",
            "It calls them “faces”, or so.",
            "A so-called “smart camera” is none.",
            "'Not one of our words' says the shop's sign.",
            'Click “Send my letter now” and then reply "count me in".',
            '“” and "" are empty.',
        ],
    )
    def test_the_letters_own_words_may_be_quoted(self, text: str) -> None:
        assert said(text) == []

    @pytest.mark.parametrize(
        "text",
        [
            "They say “to count people and nothing more.”",
            "They say “to count visitors and nothing more”.",
            'Never forget: "you must end it now".',
            "«cameras count the visitors»",
            "‘cameras count the visitors’",
            "“tens of millions of face”",
            "“readers stay away … We write for”",
            "It says it is “scandalous”.",
            "“Scandalous surveillance”, the letter says.",
        ],
    )
    def test_words_that_the_letter_does_not_hold_are_no_quotation(self, text: str) -> None:
        (problem,) = problems(text)
        assert "does not stand in letter.txt word for word" in problem.what
        assert problem.remedy

    def test_from_a_restatement_nothing_may_be_quoted(self) -> None:
        (problem,) = problems("It says: “We demand that you end it.”", letter=RESTATED)
        assert "not the coalition's" in problem.what
        assert "original" in problem.remedy

    def test_beside_a_restatement_a_single_word_between_marks_is_no_quotation(self) -> None:
        assert problems("A “smart” camera. Click “Add my name now”.", letter=RESTATED) == []


class TestFigures:
    @pytest.mark.parametrize(
        "text",
        [
            "Cameras in 12 branches, in twelve branches, in a dozen branches.",
            "41,000 readers; forty-one thousand readers; 41 thousand; 41k.",
            "Tens of millions of faces.",
            "40%, 40 %, 40 per cent, forty percent.",
            "$1.2 million, US$1,200,000, 1.2 million dollars.",
            "12 organisations; twelve groups; one demand; a 93-page report.",
            "The Electronic Frontier Example, OneExample and 10 more.",
            "AEU and 11 other organisations",
        ],
    )
    def test_a_figure_of_the_letter_may_be_written_in_any_way(self, text: str) -> None:
        assert said(text) == []

    @pytest.mark.parametrize(
        ("text", "figure"),
        [
            ("Cameras in 13 branches.", "13"),
            ("Cameras in thirteen branches.", "thirteen"),
            ("Millions of faces.", "Millions"),
            ("Hundreds of millions of faces.", "Hundreds of millions"),
            ("12 percent stay away.", "12 percent"),
            ("A contract of 1.2 million.", "1.2 million"),
            ("A contract of €1.2 million.", "€1.2 million"),
            ("Half of the readers stay away.", "Half"),
            ("Two-thirds of them.", "Two-thirds"),
            ("12,345 people have signed.", "12,345"),
            ("Four cities have banned it.", "Four"),
            ("The Electronic Frontier Example, OneExample and 9 more.", "9"),
            ("It has been so since 2013.", "2013"),
            ("It took 120 days.", "120"),
        ],
    )
    def test_a_figure_that_the_letter_does_not_state_is_refused(self, text: str, figure: str) -> None:
        assert said(text) == [f"the figure {figure} is not in letter.txt"]

    @pytest.mark.parametrize(
        "text",
        [
            "1/3 Here is why.",
            "Here is why. (2/3)",
            "3/ And so on",
            "1️⃣ Sign. 2️⃣ Share.",
            "1. Sign.\n2) Share.\n(3) Call.",
            "Step 4: call. Part 2 of 5.",
            "At 9 a.m., 9:30 pm, 17:45, 18h, 9 o'clock, at 9 on Tuesday; T-0, UTC+2.",
            "The next 24 hours. It takes two minutes. In 3 days. A 48-hour vigil.",
            "Two ways to help, three quick things, 5 reasons, 3 clicks.",
            "The 4th Amendment, the 21st century, the second time.",
            "https://example.org/2013/99?x=77 www.example.org/5 example.org/66 me99@example.org @user77 #Day2013",
            "G7, MP3, COVID19, 18Example and Windows11.",
            "125 Broad Street, Suite 400, New York, NY 10004. PO Box 9876.",
            "Call +1 206 555 0100, (206) 555-0100 or 206-555-0100.",
            "One of us. Nobody, not one. © 2031 Example. Open 24/7.",
        ],
    )
    def test_a_number_that_claims_nothing_needs_no_source(self, text: str) -> None:
        assert said(text) == []

    def test_a_declared_figure_may_be_stated(self) -> None:
        text = "12,345 people in 77 towns have signed: 9 in 10."
        assert len(problems(text)) == 4
        declared = {"12,345": "our own count", "77 towns": "our own count", "9 in 10": "poll by Example Institute"}
        assert problems(text, declared=declared) == []

    def test_the_day_in_a_date_is_no_figure_of_the_letter(self) -> None:
        assert said("22 branches") == ["the figure 22 is not in letter.txt"]

    def test_figures_in_spanish_are_the_same_figures(self) -> None:
        text = "Doce organizaciones, 41.000 lectoras, decenas de millones de rostros, el 40 por ciento, doce sedes."
        assert said(text, language="es") == []
        assert said("Tardas dos minutos. Tres cosas que puedes hacer. A las 9 de la mañana.", language="es-MX") == []
        assert said("Trece sedes", language="es") == ["the figure Trece is not in letter.txt"]


class TestDates:
    @pytest.mark.parametrize(
        "text",
        ["On 22 May 2018", "On May 22nd", "2018-05-22", "05/22/2018", "May 2018", "in 2018", "3 April", "7 March 2017"],
    )
    def test_a_date_of_the_letter_may_be_written_in_any_order(self, text: str) -> None:
        assert said(text) == []

    def test_a_date_may_be_written_in_spanish(self) -> None:
        assert said("El 22 de mayo de 2018 y el 3 de abril", language="es") == []

    @pytest.mark.parametrize(
        "text", ["23 May 2018", "22 May 2019", "5 April", "June 2018", "3 April 2017", "2018-05-23"]
    )
    def test_any_other_date_is_refused(self, text: str) -> None:
        assert said(f"On {text} it was.") == [f"the date {text} is not in letter.txt"]

    def test_a_declared_date_may_be_stated_in_any_order(self) -> None:
        assert problems("Hearing: June 5, 2018 (5 June).", declared={"2018-06-05": "the court's calendar"}) == []

    def test_a_day_that_does_not_exist_is_refused(self) -> None:
        assert said("On 31 February 2018") == ["the calendar has no 31 February 2018"]


class TestNames:
    @pytest.mark.parametrize("name", SIGNED)
    def test_a_name_as_signed_is_right(self, name: str) -> None:
        assert said(f"Thanks to {name} and to {name}, too.") == []
        assert said(f"{name}’s letter") == []

    @pytest.mark.parametrize(
        "text",
        [
            "AEU and LELO, the American Example Union, and Restore the Fifth.",
            "Charles Example Institute – Law School",
            "Electronic Frontier\nExample",
            "COLOR OF EXAMPLE",
            "We must regulate AI now. A witness saw it. Witness the color of example.",
            "The Union of Youth. Power to the Youth. Equality, Leadership. One example.",
            "A Color of Money. An Electronic Example.",
        ],
    )
    def test_ordinary_words_and_known_short_forms_are_no_mistakes(self, text: str) -> None:
        assert said(text) == []

    @pytest.mark.parametrize(
        ("written", "signed"),
        [
            ("Colour of Example", "Color of Example"),
            ("Color Of Example", "Color of Example"),
            ("Electronic Frontiers Example", "Electronic Frontier Example"),
            ("Electronic Frontier\nExemple", "Electronic Frontier Example"),
            ("American Examples Union", "American Example Union (AEU)"),
            ("Legacy of Equality, Leadership and Organizing", "Legacy of Equality, Leadership, and Organizing (LELO)"),
            ("One Example", "OneExample"),
            ("Credo Example", "CREDO Example"),
            ("AEU of Masachusetts", "AEU of Massachusetts"),
            ("Youth and Power Union", "Youth & Power Union"),
            ("Charles Exemple Institute", "Charles Example Institute - Law School"),
        ],
    )
    def test_a_near_miss_is_answered_with_the_right_spelling(self, written: str, signed: str) -> None:
        found = problems(f"Thanks to\n{written}!")
        if signed.startswith("Charles"):
            assert found == []  # half a name is another name
            return
        (problem,) = found
        assert problem.line == 2
        assert problem.what == f"“{' '.join(written.split())}” is not how a signatory signed"
        assert problem.remedy == f"write “{signed}”"

    def test_a_misspelled_name_is_named_without_its_possessive(self) -> None:
        assert said("Colour of Example’s view") == ["“Colour of Example” is not how a signatory signed"]

    def test_a_handle_or_an_address_spells_no_name(self) -> None:
        assert said("@ColourOfExample https://example.org/One-Example oneexample.org") == []

    def test_a_name_that_the_letter_itself_uses_is_no_mistake(self) -> None:
        letter = replace(LETTER, text=f"{LETTER.text} Colour of Example is another group.")
        assert problems("Colour of Example", letter=letter) == []

    def test_people_and_the_organisations_they_sign_for_are_both_held_to(self) -> None:
        letter = replace(LETTER, signatories=(Signatory("Jane Q. Sample", 10, "Director", "Friends of the Example"),))
        assert [one.remedy for one in problems("Jane Q. Samples of the Friends of The Example", letter=letter)] == [
            "write “Jane Q. Sample”",
            "write “Friends of the Example”",
        ]


def test_every_problem_names_file_step_and_line_in_order() -> None:
    found = problems("13 branches\n\n“not what was said here”\n5 April")
    assert [(one.file, one.where, one.line) for one in found] == [
        ("alert.txt", 'step "alert"', 1),
        ("alert.txt", 'step "alert"', 3),
        ("alert.txt", 'step "alert"', 4),
    ]


@given(st.text(max_size=300), st.sampled_from(["en", "es", "fr", ""]))
def test_any_message_can_be_checked(text: str, language: str) -> None:
    for problem in problems(text, language=language):
        assert 1 <= problem.line <= text.count("\n") + 1
        assert problem.remedy


@given(st.integers(min_value=2, max_value=10**12))
def test_a_count_is_known_however_its_thousands_are_marked(number: int) -> None:
    declared = {str(number): "counted"}
    for written in (f"{number}", f"{number:,}", f"{number:,}".replace(",", "\u202f")):
        assert problems(f"We are {written} strong.", declared=declared) == []
    spanish = f"{number:,}".replace(",", ".")
    assert problems(f"Somos {spanish} personas.", declared=declared, language="es") == []
