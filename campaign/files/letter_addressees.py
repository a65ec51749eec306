# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""To whom a letter is written, from the lines above its salutation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from campaign.files.letter_lines import Kind, Line
from campaign.files.letter_people import HONORIFIC, begins_with_role, is_body, is_person, is_place, is_role, parts
from campaign.model.letter import Addressee

_TO = re.compile(r"(?:to|attn|attention|para|a la atención de|an)\s*:\s*(.*)|(?:attn\.?|c/o)\s+(.*)", re.IGNORECASE)
_NOT_TO = re.compile(
    r"(?:from|cc|bcc|de|re|subject|ref|reference|asunto|referencia|via|by|sent by|tel|phone|fax|e-?mail|date|fecha)"
    r"\s*:.*"
    r"|(?:via|by|sent by|delivered by|por)\s+(?:e-?mail|post|mail|fax|hand|correo|certified mail|registered post)\b.*"
    r"|(?:an\s+)?open\s+letter\b.*|carta\s+abierta\b.*|for immediate release.*|embargoed\b.*"
    r"|\S+@\S+|(?:https?://|www\.)\S+",
    re.IGNORECASE,
)
_FROM = re.compile(r"(?:from|de)\s*:", re.IGNORECASE)
_GREETING = re.compile(
    r"^(?:dear|hello|greetings,?|to|estimad[oa]s?|distinguid[oa]s?|querid[oa]s?|apreciad[oa]s?|respetad[oa]s?"
    r"|sehr geehrter?|liebe[rs]?|ch(?:er|ère)s?|caro|cara|prezad[oa]s?|a|an)(?:\s+|$)",
    re.IGNORECASE,
)
_NOBODY = re.compile(r"to whom it may concern|a quien corresponda", re.IGNORECASE)
_BETWEEN = re.compile(r",?\s+(?:and|y|e|und|et|&)\s+|,\s*")
_MOST_LINES = 200
_LONGEST_LINE = 300


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing said of an addressee; ``fresh`` where a blank line stands before it."""

    text: str
    line: int
    fresh: bool


@dataclass(slots=True)
class _Draft:
    line: int
    name: str = ""
    role: str = ""
    organisation: str = ""
    places: list[str] = field(default_factory=list)

    def finished(self) -> Addressee:
        name = self.name or self.role or self.organisation
        return Addressee(name, self.role, self.organisation, ", ".join(self.places), self.line)


def addressees(head: Sequence[Line], salutation: Line | None) -> tuple[Addressee, ...]:
    """The people and bodies the letter is written to, in order.

    ``head`` are the lines above the salutation without the date's. Where they name nobody, the salutation does
    ("Dear Members of the Council,"). Where no person is named, the name is the role ("Board of Directors") or else the
    organisation.
    """
    drafts: list[_Draft] = []
    said = list(_said(list(head)[-_MOST_LINES:]))
    for at, one in enumerate(said):
        below = said[at + 1].text if at + 1 < len(said) else ""
        _read(drafts, one, below)
    _share(drafts)
    found = tuple(draft.finished() for draft in drafts)
    if found or salutation is None:
        return found
    return tuple(Addressee(name, "", "", "", salutation.number) for name in _greeted(salutation.text))


def _addressed(head: list[Line]) -> Iterator[Line | None]:
    """The lines that say to whom; None where a blank line divides them. A title, a subject or a sender says not."""
    marked = next((at for at, line in enumerate(head) if _TO.fullmatch(line.whole)), 0)
    skipping = False
    for line in head[marked:]:
        if line.kind in (Kind.BLANK, Kind.RULE):
            skipping = False
            yield None
        elif skipping or line.kind is Kind.HEADING or len(line.whole) > _LONGEST_LINE:
            continue
        elif _FROM.match(line.whole):
            skipping = True
        elif match := _TO.fullmatch(line.whole):
            yield None
            text = match[1] or match[2] or ""
            if text:
                yield Line(line.number, Kind.TEXT, text, text)
        elif not _NOT_TO.fullmatch(line.whole):
            yield line


def _said(head: list[Line]) -> Iterator[_Said]:
    fresh = True
    for line in _addressed(head):
        if line is None:
            fresh = True
            continue
        for piece in _pieces(line.text.rstrip(",;")):
            yield _Said(piece, line.number, fresh)
            fresh = False


def _read(drafts: list[_Draft], said: _Said, below: str) -> None:
    """Add what is ``said`` to the last addressee, or begin the next; ``below`` is said after it."""
    text = said.text
    last = drafts[-1] if drafts else None
    if last is None or (not is_place(text) and _is_next(last, said, below)):
        drafts.append(_begun(said))
    elif is_place(text) or (last.organisation and _may_be_place(text)):
        last.places.append(text)
    elif is_role(text) and not (last.role and is_body(text)):
        last.role = f"{last.role}, {text}" if last.role else text
    else:
        last.organisation = f"{last.organisation}, {text}" if last.organisation else text


def _begun(said: _Said) -> _Draft:
    if is_person(said.text) or not (is_body(said.text) or is_role(said.text)):
        return _Draft(said.line, name=said.text)
    if is_body(said.text) and not begins_with_role(said.text):
        return _Draft(said.line, organisation=said.text)
    return _Draft(said.line, role=said.text)


def _may_be_place(text: str) -> bool:
    """Below an organisation stands its house number, town or country."""
    return text[:1].isdigit() or not (is_body(text) or is_role(text))


def _is_next(last: _Draft, said: _Said, below: str) -> bool:
    """Whether what is said begins another addressee: a name, after something about the last one."""
    if is_person(said.text) and HONORIFIC.match(said.text):
        return True
    if not (last.role or last.organisation or last.places):
        return False
    if is_person(said.text) and (begins_with_role(below) or (last.organisation and is_body(below))):
        return True
    # "Acme Widgets" below a name and a role is where that person works, also after a blank line.
    return said.fresh and bool(last.organisation or last.places or not last.name)


def _pieces(text: str) -> list[str]:
    """``text`` at its commas, where it says more than one thing about somebody; a place stays whole."""
    if is_place(text):
        return [text]
    pieces = parts(text)
    while len(pieces) > 1 and is_place(f"{pieces[-2]}, {pieces[-1]}") and not is_body(pieces[-2]):
        pieces[-2:] = [f"{pieces[-2]}, {pieces[-1]}"]
    if len(pieces) <= 1 or is_person(pieces[0]) or (is_role(pieces[0]) and any(is_body(one) for one in pieces[1:])):
        return pieces
    return [text]


def _share(drafts: list[_Draft]) -> None:
    """People listed above one organisation and place share them."""
    for at in range(len(drafts) - 2, -1, -1):
        mine, below = drafts[at], drafts[at + 1]
        if mine.name and mine.role and not mine.organisation and not mine.places and below.name:
            mine.organisation = below.organisation
            mine.places = list(below.places)


def _greeted(salutation: str) -> list[str]:
    """Whom a salutation greets: "Dear Ms. Doe and Mr. Roe," greets two."""
    whole = salutation.strip(" ,:;.!–—-")
    if _NOBODY.match(whole):
        return [whole]
    pieces = [_GREETING.sub("", piece.strip()) for piece in _BETWEEN.split(whole)]
    if len(pieces) > 1 and all(HONORIFIC.match(piece) for piece in pieces):
        return pieces
    name = _GREETING.sub("", whole)
    return [name] if name else []
