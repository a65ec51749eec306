# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Words between quotation marks: finding them, and finding them again in another text."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_PAIRS = {"“": "”", "«": "»", "„": "“”", "‹": "›"}
_LONGEST = 3000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_OPENS_BEFORE = re.compile(r"[\s(\[{—–\-/«“‘]")
_MARKS = re.compile(r"[“”„«»‹›\"‘’\n]")
_SAME = str.maketrans({
    "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‹": '"', "›": '"',
    "‘": "'", "’": "'", "ʼ": "'", "´": "'", "`": "'",
    "—": "-", "–": "-", "‑": "-", "−": "-",
    "\u00ad": "", "\u200b": "", "\ufeff": "",
})  # fmt: skip
_LEFT_OUT = re.compile(r"\s*(?:\[\s*(?:…|\.\.\.)\s*\]|\(\s*(?:…|\.\.\.)\s*\)|…|\.\.\.)\s*")
_ENDING = " .,;:!?¡¿\"'-"


class Quoted(NamedTuple):
    """Text between quotation marks; ``start`` and ``end`` hold the marks too, ``text`` does not."""

    start: int
    end: int
    text: str

    @property
    def words(self) -> int:
        return len(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", self.text))


def find(text: str) -> list[Quoted]:
    """Everything between quotation marks: curly, straight, low and guillemets, the outermost pair alone.

    A pair must close before the next blank line. Single marks count only if they are curly, open before a letter at
    a word's beginning, and close at a word's end; a straight single mark is an apostrophe.
    """
    found: list[Quoted] = []
    start = 0
    for gap in [*_BLANK_LINE.finditer(text), None]:
        end = gap.start() if gap else len(text)
        found.extend(_in_paragraph(text, start, end))
        start = gap.end() if gap else end
    return found


def _in_paragraph(text: str, start: int, end: int) -> list[Quoted]:
    found: list[Quoted] = []
    opened: tuple[int, str] | None = None
    doubtful: int | None = None  # after an s it may belong to a possessive

    def close(at: int) -> None:
        if opened is not None and at - opened[0] <= _LONGEST:
            found.append(Quoted(opened[0], at + 1, " ".join(text[opened[0] + 1 : at].split())))

    for match in _MARKS.finditer(text, start, end):
        at, mark = match.start(), match.group()
        if opened is not None and mark in opened[1] and _may_close(text, at, mark, start):
            if mark == "’" and text[at - 1] in "sS" and text[at + 1 : at + 2].isspace():
                doubtful = at
                continue
            close(at)
            opened = doubtful = None
        elif (closers := _opens(text, at, start)) and (opened is None or mark == text[opened[0]]):
            # A second opening mark of the same kind means that the first was never closed.
            opened, doubtful = (at, closers), None
    if doubtful is not None:
        close(doubtful)
    return [quoted for quoted in found if quoted.text]


def _opens(text: str, at: int, start: int) -> str:
    """The marks that would close a quotation opened here; empty where none is opened."""
    mark = text[at]
    if mark in _PAIRS:
        return _PAIRS[mark]
    begins_word = at == start or bool(_OPENS_BEFORE.match(text[at - 1]))
    if mark == '"':
        return mark if begins_word and at + 1 < len(text) and not text[at + 1].isspace() else ""
    if mark == "‘":
        return "’" if begins_word and text[at + 1 : at + 2].isalpha() else ""
    return ""


def _may_close(text: str, at: int, mark: str, start: int) -> bool:
    if mark != "’":
        return at > start
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return not after.isalnum() and not before.isspace()


def fold(text: str) -> str:
    """``text`` with white space folded and one style each of quotation marks, apostrophes and dashes."""
    return " ".join(unicodedata.normalize("NFC", text).translate(_SAME).split())


def is_in(quotation: str, letter_text: str) -> bool:
    """Whether ``letter_text`` holds ``quotation`` word for word.

    Style of marks and white space is folded; punctuation at the end and the case of the first letter may differ,
    as they do where words are quoted within a sentence. What stands on either side of an ellipsis must be found in
    that order.
    """
    where = fold(letter_text)
    parts = [part for piece in _LEFT_OUT.split(quotation) if (part := fold(piece).strip(_ENDING))]
    at = 0
    for part in parts:
        first = re.escape(part[0])
        if part[0].isalpha():
            first = f"[{re.escape(part[0].lower())}{re.escape(part[0].upper())}]"
        match = re.compile(rf"(?<!\w){first}{re.escape(part[1:])}(?!\w)").search(where, at)
        if match is None:
            return False
        at = match.end()
    return bool(parts)
