"""campaign resume: what was halted or paused goes on."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen, stops_screen

if TYPE_CHECKING:
    from campaign.model.stop import Resumed, Stop
    from campaign.storage.ledger import SqlLedger


def resume(
    step: Annotated[str, typer.Argument(help="A step that is paused; without it, everything that is halted.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who lets it go on, by name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
) -> None:
    """Let what was halted, or one step that was paused, go on.

    It shows who stopped it, when and why, and what goes out at once, and asks. What has become too late meanwhile does
    not go out: it is held or skipped, as its step says. Steps that were paused by themselves stay paused.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.storage.ledger import SqlLedger

    database = bootstrap.open_database(settings.load())
    try:
        ledger = SqlLedger(database, world="sandbox" if sandbox else "live")
        ending = _ending(ledger, step)
        if not ending:
            return
        stops_screen.show(ending, zone=stops_screen.zone(ledger), remedy=False)
        staying = [one for one in ledger.stops() if one not in ending]
        show_outlook(ledger, ending, staying)
        ask(yes=yes)
        who = by.strip() or getpass.getuser()
        report(ledger.resume(step, by=who, at=SystemClock().now()), ledger)
    finally:
        database.close()


def _ending(ledger: SqlLedger, step: str) -> Sequence[Stop]:
    """What it would end; where there is nothing, it says so."""
    from campaign.cli import names
    from campaign.errors import CampaignError
    from campaign.model.stop import DEAD_MAN, EVERYTHING

    active = ledger.stops()
    if step:
        known = dict.fromkeys([*(wave.step for wave in ledger.waves()), *(one.step for one in active if one.step)])
        names.one_of(step, known, "was never approved here", option="STEP")
    found = [one for one in active if one.step == step and one.by != DEAD_MAN]
    if found:
        return found
    dead_man = [one for one in active if one.by == DEAD_MAN]
    if dead_man and step == EVERYTHING:
        raise CampaignError(f"{dead_man[0]}; it goes on with: campaign confirm --by NAME")
    screen.out.print(f"{step} is not paused." if step else "Nothing is halted.")
    stops_screen.show(active, zone=stops_screen.zone(ledger))
    return ()


def show_outlook(ledger: SqlLedger, ending: Sequence[Stop], staying: Sequence[Stop]) -> None:
    """What happens once ``ending`` have ended."""
    from campaign.engines.clock import SystemClock
    from campaign.flow import stop

    now = SystemClock().now()
    found = stop.outlook(ledger.waves(), ending, staying, now=now)
    zone = stops_screen.zone(ledger)
    for wave in found.at_once:
        unsent = stop.unsent(wave)
        number = screen.counted(unsent, "message") if unsent else "all of it"
        screen.out.print(f"Goes out at once: {wave.name}, {number}.", style="bold", soft_wrap=True)
    for wave in found.late:
        became, why = wave.too_late(now)
        screen.say("Too late: ", f"{wave.name} becomes {became.value}: {why}.", style="yellow")
    if found.to_come:
        first = min(found.to_come, key=lambda wave: wave.due_at)
        number = screen.counted(len(found.to_come), "wave")
        screen.out.print(f"To come: {number}, the next {first.name} at {screen.local(first.due_at, zone)}.")
    if not (found.at_once or found.late or found.to_come):
        screen.out.print("Nothing of it is left to send.")


def ask(*, yes: bool) -> None:
    """A person's word that it may go on. Exits with 1 where it may not."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody is there to confirm; say --yes if that is what you mean", param_hint="--yes")
    if not typer.confirm("Let it go on?"):
        screen.out.print("It stays stopped.")
        raise typer.Exit(1)


def report(done: Resumed, ledger: SqlLedger) -> None:
    if not done.stops:
        screen.out.print("Somebody else has let it go on meanwhile.")
    for one in done.stops:
        what = f"{one.step} goes" if one.step else "All goes"
        screen.out.print(f"{what} on.", style="bold green")
    for name, became in done.late:
        screen.say("Too late: ", f"{name} is {became}; let it go with: campaign approve --release", style="yellow")
    stops_screen.show(ledger.stops(), zone=stops_screen.zone(ledger))
