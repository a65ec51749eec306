"""What a row says of consent: whether somebody agreed, to what, when, and whether they have left since.

The words repeat from row to row and are remembered. The instants are each person's own, and are read as they come.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, repeat
from typing import NamedTuple

from campaign.files import csv_values as values
from campaign.files.csv_cells import plain
from campaign.files.csv_columns import Columns
from campaign.files.csv_groups import Cells, Group, Memo, first_filled
from campaign.files.csv_values import Standing
from campaign.model.roll import consent_entries, instant, written_instant
from campaign.model.supporter import Basis, Consent

LONGEST_SOURCE = 200
LONGEST_CONSENT_TEXT = 500

_WORDS = ("basis", "source", "consent_text", "standing", "status", "agreed", "declined", "left_at")
_STANDINGS: tuple[tuple[str, Callable[[str], Standing]], ...] = (
    ("standing", values.standing),
    ("status", values.status),
    ("agreed", values.agreed),
    ("declined", values.declined),
)
# Whoever left in one column has left, whatever the others say.
_GRAVEST = (Standing.LEFT, Standing.ABSENT, Standing.UNKNOWN, Standing.AGREED)
_EARLIEST = datetime(values.EARLIEST_YEAR, 1, 1, tzinfo=UTC)
_NOUGHTS = dict.fromkeys(map(ord, "123456789"), "0")
_ALIKE = "0000-00-00T00:00:00"
_UNREADABLE = "dates that cannot be read, or cannot be true"


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is taken to be so where a row is silent.

    ``undated`` dates a consent that has no date, ``source`` names the origin of one that has none. A date after
    ``latest`` cannot be true.
    """

    consent: Consent | None
    source: str
    tags: tuple[str, ...]
    language: str
    day_first: bool
    undated: datetime
    latest: datetime


class Dates:
    """The instants in the columns of one meaning."""

    def __init__(self, columns: Columns, meaning: str, assumed: Assumed) -> None:
        self._places = columns.of(meaning)
        self._day_first = assumed.day_first
        self._latest = assumed.latest
        self.any = bool(self._places)

    def of(self, cells: Cells, warnings: list[str]) -> datetime | None:
        """The first that is filled; None where it cannot be read, which is added to ``warnings``."""
        written = first_filled(cells, self._places)
        if not written:
            return None
        found = self._read(written)
        if found is None:
            warnings.append(_UNREADABLE)
        return found

    def of_all(self, columns: Sequence[Cells], odd: set[int]) -> Iterable[str | None]:
        """Each row's, as NewSupporters has it, or None without end.

        The numbers of rows whose date cannot be read are added to ``odd``.
        """
        if not self._places:
            return repeat(None)
        cells = columns[self._places[0]]
        if len(self._places) > 1:
            picked = zip(*(columns[place] for place in self._places), strict=True)
            cells = [next((cell for cell in some if cell.strip()), "") for some in picked]
        if (alike := self._alike(cells)) is not None:
            return alike
        read = {cell: self._read(cell) for cell in set(cells)}  # each once: many lists know the day alone
        wrong = {cell for cell, found in read.items() if found is None and cell.strip()}
        if wrong:
            odd.update(number for number, cell in enumerate(cells) if cell in wrong)
        known = {cell: written_instant(found) if found else None for cell, found in read.items()}
        return map(known.__getitem__, cells)

    def _alike(self, cells: Sequence[str]) -> Sequence[str | None] | None:
        """The same where all are written alike, in UTC to the second, as in most lists, and can be true."""
        filled = list(filter(None, cells))
        ending = filled[0][len(_ALIKE) :] if filled else ""
        if ending not in ("+00:00", "Z"):
            return None
        text = "\n".join(filled)
        alike = text.translate(_NOUGHTS) == "\n".join([_ALIKE + ending] * len(filled))
        if not alike or text.count(ending) != len(filled):  # by the first alone, +05:00 would be +00:00
            return None
        try:
            found = list(map(datetime.fromisoformat, filled))
        except ValueError:
            return None
        if min(found) < _EARLIEST or max(found) > self._latest:
            return None
        written = text.replace("T", " ").replace(ending, ".000000").split("\n")
        if len(filled) == len(cells):
            return written
        one = iter(written)
        return [next(one) if cell else None for cell in cells]

    def _read(self, cell: str) -> datetime | None:
        return values.instant(cell, day_first=self._day_first, latest=self._latest)


class Agreement(NamedTuple):
    consent: Consent | None
    left: bool
    warnings: Sequence[str]


class Agreed(NamedTuple):
    """Of many rows: what NewSupporters has of their consents, and whether they left."""

    bases: list[str]
    sources: list[str]
    at: list[str | None]
    texts: list[str]
    lefts: list[bool]

    def put(self, number: int, consent: Consent | None) -> None:
        self.bases[number], self.sources[number], self.at[number], self.texts[number] = consent_entries(consent)


_NONE_SAID = ("", "", "", False)


class _Words(NamedTuple):
    """What a row says besides its dates. ``named`` says whether it names a basis, known or not."""

    standing: Standing
    basis: Basis | None
    named: bool
    source: str
    text: str
    left: bool
    warnings: tuple[str, ...]
    in_columns: tuple[str, str, str, bool]
    """The basis as a column has it, source, text and whether they left."""


class Agreements:
    """The row's own consent, or the one for everybody where the row is silent.

    An opt-in time is a consent, a later confirmation makes it a double opt-in, and so is a word such as "subscribed";
    the day somebody was entered is none, but dates the consent for everybody. Mailchimp fills CONFIRM_TIME for people
    whom somebody else entered too: alone it is such a day.
    """

    def __init__(self, columns: Columns, assumed: Assumed) -> None:
        self._assumed = assumed
        self._group = Group(columns, _WORDS)
        self._opted_in, self._confirmed, self._joined = (
            Dates(columns, meaning, assumed) for meaning in ("opted_in_at", "confirmed_at", "joined_at")
        )
        self._words: Memo[tuple[str, ...], _Words] = Memo(self._words_of)
        self._even_words: Memo[tuple[str, ...], tuple[str, str, str, bool] | None] = Memo(self._even_words_of)

    def of(self, cells: Cells) -> Agreement:
        words = self._words[self._group.pick(cells)]
        warnings = list(words.warnings)
        opted_in, confirmed, joined = (
            dates.of(cells, warnings) for dates in (self._opted_in, self._confirmed, self._joined)
        )
        return Agreement(self._consent(words, opted_in, confirmed, joined), words.left, warnings)

    def of_all(self, columns: Sequence[Cells], odd: set[int]) -> Agreed:
        """What ``of`` says of each row, column by column. The numbers of rows with warnings are added to ``odd``."""
        rows = len(columns[0])
        picked = list(islice(self._group.pick_all(columns), rows))
        found = list(map(self._even_words.__getitem__, picked))
        if None in found:
            odd.update(number for number, words in enumerate(found) if words is None)
            found = [words or _NONE_SAID for words in found]
        opted_in, confirmed, joined = (
            list(islice(dates.of_all(columns, odd), rows)) for dates in (self._opted_in, self._confirmed, self._joined)
        )
        bases, sources, texts, lefts = zip(*found, strict=True)
        agreed = Agreed(list(bases), list(sources), opted_in, list(texts), list(lefts))
        if self._confirmed.any:
            unclear: Iterable[int] = range(rows)
        else:  # most lists: a consent and when it was given
            unclear = [
                number for number, (basis, at) in enumerate(zip(bases, opted_in, strict=True)) if not (basis and at)
            ]
        for number in unclear:
            dates = (each[number] for each in (opted_in, confirmed, joined))
            agreed.put(
                number,
                self._consent(
                    self._words[picked[number]], *(instant(written) if written else None for written in dates)
                ),
            )
        return agreed

    def _words_of(self, picked: tuple[str, ...]) -> _Words:
        all_, first = self._group.all, self._group.first
        said = {meaning(cell) for name, meaning in _STANDINGS for cell in all_(picked, name)}
        if first(picked, "left_at"):
            said.add(Standing.LEFT)
        standing = next((each for each in _GRAVEST if each in said), Standing.SILENT)
        warnings: list[str] = []
        if standing is Standing.UNKNOWN:
            warnings.append("subscription statuses that are not known, taken for no consent")
        written = first(picked, "basis")
        basis = values.basis(written)
        if written and basis is None:
            warnings.append("bases of consent that are not known, taken for none")
        source = plain(first(picked, "source"))[:LONGEST_SOURCE] or self._assumed.source
        text = plain(first(picked, "consent_text"))[:LONGEST_CONSENT_TEXT]
        left = standing is Standing.LEFT
        in_columns = (basis.value if basis else "", source, text, left)
        return _Words(standing, basis, bool(written), source, text, left, tuple(warnings), in_columns)

    def _even_words_of(self, picked: tuple[str, ...]) -> tuple[str, str, str, bool] | None:
        words = self._words_of(picked)
        return None if words.warnings else words.in_columns

    def _consent(
        self, words: _Words, opted_in: datetime | None, confirmed: datetime | None, joined: datetime | None
    ) -> Consent | None:
        basis, assumed = words.basis, self._assumed
        joined = joined or confirmed
        if words.named or words.standing in (Standing.ABSENT, Standing.UNKNOWN):
            pass
        elif opted_in and confirmed and confirmed > opted_in:
            basis = Basis.DOUBLE_OPT_IN
        elif opted_in or words.standing is Standing.AGREED:
            basis = Basis.OPT_IN
        elif assumed.consent and joined:
            return Consent(assumed.consent.basis, assumed.consent.source, joined, assumed.consent.text)
        else:
            return assumed.consent
        if basis is None:
            return None
        at = confirmed if basis is Basis.DOUBLE_OPT_IN else opted_in
        return Consent(basis, words.source, at or opted_in or joined or assumed.undated, words.text)
