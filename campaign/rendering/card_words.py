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


def source_line(letter: Letter, language: str) -> str:
    """Where a card's words come from: "Letter to Jeffrey P. Bezos of Amazon.com, 22 May 2018". Where the letter is a
    restatement the line says so. In a language without phrases here: the data alone, divided by commas."""
    phrases = _PHRASES.get(_primary(language))
    one, *more = letter.addressees
    if phrases is None:
        date = letter.date.isoformat() if letter.date else ""
        return ", ".join(filter(None, (one.name, _organisation(one), date)))
    organisation = _organisation(one)
    to = one.name if organisation in ("", one.name) else phrases.of.format(name=one.name, organisation=organisation)
    if more:
        to = phrases.others.format(name=one.name)
    line = (phrases.restated if letter.restated else phrases.letter).format(to=to)
    if letter.date is None:
        return line
    return phrases.dated.format(line=line, date=in_words(letter.date, "long", _primary(language)))


def quoted(text: str, language: str) -> str:
    """``text`` between the language's marks; marks around it or within it become the language's own."""
    opening, closing, inner_opening, inner_closing = _marks(language)
    bare = _without_marks(text)
    inner = re.sub(r"[“„«»”\"]\s?([^“„«»”\"]*?)\s?[”“«»\"]", rf"{inner_opening}\1{inner_closing}", bare)
    return f"{opening}{inner}{closing}"


def opening_mark(language: str) -> str:
    """The mark that a quotation begins with, which hangs in the margin."""
    return _marks(language)[0]


def tidy(text: str) -> str:
    """``text`` in Unicode's composed form (NFC), apostrophes curly, white space folded but for what may not break."""
    text = unicodedata.normalize("NFC", text)
    text = re.sub(r"(?<=\w)'(?=\w)", "’", text)
    return re.sub(r"[ \t\r\n\f\v]+", " ", text).strip()


def spoken(words: str, source: str, by: str, language: str, *, quotation: bool) -> str:
    """The alternative text of a card that says ``words``, all of what it shows. ``words`` stand as they are drawn."""
    phrases = _PHRASES.get(_primary(language))
    if phrases is None:
        return " ".join(_ended(part) for part in (words, source, by) if part)
    shown = phrases.quoted.format(text=words) if quotation else words
    told = phrases.source.format(source=source) if source else ""
    return " ".join(part for part in (_ended(shown), told, _ended(by) if by else "") if part)


def _ended(text: str) -> str:
    return text if re.search(r"[.!?…][”“»’‘›\s]*$", text) else f"{text}."


def _marks(language: str) -> tuple[str, str, str, str]:
    return _MARKS.get(language.lower()) or _MARKS.get(_primary(language)) or _MARKS["en"]


def _without_marks(text: str) -> str:
    inside = re.fullmatch(r"[“„«»”\"]\s?([^“„«»”\"]*?)\s?[”“«»\"]", text)
    return inside[1] if inside else text


def _organisation(addressee: Addressee) -> str:
    return _LEGAL_FORM.sub("", addressee.organisation)


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
