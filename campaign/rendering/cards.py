"""Cards: pictures made from the letter, a quotation or a figure with its source and who says so.

A card is the same picture for the same values, byte for byte, on one version of Pillow; what is sent is kept by the
ledger, so no later drawing can differ from it.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from typing import Final, Literal

from PIL import Image, ImageDraw

from campaign.errors import BadInput, Problem
from campaign.model.letter import Letter
from campaign.model.message import Shape
from campaign.rendering import card_words
from campaign.rendering.card_font import Weight, font, missing, named
from campaign.rendering.card_layout import BODY_LEAST, Layout, Marks, foot_fits, lay_out, too_wide

BACKGROUND: Final = (20, 33, 51)
COLOURS: Final = {
    "words": (255, 252, 245),
    "mark": (247, 199, 96),
    "figure": (247, 199, 96),
    "source": (199, 210, 224),
    "by": (247, 199, 96),
    "rule": (247, 199, 96),
}
"""What each part of a card is drawn in, as red, green and blue of sRGB. All of it has at least 7:1 on the background
(WCAG 2.2, success criterion 1.4.6)."""

_LONGEST: Final = 2_000
"""Characters beyond which nothing is measured: no card holds as many."""
_NAMED_AT_MOST: Final = 5
_SHOWN: Final = 60
"""Characters of what an error cites."""
_COMPRESSION: Final = 6
"""Of zlib. Its best takes six times as long and saves a twentieth."""


@dataclass(frozen=True, slots=True)
class Card:
    """What a card shows. ``text`` is the quotation without its marks, or the figure; ``says`` what the figure counts.

    ``source`` says where that comes from, ``by`` who publishes the card; ``language`` is a BCP 47 tag. ``restated``
    words are not those of the signatories: they get no quotation marks.
    """

    kind: Literal["quotation", "figure"]
    text: str
    says: str
    source: str
    by: str
    shape: Shape
    language: str
    restated: bool = False


def card_of(
    letter: Letter, *, kind: Literal["quotation", "figure"], text: str, says: str, shape: Shape, by: str, language: str
) -> Card:
    """A card of ``letter`` with rendered ``text`` and ``says``, published by ``by`` (the plan's organisation)."""
    restated = letter.restated and kind == "quotation"
    source = card_words.source_line(letter, language, restated=restated)
    return Card(kind, text, says, source, by, shape, language, restated=restated)


def draw(card: Card) -> bytes:
    """The card as a PNG. Raises BadInput with all of its ``problems``."""
    wrong = problems(card)
    layout = None if wrong else _laid_out(card)
    if layout is None:
        raise BadInput([Problem("", 0, "card", what) for what in wrong])
    picture = Image.new("RGB", layout.size, BACKGROUND)
    pen = ImageDraw.Draw(picture)
    pen.rectangle(layout.rule, fill=COLOURS["rule"])
    for run in layout.runs:
        pen.text((run.x, run.baseline), run.text, COLOURS[run.role], font(run.weight, run.size), anchor="ls")
    written = BytesIO()
    picture.save(written, "PNG", compress_level=_COMPRESSION)
    return written.getvalue()


def alt_text(card: Card) -> str:
    """All that the card shows, in its order, for those who cannot see it."""
    if card.kind == "figure":
        words = f"{card_words.tidy(card.text)} {card_words.tidy(card.says)}"
    else:
        words = _words(card).join(_marks(card))
    source, by = card_words.tidy(card.source), card_words.tidy(card.by)
    quotation = card.kind == "quotation" and not card.restated
    return card_words.spoken(words, source, by, card.language, quotation=quotation, restated=card.restated)


def problems(card: Card) -> list[str]:
    """What keeps the card from being drawn so that it can be read, each said for whoever writes it; none is well."""
    what = "figure" if card.kind == "figure" else "quotation"
    if not card_words.tidy(card.text):
        return [f"the {what} is empty"]
    if card.kind == "figure" and not card_words.tidy(card.says):
        return ["the figure does not say what it counts; write says:"]
    if any(len(part) > _LONGEST for part in (card.text, card.says, card.source, card.by)):
        return [_too_long(card)]
    found = [
        f"{part} has characters that the card's font has no glyph for: {_listed(lacking)}"
        for part, text, weight in _texts(card)
        if (lacking := missing(text, weight))
    ]
    if not found and _laid_out(card) is None:
        found.append(_too_long(card))
    return found


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast ratio of two sRGB colours, from 1 to 21, as WCAG 2.2 defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: tuple[int, int, int]) -> float:
    red, green, blue = (_linear(value / 255) for value in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - WCAG's bound


def _words(card: Card) -> str:
    if card.kind == "figure":
        return card_words.tidy(card.says)
    text = card_words.tidy(card.text)
    return text if card.restated else card_words.within_marks(text, card.language)


def _marks(card: Card) -> Marks:
    return ("", "") if card.kind == "figure" or card.restated else card_words.quotation_marks(card.language)


def _texts(card: Card) -> list[tuple[str, str, Weight]]:
    """Everything on the card, with what to call it and the face's weight."""
    words: list[tuple[str, str, Weight]] = (
        [("the figure", card_words.tidy(card.text), "black"), ("what it counts", _words(card), "semibold")]
        if card.kind == "figure"
        else [("the quotation", _words(card).join(_marks(card)), "semibold")]
    )
    source, by = card_words.tidy(card.source), card_words.tidy(card.by)
    return [*words, ("its source", source, "regular"), ("the name", by, "semibold")]


@lru_cache(maxsize=256)
def _laid_out(card: Card) -> Layout | None:
    figure = card_words.tidy(card.text) if card.kind == "figure" else ""
    source, by = card_words.tidy(card.source), card_words.tidy(card.by)
    return lay_out(card.shape, words=_words(card), marks=_marks(card), figure=figure, source=source, by=by)


def _too_long(card: Card) -> str:
    """Tells how much would fit, so that it need not be found by trial."""
    what = "says:" if card.kind == "figure" else "text:"
    size = f"a {card.shape} card at {BODY_LEAST} px or more, as a phone shows it"
    source, by = card_words.tidy(card.source), card_words.tidy(card.by)
    if not foot_fits(card.shape, source, "regular"):
        return f"the source line is too long for a card: {_short(source)}; shorten the addressee's lines in the letter"
    if not foot_fits(card.shape, by, "semibold"):
        return f"the name is too long for a card: {_short(by)}; shorten the plan's organisation"
    if word := too_wide(card.shape, _words(card)):
        return f"the word {_short(word)} is wider than {size}; write it otherwise"
    words = _words(card)[:_LONGEST].split(" ")
    fitting = bisect_left(
        range(1, len(words)), 1, key=lambda count: int(_laid_out(_cut(card, " ".join(words[:count]))) is None)
    )
    if not fitting:
        return f"the figure and what it counts do not fit {size}; shorten them"
    room = len(" ".join(words[:fitting]))
    taller = "" if card.shape == "tall" else ", or take a taller shape"
    return f"{what} has {len(_words(card))} characters, and about {room} fit {size}; shorten it{taller}"


def _cut(card: Card, words: str) -> Card:
    return replace(card, says=words) if card.kind == "figure" else replace(card, text=words)


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"


def _listed(characters: list[str]) -> str:
    shown = ", ".join(named(character) for character in characters[:_NAMED_AT_MOST])
    more = len(characters) - _NAMED_AT_MOST
    return f"{shown} and {more} more" if more > 0 else shown
