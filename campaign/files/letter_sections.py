# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Where the sections of a letter begin and end: head, salutation, body, closing, signatures, notes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from campaign.files.letter_lines import Kind, Line

_SALUTATION = re.compile(
    r"(?:dear\b|hello\b|greetings\b|to whom it may concern|ladies and gentlemen|honou?rable\b"
    r"|your (?:honou?r|excellency|eminence)\b"
    r"|estimad[oa]s?\b|distinguid[oa]s?\b|querid[oa]s?\b|apreciad[oa]s?\b|respetad[oa]s?\b|muy señor(?:a|es|as)?\b"
    r"|a quien corresponda|señor(?:a|es|as)?\b(?=.*[,:]$)|excelent[ií]simo|excelencia"
    r"|sehr geehrter?\b|liebe[rs]?\b|madame\b(?=.*,$)|monsieur\b(?=.*,$)|mesdames\b|messieurs\b|ch(?:er|ère)s?\b"
    r"|caro\b|cara\b|prezad[oa]s?\b|egregi[oa]\b|gentil[ei]\b)",
    re.IGNORECASE,
)
_ADDRESSED = re.compile(r"(?:to|a|an|à|mr|ms|mrs|mx|dr|prof|members|senators|colleagues)\b.*[,:]", re.IGNORECASE)
_CLOSING = re.compile(
    r"(?:(?:very |most |yours |we are |and )*(?:sincerely|faithfully|truly|respectfully|cordially|gratefully|hopefully)"
    r"(?: (?:yours|submitted|signed))?"
    r"|(?:with |our |and |very )*(?:kind|best|warm|warmest|kindest)?(?: and \w+)?(?: personal)? ?(?:regards|wishes)"
    r"|(?:yours )?(?:in|with) (?:solidarity|hope|gratitude|respect|deep respect|justice|peace|struggle|resolve|concern)"
    r"(?: and \w+)?"
    r"|yours|thank you|thanks|with thanks|signed(?: by)?|(?:we,? )?(?:the )?undersigned(?: \w+)?"
    r"|signatories|signatures|list of signatories|co-?signed"
    r"|(?:muy )?(?:atentamente|cordialmente|respetuosamente|sinceramente)|con respeto|en solidaridad"
    r"|(?:reciban? |les? )?(?:un )?(?:cordial(?:es)? |atentos? )?saludos?(?: cordial(?:es)?| atentos?)?"
    r"|firmado(?: por)?|firmantes|firmas|(?:las )?(?:organizaciones )?(?:abajo )?firmantes|suscriben"
    r"|mit freundlichen grüßen|hochachtungsvoll|(?:bien )?cordialement|salutations distinguées|atenciosamente"
    r"|cordiali saluti|distinti saluti)"
    r"(?:,? (?:on behalf of|in the name of|the undersigned|yours?|signed|and|en nombre de)\b[^.]{0,80})?"
    r"[,.:;!–—-]*",
    re.IGNORECASE,
)
_THANKS = re.compile(r"(?:with )?thank", re.IGNORECASE)
_NOTES = re.compile(
    r"(?:end ?notes?|foot ?notes?|notes?|references|sources|notas(?: al pie)?|referencias|fuentes)[:.]?", re.IGNORECASE
)
_PRINTED_NOTE = re.compile(r"(?:\[(\d{1,3})\]|\((\d{1,3})\)|(\d{1,3})[.):]?|([⁰¹²³⁴-⁹]{1,3}))\s+(\S.*)")
_MOST_WORDS = 14
_MOST_WORDS_TO_CLOSE = 12


@dataclass(frozen=True, slots=True)
class PrintedNote:
    """A note as the letter prints it; ``label`` is a Markdown footnote's name or the number in figures."""

    label: str
    text: str
    line: int


@dataclass(slots=True)
class _Growing:
    label: str
    line: int
    texts: list[str]

    def grown(self) -> PrintedNote:
        return PrintedNote(self.label, " ".join(self.texts).strip(), self.line)


@dataclass(frozen=True, slots=True)
class Sections:
    """The lines of each section in order; ``salutation`` and ``closing`` are None where there is none."""

    head: list[Line]
    salutation: Line | None
    body: list[Line]
    closing: Line | None
    signed: list[Line]
    notes: list[PrintedNote] = field(default_factory=list)


def divide(lines: list[Line]) -> Sections:
    """Divide ``lines`` into a letter's sections by their form; a section that is not there is empty."""
    lines, notes = _take_footnotes([line for line in lines if line.kind is not Kind.PAGE])
    opened = _salutation(lines)
    begin = 0 if opened is None else opened + 1
    closed = _closing(lines, begin)
    last = len(lines) if closed is None else closed
    heading = _notes_heading(lines, begin)
    if heading is not None and heading < last:
        # Notes between the body and the closing.
        notes += _printed(lines[heading + 1 : last])
        body = lines[begin:heading]
    else:
        body = lines[begin:last]
    signed = [] if closed is None else lines[closed + 1 :]
    if heading is not None and closed is not None and heading > closed:
        notes += _printed(lines[heading + 1 :])
        signed = lines[closed + 1 : heading]
    elif (unheaded := _unheaded_notes(signed)) is not None:
        notes += _printed(signed[unheaded:])
        signed = signed[:unheaded]
    return Sections(
        head=lines[: opened or 0],
        salutation=None if opened is None else lines[opened],
        body=body,
        closing=None if closed is None else lines[closed],
        signed=signed,
        notes=notes,
    )


def _salutation(lines: list[Line]) -> int | None:
    """Where the salutation stands: a line that opens as one does, else a short line that ends as one does."""
    for at, line in enumerate(lines):
        if line.kind is Kind.TEXT and _SALUTATION.match(line.text) and _is_short(line):
            return at
    for at, line in enumerate(lines[:-1]):
        stands_alone = lines[at + 1].kind is Kind.BLANK and (at == 0 or lines[at - 1].kind is Kind.BLANK)
        if line.kind is Kind.TEXT and stands_alone and _ADDRESSED.fullmatch(line.text) and _is_short(line):
            return at
    return None


def _is_short(line: Line) -> bool:
    return len(line.text.split()) <= _MOST_WORDS and not line.text.endswith((".", "?"))


def _closing(lines: list[Line], begin: int) -> int | None:
    """Where the closing stands: a line of its own after a sentence's end. Thanks close only if nothing else does."""
    ended = True
    thanked: int | None = None
    for at in range(begin, len(lines)):
        line = lines[at]
        if line.kind is Kind.BLANK:
            continue
        is_form = line.kind in (Kind.TEXT, Kind.HEADING) and _CLOSING.fullmatch(line.text)
        few = len(line.text.split()) <= _MOST_WORDS_TO_CLOSE and line.text[:1].isupper()
        if is_form and few and (ended or lines[at - 1].kind is Kind.BLANK):
            if not _THANKS.match(line.text):
                return _last_of_closing(lines, at)
            thanked = at if thanked is None else thanked
        ended = line.kind is not Kind.TEXT or line.ends_sentence
    return thanked


def _last_of_closing(lines: list[Line], at: int) -> int:
    """A second closing line right below ("Sincerely," and "The undersigned:") belongs to the first."""
    below = next((n for n in range(at + 1, len(lines)) if lines[n].kind is not Kind.BLANK), None)
    if below is not None and lines[below].kind is Kind.TEXT and _CLOSING.fullmatch(lines[below].text):
        return below
    return at


def _notes_heading(lines: list[Line], begin: int) -> int | None:
    for at in range(len(lines) - 1, begin - 1, -1):
        line = lines[at]
        if line.kind in (Kind.TEXT, Kind.HEADING) and _NOTES.fullmatch(line.text):
            return at
    return None


def _unheaded_notes(signed: list[Line]) -> int | None:
    """Where notes without a heading begin below the signatures: at a note 1, after a rule or unnumbered names."""
    seen_names = False
    for at, line in enumerate(signed):
        match = _PRINTED_NOTE.fullmatch(line.whole) if line.whole else None
        if match and seen_names and _note_number(match) == 1:
            return at
        seen_names = seen_names or (line.kind in (Kind.TEXT, Kind.BULLET) and not match)
    return None


def _printed(lines: list[Line]) -> list[PrintedNote]:
    """The notes printed on ``lines``; a line without a number continues the note above it."""
    notes: list[_Growing] = []
    for line in lines:
        if line.kind in (Kind.BLANK, Kind.RULE, Kind.HEADING):
            continue
        if match := _PRINTED_NOTE.fullmatch(line.whole):
            notes.append(_Growing(str(_note_number(match)), line.number, [match[5]]))
        elif notes:
            notes[-1].texts.append(line.whole)
    return [note.grown() for note in notes]


def _note_number(match: re.Match[str]) -> int:
    return int(match[1] or match[2] or match[3] or match[4].translate(SUPERSCRIPTS))


SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def _take_footnotes(lines: list[Line]) -> tuple[list[Line], list[PrintedNote]]:
    """``lines`` without Markdown footnotes, and those; a footnote goes on over the indented lines below it."""
    kept: list[Line] = []
    notes: list[_Growing] = []
    inside = False
    for line in lines:
        if line.kind is Kind.FOOTNOTE:
            notes.append(_Growing(line.label, line.number, [line.text]))
            inside = True
        elif inside and line.kind is not Kind.BLANK and line.indent > 0:
            notes[-1].texts.append(line.whole)
        else:
            inside = inside and line.kind is Kind.BLANK
            kept.append(line)
    return kept, [note.grown() for note in notes]
