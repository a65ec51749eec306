"""campaign confirm: somebody is there. The dead man's switch asks for it."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from campaign.cli import resume, screen, stops_screen


def confirm(
    by: Annotated[str, typer.Option("--by", help="Who confirms, by name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, where something goes out at once.")] = False,
) -> None:
    """Say that somebody is there and watches, so that sending may go on.

    Where CAMPAIGN_CONFIRM_WITHIN says so many hours, everything halts by itself once nobody has said this for so long.
    This lifts that halt, and no other: it shows what goes out at once, and asks.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.model.stop import DEAD_MAN
    from campaign.storage.ledger import SqlLedger

    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world="live")
        active = ledger.stops()
        ending = [one for one in active if one.by == DEAD_MAN]
        if ending:
            stops_screen.show(ending, zone=stops_screen.zone(ledger), remedy=False)
            resume.show_outlook(ledger, ending, [one for one in active if one.by != DEAD_MAN])
            resume.ask(yes=yes)
        now = SystemClock().now()
        who = by.strip() or getpass.getuser()
        done = ledger.confirm(by=who, at=now)
        if configured.confirm_within is None:
            screen.out.print(f"Confirmed by {who}. The dead man's switch is off: CAMPAIGN_CONFIRM_WITHIN is not set.")
        else:
            until = screen.local((now + configured.confirm_within).replace(microsecond=0), stops_screen.zone(ledger))
            screen.out.print(f"Confirmed by {who}: sending may go on until {until}.", style="bold", soft_wrap=True)
        if done.stops:
            resume.report(done, ledger)
        else:
            stops_screen.show(ledger.stops(), zone=stops_screen.zone(ledger))
    finally:
        database.close()
