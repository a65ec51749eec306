"""The open letter that everything is derived from, as it was read."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Addressee:
    """One person the letter is written to: the target, never a supporter. Missing parts are empty strings."""

    name: str
    role: str
    organisation: str
    place: str
    line: int


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence of the body, without its note markers. ``line`` is where it begins, counted from 1."""

    text: str
    line: int
    notes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Paragraph:
    sentences: tuple[Sentence, ...]
    line: int

    @property
    def text(self) -> str:
        return " ".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True, slots=True)
class Demand:
    """What the letter asks its addressee to do: a sentence of demand, or a numbered item."""

    text: str
    line: int
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """A quantity the letter states, as written ("tens of millions", "three"), with the sentence it stands in."""

    text: str
    sentence: str
    line: int


@dataclass(frozen=True, slots=True)
class Quotation:
    """Words the letter puts between quotation marks, without the marks."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Note:
    """A note marker found in the prose; ``text`` is the note itself where the letter prints its notes."""

    number: int
    line: int
    text: str = ""


@dataclass(frozen=True, slots=True)
class Signatory:
    """Who signed, spelled as signed. An organisation alone has only ``name``."""

    name: str
    line: int
    title: str = ""
    organisation: str = ""

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter as read from ``source`` (a path). ``restated`` letters are not the signatories' own words.

    ``text`` is the prose from salutation to closing, white space folded and note markers removed: what a quotation
    must be found in.
    """

    source: str
    date: dt.date | None
    addressees: tuple[Addressee, ...]
    salutation: str
    paragraphs: tuple[Paragraph, ...]
    demands: tuple[Demand, ...]
    figures: tuple[Figure, ...]
    quotations: tuple[Quotation, ...]
    notes: tuple[Note, ...]
    closing: str
    signatories: tuple[Signatory, ...]
    text: str
    title: str = ""
    restated: bool = False

    @property
    def addressee(self) -> Addressee:
        return self.addressees[0]

    @property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(sentence for paragraph in self.paragraphs for sentence in paragraph.sentences)

    def as_json(self) -> dict[str, Any]:
        """Plain values for ``campaign letter --json``: dates in ISO 8601, a paragraph as its list of sentences."""
        plain = asdict(self)
        plain["date"] = self.date.isoformat() if self.date else None
        return plain
