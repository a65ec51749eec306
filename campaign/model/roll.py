"""New supporters many at a time, column by column.

An object for each row, and one for its consent, would cost an import of a million a tenth of its time. Instants are
text, which costs less to make, to hand on and to store: in UTC, to the microsecond, such as
``2018-05-01 17:00:00.000000``, so that it sorts as time does.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, Self, TypeVar

from campaign.model.supporter import Basis, Consent, NewSupporter

T = TypeVar("T")

_NO_CONSENT = ("", "", None, "")


class NewSupporters(NamedTuple):
    """Each field of NewSupporter as a list with an entry for each person; a consent is four, with no basis for none."""

    emails: list[str]
    first_names: list[str]
    last_names: list[str]
    languages: list[str]
    zones: list[str]
    countries: list[str]
    regions: list[str]
    postal_codes: list[str]
    tags: list[tuple[str, ...]]
    bases: list[str]
    sources: list[str]
    agreed_at: list[str | None]
    agreed_to: list[str]
    acted_at: list[str | None]
    unsubscribed: list[bool]
    extra: list[Mapping[str, str]]
    preferences: list[str]

    @classmethod
    def none(cls) -> Self:
        return cls._make([] for _ in cls._fields)

    @classmethod
    def of(cls, people: Sequence[NewSupporter]) -> Self:
        return cls._make(map(list, zip(*map(_entries, people), strict=True))) if people else cls.none()

    def each(self) -> Iterator[NewSupporter]:
        before, after = self[:_CONSENT], self[_CONSENT + len(_NO_CONSENT) + 1 :]
        consents = map(_consent, self.bases, self.sources, self.agreed_at, self.agreed_to)
        return map(NewSupporter, *before, consents, map(_instant_or_none, self.acted_at), *after)

    def put(self, number: int, person: NewSupporter) -> None:
        """Let the person of that number be another one."""
        for column, entry in zip(self.columns(), _entries(person), strict=True):
            column[number] = entry

    def columns(self) -> Sequence[list[Any]]:
        return self

    def without(self, numbers: Collection[int]) -> NewSupporters:
        return NewSupporters._make(without(column, numbers) for column in self.columns())

    def __reduce__(self) -> tuple[Callable[[bytes], NewSupporters], tuple[bytes]]:
        """For pickle, which would look up each of their values: marshal takes half the time for text alone."""
        return _unpacked, (marshal.dumps(tuple(self)),)


class Roll:
    """A list of new supporters as it is read: one by one for whoever iterates over it, or so many at a time.

    It can be gone through once.
    """

    def __init__(self, pages: Iterator[NewSupporters]) -> None:
        self._pages = pages

    def __iter__(self) -> Iterator[NewSupporter]:
        for page in self._pages:
            yield from page.each()

    def chunks(self, most: int) -> Iterator[NewSupporters]:
        """All of them, ``most`` at a time; the last are fewer."""
        waiting = NewSupporters.none()
        for page in self._pages:
            for column, more in zip(waiting.columns(), page.columns(), strict=True):
                column.extend(more)
            start, there = 0, len(waiting.emails)
            while there - start >= most:
                yield NewSupporters._make(column[start : start + most] for column in waiting.columns())
                start += most
            if start:
                waiting = NewSupporters._make(column[start:] for column in waiting.columns())
        if waiting.emails:
            yield waiting


def chunked(people: Iterable[NewSupporter], most: int) -> Iterator[NewSupporters]:
    """``people``, ``most`` at a time; the last are fewer."""
    if isinstance(people, Roll):
        yield from people.chunks(most)
        return
    source = iter(people)
    while some := list(islice(source, most)):
        yield NewSupporters.of(some)


def without(column: Sequence[T], numbers: Collection[int]) -> list[T]:
    """The entries of ``column`` but for those of these numbers."""
    left: list[T] = []
    start = 0
    for number in sorted(numbers):
        left += column[start:number]
        start = number + 1
    left += column[start:]
    return left


_CONSENT = NewSupporters._fields.index("bases")
_FIELDS = tuple(NewSupporter.__dataclass_fields__)
_before: Callable[[NewSupporter], tuple[Any, ...]] = attrgetter(*_FIELDS[:_CONSENT])
_after: Callable[[NewSupporter], tuple[Any, ...]] = attrgetter(*_FIELDS[_CONSENT + 2 :])


def written_instant(at: datetime) -> str:
    """As the columns have an instant."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def instant(written: str) -> datetime:
    """What ``written_instant`` wrote."""
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def consent_entries(consent: Consent | None) -> tuple[str, str, str | None, str]:
    """What stands of a consent in the four columns."""
    if consent is None:
        return _NO_CONSENT
    return consent.basis.value, consent.source, written_instant(consent.at), consent.text


def _entries(person: NewSupporter) -> tuple[Any, ...]:
    acted_at = person.acted_at and written_instant(person.acted_at)
    return *_before(person), *consent_entries(person.consent), acted_at, *_after(person)


def _consent(basis: str, source: str, at: str | None, text: str) -> Consent | None:
    return Consent(Basis(basis), source, instant(at), text) if basis and at else None


def _instant_or_none(written: str | None) -> datetime | None:
    return instant(written) if written else None


def _unpacked(columns: bytes) -> NewSupporters:
    return NewSupporters._make(marshal.loads(columns))  # noqa: S302 - packed by our own process
