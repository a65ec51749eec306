# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about

"""What a card says beside its words, by language: quotation marks, the line that names the source, the way in for
those who cannot see it."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final

from campaign.model.letter import Addressee, Letter
from campaign.rendering.filters import in_words

_THIN: Final = "\N{NARROW NO-BREAK SPACE}"
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_KEPT_TOGETHER: Final = 28
"""Characters that a name may have to be kept on one line: about half of the narrowest card's."""
_QUOTED: Final = re.compile(r"[“„«»”\"]\s?([^“„«»”\"]*?)\s?[”“«»\"]")
_LONGEST_ADDRESSEE: Final = 56
"""Characters of name and organisation; beyond that the organisation is left out, or the foot would fill the card."""
_NARROW: Final = str.maketrans({"\u2009": _THIN, "\u200a": _THIN, "\u2006": _THIN, "\u2008": _THIN, "\u2011": "-"})
"""What the face has no glyph for, and what looks the same: spaces that stand in numbers, the hyphen that binds."""
_NO_WIDTH: Final = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
_BREAKING: Final = re.compile(r"[ \t\r\n\f\v\u2002\u2003]+")
_APOSTROPHE: Final = re.compile(r"(?<=[^\W\d_])'")

_MARKS: Final[dict[str, tuple[str, str, str, str]]] = {
    "cs": ("„", "“", "‚", "‘"), "da": ("»", "«", "›", "‹"), "de": ("„", "“", "‚", "‘"), "de-ch": ("«", "»", "‹", "›"),
    "el": ("«", "»", "“", "”"), "en": ("“", "”", "‘", "’"), "es": ("«", "»", "“", "”"), "fi": ("”", "”", "’", "’"),
    "fr": (f"«{_THIN}", f"{_THIN}»", "“", "”"), "fr-ch": ("«", "»", "‹", "›"), "hu": ("„", "”", "»", "«"),
    "it": ("«", "»", "“", "”"), "nb": ("«", "»", "‘", "’"), "nl": ("“", "”", "‘", "’"), "pl": ("„", "”", "«", "»"),
    "pt": ("“", "”", "‘", "’"), "ro": ("„", "”", "«", "»"), "ru": ("«", "»", "„", "“"), "sv": ("”", "”", "’", "’"),
    "tr": ("“", "”", "‘", "’"), "uk": ("«", "»", "„", "“"), "vi": ("“", "”", "‘", "’"),
}  # fmt: skip
"""Marks around a quotation and around one within it, as the Unicode CLDR gives them (delimiters); in French with the
narrow space that sets them off."""


@dataclass(frozen=True, slots=True)
class _Phrases:
    letter: str
    restated: str
    of: str
    others: str
    dated: str
    quoted: str
    source: str


_PHRASES: Final = {
    "en": _Phrases(
        "Letter to {to}", "In our words: letter to {to}", "{name} of {organisation}", "{name} and others",
        "{line}, {date}", "Quotation: {text}", "Source: {source}.",
    ),
    "es": _Phrases(
        "Carta a {to}", "En nuestras palabras: carta a {to}", "{name}, {organisation}", "{name} y otros",
        "{line}, {date}", "Cita: {text}", "Fuente: {source}.",
    ),
    "fr": _Phrases(
        "Lettre à {to}", "Avec nos mots : lettre à {to}", "{name}, {organisation}", "{name} et autres",
        "{line}, {date}", "Citation : {text}", "Source : {source}.",
    ),
    "de": _Phrases(
        "Brief an {to}", "In unseren Worten: Brief an {to}", "{name}, {organisation}", "{name} und andere",
        "{line}, {date}", "Zitat: {text}", "Quelle: {source}.",
    ),
}  # fmt: skip

_LEGAL_FORM: Final = re.compile(
    r",?\s+(?:Inc|Incorporated|LLC|L\.L\.C|Ltd|Limited|plc|PLC|Corp|Corporation|GmbH|AG|SE|S\.A|SA|S\.L|N\.V|B\.V)\.?$"
)
"""The end of a company's name that nobody says. A card has no room for it."""


def source_line(letter: Letter, language: str, *, restated: bool) -> str:
    """Where a card's words come from: "Letter to Jeffrey P. Bezos of Amazon.com, 22 May 2018"; ``restated``: "In our
    words: letter to Jeffrey P. Bezos, 22 May 2018". In a language without phrases here: the data alone, between commas.

    The spaces in names and dates do not break, so that a name stays on its line.
    """
    phrases = _PHRASES.get(_primary(language))
    one, *more = letter.addressees
    name, organisation = _kept_together(one.name), _kept_together(_organisation(one))
    if restated or len(name) + len(organisation) > _LONGEST_ADDRESSEE:  # the line has more to say, or is long
        organisation = ""
    if phrases is None:
        date = letter.date.isoformat() if letter.date else ""
        return ", ".join(filter(None, (name, organisation, date)))
    to = name if organisation in ("", name) else phrases.of.format(name=name, organisation=organisation)
    if more:
        to = phrases.others.format(name=name)
    line = (phrases.restated if restated else phrases.letter).format(to=to)
    if letter.date is None:
        return line
    date = _kept_together(in_words(letter.date, "long", _primary(language)))
    return phrases.dated.format(line=line, date=date)


def quotation_marks(language: str) -> tuple[str, str]:
    """What a quotation begins and ends with; English marks where the language's own are not known here."""
    return _marks(language)[:2]


def within_marks(text: str, language: str) -> str:
    """``text`` as it stands within marks: without marks around the whole of it, and those within it become the
    language's inner ones. Marks that do not come in pairs are left alone."""
    _opening, _closing, inner_opening, inner_closing = _marks(language)
    whole = _QUOTED.fullmatch(text)
    return _QUOTED.sub(rf"{inner_opening}\1{inner_closing}", whole[1] if whole else text)


def tidy(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), with curly apostrophes, without what has neither width nor glyph, and
    with white space folded, but for spaces that do not break: those stay, thin ones as the one the face has."""
    text = _NO_WIDTH.sub("", unicodedata.normalize("NFC", text)).translate(_NARROW)
    return _BREAKING.sub(" ", _APOSTROPHE.sub("’", text)).strip(" ")


def spoken(words: str, source: str, by: str, language: str, *, quotation: bool, restated: bool) -> str:
    """The alternative text of a card that says ``words``, all of what it shows. ``words`` stand as they are drawn."""
    source = source.replace(_NO_BREAK, " ")  # which matters to lines alone
    phrases = _PHRASES.get(_primary(language))
    if phrases is None:
        return " ".join(_ended(part) for part in (words, source, by) if part)
    shown = phrases.quoted.format(text=words) if quotation else words
    told = _ended(source) if source and restated else phrases.source.format(source=source) if source else ""
    return " ".join(part for part in (_ended(shown), told, _ended(by) if by else "") if part)


def _ended(text: str) -> str:
    return text if re.search(r"[.!?…][”“»’‘›\s]*$", text) else f"{text}."


def _marks(language: str) -> tuple[str, str, str, str]:
    return _MARKS.get(language.lower()) or _MARKS.get(_primary(language)) or _MARKS["en"]


def _kept_together(text: str) -> str:
    return text.replace(" ", _NO_BREAK) if len(text) <= _KEPT_TOGETHER else text


def _organisation(addressee: Addressee) -> str:
    return _LEGAL_FORM.sub("", addressee.organisation)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
