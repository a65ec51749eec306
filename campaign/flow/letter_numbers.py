"""Numbers spelled out, in English and Spanish: "forty-one", "cuarenta y una", "half a million", "tens of millions"."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import NamedTuple


class Spelled(NamedTuple):
    """A number in words. ``vague`` ones ("tens of millions", "dozens") name a magnitude, not a count."""

    start: int
    end: int
    value: Decimal
    vague: bool = False


class _Words(NamedTuple):
    small: dict[str, int]
    """Added: 2 to 99, and in Spanish the hundreds."""
    one: frozenset[str]
    """One, which counts only as a part of a greater number."""
    scales: dict[str, int]
    """Multiply what stands before them."""
    vague: dict[str, int]
    joint: str
    """What may stand between two words of one number."""
    of: str
    half: str


def _count(words: str, first: int, step: int = 1) -> dict[str, int]:
    return {word: first + step * n for n, row in enumerate(words.split()) for word in row.split("/")}


_ENGLISH = _Words(
    small=_count(
        "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
        " eighteen nineteen",
        2,
    )
    | _count("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10),
    one=frozenset({"one"}),
    scales={"hundred": 100, "dozen": 12, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12},
    vague={
        "tens": 10,
        "dozens": 12,
        "scores": 20,
        "hundreds": 100,
        "thousands": 10**3,
        "millions": 10**6,
        "billions": 10**9,
        "trillions": 10**12,
    },
    joint=r"(?:\s+and\s+|\s*-\s*|\s+)",
    of=r"\s+of\s+",
    half=r"half\s+a\s+(hundred|thousand|million|billion|trillion|dozen)",
)
_SPANISH = _Words(
    small=_count(
        "dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"
        " dieciséis/dieciseis diecisiete dieciocho diecinueve veinte veintiuno/veintiuna/veintiún"
        " veintidós/veintidos veintitrés/veintitres veinticuatro veinticinco veintiséis/veintiseis veintisiete"
        " veintiocho veintinueve",
        2,
    )
    | _count("treinta cuarenta cincuenta sesenta setenta ochenta noventa", 30, 10)
    | _count(
        "cien/ciento doscientos/doscientas trescientos/trescientas cuatrocientos/cuatrocientas quinientos/quinientas"
        " seiscientos/seiscientas setecientos/setecientas ochocientos/ochocientas novecientos/novecientas",
        100,
        100,
    ),
    one=frozenset({"un", "uno", "una"}),
    scales={"docena": 12, "mil": 10**3, "millón": 10**6, "millon": 10**6, "millones": 10**6},
    vague={
        "decenas": 10,
        "docenas": 12,
        "cientos": 100,
        "centenares": 100,
        "miles": 10**3,
        "millares": 10**3,
        "millones": 10**6,
    },
    joint=r"(?:\s+y\s+|\s+)",
    of=r"\s+de\s+",
    half=r"medio\s+(millón|millon|millar)",
)
LANGUAGES = {"en": _ENGLISH, "es": _SPANISH}
"""The languages whose number words are known; of others only digits are read."""

_SPANISH_WORDS = re.compile(r"\b(?:de|la|el|los|las|que|en|una|por|para|con|del)\b", re.IGNORECASE)
_ENGLISH_WORDS = re.compile(r"\b(?:the|of|and|to|in|that|for|with|is|are|by|on)\b", re.IGNORECASE)
_LONGEST_CHAIN = 3
_HUNDRED = 100
_TWENTY = 20
_TEN = 10


def language_of(text: str) -> str:
    """``es`` where the small words of ``text`` are mostly Spanish, else ``en``."""
    return "es" if len(_SPANISH_WORDS.findall(text)) > len(_ENGLISH_WORDS.findall(text)) else "en"


def find(text: str, language: str) -> list[Spelled]:
    """Every number in words, in order, "one" among them."""
    words = LANGUAGES.get(language)
    if words is None:
        return []
    found: list[Spelled] = []
    patterns = _patterns(language)
    end = 0
    for match in patterns.any.finditer(text):
        if match.start() < end:
            continue
        found.append(_read(text, match.start(), words, patterns))
        end = found[-1].end
    return found


def scale_after(text: str, at: int, language: str) -> tuple[Decimal, int] | None:
    """The scale word that follows digits ("5 million"), and where it ends; None where there is none."""
    words = LANGUAGES.get(language)
    if words is None:
        return None
    match = _patterns(language).scale.match(text, at)
    return (Decimal(words.scales[match[1].casefold()]), match.end()) if match else None


class _Patterns(NamedTuple):
    any: re.Pattern[str]
    word: re.Pattern[str]
    joint: re.Pattern[str]
    vague: re.Pattern[str]
    of: re.Pattern[str]
    half: re.Pattern[str]
    scale: re.Pattern[str]


@cache
def _patterns(language: str) -> _Patterns:
    words = LANGUAGES[language]
    exact = "|".join(sorted({*words.small, *words.one, *words.scales}, key=len, reverse=True))
    vague = "|".join(sorted(words.vague, key=len, reverse=True))
    scale = "|".join(sorted(words.scales, key=len, reverse=True))
    return _Patterns(
        any=re.compile(rf"\b(?:{words.half}|{vague}|{exact})\b", re.IGNORECASE),
        word=re.compile(rf"({exact})\b", re.IGNORECASE),
        joint=re.compile(words.joint, re.IGNORECASE),
        vague=re.compile(rf"({vague})\b", re.IGNORECASE),
        of=re.compile(words.of, re.IGNORECASE),
        half=re.compile(words.half + r"\b", re.IGNORECASE),
        scale=re.compile(rf"[\s-]+({scale})\b", re.IGNORECASE),
    )


def _read(text: str, at: int, words: _Words, patterns: _Patterns) -> Spelled:
    if half := patterns.half.match(text, at):
        return Spelled(at, half.end(), Decimal(words.scales.get(half[1].casefold(), 1000)) / 2)
    if vague := patterns.vague.match(text, at):
        return _read_vague(text, vague, words, patterns)
    return _read_exact(text, at, words, patterns)


def _read_vague(text: str, match: re.Match[str], words: _Words, patterns: _Patterns) -> Spelled:
    value = Decimal(words.vague[match[1].casefold()])
    start, end = match.span()
    for _ in range(_LONGEST_CHAIN):
        of = patterns.of.match(text, end)
        more = patterns.vague.match(text, of.end()) if of else None
        if more is None:
            break
        value *= words.vague[more[1].casefold()]
        end = more.end()
    return Spelled(start, end, value, vague=True)


def _read_exact(text: str, at: int, words: _Words, patterns: _Patterns) -> Spelled:
    """Add up the words from ``at`` as long as each may follow the one before it."""
    total = current = 0
    last_scale = 10**15
    end = here = at
    while match := patterns.word.match(text, here):
        word = match[1].casefold()
        if word in words.scales:
            scale = words.scales[word]
            if scale <= _HUNDRED:
                if not 0 <= current < _HUNDRED:
                    break
                current = max(current, 1) * scale
            elif scale < last_scale:
                total, current = total + max(current, 1) * scale, 0
                last_scale = scale
            elif scale > last_scale and total < scale:  # Spanish "dos mil millones"
                total, current = (total + current) * scale, 0
                last_scale = scale
            else:
                break
        else:
            value = words.small.get(word, 1)
            if not _may_follow(value, current):
                break
            current += value
        end = match.end()
        joint = patterns.joint.match(text, end)
        if joint is None:
            break
        here = joint.end()
    return Spelled(at, end, Decimal(total + current))


def _may_follow(value: int, current: int) -> bool:
    """Whether a word worth ``value`` continues a number that stands at ``current`` ("twenty" + "one")."""
    if current == 0:
        return True
    if value < _TEN:
        return current % _HUNDRED == 0 or (current % _HUNDRED >= _TWENTY and current % _TEN == 0)
    return value < _HUNDRED and current % _HUNDRED == 0
