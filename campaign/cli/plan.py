"""campaign plan: what is sent, where and when, counted from T-0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.cli import screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.model.bundle import Sources
    from campaign.model.segment import Headcount
    from campaign.model.wave import PlannedWave


def plan(
    plan: PlanFile = DEFAULT_PLAN,
    all_waves: Annotated[bool, typer.Option("--waves", help="Every wave, not every step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the timeline: when each step goes out, over which channel, to whom, and whether it is approved."""
    from campaign import bootstrap, settings
    from campaign.files import campaign as campaign_files
    from campaign.flow import approve, audience
    from campaign.storage.ledger import SqlLedger
    from campaign.storage.supporters import SqlSupporters

    sources = campaign_files.load(plan)
    database = bootstrap.open_database(settings.load())
    try:
        standings = approve.standings(sources, SqlLedger(database, world="live"))
        people = SqlSupporters(database)
        heads = {
            step.id: people.headcount(audience.of(sources.bundle(step)))
            for step in sources.plan.steps
            if step.channel == "email"
        }
        zones = {step.id: people.zones(step.segment) for step in sources.plan.steps if step.segment is not None}
    finally:
        database.close()
    peopled = {step: _peopled(sources, step, zones.get(step)) for step in sources.waves}
    if as_json:
        screen.print_json(_as_json(sources, standings, heads, peopled))
        return
    _show(sources, standings, heads, peopled, all_waves=all_waves)


def _peopled(sources: Sources, step: str, zones: Mapping[str, int] | None) -> Sequence[PlannedWave]:
    """The waves that somebody is in now, or all where the database holds nobody."""
    waves = sources.waves[step]
    if not zones:
        return waves
    there = {zone or sources.plan.zone for zone in zones}
    return [wave for wave in waves if wave.zones is None or there.intersection(wave.zones)]


def _show(
    sources: Sources,
    standings: Sequence[Standing],
    heads: Mapping[str, Headcount],
    peopled: Mapping[str, Sequence[PlannedWave]],
    *,
    all_waves: bool,
) -> None:
    plan = sources.plan
    screen.out.print(plan.title, style="bold")
    screen.out.print(f"T-0 is {screen.local(plan.launch, plan.zone)}.\n")
    table = screen.table("at", "when", "step", "channel", "to", "people", "approved", numbers=("people",))
    rows = []
    for standing in standings:
        step = standing.step
        waves = peopled[step.id]
        head = heads.get(step.id)
        to = step.segment.name if step.segment else ", ".join(step.accounts)
        shown = waves if all_waves else waves[:1]
        for wave in shown:
            name = wave.name if all_waves and len(waves) > 1 else step.id
            more = "" if all_waves or len(waves) == 1 else f" (1 of {len(waves)} waves)"
            rows.append(
                (
                    wave.due_at,
                    screen.countdown(wave.due_at, plan.launch),
                    screen.local(wave.due_at, plan.zone) + more,
                    name,
                    step.channel,
                    to,
                    f"{head.reachable:,}" if head else "-",
                    _approved(standing),
                )
            )
    for row in sorted(rows, key=lambda row: row[0]):
        table.add_row(*row[1:])
    screen.out.print(table)
    notes = dict.fromkeys(f"{wave.name}: {note}" for waves in peopled.values() for wave in waves for note in wave.notes)
    for note in notes:
        screen.out.print(f"Note: {note}", soft_wrap=True)
    waiting = sum(not standing.is_approved for standing in standings)
    if waiting:
        screen.out.print(
            f"{screen.counted(waiting, 'step')} not approved: nothing of them is sent. Approve with: campaign approve",
            soft_wrap=True,
        )


def _approved(standing: Standing) -> str:
    if standing.approval is None:
        return "no"
    if standing.changed:
        return f"no, changed: {', '.join(standing.changed)}"
    return f"by {standing.approval.by}"


def _as_json(
    sources: Sources,
    standings: Sequence[Standing],
    heads: Mapping[str, Headcount],
    peopled: Mapping[str, Sequence[PlannedWave]],
) -> Mapping[str, object]:
    plan = sources.plan
    return {
        "campaign": plan.campaign,
        "title": plan.title,
        "launch_at": plan.launch,
        "zone": plan.zone,
        "steps": [
            {
                "step": standing.step.id,
                "channel": standing.step.channel,
                "message": standing.step.message,
                "segment": standing.step.segment.name if standing.step.segment else None,
                "accounts": standing.step.accounts,
                "people": heads.get(standing.step.id),
                "approved": standing.is_approved,
                "approved_by": standing.approval.by if standing.approval else None,
                "changed": standing.changed,
                "digest": standing.manifest.digest,
                "waves": [
                    {"wave": wave.name, "due_at": wave.due_at, "zones": wave.zones, "notes": wave.notes}
                    for wave in peopled[standing.step.id]
                ],
            }
            for standing in standings
        ],
    }
