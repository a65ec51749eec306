"""A report: how a rollout went, in plain values that a page can be made of. It names accounts, and nobody who was
written to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from campaign.model.delivery import State
from campaign.model.media import Metrics


class Part(StrEnum):
    """What became of a delivery, told apart as far as a reader needs it. Each delivery is in exactly one."""

    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    COMPLAINED = "complained"
    BOUNCED = "came back"
    RETRACTED = "retracted"
    REFUSED = "refused"
    SUPPRESSED = "suppressed"
    IN_DOUBT = "in doubt"
    MISSED = "missed or cancelled"
    TO_SEND = "still to send"


PART_OF: Mapping[State, Part] = {
    State.DELIVERED: Part.DELIVERED,
    State.ACCEPTED: Part.ACCEPTED,
    State.COMPLAINED: Part.COMPLAINED,
    State.BOUNCED: Part.BOUNCED,
    State.DROPPED: Part.BOUNCED,
    State.RETRACTED: Part.RETRACTED,
    State.REFUSED: Part.REFUSED,
    State.SUPPRESSED: Part.SUPPRESSED,
    State.IN_DOUBT: Part.IN_DOUBT,
    State.MISSED: Part.MISSED,
    State.CANCELLED: Part.MISSED,
    State.PLANNED: Part.TO_SEND,
    State.CLAIMED: Part.TO_SEND,
    State.DEFERRED: Part.TO_SEND,
}
TAKEN_PARTS = (Part.DELIVERED, Part.ACCEPTED, Part.COMPLAINED, Part.BOUNCED, Part.RETRACTED)
"""What a provider took, whatever came of it later."""


@dataclass(frozen=True, slots=True)
class Reactions:
    """How many e-mails of a step were followed by something of that kind, each e-mail counted once; what is held to be
    a program's opening or click is left out."""

    opened: int = 0
    clicked: int = 0
    acted: int = 0
    unsubscribed: int = 0

    def plus(self, other: Reactions) -> Reactions:
        return Reactions(
            self.opened + other.opened,
            self.clicked + other.clicked,
            self.acted + other.acted,
            self.unsubscribed + other.unsubscribed,
        )


@dataclass(frozen=True, slots=True)
class WaveTimes:
    """One wave's instant, and when its first byte left and its last delivery ended; None is not yet, or never."""

    due_at: datetime
    began_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class StepReport:
    """``stands`` is a word for its waves: done, held, waiting … ``parts`` add up to ``planned`` where nobody is lost.

    ``reactions`` are an e-mail step's, ``posts`` and ``figures`` those of a post that stand. ``micro_usd`` is what it
    has cost; ``approved_by`` whose word it went out on.
    """

    step: str
    channel: str
    accounts: Sequence[str]
    stands: str
    waves: Sequence[WaveTimes]
    late_by: timedelta | None
    planned: int
    parts: Mapping[Part, int]
    reactions: Reactions = field(default_factory=Reactions)
    posts: int = 0
    figures: Metrics = field(default_factory=Metrics)
    micro_usd: int = 0
    approved_by: Sequence[str] = ()

    @property
    def is_mail(self) -> bool:
        return self.channel == "email"

    @property
    def taken(self) -> int:
        return sum(self.parts.get(part, 0) for part in TAKEN_PARTS)

    @property
    def due_at(self) -> datetime | None:
        return min((wave.due_at for wave in self.waves), default=None)

    @property
    def began_at(self) -> datetime | None:
        return min((wave.began_at for wave in self.waves if wave.began_at), default=None)

    @property
    def ended_at(self) -> datetime | None:
        """None until every wave has ended."""
        ends = [wave.ended_at for wave in self.waves]
        return max((end for end in ends if end), default=None) if all(ends) else None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why ``number`` deliveries of a step were not accepted."""

    step: str
    part: Part
    why: str
    number: int


@dataclass(frozen=True, slots=True)
class ArmReport:
    """An arm of an A/B test; ``low`` and ``high`` are where the share behind it lies (95 %), None where nothing was
    accepted."""

    arm: str
    accepted: int
    hits: int
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Tested:
    """An A/B test as it stood when it was decided, or stands now. ``did`` is what people did, ``words`` what the
    numbers say, ``chosen`` the arm that the rest gets, "" where nobody knows yet."""

    step: str
    did: str
    arms: Sequence[ArmReport]
    words: str
    chosen: str
    chosen_by: str


@dataclass(frozen=True, slots=True)
class PostReport:
    """One post that a network took. ``url`` is "" where nobody but us can see it."""

    step: str
    channel: str
    account: str
    part: int
    posted_at: datetime
    is_up: bool
    url: str
    figures: Metrics


@dataclass(frozen=True, slots=True)
class Applause:
    """What one network's posts had come to by ``at``: likes, reposts and replies together, as last read by then."""

    channel: str
    at: datetime
    number: int


@dataclass(frozen=True, slots=True)
class Hour:
    """E-mails that were first ``opened``, and ``clicked``, by people within the hour from ``at``."""

    at: datetime
    opened: int
    clicked: int


@dataclass(frozen=True, slots=True)
class Happened:
    """A person's doing, or a breaker's: approved, halted, resumed, chose, said, topped up, retracted."""

    at: datetime
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Open:
    """What still waits for somebody: a doubt, a hold, a stop."""

    step: str
    what: str


@dataclass(frozen=True, slots=True)
class Spent:
    """In micro-USD. ``budget`` is None where none is set."""

    channel: str
    micro_usd: int
    budget: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """``world`` is live, sandbox or rehearsal: only in the first was anybody reached. ``made_at`` is by that world's
    clock. ``left_out`` says how many posts and happenings there are more than are listed."""

    title: str
    organisation: str
    zone: str
    launch: datetime
    world: str
    made_at: datetime
    steps: Sequence[StepReport]
    reasons: Sequence[Reason]
    tests: Sequence[Tested] = ()
    posts: Sequence[PostReport] = ()
    posts_in_all: int = 0
    applause: Sequence[Applause] = ()
    hours: Sequence[Hour] = ()
    spent: Sequence[Spent] = ()
    happened: Sequence[Happened] = ()
    happened_in_all: int = 0
    open: Sequence[Open] = ()
    open_in_all: int = 0

    @property
    def is_live(self) -> bool:
        return self.world == "live"

    @property
    def planned(self) -> int:
        return sum(step.planned for step in self.steps)

    def number(self, *parts: Part) -> int:
        """How many deliveries of all steps are in one of ``parts``."""
        return sum(step.parts.get(part, 0) for step in self.steps for part in parts)

    @property
    def adds_up(self) -> bool:
        return all(sum(step.parts.values()) == step.planned for step in self.steps)
