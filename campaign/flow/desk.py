"""The desk: everything that the flow works with, put together by ``campaign.bootstrap``."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Flag
from typing import Protocol

from campaign.flow.feedback import Feedback
from campaign.flow.notices import Notices
from campaign.model.breaker import Limits
from campaign.model.condition import Condition
from campaign.model.delivery import DeliveryId, Keys, unsubscribe_url
from campaign.model.event import Event
from campaign.model.happening import Fact, Happening, Level
from campaign.model.price import Prices
from campaign.model.wave import Wave
from campaign.ports.channel import MailChannel, PostChannel
from campaign.ports.clock import Clock
from campaign.ports.conditions import Looker
from campaign.ports.ledger import Ledger

LEASE = timedelta(minutes=2)
"""How long a claim holds. Whoever is at work renews it; after a crash it is how long nothing happens."""


POST_LEASE = timedelta(seconds=20)
"""The same for posts, whose doubts are to be settled within a minute."""

LOST = "a claim is lost, or its wave was stopped; nothing was sent"
"""What programs are told of it: the words for people may name who stopped it."""
GRACE = timedelta(seconds=8)
"""How long calls that are under way are waited for when the program is to stop."""

_CALL = timedelta(minutes=1)
"""A call to a network that nobody waits for is over by then."""


class Watch(Protocol):
    """Shows progress. Numbers are of deliveries, and add to those before."""

    def planned(self, number: int) -> None:
        """So many more have entered the ledger."""
        ...

    def done(self, number: int) -> None:
        """Of so many more it is known what became of them."""
        ...


class Unwatched:
    def planned(self, number: int) -> None: ...

    def done(self, number: int) -> None: ...


@dataclass
class Desk:
    """``mails`` are the e-mail channels by provider, ``posts`` the others by channel. ``owner`` names this process in
    the ledger. ``digests`` tells the digest that each step has as its files are now. ``events`` brings what providers
    have told since it was last asked, ``early`` is what of it has to be applied again, and ``feedback`` brings what was
    posted to us. ``report`` is told what happens, in words without personal data; ``happened`` is told the same and
    more with its facts, for programs; None is nobody. Once ``stopping``, what is under way is waited for until
    ``leave_at``. ``watch`` is told how far the work has got. ``accounts`` are those that it reaches, each with its
    channel; None is all. ``prices`` are what channels charge, and ``budgets`` the most that they may cost, in
    micro-USD. ``read_after`` is how long after posting a post's figures are read; ``resting`` until when an account is
    not asked for them, and how often in a row it did not tell them. Nothing is sent unless somebody has confirmed
    ``confirm_within`` so long; None is no such switch. ``confirmed_until`` is until when that was so when it was last
    looked up. ``limits`` tells what breakers hold everything to, and ``notices`` is the way to people who are not
    looking at the screen."""

    ledger: Ledger
    mails: Mapping[str, MailChannel]
    posts: Mapping[str, PostChannel]
    clock: Clock
    keys: Keys
    public_url: str
    owner: str
    digests: Callable[[], Mapping[str, str]]
    events: Callable[[], Sequence[Event]] = tuple
    early: Sequence[tuple[DeliveryId, Event]] = ()
    feedback: Feedback | None = None
    report: Callable[[datetime, str], None] = lambda _at, _what: None
    happened: Callable[[Happening], None] | None = None
    watch: Watch = field(default_factory=Unwatched)
    lease: timedelta = LEASE
    post_lease: timedelta = POST_LEASE
    stopping: Flag = field(default_factory=Flag)
    opened_at: datetime = field(init=False)
    """Since when this process is at work: from then on networks are asked that could not be read before."""

    leave_at: datetime | None = None
    accounts: Collection[tuple[str, str]] | None = None
    prices: Mapping[str, Prices] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)
    read_after: Sequence[timedelta] = ()
    limits: Callable[[], Limits] = Limits
    notices: Notices | None = None
    resting: dict[tuple[str, str], tuple[datetime, int]] = field(default_factory=dict)
    confirm_within: timedelta | None = None
    confirmed_until: datetime | None = None
    looker: Looker | None = None
    """Who looks at pages and numbers that waves wait for; None where nobody is asked, and they count as met."""

    conditions: dict[str, Sequence[Condition]] = field(default_factory=dict)
    """What steps wait for, by the digest as which they were approved."""

    def __post_init__(self) -> None:
        self.opened_at = self.clock.now()

    def tell(
        self,
        what: str,
        event: str = "told",
        *,
        noted: str = "",
        level: Level = "info",
        wave: Wave | None = None,
        **about: Fact,
    ) -> None:
        """Say it to people, and note it with its facts; in the words ``noted`` where ``what`` may name somebody."""
        self.report(self.clock.now(), what)
        self.note(noted or what, event, level=level, wave=wave, **about)

    def note(self, what: str, event: str, *, level: Level = "info", wave: Wave | None = None, **about: Fact) -> None:
        """Note what only programs ask about. ``wave`` is what it is about, where it is about one."""
        if self.happened is not None:
            of_wave = {"step": wave.step, "wave": wave.name, "channel": wave.channel} if wave else {}
            self.happened(Happening(self.clock.now(), event, what, level, {**of_wave, **about}))

    def stop(self) -> None:
        """Begin nothing more. May be called from a signal handler."""
        if self.leave_at is None:
            self.leave_at = self.clock.now() + GRACE
        self.stopping.set()

    def left_s(self) -> float:
        """How many seconds what is under way may still take where the desk is stopping."""
        leave_at = self.leave_at or self.clock.now() + GRACE
        return max(0.0, (leave_at - self.clock.now()).total_seconds())

    def has_time(self, until: datetime | None) -> bool:
        """Whether there is time for a call that nobody waits for, where the next thing is to be sent at ``until``."""
        return not self.stopping.is_set() and (until is None or until - self.clock.now() > _CALL)

    def unsubscribe_url(self, key: str) -> str:
        return unsubscribe_url(self.public_url, key)
