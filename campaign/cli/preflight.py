"""campaign preflight: every e-mail as everybody would get it, before it is approved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import names, screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.flow.preflight import Report
    from campaign.model.bundle import Sources
    from campaign.model.plan import Step
    from campaign.settings import Settings
    from campaign.storage.database import Database


def preflight(
    steps: Annotated[
        list[str] | None, typer.Argument(help="E-mail steps to look at; all of the plan's if none is named.")
    ] = None,
    plan: PlanFile = DEFAULT_PLAN,
    links: Annotated[bool, typer.Option("--links", help="Also ask for the pages that links lead to.")] = False,
    as_json: AsJson = False,
) -> None:
    """Render e-mail steps strictly for everybody who would get them, and say what would go wrong.

    Blank merge fields, words that stand in for what is not known, broken links, pictures without alt text, a missing
    postal address or way to unsubscribe, subjects and mails that are too long, mailboxes that would get it twice,
    people who get nothing, and what SpamAssassin makes of it, where it is installed. `campaign approve` does the same,
    and refuses what holds an error. Nothing is sent. Exit code 3 if there is an error.
    """
    from campaign import bootstrap, settings
    from campaign.errors import BadInput
    from campaign.files import campaign as campaign_files

    configured = settings.load()
    sources = campaign_files.load(plan)
    database = bootstrap.open_database(configured)
    reports = []
    try:
        for report, seconds in look(configured, sources, database, _chosen(sources, steps or []), links=links):
            reports.append(report)
            if not as_json:
                from campaign.cli.preflight_screen import show

                show(report, seconds)
    finally:
        database.close()
    if as_json:
        screen.print_json({"steps": reports, "passes": all(report.passes for report in reports)})
    else:
        from campaign.cli.preflight_screen import verdict

        screen.out.print(f"Preflight: {verdict(reports)}.")
    if not all(report.passes for report in reports):
        raise typer.Exit(BadInput.exit_code)


def look(
    configured: Settings, sources: Sources, database: Database, steps: Sequence[Step], *, links: bool = False
) -> Iterator[tuple[Report, float]]:
    """A report on each of ``steps``, and how many seconds it took; progress is shown on a terminal."""
    from campaign.bootstrap.preflight import instruments
    from campaign.flow import frequency
    from campaign.flow import preflight as flow
    from campaign.storage.supporters import SqlSupporters

    plan = sources.plan
    groups = SqlSupporters(database).groups(plan.addressed if plan.frequency else (), campaign=plan.campaign)
    had_enough = frequency.left_out(plan, sources.waves, groups)
    for step in steps:
        bundle = sources.bundle(step)
        with screen.rendering(step.id) as watch:
            tools = instruments(configured, sources.plan, database, links=links, watch=watch)
            began = perf_counter()
            report = flow.step(bundle, sources.waves[step.id], tools, had_enough=had_enough.get(step.id, 0))
            seconds = perf_counter() - began
        yield report, seconds


def _chosen(sources: Sources, written: Sequence[str]) -> Sequence[Step]:
    chosen = names.steps(written, {step.id: step for step in sources.plan.steps})
    for step in chosen:
        if step.channel != "email":
            raise typer.BadParameter(f'"{step.id}" is a post; `campaign check` looks at posts')
    return chosen or [step for step in sources.plan.steps if step.channel == "email"]
