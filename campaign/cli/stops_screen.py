"""The red lines of what is stopped, for every command that shows how the campaign stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.model.stop import Stop
    from campaign.storage.ledger import SqlLedger


def show(stops: Iterable[Stop], *, zone: str, remedy: bool = True) -> None:
    """Who has stopped what, when and why; on stderr, so that results can be piped."""
    from campaign.flow import stop

    for one in stops:
        how = f" {stop.remedy(one)}" if remedy else ""
        screen.say(stop.HEAD, f"{one}, since {screen.local(one.at.replace(microsecond=0), zone)}.{how}")


def zone(ledger: SqlLedger) -> str:
    """The campaign's zone, from what was approved last; UTC where nothing was."""
    waves = ledger.waves()
    return ledger.bundle(waves[-1].digest).plan.zone if waves else "UTC"
