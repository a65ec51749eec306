"""campaign top-up: a step goes to those who should have got it and did not."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.flow.top_up import Look
    from campaign.model.top_up import Reason
    from campaign.model.wave import Wave
    from campaign.storage.ledger import SqlLedger


def top_up(
    step: Annotated[str, typer.Argument(help="The step.")],
    plan: PlanFile = DEFAULT_PLAN,
    live: Annotated[
        bool, typer.Option("--live", help="For `campaign run --live`: real people. Without it for the sandbox.")
    ] = False,
    including_cancelled: Annotated[
        bool, typer.Option("--including-cancelled", help="Also to those for whom a person cancelled it.")
    ] = False,
    including_refused: Annotated[
        bool,
        typer.Option("--including-refused", help="Also to those whom the provider refused, though nothing changed."),
    ] = False,
    by: Annotated[str, typer.Option("--by", help="Who tops up, by name.")] = "",
    why: Annotated[str, typer.Option("--why", help="The reason, for the record.")] = "",
    yes_send_to: Annotated[
        int | None,
        typer.Option("--yes-send-to", help="The number of people, or of accounts, instead of typing it.", metavar="N"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send a step to exactly those who should have got it and did not, and show first who they are and why.

    These are people imported since, or who may be written to only now, whom the provider refused and of whom something
    has changed, or for whom it was too late. Nobody who has it, or may have it, is among them; nor is anybody who may
    not be written to. Of a post it is the parts that are missing.

    It goes out as it is approved now, at once, and whatever the time of day is where they live: as one more wave, which
    `campaign run` sends. With --json nothing is placed, unless --yes-send-to says so.
    """
    from campaign import bootstrap, settings
    from campaign.engines.clock import SystemClock
    from campaign.errors import BadInput
    from campaign.files import campaign as campaign_files
    from campaign.flow import approve, check
    from campaign.flow import top_up as topping
    from campaign.storage.ledger import SqlLedger

    sources = campaign_files.load(plan)
    problems = [problem for problem in check.campaign(sources) if problem.severity == "error"]
    if problems:
        raise BadInput(problems)
    database = bootstrap.open_database(settings.load())
    try:
        ledger = SqlLedger(database, world="live" if live else "sandbox")
        standings = {standing.step.id: standing for standing in approve.standings(sources, ledger)}
        (standing,) = names.steps([step], standings)
        now = SystemClock().now()
        asked = _asked(cancelled=including_cancelled, refused=including_refused)
        found = topping.look(ledger, standing, including=asked, now=now)
        if as_json:
            placed = _placed(ledger, found, yes_send_to, by, why) if yes_send_to is not None else ()
            screen.print_json(_as_json(found, placed))
            return
        _show(found, live=live)
        if not found.number:
            screen.out.print(
                "\nNobody is to be topped up." if standing.step.channel == "email" else "Nothing of it is to be posted."
            )
            return
        placed = _placed(ledger, found, _confirmed(found, yes_send_to, live=live), by, why)
        _report(ledger, placed, found, live=live)
    finally:
        database.close()


def _asked(*, cancelled: bool, refused: bool) -> frozenset[Reason]:
    from campaign.model.top_up import Reason

    return frozenset({Reason.CANCELLED} if cancelled else ()) | frozenset({Reason.REFUSED} if refused else ())


def _said() -> Mapping[Reason, str]:
    from campaign.model.top_up import Reason

    return {
        Reason.LATE: "imported, or come into the audience, after their wave had gone out",
        Reason.LIFTED: "might not be written to then, and may be now",
        Reason.MISSED: "it was too late, and was skipped",
        Reason.MENDED: "refused or dropped by the provider; something of them has changed since",
        Reason.REFUSED: "refused or dropped by the provider, and nothing has changed since",
        Reason.CANCELLED: "cancelled by a person",
        Reason.BARRED: "may not be written to: suppressed, no consent, or for another campaign only",
        Reason.WAITS: "their wave is still to come, or is held",
        Reason.TURN: "asked for less often, or had as many e-mails as the plan lets anybody have",
    }


def _show(found: Look, *, live: bool) -> None:
    step = found.bundle.step
    where = "" if live else ", in the sandbox"
    time = f", the time that was its wave {found.time}" if found.time else ""
    screen.out.print(f"Topping up {step.id}{time}{where}", style="bold", soft_wrap=True)
    parts = [f"{found.got:,} have it"] if step.channel == "email" else [f"{screen.counted(found.got, 'post')} out"]
    parts += [f"{found.under_way:,} {'are' if found.under_way > 1 else 'is'} on the way"] if found.under_way else []
    parts += [f"{found.in_doubt:,} may have it (in doubt: campaign resolve {step.id})"] if found.in_doubt else []
    screen.out.print(f"{', '.join(parts)}. None of these is touched.", soft_wrap=True)
    if step.channel == "email":
        _show_people(found)
    else:
        _show_posts(found)


def _show_people(found: Look) -> None:
    screen.out.print()
    said = _said()
    for chosen, head in ((True, "It goes to"), (False, "It does not go to")):
        rows = [(reason, some) for reason, some in found.people.people.items() if (reason in found.reasons) is chosen]
        if not rows:
            continue
        screen.out.print(head, style="bold")
        for reason, some in rows:
            such = f" (such as supporters {', '.join(map(str, some.examples))})" if chosen else _remedy(reason)
            screen.out.print(f"{some.number:>9,}  {said[reason]}{such}", soft_wrap=True)


def _remedy(reason: Reason) -> str:
    from campaign.model.top_up import Reason

    match reason:
        case Reason.CANCELLED:
            return "; all the same with --including-cancelled"
        case Reason.REFUSED:
            return "; all the same with --including-refused, if what was wrong was mended elsewhere"
        case _:
            return ""


def _show_posts(found: Look) -> None:
    step = found.bundle.step
    for chosen, head in ((True, "It is posted by"), (False, "It is not posted by")):
        for one in found.posts:
            if (one in found.chosen) is not chosen:
                continue
            who = one.account or ", ".join(step.accounts)
            what = screen.counted(one.parts, "part") + " that are missing" * (one.parts > 1) if one.parts else "whole"
            remedy = "" if chosen else _remedy(one.reason)
            screen.out.print(f"{head} {who}: {what}; {one.reason.value}: {one.why}{remedy}", soft_wrap=True)


def _counted(found: Look) -> str:
    if found.bundle.step.channel == "email":
        return screen.counted(found.number, "person", "people")
    return screen.counted(found.number, "account")


def _confirmed(found: Look, given: int | None, *, live: bool) -> int:
    """How many a person says that it goes to; in the sandbox nobody is asked."""
    step = found.bundle.step
    noun = "people" if step.channel == "email" else "accounts"
    verb = "goes to" if step.channel == "email" else "is posted by"
    screen.out.print()
    if not live:
        return found.number if given is None else given
    screen.out.print(f"LIVE: {step.id} {verb} {_counted(found)} at once.", style="bold", soft_wrap=True)
    if given is None:
        if not sys.stdin.isatty():
            raise typer.BadParameter(
                f"nobody is there to confirm; say --yes-send-to {found.number} if that is what you mean",
                param_hint="--yes-send-to",
            )
        given = typer.prompt(f"Type the number of {noun} to go on", type=int)
    return given


def _placed(ledger: SqlLedger, found: Look, given: int, by: str, why: str) -> Sequence[Wave]:
    from campaign.bootstrap import channels
    from campaign.engines.clock import SystemClock
    from campaign.flow import top_up as topping

    if given != found.number:
        raise typer.BadParameter(
            f"it is {_counted(found)}, not {given:,}; nothing was placed", param_hint="--yes-send-to"
        )
    if not given:
        return ()
    sender = found.bundle.plan.sender
    size = channels.reader(sender.via).limits.batch if sender and found.bundle.step.channel == "email" else 1
    return topping.place(
        ledger,
        found,
        expected=given,
        batch_size=size,
        by=by.strip() or getpass.getuser(),
        why=why.strip(),
        now=SystemClock().now(),
    )


def _report(ledger: SqlLedger, placed: Sequence[Wave], found: Look, *, live: bool) -> None:
    step = found.bundle.step.id
    run = "campaign run --live" if live else "campaign run"
    waves = ", ".join(wave.name for wave in placed)
    screen.out.print(f"Placed for {_counted(found)}: {waves}. Sent by `{run}`, which may be running.", soft_wrap=True)
    for stop in ledger.stops():
        if stop.holds(step):
            screen.say(
                "Stopped: ", f"{stop}. It goes out once that has ended, if it is not too late then.", style="yellow"
            )


def _as_json(found: Look, placed: Sequence[Wave]) -> Mapping[str, object]:
    return {
        "step": found.bundle.step.id,
        "digest": found.digest,
        "arm": found.arm,
        "number": found.number,
        "have_it": found.got,
        "in_doubt": found.in_doubt,
        "under_way": found.under_way,
        "people": [
            {
                "reason": reason.value,
                "number": some.number,
                "supporters": some.examples,
                "topped_up": reason in found.reasons,
            }
            for reason, some in found.people.people.items()
        ],
        "posts": [
            {
                "wave": one.wave,
                "account": one.account,
                "parts": one.parts,
                "reason": one.reason.value,
                "why": one.why,
                "topped_up": one in found.chosen,
            }
            for one in found.posts
        ],
        "placed": [wave.name for wave in placed],
    }
