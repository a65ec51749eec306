# ruff: noqa: RUF001 -- the punctuation of many scripts is what this file is about
"""Where a text can be taken apart: between paragraphs, between lines, and after sentences.

In doubt a sentence goes on: a place that is not found costs a choice, one that is wrong cuts a sentence in two. After
Unicode Standard Annex 29, section 5, with what it leaves to languages: abbreviations, initials, ordinals.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Final, NamedTuple


class End(IntEnum):
    """How a piece ends: the higher, the better a place to stop."""

    SENTENCE = 1
    LINE = 2
    PARAGRAPH = 3


class Piece(NamedTuple):
    """A sentence, or what is left of a line: ``text[start:stop]``, without the white space around it."""

    start: int
    stop: int
    end: End


_STOPS: Final = ".!?…‽؟۔।॥։።፧።။៕"
_WIDE_STOPS: Final = "。！？｡︒"
"""Stops of scripts that put no space after them."""
_CLOSERS: Final = "\"'”’»›)\\]」』）】》〉"
_OPENERS: Final = "\"'“‘«‹„‚»›([（「『【《〈¿¡-–—•*"
_AFTER: Final = re.compile(rf"[{_CLOSERS}“‘«‹]*")
"""Some of these open in one language and close in another; right behind a full stop they close."""
_AFTER_WIDE: Final = re.compile(rf"[{_CLOSERS}]*")
_SPACED_CLOSER: Final = frozenset(f"{space}»" for space in " \u00a0\u202f")
_STOP: Final = re.compile(rf"[{_STOPS}{_WIDE_STOPS};\u037e]++")
_BLANK: Final = re.compile(r"\n(?:[^\S\n]*\n)+")
_LIST: Final = re.compile(r"(?:[-–—*•▪◦‣►▶✓✔✅➡→]|\(?[0-9]{1,3}[.)]|\(?[A-Za-z][.)])\ufe0f?[^\S\n]")
_BULLET: Final = re.compile(r"(?:^|\n)[^\S\n]*\(?(?:[0-9]{1,3}|[A-Za-z])$")
_GOES_ON: Final = "とってのはがをにもで、，,"
"""After a quotation in Japanese: the sentence that quotes goes on."""
_POINTERS: Final = frozenset("👉👇➡▶→⬇↓🔗✍📝👈☞")
"""Signs that point to what comes next."""
_WORD: Final = re.compile(r"[^\s\"'“”‘’«»‹›„(\[{/]+$")
_INITIALS: Final = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")

_BEFORE_NAMES: Final = {
    "": "dr prof st vs cf approx mt",
    "en": "mr mrs ms messrs jr sr rev hon gov sen rep gen col capt lt sgt pres amb supt dept univ assn bros inc ltd co "
    "corp llc ave blvd rd al",
    "es": "sra sres sr srta dra ud uds vd vds lic gral avda ing dª ee.uu ee",
    "fr": "m mm mme mmes mlle mlles me pr ste env cie av bd",
    "de": "hr fr frl bzw evtl ggf inkl exkl vgl ca max min",
    "it": "sig sigg sig.ra dott dott.ssa avv on ing",
    "pt": "sr sra srta dra exmo exma eng",
    "nl": "dhr mevr mw drs ir ing bijv ca",
    "pl": "np tj tzn ul al mld mln tys m.in",
    "ru": "г гг ул им напр",
}
"""Abbreviations that no sentence ends with: something follows. ``""`` is every language."""
_BEFORE_NUMBERS: Final = {
    "": "nr no nos fig figs vol vols op p pp n.º nº art arts jan feb mar apr jun jul aug sep sept oct nov dec",
    "en": "ch sec secs para paras ca v ver",
    "es": "núm núms pág págs cap ene abr ago dic tel",
    "fr": "n tél janv févr avr juil déc chap",
    "de": "abs str tel okt dez bd",
    "it": "pag pagg gen mag giu lug ago set ott dic",
    "pt": "núm pág págs fev abr mai ago set out dez",
    "nl": "blz mrt mei okt",
    "pl": "godz poz str",
    "ru": "д стр руб",
}
"""Abbreviations where a number follows, and words where none does: "we say no. Full stop"."""
_ORDINALS: Final = re.compile("de|da|nb|nn|no|fi|is|cs|sk|pl|hu|sl|hr|sr|bs|et|lv|lt|tr|eu")
"""Languages that write the third as 3."""
_YEAR: Final = 4
_LONGEST_WORD: Final = 50
_SEEN: Final = re.compile(r"\S")


def pieces(text: str, language: str = "en") -> list[Piece]:
    """``text`` taken apart, in order; together they are all of it but the white space between them.

    ``language`` is a BCP 47 tag. Nothing is cut within a line unless a sentence ends there.
    """
    primary = language.partition("-")[0].lower()
    lower = not any(character.isupper() for character in text)  # written without capitals: they tell nothing
    found: list[Piece] = []
    for start, stop, end in _lines(text):
        at = start
        for cut in _sentence_ends(text, start, stop, primary, lower=lower):
            found.append(_piece(text, at, cut, End.SENTENCE))
            at = cut
        found.append(_piece(text, at, stop, end))
    kept = [piece for piece in found if piece.start < piece.stop]
    return _joined(text, kept, lower=lower)


def _lines(text: str) -> Iterator[tuple[int, int, End]]:
    at = 0
    for blank in [*_BLANK.finditer(text), None]:
        stop = blank.start() if blank else len(text)
        while (line_end := text.find("\n", at, stop)) >= 0:
            yield at, line_end, End.LINE
            at = line_end + 1
        yield at, stop, End.PARAGRAPH
        at = blank.end() if blank else stop


def _piece(text: str, start: int, stop: int, end: End) -> Piece:
    words = text[start:stop]
    start += len(words) - len(words.lstrip())
    return Piece(start, start + len(words.strip()), end)


def _joined(text: str, found: list[Piece], *, lower: bool) -> list[Piece]:
    """Lines that are one sentence put together again: the first ends with no stop, the next begins with a small
    letter, and it is no item of a list."""
    joined: list[Piece] = []
    for piece in found:
        before = joined[-1] if joined else None
        if (
            before is not None
            and before.end is End.LINE
            and not lower
            and text[piece.start].islower()
            and text[before.stop - 1] not in _STOPS + _WIDE_STOPS + _CLOSERS + ":"
            and not _is_name(text, piece.start)
            and not _LIST.match(text, piece.start)
        ):
            joined[-1] = Piece(before.start, piece.stop, piece.end)
        else:
            joined.append(piece)
    return joined


def _sentence_ends(text: str, start: int, stop: int, language: str, *, lower: bool) -> Iterator[int]:
    for match in _STOP.finditer(text, start, stop):
        signs = match[0].rstrip(";\u037e") if language != "el" else match[0]
        if not signs:
            continue
        stops_at = match.start() + len(signs)
        wide = signs[-1] in _WIDE_STOPS
        after = (_AFTER_WIDE if wide else _AFTER).match(text, stops_at, stop)
        cut = after.end() if after else stops_at
        if text[cut : cut + 2] in _SPACED_CLOSER and text.count("«", start, cut) > text.count("»", start, cut):
            cut += len("\u00a0»")
        if cut >= stop or not (wide or text[cut].isspace() or _is_sign(text[cut])):
            continue
        if wide and cut > stops_at and text[cut] in _GOES_ON:
            continue
        cut = _past_signs(text, cut, stop)
        following = _SEEN.search(text, cut, stop)
        if following is None or not _begins(text, cut, stop, lower=lower):
            continue
        line = text[max(start, match.start() - _LONGEST_WORD) : match.start()]
        if not _is_short(match[0], line, following[0], language):
            yield cut


def _past_signs(text: str, at: int, stop: int) -> int:
    """Behind emoji that follow a stop: they belong to what was said, unless they point to what comes next."""
    end = at
    while at < stop:
        if text[at] in _POINTERS:
            return end
        if _is_sign(text[at]):
            end = at + 1
        elif text[at] not in " \u00a0\u202f":
            return end
        at += 1
    return end


def _is_sign(character: str) -> bool:
    """Whether it is an emoji, or a part of one."""
    if character in "\ufe0f\u200d\u20e3" or "\U0001f3fb" <= character <= "\U0001f3ff":
        return True
    return character >= "\u2300" and unicodedata.category(character) == "So"  # below are ©, № and ™: words


def _begins(text: str, at: int, stop: int, *, lower: bool) -> bool:
    """Whether what follows can begin a sentence: anything but a small letter, where the writer uses capitals."""
    while at < stop and (text[at].isspace() or text[at] in _OPENERS):
        at += 1
    return at >= stop or lower or not text[at].islower() or _is_name(text, at)


def _is_name(text: str, at: int) -> bool:
    """Whether an address begins there, which says nothing by its small letter."""
    return text.startswith(("http://", "https://"), at)


def _is_short(signs: str, line: str, next_one: str, language: str) -> bool:
    """Whether the full stop belongs to an abbreviation, an initial, an ordinal, or the number of a list's item.

    ``line`` is what stands before it on its line, ``next_one`` the character that follows the white space after it.
    """
    if signs != ".":
        return False
    if _BULLET.search(line):
        return True
    word = _WORD.search(line)
    if word is None:
        return False
    written = word[0].lower()
    if written.isdecimal():
        return _ORDINALS.fullmatch(language) is not None and len(written) < _YEAR
    if _is_among(written, _BEFORE_NAMES, language) or _INITIALS.fullmatch(word[0]) is not None:
        return word[0].lower() != word[0].upper()  # a single letter of a script without capitals is a word
    return next_one.isdigit() and _is_among(written, _BEFORE_NUMBERS, language)


def _is_among(word: str, abbreviations: Mapping[str, str], language: str) -> bool:
    return word in abbreviations[""].split() or word in abbreviations.get(language, "").split()
