# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Running text: where sentences end, and which small figures are note markers."""

from __future__ import annotations

import pytest

from campaign.files.letter import read_text
from campaign.model.letter import Letter


def with_body(body: str) -> Letter:
    return read_text(f"Dear Ms. Doe,\n\n{body}\n\nSincerely,\n\nAlpha", source="letter.txt")


def sentences(body: str) -> list[str]:
    return [sentence.text for sentence in with_body(body).sentences]


@pytest.mark.parametrize(
    "whole",
    [
        "We met Mr. Roe and Dr. Doe in St. Mary's.",
        "It was sold to Example, Inc. of Springfield.",
        "The U.S. Government knows.",
        "Jeffrey P. Example signed it.",
        "J. R. R. Example wrote it.",
        "It opens at 9 a.m. and closes at 5 p.m. each day.",
        "See No. 5, p. 12 and Fig. 3 of the report.",
        "On Sept. 5 it rained.",
        "Prices rose by 3.5 percent to $1.20 a litre.",
        "It came to pass (e.g. Here and i.e. There).",
        "La Sra. Ejemplo y el Sr. Ruiz lo saben.",
        "It is on example.org and www.example.com today.",
    ],
)
def test_an_abbreviation_ends_no_sentence(whole: str) -> None:
    assert sentences(f"{whole} We object.") == [whole, "We object."]


@pytest.mark.parametrize(
    "body",
    [
        "It is over. We object.",
        "Is it over? We object.",
        "Stop! We object.",
        "He said “stop.” We object.",
        'He said "stop." We object.',
        "(He said so.) We object.",
        "They live in the U.S. We object.",
        "It was sold to Example, Inc. We object.",
        "In 2018 there were 12. We object.",
        "It went on… We object.",
        "¿Es verdad? We object.",
    ],
)
def test_the_end_of_a_sentence_is_found(body: str) -> None:
    assert sentences(body)[-1] == "We object."
    assert len(sentences(body)) == 2


@pytest.mark.parametrize(
    ("written", "clean"),
    [
        ("They earn trust.”1 In June it ended.", ["They earn trust.”", "In June it ended."]),
        ("They earn trust.”1In June it ended.", ["They earn trust.”", "In June it ended."]),
        ("They earn it.1 In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it.¹ In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it¹. In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it.[1] In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it [1]. In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it.[^1] In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it.[^earning] In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn it.<sup>1</sup> In June it ended.", ["They earn it.", "In June it ended."]),
        ("They earn trust1 and in June it ended.", ["They earn trust and in June it ended."]),
        ("They earn trust,1 and in June it ended.", ["They earn trust, and in June it ended."]),
    ],
)
def test_a_note_marker_is_taken_out_of_the_prose(written: str, clean: list[str]) -> None:
    letter = with_body(written)
    assert [sentence.text for sentence in letter.sentences] == clean
    assert letter.sentences[0].notes == (1,)
    assert [note.number for note in letter.notes] == [1]


@pytest.mark.parametrize(
    "prose",
    [
        "It cost 1,000 or 3.5 times as much.",
        "See p.12 and No.5 of it.",
        'They said "5 things" at 10:30.',
        "The area is 12 km² and 5 m³.",
        "The G7 met in May, 3 people came.",
        "It was 2018.",
        "They have 41 members.",
        "COVID19 and MP3 and route 66.",
        "Version 2.0 is out.",
    ],
)
def test_a_figure_is_no_note_marker(prose: str) -> None:
    letter = with_body(prose)
    assert letter.text == prose
    assert letter.notes == ()


def test_several_notes_at_one_place_are_all_found() -> None:
    letter = with_body("One.1,2 Two.3–5 Three.[6, 7]")
    assert [sentence.notes for sentence in letter.sentences] == [(1, 2), (3, 4, 5), (6, 7)]


def test_a_note_referred_to_twice_is_one_note() -> None:
    letter = with_body("Alpha rose.1 Beta fell.2 Gamma rose too.1")
    assert [note.number for note in letter.notes] == [1, 2]
    assert [sentence.notes for sentence in letter.sentences] == [(1,), (2,), (1,)]


def test_wrapped_lines_are_joined_and_hyphens_and_dashes_kept() -> None:
    letter = with_body("A customer-\ncentric firm—\nor so it says—stops\n– at times – to think.")
    assert letter.text == "A customer-centric firm—or so it says—stops – at times – to think."


def test_a_sentence_knows_the_line_on_which_it_begins() -> None:
    letter = with_body("One is\nhere. Two is\nthere. Three.1\nFour.")
    assert [sentence.line for sentence in letter.sentences] == [3, 4, 5, 6]


def test_a_number_at_the_beginning_of_a_wrapped_line_is_no_list() -> None:
    assert sentences("It has been so since\n18. We object.") == ["It has been so since 18.", "We object."]


def test_a_page_break_divides_no_sentence() -> None:
    letter = with_body("It goes on\n\n2\n\nover the page. Then\x0cit ends.")
    assert letter.text == "It goes on over the page. Then it ends."
    assert len(letter.paragraphs) == 1


def test_quotations_are_found_in_every_style_and_apostrophes_are_none() -> None:
    letter = with_body(
        "It's the workers' “first one” and \"second one\". «Third» is 'no quotation', rock 'n' roll.\n"
        "The ‘fourth one here’ is the readers’ own, ’90s or not."
    )
    assert [(quotation.text, quotation.line) for quotation in letter.quotations] == [
        ("first one", 3),
        ("second one", 3),
        ("Third", 3),
        ("fourth one here", 4),
    ]


def test_markdown_is_taken_off_and_what_it_holds_stays() -> None:
    letter = with_body("> We **demand** _an_ [answer](https://example.org/a_b) <!-- soon -->now.\\\n> It is 5 \\* 3.")
    assert letter.text == "We demand an answer now. It is 5 * 3."
