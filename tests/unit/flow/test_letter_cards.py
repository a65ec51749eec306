"""A card is held to the letter before it can be approved."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaign.errors import Problem
from campaign.flow import letter_cards
from campaign.model.letter import Letter
from campaign.rendering.cards import card_of
from tests import builders

WORDS = "We ask the Example Company to stop."


def checked(
    text: str, says: str = "", *, letter: Letter | None = None, declared: dict[str, str] | None = None
) -> list[Problem]:
    letter = letter or builders.letter()
    card = card_of(
        letter, kind="figure" if says else "quotation", text=text, says=says, shape="wide", by="Us", language="en"
    )
    return letter_cards.check(
        card, file="messages/post/launch.md", line=4, where='message "launch"', letter=letter, declared=declared or {}
    )


def test_words_of_the_letter_may_be_on_a_card() -> None:
    assert checked(WORDS) == []
    assert checked("We ask the Example Company\n  to stop") == []


def test_words_that_are_not_in_the_letter_are_no_quotation() -> None:
    (problem,) = checked("We beg the Example Company to stop.")
    assert str(problem) == (
        'messages/post/launch.md:4 message "launch": card: “We beg the Example Company to stop.” does not stand in '
        "letter.md word for word; quote the letter exactly, or make it a figure or a post's text"
    )


def test_a_restatements_words_may_be_on_a_card_since_they_are_given_as_ours() -> None:
    assert checked(WORDS, letter=replace(builders.letter(), restated=True)) == []


def test_a_figure_must_be_borne_out_by_the_letter_or_declared() -> None:
    assert checked("2", "organisations have signed") == []
    (problem,) = checked("73", "organisations have signed")
    assert problem.line == 4
    assert "73" in problem.what
    assert checked("73", "organisations have signed", declared={"73": "our own count"}) == []


@pytest.mark.parametrize(("text", "what"), [("", "empty"), ("漢", "no glyph"), ("We ask " * 100, "characters")])
def test_what_cannot_be_read_is_said_with_file_and_line(text: str, what: str) -> None:
    first = checked(text)[0]
    assert (first.file, first.line) == ("messages/post/launch.md", 4)
    assert what in first.what
