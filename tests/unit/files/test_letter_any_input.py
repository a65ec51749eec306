# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Whatever is handed to the reader, the answer is a letter or an explanation, and a letter holds together."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import BadInput
from campaign.files.letter import read, read_text
from campaign.model.letter import Letter

PIECES = st.sampled_from(
    [
        *("Dear Ms. Doe,", "Sincerely,", "The undersigned:", "Jane Doe", "Example, Inc.", "President", "Seattle, WA"),
        *("22 May 2018", "05/06/2018", "31/02/2018", "---", "# Title", "## Demands", "Notes", "1. x", "2) y", "(3) z"),
        *(
            "[^1]: text",
            "[^a]",
            "[1]",
            "¹²",
            ".1 ",
            ".”2In",
            "“",
            "”",
            '"',
            "«",
            "»",
            "‘",
            "’",
            "—",
            "-",
            "restated: true",
        ),
        *(
            "We demand that you stop.",
            "You must go.",
            "tens of millions",
            "41",
            "41%",
            "$5 million",
            "dos mil",
            "\n",
            "\n\n",
        ),
        *(
            " ",
            "\t",
            "    ",
            ";",
            ",",
            "and",
            "Org A, Org B, and Org C",
            "<!--",
            "-->",
            "**",
            "_",
            "> ",
            "- ",
            "\x0c",
            "\u2028",
        ),
    ]
)
SCRAPS = st.lists(PIECES | st.text(max_size=12), max_size=40)


def letter_in(text: str) -> Letter | None:
    try:
        return read_text(text, source="letter.md")
    except BadInput as bad:
        explained = [problem.file and problem.what and problem.remedy for problem in bad.problems]
    assert explained
    assert all(explained)
    return None


def holds_together(letter: Letter, text: str) -> None:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1
    listed: list[Any] = [*letter.addressees, *letter.paragraphs, *letter.sentences, *letter.demands, *letter.figures]
    listed += [*letter.quotations, *letter.notes, *letter.signatories]
    assert all(1 <= one.line <= lines for one in listed)
    assert letter.addressees
    assert letter.salutation
    assert letter.closing
    assert all(one.name for one in letter.addressees)
    assert all(one.name for one in letter.signatories)
    assert letter.text == " ".join(sentence.text for sentence in letter.sentences)
    assert all(demand.text in letter.text for demand in letter.demands)
    assert all(figure.text in letter.text for figure in letter.figures)
    assert all(figure.text in figure.sentence or figure.sentence in letter.text for figure in letter.figures)
    noted = {number for sentence in letter.sentences for number in sentence.notes}
    assert {note.number for note in letter.notes} == noted


@given(st.text(max_size=400) | SCRAPS.map(" ".join) | SCRAPS.map("\n".join))
def test_any_text_is_a_letter_or_is_explained(text: str) -> None:
    letter = letter_in(text)
    if letter is not None:
        holds_together(letter, text)


@given(head=SCRAPS, body=SCRAPS, signed=SCRAPS, glue=st.sampled_from(["\n", "\n\n", " "]))
def test_any_letter_holds_together(head: list[str], body: list[str], signed: list[str], glue: str) -> None:
    text = f"{glue.join(head)}\n\nDear Ms. Doe,\n\n{glue.join(body)}\n\nSincerely,\n\n{glue.join(signed)}"
    letter = letter_in(text)
    if letter is not None:
        holds_together(letter, text)


@given(content=st.binary(max_size=300) | SCRAPS.map(lambda scraps: "\n".join(scraps).encode("utf-16")))
def test_any_bytes_are_a_letter_or_are_explained(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any-letter.txt"
    path.write_bytes(content)
    try:
        named = read(path).source
    except BadInput as bad:
        named = bad.problems[0].file
    assert named == str(path)
