"""feedback: what providers tell us later. It settles doubts, moves deliveries on, and suppresses people.

What was posted waits in the inbox until the ledger has it. Between the two a crash is harmless, and so are two programs
that apply the same: an event changes something once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from campaign.errors import CampaignError
from campaign.model.delivery import DeliveryId, Keys
from campaign.model.event import Event, EventKind
from campaign.model.resolution import Correction
from campaign.model.wave import WaveState
from campaign.ports.clock import Clock
from campaign.ports.inbox import Inbox, Posted
from campaign.ports.ledger import Ledger

if TYPE_CHECKING:
    from campaign.flow.desk import Desk

LOOK = timedelta(seconds=3)
"""How often the inbox is looked at while mail is on its way."""
GLANCE = timedelta(seconds=30)
"""How long a whole turn is put off at most while mail is on its way."""
KEEP = timedelta(days=90)
"""How long raw bodies are kept, where nothing else is set."""


class Read(NamedTuple):
    """What a posted body holds: its events, and how much of it could not be read, in words."""

    events: Sequence[Event]
    unread: int = 0
    why: str = ""


Reader = Callable[[bytes], Read]


@dataclass
class Feedback:
    """The way from the inbox to the ledger. ``readers`` understand what was posted, by channel."""

    inbox: Inbox
    ledger: Ledger
    keys: Keys
    clock: Clock
    readers: Mapping[str, Reader]
    tell: Callable[[str], None] = lambda _what: None
    keep: timedelta = KEEP
    told: set[int] = field(default_factory=set)
    """Requests that could not be applied and of which that was said."""

    def apply(self) -> Counter[EventKind]:
        """Apply what waits in the inbox, oldest first; how many events were new, by kind.

        A request that holds an event of a delivery which is being sent this very moment waits, whole, for the next
        time: only then is it known whether the event moves it on or settles it.
        """
        new: Counter[EventKind] = Counter()
        for posted in _each(self.inbox.waiting):
            try:
                new += self._one(posted)
            except CampaignError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is in one request must not keep the others waiting
                if posted.id not in self.told:
                    self.told.add(posted.id)
                    self.tell(
                        f"request {posted.id} of the inbox could not be applied ({type(error).__name__}); it stays"
                    )
        return new

    def _one(self, posted: Posted) -> Counter[EventKind]:
        read = self._read(posted)
        applied = self.ledger.apply(_ours(self.keys, read.events), now=self.clock.now())
        for one in applied.corrected:
            self.tell(corrected(one))
        if applied.new.get(EventKind.DROPPED):
            for why, number in _about_us(read.events).items():
                self.tell(f"{number:,} dropped by the provider, and not because of the address: {why}")
        if not applied.early:
            self.inbox.applied(posted.id, at=self.clock.now(), why=read.why)
            if read.unread:
                self.tell(f"request {posted.id} of the inbox: {read.why}; it is kept as it came")
        return Counter(applied.new)

    def again(self, *, since: datetime | None = None) -> int:
        """Judge anew, from the raw bodies, whose openings and clicks those were; how many changed."""
        changed = 0
        for posted in _each(lambda *, after: self.inbox.kept(after=after, since=since)):
            changed += self.ledger.judge(_ours(self.keys, self._read(posted).events))
        return changed

    def prune(self) -> int:
        """Let raw bodies go that were kept long enough; how many requests."""
        return self.inbox.prune(before=self.clock.now() - self.keep)

    def _read(self, posted: Posted) -> Read:
        reader = self.readers.get(posted.channel)
        return Read((), unread=1, why="nobody here reads it") if reader is None else reader(posted.body)


def apply(desk: Desk) -> Mapping[EventKind, int]:
    """Apply the events that came since the last time; how many were new, by kind.

    An event whose key was not made by us is nobody's delivery and is left out.
    """
    applied = desk.ledger.apply([*desk.early, *_ours(desk.keys, desk.events())], now=desk.clock.now())
    desk.early = applied.early
    for one in applied.corrected:
        desk.tell(corrected(one))
    new = Counter(applied.new)
    if desk.feedback is not None:
        new += desk.feedback.apply()
    return new


def corrected(one: Correction) -> str:
    """An event has shown that a person was wrong: in words for whoever has to answer for it."""
    told = one.resolution
    again = told.number - one.kept
    sent = f"up to {again:,} of them may have gone out twice" if again else "none of them goes out again"
    return (
        f"WARNING: {told.step}#{told.wave}, batch {told.batch_id}: {told.by} said that it was not sent, and it was "
        f"({told.evidence}): {told.number:,} messages, {sent}"
    )


def listening(
    desk: Desk, turn: Callable[[], datetime | None], *, changed: Callable[[], bool] = lambda: False
) -> Callable[[], datetime | None]:
    """``turn``, and between two of them a look at the inbox every few seconds while mail is on its way.

    A look is not a whole turn: networks that are asked about doubts are not to be asked that often. Where something has
    ``changed`` that people wait for, a turn comes at once.
    """
    whole_at: datetime | None = None

    def heard() -> datetime | None:
        nonlocal whole_at
        if desk.feedback is None:
            return turn()
        now = desk.clock.now()
        # A clock that was set back would put the next turn off for long.
        if whole_at is not None and now < whole_at <= now + GLANCE and not changed():
            apply(desk)
            if _out(desk):
                return min(whole_at, now + LOOK)
        instant = turn()
        if not _out(desk):
            whole_at = None
            return instant
        now = desk.clock.now()
        whole_at = now + GLANCE if instant is None else min(instant, now + GLANCE)
        return min(whole_at, now + LOOK)

    return heard


def _out(desk: Desk) -> bool:
    return bool(desk.ledger.waves(states=(WaveState.PREPARED,)))


def _ours(keys: Keys, events: Sequence[Event]) -> list[tuple[DeliveryId, Event]]:
    ours = keys.read_all({event.key for event in events})
    return [(ours[event.key], event) for event in events if event.key in ours]


def _each(following: Callable[..., Posted | None]) -> Iterator[Posted]:
    last = 0
    while (posted := following(after=last)) is not None:
        last = posted.id
        yield posted


def _about_us(events: Sequence[Event]) -> Counter[str]:
    """Drops that say nothing against the address: a spent quota, say. A person has to know."""
    return Counter(event.why for event in events if event.kind is EventKind.DROPPED and event.bars is None)
