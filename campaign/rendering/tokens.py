"""Tokens: what stands in a shared text where something differs by supporter.

A token is plain ASCII letters and digits, 16 characters: one capital letter that occurs nowhere else in it, ten
characters from a digest of the message, a letter for its kind and four digits. So no token is a part of another, none
can appear where two others meet, and the same message gives the same tokens.

    v    a value                 f   a finished field: what a channel fills
    o    a conditional or loop opens; e: its other branch begins; c: it closes
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Literal

from campaign.rendering.later import NotShareable

_FIRST: Final = "X"
_ALPHABET: Final = "abcdefghijkmnpqrstuvwyz023456789"
_DIGEST: Final = 10
_MOST: Final = 9_999

Kind = Literal["v", "o", "e", "c", "f"]


@dataclass(frozen=True, slots=True)
class Value:
    """The place of a value."""

    id: int


@dataclass(frozen=True, slots=True)
class Fork:
    """The place of a conditional or a loop: what it writes, and what it writes otherwise."""

    id: int
    body: Pieces
    other: Pieces


Pieces = tuple["str | Value | Fork", ...]


class Tokens:
    """The tokens of one message, told by their common beginning."""

    def __init__(self, seeds: Iterable[str]) -> None:
        digest = sha256()
        for seed in seeds:
            digest.update(seed.encode() + b"\0")
        self.prefix = _FIRST + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest.digest()[:_DIGEST])
        self._any = re.compile(rf"<!--{self.prefix}([oec])(\d{{4}})-->|{self.prefix}([voec])(\d{{4}})")
        self.control = re.compile(rf"(?:<!--)?{self.prefix}[oec]\d{{4}}(?:-->)?")
        self.control_alone = re.compile(rf"{self.prefix}[oec]\d{{4}}")
        self.value = re.compile(rf"{self.prefix}v(\d{{4}})")
        self.finished = re.compile(rf"{self.prefix}f\d{{4}}")
        self._spoilt = re.compile(rf"{self.prefix}(?![voecf]\d{{4}})", re.IGNORECASE)
        self._lowered = re.compile(rf"(?!{self.prefix})(?i:{self.prefix})")

    def token(self, kind: Kind, number: int) -> str:
        if number > _MOST:
            raise NotShareable(f"it holds more than {_MOST:,} places that differ by supporter")
        return f"{self.prefix}{kind}{number:04d}"

    def within(self, text: str) -> bool:
        return self.prefix in text

    def intact(self, text: str) -> bool:
        """Whether every token in ``text`` is whole and spelt as it was made."""
        return not (self._spoilt.search(text) or self._lowered.search(text))

    def parse(self, text: str) -> Pieces:
        """``text`` taken apart at its tokens; NotShareable where its forks are not properly nested."""
        stack: list[tuple[int, list[list[str | Value | Fork]]]] = [(-1, [[]])]
        end = 0
        for match in self._any.finditer(text):
            if match.start() > end:
                stack[-1][1][-1].append(text[end : match.start()])
            end = match.end()
            kind, number = match[1] or match[3], int(match[2] or match[4])
            if kind == "v":
                stack[-1][1][-1].append(Value(number))
            elif kind == "o":
                stack.append((number, [[]]))
            elif stack[-1][0] != number or len(stack[-1][1]) != (1 if kind == "e" else 2):
                raise NotShareable("a conditional or loop opens and closes in different places of the markup")
            elif kind == "e":
                stack[-1][1].append([])
            else:
                _, (body, other) = stack.pop()
                if body or other:
                    stack[-1][1][-1].append(Fork(number, tuple(body), tuple(other)))
        if len(stack) > 1:
            raise NotShareable("a conditional or loop opens and closes in different places of the markup")
        if end < len(text):
            stack[0][1][0].append(text[end:])
        return tuple(stack[0][1][0])

    def chosen(self, pieces: Pieces, turns: Mapping[int, int]) -> str:
        """The text where fork ``id`` writes its body ``turns[id]`` times (0: its other branch), values as tokens."""
        written = []
        for piece in pieces:
            if isinstance(piece, str):
                written.append(piece)
            elif isinstance(piece, Value):
                written.append(self.token("v", piece.id))
            else:
                times = turns.get(piece.id, 0)
                written.append(self.chosen(piece.body, turns) * times if times else self.chosen(piece.other, turns))
        return "".join(written)

    def as_comments(self, text: str, spans: Sequence[tuple[int, int]]) -> str:
        """``text`` with the tokens of forks written as comments within ``spans``, where HTML allows comments."""
        return _within(text, spans, lambda part: self.control.sub(lambda match: f"<!--{match[0]}-->", part))


def forks(pieces: Pieces, way: Mapping[int, int] | None = None) -> dict[int, Mapping[int, int]]:
    """All forks in ``pieces``, at any depth, by number; for each, what the forks around it choose where it stands."""
    found: dict[int, Mapping[int, int]] = {}
    for piece in pieces:
        if isinstance(piece, Fork):
            here = way or {}
            found |= {piece.id: here}
            found |= forks(piece.body, {**here, piece.id: 1}) | forks(piece.other, {**here, piece.id: 0})
    return found


def values(pieces: Pieces) -> set[int]:
    """The numbers of all values in ``pieces``, at any depth."""
    found: set[int] = set()
    for piece in pieces:
        if isinstance(piece, Value):
            found.add(piece.id)
        elif isinstance(piece, Fork):
            found |= values(piece.body) | values(piece.other)
    return found


def _within(text: str, spans: Sequence[tuple[int, int]], change: Callable[[str], str]) -> str:
    written, end = [], 0
    for start, stop in spans:
        written += [text[end:start], change(text[start:stop])]
        end = stop
    return "".join([*written, text[end:]])
