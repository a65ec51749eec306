"""letter.check: holds a message to the letter it is derived from, before anybody can approve it.

What is held to the letter, and how far:

*Quotations.* Text of three words or more between quotation marks, and shorter text that the message attributes ("it
says", "according to"), must stand in the letter word for word. Style of marks, white space and dashes, punctuation at
the end and the case of the first letter may differ; an ellipsis stands for words left out. A label that the reader is
told to press, choose or reply is no quotation. From a restatement nothing may be quoted: those are not the
coalition's words.

*Figures.* A number in digits or words, a share, a sum of money or a vague amount ("tens of millions") must be stated
in the letter, be the number of its signatories, demands or addressees, or be declared with its source. "Forty-one",
"41" and "cuarenta y una" are the same figure; "41 %" is another. "And 38 more" is right where 38 and the signatories
named make up all. Not held to the letter, because nobody reads them as a fact of the matter: web and mail addresses,
handles, hashtags, words of letters and digits; the numbering of threads, lists and steps; times of day and spans up to
weeks ("24 hours"); ordinals; postal addresses and telephone numbers; "one"; up to ten of what the message itself
offers or asks ("two ways to help", "3 clicks"); the year of a copyright.

*Dates.* Every part of a date that the message gives (day, month, year) must be given by the letter or a declared
value, in whatever order or language either is written.

*Names.* A phrase written as a name that is nearly the name of a signatory must be exactly that name. An abbreviation
that the signatory gave in parentheses stands for it, and its legal form ("Inc.") may be left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, lru_cache

from campaign.errors import Problem
from campaign.flow import letter_dates, letter_exempt, letter_figures, letter_names, letter_quotations
from campaign.flow.letter_numbers import language_of
from campaign.model.letter import Letter

_WORDS_OF_A_QUOTATION = 3
_NEARBY = 60
_SHOWN = 80
_SAYING = (
    r"say|says|said|saying|writes?|wrote|written|states?|stated|declares?|declared|describes?|described|tells?|told"
    r"|according to|in the words of|quoted?|quoting"
    r"|dice|dicen|dijo|escrib\w+|afirma\w*|declara\w*|según|en palabras de|cita\w*"
)
_SAID_BEFORE = re.compile(rf"\b(?:{_SAYING})\b[\s\w,:]{{0,24}}$", re.IGNORECASE)
_SAID_AFTER = re.compile(rf"^,?\s+(?:\w+\s+){{0,3}}(?:{_SAYING})\b", re.IGNORECASE)
_LABEL_BEFORE = re.compile(
    r"\b(?:click|tap|press|choose|select|tick|button|reply|subject|titled|search for"
    r"|clic en|pulsa|presiona|toca|elige|selecciona|marca|botón|responde|asunto|busca)\b[\s\w,:(]{0,16}$",
    re.IGNORECASE,
)
_OTHERS_AFTER = re.compile(r"\s+(?:\w+\s+){0,2}?(?:more|others?|otr[oa]s|más)\b", re.IGNORECASE)
_OTHERS_BEFORE = re.compile(r"\b(?:others?|otr[oa]s)\s+$", re.IGNORECASE)


def check(
    *, text: str, file: str, where: str, letter: Letter, declared: Mapping[str, str], language: str = "en"
) -> list[Problem]:
    """Everything in a rendered message that the letter does not bear out, in order of its lines.

    ``text`` is the plain text as its recipient reads it, in ``language`` (a BCP 47 tag; number words are known in
    English and Spanish). ``file`` and ``where`` name the message in what is returned, and a problem's line counts
    within ``text``. ``declared`` are figures and dates whose source somebody gave, value to source. Raises nothing.
    """
    message = _Message(text, file, where, language.partition("-")[0].lower() or "en", letter, declared)
    found = [*_quotations(message), *_dates(message), *_figures(message), *_names(message)]
    return sorted(found, key=lambda problem: problem.line)


@dataclass(frozen=True)
class _Message:
    text: str
    file: str
    where: str
    language: str
    letter: Letter
    declared: Mapping[str, str]

    def problem(self, at: int, what: str, remedy: str) -> Problem:
        line = self.text.count("\n", 0, at) + 1
        return Problem(file=self.file, line=line, where=self.where, what=what, remedy=remedy)

    @cached_property
    def names(self) -> list[str]:
        """Every name that must be spelled as signed: of people, and of the organisations they sign for."""
        signed = self.letter.signatories
        return list(dict.fromkeys(name for one in signed for name in (one.name, one.organisation) if name))

    @cached_property
    def dates(self) -> list[letter_dates.WrittenDate]:
        return letter_dates.find(self.text)

    @cached_property
    def machinery(self) -> list[tuple[int, int]]:
        return list(letter_exempt.machinery(self.text))

    @cached_property
    def declared_spans(self) -> list[tuple[int, int]]:
        """Where the text says a declared value as it was declared."""
        values = [value.strip() for value in self.declared]
        patterns = [rf"(?<!\w){re.escape(value)}(?!\w)" for value in values if value]
        return [match.span() for pattern in patterns for match in re.finditer(pattern, self.text)]


def _quotations(message: _Message) -> Iterator[Problem]:
    text, letter = message.text, message.letter
    for quoted in letter_quotations.find(text):
        before = text[max(0, quoted.start - _NEARBY) : quoted.start].rsplit("\n\n", 1)[-1]
        after = text[quoted.end : quoted.end + _NEARBY]
        attributed = bool(_SAID_BEFORE.search(before) or _SAID_AFTER.search(after))
        if not quoted.words or (quoted.words < _WORDS_OF_A_QUOTATION and not attributed):
            continue
        if _LABEL_BEFORE.search(before):
            continue
        if letter.restated:
            yield message.problem(
                quoted.start,
                f"“{_short(quoted.text)}” is set as a quotation, but {letter.source} restates the letter: "
                "its words are not the coalition's",
                "set the plan's letter: to the original file, or paraphrase without quotation marks",
            )
        elif not letter_quotations.is_in(quoted.text, letter.text):
            yield message.problem(
                quoted.start,
                f"“{_short(quoted.text)}” does not stand in {letter.source} word for word",
                "quote the letter exactly, or paraphrase without quotation marks",
            )


def _short(quotation: str) -> str:
    return quotation if len(quotation) <= _SHOWN else quotation[: _SHOWN - 1].rstrip() + "…"


def _dates(message: _Message) -> Iterator[Problem]:
    letter = message.letter
    known = [day for source in _sources(message) for one in _dates_in(source) for day in one.readings]
    if letter.date is not None:
        year = letter.date.year
        known = [day if day.year is not None else day._replace(year=year) for day in known]
        known.append(letter_dates.Day(year, letter.date.month, letter.date.day))
    covered = [*message.machinery, *message.declared_spans]
    for written in message.dates:
        if any(start <= written.start and written.end <= end for start, end in covered):
            continue
        shown = " ".join(written.text.split())
        if not written.readings:
            yield message.problem(written.start, f"the calendar has no {shown}", "write a day that exists")
        elif not any(day.says_no_more_than(one) for day in written.readings for one in known):
            yield message.problem(
                written.start,
                f"the date {shown} is not in {letter.source}",
                "write the letter's date, or declare it under facts: with its source",
            )


def _figures(message: _Message) -> Iterator[Problem]:
    text, letter = message.text, message.letter
    named = letter_names.spelled_right(text, message.names)
    dates = [(one.start, one.end) for one in message.dates]
    spans = [*message.machinery, *message.declared_spans, *dates]
    spans += [span for places in named.values() for span in places]
    known = _known(message)
    for quantity in letter_figures.find(letter_figures.hide(text, spans), message.language):
        if quantity.meaning in known or _needs_no_source(text, quantity):
            continue
        if _makes_up_all(text, quantity, signed=len(letter.signatories), named=len(named)):
            continue
        yield message.problem(
            quantity.start,
            f"the figure {' '.join(quantity.text.split())} is not in {letter.source}",
            "correct it, take it from the letter by reference, or declare it under facts: with its source",
        )


def _names(message: _Message) -> Iterator[Problem]:
    text = message.text
    right = letter_names.spelled_right(text, message.names)
    # A single word ("AEU") stays in sight: it may begin the name of a chapter that is misspelled further on.
    whole = [span for places in right.values() for span in places if len(text[slice(*span)].split()) > 1]
    hidden = letter_figures.hide(text, [*message.machinery, *whole])
    for miss in letter_names.near_misses(hidden, message.names, known=message.letter.text):
        yield message.problem(miss.start, f"“{miss.written}” is not how a signatory signed", f"write “{miss.signed}”")


def _sources(message: _Message) -> list[str]:
    """The texts that a message may take figures and dates from."""
    letter = message.letter
    people = [f"{one.name} {one.role} {one.organisation} {one.place}" for one in letter.addressees]
    return [letter.text, letter.title, *people, *(note.text for note in letter.notes), *message.declared]


def _known(message: _Message) -> set[tuple[str, Decimal, str]]:
    letter = message.letter
    language = language_of(letter.text)
    read_as = {language, message.language} if message.declared else {language}
    known: set[tuple[str, Decimal, str]] = set()
    for source in _sources(message):
        for one in sorted(read_as):
            known |= _figures_in(source, one)
        known.update(_count(day.year) for written in _dates_in(source) for day in written.readings if day.year)
    known.update(_count(len(items)) for items in (letter.signatories, letter.demands, letter.addressees))
    if letter.date is not None:
        known.add(_count(letter.date.year))
    return known


@lru_cache(maxsize=512)
def _dates_in(source: str) -> tuple[letter_dates.WrittenDate, ...]:
    """The dates of a text that a thousand messages are held to: it is read once."""
    return tuple(letter_dates.find(source))


@lru_cache(maxsize=512)
def _figures_in(source: str, language: str) -> frozenset[tuple[str, Decimal, str]]:
    counted = letter_figures.hide(source, ((one.start, one.end) for one in _dates_in(source)))
    return frozenset(quantity.meaning for quantity in letter_figures.find(counted, language))


def _count(number: int) -> tuple[str, Decimal, str]:
    return "count", Decimal(number).normalize(), ""


def _needs_no_source(text: str, quantity: letter_figures.Quantity) -> bool:
    if quantity.kind != "count":
        return False
    rules = (letter_exempt.is_span_of_time, letter_exempt.counts_own_parts)
    return any(rule(text, quantity.end, quantity.value) for rule in rules)


def _makes_up_all(text: str, quantity: letter_figures.Quantity, *, signed: int, named: int) -> bool:
    """Whether this is the "38" of "A, B, C and 38 more", with as many named as are missing from all."""
    others = _OTHERS_AFTER.match(text, quantity.end) or _OTHERS_BEFORE.search(text[: quantity.start])
    return bool(others) and quantity.kind == "count" and named > 0 and quantity.value + named == signed
