"""One step of ``campaign plan``, with all that is known of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import TYPE_CHECKING

from campaign.cli import plan_changes, plan_table, screen
from campaign.cli.plan_outline import Outline
from campaign.model.price import in_usd

if TYPE_CHECKING:
    from campaign.flow.approve import Standing


def show(outline: Outline, standing: Standing) -> None:
    """Who gets it, every wave at its instant, who has approved it, and what has changed since."""
    step, plan = standing.step, outline.sources.plan
    screen.out.print(step.id, style="bold")
    for name, value in _facts(outline, standing):
        screen.out.print(f"  {name:<10} {value}", soft_wrap=True)
    screen.out.print()
    costs = any(outline.cost(step, wave) for wave in outline.waves(step))
    columns = ("wave", "at", "from now", plan.zone, "UTC", *(("zones", "people") if step.segment else ()))
    table = screen.table(*columns, *(("cost",) if costs else ()), numbers=("zones", "people", "cost"))
    table.padding = (0, 1, 0, 0)
    table.show_edge = False
    for wave in outline.waves(step):
        cost = outline.cost(step, wave)
        people = outline.people(step, wave)
        mail = ("all" if wave.zones is None else f"{len(wave.zones)}", f"{people:,}") if people is not None else ()
        table.add_row(
            plan_table.named(wave),
            screen.countdown(wave.due_at, plan.launch),
            plan_table.until(wave.due_at, outline.now),
            screen.local(wave.due_at, plan.zone),
            f"{wave.due_at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
            *mail,
            *((in_usd(cost) if cost is not None else "-",) if costs else ()),
        )
    screen.out.print(table)
    screen.out.print()
    for note in plan_table.together(note for wave in outline.waves(step) for note in wave.notes):
        screen.out.print(note, soft_wrap=True)
    plan_changes.show([standing], zone=plan.zone)


def _facts(outline: Outline, standing: Standing) -> Iterator[tuple[str, str]]:
    from campaign.flow import zone_rules

    step, plan = standing.step, outline.sources.plan
    waves = outline.waves(step)
    yield "message", step.message
    yield "begins", outline.lines.of(step, waves[0]) if waves else ""
    yield "planned", step.at.written
    if step.segment is not None and (head := outline.heads.get(step.id)) is not None:
        left_out = head.members - head.reachable
        yield "to", f"{outline.to(step)}, {screen.counted(head.reachable, 'person', 'people')}, {left_out:,} left out"
    else:
        yield "to", f"{step.channel}: {', '.join(step.accounts)}"
    if (cost := outline.cost(step)) is not None:
        yield "cost", in_usd(cost)
    if plan.frequency is not None and step.segment is not None:
        number = outline.had_enough.get(step.id, 0)
        left = f"about {number:,} people will have had so many" if number else "nobody will have had so many by then"
        yield "frequency", f"{plan.frequency}; {'it goes out all the same' if step.exempt else left}"
    yield "late", f"{screen.length(step.late.within)}, then {step.late.then}"
    if step.embargo is not None:
        yield "embargo", screen.local(step.embargo, outline.sources.plan.zone)
    if step.ab_test is not None:
        yield "A/B test", plan_table.tested(step.ab_test)
    yield from (("waits", f"until {condition}") for condition in step.conditions)
    yield "approved", _approved(standing)
    if standing.moved_zones:
        yield "note", zone_rules.told(standing.moved_zones)


def _approved(standing: Standing) -> str:
    words = [
        f"{word.by} on {word.at.astimezone(UTC):%d %b %Y at %H:%M} UTC"
        for found in (standing.begun or standing.approval,)
        if found
        for word in found.words
    ]
    said = ", ".join(words) or "by nobody"
    if standing.begun:
        return f"{said}; {standing.lacks}"
    return f"{said}; it has changed since" if standing.was else said
