"""Where things go on a card: sizes that can be read, lines that are even."""

from __future__ import annotations

from typing import get_args

import pytest
from PIL import ImageFont

from campaign.model.message import Shape
from campaign.rendering.card_font import font, missing, width
from campaign.rendering.card_layout import (
    BODY_LEAST,
    MARGINS,
    SHOWN,
    SIZES,
    SMALL_LEAST,
    Layout,
    lay_out,
    least,
)
from campaign.rendering.card_lines import break_lines

SHAPES: tuple[Shape, ...] = get_args(Shape)
LONG = (
    "Nobody should have to wonder, on the way to the shop, whether the state is looking on. It puts an end to freedom,"
    " and where the police are already everywhere, little of it may be left."
)


def laid_out(shape: Shape, words: str, *, figure: str = "") -> Layout:
    marks = ("", "") if figure else ("“", "”")
    layout = lay_out(shape, words=words, marks=marks, figure=figure, source="Letter to Robin Ash", by="Our Coalition")
    assert layout is not None
    return layout


def divided(text: str, size: int, measure: float) -> tuple[str, ...]:
    lines = break_lines(text, "semibold", size, measure)
    assert lines is not None
    return lines.text


@pytest.mark.parametrize("shape", SHAPES)
def test_the_least_sizes_are_what_guidelines_ask_for_where_a_phone_shows_the_card(shape: Shape) -> None:
    shrunk = SHOWN / SIZES[shape][0]
    assert least(shape, BODY_LEAST) * shrunk >= 16
    assert least(shape, SMALL_LEAST) * shrunk >= 11


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("words", ["No.", "Nobody in a crowd is asked.", LONG[:110], LONG[:160]])
def test_words_are_never_set_smaller_than_can_be_read(shape: Shape, words: str) -> None:
    for layout in (laid_out(shape, words), laid_out(shape, words[:110], figure="41")):
        assert {run.size for run in layout.runs if run.role in ("words", "mark")} <= set(
            range(least(shape, BODY_LEAST), 140)
        )
        assert all(run.size >= least(shape, SMALL_LEAST) for run in layout.runs)


@pytest.mark.parametrize("shape", SHAPES)
def test_words_are_largest_then_source_and_name(shape: Shape) -> None:
    sizes = {run.role: run.size for run in laid_out(shape, LONG[:160]).runs}
    assert sizes["words"] > sizes["source"] == sizes["by"]
    figured = {run.role: run.size for run in laid_out(shape, "groups have signed", figure="41").runs}
    assert figured["figure"] >= 2 * figured["words"]


def test_a_short_text_is_set_larger_than_a_long_one() -> None:
    short, long = (laid_out("square", text).runs[1].size for text in ("Nobody in a crowd is asked.", LONG))
    assert short > long


def test_a_text_that_does_not_fit_has_no_layout() -> None:
    assert lay_out("wide", words=LONG * 3, marks=("", ""), figure="", source="x", by="y") is None
    assert lay_out("wide", words="x", marks=("", ""), figure="4" * 60, source="x", by="y") is None


def test_a_wide_card_has_its_figure_beside_what_it_counts() -> None:
    figure, *says = (run for run in laid_out("wide", LONG[:87], figure="41").runs)
    words = [run for run in says if run.role == "words"]
    assert all(run.x > figure.x + width("41", "black", figure.size) for run in words)


def test_a_wide_card_has_a_long_figure_above_what_it_counts() -> None:
    figure, says, *_ = laid_out("wide", "of faces", figure="tens of millions").runs
    assert says.x == figure.x
    assert says.baseline > figure.baseline


def test_a_quotation_begins_at_the_margin_with_its_mark_hanging_before_it() -> None:
    mark, words, *_ = laid_out("square", "Nobody in a crowd is asked.").runs
    assert (mark.role, mark.text) == ("mark", "“")
    assert words.x == pytest.approx(MARGINS["square"][0], abs=0.1 * words.size)
    assert mark.x == pytest.approx(words.x - width("“", "semibold", mark.size), abs=0.1 * words.size)


def test_lines_break_so_that_no_word_is_left_by_itself() -> None:
    text = "We ask the company to stop selling this to all governments now"
    size = 60
    for measure in range(500, 1700, 25):
        lines = break_lines(text, "semibold", size, measure)
        assert lines is not None
        if len(lines.text) > 1:
            assert " " in lines.text[-1], measure


def test_lines_are_as_few_as_they_can_be() -> None:
    assert divided("one two three", 40, 10_000) == ("one two three",)
    assert divided("one two three four", 40, width("three four ", "semibold", 40)) == ("one two", "three four")


def test_a_line_never_breaks_at_a_space_that_does_not_break() -> None:
    for space in ("\u00a0", "\u202f"):
        words = f"people: 1{space}000{space}000 of them"
        lines = break_lines(words, "semibold", 60, width(f"1{space}000{space}000", "semibold", 60) + 10)
        assert lines is not None
        assert f"1{space}000{space}000" in lines.text


def test_a_line_may_break_after_a_hyphen_between_letters_and_after_a_dash() -> None:
    narrow = width("recognition", "semibold", 60) + 2
    assert divided("face-recognition", 60, narrow) == ("face-", "recognition")
    assert divided("face—recognition", 60, narrow) == ("face—", "recognition")
    assert break_lines("2018-05-22", "semibold", 60, width("2018-05-2", "semibold", 60)) is None


def test_a_word_wider_than_the_measure_cannot_be_set() -> None:
    assert break_lines("incomprehensibilities", "semibold", 60, 200) is None


def test_a_line_does_not_end_in_a_small_word_where_another_way_is_as_even() -> None:
    assert divided("Nobody in a crowd is asked.", 132, 700) == ("Nobody", "in a crowd", "is asked.")


def test_a_line_does_not_end_with_the_first_word_of_a_sentence_where_another_way_is_as_even() -> None:
    text = "A face is not a password. Amazon must stop selling this tool to police now."
    assert divided(text, 80, 850) == (
        "A face is not a password.",
        "Amazon must stop",
        "selling this tool",
        "to police now.",
    )


def test_an_empty_text_is_no_line() -> None:
    lines = break_lines("", "semibold", 60, 100)
    assert lines is not None
    assert lines.text == ()


@pytest.mark.parametrize("engine", [ImageFont.Layout.BASIC, ImageFont.Layout.RAQM])
def test_either_way_of_setting_text_gives_latin_lines_of_nearly_the_same_length(engine: ImageFont.Layout) -> None:
    face = font("semibold", 100)
    other = ImageFont.truetype(face.path, 100, layout_engine=engine)
    assert other.getlength(LONG) == pytest.approx(face.getlength(LONG), rel=0.03)


def test_the_font_knows_what_it_lacks() -> None:
    assert missing("Añ ἀ Ж “€” 41", "regular") == []
    assert missing("a漢b字漢", "black") == ["漢", "字"]
