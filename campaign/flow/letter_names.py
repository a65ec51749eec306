# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Signatories' names in a message: the ones spelled as signed, and the near misses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from campaign.flow.letter_quotations import fold

_ABBREVIATED = re.compile(r"\s*\(([^()]+)\)\s*$")
_LEGAL_FORM = re.compile(
    r",?\s+(?:Inc|LLC|Ltd|Limited|Corp|Corporation|Co|PLC|plc|e\.\s?V|GmbH|S\.?A|S\.?L|A\.?C|PBC)\.?$"
)
_WORD = re.compile(r"[^\W_][\w&'’.]*[^\W_]|[^\W_]|&")
_SMALL = frozenset(
    {"a", "an", "and", "the", "of", "for", "in", "on", "to", "at", "by", "as", "with", "&"}
    | {"de", "del", "la", "las", "los", "el", "y", "e", "en", "para", "por", "da", "do", "dos", "das", "du", "des"}
    | {"der", "von", "van", "und", "et"}
)
_GAP = re.compile(r"(?:(?<=\b\w)\.|['’])?[ \t\u00a0]*[\n]?[ \t\u00a0]*[-–—,/]?[ \t\u00a0]*\n?[ \t\u00a0]*")
_NEAR = 0.87
_BEGINNING = 3
_SHORTEST_TO_COMPARE = 7
_LONGEST_NAME = 150
_WORDS_TO_TELL_A_NAME = 3


class NearMiss(NamedTuple):
    start: int
    end: int
    written: str
    signed: str


class _Alias(NamedTuple):
    folded: str
    words: int
    beginnings: int
    signed: str


class _Aliases:
    """Every form of every name, found by how any of its words begins: a letter may have thousands of signatories."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_beginning: dict[str, set[_Alias]] = {}
        self.most_words = 0
        for name in names:
            for form in forms(name):
                if _SHORTEST_TO_COMPARE <= len(form) <= _LONGEST_NAME:
                    beginnings = _beginnings(form)
                    alias = _Alias(fold(form), len(_WORD.findall(form)), len(beginnings), name)
                    self.most_words = max(self.most_words, alias.words)
                    for beginning in beginnings:
                        self._by_beginning.setdefault(beginning, set()).add(alias)

    def like(self, phrase: str, words: int) -> list[_Alias]:
        """The forms of which half the words begin as in ``phrase``, and which have nearly as many words and letters."""
        shared = Counter(alias for one in _beginnings(phrase) for alias in self._by_beginning.get(one, ()))
        return sorted(
            alias
            for alias, count in shared.items()
            if abs(alias.words - words) <= 1
            and 2 * count >= alias.beginnings
            and 2 * min(len(alias.folded), len(phrase)) >= _NEAR * (len(alias.folded) + len(phrase))
        )


@lru_cache(maxsize=4)
def _aliases(names: tuple[str, ...]) -> _Aliases:
    """Made once for a letter, not once for each of its messages."""
    return _Aliases(names)


def _beginnings(phrase: str) -> set[str]:
    return {word[:_BEGINNING].casefold() for word in _WORD.findall(phrase) if word.casefold() not in _SMALL}


class _Word(NamedTuple):
    start: int
    end: int
    capital: bool
    small: bool


def forms(name: str) -> tuple[str, ...]:
    """The ways to write a signatory that count as spelled as signed.

    Whole; without the abbreviation in parentheses; that abbreviation alone; without the legal form ("Inc.").
    """
    found = [name]
    if match := _ABBREVIATED.search(name):
        found += [name[: match.start()], match[1]]
    found += [shorter for form in list(found) if (shorter := _LEGAL_FORM.sub("", form)) != form]
    return tuple(dict.fromkeys(form.strip() for form in found if form.strip()))


@lru_cache(maxsize=4)
def _folded_forms(names: tuple[str, ...]) -> list[tuple[str, str, str]]:
    return [(name, form, fold(form)) for name in names for form in forms(name)]


def spelled_right(text: str, names: Iterable[str]) -> dict[str, list[tuple[int, int]]]:
    """Where ``text`` holds each name in one of its forms; names it does not hold are left out.

    A letter may have thousands of signatories, so what does not occur is told by a plain look before any pattern.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    folded = fold(text)
    for name, form, as_folded in _folded_forms(tuple(names)):
        spans = [match.span() for match in _as_pattern(form).finditer(text)] if as_folded in folded else []
        if spans:
            found.setdefault(name, []).extend(spans)
    return found


def near_misses(text: str, names: Sequence[str], known: str) -> list[NearMiss]:
    """Phrases of ``text`` that are nearly, but not quite, the name of a signatory.

    Only phrases written as names are compared: every word but the small ones has a capital. The same words in other
    capitals count too, if there are three or more. ``text`` must have the right names hidden; a phrase that the
    letter's own prose (``known``) uses is no miss.
    """
    aliases = _aliases(tuple(names))
    best: list[tuple[float, NearMiss]] = []
    spoken = fold(known)
    for start, end, words, all_capitals in _phrases(text, aliases.most_words + 1):
        written = " ".join(text[start:end].split())
        folded = fold(written)
        for alias in aliases.like(folded, words):
            ratio = _nearness(folded, alias, words=words, all_capitals=all_capitals)
            if ratio and folded not in spoken:
                best.append((ratio, NearMiss(start, end, written, alias.signed)))
    return _apart(best)


def _nearness(folded: str, alias: _Alias, *, words: int, all_capitals: bool) -> float:
    """How alike phrase and name are, 0 where that is no near miss."""
    if folded == alias.folded:
        return 0.0
    one, other = folded.casefold(), alias.folded.casefold()
    if one == other:
        # Headings in capitals change no spelling; one word in other capitals may be just a word ("witness").
        shouted = folded.isupper()
        by_case = (all_capitals and words > 1) or words >= _WORDS_TO_TELL_A_NAME or _has_inner_capital(alias.folded)
        return 1.0 if by_case and not shouted else 0.0
    if not all_capitals:
        return 0.0
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    if matcher.real_quick_ratio() < _NEAR or matcher.quick_ratio() < _NEAR:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _NEAR else 0.0


def _has_inner_capital(name: str) -> bool:
    return any(before.islower() and after.isupper() for before, after in pairwise(name))


def _phrases(text: str, most: int) -> Iterator[tuple[int, int, int, bool]]:
    """Every run of up to ``most`` words that begins with a capital or a digit and crosses no end of sentence."""
    words = [_word(match) for match in _WORD.finditer(text)]
    for first, word in enumerate(words):
        if not word.capital:
            continue
        all_capitals = True
        for last in range(first, min(first + most, len(words))):
            if last > first and not _GAP.fullmatch(text, words[last - 1].end, words[last].start):
                break
            here = words[last]
            all_capitals = all_capitals and (here.capital or here.small)
            if not here.small:
                end = here.end - len("’s") if text.endswith(("’s", "'s"), here.start, here.end) else here.end
                yield word.start, end, last - first + 1, all_capitals


def _word(match: re.Match[str]) -> _Word:
    text = match.group()
    return _Word(match.start(), match.end(), text[0].isupper() or text[0].isdigit(), text in _SMALL)


def _apart(found: list[tuple[float, NearMiss]]) -> list[NearMiss]:
    """The nearest ones, none overlapping another."""
    kept: list[NearMiss] = []
    for _, miss in sorted(found, key=lambda one: (-one[0], one[1].start, -one[1].end)):
        if all(miss.end <= other.start or miss.start >= other.end for other in kept):
            kept.append(miss)
    return sorted(kept)


def _as_pattern(form: str) -> re.Pattern[str]:
    """``form`` as signed, whatever the style of white space, apostrophes and dashes."""
    pieces = []
    for word in form.split():
        piece = re.escape(word)
        piece = re.sub(r"[’']|\\['’]", "['’]", piece)
        pieces.append(re.sub(r"\\-|[–—]", "[-–—]", piece))
    return re.compile(r"(?<!\w)" + r"\s+".join(pieces) + r"(?!\w)")
