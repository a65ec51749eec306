# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""The body of a letter as running text: wrapped lines joined, note markers taken out, divided into sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from campaign.files.letter_lines import Kind, Line
from campaign.files.letter_markers import Markers
from campaign.model.letter import Paragraph, Sentence

_INDENTED = 2
_LONG_LINE = 200
_LISTS = (Kind.ORDERED, Kind.BULLET)

_STOP = re.compile(r"(?<![.!?…])(?P<mark>[.!?…]++)(?P<closed>[\"”’»)\]]*+)(?=\s)")
_BEGINS = re.compile(r"\s+[\"“‘«„(\[¿¡—–-]*(?:[^\W\d_a-zß-öø-ÿ]|\d|[A-ZÀ-ÖØ-Þ])")
_WORD_BEFORE = re.compile(r"[^\s\"“‘«„(\[]+$")
_WORD_AFTER = re.compile(r"\s+[\"“‘«„(\[¿¡—–-]*([\w’']+)")
_LONGEST_WORD = 40


def _words(*rows: str) -> frozenset[str]:
    return frozenset(word for row in rows for word in row.split())


_NEVER_END = _words(
    "mr mrs ms mx messrs dr drs prof rev fr hon gen col maj lt sgt capt cmdr sen rep reps gov amb supt insp",
    "sr sra sres srta d dña ud uds vd lic ing arq vs cf e.g i.e viz approx ca mlle mme hr fra z.b",
)
# Before a number they belong to it, else they are words or ends like any other.
_BEFORE_NUMBERS = _words(
    "no nos nr núm num n.º art arts sec secs § fig figs vol vols p pp par para ch cap ed tab app ann annex",
    "jan feb mar apr jun jul aug sep sept oct nov dec ene abr ago dic",
)
_MAY_END = _words(
    "inc ltd corp co llc llp plc bros jr esq etc al assn dept univ st ave blvd rd mt ft ph.d m.d",
    "a.m p.m am pm s.a s.l gmbh cía est",
)
# With one of these a new sentence begins even after an abbreviation.
_STARTERS = _words(
    "the a an this that these those we you they it he she i our your their its his her in on at for by with from as if",
    "when while but and or so yet because since there here what why how who not no nor under after before during",
    "despite although though even rather instead today please each every all some many most such both only now let to",
    "thus therefore however moreover further furthermore finally it’s we’re",
    "el la los las un una nosotros nos su sus por para con en al pero y este esta estos estas se si cuando como",
    "exigimos pedimos instamos le les lo",
)


@dataclass(slots=True)
class Block:
    """The lines that make one paragraph or one item of a list, and the heading they stand under."""

    lines: list[Line]
    heading: str = ""
    item: bool = False
    ordinal: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph as running text. ``begins`` are the places where its lines begin, ``numbers`` those lines."""

    text: str
    begins: list[int]
    numbers: list[int]
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Note markers: the place after which one stood, and its number."""
    heading: str = ""
    item: bool = False
    ordinal: int | None = None

    def line_at(self, place: int) -> int:
        return self.numbers[max(0, bisect_right(self.begins, place) - 1)]

    def spans(self) -> Iterator[tuple[int, int]]:
        """Where each sentence begins and ends."""
        begin = 0
        marked = {place for place, _ in self.marks}
        for match in _STOP.finditer(self.text):
            if match.start() >= begin and _ends_sentence(self.text, match, marked):
                yield begin, match.end()
                begin = match.end() + 1
        if begin < len(self.text):
            yield begin, len(self.text)

    def paragraph(self) -> Paragraph:
        sentences: list[Sentence] = []
        marks = sorted(self.marks)
        at = 0
        spans = list(self.spans())
        for begin, end in spans:
            mine = []
            while at < len(marks) and (marks[at][0] <= end or (begin, end) == spans[-1]):
                mine.append(marks[at][1])
                at += 1
            notes = tuple(dict.fromkeys(mine))
            sentences.append(Sentence(text=self.text[begin:end], line=self.line_at(begin), notes=notes))
        return Paragraph(sentences=tuple(sentences), line=self.numbers[0])


def passages(body: list[Line], markers: Markers) -> list[Passage]:
    """The paragraphs and list items of ``body`` in order, as running text."""
    found = [_passage(block, markers) for block in _blocks(body)]
    return [passage for passage in found if passage.text]


def _blocks(body: list[Line]) -> list[Block]:
    blocks: list[Block] = []
    heading = ""
    current: Block | None = None
    indents = sum(1 for line in body if line.kind is Kind.TEXT and line.indent >= _INDENTED)
    by_indent = indents * 2 < len(body)
    for line in body:
        if line.kind in (Kind.BLANK, Kind.RULE, Kind.HEADING):
            heading = line.text if line.kind is Kind.HEADING else heading
            current = None
        elif line.kind in _LISTS:
            current = Block([line], heading, item=True, ordinal=line.ordinal)
            blocks.append(current)
        elif current is not None and not _begins_paragraph(current, line, by_indent=by_indent):
            current.lines.append(line)
        elif blocks and _goes_on(blocks[-1], line):
            current = blocks[-1]
            current.lines.append(line)
        else:
            current = Block([line], heading)
            blocks.append(current)
    return blocks


def _begins_paragraph(block: Block, line: Line, *, by_indent: bool) -> bool:
    """Whether ``line`` begins a paragraph although no blank line stands before it."""
    before = block.lines[-1]
    if not before.ends_sentence or block.item:
        return False
    indented = by_indent and line.indent >= _INDENTED > before.indent
    return indented or len(before.text) > _LONG_LINE


def _goes_on(block: Block, line: Line) -> bool:
    """Whether ``line`` continues the sentence that a page break or a stray blank line cut off."""
    return not block.item and not block.lines[-1].ends_sentence and line.text[:1].islower()


def _passage(block: Block, markers: Markers) -> Passage:
    pieces: list[str] = []
    begins: list[int] = []
    numbers: list[int] = []
    length = 0
    last = ""
    for line in block.lines:
        glue = "" if not last or _joined(last, line.text) else " "
        length += len(glue)
        begins.append(length)
        numbers.append(line.number)
        pieces += [glue, line.text]
        length += len(line.text)
        last = line.text
    taken = markers.take("".join(pieces), begins, numbers)
    return Passage(taken.text, taken.begins, numbers, taken.marks, block.heading, block.item, block.ordinal)


def _joined(before: str, after: str) -> bool:
    """Whether a word goes on from one line to the next: "customer-" and "centric", or around a dash without spaces."""
    if before.endswith("—") or after.startswith("—"):
        return not before.endswith(" —") and not after.startswith("— ")
    if before.endswith(("-", "–")) and before[-2:-1].isalpha():
        return after[:1].islower() or before.endswith("–")
    return False


def _ends_sentence(text: str, match: re.Match[str], marked: set[int]) -> bool:
    """Whether the stop that ``match`` found ends a sentence: it may belong to an abbreviation or an initial."""
    if not _BEGINS.match(text, match.end()):
        return False
    if match["mark"] != "." or match["closed"] or match.end() in marked:
        return True
    before = _WORD_BEFORE.search(text[max(0, match.start() - _LONGEST_WORD) : match.start()])
    word = before.group() if before else ""
    after = _WORD_AFTER.match(text, match.end())
    following = after[1] if after else ""
    if word.casefold() in _NEVER_END:
        return False
    is_initial = len(word) == 1 and word.isupper()
    if word.casefold() in _BEFORE_NUMBERS and not is_initial:
        return not following[:1].isdigit()
    if is_initial or word.casefold() in _MAY_END or re.fullmatch(r"(?:[^\W\d_]\.)+[^\W\d_]{1,2}", word):
        return following.casefold() in _STARTERS
    return True
