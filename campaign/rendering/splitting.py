"""Takes a text apart into the parts of a thread, each of which fits its network.

Parts end where a paragraph, a line or a sentence ends, and never within one. There are as few of them as can be; of all
ways to do that with as many, the one is taken whose parts are most alike in length and end at the best places. The same
text always gives the same parts: an approval counts on it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from campaign.rendering.sentences import End, Piece, pieces

RULES: Final = 1
"""To be counted up with each change, here or in ``sentences``, by which a text gets other parts: approvals of what is
split are void then, so that no thread changes after somebody has approved it."""

MOST_CHARACTERS: Final = 10_000
"""Longer texts are not taken apart: that would be a thread of forty parts, and nobody meant it."""
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
    """Links, hashtags and mentions that stand alone, with the sentence before them where all of them fit."""
    blocks: list[tuple[Piece, bool]] = []
    for piece in found:
        alone = _NAMES.fullmatch(text, piece.start, piece.stop) is not None
        if blocks and alone and blocks[-1][1] and room.takes(text[blocks[-1][0].start : piece.stop]):
            piece = Piece(blocks.pop()[0].start, piece.stop, piece.end)  # noqa: PLW2901 - it has grown
        blocks.append((piece, alone))
    joined: list[Piece] = []
    for piece, alone in blocks:
        if joined and alone and room.takes(text[joined[-1].start : piece.stop]):
            joined[-1] = Piece(joined[-1].start, piece.stop, piece.end)
        else:
            joined.append(piece)
    return joined


class _Measured:
    """A text's pieces, and what the network counts for each of them and for what stands between."""

    def __init__(self, text: str, found: list[Piece], room: Room) -> None:
        self.text = text
        self.pieces = found
        self.most = room.most
        following = [*(piece.start for piece in found[1:]), found[-1].stop]
        self.gaps = [0, *(len(text[piece.stop : at].encode()) for piece, at in zip(found, following, strict=True))]
        """Before each piece, counted generously: in bytes."""
        self.sums = [tuple(0 for _ in room.most)]
        """All that is before each piece, the gaps included."""
        for piece, gap in zip(found, self.gaps[1:], strict=True):
            counts = room.counts(text[piece.start : piece.stop])
            self.sums.append(tuple(total + count + gap for total, count in zip(self.sums[-1], counts, strict=True)))

    def best(self) -> list[tuple[int, int]]:
        """The parts as slices of the pieces: the fewest, and of those the ways with the least cost."""
        count = len(self.pieces)
        reach = self._reach()
        fewest = [0] * (count + 1)  # from each piece to the end
        for start in reversed(range(count)):
            fewest[start] = 1 + fewest[reach[start]]
        lengths = [total[0] for total in self.sums]
        target = max(1, lengths[count] // fewest[0])
        ends = [*(self._ends(piece) for piece in self.pieces[:-1]), 0]
        costs = [0] * (count + 1)
        following = [count] * count
        for start in reversed(range(count)):
            ways = []
            for stop in range(reach[start], start, -1):
                if fewest[stop] != fewest[start] - 1:  # nor would any before it be: that is one part more
                    break
                off = (lengths[stop] - self.gaps[stop] - lengths[start] - target) * 100 // target
                ways.append((off * off + ends[stop - 1] + costs[stop], stop))
            costs[start], following[start] = min(ways)  # of equals the shortest part first, so that it is always one
        cuts, at = [], 0
        while at < count:
            cuts.append((at, following[at]))
            at = following[at]
        return cuts

    def _reach(self) -> list[int]:
        """Up to which piece a part can go that begins with each of them: at least over that one."""
        count, stop = len(self.pieces), 0
        reach = []
        for start in range(count):
            stop = max(stop, start + 1)
            while stop < count and self._fits(start, stop + 1):
                stop += 1
            reach.append(stop)
        return reach

    def _fits(self, start: int, stop: int) -> bool:
        gap = self.gaps[stop]
        sizes = zip(self.sums[start], self.sums[stop], self.most, strict=True)
        return all(after - before - gap <= most for before, after, most in sizes)

    def _ends(self, last: Piece) -> int:
        announces = self.text[last.stop - 1] in ":："  # noqa: RUF001 - both signs
        return _AFTER_COLON if announces else _COSTS[last.end]
