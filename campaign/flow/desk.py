"""The desk: everything that the flow works with, put together by ``campaign.bootstrap``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event as Flag

from campaign.model.delivery import Keys
from campaign.model.event import Event
from campaign.ports.channel import MailChannel, PostChannel
from campaign.ports.clock import Clock
from campaign.ports.ledger import Ledger

LEASE = timedelta(minutes=5)
"""How long a claim holds. Longer than any call to a provider can take, so that no doubt is settled while the call that
raised it is still under way."""


@dataclass
class Desk:
    """``mails`` are the e-mail channels by provider, ``posts`` the others by channel. ``owner`` names this process in
    the ledger. ``digests`` tells the digest that each step has as its files are now. ``events`` brings what providers
    have told since it was last asked. ``report`` is told what happens, in words without personal data."""

    ledger: Ledger
    mails: Mapping[str, MailChannel]
    posts: Mapping[str, PostChannel]
    clock: Clock
    keys: Keys
    public_url: str
    owner: str
    digests: Callable[[], Mapping[str, str]]
    events: Callable[[], Sequence[Event]] = tuple
    report: Callable[[datetime, str], None] = lambda _at, _what: None
    lease: timedelta = LEASE
    stopping: Flag = field(default_factory=Flag)

    def tell(self, what: str) -> None:
        self.report(self.clock.now(), what)

    def unsubscribe_url(self, key: str) -> str:
        """The one-click unsubscribe link of a delivery (RFC 8058): opaque, and signed by its key."""
        return f"{self.public_url}/u/{key}"
