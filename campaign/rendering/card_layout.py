# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about

"""Where everything on a card goes: sizes, lines, margins. Nothing is drawn here."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from campaign.model.message import Shape
from campaign.rendering.card_font import Weight, font, width

SIZES: Final[dict[Shape, tuple[int, int]]] = {"wide": (1200, 675), "square": (1080, 1080), "tall": (1080, 1350)}
"""Width and height in pixels."""

SHOWN: Final = 320
"""CSS pixels that a card is wide in a timeline on a phone of 390: the account's picture and the gaps take the rest."""
BODY_LEAST: Final = 16
"""CSS pixels. What browsers and Material Design set running text in; Apple's is 17 points, with 11 as the least."""
SMALL_LEAST: Final = 11
"""CSS pixels. The least that Apple's guidelines let any text have; for the source and the name, not for the words."""

_FOOT_LINES: Final = 2
"""At most, for the source and for the name each."""
_LEADING: Final = 1.18
_LEADING_SMALL: Final = 1.3
_AFTER_HYPHEN: Final = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])|(?<=\w[—–])(?=\w)")

_NO_WAY: Final = (1_000_000, 0.0, 0)
"""Lines, cost and beginning where there is no way to set the text: more lines than any text has."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of text: its left end and its baseline in pixels from the card's upper left corner."""

    text: str
    weight: Weight
    size: int
    x: float
    baseline: float
    role: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A card's lines, and the rule between its words and their source as left, top, right, bottom."""

    size: tuple[int, int]
    lines: tuple[Line, ...]
    rule: tuple[int, int, int, int]


def margin(shape: Shape) -> int:
    """Pixels that stay free on each side, but for a quotation mark that hangs."""
    return 96 if shape == "wide" else 104


def least(shape: Shape, css_pixels: int) -> int:
    """What ``css_pixels`` of a phone are on the card, in its own pixels, rounded up."""
    return -(-css_pixels * SIZES[shape][0] // SHOWN)


def lay_out(shape: Shape, *, words: str, hang: str, figure: str, source: str, by: str) -> Layout | None:
    """The card's layout with its words as large as fits; None where they do not fit at a size that can be read.

    ``words`` is the quotation with its marks, of which ``hang`` stands in the margin, or what ``figure`` counts.
    """
    wide, high = SIZES[shape]
    edge = margin(shape)
    measure = wide - 2 * edge
    small = least(shape, SMALL_LEAST)
    foot = _foot(source, by, small, measure)
    if foot is None:
        return None
    foot_height = sum(size * _LEADING_SMALL for _text, _weight, size, _role in foot)
    rule_top = round(high - edge - foot_height - 36)
    room = rule_top - 44 - edge
    head = _figure(shape, figure, words, measure, room) if figure else _body(shape, words, hang, measure, room)
    if head is None:
        return None
    block, height = head
    lines: list[Line] = []
    y = edge + (room - height) / 2
    for text, weight, size, role, leading in block:
        face_ascent = size * 0.75
        hung = width(hang, weight, size) if hang and text.startswith(hang) and not lines else 0
        lines.append(Line(text, weight, size, edge - hung, y + face_ascent, role))
        y += size * leading
    y = rule_top + 36
    for text, weight, size, role in foot:
        lines.append(Line(text, weight, size, edge, y + size * 0.85, role))
        y += size * _LEADING_SMALL
    return Layout((wide, high), tuple(lines), (edge, rule_top, edge + 72, rule_top + 6))


def _body(
    shape: Shape, words: str, hang: str, measure: int, room: int
) -> tuple[list[tuple[str, Weight, int, str, float]], float] | None:
    for size in range(_most(shape), least(shape, BODY_LEAST) - 1, -2):
        lines = break_lines(words, "semibold", size, measure, hang=hang)
        if lines and len(lines) * size * _LEADING <= room:
            return [(line, "semibold", size, "words", _LEADING) for line in lines], len(lines) * size * _LEADING
    return None


def _figure(
    shape: Shape, figure: str, says: str, measure: int, room: int
) -> tuple[list[tuple[str, Weight, int, str, float]], float] | None:
    for size in range(_most(shape) * 3, least(shape, BODY_LEAST) * 2 - 1, -4):
        if width(figure, "black", size) > measure or size > room * 0.62:
            continue
        rest = room - size * 0.95
        for smaller in range(min(size // 3, _most(shape)), least(shape, BODY_LEAST) - 1, -2):
            lines = break_lines(says, "semibold", smaller, measure) if says else []
            if lines is not None and len(lines) * smaller * _LEADING <= rest:
                block: list[tuple[str, Weight, int, str, float]] = [(figure, "black", size, "figure", 0.95)]
                block += [(line, "semibold", smaller, "words", _LEADING) for line in lines]
                return block, size * 0.95 + len(lines) * smaller * _LEADING
    return None


def _foot(source: str, by: str, size: int, measure: int) -> list[tuple[str, Weight, int, str]] | None:
    foot: list[tuple[str, Weight, int, str]] = []
    told: tuple[tuple[str, Weight, str], ...] = ((source, "regular", "source"), (by, "semibold", "by"))
    for text, weight, role in told:
        lines = break_lines(text, weight, size, measure) if text else []
        if lines is None or len(lines) > _FOOT_LINES:
            return None
        foot += [(line, weight, size, role) for line in lines]
    return foot


def _most(shape: Shape) -> int:
    return 112 if shape == "wide" else 128


def break_lines(text: str, weight: Weight, size: int, measure: float, *, hang: str = "") -> list[str] | None:
    """``text`` in as few lines as it takes, as even as they can be; None where a word is longer than ``measure``.

    Lines break at spaces, after dashes and after hyphens between letters; never at a space that does not break. Of
    all ways to set that many lines, the one with the least sum of squared blanks is taken, the last line included,
    so that no word is left there by itself. ``hang`` begins the first line and takes no room.
    """
    pieces = _pieces(text)
    face = font(weight, size)
    indent = face.getlength(hang) if hang and text.startswith(hang) else 0.0

    def blank(first: int, end: int) -> float:
        line = "".join(pieces[first:end]).rstrip(" ")
        return measure - face.getlength(line) + (indent if first == 0 else 0.0)

    count = len(pieces)
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)]
    for end in range(1, count + 1):
        found: list[tuple[int, float, int]] = []
        for first in range(end - 1, -1, -1):
            left = blank(first, end)
            if left < 0:
                break
            lines, cost, _from = best[first]
            found.append((lines + 1, cost + left * left, first))
        best.append(min(found, default=_NO_WAY))
    if best[count] >= _NO_WAY:
        return None
    ends = [count]
    while ends[-1]:
        ends.append(best[ends[-1]][2])
    return [_line(pieces, first, end) for end, first in pairwise(ends)][::-1]


def _line(pieces: Sequence[str], first: int, end: int) -> str:
    return "".join(pieces[first:end]).rstrip(" ")


def _pieces(text: str) -> list[str]:
    """What may not be broken, each with the space after it."""
    return [part for word in re.findall(r"[^ ]+ *", text) for part in _AFTER_HYPHEN.split(word)]
