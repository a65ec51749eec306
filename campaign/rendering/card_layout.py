"""Where everything on a card goes: sizes, lines, margins. Nothing is drawn here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from campaign.model.message import Shape
from campaign.rendering.card_font import Weight, bearing, extent, width
from campaign.rendering.card_lines import Lines, break_lines

SIZES: Final[dict[Shape, tuple[int, int]]] = {"wide": (1200, 675), "square": (1080, 1080), "tall": (1080, 1350)}
"""Width and height in pixels."""
MARGINS: Final[dict[Shape, tuple[int, int]]] = {"wide": (92, 64), "square": (96, 88), "tall": (96, 96)}
"""Pixels that stay free at the sides, and above and below; a quotation mark hangs into the left one."""

SHOWN: Final = 320
"""CSS pixels that a card is wide in a timeline on a phone of 390: the account's picture and the gaps take the rest."""
BODY_LEAST: Final = 16
"""CSS pixels. What browsers and Material Design set running text in; Apple's is 17 points, with 11 as the least."""
SMALL_LEAST: Final = 11
"""CSS pixels. The least that Apple's guidelines let any text have; for the source and the name, not for the words."""

Role = Literal["words", "mark", "figure", "source", "by"]

_MOST: Final[dict[Shape, int]] = {"wide": 120, "square": 132, "tall": 132}
"""Pixels to the em that words are set in at most: what is larger shouts. A figure may be three times as large."""
_FIGURE_MOST: Final = 3
_STEP: Final = 2
_SMALLER_FOR_EVEN: Final = 0.78
"""Words may be set smaller than they could be, down to this share, where their lines are more even or fuller then."""
_AIR: Final = 0.88
"""The share of the room that words may take without looking crammed; what takes more has to be that much better."""

_CAPITAL: Final = 0.66
_DESCENT: Final = 0.21
"""Of the face, in ems: from the baseline up to the top of capitals, and down to the end of g and p."""
_LEADING: Final = 1.16
_FIGURE_LEADING: Final = 0.9
_FOOT_LEADING: Final = 1.28
_FOOT_LINES: Final = 2
"""At most, for the source and for the name each."""
_RULE: Final = (72, 6)
_ABOVE_RULE: Final = 46
_BELOW_RULE: Final = 34
_BELOW_FIGURE: Final = 0.8
"""Ems of the words below a figure, between it and them."""
_BESIDE: Final = 64

Marks = tuple[str, str]
"""What a quotation begins and ends with; two empty strings where there is none."""


@dataclass(frozen=True, slots=True)
class Run:
    """Text on one line and in one colour: its left end and its baseline in pixels from the upper left corner."""

    text: str
    weight: Weight
    size: int
    x: float
    baseline: float
    role: Role


@dataclass(frozen=True, slots=True)
class Layout:
    """All the text on a card, and the rule between its words and their source as left, top, right, bottom."""

    size: tuple[int, int]
    runs: tuple[Run, ...]
    rule: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class _Room:
    """What is left for the words."""

    shape: Shape
    left: float
    top: float
    measure: float
    height: float


def least(shape: Shape, css_pixels: int) -> int:
    """What ``css_pixels`` of a phone are on the card, in its own pixels, rounded up."""
    return -(-css_pixels * SIZES[shape][0] // SHOWN)


def measure(shape: Shape) -> int:
    """How wide a line may be, in pixels."""
    return SIZES[shape][0] - 2 * MARGINS[shape][0]


def foot_fits(shape: Shape, text: str, weight: Weight) -> bool:
    """Whether ``text`` can stand below the rule, as the source or the name."""
    lines = break_lines(text, weight, least(shape, SMALL_LEAST), measure(shape))
    return lines is not None and len(lines.text) <= _FOOT_LINES


def too_wide(shape: Shape, words: str) -> str:
    """The first of ``words`` that is wider than the card at the least size, or nothing."""
    size = least(shape, BODY_LEAST)
    return next((word for word in words.split(" ") if break_lines(word, "semibold", size, measure(shape)) is None), "")


def lay_out(shape: Shape, *, words: str, marks: Marks, figure: str, source: str, by: str) -> Layout | None:
    """The card's layout with its words as large as fits; None where they do not fit at a size that can be read.

    ``words`` is the quotation, set between ``marks`` of which the first hangs in the margin, or what ``figure`` counts.
    """
    wide, high = SIZES[shape]
    side, edge = MARGINS[shape]
    small = least(shape, SMALL_LEAST)
    foot = _foot(shape, source, by, small)
    if foot is None:
        return None
    baseline = high - edge - _DESCENT * small - (len(foot) - 1) * small * _FOOT_LEADING
    rule_top = round(baseline - small * _CAPITAL - _BELOW_RULE - _RULE[1])
    room = _Room(shape, side, edge, measure(shape), rule_top - _ABOVE_RULE - edge)
    block = _figure(room, figure, words) if figure else _quotation(room, words, marks)
    if block is None:
        return None
    below = tuple(
        Run(text, weight, small, side, baseline + number * small * _FOOT_LEADING, role)
        for number, (text, weight, role) in enumerate(foot)
    )
    return Layout((wide, high), (*block, *below), (side, rule_top, side + _RULE[0], rule_top + _RULE[1]))


def _foot(shape: Shape, source: str, by: str, size: int) -> list[tuple[str, Weight, Role]] | None:
    told: tuple[tuple[str, Weight, Role], ...] = ((source, "regular", "source"), (by, "semibold", "by"))
    foot: list[tuple[str, Weight, Role]] = []
    for text, weight, role in told:
        lines = break_lines(text, weight, size, measure(shape))
        if lines is None or len(lines.text) > _FOOT_LINES:
            return None
        foot += [(line, weight, role) for line in lines.text]
    return foot


def _quotation(room: _Room, words: str, marks: Marks) -> tuple[Run, ...] | None:
    set_words = _largest("".join((marks[0], words, marks[1])), room, _MOST[room.shape], room.height, marks[0])
    if set_words is None:
        return None
    lines, size = set_words
    top = room.top + (room.height - _height(lines, size)) / 2
    return tuple(_placed(lines, size, room.left, top, marks))


def _figure(room: _Room, figure: str, says: str) -> tuple[Run, ...] | None:
    """The figure with what it counts below it, or beside it on a wide card where that lets it be larger."""
    stacked = _stacked(room, figure, says)
    if room.shape != "wide":
        return stacked
    beside = _beside(room, figure, says)
    if stacked is None or beside is None:
        return stacked or beside
    return beside if beside[0].size > stacked[0].size else stacked


def _stacked(room: _Room, figure: str, says: str) -> tuple[Run, ...] | None:
    smallest = least(room.shape, BODY_LEAST)
    for size in range(_FIGURE_MOST * _MOST[room.shape], 2 * smallest - 1, -_STEP):
        above = break_lines(figure, "black", size, room.measure)
        if above is None:
            continue
        rise = extent(above.text[0], "black", size)[0]
        high = rise + (len(above.text) - 1) * _FIGURE_LEADING * size + extent(above.text[-1], "black", size)[1]
        left = room.height - high
        most = min(_MOST[room.shape], max(smallest, size * 9 // 20))
        set_words = _largest(says, room, most, left, gap=_BELOW_FIGURE)
        if set_words is None:
            continue
        lines, smaller = set_words
        gap = _BELOW_FIGURE * smaller
        top = room.top + (left - gap - _height(lines, smaller)) / 2
        return (
            *_placed_figure(above, size, room.left, top + rise),
            *_placed(lines, smaller, room.left, top + high + gap),
        )
    return None


def _beside(room: _Room, figure: str, says: str) -> tuple[Run, ...] | None:
    smallest = least(room.shape, BODY_LEAST)
    for size in range(_FIGURE_MOST * _MOST[room.shape], 2 * smallest - 1, -_STEP):
        taken = width(figure, "black", size)
        rise, drop = extent(figure, "black", size)
        if taken > room.measure / 2 or rise + drop > room.height:
            continue
        left = room.left + taken + _BESIDE
        column = _Room(room.shape, left, room.top, room.measure - taken - _BESIDE, room.height)
        set_words = _largest(says, column, min(_MOST[room.shape], max(smallest, size * 9 // 20)), room.height)
        if set_words is None:
            continue
        lines, smaller = set_words
        high = (len(lines.text) - 1) * smaller * _LEADING + smaller * _CAPITAL
        return (
            *_placed_figure(Lines((figure,), 1, 1), size, room.left, room.top + (room.height + rise - drop) / 2),
            *_placed(lines, smaller, left, room.top + (room.height - high) / 2),
        )
    return None


def _largest(
    text: str, room: _Room, most: int, height: float, hang: str = "", *, gap: float = 0.0
) -> tuple[Lines, int] | None:
    """``text`` set in the room: the size at which it is large and its lines are even. ``gap`` is in ems."""
    found: tuple[float, Lines, int] | None = None
    largest = 0
    for size in range(most, least(room.shape, BODY_LEAST) - 1, -_STEP):
        if size < largest * _SMALLER_FOR_EVEN:
            break
        lines = break_lines(text, "semibold", size, room.measure, hang=hang)
        if lines is None or _height(lines, size) + gap * size > height:
            continue
        largest = largest or size
        score = size * lines.even * math.sqrt(lines.full)
        if _height(lines, size) > _AIR * height:
            score *= _AIR
        if found is None or score > found[0]:
            found = (score, lines, size)
    return None if found is None else found[1:]


def _height(lines: Lines, size: int) -> float:
    """From the top of the first line's capitals to the end of the last line's descenders."""
    return (_CAPITAL + (len(lines.text) - 1) * _LEADING + _DESCENT) * size


def _placed(lines: Lines, size: int, left: float, top: float, marks: Marks = ("", "")) -> Iterator[Run]:
    """The words' runs. The marks are runs of their own, placed where kerning puts them in the whole line."""
    last = len(lines.text) - 1
    for number, text in enumerate(lines.text):
        baseline = top + (_CAPITAL + number * _LEADING) * size
        opening = marks[0] if number == 0 else ""
        closing = marks[1] if number == last else ""
        words = text[len(opening) : len(text) - len(closing)]
        x = left - _width(opening, size)
        if opening:
            yield Run(opening, "semibold", size, x, baseline, "mark")
        yield Run(words, "semibold", size, x + _width(opening + words, size) - _width(words, size), baseline, "words")
        if closing:
            end = x + _width(text, size)
            yield Run(closing, "semibold", size, end - _width(closing, size), baseline, "mark")


def _width(text: str, size: int) -> float:
    return width(text, "semibold", size)


def _placed_figure(lines: Lines, size: int, left: float, baseline: float) -> Iterator[Run]:
    """The figure's runs, with the ink at the left margin: at its size the blank beside a numeral shows."""
    for number, text in enumerate(lines.text):
        x = left - bearing(text, "black", size)
        yield Run(text, "black", size, x, baseline + number * _FIGURE_LEADING * size, "figure")
