"""campaign plan: what is sent, where and when, counted from T-0, and what of it a person has approved."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import cost, names, pacing_screen, screen, seldom, stops_screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from campaign.cli.plan_outline import Outline
    from campaign.flow import pacing
    from campaign.flow.approve import Standing
    from campaign.flow.spending import Forecast
    from campaign.model.bundle import Sources
    from campaign.model.stop import Stop
    from campaign.settings import Settings

    Money = tuple[Sequence[Forecast], Mapping[str, int], Mapping[str, int]]


def plan(
    steps: Annotated[list[str] | None, typer.Argument(help="Steps to show with all that is known of them.")] = None,
    plan: PlanFile = DEFAULT_PLAN,
    all_waves: Annotated[bool, typer.Option("--waves", help="Every wave, not every step.")] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Only what has changed since it was approved, as old and new lines.")
    ] = False,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="As approved with `campaign approve --sandbox`.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the timeline: when each step goes out, over which channel, to whom, and whether it is approved.

    Instants are told in the campaign's zone, in UTC, from T-0 and from now. With a step's name all that is known of it
    is shown: each wave, who has approved it, and what has changed since.
    """
    with seldom.collected():
        _show(plan, steps or [], "sandbox" if sandbox else "live", all_waves=all_waves, diff=diff, as_json=as_json)


def _show(plan: Path, steps: Sequence[str], world: str, *, all_waves: bool, diff: bool, as_json: bool) -> None:
    made, money, stops = _gathered(plan, world=world)
    by_name = {standing.step.id: standing for standing in made.standings}
    chosen = names.steps(steps, by_name)
    if as_json:
        from campaign.cli import plan_json

        told = plan_json.outline(made, chosen or made.standings)
        through = pacing_screen.as_json(_through(made))
        often = pacing_screen.often_as_json(made)
        screen.print_json(
            {**told, "costs": cost.as_json(*money), "stops": stops, "through": through, "frequency": often}
        )
    elif diff:
        _diff(made, chosen or made.standings)
    elif chosen and not all_waves:
        from campaign.cli import plan_step

        for standing in chosen:
            plan_step.show(made, standing)
    else:
        from campaign.cli import plan_table

        plan_table.show(made, all_waves=all_waves, only=chosen or made.standings)
        pacing_screen.show_forecasts(made.sources.plan, _through(made))
        pacing_screen.show_frequency(made)
        cost.show(*money)
        stops_screen.show(stops, zone=made.sources.plan.zone)
        if made.anybody:
            from campaign.flow import check

            reachable = {step: head.reachable for step, head in made.heads.items()}
            screen.show_problems(check.audiences(made.sources, reachable))


def _gathered(path: Path, *, world: str) -> tuple[Outline, Money, Sequence[Stop]]:
    from concurrent.futures import ThreadPoolExecutor

    from campaign import bootstrap, settings
    from campaign.bootstrap import costs
    from campaign.cli.plan_outline import Outline
    from campaign.engines.clock import SystemClock
    from campaign.files import campaign as campaign_files
    from campaign.flow import approve
    from campaign.flow.first_line import FirstLines
    from campaign.storage.standing import SqlStanding
    from campaign.storage.supporters import SqlSupporters

    sources = campaign_files.load(path)
    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger, people = SqlStanding(database, world=world), SqlSupporters(database)
        plan = sources.plan
        with ThreadPoolExecutor(1) as beside:  # the database counts people while the messages are rendered
            counting = beside.submit(people.census, plan.addressed, home_zone=plan.zone, campaign=plan.campaign)
            domains = sorted({domain for step in plan.steps for pace in plan.paces(step) for domain in pace.domains})
            at_domains = beside.submit(people.at_domains, plan.addressed, domains, campaign=plan.campaign)
            groups = beside.submit(people.groups, plan.addressed if plan.frequency else (), campaign=plan.campaign)
            standings, forecasts = approve.standings(sources, ledger), _forecasts(configured, sources)
            census = counting.result()
        outline = Outline(
            sources=sources,
            standings=standings,
            census=census,
            at_domains=at_domains.result(),
            groups=groups.result(),
            anybody=any(census.values()) or people.count() > 0,
            forecasts=forecasts,
            lines=FirstLines(sources),
            now=SystemClock().now(),
        )
        return outline, (forecasts, costs.budgets(configured), ledger.spent()), ledger.stops()
    finally:
        database.close()


def _forecasts(configured: Settings, sources: Sources) -> Sequence[Forecast]:
    from campaign.bootstrap import costs

    return cost.forecast(configured, sources) if costs.prices(configured) else ()


def _through(made: Outline) -> Mapping[str, pacing.Forecast]:
    """When each step will be through that goes out bit by bit."""
    zones = {
        step.id: {zone: head.reachable for zone, head in made.census[step.segment].items()}
        for step in made.sources.plan.steps
        if step.segment is not None
    }
    domains = {step.id: made.at_domains[step.segment] for step in made.sources.plan.steps if step.segment is not None}
    return pacing_screen.forecasts(made.sources, made.heads, zones, domains)


def _diff(made: Outline, chosen: Sequence[Standing]) -> None:
    from campaign.cli import plan_changes

    changed = [standing for standing in chosen if standing.was]
    if not changed:
        never = sum(standing.approval is None for standing in chosen)
        new = f"; {screen.counted(never, 'step was', 'steps were')} never approved" if never else ""
        screen.out.print(f"Nothing has changed since it was approved{new}.")
    plan_changes.show(changed, zone=made.sources.plan.zone)
