"""How people are told what happens: through apprise where the world is the live one, on the screen in the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from campaign.flow.desk import Desk
from campaign.flow.notices import Notices
from campaign.model.plan import Plan
from campaign.ports.clock import Clock
from campaign.ports.notices import Notifier
from campaign.settings import Settings
from campaign.storage.notices import SqlOutbox

if TYPE_CHECKING:
    from campaign.storage.database import Database

_AT_THE_END_S = 5.0
"""How long what is still to be told is waited for when the program ends; the next one tells the rest."""
_IN_A_HURRY_S = 1.5
"""The same where it was told to end, which takes ten seconds at most in all."""


def notifier(settings: Settings) -> Notifier | None:
    """None where nobody is to be told. Raises NotConfigured for an address that apprise does not know."""
    addresses = settings.notify.addresses()
    if not addresses:
        return None
    from campaign.notifying.apprise import Apprise

    return Apprise(addresses)


def notices(
    settings: Settings, database: Database, plan: Plan, world: str, *, clock: Clock, tell: Callable[[str], None]
) -> Notices:
    """Only the live world tells anybody. A rehearsal makes the notices that there would be, and shows them as they
    come where somebody has said whom they are for."""
    configured = bool(settings.notify.addresses())
    live = world == "live"
    return Notices(
        SqlOutbox(database, world=world),
        clock,
        tell=tell if live or configured else lambda _what: None,
        notifier=notifier(settings) if live else None,
        on=settings.notify.on,
        shows=world == "rehearsal" or (not live and configured),
        campaign=plan.campaign,
        zone=plan.zone,
    )


def finish(desk: Desk) -> None:
    """Tell what is still to be told, as far as there is time."""
    if desk.notices is not None:
        desk.notices.finish(within_s=_IN_A_HURRY_S if desk.stopping.is_set() else _AT_THE_END_S)
