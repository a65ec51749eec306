"""The red lines of what is stopped, for every command that shows how the campaign stands."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.desk import Desk
    from campaign.model.stop import Stop
    from campaign.storage.ledger import SqlLedger


def show(stops: Iterable[Stop], *, zone: str, remedy: bool = True) -> None:
    """Who has stopped what, when and why; on stderr, so that results can be piped."""
    from campaign.flow import stop

    for one in stops:
        how = f" {stop.remedy(one)}" if remedy else ""
        screen.say(stop.HEAD, f"{one}, since {screen.local(one.at.replace(microsecond=0), zone)}.{how}")


def show_until(desk: Desk, zone: str) -> None:
    """Until when sending is confirmed, where the dead man's switch is on."""
    if desk.confirm_within is None:
        return
    at = desk.ledger.confirmed_at()
    until = None if at is None else at + desk.confirm_within
    if until is None or until <= desk.clock.now():
        screen.say("Not confirmed: ", "nothing goes out until somebody says: campaign confirm --by NAME")
    else:
        screen.out.print(
            f"Confirmed until {screen.local(until.replace(microsecond=0), zone)}; then everything halts, "
            "unless somebody says again: campaign confirm",
            soft_wrap=True,
        )


def zone(ledger: SqlLedger) -> str:
    """The campaign's zone, from what was approved last; UTC where nothing was."""
    waves = ledger.waves()
    return ledger.bundle(waves[-1].digest).plan.zone if waves else "UTC"
