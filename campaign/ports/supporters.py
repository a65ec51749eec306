"""The people who agreed to hear from us."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from campaign.model.preference import Preference
from campaign.model.segment import Audience, Headcount, Segment
from campaign.model.supporter import NewSupporter, Reason, Supporter, Suppression


@dataclass(frozen=True, slots=True)
class Added:
    """``duplicates`` came more than once in one import; ``suppressed`` are in the list but will not be sent to."""

    new: int
    updated: int
    unchanged: int
    duplicates: int
    suppressed: int


@dataclass(frozen=True, slots=True)
class Shared:
    """Mailboxes that several addresses lead to: how many people are at them beyond the first at each, and the ids of
    some, together at their mailbox."""

    people: int
    examples: Sequence[tuple[int, ...]] = ()


class Supporters(Protocol):
    """Addresses are matched case-insensitively. A suppression is by address and outlives the supporter."""

    def add(self, rows: Iterable[NewSupporter], *, at: datetime) -> Added:
        """Add or update supporters in one transaction: all of ``rows``, or none if iterating them raises.

        Known people keep what a row leaves empty; tags are united; a suppression is never lifted by an import,
        a row with ``unsubscribed`` makes one.
        """
        ...

    def find(self, email: str) -> Supporter | None: ...

    def get(self, supporter_ids: Sequence[int]) -> Mapping[int, Supporter]: ...

    def each(self, segment: Segment | None = None) -> Iterator[Supporter]:
        """Everybody in ``segment`` (or at all) by id, streamed; suppressed people too."""
        ...

    def examples(self, audience: Audience, *, most: int) -> Sequence[Supporter]:
        """Up to ``most`` reachable members, such that each variant and each blank field is among them if it occurs."""
        ...

    def reachable(self, audience: Audience) -> Iterator[Mapping[str, Sequence[Supporter]]]:
        """Everybody in ``audience`` who may be written to now, streamed by id in pages: each page by variant."""
        ...

    def shared_mailboxes(self, audience: Audience) -> Shared:
        """Those of ``audience`` who may be written to now at addresses that lead to one mailbox.

        What stands after a plus in the local part leads to the same mailbox (RFC 5233), and so does any spelling
        with or without dots at Gmail.
        """
        ...

    def headcount(self, audience: Audience) -> Headcount: ...

    def reach(self, audiences: Sequence[Audience]) -> int:
        """How many people are reachable by at least one of ``audiences``, each counted once."""
        ...

    def census(
        self, segments: Collection[Segment], *, home_zone: str, campaign: str
    ) -> Mapping[Segment, Mapping[str, Headcount]]:
        """How many of each segment are in each zone, in one look at everybody: by their own zone, else by where they
        are, else at home. Zones that nobody of a segment is in are left out."""
        ...

    def at_domains(
        self, segments: Collection[Segment], domains: Collection[str], *, campaign: str
    ) -> Mapping[Segment, Mapping[str, int]]:
        """How many of each segment who may be written to now are at each of these mailbox domains."""
        ...

    def groups(self, segments: Collection[Segment], *, campaign: str) -> Mapping[frozenset[Segment], int]:
        """How many people who may be written to now are in exactly these of the segments."""
        ...

    def count(self) -> int: ...

    def forget(self, email: str, *, at: datetime) -> bool:
        """Erase the person (GDPR article 17) and keep the address suppressed, by its hash alone. False if unknown."""
        ...

    def suppress(self, email: str, *, reason: Reason, source: str, at: datetime) -> bool:
        """False where the address was suppressed already; the first reason stays."""
        ...

    def lift(self, email: str, *, source: str, at: datetime) -> bool:
        """Lift a suppression at the person's own wish. False where there was none."""
        ...

    def suppression(self, email: str) -> Suppression | None: ...

    def barred(self, supporter_ids: Sequence[int]) -> frozenset[int]:
        """Those of the given supporters whose address is suppressed."""
        ...

    def preferences(self, supporter_ids: Sequence[int]) -> Mapping[int, Preference]:
        """What those of the given supporters want who have asked for less than everything."""
        ...

    def acted(self, email: str, *, at: datetime) -> bool:
        """Record that the person has taken the action. False if unknown or recorded before."""
        ...
