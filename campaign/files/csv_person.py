"""Makes people of rows' cells.

Most of what a row says many others say too: its country, its tags, how somebody agreed. Such cells are worked out
once for each combination of them and remembered, and taken column by column for many rows at once. A row with anything
odd in it is looked at on its own, which is several times as slow and says what is odd.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress, count, islice, repeat
from typing import NamedTuple, TypeVar

from campaign.files import csv_values as values
from campaign.files.addresses import Addresses
from campaign.files.csv_cells import plain
from campaign.files.csv_columns import Columns
from campaign.files.csv_consent import Agreements, Assumed, Dates
from campaign.files.csv_groups import Cells, Group, Memo
from campaign.model.roll import NewSupporters
from campaign.model.supporter import NewSupporter

LONGEST_TEXT = 200
LONGEST_POSTAL_CODE = 20
LONGEST_EXTRA = 500
_ZIP_CODE = 5

_PLACE = ("language", "zone", "country", "region")
_TAGS_LEFT_OUT = f"tags over {values.LONGEST_TAG} characters, or over {values.MOST_TAGS} in a row"

T = TypeVar("T")


class _Place(NamedTuple):
    language: str
    zone: str
    country: str
    region: str
    warnings: tuple[str, ...]


_NOTHING_MORE: Mapping[str, str] = {}
_NOWHERE = _Place("", "", "", "", ())


class PersonMaker:
    """``warnings`` counts what was left out of the people that were made."""

    def __init__(self, columns: Columns, assumed: Assumed, warnings: Counter[str]) -> None:
        self._assumed = assumed
        self._warnings = warnings
        self._addresses = Addresses()
        of = columns.of
        self._email, *self._other_emails = of("email")
        self._first, self._last, self._name = of("first_name"), of("last_name"), of("name")
        self._postal, self._extra_columns = of("postal_code"), columns.extra
        self._place, self._tag = Group(columns, _PLACE), Group(columns, ("tags",))
        self._acted = Dates(columns, "acted_at", assumed)
        self._preference = of("preference")
        self._agreements = Agreements(columns, assumed)
        self._texts: Memo[str, str] = Memo(_text)
        self._places: Memo[tuple[str, ...], _Place] = Memo(self._place_of)
        self._tags: Memo[tuple[str, ...], tuple[tuple[str, ...], bool]] = Memo(self._tags_of)
        # The same, None where there is anything to say of it.
        self._even_texts: Memo[str, str | None] = Memo(_even(_text))
        self._even_places: Memo[tuple[str, ...], _Place | None] = Memo(self._even_place)
        self._even_tags: Memo[tuple[str, ...], tuple[str, ...] | None] = Memo(self._even_tags_of)
        self._even_extra: Memo[str, str | None] = Memo(_even_extra)
        self._even_postal_codes: Memo[tuple[str, str, str], str | None] = Memo(_even(_postal_code))

    def people(self, rows: Sequence[Cells]) -> tuple[NewSupporters, list[int]]:
        """Each row's person, and the numbers of the rows for which ``person`` must be asked instead.

        It must be asked where it has something to warn of, or raises.
        """
        if not rows:
            return NewSupporters.none(), []
        columns = list(zip(*rows, strict=True))
        odd: set[int] = set()

        def even(found: Iterable[T | None], otherwise: T) -> list[T]:
            taken = list(islice(found, len(rows)))
            if None not in taken:
                return taken  # type: ignore[return-value]  # there is no None in it
            odd.update(compress(count(), (one is None for one in taken)))
            return [otherwise if one is None else one for one in taken]

        emails = even(self._addresses.each(columns[self._email]), "")
        languages, zones, countries, regions, _ = zip(
            *even(map(self._even_places.__getitem__, self._place.pick_all(columns)), _NOWHERE), strict=True
        )
        tags = even(map(self._even_tags.__getitem__, self._tag.pick_all(columns)), ())
        firsts, lasts = (
            even(map(self._even_texts.__getitem__, _all_filled(columns, places)), "")
            for places in (self._first, self._last)
        )
        if self._name:
            names = even(map(self._even_texts.__getitem__, _all_filled(columns, self._name)), "")
            for number, name in enumerate(names):
                if not firsts[number] and not lasts[number]:
                    firsts[number], lasts[number] = _divided(name)
        postal_codes = [""] * len(rows)
        if self._postal:
            known = self._even_postal_codes
            postal_codes = even(
                [
                    code if not code or (len(code) == _ZIP_CODE and code.isdecimal()) else known[code, country, region]
                    for code, country, region in zip(
                        _all_filled(columns, self._postal), countries, regions, strict=False
                    )
                ],
                "",
            )
        agreed = self._agreements.of_all(columns, odd)
        people = NewSupporters(
            emails,
            firsts,
            lasts,
            list(languages),
            list(zones),
            list(countries),
            list(regions),
            postal_codes,
            tags,
            agreed.bases,
            agreed.sources,
            agreed.at,
            agreed.texts,
            list(islice(self._acted.of_all(columns, odd), len(rows))),
            agreed.lefts,
            list(islice(self._extras(columns, even) if self._extra_columns else repeat(_NOTHING_MORE), len(rows))),
            even(map(values.preference, _all_filled(columns, self._preference)), "")
            if self._preference
            else [""] * len(rows),
        )
        return people, sorted(odd)

    def person(self, cells: Cells) -> NewSupporter:
        """The row's person; raises ValueError with the reason where the row cannot be used."""
        email = self._addresses.normalised(cells[self._email] or self._another_email(cells))
        place = self._places[self._place.pick(cells)]
        tags, some_left_out = self._tags[self._tag.pick(cells)]
        agreement = self._agreements.of(cells)
        if place.warnings or agreement.warnings or some_left_out:
            self._warn(*place.warnings, *agreement.warnings, *([_TAGS_LEFT_OUT] if some_left_out else []))
        first, last = self._texts[_filled(cells, self._first)], self._texts[_filled(cells, self._last)]
        if self._name and not first and not last:
            first, last = _divided(self._texts[_filled(cells, self._name)])
        postal_code = _postal_code((_filled(cells, self._postal), place.country, place.region))
        warnings: list[str] = []
        acted_at = self._acted.of(cells, warnings)
        self._warn(*warnings)
        return NewSupporter(
            email,
            first,
            last,
            place.language,
            place.zone,
            place.country,
            place.region,
            postal_code,
            tags,
            agreement.consent,
            acted_at,
            agreement.left,
            self._extra(cells),
            self._wanted(_filled(cells, self._preference)),
        )

    def _wanted(self, written: str) -> str:
        wanted = values.preference(written)
        if wanted is None:
            self._warn("preferences that are not understood")
        return wanted or ""

    def _warn(self, *what: str) -> None:
        self._warnings.update(what)

    def _another_email(self, cells: Cells) -> str:
        return next((cells[place] for place in self._other_emails if cells[place].strip()), "")

    def _place_of(self, picked: tuple[str, ...]) -> _Place:
        warnings: list[str] = []

        def known(meaning: str, read_as: Callable[[str], str | None], wrong: str) -> str:
            written = self._place.first(picked, meaning)
            value = read_as(written) if len(written) <= LONGEST_TEXT else None
            if written and value is None:
                warnings.append(wrong)
            return value or ""

        language = known("language", values.language, "languages that are no language")
        zone = known("zone", values.zone, "time zones that do not exist")
        country = known("country", values.country, "countries that ISO 3166 does not know")
        region = plain(self._place.first(picked, "region"))
        if len(region) > LONGEST_TEXT:
            raise ValueError(f"the region has {len(region):,} characters; the most is {LONGEST_TEXT}")
        return _Place(
            language or self._assumed.language, zone, country, values.region(region, country), tuple(warnings)
        )

    def _tags_of(self, picked: tuple[str, ...]) -> tuple[tuple[str, ...], bool]:
        found = [tag for cell in self._tag.all(picked, "tags") for tag in values.tags(cell)]
        kept = [plain(tag) for tag in found if len(tag) <= values.LONGEST_TAG][: values.MOST_TAGS]
        return tuple(dict.fromkeys((*kept, *self._assumed.tags))), len(kept) < len(found)

    def _even_place(self, picked: tuple[str, ...]) -> _Place | None:
        try:
            place = self._place_of(picked)
        except ValueError:
            return None
        return None if place.warnings else place

    def _even_tags_of(self, picked: tuple[str, ...]) -> tuple[str, ...] | None:
        tags, some_left_out = self._tags_of(picked)
        return None if some_left_out else tags

    def _extras(
        self, columns: Sequence[Cells], even: Callable[[Iterable[str | None], str], list[str]]
    ) -> Iterable[Mapping[str, str]]:
        keys = [key for _, key in self._extra_columns]
        found = [even(map(self._even_extra.__getitem__, columns[place]), "") for place, _ in self._extra_columns]
        for texts in zip(*found, strict=True):
            yield {key: text for key, text in zip(keys, texts, strict=True) if text}

    def _extra(self, cells: Cells) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for place, key in self._extra_columns:
            written = cells[place]
            if written and (text := plain(written)):
                if len(text) > LONGEST_EXTRA:
                    self._warn(f"values cut to {LONGEST_EXTRA} characters")
                found[key] = text[:LONGEST_EXTRA]
        return found


def _even(work_out: Callable[[T], str]) -> Callable[[T], str | None]:
    def even(key: T) -> str | None:
        try:
            return work_out(key)
        except ValueError:
            return None

    return even


def _even_extra(written: str) -> str | None:
    text = plain(written)
    return text if len(text) <= LONGEST_EXTRA else None


def _postal_code(written: tuple[str, str, str]) -> str:
    """By code, country and region."""
    code = values.postal_code(*written)
    if len(code) > LONGEST_POSTAL_CODE:
        raise ValueError(f"the postal code has {len(code):,} characters; the most is {LONGEST_POSTAL_CODE}")
    return code


def _all_filled(columns: Sequence[Cells], places: Sequence[int]) -> Iterable[str]:
    """Row by row, the first of several columns for one thing that holds anything; "" without end for no column."""
    if not places:
        return repeat("")
    if len(places) == 1:
        return columns[places[0]]
    return [next(filter(None, cells), "") for cells in zip(*(columns[place] for place in places), strict=True)]


def _filled(cells: Cells, places: Sequence[int]) -> str:
    for place in places:
        if cells[place]:
            return cells[place]
    return ""


def _text(written: str) -> str:
    text = plain(written)
    if len(text) > LONGEST_TEXT:
        raise ValueError(f"a name has {len(text):,} characters; the most is {LONGEST_TEXT}")
    return text


def _divided(name: str) -> tuple[str, str]:
    """``Mara Okafor`` and ``Okafor, Mara`` alike as first and last name."""
    if "," in name:
        last, _, first = name.partition(",")
    else:
        first, _, last = name.partition(" ")
    return first.strip(), last.strip()
