"""campaign approve: a person's word that exactly this may be sent."""

from __future__ import annotations

import getpass
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import cost, names, plan_changes, screen
from campaign.cli.options import DEFAULT_PLAN, PlanFile
from campaign.cli.plan_table import tested

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.model.bundle import Sources
    from campaign.settings import Settings
    from campaign.storage.database import Database

_LONGEST_NAME = 100


def approve(
    steps: Annotated[
        list[str] | None, typer.Argument(help="Steps to approve; all that need it if none is named.")
    ] = None,
    plan: PlanFile = DEFAULT_PLAN,
    by: Annotated[str, typer.Option("--by", help="Who approves, by name.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    release: Annotated[
        bool, typer.Option("--release", help="Also let go what is held because it was late: it is sent at once.")
    ] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="For `campaign run` without --live.")] = False,
) -> None:
    """Approve what would be sent, as it is now: text, letter, links, audience rule, sender and instants.

    Any change to one of these voids the approval of the steps concerned, and they wait until they are approved again.
    What is sent is what was approved, even if the files change afterwards.

    Where the plan asks for more `approvers`, or names an `author`, nothing of a step is placed before enough different
    people, and not its author alone, have approved exactly this.

    Each e-mail step is first rendered for everybody who would get it, as by `campaign preflight`; an error found there
    keeps it from being approved, exit code 3.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.errors import BadInput
    from campaign.files import campaign as campaign_files
    from campaign.flow import approve as approvals
    from campaign.flow import check
    from campaign.storage.ledger import SqlLedger

    configured = settings.load()
    sources = campaign_files.load(plan)
    problems = check.campaign(sources)
    if any(problem.severity == "error" for problem in problems):
        raise BadInput(problems)
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world="sandbox" if sandbox else "live")
        who = _who(by)
        standings = approvals.standings(sources, ledger)
        chosen = _chosen(standings, steps or [], who, release=release)
        if not chosen:
            _nothing_left(standings, who)
            return
        _preflight(configured, sources, database, chosen)
        _show(sources, chosen)
        _show_tests(database, chosen, "sandbox" if sandbox else "live")
        screen.show_problems(cost.warnings(configured, sources, ledger))
        if not yes and not typer.confirm(f"\nApprove {screen.counted(len(chosen), 'step')} as {who}?"):
            screen.out.print("Nothing was approved.")
            raise typer.Exit(1)
        moved = approvals.approve(
            sources, ledger, steps=[one.step for one in chosen], by=who, at=SystemClock().now(), release=release
        )
        mine = {one.step.id for one in chosen}
        waiting = [one for one in approvals.standings(sources, ledger) if one.step.id in mine and one.lacks]
    finally:
        database.close()
    placed = sum(len(waves) for waves in moved.values())
    run = "campaign run" if sandbox else "campaign run --live"
    send = f" Send with: {run}" if len(waiting) < len(chosen) else ""
    screen.out.print(
        f"{screen.counted(len(chosen), 'step')} approved by {who}; {screen.counted(placed, 'wave')} placed.{send}",
        soft_wrap=True,
    )
    _show_waiting(waiting)


def _who(by: str) -> str:
    who = " ".join(by.split()) or getpass.getuser()
    if len(who) > _LONGEST_NAME or not who.isprintable():
        raise typer.BadParameter(f"a name has {_LONGEST_NAME} characters at most, on one line", param_hint="--by")
    return who


def _chosen(standings: Sequence[Standing], written: Sequence[str], who: str, *, release: bool) -> Sequence[Standing]:
    """Those that are named, or all that ``who`` has not approved yet and that need it."""
    chosen = names.steps(written, {standing.step.id: standing for standing in standings})
    return chosen or [
        one for one in standings if release or not (one.is_approved or (one.begun is not None and one.begun.has(who)))
    ]


def _nothing_left(standings: Sequence[Standing], who: str) -> None:
    waiting = [standing for standing in standings if standing.lacks]
    if not waiting:
        screen.out.print("Every step is approved as it is now.")
        return
    screen.out.print(f"{who} has approved every step as it is now.")
    _show_waiting(waiting)


def _show_waiting(waiting: Sequence[Standing]) -> None:
    """What is not enough yet, and what is to be done about it."""
    for standing in waiting:
        screen.say("Waits: ", f"{standing.step.id}, approved {standing.lacks}.", style="yellow")
    if waiting:
        screen.say("", "Nothing of it is sent before somebody else says: campaign approve --by NAME", style="yellow")


def _preflight(configured: Settings, sources: Sources, database: Database, chosen: Sequence[Standing]) -> None:
    """Look at each e-mail that is to be approved. Nothing is approved where one holds an error."""
    from campaign.cli.preflight import look
    from campaign.cli.preflight_screen import show, verdict
    from campaign.errors import BadInput

    mails = [standing.step for standing in chosen if standing.step.channel == "email"]
    reports = []
    for report, seconds in look(configured, sources, database, mails):
        reports.append(report)
        show(report, seconds)
    if not all(report.passes for report in reports):
        screen.say("Nothing was approved: ", f"{verdict(reports)}. After a change look again with: campaign preflight")
        raise typer.Exit(BadInput.exit_code)


def _show_tests(database: Database, chosen: Sequence[Standing], world: str) -> None:
    """Which of the e-mails somebody has seen in a mailbox as they are now."""
    from campaign.storage.sent_tests import SqlSentTests

    tests = SqlSentTests(database, world=world).latest()
    for standing in chosen:
        if standing.step.channel != "email":
            continue
        sent = tests.get(standing.step.id)
        if sent is None:
            told = f"no test of it was sent; send one with: campaign send-test {standing.step.id} --to ADDRESS"
        else:
            changed = "" if sent.digest == standing.manifest.digest else ", before its last change"
            to = screen.counted(sent.addresses, "address", "addresses")
            told = f"{sent.by} sent a test to {to} on {sent.at:%d %b %Y at %H:%M} UTC{changed}"
        screen.out.print(f"{standing.step.id}: {told}.", style="dim", soft_wrap=True)


def _show(sources: Sources, chosen: Sequence[Standing]) -> None:
    plan = sources.plan
    table = screen.table("at", "step", "message", "to", "since approved")
    table.padding = (0, 0, 0, 0)
    table.show_edge = False
    for standing in chosen:
        step = standing.step
        since = "never" if standing.approval is None else "unchanged"
        if standing.changed:
            since = "clock rules changed" if standing.moved_zones else f"{', '.join(standing.changed)} changed"
        if standing.begun:
            since = f"{' and '.join(standing.begun.people)}: {standing.lacks}"
        first = min(wave.due_at for wave in sources.waves[step.id])
        to = step.segment.name if step.segment else ", ".join(step.accounts)
        table.add_row(screen.countdown(first, plan.launch), step.id, step.message, f"{step.channel}: {to}", since)
    screen.out.print(table)
    for standing in chosen:
        if standing.step.ab_test is not None:
            screen.out.print(f"{standing.step.id} {tested(standing.step.ab_test)}", soft_wrap=True)
    if any(standing.was for standing in chosen):
        screen.out.print("\nChanged since it was approved:")
        plan_changes.show(chosen, zone=plan.zone)
