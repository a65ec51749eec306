"""campaign cancel: a step is not to go out any more, nor what of it a provider holds."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen, taking_back

if TYPE_CHECKING:
    from campaign.model.wave import Wave
    from campaign.storage.ledger import SqlLedger


def cancel(
    step: Annotated[str, typer.Argument(help="The step.")],
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who cancels, by name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
) -> None:
    """Cancel what is still to go out of a step, for good, and take back what a provider holds until its instant.

    It needs neither the plan nor the messages. It says how much had gone out before, and what could not be reached any
    more: SendGrid is sure to take back only what is ten minutes or more from its instant. Again, it tries again.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.errors import CampaignError
    from campaign.model.wave import WaveState
    from campaign.storage.ledger import SqlLedger

    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world="sandbox" if sandbox else "live")
        waves = ledger.waves(step=step)
        if not waves:
            known = ", ".join(dict.fromkeys(wave.step for wave in ledger.waves())) or "none"
            raise CampaignError(f'no step "{step}" was ever approved here; approved are: {known}')
        ended = (WaveState.CANCELLED, WaveState.MISSED, WaveState.DONE)
        still_open = [wave for wave in waves if wave.state not in ended]
        if still_open and not yes and not typer.confirm(f"Cancel {_told(still_open)} of {step}, for good?"):
            screen.out.print("Nothing was cancelled.")
            raise typer.Exit(1)
        said = f"cancelled by {by.strip() or getpass.getuser()}" + (f": {why.strip()}" if why.strip() else "")
        for wave in still_open:
            ledger.end_wave(wave.id, WaveState.CANCELLED, why=said, at=SystemClock().now())
        if not sandbox:
            taking_back.take_back(configured, ledger, {wave.id for wave in waves})
        _report(ledger, step, still_open, now=SystemClock().now(), sandbox=sandbox)
    finally:
        database.close()


def _told(waves: Sequence[Wave]) -> str:
    people = sum(wave.planned for wave in waves)
    return screen.counted(len(waves), "wave") + (f" with {screen.counted(people, 'message')}" if people else "")


def _report(ledger: SqlLedger, step: str, cancelled: Sequence[Wave], *, now: datetime, sandbox: bool) -> None:
    from campaign.flow import review
    from campaign.model.group import GroupState

    figures = review.figures(next(tally for tally in ledger.tallies() if tally.step == step))
    screen.out.print(
        f"{screen.counted(len(cancelled), 'wave')} of {step} cancelled: {figures.missed:,} of its messages will not go "
        f"out; {figures.accepted:,} had been taken by the provider, {figures.in_doubt:,} are in doubt.",
        soft_wrap=True,
    )
    ids = {wave.id for wave in ledger.waves(step=step)}
    held = [group for group in ledger.groups() if group.wave.id in ids and group.send_at > now]
    waits = [group for group in held if group.state is GroupState.CANCELLING]
    unreached = sum(sum(group.batches.values()) for group in held if group.state is not GroupState.CANCELLED)
    if sandbox and unreached:
        screen.say("Still held: ", "`campaign run` takes it back from the stand-in at its next look.", style="yellow")
    elif waits:
        screen.say("Not confirmed: ", f"{waits[0].why}. The same command again tries again.")
        raise typer.Exit(1)
    elif unreached:
        requests = screen.counted(unreached, "request")
        screen.say("Not reached: ", f"{requests} to the provider cannot be taken back any more and will go out.")
        raise typer.Exit(1)
