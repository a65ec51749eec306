# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Whatever a card is asked to say: it can be read, or what is wrong is said."""

from __future__ import annotations

from io import BytesIO

from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from campaign.model.message import Shape
from campaign.rendering import cards
from campaign.rendering.card_font import width
from campaign.rendering.card_layout import BODY_LEAST, MARGINS, SIZES, SMALL_LEAST, least
from campaign.rendering.cards import BACKGROUND, Card, alt_text, draw, problems

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGÉÅÜßøñçğžąπЖд0123456789.,;:!?'\"“”«»„-—–()%$€&/"
_WORDS = st.text(st.sampled_from(_LETTERS), min_size=1, max_size=14)
_PROSE = st.lists(_WORDS, min_size=1, max_size=60).map(" ".join)
_NAMES = st.lists(_WORDS, min_size=0, max_size=6).map(" ".join)
_CARDS = st.builds(
    Card,
    kind=st.sampled_from(["quotation", "figure"]),
    text=st.one_of(_PROSE, _WORDS),
    says=_PROSE,
    source=_NAMES,
    by=_NAMES,
    shape=st.sampled_from(["wide", "square", "tall"]),
    language=st.sampled_from(["en", "es", "fr", "de", "pl", "sv", "xx", ""]),
    restated=st.booleans(),
)


@given(card=_CARDS)
@settings(max_examples=150, deadline=None)
def test_a_card_fits_and_can_be_read_or_says_what_is_wrong(card: Card) -> None:
    wrong = problems(card)
    layout = cards._laid_out(card)
    if wrong:
        assert all(wrong)
        return
    assert layout is not None
    side, edge = MARGINS[card.shape]
    wide, high = SIZES[card.shape]
    for run in layout.runs:
        small = run.role in ("source", "by")
        assert run.size >= least(card.shape, SMALL_LEAST if small else BODY_LEAST)
        assert run.x + width(run.text, run.weight, run.size) <= wide - side + 0.1 * run.size
        assert edge - run.size <= run.baseline - 0.66 * run.size
        assert run.baseline <= high - edge
    above = [run.baseline for run in layout.runs if run.role in ("words", "mark", "figure")]
    assert (
        max(above)
        < layout.rule[1]
        < min((run.baseline for run in layout.runs if run.role in ("source", "by")), default=high)
    )


@given(card=_CARDS)
@settings(max_examples=150, deadline=None)
def test_the_alternative_text_and_the_picture_say_the_same(card: Card) -> None:
    if problems(card):
        return
    layout = cards._laid_out(card)
    assert layout is not None
    said = "".join(alt_text(card).split())
    drawn = ["".join("".join(run.text for run in layout.runs if run.role in roles).split()) for roles in _READ]
    assert all(part in said for part in drawn)


_READ = (("words", "mark"), ("figure",), ("source",), ("by",))


@given(card=_CARDS)
@settings(max_examples=25, deadline=None)
def test_the_edge_of_every_picture_is_free(card: Card) -> None:
    if problems(card):
        return
    shown = Image.open(BytesIO(draw(card))).convert("RGB")
    box = ImageChops.difference(shown, Image.new("RGB", shown.size, BACKGROUND)).getbbox()
    assert box is not None
    left, top, right, bottom = box
    wide, high = shown.size
    assert min(left, top, wide - right, high - bottom) >= 16


@given(text=st.text(max_size=300), says=st.text(max_size=100), language=st.text(max_size=8))
@settings(max_examples=150, deadline=None)
def test_any_text_at_all_is_drawn_or_refused(text: str, says: str, language: str) -> None:
    for kind in ("quotation", "figure"):
        shape: Shape = "square"
        card = Card(kind, text, says, "Letter", "Us", shape, language)
        if not problems(card):
            assert cards._laid_out(card) is not None
            assert alt_text(card)
