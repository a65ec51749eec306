"""Cards as pictures: what is on them, that it can be read, and what is said where it cannot."""

from __future__ import annotations

import re
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Literal, get_args

import pytest
from PIL import Image, ImageChops

from campaign.errors import BadInput
from campaign.model.message import Shape
from campaign.rendering import cards
from campaign.rendering.card_layout import MARGINS, SIZES
from campaign.rendering.cards import BACKGROUND, COLOURS, Card, alt_text, contrast, draw, problems

SHAPES: tuple[Shape, ...] = get_args(Shape)
LETTER = "Letter to Robin Ash of Example, 22 May 2018"
SENTENCE = "Nobody should have to wonder, on the way to the shop, whether the state is looking on."
FREE_AT_LEFT = 20
"""Pixels: what a quotation mark that hangs must leave."""


def quotation(text: str = SENTENCE, shape: Shape = "wide", language: str = "en", **changes: object) -> Card:
    card = Card("quotation", text, "", LETTER, "Free to Walk Coalition", shape, language)
    return replace(card, **changes)  # type: ignore[arg-type]  # names of Card's own fields


def figure(text: str = "41", says: str = "organisations have signed", shape: Shape = "wide") -> Card:
    return Card("figure", text, says, LETTER, "Free to Walk Coalition", shape, "en")


def picture(card: Card) -> Image.Image:
    opened = Image.open(BytesIO(draw(card)))
    opened.load()
    return opened


def inked(card: Card) -> tuple[int, int, int, int]:
    """The box around everything that is not background: left, top, right, bottom."""
    shown = picture(card)
    box = ImageChops.difference(shown, Image.new("RGB", shown.size, BACKGROUND)).getbbox()
    assert box is not None
    return box


@pytest.mark.parametrize("shape", SHAPES)
def test_a_card_is_a_png_in_the_size_of_its_shape(shape: Shape) -> None:
    shown = picture(quotation(shape=shape))
    assert (shown.format, shown.mode, shown.size) == ("PNG", "RGB", SIZES[shape])


def test_the_shapes_are_the_sizes_that_networks_show_whole() -> None:
    assert SIZES == {"wide": (1200, 675), "square": (1080, 1080), "tall": (1080, 1350)}


def test_the_same_card_is_the_same_bytes() -> None:
    assert draw(quotation()) == draw(replace(quotation()))
    assert draw(figure()) == draw(figure())
    assert draw(quotation()) != draw(quotation(by="Somebody Else"))


@pytest.mark.parametrize("role", sorted(COLOURS))
def test_everything_on_a_card_has_seven_to_one_on_its_background(role: str) -> None:
    assert contrast(COLOURS[role], BACKGROUND) >= 7


def test_contrast_is_what_wcag_defines() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((255, 255, 255), (255, 255, 255)) == pytest.approx(1)
    # 118 is the darkest grey that fails on white at AA, 119 the last that passes: the pair that WCAG's readers know.
    assert contrast((118, 118, 118), (255, 255, 255)) == pytest.approx(4.54, abs=0.005)
    assert contrast((119, 119, 119), (255, 255, 255)) == pytest.approx(4.48, abs=0.005)


def test_the_picture_holds_the_colours_that_contrast_is_computed_for() -> None:
    colours = {colour for _count, colour in picture(quotation()).getcolors(1 << 20) or []}
    assert {BACKGROUND, *(COLOURS[role] for role in ("words", "mark", "source", "by", "rule"))} <= colours
    assert COLOURS["figure"] in {colour for _count, colour in picture(figure()).getcolors(1 << 20) or []}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "text",
    [
        "No.",
        "Nobody in a crowd is asked.",
        SENTENCE,
        "ÁÉÎÕÜ Ågång, jåg: quÿpqy — (jgpqy) ÁÉÎÕÜ",
        "Unwahrscheinlichkeitsrechnung",
        "Jede einzelne Unwahrscheinlichkeitsrechnung zählt.",
    ],
)
def test_every_glyph_of_a_quotation_is_within_the_margins(text: str, shape: Shape) -> None:
    side, edge = MARGINS[shape]
    wide, high = SIZES[shape]
    left, top, right, bottom = inked(quotation(text, shape))
    assert left >= FREE_AT_LEFT
    assert right <= wide - side + 4, "a curved letter may overshoot the line's end a little"
    assert top >= edge // 3, "accents on capitals rise into the margin"
    assert bottom <= high - edge + 4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("text", ["41", "tens of millions", "$1.2 million", "1 000 000", "97 %", "Ågg"])
def test_every_glyph_of_a_figure_is_within_the_margins(text: str, shape: Shape) -> None:
    side, edge = MARGINS[shape]
    wide, high = SIZES[shape]
    left, top, right, bottom = inked(figure(text, "of faces among which the system finds one", shape))
    assert left >= side - 4
    assert right <= wide - side + 4
    assert top >= edge // 4
    assert bottom <= high - edge + 4


@pytest.mark.parametrize("language", ["en", "de", "fr", "es", "sv", "da", "pl"])
def test_a_quotation_mark_hangs_in_the_margin_and_stays_on_the_card(language: str) -> None:
    for shape in SHAPES:
        left, *_ = inked(quotation("Nobody.", shape, language))
        assert FREE_AT_LEFT <= left < MARGINS[shape][0]


def test_restated_words_have_no_quotation_marks_in_picture_or_alternative_text() -> None:
    restated = quotation(restated=True)
    left, *_ = inked(restated)
    assert left >= MARGINS["wide"][0] - 4
    assert "“" in alt_text(quotation())
    assert "“" not in alt_text(restated)
    assert "Quotation" not in alt_text(restated)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", f"Quotation: “No.” Source: {LETTER}. Free to Walk Coalition."),
        ("en-GB", f"Quotation: “No.” Source: {LETTER}. Free to Walk Coalition."),
        ("es", f"Cita: «No.» Fuente: {LETTER}. Free to Walk Coalition."),
        ("fr", f"Citation : «\u202fNo.\u202f» Source : {LETTER}. Free to Walk Coalition."),
        ("de", f"Zitat: „No.“ Quelle: {LETTER}. Free to Walk Coalition."),
        ("pl", f"„No.” {LETTER}. Free to Walk Coalition."),
    ],
)
def test_the_alternative_text_is_in_the_cards_language_or_the_data_alone(language: str, expected: str) -> None:
    assert alt_text(quotation("No.", language=language)) == expected


def test_the_alternative_text_of_restated_words_says_so_in_place_of_source() -> None:
    restated = quotation("No.", restated=True, source="In our words: letter to Robin Ash")
    assert alt_text(restated) == "No. In our words: letter to Robin Ash. Free to Walk Coalition."


def test_the_alternative_text_of_a_figure_reads_as_a_sentence() -> None:
    assert alt_text(figure()) == f"41 organisations have signed. Source: {LETTER}. Free to Walk Coalition."


@pytest.mark.parametrize("card", [quotation(), quotation(restated=True), figure(), quotation(language="fr")])
def test_the_alternative_text_says_everything_that_is_drawn(card: Card) -> None:
    layout = cards._laid_out(card)
    assert layout is not None
    said = " ".join(alt_text(card).replace("\u202f", " ").split())
    for run in layout.runs:
        assert " ".join(run.text.replace("\u202f", " ").split()) in said


@pytest.mark.parametrize("kind", ["quotation", "figure"])
@pytest.mark.parametrize("blank", ["", "  \n", "\u200b"])
def test_a_card_without_words_is_refused(kind: Literal["quotation", "figure"], blank: str) -> None:
    assert problems(Card(kind, blank, "of them", LETTER, "Us", "wide", "en")) == [f"the {kind} is empty"]


def test_a_figure_that_counts_nothing_is_refused() -> None:
    assert problems(figure(says=" ")) == ["the figure does not say what it counts; write says:"]


def test_a_text_too_long_to_be_read_is_refused_and_how_much_would_fit_is_said() -> None:
    (said,) = problems(quotation(" ".join([SENTENCE] * 4)))
    assert "has 347 characters, and about " in said
    assert "fit a wide card at 16 px or more, as a phone shows it" in said
    assert said.endswith("shorten it, or take a taller shape")
    room = int(said.split("about ")[1].split()[0])
    assert 120 <= room < 347
    assert problems(quotation(" ".join([SENTENCE] * 4)[:room])) == []


def test_a_tall_card_that_is_too_long_is_not_told_to_be_taller() -> None:
    (said,) = problems(quotation(SENTENCE * 20, "tall"))
    assert said.endswith("as a phone shows it; shorten it")


def test_a_text_of_any_length_is_refused_without_measuring_it() -> None:
    (said,) = problems(quotation("word " * 100_000))
    assert "has 499999 characters" in said


def test_a_word_is_never_cut_but_named_where_it_is_too_wide() -> None:
    (said,) = problems(quotation("Donaudampfschifffahrtselektrizitätenhauptbetriebswerk ja.", "square"))
    assert said.startswith("the word Donaudampfschifffahrtselektrizitätenhauptbetriebswerk is wider than a square card")


def test_a_source_or_name_that_does_not_fit_is_named() -> None:
    assert problems(quotation(source="Letter to " + "everybody " * 20))[0].startswith("the source line is too long")
    assert problems(quotation(by="Coalition of " + "everybody " * 20))[0].startswith("the name is too long")


def test_characters_that_the_font_lacks_are_named() -> None:
    (said,) = problems(quotation("سلام 🧵"))
    assert "the quotation has characters that the card's font has no glyph for: س (U+0633 ARABIC LETTER SEEN)" in said
    assert "🧵 (U+1F9F5 SPOOL OF THREAD)" in said
    (named,) = problems(quotation(by="Bündnis 漢"))
    assert named.startswith("the name has characters")


def test_a_right_to_left_text_is_refused_because_the_font_has_no_such_letters() -> None:
    for language, text in [("ar", "لا أحد"), ("he", "אף אחד"), ("fa", "هیچ‌کس")]:
        assert "no glyph for" in problems(quotation(text, language=language))[0]


def test_spaces_that_a_number_is_written_with_stay() -> None:
    for space in ("\u00a0", "\u202f", "\u2009"):
        card = figure(f"1{space}000{space}000", "people asked for it")
        layout = cards._laid_out(card)
        assert layout is not None
        assert [run.text for run in layout.runs if run.role == "figure"] != ["1 000 000"]
        assert len([run for run in layout.runs if run.role == "figure"]) == 1, "the number is on one line"
        assert problems(card) == []


def test_greek_and_cyrillic_can_be_set() -> None:
    assert problems(quotation("Κανείς δεν ρωτήθηκε.", language="el")) == []
    assert problems(quotation("Никого не спросили.", language="ru")) == []


def test_drawing_a_card_that_cannot_be_read_says_all_that_is_wrong() -> None:
    with pytest.raises(BadInput, match="card: the quotation is empty"):
        draw(quotation(""))
    with pytest.raises(BadInput, match="no glyph") as raised:
        draw(quotation("漢", by="字"))
    assert len(raised.value.problems) == 2


def test_the_colours_and_contrasts_in_the_documentation_are_these() -> None:
    page = (Path(__file__).parents[3] / "docs" / "cards.md").read_text(encoding="utf-8")
    rows = re.findall(r"\| `#([0-9a-f]{6})` \| ([\d.]+):1 \|", page)
    assert {hexed for hexed, _ratio in rows} == {bytes(colour).hex() for colour in COLOURS.values()}
    for hexed, ratio in rows:
        red, green, blue = bytes.fromhex(hexed)
        assert contrast((red, green, blue), BACKGROUND) == pytest.approx(float(ratio), abs=0.05)
    assert f"on `#{bytes(BACKGROUND).hex()}`" in page


@pytest.mark.parametrize("shape", SHAPES)
def test_about_as_much_fits_as_the_documentation_says(shape: Shape) -> None:
    page = (Path(__file__).parents[3] / "docs" / "cards.md").read_text(encoding="utf-8")
    told = re.search(rf"\| `{shape}` \| [\d, x]+ \| (\d+) \|", page)
    said = re.search(r"about (\d+) fit", problems(quotation(" ".join([SENTENCE] * 10), shape))[0])
    assert told is not None
    assert said is not None
    assert int(told[1]) == pytest.approx(int(said[1]), rel=0.1)
