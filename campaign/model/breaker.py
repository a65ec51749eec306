"""Breakers: how much may go wrong with what is sent before people are warned, and before a step is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from campaign.model.delivery import TAKEN, State

BREAKER = "breaker"
"""Who has stopped a step, where it was no person."""


class Measure(StrEnum):
    """``complaints`` and ``bounces`` are of what the provider took, the others of what it was asked to take."""

    COMPLAINTS = "complaints"
    BOUNCES = "bounces"
    REFUSALS = "refusals"
    DEFERRALS = "deferrals"
    DOUBTS = "doubts"


OF_TAKEN = frozenset({Measure.COMPLAINTS, Measure.BOUNCES})
OF_THIS_MOMENT = frozenset({Measure.DEFERRALS, Measure.DOUBTS})
"""Time mends most of these, and one call that fails leaves a thousand of them: they count ten times later."""
_LATER = 10


class Gauge(NamedTuple):
    """Deliveries, counted: ``tried`` with a provider, ``taken`` by it, and what became of them.

    ``bounces`` are those that came back, or that the receiver has turned away; ``refusals`` those that the provider did
    not take, or dropped later; ``deferrals`` and ``doubts`` those that wait, or are in doubt, at this moment.
    """

    taken: int = 0
    tried: int = 0
    complaints: int = 0
    bounces: int = 0
    refusals: int = 0
    deferrals: int = 0
    doubts: int = 0

    @classmethod
    def of(cls, counts: Mapping[State, int], *, blocked: int = 0) -> Self:
        """What counters of deliveries by state say; ``blocked`` are those that their receiver has turned away."""
        taken = sum(counts.get(state, 0) for state in TAKEN)
        refused, deferred, doubtful = (
            counts.get(state, 0) for state in (State.REFUSED, State.DEFERRED, State.IN_DOUBT)
        )
        return cls(
            taken=taken,
            tried=taken + refused + deferred + doubtful,
            complaints=counts.get(State.COMPLAINED, 0),
            bounces=counts.get(State.BOUNCED, 0) + blocked,
            refusals=refused + counts.get(State.DROPPED, 0),
            deferrals=deferred,
            doubts=doubtful,
        )

    def plus(self, other: Self) -> Self:
        return type(self)(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))

    def since(self, before: Self) -> Self:
        """What has been added to ``before``; never less than nothing."""
        return type(self)(*(max(0, now - then) for now, then in zip(self, before, strict=True)))

    def number(self, measure: Measure) -> int:
        found: int = getattr(self, measure.value)
        return found

    def out_of(self, measure: Measure) -> int:
        return self.taken if measure in OF_TAKEN else self.tried


@dataclass(frozen=True, slots=True)
class Limit:
    """Shares in 1/10,000, from which on people are warned, and a step is stopped; None is never."""

    warn: int | None = None
    stop: int | None = None


@dataclass(frozen=True, slots=True)
class Breakers:
    """``after`` so many deliveries that a share is one of, and not before, its limit counts; see ``counts_from``."""

    after: int
    limits: Mapping[Measure, Limit] = field(default_factory=dict)

    def counts_from(self, measure: Measure) -> int:
        """How many deliveries it takes for the measure's limits to count."""
        return self.after * _LATER if measure in OF_THIS_MOMENT else self.after


MAIL = Breakers(
    after=500,
    limits={
        # Gmail and Yahoo ask senders to stay below 0.1 % and never to reach 0.3 %:
        # https://support.google.com/a/answer/81126
        Measure.COMPLAINTS: Limit(warn=10, stop=30),
        Measure.BOUNCES: Limit(warn=200, stop=500),
        Measure.REFUSALS: Limit(warn=300, stop=1_000),
        # What is put off is tried again, ever less often, until it is too late: to stop it mends nothing.
        Measure.DEFERRALS: Limit(warn=2_500),
        Measure.DOUBTS: Limit(warn=500, stop=2_500),
    },
)
"""For e-mail, where the plan says nothing else."""
POSTS = Breakers(
    after=10,
    limits={
        Measure.REFUSALS: Limit(warn=2_500, stop=5_000),
        # Networks put posts off as a matter of course: their limits are by the quarter of an hour.
        Measure.DEFERRALS: Limit(),
        # They are asked within a minute, and a part in doubt holds all those behind it.
        Measure.DOUBTS: Limit(),
    },
)
"""For posts, of which there are few, and of which nothing bounces. Each part of a thread is one."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What holds for e-mail and for posts as a whole, and for ``steps`` that say otherwise, by id."""

    mail: Breakers = MAIL
    posts: Breakers = POSTS
    steps: Mapping[str, Breakers] = field(default_factory=dict)

    def of_channel(self, channel: str) -> Breakers:
        return self.mail if channel == "email" else self.posts

    def of_step(self, step: str, channel: str) -> Breakers:
        return self.steps.get(step) or self.of_channel(channel)


@dataclass(frozen=True, slots=True)
class Gauged:
    """A step that was begun, or a channel (``step`` "").

    ``gauge`` is since ``resumed``, the last stop by a breaker that somebody has ended; 0 where there was none: then
    since its beginning. ``goes_out`` where something of it is still to come, ``stopped`` where somebody has stopped it.
    """

    step: str
    channel: str
    gauge: Gauge
    resumed: int = 0
    goes_out: bool = False
    stopped: bool = False
