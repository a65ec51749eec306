"""Reads an open letter, plain text or Markdown, into the model that everything is derived from.

    bytes → text → front matter | lines → sections → addressees, passages, signatories
                                                       passages → sentences, notes, demands, figures, quotations

Each line is known by its form (``letter_lines``), the sections by their first lines (``letter_sections``); what is in
a section is read by the file named after it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from campaign.errors import BadInput, Problem
from campaign.files.letter_addressees import addressees
from campaign.files.letter_bytes import bounded, decoded
from campaign.files.letter_front import Front, split
from campaign.files.letter_lines import Kind, Line, classify
from campaign.files.letter_markers import Markers
from campaign.files.letter_prose import Passage, passages
from campaign.files.letter_sections import PrintedNote, Sections, divide
from campaign.files.letter_signatories import signatories
from campaign.files.letter_statements import demands, figures, quotations
from campaign.flow import letter_dates
from campaign.model.letter import Addressee, Letter, Note, Signatory

_MOST_WORDS_BESIDE_DATE = 7
_LONGEST_DATE_LINE = 120
_ABOUT = re.compile(r"(?:re|subject|ref|reference|asunto|referencia|embargo\w*)\b", re.IGNORECASE)
_REMEDIES = {
    "addressee": "above the salutation, write the addressee's name, role, organisation and place, one on each line",
    "salutation": 'write a line such as "Dear Ms Doe," above the first paragraph',
    "body": "write the letter's paragraphs below the salutation",
    "closing": 'write a line such as "Sincerely," below the last paragraph',
    "signatories": "write who signed below the closing, one on each line",
}


def read(path: Path) -> Letter:
    """The letter in the file ``path``: text of at most 1 MiB, UTF-8 or else Windows-1252.

    Raises BadInput where the file cannot be read, is no text or is no letter.
    """
    return read_text(decoded(path), source=str(path))


def read_text(text: str, *, source: str) -> Letter:
    """The letter in ``text``; ``source`` names it in the model and in errors.

    A letter has a salutation, prose, a closing and signatories; its addressee stands above the salutation or in it.
    A date is optional, but one that can be read in two ways is refused. Raises BadInput with every Problem found.
    """
    front, rest, first, problems = split(bounded(text, source), source)
    sections = divide(classify(rest, first=first))
    written, head, signed, more = _dated(sections, front, source)
    problems += more
    people = addressees(head, sections.salutation)
    markers = Markers()
    body = passages(sections.body, markers)
    signers = signatories(signed)
    problems += _missing(sections, people, body, signers, source)
    if problems:
        raise BadInput(problems)
    paragraphs = tuple(passage.paragraph() for passage in body)
    return Letter(
        source=source,
        date=written,
        addressees=people,
        salutation=sections.salutation.text if sections.salutation else "",
        paragraphs=paragraphs,
        demands=demands(body),
        figures=figures(body),
        quotations=quotations(body),
        notes=_notes(body, sections.notes, markers),
        closing=sections.closing.text if sections.closing else "",
        signatories=signers,
        text=" ".join(paragraph.text for paragraph in paragraphs),
        title=front.title or _title(sections.head),
        restated=front.restated,
    )


def _dated(sections: Sections, front: Front, source: str) -> tuple[date | None, list[Line], list[Line], list[Problem]]:
    """The letter's date, the lines that name the addressees, those that name signatories, and what is wrong.

    The date stands above the salutation, or below the signatures. A sender's letterhead above the date is left out.
    """
    in_head = [line for line in sections.head if _is_date(line)]
    in_signed = [line for line in sections.signed if _is_date(line)]
    head = [line for line in sections.head if line not in in_head]
    if in_head and front.date is None:
        below = sections.head[sections.head.index(in_head[0]) + 1 :]
        below = [line for line in below if line not in in_head]
        if any(line.kind not in (Kind.BLANK, Kind.RULE, Kind.HEADING) for line in below):
            head = below
    signed = [line for line in sections.signed if line not in in_signed]
    if front.date is not None:
        return front.date, head, signed, []
    for line in [*in_head, *in_signed]:
        written = letter_dates.find(line.whole)[0]
        days = letter_dates.full(written.readings)
        if not written.readings:
            what, remedy = f"the calendar has no {written.text}", "correct the letter's date"
        elif len(days) > 1:
            one, other = (f"{day.day} {day:%B}" for day in days)
            what = f"{written.text} may be {one} or {other}"
            remedy = f"write the month as a word, or put date: {days[0].isoformat()} into the front matter"
        else:
            return (days[0] if days else None), head, signed, []
        problem = Problem(file=source, line=line.number, where="date", what=what, remedy=remedy)
        return None, head, signed, [problem]
    return None, head, signed, []


def _is_date(line: Line) -> bool:
    """Whether a line is a date, perhaps with a place or a word before it ("Madrid, a 22 de mayo de 2018")."""
    if line.kind in (Kind.BLANK, Kind.RULE) or len(line.whole) > _LONGEST_DATE_LINE or _ABOUT.match(line.whole):
        return False
    found = letter_dates.find(line.whole)
    if not found:
        return False
    rest = line.whole[: found[0].start] + line.whole[found[0].end :]
    return len(rest.split()) <= _MOST_WORDS_BESIDE_DATE


def _missing(
    sections: Sections,
    people: Sequence[Addressee],
    body: Sequence[Passage],
    signers: Sequence[Signatory],
    source: str,
) -> list[Problem]:
    """What a letter has and this file has not."""
    has = {
        "addressee": bool(people),
        "salutation": sections.salutation is not None,
        "body": bool(body),
        "closing": sections.closing is not None,
        "signatories": bool(signers),
    }
    # Without its first line a body cannot be told from a head, nor signatures from a body: say what comes first.
    if not has["salutation"]:
        del has["addressee"]
    return [
        Problem(file=source, line=0, where="", what=f"this is no letter yet: it has no {part}", remedy=_REMEDIES[part])
        for part, there in has.items()
        if not there
    ]


def _notes(body: Sequence[Passage], printed: Sequence[PrintedNote], markers: Markers) -> tuple[Note, ...]:
    """Each note once, where its first marker stands, with its text if the letter prints it."""
    texts: dict[int, str] = {}
    for one in printed:
        texts.setdefault(markers.number_of(one.label), one.text)
    notes: dict[int, Note] = {}
    for passage in body:
        for place, number in passage.marks:
            notes.setdefault(number, Note(number, passage.line_at(place), texts.get(number, "")))
    return tuple(notes[number] for number in sorted(notes))


def _title(head: Sequence[Line]) -> str:
    return next((line.text for line in head if line.kind is Kind.HEADING), "")
