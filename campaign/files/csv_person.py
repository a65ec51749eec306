"""Makes a person of a row's cells.

Most of what a row says many others say too: its country, its tags, how somebody agreed. Such cells are worked out
once for each combination of them and remembered, which makes reading several times as fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple, TypeVar

from campaign.files import csv_values as values
from campaign.files.addresses import Addresses
from campaign.files.csv_cells import plain
from campaign.files.csv_columns import Columns
from campaign.files.csv_values import Standing
from campaign.model.supporter import Basis, Consent, NewSupporter

LONGEST_TEXT = 200
LONGEST_POSTAL_CODE = 20
LONGEST_EXTRA = 500
_REMEMBERED = 50_000

_PLACE = ("language", "zone", "country", "region")
_CONSENT = (
    "basis",
    "source",
    "consent_text",
    "standing",
    "status",
    "agreed",
    "declined",
    "left_at",
    "opted_in_at",
    "confirmed_at",
    "joined_at",
)
_STANDINGS: tuple[tuple[str, Callable[[str], Standing]], ...] = (
    ("standing", values.standing),
    ("status", values.status),
    ("agreed", values.agreed),
    ("declined", values.declined),
)
# Whoever left in one column has left, whatever the others say.
_GRAVEST = (Standing.LEFT, Standing.ABSENT, Standing.UNKNOWN, Standing.AGREED)

KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")
Cells = Sequence[str]


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


class _Place(NamedTuple):
    language: str
    zone: str
    country: str
    region: str
    warnings: tuple[str, ...]


class _Agreement(NamedTuple):
    consent: Consent | None
    left: bool
    warnings: tuple[str, ...]


class _Memo(dict[KeyT, ValueT]):
    """Values by key, each worked out when it is first asked for."""

    def __init__(self, work_out: Callable[[KeyT], ValueT]) -> None:
        self._work_out = work_out

    def __missing__(self, key: KeyT) -> ValueT:
        value = self._work_out(key)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = value
        return value


class _Group:
    """Some of a row's cells, by what they mean. ``pick`` takes them out of a row."""

    def __init__(self, columns: Columns, meanings: Sequence[str]) -> None:
        places = [place for meaning in meanings for place in columns.of(meaning)]
        self.any = bool(places)
        # The first twice: of one place alone, itemgetter makes no tuple.
        self.pick: Callable[[Cells], tuple[str, ...]] = itemgetter(*places, places[0]) if places else _nothing
        self._slices: dict[str, slice] = {}
        start = 0
        for meaning in meanings:
            self._slices[meaning] = slice(start, start := start + len(columns.of(meaning)))

    def all(self, picked: tuple[str, ...], meaning: str) -> tuple[str, ...]:
        return picked[self._slices[meaning]]

    def first(self, picked: tuple[str, ...], meaning: str) -> str:
        """The first of several columns for one thing that holds anything."""
        return next((cell for cell in picked[self._slices[meaning]] if cell.strip()), "")


class PersonMaker:
    def __init__(self, columns: Columns, assumed: Assumed, warnings: Counter[str]) -> None:
        self._assumed = assumed
        self._warnings = warnings
        self._addresses = Addresses()
        of = columns.of
        self._email, *self._other_emails = of("email")
        self._first, self._last, self._name = of("first_name"), of("last_name"), of("name")
        self._postal, self._acted, self._extra_columns = of("postal_code"), of("acted_at"), columns.extra
        self._place, self._consent, self._tag = (
            _Group(columns, meanings) for meanings in (_PLACE, _CONSENT, ("tags",))
        )
        self._pick_place, self._pick_consent, self._pick_tags = (
            group.pick for group in (self._place, self._consent, self._tag)
        )
        self._texts: _Memo[str, str] = _Memo(_text)
        self._places: _Memo[tuple[str, ...], _Place] = _Memo(self._place_of)
        self._tags: _Memo[tuple[str, ...], tuple[tuple[str, ...], bool]] = _Memo(self._tags_of)
        self._agreements: _Memo[tuple[str, ...], _Agreement] = _Memo(self._agreement_of)

    def person(self, cells: Cells) -> NewSupporter:
        """The row's person; raises ValueError with the reason where the row cannot be used."""
        email = self._addresses.normalised(cells[self._email] or self._another_email(cells))
        place = self._places[self._pick_place(cells)]
        tags, some_left_out = self._tags[self._pick_tags(cells)]
        agreement = self._agreements[self._pick_consent(cells)]
        if place.warnings or agreement.warnings or some_left_out:
            self._warn(*place.warnings, *agreement.warnings, *([_TAGS_LEFT_OUT] if some_left_out else []))
        first, last = self._texts[_filled(cells, self._first)], self._texts[_filled(cells, self._last)]
        if self._name and not first and not last:
            first, last = _divided(self._texts[_filled(cells, self._name)])
        postal = _filled(cells, self._postal)
        if postal:
            postal = values.postal_code(postal, place.country, place.region)
            if len(postal) > LONGEST_POSTAL_CODE:
                raise ValueError(f"the postal code has {len(postal):,} characters; the most is {LONGEST_POSTAL_CODE}")
        return NewSupporter(  # by place: this is made a million times over
            email,
            first,
            last,
            place.language,
            place.zone,
            place.country,
            place.region,
            postal,
            tags,
            agreement.consent,
            self._acted_at(cells) if self._acted else None,
            agreement.left,
            self._extra(cells) if self._extra_columns else {},
        )

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

    def _agreement_of(self, picked: tuple[str, ...]) -> _Agreement:
        if not self._consent.any:
            return _Agreement(self._assumed.consent, left=False, warnings=())
        warnings: list[str] = []
        all_, first = self._consent.all, self._consent.first
        said = {meaning(cell) for name, meaning in _STANDINGS for cell in all_(picked, name)}
        if first(picked, "left_at"):
            said.add(Standing.LEFT)
        standing = next((each for each in _GRAVEST if each in said), Standing.SILENT)
        if standing is Standing.UNKNOWN:
            warnings.append("subscription statuses that are not known, taken for no consent")
        consent = self._consent_of(picked, standing, warnings)
        return _Agreement(consent, left=standing is Standing.LEFT, warnings=tuple(warnings))

    def _consent_of(self, picked: tuple[str, ...], standing: Standing, warnings: list[str]) -> Consent | None:
        """The row's own consent, or the one for everybody where the row is silent.

        An opt-in time is a consent, a later confirmation makes it a double opt-in, and so is a word such as
        "subscribed"; the day somebody was entered is none, but dates the consent for everybody. Mailchimp fills
        CONFIRM_TIME for people whom somebody else entered too: alone it is such a day.
        """
        first, assumed = self._consent.first, self._assumed
        opted_in = self._instant(first(picked, "opted_in_at"), warnings)
        confirmed = self._instant(first(picked, "confirmed_at"), warnings)
        joined = self._instant(first(picked, "joined_at"), warnings) or confirmed
        basis: Basis | None = None
        if written := first(picked, "basis"):
            basis = values.basis(written)
            if basis is None:
                warnings.append("bases of consent that are not known, taken for none")
        elif standing in (Standing.ABSENT, Standing.UNKNOWN):
            pass
        elif opted_in and confirmed and confirmed > opted_in:
            basis = Basis.DOUBLE_OPT_IN
        elif opted_in or standing is Standing.AGREED:
            basis = Basis.OPT_IN
        else:
            return replace(assumed.consent, at=joined) if assumed.consent and joined else assumed.consent
        if basis is None:
            return None
        at = confirmed if basis is Basis.DOUBLE_OPT_IN else opted_in
        source = plain(first(picked, "source"))[:LONGEST_TEXT] or assumed.source
        text = plain(first(picked, "consent_text"))[:LONGEST_EXTRA]
        return Consent(basis, source, at or opted_in or joined or assumed.undated, text)

    def _acted_at(self, cells: Cells) -> datetime | None:
        warnings: list[str] = []
        found = self._instant(_filled(cells, self._acted), warnings)
        self._warn(*warnings)
        return found

    def _instant(self, written: str, warnings: list[str]) -> datetime | None:
        if not written:
            return None
        found = values.instant(written, day_first=self._assumed.day_first, latest=self._assumed.latest)
        if found is None:
            warnings.append("dates that cannot be read, or cannot be true")
        return found

    def _extra(self, cells: Cells) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for place, key in self._extra_columns:
            written = cells[place]
            if written and (text := plain(written)):
                if len(text) > LONGEST_EXTRA:
                    self._warn(f"values cut to {LONGEST_EXTRA} characters")
                found[key] = text[:LONGEST_EXTRA]
        return found


_TAGS_LEFT_OUT = f"tags over {values.LONGEST_TAG} characters, or over {values.MOST_TAGS} in a row"


def _nothing(_: Any) -> tuple[str, ...]:
    return ()


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
