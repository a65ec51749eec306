"""campaign plan: what is sent, where and when, counted from T-0."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from campaign.cli import cost, pacing_screen, screen, stops_screen
from campaign.cli.options import DEFAULT_PLAN, AsJson, PlanFile
from campaign.model.draw import DRAWS
from campaign.model.wave import WINNER

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.model.bundle import Sources
    from campaign.model.plan import AbTest, Step
    from campaign.model.segment import Headcount
    from campaign.model.wave import PlannedWave


def plan(
    plan: PlanFile = DEFAULT_PLAN,
    all_waves: Annotated[bool, typer.Option("--waves", help="Every wave, not every step.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the timeline: when each step goes out, over which channel, to whom, and whether it is approved."""
    from campaign import bootstrap, settings
    from campaign.bootstrap import costs
    from campaign.files import campaign as campaign_files
    from campaign.flow import approve, audience, check
    from campaign.storage.ledger import SqlLedger
    from campaign.storage.supporters import SqlSupporters

    sources = campaign_files.load(plan)
    configured = settings.load()
    database = bootstrap.open_database(configured)
    try:
        ledger = SqlLedger(database, world="live")
        standings = approve.standings(sources, ledger)
        money = cost.forecast(configured, sources), costs.budgets(configured), ledger.spent()
        people = SqlSupporters(database)
        heads = {
            step.id: people.headcount(audience.of(sources.bundle(step)))
            for step in sources.plan.steps
            if step.channel == "email"
        }
        anybody = people.count() > 0
        stops = ledger.stops()
        zones = {step.id: people.zones(step.segment) for step in sources.plan.steps if step.segment is not None}
    finally:
        database.close()
    peopled = {step: _peopled(sources, step, zones.get(step)) for step in sources.waves}
    forecasts = pacing_screen.forecasts(sources, heads, zones)
    if as_json:
        made = _as_json(sources, standings, heads, peopled)
        paces = pacing_screen.as_json(forecasts)
        screen.print_json({**made, "costs": cost.as_json(*money), "stops": stops, "through": paces})
        return
    _show(sources, standings, heads, peopled, all_waves=all_waves)
    pacing_screen.show_forecasts(sources.plan, forecasts)
    cost.show(*money)
    stops_screen.show(stops, zone=sources.plan.zone)
    if anybody:
        screen.show_problems(check.audiences(sources, {step: head.reachable for step, head in heads.items()}))


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
    table = screen.table("at", "when", "step", "to", "people", "approved", numbers=("people",))
    table.padding = (0, 0, 0, 0)
    table.show_edge = False
    for row in sorted(_rows(sources, standings, heads, peopled, all_waves=all_waves), key=lambda row: row[0]):
        table.add_row(*row[1:])
    screen.out.print(table)
    screen.out.print()
    for line in _remarks(sources, standings, peopled):
        screen.out.print(line, soft_wrap=True)


def _rows(
    sources: Sources,
    standings: Sequence[Standing],
    heads: Mapping[str, Headcount],
    peopled: Mapping[str, Sequence[PlannedWave]],
    *,
    all_waves: bool,
) -> Iterator[tuple[datetime, str, str, str, str, str, str]]:
    plan = sources.plan
    for standing in standings:
        step, head = standing.step, heads.get(standing.step.id)
        to = step.segment.name if step.segment else ", ".join(step.accounts)
        waves = peopled[step.id]
        for wave in waves if all_waves else waves[:1]:
            yield (
                wave.due_at,
                screen.countdown(wave.due_at, plan.launch),
                f"{wave.due_at.astimezone(ZoneInfo(plan.zone)):%d %b %H:%M}",
                _name(wave) if all_waves and len(waves) > 1 else step.id,
                f"{step.channel}: {to}",
                f"{head.reachable:,}" if head else "-",
                "yes" if standing.is_approved else "no",
            )


def _remarks(
    sources: Sources, standings: Sequence[Standing], peopled: Mapping[str, Sequence[PlannedWave]]
) -> Iterator[str]:
    """What the table has no room for: waves, notes on their instants, and what keeps a step from being sent."""
    plan = sources.plan
    for standing in standings:
        step, waves = standing.step, peopled[standing.step.id]
        if step.ab_test is not None:
            yield tested(step, step.ab_test)
        if len(waves) > (1 if step.ab_test is None else len(step.ab_test.arms) + 1):
            last = screen.countdown(max(wave.due_at for wave in waves), plan.launch)
            why = "comes again" if step.repeat else "goes out by the supporters' own clocks"
            if step.portions or step.ramp:
                why = "goes out bit by bit"
            yield f"{step.id} {why}: {len(waves)} waves, the last at {last}"
        yield from (f"{step.id}: {note}" for note in _together(note for wave in waves for note in wave.notes))
        if standing.changed:
            yield f"{step.id} has changed since {_by(standing)} approved it: {', '.join(standing.changed)}"
    waiting = sum(not standing.is_approved for standing in standings)
    if waiting:
        yield (
            f"\n{screen.counted(waiting, 'step is', 'steps are')} not approved, and nothing of "
            f"{'it' if waiting == 1 else 'them'} is sent. Approve with: campaign approve"
        )


def _name(wave: PlannedWave) -> str:
    """``alert#1``, ``alert#1 a`` for an arm of its A/B test, ``alert#3 rest``."""
    return f"{wave.name} {'rest' if wave.arm == WINNER else wave.arm}".rstrip()


def tested(step: Step, test: AbTest) -> str:
    """``alert is tested: 10% get a, 10% get b; the rest gets, 4h later, what has most clicks by then (drawn by …)``."""
    arms = ", ".join(f"{_percent(share.end - share.start)} get {arm}" for arm, share in test.shares().items())
    after = screen.length(test.after)
    what = "what somebody has chosen by then" if test.decide_by == "hand" else f"what has most {test.decide_by} by then"
    return f"{step.id} is tested: {arms}; the rest gets, {after} later, {what} (drawn by the seed {test.seed})"


def _percent(share: int) -> str:
    return f"{100 * share / DRAWS:.4g}%"


def _together(notes: Iterable[str]) -> Iterator[str]:
    """Notes that differ only in how many zones they are about, as one."""
    zones: dict[str, int] = {}
    for note in notes:
        found = re.fullmatch(r"(.*) \((\d+) zones?\)", note)
        head, number = (found[1], int(found[2])) if found else (note, 0)
        zones[head] = zones.get(head, 0) + number
    for head, number in zones.items():
        yield f"{head} ({screen.counted(number, 'zone')})" if number else head


def _by(standing: Standing) -> str:
    return standing.approval.by if standing.approval else "nobody"


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
                "ab_test": _test_as_json(standing.step.ab_test),
                "digest": standing.manifest.digest,
                "waves": [
                    {
                        "wave": wave.name,
                        "due_at": wave.due_at,
                        "zones": wave.zones,
                        "notes": wave.notes,
                        "arm": wave.arm,
                    }
                    for wave in peopled[standing.step.id]
                ],
            }
            for standing in standings
        ],
    }


def _test_as_json(test: AbTest | None) -> Mapping[str, object] | None:
    if test is None:
        return None
    return {
        "arms": [
            {"arm": name, "share": (share.end - share.start) / DRAWS, "draws": [share.start, share.end]}
            for name, share in test.shares().items()
        ],
        "decide_by": test.decide_by,
        "after": test.after,
        "seed": test.seed,
    }
