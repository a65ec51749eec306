"""Reads a list of supporters from CSV, row by row; what cannot be used is set aside with its line and reason.

A bad address, a wrong number of cells or an over-long name sets the row aside. A bad value of anything else is left
out and counted: somebody whose time zone is misspelled still agreed to hear from us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from campaign.files import csv_values as values
from campaign.files.addresses import Addresses
from campaign.files.csv_cells import plain
from campaign.files.csv_columns import Columns, has_email, recognise
from campaign.files.csv_text import Layout, Table, look
from campaign.files.csv_values import Standing
from campaign.model.supporter import Basis, Consent, NewSupporter

LONGEST_TEXT = 200
LONGEST_POSTAL_CODE = 20
LONGEST_EXTRA = 500
_REMEMBERED = 50_000
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_SEEN_BEFORE = "the same address came in an earlier line"
_LEGACY = "characters that are not UTF-8, read as Windows-1252"


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that was set aside. ``text`` is the row as it stands in the file."""

    line: int
    reason: str
    text: str


@dataclass(slots=True)
class Reading:
    """What came of reading a file, counted as it is read.

    ``read`` are the rows with anything in them: those given on, the ``rejected`` and the ``duplicates``.
    ``warnings`` counts the values that were left out, by what was wrong with them.
    """

    read: int = 0
    rejected: int = 0
    duplicates: int = 0
    without_consent: int = 0
    unsubscribed: int = 0
    warnings: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class SupportersFile:
    """A list that can be read: how it is laid out and what its columns mean."""

    path: Path
    layout: Layout
    columns: Columns


def open_list(path: Path) -> SupportersFile:
    """Look at a list without reading it through.

    Raises BadInput where ``path`` is no CSV list or no column of it holds e-mail addresses.
    """
    layout = look(path, is_header=has_email)
    return SupportersFile(path, layout, recognise(layout.header, file=path, line=layout.header_line))


def read(
    path: Path,
    *,
    rejects: Callable[[Reject], None],
    at: datetime | None = None,
    consent: Consent | None = None,
    tags: Sequence[str] = (),
    default_language: str = "",
    day_first: bool = False,
    progress: Callable[[int], None] | None = None,
    reading: Reading | None = None,
) -> Iterator[NewSupporter]:
    """The supporters in ``path``, streamed.

    ``at`` is the time now: a date after it is no date. Without it any date will do. A consent without a date is taken
    to be as old as the file.

    ``consent`` is for rows that bring none of their own, ``tags`` are added to everybody's, ``default_language`` is
    for rows without one, ``day_first`` reads 3/4/2018 as 3 April. ``progress`` is told the bytes read so far, and
    ``reading`` counts. A second row of one address is a duplicate; it is given on only where it says that the person
    unsubscribed, which must never be lost.

    Raises BadInput at once where the file cannot be used, and while reading where it turns out not to be text.
    """
    opened = open_list(path)
    return _Reader(
        opened,
        rejects=rejects,
        at=at,
        consent=consent,
        tags=tuple(tags),
        default_language=default_language,
        day_first=day_first,
        reading=reading or Reading(),
    ).rows(progress)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What rows have in common with many others: worked out once for each combination of cells."""

    language: str
    zone: str
    country: str
    region: str
    tags: tuple[str, ...]
    standing: Standing
    warnings: tuple[str, ...]


_SHARED = ("language", "zone", "country", "region", "tags", "standing", "status", "agreed", "declined")


_KINDS_OF_STANDING = (
    ("standing", values.standing),
    ("status", values.status),
    ("agreed", values.agreed),
    ("declined", values.declined),
)


class _Reader:
    def __init__(
        self,
        opened: SupportersFile,
        *,
        rejects: Callable[[Reject], None],
        at: datetime | None,
        consent: Consent | None,
        tags: tuple[str, ...],
        default_language: str,
        day_first: bool,
        reading: Reading,
    ) -> None:
        self._opened = opened
        self._rejects = rejects
        self._undated = datetime.fromtimestamp(opened.path.stat().st_mtime, UTC)
        self._latest = at + timedelta(days=1) if at else _END_OF_TIME  # a zone ahead of ours may be in tomorrow
        self._consent = consent
        self._source = consent.source if consent and consent.source else f"import of {opened.path.name}"
        self._everybodys_tags = tags
        self._language = default_language
        self._day_first = day_first
        self._reading = reading
        self._addresses = Addresses()
        self._seen: set[str] = set()
        self._texts: dict[str, str] = {}
        of = opened.columns.of
        self._email, *self._other_emails = of("email")
        self._first, self._last, self._name = of("first_name"), of("last_name"), of("name")
        self._postal, self._left_at, self._acted = of("postal_code"), of("left_at"), of("acted_at")
        self._shared_places = {meaning: of(meaning) for meaning in _SHARED if of(meaning)}
        self._shared: dict[Any, _Shared] = {}
        own = (
            "basis",
            "opted_in_at",
            "confirmed_at",
            "joined_at",
            "source",
            "consent_text",
            "standing",
            "status",
            "agreed",
        )
        self._has_own_consent = any(map(of, own))

    def rows(self, progress: Callable[[int], None] | None) -> Iterator[NewSupporter]:
        reading, seen, person, unusual = self._reading, self._seen, self._person, self._unusual
        with Table(self._opened.path, self._opened.layout, malformed=self._malformed, progress=progress) as table:
            for cells in table:
                reading.read += 1
                try:
                    new = person(cells)
                except ValueError as error:
                    reading.rejected += 1
                    self._rejects(Reject(table.line, str(error), table.text))
                    continue
                key = new.email.lower()
                if key in seen:
                    reading.duplicates += 1
                    self._rejects(Reject(table.line, _SEEN_BEFORE, table.text))
                    if not new.unsubscribed:
                        continue
                else:
                    seen.add(key)
                if new.unsubscribed or new.consent is None or new.consent.basis is Basis.NONE:
                    unusual(new)
                yield new
            if table.legacy:
                reading.warnings[_LEGACY] += 1

    def _unusual(self, new: NewSupporter) -> None:
        if new.unsubscribed:
            self._reading.unsubscribed += 1
        else:
            self._reading.without_consent += 1

    def _malformed(self, line: int, reason: str, text: str) -> None:
        self._reading.read += 1
        self._reading.rejected += 1
        self._rejects(Reject(line, reason, text))

    def _person(self, cells: Sequence[str]) -> NewSupporter:
        """The row's person; raises ValueError with the reason where the row cannot be used."""
        email = self._addresses.normalised(cells[self._email] or self._another_email(cells))
        shared = self._shared_by(cells)
        first, last = self._names(cells)
        postal = _first(cells, self._postal)
        if postal:
            postal = values.postal_code(postal, shared.country, shared.region)
            if len(postal) > LONGEST_POSTAL_CODE:
                raise ValueError(f"the postal code has {len(postal):,} characters; the most is {LONGEST_POSTAL_CODE}")
        standing = shared.standing
        if self._left_at and _first(cells, self._left_at):
            standing = Standing.LEFT
        return NewSupporter(  # by place: this is made a million times over
            email,
            first,
            last,
            shared.language,
            shared.zone,
            shared.country,
            shared.region,
            postal,
            shared.tags,
            self._own_consent(cells, standing) if self._has_own_consent else self._consent,
            self._instant(cells, self._acted) if self._acted else None,
            standing is Standing.LEFT,
            self._extra(cells) if self._opened.columns.extra else {},
        )

    def _another_email(self, cells: Sequence[str]) -> str:
        return next((cells[place] for place in self._other_emails if cells[place].strip()), "")

    def _names(self, cells: Sequence[str]) -> tuple[str, str]:
        first, last = self._text(cells, self._first, "first name"), self._text(cells, self._last, "last name")
        if first or last or not self._name:
            return first, last
        whole = self._text(cells, self._name, "name")
        if "," in whole:
            last, _, first = whole.partition(",")
        else:
            first, _, last = whole.partition(" ")
        return first.strip(), last.strip()

    def _text(self, cells: Sequence[str], places: Sequence[int], what: str) -> str:
        written = _first(cells, places)
        if not written:
            return ""
        text = self._texts.get(written)
        if text is None:
            text = plain(written)
            if len(text) > LONGEST_TEXT:
                raise ValueError(f"the {what} has {len(text):,} characters; the most is {LONGEST_TEXT}")
            if len(self._texts) >= _REMEMBERED:
                self._texts.clear()
            self._texts[written] = text
        return text

    def _shared_by(self, cells: Sequence[str]) -> _Shared:
        key = tuple([cells[place] for places in self._shared_places.values() for place in places])
        shared = self._shared.get(key)
        if shared is None:
            shared = self._work_out(cells)
            if len(self._shared) >= _REMEMBERED:
                self._shared.clear()
            self._shared[key] = shared
        if shared.warnings:
            self._reading.warnings.update(shared.warnings)
        return shared

    def _work_out(self, cells: Sequence[str]) -> _Shared:
        warnings: list[str] = []

        def known(meaning: str, read_as: Callable[[str], str | None], what: str) -> str:
            written = _first(cells, self._shared_places.get(meaning, ()))
            if not written:
                return ""
            value = read_as(written) if len(written) <= LONGEST_TEXT else None
            if value is None:
                warnings.append(what)
            return value or ""

        country = known("country", values.country, "countries that ISO 3166 does not know")
        region = plain(_first(cells, self._shared_places.get("region", ())))
        if len(region) > LONGEST_TEXT:
            raise ValueError(f"the region has {len(region):,} characters; the most is {LONGEST_TEXT}")
        tags = [tag for place in self._shared_places.get("tags", ()) for tag in values.tags(cells[place])]
        kept = [plain(tag) for tag in tags if len(tag) <= values.LONGEST_TAG][: values.MOST_TAGS]
        if len(kept) < len(tags):
            warnings.append(f"tags over {values.LONGEST_TAG} characters, or over {values.MOST_TAGS} in a row")
        standing = self._standing(cells)
        if standing is Standing.UNKNOWN:
            warnings.append("subscription statuses that are not known, taken for no consent")
        return _Shared(
            language=known("language", values.language, "languages that are no language") or self._language,
            zone=known("zone", values.zone, "time zones that do not exist"),
            country=country,
            region=values.region(region, country) if region else "",
            tags=tuple(dict.fromkeys((*kept, *self._everybodys_tags))),
            standing=standing,
            warnings=tuple(warnings),
        )

    def _standing(self, cells: Sequence[str]) -> Standing:
        """What all columns together say; whoever left in one has left."""
        said = {
            meaning(cells[place]) for name, meaning in _KINDS_OF_STANDING for place in self._shared_places.get(name, ())
        }
        order = (Standing.LEFT, Standing.ABSENT, Standing.UNKNOWN, Standing.AGREED)
        return next((standing for standing in order if standing in said), Standing.SILENT)

    def _own_consent(self, cells: Sequence[str], standing: Standing) -> Consent | None:
        """The row's own consent, or the one for everybody where the row is silent.

        An opt-in time is a consent, a later confirmation makes it a double opt-in, and so is a word such as
        "subscribed"; the day somebody was entered is none, but dates the consent for everybody.
        """
        of = self._opened.columns.of
        opted_in, confirmed = self._instant(cells, of("opted_in_at")), self._instant(cells, of("confirmed_at"))
        joined = self._instant(cells, of("joined_at")) or confirmed
        basis: Basis | None
        if written := _first(cells, of("basis")):
            basis = values.basis(written)
            if basis is None:
                self._reading.warnings["bases of consent that are not known, taken for none"] += 1
        elif standing in (Standing.ABSENT, Standing.UNKNOWN):
            basis = None
        elif opted_in and confirmed and confirmed > opted_in:
            basis = Basis.DOUBLE_OPT_IN
        elif opted_in or standing is Standing.AGREED:
            basis = Basis.OPT_IN
        else:
            return replace(self._consent, at=joined) if self._consent and joined else self._consent
        if basis is None:
            return None
        at = confirmed if basis is Basis.DOUBLE_OPT_IN else opted_in
        source = plain(_first(cells, of("source")))[:LONGEST_TEXT] or self._source
        text = plain(_first(cells, of("consent_text")))[:LONGEST_EXTRA]
        return Consent(basis, source, at or opted_in or joined or self._undated, text)

    def _instant(self, cells: Sequence[str], places: Sequence[int]) -> datetime | None:
        written = _first(cells, places)
        if not written:
            return None
        found = values.instant(written, day_first=self._day_first, latest=self._latest)
        if found is None:
            self._reading.warnings["dates that cannot be read, or cannot be true"] += 1
        return found

    def _extra(self, cells: Sequence[str]) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for place, key in self._opened.columns.extra:
            written = cells[place]
            if written and (text := plain(written)):
                if len(text) > LONGEST_EXTRA:
                    self._reading.warnings[f"values cut to {LONGEST_EXTRA} characters"] += 1
                found[key] = text[:LONGEST_EXTRA]
        return found


def _first(cells: Sequence[str], places: Sequence[int]) -> str:
    """The first of several columns for one thing that holds anything."""
    for place in places:
        if cells[place]:
            return cells[place]
    return ""
