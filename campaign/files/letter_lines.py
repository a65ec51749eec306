# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""The lines of a letter, each known for what it is by its form alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import Enum, auto

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\x85\u2028\u2029\ufeff\u200b]")
_RULE = re.compile(r"(?:[-_*=~]\s*){3,}")
_HEADING = re.compile(r"#{1,6}\s+(\S.*)")
_QUOTE = re.compile(r"\s*(?:>\s?)+")
_FOOTNOTE = re.compile(r"\[\^([^\]\s]{1,40})\]:\s*(.*)")
_ORDERED = re.compile(r"(?:\(?(\d{1,3})[.)]|(?:Demand|Demanda|Exigencia|Point|Punto)\s+(\d{1,2})\s*[.:)–—-])\s+(\S.*)")
_BULLET = re.compile(r"[-*+•‣▪◦·]\s+(\S.*)")
_PAGE = re.compile(r"(?:page\s+|página\s+|p\.\s*)?[-–]?\s*\d{1,3}\s*[-–]?(?:\s*(?:of|de|/)\s*\d{1,3})?", re.IGNORECASE)
_ENDS = re.compile(r"[.:;!?…][\"”’»)]*[\d\[\]^,⁰¹²³⁴-⁹]{0,12}$")
_EMPHASIS = [
    (re.compile(r"(\*\*\*|___|\*\*|__)(?=\S)([^*_\n]{1,2000}?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\w*])\*(?=\S)([^*\n]{1,2000}?)(?<=\S)\*(?![\w*])"), r"\1"),
    (re.compile(r"(?<![\w_])_(?=\S)([^_\n]{1,2000}?)(?<=\S)_(?![\w_])"), r"\1"),
    (re.compile(r"(?<!!)\[([^\[\]\n]{1,500})\]\([^()\s]{1,2000}(?: \"[^\"\n]{0,300}\")?\)"), r"\1"),
    (re.compile(r"<(?:sup|SUP)>\s*(\d{1,3})\s*</(?:sup|SUP)>"), r"[\1]"),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!>-])"), r"\1"),
]  # fmt: skip


class Kind(Enum):
    BLANK = auto()
    RULE = auto()
    HEADING = auto()
    FOOTNOTE = auto()
    """A Markdown footnote's text: ``[^1]: …``."""
    ORDERED = auto()
    """An item of a numbered list."""
    BULLET = auto()
    PAGE = auto()
    """A page's number, left in by whatever made text of the letter."""
    TEXT = auto()


@dataclass(frozen=True, slots=True)
class Line:
    """``text`` is what the line says, without its marker; ``whole`` has the marker too. ``number`` counts from 1.

    ``label`` is a footnote's name, ``ordinal`` a numbered item's number, ``indent`` how many columns it stands in.
    """

    number: int
    kind: Kind
    text: str
    whole: str
    indent: int = 0
    ordinal: int | None = None
    label: str = ""

    @property
    def ends_sentence(self) -> bool:
        return bool(_ENDS.search(self.text))


def classify(text: str, *, first: int = 1) -> list[Line]:
    """The lines of ``text``; ``first`` is the number of its first line in the file.

    Markdown's emphasis, links and comments are taken off; what they hold stays. A numbered or bulleted line in the
    midst of a sentence is wrapped prose ("… in\\n2018. We …") and stays TEXT.
    """
    text = _COMMENT.sub(lambda match: "\n" * match.group().count("\n"), text.replace("\r\n", "\n").replace("\r", "\n"))
    lines: list[Line] = []
    before: Line | None = None
    for number, raw in enumerate(text.split("\n"), first):
        line = _one(number, raw)
        if line.kind in (Kind.ORDERED, Kind.BULLET) and before is not None and _runs_on(before):
            line = replace(line, kind=Kind.TEXT, text=line.whole, ordinal=None)
        lines.append(line)
        before = line
    return _without_pages(lines)


def plain(text: str) -> str:
    """``text`` without Markdown's inline marks."""
    for pattern, kept in _EMPHASIS:
        text = pattern.sub(kept, text)
    return text


def _one(number: int, raw: str) -> Line:
    raw = _UNSEEN.sub(" ", raw).expandtabs(4)
    if match := _QUOTE.match(raw):
        raw = raw[match.end() :]
    indent = len(raw) - len(raw.lstrip())
    whole = " ".join(raw.split())
    if whole.endswith("\\"):
        whole = whole[:-1].rstrip()  # Markdown's hard line break
    if not whole or _RULE.fullmatch(whole):
        return Line(number, Kind.RULE if whole else Kind.BLANK, "", whole)
    if match := _FOOTNOTE.fullmatch(whole):
        return Line(number, Kind.FOOTNOTE, plain(match[2]), whole, indent, label=match[1])
    whole = plain(whole)
    if match := _HEADING.fullmatch(whole):
        return Line(number, Kind.HEADING, match[1].rstrip("# "), whole)
    if match := _ORDERED.fullmatch(whole):
        return Line(number, Kind.ORDERED, match[3], whole, indent, ordinal=int(match[1] or match[2]))
    match = _BULLET.fullmatch(whole)
    return Line(number, Kind.BULLET if match else Kind.TEXT, match[1] if match else whole, whole, indent)


def _runs_on(before: Line) -> bool:
    """Whether the sentence on the line ``before`` goes on in the next line."""
    return before.kind is Kind.TEXT and not before.ends_sentence


def _without_pages(lines: list[Line]) -> list[Line]:
    """Lines that hold a page number alone, between blank ones, marked as such."""
    marked = list(lines)
    for at in range(1, len(lines) - 1):
        alone = lines[at - 1].kind is Kind.BLANK and lines[at + 1].kind is Kind.BLANK
        if alone and lines[at].kind is Kind.TEXT and _PAGE.fullmatch(lines[at].text):
            marked[at] = replace(lines[at], kind=Kind.PAGE)
    return marked
