"""campaign rehearse: the whole rollout on a virtual clock, before anyone is mailed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.model.bundle import Sources
    from campaign.rehearsal import Result
    from campaign.settings import Settings
    from campaign.storage.database import Database

SAMPLE = 10_000


def rehearse(
    plan: PlanFile = DEFAULT_PLAN,
    supporters: Annotated[
        Path | None, typer.Option("--supporters", help="A CSV file of people, in place of those in the database.")
    ] = None,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, max=5_000_000, help="So many made-up people instead.")
    ] = None,
    faults: Annotated[
        str,
        typer.Option(
            "--faults", help="What goes wrong: replies, limits, errors, slow, refusals, doubt or storm (all)."
        ),
    ] = "none",
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other faults at other places.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew, even if one was broken off.")] = False,
    as_json: AsJson = False,
) -> None:
    """Carry out the whole plan, now, on a virtual clock, against stand-ins for the providers.

    Nobody is mailed and nothing is posted: the sandbox takes everything, and is then compared with the ledger, message
    by message. Without --supporters or --sample the people are those in the database, or 10,000 made-up ones where it
    holds none. A rehearsal that was killed goes on where it stood.
    """
    from campaign import rehearsal, settings
    from campaign.files import campaign as campaign_files

    _known(faults)
    configured = settings.load()
    sources = campaign_files.load(plan)
    _check(sources)
    described, people = _people(configured, supporters, sample)
    if not as_json:
        _head(sources, described, faults)
    began = perf_counter()
    with screen.sending() as watch:
        result = rehearsal.rehearse(
            configured,
            sources,
            rehearsal.Request(people=described, faults=faults, seed=seed),
            people=people,
            report=_reporter(sources) if not as_json else lambda _at, _what: None,
            watch=watch,
            fresh=fresh,
        )
    took_s = perf_counter() - began
    if as_json:
        screen.print_json(_as_json(result, faults, took_s))
    else:
        _show(sources, result, took_s)
    if not result.proof.holds:
        raise typer.Exit(1)


def _known(faults: str) -> None:
    from campaign.sandbox.faults import SCENARIOS

    names.one_of(faults, SCENARIOS, "is no scenario of faults", option="--faults")


def _check(sources: Sources) -> None:
    from campaign.errors import BadInput
    from campaign.flow import check

    problems = check.campaign(sources)
    if any(problem.severity == "error" for problem in problems):
        raise BadInput(problems)
    screen.show_problems(problems)


def _people(
    configured: Settings, file: Path | None, sample: int | None
) -> tuple[str, Callable[[Database, datetime], int]]:
    """Who takes part, in words, and how to put them into the rehearsal's database."""
    from campaign import bootstrap
    from campaign.rehearsal import fill
    from campaign.storage.copying import copy_people
    from campaign.storage.supporters import SqlSupporters

    if file is not None:
        from campaign.files.supporters_csv import for_rehearsal

        return f"the people of {file}", lambda into, at: fill(into, for_rehearsal(file), at)
    if sample is None:
        database = bootstrap.open_database(configured)
        try:
            there = SqlSupporters(database).count()
        finally:
            database.close()
        if there:

            def copied(into: Database, _at: datetime) -> int:
                source = bootstrap.open_database(configured)
                try:
                    return copy_people(source, into)
                finally:
                    source.close()

            return f"the {there:,} supporters in the database", copied
    from campaign.files.sample import sample as made_up

    number = sample or SAMPLE
    return f"{number:,} made-up supporters", lambda into, at: fill(into, made_up(number), at)


def _head(sources: Sources, described: str, faults: str) -> None:
    plan = sources.plan
    screen.out.print(f"Rehearsing {plan.title}", style="bold")
    screen.out.print(f"T-0 is {screen.local(plan.launch, plan.zone)}. {described[0].upper()}{described[1:]}.")
    trouble = "" if faults == "none" else f" Trouble is asked for: {faults}."
    screen.out.print(f"Everything goes to the sandbox on this machine; nobody is reached.{trouble}\n")


def _reporter(sources: Sources) -> Callable[[datetime, str], None]:
    plan = sources.plan

    def report(at: datetime, what: str) -> None:
        screen.out.print(f"{screen.countdown(at, plan.launch):>12}  {what}", soft_wrap=True)

    return report


def _show(sources: Sources, result: Result, took_s: float) -> None:
    from campaign.cli.review_screen import show_steps
    from campaign.flow import review

    steps = review.steps(result.tallies, result.waves)
    screen.out.print()
    show_steps(steps, launch=sources.plan.launch)
    screen.out.print()
    _show_proof(result)
    screen.out.print(
        f"{result.people:,} people, {sum(step.waves for step in steps)} waves, "
        f"{(result.ended_at - result.began_at).days} days of rollout in {took_s:.1f} s."
        + (" A rehearsal that was broken off was taken up again." if result.resumed else ""),
        soft_wrap=True,
    )
    _show_notices(result)
    _show_next(result)


def _show_notices(result: Result) -> None:
    """How often people would have been told of something; a rehearsal tells nobody."""
    from campaign.flow.news import by_kind

    counted = ", ".join(f"{n:,} of {kind.value}" for kind, n in by_kind(result.notices).items())
    if counted:
        screen.out.print(f"With notifications on, people would have been told: {counted}.", soft_wrap=True)


def _show_proof(result: Result) -> None:
    proof = result.proof
    if proof.holds:
        held = (
            f" {proof.in_doubt:,} are in doubt and held for a person: see `campaign resolve`." if proof.in_doubt else ""
        )
        screen.out.print(
            f"The sandbox holds {proof.mails:,} e-mails and {proof.posts:,} posts: none twice, none lost.{held}",
            style="bold green",
            soft_wrap=True,
        )
        return
    for what, keys in (("twice", proof.twice), ("lost", proof.lost), ("unknown to the ledger", proof.unknown)):
        if keys:
            screen.out.print(f"{len(keys):,} {what}, such as {keys[0]}", style="bold red", soft_wrap=True)


def _show_next(result: Result) -> None:
    screen.out.print("\nLook at next", style="bold")
    commands = [("campaign log", "how every step stands, and why")]
    if result.example:
        commands.append((f"campaign log --recipient {result.example}", "everything one person got, word for word"))
    commands += [
        ("campaign plan", "what is sent when, and what is approved"),
        ("campaign rehearse --faults storm", "the same with trouble at every provider"),
    ]
    width = max(len(command) for command, _ in commands)
    for command, what in commands:
        screen.out.print(f"  {command:<{width}}  {what}", soft_wrap=True)


def _as_json(result: Result, faults: str, took_s: float) -> Mapping[str, object]:
    from campaign.cli.review_screen import steps_as_json
    from campaign.flow import review

    return {
        "people": result.people,
        "faults": faults,
        "resumed": result.resumed,
        "began_at": result.began_at,
        "ended_at": result.ended_at,
        "took_s": round(took_s, 3),
        "steps": steps_as_json(review.steps(result.tallies, result.waves)),
        "notices": [{"kind": one.kind.value, "text": one.text} for one in result.notices],
        "proof": {"holds": result.proof.holds, **asdict(result.proof)},
    }
