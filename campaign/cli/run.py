"""campaign run: send what is due, when it is due."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.cli import screen, stops_screen
from campaign.cli.ending import Ending
from campaign.cli.options import DEFAULT_PLAN, PlanFile

if TYPE_CHECKING:
    from campaign.bootstrap import Program
    from campaign.engines.steady_clock import SteadyClock
    from campaign.model.bundle import Sources
    from campaign.ports.clock import Clock
    from campaign.settings import Settings

_JOURNAL = Path(".campaign") / "sandbox.jsonl"
_AGAIN = timedelta(seconds=30)


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


def run(
    plan: PlanFile = DEFAULT_PLAN,
    live: Annotated[
        bool, typer.Option("--live", help="Reach real people. Without it everything goes to the sandbox.")
    ] = False,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Do what is due now, and end; for a timer such as cron.")
    ] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="When all is out, stay until the posts' figures were read for the last time.")
    ] = False,
    yes_send_to: Annotated[
        int | None, typer.Option("--yes-send-to", help="The number of people, instead of typing it.", metavar="N")
    ] = None,
    metrics: Annotated[
        str, typer.Option("--metrics", help="Serve metrics for Prometheus here.", metavar="[HOST:]PORT")
    ] = "",
    log_format: Annotated[
        LogFormat | None, typer.Option("--log-format", help="json: a line for each happening, on stderr.")
    ] = None,
    log_file: Annotated[
        Path | None, typer.Option("--log-file", help="Append those lines to this file.", metavar="FILE")
    ] = None,
) -> None:
    """Send what is approved, at its instant, until all of it is out.

    Without --live it talks to the sandbox: the same code, on the real clock, but nobody is reached. With it, the number
    of people whom the approved steps can reach has to be typed, or given with --yes-send-to; and where the plan says
    who its accounts are, nothing is posted by others.

    The public figures of posts are read back meanwhile, some time after each; with --stay it goes on for that when all
    is out. `campaign posts --refresh` reads them at any time.

    Ctrl-C or SIGTERM ends it after the calls under way, within ten seconds, and a second one at once; started again, it
    goes on where it was. A second program on the same database does no harm. See docs/running.md for a server's.
    """
    from campaign import settings
    from campaign.cli.noting import chosen, noted
    from campaign.engines.steady_clock import SteadyClock
    from campaign.errors import BadInput
    from campaign.files import campaign as campaign_files
    from campaign.flow import check

    configured = settings.load()
    sources = campaign_files.load(plan)
    problems = [problem for problem in check.campaign(sources) if problem.severity == "error"]
    if problems:
        raise BadInput(problems)
    as_json = None if log_format is None else log_format is LogFormat.JSON
    noting = chosen(configured, metrics=metrics, as_json=as_json, log_file=log_file)
    clock = SteadyClock()
    with Ending() as ending, _program(configured, sources, clock, live=live) as program:
        _approved(program, live=live)
        if live:
            _meant(program)
            _confirm(program, yes_send_to)
            stops_screen.show_until(program.desk, sources.plan.zone)
        else:
            screen.out.print("Everything goes to the sandbox; nobody is reached. For the real thing: --live")
        turn = _until_idle(program) if until_idle else _until_done(program, stay=stay)
        with noted(program, clock, noting):
            _go(program, clock, turn, ending)
        _ended(program)


def _program(configured: Settings, sources: Sources, clock: Clock, *, live: bool) -> Program:
    from campaign import bootstrap
    from campaign.flow import stop

    zone = sources.plan.zone

    def report(at: datetime, what: str) -> None:
        style = "bold red" if what.startswith(stop.HEAD) else None
        screen.out.print(f"{screen.local(at.replace(microsecond=0), zone)}  {what}", style=style, soft_wrap=True)

    if live:
        return bootstrap.live(configured, sources, clock=clock, report=report)
    _JOURNAL.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return bootstrap.sandboxed(configured, sources, clock=clock, report=report, journal=_JOURNAL)


def _approved(program: Program, *, live: bool) -> None:
    """Something must be approved; what has changed since is told, and waits."""
    from campaign.errors import NotApproved
    from campaign.flow import approve, zone_rules

    standings = approve.standings(program.sources, program.ledger)
    command = "campaign approve" if live else "campaign approve --sandbox"
    if not any(standing.is_approved for standing in standings):
        changed = any(standing.approval for standing in standings)
        why = "every step has changed since it was approved" if changed else "no step of the plan is approved"
        why = f"{why} by enough people" if any(standing.lacks for standing in standings) else why
        raise NotApproved(f"{why}, so there is nothing to send; look at it with `campaign plan`, then: {command}")
    for standing in standings:
        if standing.moved_zones:
            screen.say("Not sent: ", f"{standing.step.id}, {zone_rules.told(standing.moved_zones)}.", style="yellow")
        if standing.lacks:
            screen.say("Not sent: ", f"{standing.step.id}, approved {standing.lacks}.", style="yellow")
    waiting = [standing.step.id for standing in standings if not standing.is_approved and not standing.lacks]
    if waiting:
        screen.say("Not approved, and not sent: ", f"{', '.join(waiting)}. Approve with: {command}", style="yellow")


def _meant(program: Program) -> None:
    """Say of which accounts nothing is posted because they are not those that the plan means."""
    for why in program.strangers():
        screen.say("Posts nothing: ", f"{why}. Its posts wait until it is right, or are too late.", style="red")


def _confirm(program: Program, given: int | None) -> None:
    """A person, or their script, says how many people this is about."""
    from campaign.flow import approve, audience

    audiences = [
        audience.of(program.sources.bundle(standing.step))
        for standing in approve.standings(program.sources, program.ledger)
        if standing.is_approved and standing.step.channel == "email"
    ]
    people = program.supporters.reach(audiences)
    accounts = sum(len(names) for names in _accounts(program).values())
    screen.out.print(
        f"LIVE: this reaches {screen.counted(people, 'person', 'people')} by e-mail and posts from "
        f"{screen.counted(accounts, 'account')}.",
        style="bold",
        soft_wrap=True,
    )
    if given is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter(
                f"nobody is there to confirm; say --yes-send-to {people} if that is what you mean",
                param_hint="--yes-send-to",
            )
        given = typer.prompt("Type the number of people to go on", type=int)
    if given != people:
        raise typer.BadParameter(
            f"it is {screen.counted(people, 'person', 'people')}, not {given:,}; nothing was sent",
            param_hint="--yes-send-to",
        )


def _accounts(program: Program) -> Any:
    from campaign.bootstrap import channels

    return channels.accounts_of(program.sources.plan)


def _go(program: Program, clock: SteadyClock, turn: Callable[[], datetime | None], ending: Ending) -> None:
    from campaign.cli.noting import ClockWatch
    from campaign.engines.apscheduler import Apscheduler
    from campaign.flow import overdue

    desk = program.desk
    engine = Apscheduler(desk.clock)

    def stop() -> None:
        desk.stop()
        engine.stop()

    def watched() -> datetime | None:
        watch_clock.look()
        return turn()

    ending.begin(stop)
    watch_clock = ClockWatch(desk, clock)
    overdue.tell(desk)
    engine.run(watched)


def _until_idle(program: Program) -> Callable[[], datetime | None]:
    """Turns until nothing is due any more; what is deferred or can be settled is waited for, later waves are not."""
    from campaign.flow import hand_off, stop
    from campaign.model.wave import WaveState

    turn = program.turns()

    def next_turn() -> datetime | None:
        instant = turn()
        begun = program.ledger.waves(states=(WaveState.PREPARED,))
        stopped = stop.held(program.desk)
        unfinished = any(stop.unsent(wave) for wave in begun if not stopped(wave.step))
        asking = program.ledger.doubts(channels=list(program.desk.posts))
        return instant if unfinished or asking or hand_off.unsettled(program.desk) else None

    return next_turn


def _until_done(program: Program, *, stay: bool) -> Callable[[], datetime | None]:
    """Turns until every wave is out, or waits for a person; with ``stay`` until no post's figures are left to read."""
    from campaign.flow import metrics, stop
    from campaign.model.wave import UNFINISHED, WaveState

    turn = program.turns()
    told: set[datetime] = set()

    def next_turn() -> datetime | None:
        instant = turn()
        now = program.desk.clock.now()
        coming = [wave for wave in program.ledger.waves(states=(WaveState.WAITING,)) if wave.due_at > now]
        if coming and coming[0].due_at not in told:
            told.add(coming[0].due_at)
            plan = program.sources.plan
            program.desk.tell(f"next is {coming[0].name}, {screen.local(coming[0].due_at, plan.zone)}")
        waiting = program.ledger.waves(states=UNFINISHED)
        if instant is None and waiting:
            return now + _AGAIN
        return metrics.next_at(program.desk) if instant is None and stay else instant

    return stop.awake(program.desk, next_turn)


def _ended(program: Program) -> None:
    from campaign.cli import resolve_screen
    from campaign.cli.review_screen import show_steps
    from campaign.flow import ab_test, review

    screen.out.print()
    show_steps(review.steps(program.ledger.tallies(), program.ledger.waves()), launch=program.sources.plan.launch)
    stops_screen.show(program.ledger.stops(), zone=program.sources.plan.zone)
    held = [wave for wave in program.ledger.waves() if wave.state.value == "held"]
    for wave in held:
        choosing = "" if ab_test.waits_for_choice(wave) else f" Let it go with: campaign approve --release {wave.step}"
        screen.say("Held: ", f"{wave.name}, {wave.why}.{choosing}", style="yellow")
    resolve_screen.point_to(program.ledger, program.desk.clock.now())
    if program.desk.stopping.is_set():
        screen.out.print("Stopped. The same command again carries on from here.")
