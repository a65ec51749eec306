"""Cuts a text part that is made from the HTML part into what is the same for everybody and what is a person's.

What stands around a value may depend on it: a name that is blank leaves one space and not two, a paragraph without
words is none. So a field reaches from the last visible character before a value to the first one after it, and is
tidied once the value is known. Links and headings are not cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from campaign.rendering.environment import Strict
from campaign.rendering.fields import Fields
from campaign.rendering.later import UNSUBSCRIBE_URL, Captured
from campaign.rendering.text_marks import plain as plain_text
from campaign.rendering.text_marks import tidied
from campaign.rendering.tokens import Fork, Pieces, Tokens, Value

_NEXT: Final = re.compile(
    r"(?P<open>[\x0e\x11])|(?P<close>[\x10\x12])|(?P<bullet>\x03[^\x13]*\x13)|(?P<seen>[^\s\x01-\x08\x0e-\x14]+)"
)


class AllFields(Fields):
    """Writes fields for a text part made from HTML too: their values are not escaped, however they were written."""

    def __init__(self, tokens: Tokens, *, html: Strict, text: Strict) -> None:
        super().__init__(tokens, html=html, text=text)
        self._names |= {"plain_text": plain_text, "tidied": tidied}
        self._unescaped = False

    def text_source(self, pieces: Pieces, *, tidy: bool) -> str:
        """An expression, in Python, for what marked text becomes for one person."""
        self._unescaped = True
        try:
            source = self.source(pieces)
        finally:
            self._unescaped = False
        return f"tidied({source})" if tidy else source

    def _piece(self, piece: str | Value | Fork) -> str:
        if self._unescaped and isinstance(piece, Value):
            return f"plain_text({self.expression(self.recorder.leaves[piece.id].meaning)})"
        return super()._piece(piece)

    def expression(self, captured: Captured) -> str:
        # What an expression is made of means what it means in the HTML part: only what it comes to is not escaped.
        before, self._unescaped = self._unescaped, False
        try:
            return super().expression(captured)
        finally:
            self._unescaped = before

    def is_plain_word(self, piece: str | Value | Fork) -> bool:
        """Whether ``piece`` is a person's unsubscribe link: never blank, without a space or a mark."""
        return isinstance(piece, Value) and self.recorder.leaves[piece.id].meaning == UNSUBSCRIBE_URL


def segments(pieces: Pieces, fields: AllFields, tokens: Tokens) -> Iterator[str | tuple[Pieces, bool]]:
    """Marked text as finished text that is the same for everybody, and the pieces of fields in between.

    With each field, whether it must be tidied.
    """
    for run in _runs(_with_words(pieces, fields, tokens)):
        if isinstance(run, tuple):
            taken_apart = (tokens.parse(piece) if isinstance(piece, str) else (piece,) for piece in run)
            yield tuple(chain.from_iterable(taken_apart)), True
            continue
        finished = tidied(run)
        if not tokens.intact(finished):  # an unsubscribe link as words of a heading
            yield tokens.parse(run), True
            continue
        for piece in tokens.parse(finished):
            yield piece if isinstance(piece, str) else ((piece,), False)


def _with_words(pieces: Pieces, fields: AllFields, tokens: Tokens) -> Iterator[str | Value | Fork]:
    """``pieces`` with unsubscribe links as words, which need not be known to be put in their place."""
    words: list[str] = []
    for piece in pieces:
        if isinstance(piece, Value) and fields.is_plain_word(piece):
            words.append(tokens.token("v", piece.id))
        elif isinstance(piece, str):
            words.append(piece)
        else:
            if words:
                yield "".join(words)
            words.clear()
            yield piece
    if words:
        yield "".join(words)


def _runs(pieces: Iterator[str | Value | Fork]) -> Iterator[str | Pieces]:
    """Text without anything personal, and the shortest pieces with it that can be tidied alone, by turns."""
    run: list[str | Value | Fork] = []
    depth = 0
    for piece in pieces:
        if not isinstance(piece, str):
            run.append(piece)
            continue
        spans, depth = _seen(piece, depth)
        at = 0
        if spans and not all(isinstance(part, str) for part in run):
            at = spans[0][0]
            yield (*run, piece[:at])
            run = []
        if spans:
            yield "".join([*(part for part in run if isinstance(part, str)), piece[at : spans[-1][1]]])
            run, at = [], spans[-1][1]
        run.append(piece[at:])
    if all(isinstance(part, str) for part in run):
        yield "".join(part for part in run if isinstance(part, str))
    else:
        yield tuple(run)


def _seen(text: str, depth: int) -> tuple[list[tuple[int, int]], int]:
    """Where visible characters stand in ``text``, outside links and headings, and how many of these are open then."""
    spans = []
    for match in _NEXT.finditer(text):
        if match["open"]:
            depth += 1
        elif match["close"]:
            depth -= 1
        elif match["seen"] and not depth:
            spans.append(match.span())
    return spans, depth
