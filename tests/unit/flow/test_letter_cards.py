"""A card is held to the letter before it can be approved."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from campaign.flow import letter_cards
from campaign.model.letter import Letter
from campaign.rendering.cards import card_of
from tests import builders

WORDS = "We ask the Example Company to stop."


def wrong(text: str, says: str = "", *, letter: Letter | None = None) -> list[str]:
    letter = letter or builders.letter()
    kind: Literal["quotation", "figure"] = "figure" if says else "quotation"
    card = card_of(letter, kind=kind, text=text, says=says, shape="wide", by="Us", language="en")
    return letter_cards.problems(card, letter)


def test_words_of_the_letter_may_be_on_a_card() -> None:
    assert wrong(WORDS) == []
    assert wrong("We ask the Example Company\n  to stop") == []
    assert wrong("“We ask … to stop.”") == []


def test_words_that_are_not_in_the_letter_are_no_quotation() -> None:
    assert wrong("We beg the Example Company to stop.") == [
        "“We beg the Example Company to stop.” does not stand in letter.md word for word; quote the letter exactly"
    ]


def test_words_between_marks_within_a_quotation_are_found_whatever_the_marks() -> None:
    letter = replace(builders.letter(), text="You call it “simple and exact”. It is not.")
    assert wrong('You call it "simple and exact".', letter=letter) == []


def test_a_restatements_words_may_be_on_a_card_since_they_are_given_as_ours() -> None:
    restated = replace(builders.letter(), restated=True)
    assert wrong(WORDS, letter=restated) == []
    assert wrong("Something else altogether.", letter=restated)


def test_a_figure_is_no_quotation() -> None:
    assert wrong("2", "organisations have signed") == []


@pytest.mark.parametrize(("text", "what"), [("", "empty"), ("漢", "no glyph"), ("We ask " * 100, "characters")])
def test_what_cannot_be_read_is_said(text: str, what: str) -> None:
    assert what in wrong(text)[0]
