"""A desk for taking back what providers hold, and for nothing else: it needs no files, only the ledger and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from campaign.bootstrap import Report, channels
from campaign.flow.desk import Desk
from campaign.model.delivery import Keys
from campaign.ports.channel import MailChannel
from campaign.ports.clock import Clock
from campaign.settings import Settings
from campaign.storage.ledger import SqlLedger


@contextmanager
def reaching(settings: Settings, ledger: SqlLedger, *, clock: Clock, report: Report) -> Iterator[Desk]:
    """The desk, with the channels that the waves went by of which a provider holds anything.

    Raises NotConfigured with all that is missing for one of them.
    """
    held = ledger.groups(open_at=clock.now())
    mails: dict[str, MailChannel] = {}
    with ExitStack() as stack:
        for digest in {group.wave.digest for group in held}:
            plan = ledger.bundle(digest).plan
            if plan.sender is not None and plan.sender.via not in mails:
                opened, _ = channels.live(settings, plan, clock=clock)
                for name, channel in opened.items():
                    stack.callback(channel.close)
                    mails[name] = channel
        yield Desk(
            ledger=ledger,
            mails=mails,
            posts={},
            clock=clock,
            keys=Keys(settings.secret()),
            public_url=settings.public_url,
            owner="",
            digests=dict,
            report=report,
        )
