"""What halt and pause share: the row first, then the wait, what a provider holds, and what had gone before."""

from __future__ import annotations

import getpass
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import typer

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.model.stop import Stop
    from campaign.settings import Settings
    from campaign.storage.ledger import SqlLedger

_PATIENCE = timedelta(seconds=15)
"""How long calls that were under way are waited for: a provider that is slow, or a program that has died."""
_LOOK = timedelta(milliseconds=50)


@dataclass(frozen=True, slots=True)
class Gone:
    """How a step stands once it is stopped, in messages.

    ``gone`` has left for good, ``in_flight`` was on its way at the moment of the stop and is by now in one of the
    others, ``taken_back`` was given back by a provider that held it, ``not_reached`` is held by one and goes out,
    ``under_way`` is not over yet, ``waits`` does not go out before the stop ends.
    """

    step: str
    gone: int = 0
    in_flight: int = 0
    taken_back: int = 0
    not_reached: int = 0
    in_doubt: int = 0
    under_way: int = 0
    waits: int = 0


def stop(step: str, *, why: str, by: str, sandbox: bool, as_json: bool) -> None:
    """Stop ``step``, or everything, and tell what had gone. Exits with 1 where something could not be reached."""
    from campaign.engines.clock import SystemClock
    from campaign.errors import CampaignError

    world = "sandbox" if sandbox else "live"
    who, why = by.strip() or getpass.getuser(), why.strip()
    now = SystemClock().now()
    written = not step and _at_once(world, who, why, now)
    try:
        _stop(step, world, who, why, now, as_json=as_json)
    except CampaignError as error:
        if not written:
            raise
        screen.out.print(f"HALTED, {now:%Y-%m-%d %H:%M:%S} UTC, by {who}", style="bold red", soft_wrap=True)
        screen.say("It holds, but what had gone cannot be told here: ", str(error))
        raise typer.Exit(error.exit_code) from None


def _stop(step: str, world: str, who: str, why: str, now: datetime, *, as_json: bool) -> None:
    from campaign import bootstrap, settings
    from campaign.storage.ledger import SqlLedger

    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world=world)
        if step:
            _known(ledger, step)
        made = ledger.stop(step, by=who, why=why, at=now)
        if not as_json:
            _say(made, [one for one in ledger.stops() if one.step == step], again=made.at != now)
        _tell(configured, ledger, made, sandbox=world == "sandbox", as_json=as_json)
    finally:
        database.close()


def _at_once(world: str, who: str, why: str, now: datetime) -> bool:
    """Write the row before anything else is loaded: meanwhile something leaves. The ordinary way comes after it."""
    from campaign import setting_database
    from campaign.engines.clock import SystemClock
    from campaign.storage import at_once

    url = setting_database.url()
    return url is not None and at_once.stop(url, world, "", by=who, why=why, at=now, clock=SystemClock())


def _known(ledger: SqlLedger, step: str) -> None:
    from campaign.cli import names

    steps = dict.fromkeys(wave.step for wave in ledger.waves())
    names.one_of(step, steps, "was never approved here, so that nothing of it goes out", option="STEP")


def _say(made: Stop, those: Sequence[Stop], *, again: bool) -> None:
    what = f"{made.step} IS PAUSED" if made.step else "HALTED"
    reason = f": {made.why}" if made.why else ""
    already = " already" if again else ""
    at = f"{made.at:%Y-%m-%d %H:%M:%S} UTC"
    screen.out.print(f"{what}{already}, {at}, by {made.by}{reason}", style="bold red", soft_wrap=True)
    for one in those:
        if one.id != made.id:
            screen.out.print(f"Also: {one}, at {one.at:%Y-%m-%d %H:%M:%S} UTC.", soft_wrap=True)


def _tell(configured: Settings, ledger: SqlLedger, made: Stop, *, sandbox: bool, as_json: bool) -> None:
    from campaign.engines.clock import SystemClock
    from campaign.errors import CampaignError

    in_flight = _of(made, ledger.under_way())
    under_way = _wait(ledger, made)
    held = _of(made, ledger.held_by_providers(now=SystemClock().now()))
    why_not = ""
    if held and not sandbox:
        from campaign.cli import taking_back

        waves = {wave.id for wave in ledger.waves() if wave.step in held}
        try:
            taking_back.take_back(configured, ledger, waves, quietly=as_json)
        except CampaignError as error:  # it is stopped all the same; this machine cannot speak to the provider
            why_not = str(error)
    now = SystemClock().now()
    left = _of(made, ledger.held_by_providers(now=now))
    found = _gone(ledger, made, in_flight, under_way, held, left)
    reached = not any(left.values()) and not under_way
    if as_json:
        screen.print_json({"stop": asdict(made), "reached": reached, "why_not": why_not, "steps": found})
    else:
        _show(found, ledger, made, left, why_not, sandbox=sandbox, now=now)
    if not reached:
        raise typer.Exit(1)


def _of(made: Stop, by_step: Mapping[str, int]) -> dict[str, int]:
    return {step: n for step, n in by_step.items() if made.holds(step) and n}


def _wait(ledger: SqlLedger, made: Stop) -> Mapping[str, int]:
    """Until no attempt of before is under way any more, or for so long; what is then."""
    from campaign.engines.clock import SystemClock

    clock = SystemClock()
    until = clock.now() + _PATIENCE
    while (under_way := _of(made, ledger.under_way())) and clock.now() < until:
        clock.sleep_until(clock.now() + _LOOK)
    return under_way


def _gone(
    ledger: SqlLedger,
    made: Stop,
    in_flight: Mapping[str, int],
    under_way: Mapping[str, int],
    held: Mapping[str, int],
    left: Mapping[str, int],
) -> list[Gone]:
    from campaign.flow import review

    found = []
    for tally in ledger.tallies():
        figures = review.figures(tally)
        here = tally.step
        one = Gone(
            step=here,
            gone=figures.accepted - left.get(here, 0),
            in_flight=in_flight.get(here, 0),
            taken_back=max(0, held.get(here, 0) - left.get(here, 0)),
            not_reached=left.get(here, 0),
            in_doubt=figures.in_doubt,
            under_way=under_way.get(here, 0),
            waits=figures.to_send - under_way.get(here, 0),
        )
        if made.holds(here) and any(value for name, value in asdict(one).items() if name != "step"):
            found.append(one)
    return found


_HEADS = {
    "gone": "gone",
    "in_flight": "in flight then",
    "taken_back": "taken back",
    "not_reached": "not reached",
    "in_doubt": "doubt",
    "under_way": "under way",
    "waits": "waits",
}
_ALWAYS: Collection[str] = ("gone", "in_flight", "waits")


def _show(
    found: Sequence[Gone],
    ledger: SqlLedger,
    made: Stop,
    left: Mapping[str, int],
    why_not: str,
    *,
    sandbox: bool,
    now: datetime,
) -> None:
    from campaign.model.wave import WaveState

    if found:
        rows = [asdict(one) for one in found]
        shown = [name for name in _HEADS if name in _ALWAYS or any(row[name] for row in rows)]
        table = screen.table("step", *(_HEADS[name] for name in shown), numbers=[_HEADS[name] for name in shown])
        for row in rows:
            table.add_row(row["step"], *(f"{row[name]:,}" if row[name] else "-" for name in shown))
        screen.out.print(table)
    else:
        screen.out.print("Nothing had gone out.")
    coming = [wave for wave in ledger.waves(states=(WaveState.WAITING,)) if made.holds(wave.step)]
    if coming:
        first = min(wave.due_at for wave in coming)
        screen.out.print(
            f"{screen.counted(len(coming), 'wave')} to come, the first at {first:%Y-%m-%d %H:%M} UTC, will wait.",
            soft_wrap=True,
        )
    again = f"campaign pause {made.step}" if made.step else "campaign halt"
    resume = f"campaign resume {made.step}".strip()
    if any(one.under_way for one in found):
        screen.say(
            "Still under way: ",
            "a provider is slow, or a program has died; in two minutes at most its claims run out. "
            f"See then with: {again}",
            style="yellow",
        )
    if left and sandbox:
        screen.say("Still held: ", "`campaign run` takes it back from the stand-in at its next look.", style="yellow")
    elif why_not:
        screen.say("Not taken back: ", f"{why_not} (A running `campaign run --live` does it within half a minute.)")
    elif left:
        _say_unreached(ledger, made, left, again, now)
    screen.out.print(f"It goes on with: {resume}", style="dim")


def _say_unreached(ledger: SqlLedger, made: Stop, left: Mapping[str, int], again: str, now: datetime) -> None:
    from campaign.model.group import GroupState

    waits = [
        group
        for group in ledger.groups(states=(GroupState.CANCELLING,))
        if made.holds(group.wave.step) and group.send_at > now
    ]
    if waits:
        screen.say("Not confirmed: ", f"{waits[0].why}. The same command again tries again: {again}")
    else:
        number = screen.counted(sum(left.values()), "message")
        screen.say("Not reached: ", f"{number} that the provider holds cannot be taken back any more and will go out.")
