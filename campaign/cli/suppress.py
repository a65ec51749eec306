"""campaign suppress: addresses that must not be written to."""

from __future__ import annotations

from typing import Annotated

import typer

from campaign.cli import screen
from campaign.cli.supporters import normalised, now, opened
from campaign.model.supporter import Reason


def suppress(
    emails: Annotated[list[str], typer.Argument(metavar="EMAIL...", help="One address or several.")],
    reason: Annotated[Reason, typer.Option("--reason", help="Why.")] = Reason.BY_HAND,
    source: Annotated[str, typer.Option("--source", help="Who or what asked for it.")] = "command line",
    lift: Annotated[
        bool, typer.Option("--lift", help="Let mail go to them again. Only at the person's own wish.")
    ] = False,
) -> None:
    """Never write to an address again, whether we know it or not. The first reason stays.

    Only a hash of the address is kept. No import lifts it; --lift does, and both are recorded.
    """
    if reason is Reason.FORGOTTEN:
        raise typer.BadParameter("to erase somebody use: campaign supporters forget EMAIL")
    addresses = [normalised(email) for email in emails]
    at = now()
    with opened() as people:
        for address in addresses:
            if lift:
                changed = people.lift(address, source=source, at=at)
                said = "may be written to again" if changed else "was not suppressed"
            else:
                changed = people.suppress(address, reason=reason, source=source, at=at)
                said = "will not be written to" if changed else "was suppressed already"
            screen.out.print(f"{address} {said}.", soft_wrap=True)
