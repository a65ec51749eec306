"""Figures in prose: counts, shares and sums of money, in digits or in words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from itertools import chain
from typing import Literal, NamedTuple

from campaign.flow import letter_numbers

Kind = Literal["count", "share", "money", "vague"]

HIDDEN = "\x00"
"""Stands in a text where something was taken out of sight; no word and no white space."""

_MOST_DIGITS = 30
_SPACES = "\u00a0\u202f\u2009"
_THOUSANDS = {
    "es": rf"\d{{1,3}}(?:[.,{_SPACES} ]\d{{3}})+(?!\d)(?:,\d+)?|\d+(?:[.,]\d+)?",
    "": rf"\d{{1,3}}(?:[,{_SPACES}]\d{{3}})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?",
}
_SIGN = r"(?:(?P<sign>US\$|[$€£¥])\s?|\b(?P<code>USD|EUR|GBP)\s)?"
_SUFFIX = r"(?P<suffix>(?:k|K|M|mn|m|bn|B)\b)?"
_DIGITS = {
    language: re.compile(rf"(?<![\w.,/])(?<![A-Za-z][-+])(?<!\d[.,/]){_SIGN}(?P<digits>{body}){_SUFFIX}(?![\w/])")
    for language, body in _THOUSANDS.items()
}
_SUFFIXES = {"k": 10**3, "K": 10**3, "m": 10**6, "M": 10**6, "mn": 10**6, "bn": 10**9, "B": 10**9}
_SHARE = re.compile(r"\s?%|\s+(?:percent|per\s+cent|pct|por\s+ciento)\b", re.IGNORECASE)
_CURRENCY = re.compile(
    r"[\s-]?(?P<sign>[€£$])|[\s-](?:de\s+)?(?P<name>dollars?|euros?|pounds|USD|EUR|GBP|dólares|libras)\b"
)
_CURRENCIES = {
    "US$": "$", "USD": "$", "dollar": "$", "dollars": "$", "dólares": "$",
    "EUR": "€", "euro": "€", "euros": "€", "GBP": "£", "pounds": "£", "libras": "£",
}  # fmt: skip
_PARTS = {"half": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fifth": 5, "fifths": 5, "tercio": 3,
          "tercios": 3, "cuarto": 4, "cuartos": 4, "mitad": 2}  # fmt: skip
_TOPS = {"a": 1, "one": 1, "two": 2, "three": 3, "four": 4, "un": 1, "dos": 2, "tres": 3, "la": 1}
_FRACTION = re.compile(
    r"\b(?:(?P<top>a|one|two|three|four)[\s-](?P<part>thirds?|quarters?|fifths?)(?=\s+of\b|\s+the\b)"
    r"|(?P<half>half)(?=\s+(?:of|the)\b)"
    r"|(?P<arriba>un|dos|tres)\s+(?P<parte>tercios?|cuartos?)(?=\s+de)|la\s+(?P<mitad>mitad)(?=\s+de))\b"
    r"|(?<![\w/])(?P<a>\d)/(?P<b>[2-9])(?=\s+(?:of|de)\b)",
    re.IGNORECASE,
)


class Quantity(NamedTuple):
    """A figure as written at ``start`` to ``end``.

    ``value`` is the number meant (a share of 41 % is 41), ``unit`` the currency's sign of a sum of money.
    """

    start: int
    end: int
    text: str
    kind: Kind
    value: Decimal
    unit: str = ""

    @property
    def meaning(self) -> tuple[Kind, Decimal, str]:
        """Equal for every way to write the same figure: "41", "forty-one", "cuarenta y una"."""
        return self.kind, self.value.normalize(), self.unit


def hide(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """``text`` with ``spans`` out of sight, every other character at its place."""
    pieces = []
    at = 0
    for start, end in sorted(spans):
        if end > at:
            pieces += [text[at : max(at, start)], HIDDEN * (end - max(at, start))]
            at = end
    return "".join([*pieces, text[at:]])


def find(text: str, language: str = "en") -> list[Quantity]:
    """Every figure in ``text``, in order; dates are not looked for and must be hidden first.

    Words are read in English and Spanish, digits in any language. In Spanish a point or a comma before three digits
    divides thousands, elsewhere only a comma does.
    """
    fractions = [_fraction(match) for match in _FRACTION.finditer(text)]
    rest = hide(text, ((one.start, one.end) for one in fractions))
    matches = _DIGITS.get(language, _DIGITS[""]).finditer(rest)
    digits = [_digits(rest, match, language) for match in matches if len(match["digits"]) <= _MOST_DIGITS]
    rest = hide(rest, ((one.start, one.end) for one in digits))
    spelled = [_spelled(rest, one) for one in letter_numbers.find(rest, language)]
    # "One" is a pronoun more often than a count.
    counted = [one for one in spelled if one.value != 1 or one.kind != "count"]
    return sorted(chain(fractions, digits, counted))


def _fraction(match: re.Match[str]) -> Quantity:
    if match["a"]:
        top, part = int(match["a"]), int(match["b"])
    else:
        top = _TOPS[(match["top"] or match["arriba"] or "a").casefold()]
        part = _PARTS[(match["part"] or match["half"] or match["parte"] or match["mitad"]).casefold()]
    value = (Decimal(top) / Decimal(part)).quantize(Decimal("0.0001"))
    return Quantity(match.start(), match.end(), match.group(), "share", value, unit="of one")


def _digits(text: str, match: re.Match[str], language: str) -> Quantity:
    value = _value(match["digits"], language) * _SUFFIXES.get(match["suffix"] or "", 1)
    end = match.end()
    if scaled := letter_numbers.scale_after(text, end, language):
        value, end = value * scaled[0], scaled[1]
    sign = match["sign"] or match["code"]
    return _with_unit(text, match.start(), end, value, _CURRENCIES.get(sign, sign) if sign else "")


def _spelled(text: str, spelled: letter_numbers.Spelled) -> Quantity:
    if spelled.vague:
        return Quantity(spelled.start, spelled.end, text[spelled.start : spelled.end], "vague", spelled.value)
    return _with_unit(text, spelled.start, spelled.end, spelled.value, "")


def _with_unit(text: str, start: int, end: int, value: Decimal, currency: str) -> Quantity:
    if share := _SHARE.match(text, end):
        return Quantity(start, share.end(), text[start : share.end()], "share", value)
    if not currency and (money := _CURRENCY.match(text, end)):
        currency = money["sign"] or _CURRENCIES[money["name"]]
        end = money.end()
    return Quantity(start, end, text[start:end], "money" if currency else "count", value, currency)


def _value(digits: str, language: str) -> Decimal:
    """The number that ``digits`` mean with ``language``'s signs for thousands and decimals."""
    plain = digits
    for space in _SPACES + " ":
        plain = plain.replace(space, "")
    if language == "es":
        plain = re.sub(r"[.,](?=\d{3}(?!\d))", "", plain).replace(",", ".")
    return Decimal(plain.replace(",", ""))
