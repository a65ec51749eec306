# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Note markers: the small figures stuck to a letter's sentences, which lose their height in plain text."""

from __future__ import annotations

import re
from bisect import bisect_left
from dataclasses import dataclass, field

from campaign.files.letter_sections import SUPERSCRIPTS

_MARK = re.compile(
    r"[ ]?\[\^(?P<name>[^\]\s]{1,40})\]"
    r"|[ ]?\[(?P<bracket>\d{1,3}(?:[ ]?[,;–-][ ]?\d{1,3}){0,8})\]"
    r"|(?<=[^\s\d])(?P<raised>[⁰¹²³⁴-⁹]{1,3}(?:[, ⁻–⁾]{1,2}[⁰¹²³⁴-⁹]{1,3}){0,8})"
    r"|(?<=[.,;!?…”\"’»)\]])(?P<glued>\d{1,3}(?:[,–-]\d{1,3}){0,8})(?!\d|[.,]\d|[a-zß-öø-ÿ%°])"
    r"|(?<=[a-zß-öø-ÿ]{3})(?P<stuck>\d{1,3})(?=[\s.,;:!?)”\"]|$)"
)
_SENTENCE_GOES_ON = re.compile(r"\s+[a-zß-öø-ÿ]")
_UNITS = re.compile(r"(?<!\w)(?:[kcm]?m|ft|mi|in|x|n|e)$")
_NUMBERED = re.compile(
    r"\b(?:nos?|nr|núm|num|arts?|secs?|figs?|vols?|pp?|paras?|ch|cap|ed|v|rev)\.$", re.IGNORECASE
)  # fmt: skip
_MOST_NOTES = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """Text without its markers. ``begins`` are the line beginnings moved along, ``marks`` place and number."""

    text: str
    begins: list[int]
    marks: list[tuple[int, int]]


@dataclass(slots=True)
class Markers:
    """Tells markers from figures, passage by passage; it remembers how far a letter's notes have counted."""

    highest: int = 0
    _named: dict[str, int] = field(default_factory=dict)

    def number_of(self, label: str) -> int:
        """The number of a Markdown footnote: its label, or where that is a word, its place among the notes."""
        if label.isdecimal() and 0 < len(label) <= len("999"):
            return int(label)
        if label not in self._named:
            self._named[label] = self.highest + 1
        return self._named[label]

    def take(self, text: str, begins: list[int], numbers: list[int]) -> Taken:
        """Take the markers out of ``text``, whose lines begin at ``begins`` and have these ``numbers``."""
        pieces: list[str] = []
        marks: list[tuple[int, int]] = []
        moves: list[tuple[int, int]] = []
        at = length = 0
        for match in _MARK.finditer(text):
            found = self._read(text, match)
            if not found:
                continue
            kept = text[at : match.start()]
            glue = " " if _needs_space(text, match.end()) else ""
            length += len(kept)
            marks += [(length, number) for number in found]
            pieces += [kept, glue]
            length += len(glue)
            at = match.end()
            moves.append((at, at - length))
            self.highest = max(self.highest, *found)
        pieces.append(text[at:])
        moved = [_moved(begin, moves) for begin in begins[: len(numbers)]]
        return Taken("".join(pieces), moved, marks)

    def _read(self, text: str, match: re.Match[str]) -> list[int]:
        """The notes that a marker names; none where it is no marker."""
        if match["name"]:
            return [self.number_of(match["name"])]
        start = match.start(match.lastgroup or 0)
        written = match[match.lastgroup or 0].translate(SUPERSCRIPTS)
        found = _expanded(written)
        if match["raised"] and _UNITS.search(text[max(0, start - 4) : start]):
            return []
        if match["glued"] and not self._is_glued_marker(text, start, match.end(), found):
            return []
        if match["stuck"] and found != [self.highest + 1]:
            return []
        return found

    def _is_glued_marker(self, text: str, start: int, end: int, found: list[int]) -> bool:
        """``trust.”1 In`` has a marker; ``1,000``, ``p.12``, ``"5 things`` and ``May,3 people`` have none."""
        mark, before = text[start - 1], text[max(0, start - 2) : start - 1]
        if not before or before.isspace() or (before.isdigit() and mark in ".,"):
            return False
        if mark == "." and _NUMBERED.search(text[max(0, start - 10) : start]):
            return False
        if text[end : end + 1].isalpha() and mark == ",":
            return False
        expected = bool(found) and found[0] <= self.highest + 1
        return expected or (mark != "," and not _SENTENCE_GOES_ON.match(text, end))


def _needs_space(text: str, at: int) -> bool:
    """Whether the marker stood where the space between two sentences belongs (``trust.”1In``)."""
    return text[at : at + 1].isalnum() or text[at : at + 1] in ("“", "«", "„", "¿", "¡")


def _moved(begin: int, moves: list[tuple[int, int]]) -> int:
    """Where a line that began at ``begin`` begins after the markers before it are gone."""
    index = bisect_left(moves, (begin, 0)) - 1
    if index + 1 < len(moves) and moves[index + 1][0] == begin:
        index += 1
    return begin - moves[index][1] if index >= 0 else begin


def _expanded(written: str) -> list[int]:
    """``1,3`` and ``1-3`` in full; nothing where a range runs backwards or too far."""
    found: list[int] = []
    for part in re.split(r"[,; ⁾]+(?=\d)", written):
        ends = [int(one) for one in re.split(r"[–⁻-]", part) if one.strip().isdecimal()]
        if not ends or not 0 < ends[0] <= ends[-1] < ends[0] + _MOST_NOTES:
            return []
        found += range(ends[0], ends[-1] + 1)
    return found
