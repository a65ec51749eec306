"""How fast a step goes out: shares of its audience one after the other, a ramp, and rates."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.model.draw import DRAWS
from campaign.model.segment import Share

SECOND = timedelta(seconds=1)
LONGEST_BATCH = timedelta(minutes=1)
"""A batch of a step with a rate is at most what its rate gives in this time."""
MOST_RAMPED = 10_000_000
"""A ramp has waves until they hold so many people, or until there are so many waves:"""
MOST_WAVES = 100


@dataclass(frozen=True, slots=True)
class Rate:
    """``number`` deliveries in each ``per``: 5,000 an hour."""

    number: int
    per: timedelta

    @property
    def per_second(self) -> float:
        return self.number / self.per.total_seconds()

    @property
    def batch(self) -> int:
        """How many go out at once: what a tenth of its own unit of time gives, of a second to a minute."""
        span = min(LONGEST_BATCH, max(SECOND, self.per / 10))
        return max(1, int(self.per_second * span.total_seconds()))

    def takes(self, deliveries: float) -> timedelta:
        """How long so many take."""
        return timedelta(seconds=deliveries / self.per_second)

    def __str__(self) -> str:
        units = {1: "a second", 60: "a minute", 3600: "an hour", 86400: "a day"}
        return f"{self.number:,} {units.get(int(self.per.total_seconds()), f'in {self.per}')}"


@dataclass(frozen=True, slots=True)
class DomainRate:
    """How fast mail goes out to these mailbox domains, all of them together."""

    domains: tuple[str, ...]
    rate: Rate

    def __str__(self) -> str:
        return f"{self.rate} to {' and '.join(self.domains)}"


@dataclass(frozen=True, slots=True)
class Pace:
    """A rate and the bucket it is drawn from. Whatever has the same ``bucket`` shares the rate. ``domains`` are the
    mailbox domains that it is for; () is everything."""

    bucket: str
    rate: Rate
    domains: tuple[str, ...] = ()

    def holds_for(self, domain: str) -> bool:
        """Whether a batch keeps to it whose people are at ``domain``; "" is none that has a rate of its own."""
        return not self.domains or domain in self.domains

    @property
    def name(self) -> str:
        """Its bucket, with the other domains that draw from it."""
        others = f" with {', '.join(self.domains[1:])}" if self.domains[1:] else ""
        return f"{self.bucket}{others}"

    def __str__(self) -> str:
        return f"{self.name}: {self.rate}"


@dataclass(frozen=True, slots=True)
class AtDomain:
    """How many people of a wave are at one kind of mailbox domains, "" is at any other: ``planned`` in all, with those
    who were left out, and ``left`` to be sent to, the next of them at ``goes_on_at``."""

    domain: str
    planned: int
    left: int
    goes_on_at: datetime | None = None


def kinds(paces: Iterable[Pace]) -> tuple[tuple[str, ...], ...]:
    """The domains that have rates of their own, those together that keep to the same. Each kind is known by its first;
    a batch holds people of one kind, or of none."""
    several = [pace for pace in paces if pace.domains]
    found: dict[tuple[str, ...], list[str]] = {}
    for domain in dict.fromkeys(domain for pace in several for domain in pace.domains):
        found.setdefault(tuple(pace.bucket for pace in several if domain in pace.domains), []).append(domain)
    return tuple(map(tuple, found.values()))


def by_step(step: str) -> str:
    """The bucket of a step's own rate."""
    return f"step {step}"


def by_channel(channel: str) -> str:
    """The bucket that all steps of a channel share."""
    return f"channel {channel}"


def by_domain(domain: str, step: str = "") -> str:
    """The bucket of a mailbox domain's rate: a step's own, or the one that all steps share."""
    return f"step {step} to {domain}" if step else f"domain {domain}"


@dataclass(frozen=True, slots=True)
class Portion:
    """A ``share`` of the audience, in 1/10,000, that gets the step ``after`` its own time."""

    share: int
    after: timedelta


@dataclass(frozen=True, slots=True)
class Portions:
    """An audience in parts, one after the other; together they are all of it. ``seed`` fixes who is in which."""

    parts: tuple[Portion, ...]
    seed: int

    def shares(self) -> tuple[tuple[Portion, Share], ...]:
        """Each part with who is in it."""
        found, start = [], 0
        for part in self.parts:
            found.append((part, Share(start, start + part.share, self.seed)))
            start += part.share
        return tuple(found)

    def __str__(self) -> str:
        return ", ".join(f"{100 * part.share / DRAWS:.4g}%" for part in self.parts)


@dataclass(frozen=True, slots=True)
class Ramp:
    """So many people ``first``, then each wave ``grow`` times as many, a wave ``every`` so often. ``seed`` fixes in
    which order they come."""

    first: int
    grow: float
    every: timedelta
    seed: int

    def sizes(self) -> tuple[int, ...]:
        """The most people of each wave: as many waves as it takes for ten million people, 100 at most."""
        found: list[int] = []
        size = float(self.first)
        while len(found) < MOST_WAVES and sum(found) < MOST_RAMPED:
            found.append(min(round(size), MOST_RAMPED))
            size = min(size * self.grow, float(MOST_RAMPED))
        return tuple(found)

    def waves_for(self, people: int) -> int | None:
        """How many waves reach so many people; None where all of its waves do not."""
        reached = 0
        for number, size in enumerate(self.sizes(), start=1):
            reached += size
            if reached >= people:
                return number
        return None
