"""Takes a text apart into the parts of a thread, each of which fits its network.

Parts end where a paragraph, a line or a sentence ends, and never within one. There are as few of them as can be; of all
ways to do that with as many, the one is taken whose parts are most alike in length and end at the best places. The same
text always gives the same parts: an approval counts on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from campaign.rendering.sentences import End, Piece, pieces

MOST_CHARACTERS: Final = 25_000
"""Longer texts are not taken apart: that would be a thread of a hundred parts, and nobody meant it."""
_MOST_DIGITS: Final = 3

_COSTS: Final = {End.PARAGRAPH: 0, End.LINE: 700, End.SENTENCE: 1_500}
"""What a part costs that ends so; a part that is half as long as it should be costs 2,500."""
_AFTER_COLON: Final = 4_000
"""What a part costs that ends by announcing what comes next."""
_NAMES: Final = re.compile(r"(?:https?://\S++|[#＃@$]\w\S*+|[^\w\s]++|\s++)++", re.IGNORECASE)  # noqa: RUF001 - both signs


@dataclass(frozen=True)
class Room:
    """How a network counts a text, in one way or several, and the most it takes of each.

    What it counts for two texts with white space between them must not be more than what it counts for each, and one
    for each character between them.
    """

    counts: Callable[[str], tuple[int, ...]]
    most: tuple[int, ...]

    def takes(self, text: str) -> bool:
        return all(map(int.__le__, self.counts(text), self.most))

    def less(self, characters: int) -> Room:
        """The same without so many characters of ASCII, which every network counts as one each."""
        return Room(self.counts, tuple(most - characters for most in self.most))


def parts(written: Sequence[str], room: Room, *, language: str = "en", numbered: bool = False) -> tuple[str, ...]:
    """``written``, each of which does not fit taken apart. With ``numbered`` they leave room for their numbers.

    A sentence that does not fit by itself stays whole, as a part of its own: whoever holds parts to their network says
    so. Joined, the parts are the text, but for the white space between them.
    """
    made = [part for text in written for part in split(text, room, language=language)]
    if not numbered or len(made) == 1:
        return tuple(made)
    for digits in range(1, _MOST_DIGITS + 1):
        less = room.less(len(number(10**digits - 1, 10**digits - 1)))
        made = [part for text in written for part in split(text, less, language=language)]
        if len(made) < 10**digits:
            break
    return tuple(made)


def number(place: int, of: int) -> str:
    """What ends a numbered part."""
    return f" {place}/{of}"


def split(text: str, room: Room, *, language: str = "en") -> tuple[str, ...]:
    """``text`` as the parts of a thread: itself, where it fits."""
    whole = text.strip()
    if len(whole) > MOST_CHARACTERS or room.takes(whole):
        return (whole,)
    found = _Measured(whole, _together(whole, pieces(whole, language), room), room)
    return tuple(whole[found.pieces[start].start : found.pieces[stop - 1].stop] for start, stop in found.best())


def _together(text: str, found: list[Piece], room: Room) -> list[Piece]:
    """Links, hashtags and mentions that stand alone, with the sentence before them where both fit."""
    joined: list[Piece] = []
    for piece in found:
        if joined and _NAMES.fullmatch(text, piece.start, piece.stop):
            before = joined[-1]
            both = Piece(before.start, piece.stop, piece.end)
            if room.takes(text[both.start : both.stop]):
                joined[-1] = both
                continue
        joined.append(piece)
    return joined


class _Measured:
    """A text's pieces, and what the network counts for each of them and for what stands between."""

    def __init__(self, text: str, found: list[Piece], room: Room) -> None:
        self.text = text
        self.pieces = found
        self.room = room

    def best(self) -> list[tuple[int, int]]:
        """The parts as slices of the pieces: the fewest, and of those the ways with the least cost."""
        count = len(self.pieces)
        reach = [self._reach(start) for start in range(count)]
        fewest = [0] * (count + 1)  # from each piece to the end
        for start in reversed(range(count)):
            fewest[start] = 1 + fewest[reach[start]]
        target = max(1, self._length(0, count) // fewest[0])
        costs = [0] * (count + 1)
        following = [count] * count
        for start in reversed(range(count)):
            # Only what leads to the fewest parts is looked at; the first of equals is taken, so that it is always one.
            stops = [stop for stop in range(start + 1, reach[start] + 1) if fewest[stop] == fewest[start] - 1]
            ways = ((self._cost(start, stop, target) + costs[stop], stop) for stop in stops)
            costs[start], following[start] = min(ways)
        cuts, at = [], 0
        while at < count:
            cuts.append((at, following[at]))
            at = following[at]
        return cuts

    @cached_property
    def _before(self) -> list[tuple[int, ...]]:
        """What is counted for the pieces before each one, with what stands between; at the end, for all."""
        ways = len(self.room.most)
        sums = [(0,) * ways]
        for piece, following in zip(self.pieces, [*self.pieces[1:], None], strict=True):
            between = len(self.text[piece.stop : following.start].encode()) if following else 0
            counts = self.room.counts(self.text[piece.start : piece.stop])
            sums.append(tuple(total + count + between for total, count in zip(sums[-1], counts, strict=True)))
        return sums

    def _sizes(self, start: int, stop: int) -> tuple[int, ...]:
        """What the network counts at most for the pieces from ``start`` up to ``stop``."""
        between = len(self.text[self.pieces[stop - 1].stop : self.pieces[stop].start].encode()) if self._on(stop) else 0
        return tuple(
            after - before - between for before, after in zip(self._before[start], self._before[stop], strict=True)
        )

    def _on(self, stop: int) -> bool:
        return stop < len(self.pieces)

    def _length(self, start: int, stop: int) -> int:
        return self._sizes(start, stop)[0]

    def _reach(self, start: int) -> int:
        """Up to which piece a part can go that begins with ``start``: at least over that one."""
        stop = start + 1
        while self._on(stop) and all(map(int.__le__, self._sizes(start, stop + 1), self.room.most)):
            stop += 1
        return stop

    def _cost(self, start: int, stop: int, target: int) -> int:
        off = (self._length(start, stop) - target) * 100 // target
        return off * off + (self._ends(self.pieces[stop - 1]) if self._on(stop) else 0)

    def _ends(self, last: Piece) -> int:
        announces = self.text[last.stop - 1] in ":："  # noqa: RUF001 - both signs
        return _AFTER_COLON if announces else _COSTS[last.end]
