"""What a preflight looks with: the people in the database, the step's own channel without its credentials, lookups."""

from __future__ import annotations

from campaign.bootstrap import channels
from campaign.flow.desk import Watch
from campaign.flow.preflight import Instruments
from campaign.model.plan import Plan
from campaign.ports.channel import MailChannel
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters


def instruments(settings: Settings, plan: Plan, database: Database, *, links: bool, watch: Watch) -> Instruments:
    """``links``: whether to ask for the pages that links lead to."""
    from campaign.lookups.pages import WebPages
    from campaign.lookups.spamassassin import SpamAssassin

    return Instruments(
        supporters=SqlSupporters(database),
        channel=_reader(plan.sender.via if plan.sender else "sendgrid"),
        raw=_reader("smtp"),
        public_url=settings.public_url,
        spam=SpamAssassin(),
        pages=WebPages() if links else None,
        watch=watch,
    )


def _reader(provider: str) -> MailChannel:
    return channels.reader(provider)  # type: ignore[return-value]  # these two providers carry mail
