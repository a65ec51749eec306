# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Where a card's lines break: nowhere inside a word, and so that the lines are even."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from campaign.rendering.card_font import Weight, width

_REFERENCE: Final = 200
"""Pixels to the em at which pieces are measured once; every other size is a multiple of that."""
_PIECE: Final = re.compile(r"[^ ]+ *")
_AFTER_DASH: Final = re.compile(r"(?<=[^\W\d_]-)(?=[^\W\d_])|(?<=\w[—–])(?=\w)")
_SMALL_WORD: Final = re.compile(r"\w{1,3} ?")
_SENTENCE_END: Final = re.compile(r"[.!?…][”’»“›]? *$")

_HANGING_WORD: Final = 0.07
"""What a break after a small word, after a sentence's first word or before its last costs beside the blank: as much as
if the line were shorter by this share of the measure. So "/ in a crowd" is taken over "in a / crowd" where both are
near."""
_NO_WAY: Final = (1_000_000, 0.0, 0)


@dataclass(frozen=True, slots=True)
class Lines:
    """``text`` divided. ``even`` is the lines' mean length as a share of the longest, where the last may have half of
    it; ``full`` is the longest as a share of the measure. Both are from 0 to 1."""

    text: tuple[str, ...]
    even: float
    full: float


def break_lines(text: str, weight: Weight, size: int, measure: float, *, hang: str = "") -> Lines | None:
    """``text`` in as few lines of ``measure`` pixels as it takes; None where a piece is longer than that.

    Lines break at spaces, after hyphens between letters and after dashes; never at a space that does not break. Of
    all ways to set so many lines the one with the least sum of squared blanks is taken, the last line's included, so
    that no word is left there by itself (D. E. Knuth and M. F. Plass, "Breaking paragraphs into lines", 1981, chose
    likewise). ``hang`` begins the first line and takes no room in it.
    """
    pieces = _pieces(text)
    ems = _measured(text, weight)
    scale = size / _REFERENCE
    indent = width(hang, weight, _REFERENCE) if hang and text.startswith(hang) else 0.0
    best: list[tuple[int, float, int]] = [(0, 0.0, 0)]
    for end in range(1, len(pieces) + 1):
        found = _NO_WAY
        advance = 0.0
        for first in range(end - 1, -1, -1):
            advance += ems[first][0] if first < end - 1 else ems[first][1]
            blank = measure - (advance - (indent if first == 0 else 0.0)) * scale
            if blank < 0:
                break
            lines, cost, _from = best[first]
            weighed = blank + (_HANGING_WORD * measure if end < len(pieces) and _hangs(pieces, end) else 0.0)
            found = min(found, (lines + 1, cost + weighed * weighed, first))
        best.append(found)
    if best[-1] >= _NO_WAY:
        return None
    ends = [len(pieces)]
    while ends[-1]:
        ends.append(best[ends[-1]][2])
    spans = [(first, end) for end, first in pairwise(ends)][::-1]
    lengths = [sum(em[0] for em in ems[first : end - 1]) + ems[end - 1][1] for first, end in spans]
    if lengths:
        lengths[0] -= indent
    divided = tuple("".join(pieces[first:end]).rstrip(" ") for first, end in spans)
    return Lines(divided, _even(lengths), max(lengths, default=0.0) * scale / measure)


def _even(lengths: list[float]) -> float:
    longest = max(lengths, default=0.0)
    if not longest:
        return 1.0
    *body, last = lengths
    shares = [length / longest for length in body] + [min(1.0, 2 * last / longest)]
    return sum(shares) / len(shares)


def _hangs(pieces: tuple[str, ...], end: int) -> bool:
    """Whether a line that ends before piece ``end`` leaves a small word or a sentence's first at its end, or begins the
    next line with a sentence's last."""
    small = _SMALL_WORD.fullmatch(pieces[end - 1])
    first = end > 1 and _SENTENCE_END.search(pieces[end - 2])
    return bool(small or first or _SENTENCE_END.search(pieces[end]))


@lru_cache(maxsize=64)
def _pieces(text: str) -> tuple[str, ...]:
    """What may not be broken, each with the space after it."""
    return tuple(part for word in _PIECE.findall(text) for part in _AFTER_DASH.split(word))


@lru_cache(maxsize=64)
def _measured(text: str, weight: Weight) -> tuple[tuple[float, float], ...]:
    """Each piece's advance with and without the space after it, at the reference size."""
    return tuple(
        (width(piece, weight, _REFERENCE), width(piece.rstrip(" "), weight, _REFERENCE)) for piece in _pieces(text)
    )
