"""The plan: schedules.yaml, read and validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Literal, NewType

from campaign.model.breaker import Limits
from campaign.model.condition import After, Condition, Elsewhere
from campaign.model.frequency import Frequency
from campaign.model.message import Source
from campaign.model.pace import (
    DomainRate,
    Pace,
    Portions,
    Ramp,
    Rate,
    by_channel,
    by_domain,
    by_step,
)
from campaign.model.segment import Segment, Share

Channel = NewType("Channel", str)
"""A channel that can be sent over: one of ours, or a network that another package adds. Whoever reads a plan makes it,
after a look at whether it is there."""
EMAIL = Channel("email")
CHANNELS: tuple[Channel, ...] = (EMAIL, Channel("x"), Channel("bluesky"), Channel("mastodon"))
"""Those that need no other package."""
Then = Literal["send", "hold", "skip"]


@dataclass(frozen=True, slots=True)
class Absolute:
    """An instant written out in full, already UTC. ``written`` is how the plan says it."""

    at: datetime
    written: str


@dataclass(frozen=True, slots=True)
class Relative:
    """A time hung on T-0.

    ``T+2h`` has an ``offset`` and no ``clock``. ``T-1d 09:00`` has whole ``days`` and a wall ``clock`` read in the
    campaign's zone, or where the supporter is if ``local``.
    """

    written: str
    offset: timedelta = timedelta(0)
    days: int = 0
    clock: time | None = None
    local: bool = False


When = Absolute | Relative


@dataclass(frozen=True, slots=True)
class Cron:
    """The minutes, hours, days of the month, months and weekdays (0 is Sunday) that a cron expression names, each in
    order. ``either``: a day is right by its date or by its weekday, since both are given (POSIX, crontab)."""

    written: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    either: bool = False


@dataclass(frozen=True, slots=True)
class Repeat:
    """A step that comes again ``every`` so often, or at each time that ``cron`` names from its own time on. It stops
    after ``until`` (inclusive) or ``count`` times in all."""

    every: timedelta = timedelta(0)
    until: When | None = None
    count: int | None = None
    cron: Cron | None = None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the day in which nobody is written to: from ``start`` up to ``end``, which may be on the next day."""

    start: time
    end: time


@dataclass(frozen=True, slots=True)
class Late:
    """How late a wave may start, and what becomes of one that is later."""

    within: timedelta
    then: Then


class Skipped(StrEnum):
    """Which instant is meant by a local time that the zone skips (clocks go forward)."""

    LATER = "later"
    EARLIER = "earlier"


class Doubled(StrEnum):
    """Which instant is meant by a local time that the zone has twice (clocks go back)."""

    FIRST = "first"
    SECOND = "second"


@dataclass(frozen=True, slots=True)
class ClockChange:
    skipped: Skipped = Skipped.LATER
    doubled: Doubled = Doubled.FIRST


@dataclass(frozen=True, slots=True)
class Sender:
    """Who the e-mail is from, and the provider that carries it. ``postal_address`` is a duty under CAN-SPAM."""

    via: Literal["sendgrid", "smtp"]
    address: str
    name: str
    postal_address: str
    reply_to: str = ""


@dataclass(frozen=True, slots=True)
class DeclaredFact:
    """A figure or date that messages may state although the letter does not, with where it comes from."""

    name: str
    value: str
    source: str
    line: int


HandOff = Literal["direct", "staged"]
AHEAD = timedelta(hours=2)
"""How long before its instant a staged step is handed over, where the plan says nothing else."""
DecideBy = Literal["clicks", "actions", "hand"]


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant of an A/B test: another message, or the step's own with another ``subject`` (template, by language;
    "" is for the only one that a message has)."""

    name: str
    message: str
    subject: Mapping[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AbTest:
    """Two to five ``arms`` go to a random ``share`` of the audience (in 1/10,000), divided evenly among them; what
    was best by ``decide_by`` goes to the rest, ``after`` that time. ``seed`` fixes who is in which arm."""

    arms: tuple[Arm, ...]
    share: int
    decide_by: DecideBy
    after: timedelta
    seed: int

    def shares(self) -> Mapping[str, Share]:
        """Who is in each arm. All are of one size, to the 1/10,000: what does not divide evenly is left to the rest."""
        each = self.share // len(self.arms)
        return {
            arm.name: Share(start=number * each, end=(number + 1) * each, seed=self.seed)
            for number, arm in enumerate(self.arms)
        }


@dataclass(frozen=True, slots=True)
class Step:
    """One planned sending. ``accounts`` are names from the settings (posts), ``segment`` who gets it (e-mail).

    ``hand_off`` ``staged`` hands e-mail to the provider ``ahead`` of its instant, which sends it at the instant;
    ``direct`` hands it over at the instant. ``embargo`` is the floor before which nothing of this step may leave;
    None is no floor. ``thread`` ``first`` posts only the first part of its message, for accounts that may not reply.
    ``approvers`` is how many people must approve it. ``quiet`` are hours in which it does not come. ``portions`` or
    ``ramp`` divide its audience into waves one after the other, ``rate`` is how fast each goes out, and
    ``domain_rates`` how fast to some mailbox domains. One that is ``exempt`` goes out to people however many e-mails
    they have had. It waits until what it comes ``after`` is out, and until what is to be so ``when`` it goes is so.
    ``line`` is where the step begins in the plan.
    """

    id: str
    channel: Channel
    message: str
    at: When
    late: Late
    line: int
    segment: Segment | None = None
    accounts: tuple[str, ...] = ()
    repeat: Repeat | None = None
    embargo: datetime | None = None
    visibility: Literal["public", "unlisted", "private"] = "public"
    thread: Literal["whole", "first"] = "whole"
    repeat_text: bool = False
    hand_off: HandOff = "direct"
    ahead: timedelta = AHEAD
    ab_test: AbTest | None = None
    approvers: int = 1
    quiet: Quiet | None = None
    portions: Portions | None = None
    ramp: Ramp | None = None
    rate: Rate | None = None
    domain_rates: tuple[DomainRate, ...] = ()
    exempt: bool = False
    after: After | None = None
    when: tuple[Elsewhere, ...] = ()

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """All that has to be so before it goes out, in the order by which the ledger numbers them."""
        return (*((self.after,) if self.after else ()), *self.when)

    def messages(self) -> tuple[str, ...]:
        """The names of its message, and of those that arms of its A/B test have instead."""
        arms = self.ab_test.arms if self.ab_test else ()
        return tuple(dict.fromkeys((self.message, *(arm.message for arm in arms))))

    def handed_over_ahead(self, due_at: datetime) -> timedelta:
        """How long before ``due_at`` a wave of it is handed to the provider: not before the embargo."""
        if self.hand_off == "direct":
            return timedelta(0)
        return self.ahead if self.embargo is None else max(timedelta(0), min(self.ahead, due_at - self.embargo))


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan that holds no error. ``launch`` is T-0 in UTC, ``zone`` the campaign's IANA zone.

    ``links`` are named URLs that messages use (``action`` and ``letter`` always exist), ``untagged`` hosts whose
    links get no UTM tags, ``facts`` what messages may state beside the letter. ``handles`` are the accounts' names on
    their networks, by channel and account: who must stand behind the credentials; ``longest`` how many characters a
    post of theirs may have, where their server takes other than most do. ``breakers`` are how much may go
    wrong with what is sent: they can only stop it, so nobody has to approve them. ``author`` is who has written what
    is to be approved, "" where the plan does not say. ``launch_written`` is how it writes T-0. ``rates`` are how fast
    whole channels go out, ``domain_rates`` how fast all e-mail to some mailbox domains does. ``frequency`` is how many
    e-mails anybody gets at most.
    """

    path: Path
    campaign: str
    title: str
    organisation: str
    launch: datetime
    zone: str
    language: str
    letter: Path
    messages: Path
    sender: Sender | None
    links: Mapping[str, str]
    untagged: tuple[str, ...]
    hashtags: tuple[str, ...]
    facts: Mapping[str, DeclaredFact]
    segments: Mapping[str, Segment]
    clock_change: ClockChange
    steps: tuple[Step, ...]
    target_email: str = ""
    handles: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    longest: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    author: str = ""
    launch_written: str = ""
    breakers: Limits = field(default_factory=Limits)
    rates: Mapping[Channel, Rate] = field(default_factory=dict)
    domain_rates: tuple[DomainRate, ...] = ()
    frequency: Frequency | None = None

    @property
    def addressed(self) -> tuple[Segment, ...]:
        """Whom its e-mail is for: each segment once, in the order of the steps."""
        return tuple(dict.fromkeys(step.segment for step in self.steps if step.segment is not None))

    def paces(self, step: Step) -> tuple[Pace, ...]:
        """The rates that a step keeps to: its own, and the one of its channel that it shares with others."""
        paces = [Pace(by_step(step.id), step.rate)] if step.rate else []
        if step.channel in self.rates:
            paces.append(Pace(by_channel(step.channel), self.rates[step.channel]))
        if step.channel == EMAIL:
            paces += [Pace(by_domain(one.domains[0], step.id), one.rate, one.domains) for one in step.domain_rates]
            paces += [Pace(by_domain(one.domains[0]), one.rate, one.domains) for one in self.domain_rates]
        return tuple(paces)

    def frequency_of(self, step: Step) -> Frequency | None:
        """How many e-mails whoever gets this step may get at most; None where it does not matter."""
        return None if step.exempt or step.channel != EMAIL else self.frequency

    def step(self, step_id: str) -> Step:
        """The step of that id; KeyError where there is none."""
        for step in self.steps:
            if step.id == step_id:
                return step
        raise KeyError(step_id)
