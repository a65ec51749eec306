"""Reads a list of supporters from CSV, row by row; what cannot be used is set aside with its line and reason.

A bad address, a wrong number of cells or an over-long name sets the row aside. A bad value of anything else is left
out and counted: somebody whose time zone is misspelled still agreed to hear from us.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import compress
from pathlib import Path
from typing import NamedTuple

from campaign.files.apart import apart
from campaign.files.csv_columns import Columns, has_email, recognise
from campaign.files.csv_consent import Assumed
from campaign.files.csv_person import PersonMaker
from campaign.files.csv_seen import Seen
from campaign.files.csv_text import Layout, Page, Table, look
from campaign.model.roll import NewSupporters, Roll, without
from campaign.model.supporter import Basis, Consent

REHEARSAL = "rehearsal"
"""The source of a consent that only a rehearsal assumes."""

APART_BYTES = 4 * 1024**2
"""From 30,000 rows or so on reading takes longer than a process does that starts and loads what it reads with."""

_END_OF_TIME = datetime.max.replace(tzinfo=UTC)
_SEEN_BEFORE = "the same address came in an earlier line"
_SILENT = ("", Basis.NONE.value)
"""What stands for the basis of a consent that was not given."""
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

    def add(self, more: Reading) -> None:
        self.read += more.read
        self.rejected += more.rejected
        self.duplicates += more.duplicates
        self.without_consent += more.without_consent
        self.unsubscribed += more.unsubscribed
        self.warnings.update(more.warnings)


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
    apart_from: int = APART_BYTES,
) -> Roll:
    """The supporters in ``path``, streamed.

    ``at`` is the time now: a date after it is no date. Without it any date will do. A consent without a date is taken
    to be as old as the file.

    ``consent`` is for rows that bring none of their own, ``tags`` are added to everybody's, ``default_language`` is
    for rows without one, ``day_first`` reads 3/4/2018 as 3 April. ``progress`` is told the bytes read so far, and
    ``reading`` counts. A file over ``apart_from`` bytes is read by a process of its own, to the same effect. A second
    row of one address is a duplicate; it is given on only where it says that the person unsubscribed, which must never
    be lost.

    Raises BadInput at once where the file cannot be used, and while reading where it turns out not to be text; and
    CampaignError where the process that reads is ended from outside.
    """
    opened = open_list(path)
    reading = reading or Reading()
    assumed = Assumed(
        consent=consent,
        source=consent.source if consent and consent.source else f"import of {path.name}",
        tags=tuple(tags),
        language=default_language,
        day_first=day_first,
        undated=datetime.fromtimestamp(path.stat().st_mtime, UTC),
        latest=at + timedelta(days=1) if at else _END_OF_TIME,  # a zone ahead of ours may be in tomorrow
    )
    large = path.stat().st_size > apart_from
    parts = apart(_parts, opened, assumed) if large else _parts(opened, assumed)
    return Roll(_told(parts, rejects=rejects, progress=progress or (lambda _done: None), reading=reading))


def for_rehearsal(path: Path) -> Roll:
    """The supporters in ``path`` as a rehearsal takes them: whoever can be used, nothing said of the rest.

    A row that says nothing of consent counts as a member's, else a list without such a column would be rehearsed with
    nobody. A row that says no is still without consent, as it would be when it is imported.

    Raises BadInput as ``read`` does.
    """
    open_list(path)  # before its date is asked for, so that a file that is not there is told as such
    written_at = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    return read(path, rejects=lambda _reject: None, consent=Consent(Basis.MEMBER, REHEARSAL, written_at))


class _Part(NamedTuple):
    """What came of a page. ``done`` are the bytes read so far, each time that there were more."""

    done: list[int]
    rejects: list[Reject]
    counts: Reading
    people: NewSupporters


def _told(
    parts: Iterator[_Part], *, rejects: Callable[[Reject], None], progress: Callable[[int], None], reading: Reading
) -> Iterator[NewSupporters]:
    """The people of each part, once whoever asked has been told of the rest."""
    for part in parts:
        for done in part.done:
            progress(done)
        reading.add(part.counts)
        for reject in part.rejects:
            rejects(reject)
        yield part.people


def _parts(opened: SupportersFile, assumed: Assumed) -> Iterator[_Part]:
    return _Reader(opened, assumed).parts()


class _Reader:
    def __init__(self, opened: SupportersFile, assumed: Assumed) -> None:
        self._opened = opened
        self._warnings: Counter[str] = Counter()
        self._maker = PersonMaker(opened.columns, assumed, self._warnings)
        self._seen = Seen()

    def parts(self) -> Iterator[_Part]:
        done: list[int] = []
        with Table(self._opened.path, self._opened.layout, progress=done.append) as table:
            for page in table.pages():
                yield self._part(page, done)
                done.clear()
            last = Reading(warnings=Counter({_LEGACY: 1} if table.legacy else {}))
        yield _Part(done, [], last, NewSupporters.none())

    def _part(self, page: Page, done: list[int]) -> _Part:
        counts, rejects = Reading(), [Reject(*each) for each in page.malformed]
        counts.read = len(page.rows) + len(rejects)
        people, odd = self._maker.people(page.rows)
        lines, texts = page.lines, page.texts
        if unusable := [number for number in odd if not self._one(page, number, people, rejects)]:
            people, lines, texts = people.without(unusable), without(lines, unusable), without(texts, unusable)
        counts.rejected = len(rejects)
        if again := self._seen.again([email.lower() for email in people.emails]):
            counts.duplicates = len(again)
            rejects += [Reject(lines[number], _SEEN_BEFORE, texts[number]) for number in again]
            people = people.without([number for number in again if not people.unsubscribed[number]])
        left = list(compress(people.bases, people.unsubscribed))
        counts.unsubscribed = len(left)
        counts.without_consent = sum(people.bases.count(silent) - left.count(silent) for silent in _SILENT)
        counts.warnings.update(self._warnings)
        self._warnings.clear()
        return _Part(done, sorted(rejects, key=lambda reject: reject.line), counts, people)

    def _one(self, page: Page, number: int, people: NewSupporters, rejects: list[Reject]) -> bool:
        """Make the person of an odd row; False where it is rejected."""
        try:
            people.put(number, self._maker.person(page.rows[number]))
        except ValueError as error:
            rejects.append(Reject(page.lines[number], str(error), page.texts[number]))
            return False
        return True
