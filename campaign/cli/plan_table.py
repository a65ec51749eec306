"""The timeline of ``campaign plan``: readable on 100 columns, two minutes before it begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from campaign.cli import plan_changes, screen
from campaign.cli.plan_outline import Outline
from campaign.model.draw import DRAWS
from campaign.model.plan import Relative
from campaign.model.price import in_usd
from campaign.model.wave import WINNER

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.model.plan import AbTest
    from campaign.model.wave import PlannedWave

_SOON, _FAR = timedelta(days=2), timedelta(days=10)
_MOST_NOTES = 3


def show(outline: Outline, *, all_waves: bool, only: Sequence[Standing]) -> None:
    """Each step, or each wave: instants here and in UTC, counted from T-0 and from now; to whom; how it begins."""
    plan = outline.sources.plan
    screen.out.print(plan.title, style="bold")
    screen.out.print(
        f"T-0 is {screen.local(plan.launch, plan.zone)} ({plan.launch.astimezone(UTC):%d %b %H:%M} UTC), "
        f"{until(plan.launch, outline.now)}.\n",
        soft_wrap=True,
    )
    rows = sorted(_rows(outline, only, all_waves=all_waves), key=lambda row: row[0])
    screen.out.print(_table(rows), soft_wrap=True)
    screen.out.print()
    for standing in only:
        for line in remarks(outline, standing):
            screen.out.print(line, soft_wrap=True)
    plan_changes.show([standing for standing in only if standing.was], zone=plan.zone)
    _verdict(outline.standings)


Cell = tuple[str, str]
"""Two lines, the second of them dim."""
Row = tuple[datetime, Cell, Cell, Cell, Cell, Cell, Cell]


def _rows(outline: Outline, only: Sequence[Standing], *, all_waves: bool) -> Iterator[Row]:
    plan = outline.sources.plan
    for standing in only:
        step = standing.step
        waves = outline.waves(step)
        for wave in waves if all_waves else waves[:1]:
            there = wave.due_at.astimezone(ZoneInfo(plan.zone))
            name = named(wave) if all_waves and len(waves) > 1 else step.id
            head = outline.heads.get(step.id)
            people = outline.people(step, wave) if all_waves else head.reachable if head else None
            cost = outline.cost(step, wave if all_waves else None)
            more = f"{len(waves)} waves" if not all_waves and len(waves) > 1 else ""
            yield (
                wave.due_at,
                _two(screen.countdown(wave.due_at, plan.launch), until(wave.due_at, outline.now)),
                _two(f"{there:%a %d %b %H:%M}", f"{wave.due_at.astimezone(UTC):%d %b %H:%M} UTC"),
                _two(name, outline.lines.of(step, wave)),
                _two(outline.to(step), ", ".join(filter(None, (in_usd(cost) if cost is not None else "", more)))),
                _two(f"{people:,}" if people is not None else "-", ""),
                _two(*_approved(standing)),
            )


def _table(rows: Sequence[Row]) -> Text:
    """The third column has what the others leave; a text that is too long for its column is cut, and says so.

    Written by hand: Rich weighs each of a thousand rows three times, which takes longer than all the rest.
    """
    names = ("at", "when", "step", "to", "people", "approved")
    widths = [len(name) for name in names]
    for row in rows:
        widths = [max(width, *map(cell_len, cell)) for width, cell in zip(widths, row[1:], strict=True)]
    widths[_TO], widths[_APPROVED] = min(widths[_TO], _WIDEST), min(widths[_APPROVED], _WIDEST)
    room = screen.out.width - len(names) - sum(widths) + widths[_STEP]
    for place in (_TO, _APPROVED):  # on a narrow screen these give way first
        given = max(0, min(_NARROWEST - room, widths[place] - _LEAST))
        widths[place] -= given
        room += given
    widths[_STEP] = max(_LEAST, min(widths[_STEP], room))
    made = Text(_line(names, widths), style="", no_wrap=True)
    made.stylize("bold")
    made.append("\n" + "─" * (sum(widths) + len(widths) - 1))
    for row in rows:
        first, second = zip(*row[1:], strict=True)
        made.append("\n" + _line(first, widths))
        if any(second):
            made.append("\n" + _line(second, widths), style="dim")
    return made


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    parts = []
    for place, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        if cell_len(cell) > width:
            parts.append(set_cell_size(cell, width - 1) + "…")
        else:
            parts.append(cell.rjust(width) if place == _PEOPLE else set_cell_size(cell, width))
    return " ".join(parts).rstrip()


_STEP, _TO, _PEOPLE, _APPROVED = 2, 3, 4, 5
_NARROWEST, _WIDEST, _LEAST = 18, 18, 8


def _two(first: str, second: str) -> Cell:
    return screen.plain(first), screen.plain(second)


def _approved(standing: Standing) -> tuple[str, str]:
    if standing.is_approved and standing.approval:
        return "yes", " and ".join(standing.approval.people)
    if standing.begun:
        return standing.lacks.partition(",")[0].partition(":")[0], " and ".join(standing.begun.people)
    return "no", "changed" if standing.was else ""


def until(at: datetime, now: datetime) -> str:
    """``in 2h``, ``in 3d4h``, ``2m ago``: to the minute, from two days on to the hour, and from ten on to the day."""
    span = abs(at - now)
    if span >= _FAR:
        span = timedelta(days=round(span / timedelta(days=1)))
    elif span >= _SOON:
        span = timedelta(hours=round(span / timedelta(hours=1)))
    elif span >= timedelta(minutes=10):
        span = timedelta(minutes=round(span / timedelta(minutes=1)))
    words = screen.length(timedelta(seconds=round(span.total_seconds())))
    if not words:
        return "now"
    return f"in {words}" if at > now else f"{words} ago"


def remarks(outline: Outline, standing: Standing) -> Iterator[str]:
    """What the table has no room for: waves, notes on their instants, and what keeps a step from being sent."""
    from campaign.flow import zone_rules

    step, waves = standing.step, outline.waves(standing.step)
    if step.ab_test is not None:
        yield f"{step.id} {tested(step.ab_test)}"
    if len(waves) > (1 if step.ab_test is None else len(step.ab_test.arms) + 1):
        last = screen.countdown(max(wave.due_at for wave in waves), outline.sources.plan.launch)
        by_clock = isinstance(step.at, Relative) and step.at.local
        why = "comes again" if step.repeat else "goes out by the supporters' own clocks" if by_clock else "is divided"
        yield f"{step.id} {why}: {len(waves)} waves, the last at {last}"
    notes = list(together(note for wave in waves for note in wave.notes))
    yield from (f"{step.id}: {note}" for note in notes[:_MOST_NOTES])
    if len(notes) > _MOST_NOTES:
        yield f"{step.id}: and {len(notes) - _MOST_NOTES} more notes; see campaign plan {step.id}"
    yield from (f"{step.id} waits until {condition}" for condition in step.conditions)
    if standing.begun:
        yield f"{step.id} is approved {standing.lacks}"
    if standing.was and standing.approval:
        what = zone_rules.told(standing.moved_zones) or ", ".join(standing.changed)
        yield f"{step.id} has changed since {standing.approval.by} approved it: {what}"


def _verdict(standings: Sequence[Standing]) -> None:
    begun = sum(standing.begun is not None for standing in standings)
    waiting = sum(not standing.is_approved for standing in standings) - begun
    if begun:
        screen.out.print(f"\n{screen.counted(begun, 'step waits', 'steps wait')} for another person's approval.")
    if waiting:
        screen.out.print(
            f"\n{screen.counted(waiting, 'step is', 'steps are')} not approved, and nothing of "
            f"{'it' if waiting == 1 else 'them'} is sent. Approve with: campaign approve",
            soft_wrap=True,
        )


def named(wave: PlannedWave) -> str:
    """``alert#1``, ``alert#1 a`` for an arm of its A/B test, ``alert#3 rest``."""
    return f"{wave.name} {'rest' if wave.arm == WINNER else wave.arm}".rstrip()


def tested(test: AbTest) -> str:
    """``is tested: 10% get a, 10% get b; the rest gets, 4h later, what has most clicks by then (drawn by …)``."""
    arms = ", ".join(
        f"{100 * (share.end - share.start) / DRAWS:.4g}% get {arm}" for arm, share in test.shares().items()
    )
    after = screen.length(test.after)
    what = "what somebody has chosen by then" if test.decide_by == "hand" else f"what has most {test.decide_by} by then"
    return f"is tested: {arms}; the rest gets, {after} later, {what} (drawn by the seed {test.seed})"


def together(notes: Iterable[str]) -> Iterator[str]:
    """Notes that differ only in how many zones they are about, as one."""
    zones: dict[str, int] = {}
    for note in notes:
        found = re.fullmatch(r"(.*) \((\d+) zones?\)", note)
        head, number = (found[1], int(found[2])) if found else (note, 0)
        zones[head] = zones.get(head, 0) + number
    for head, number in zones.items():
        yield f"{head} ({screen.counted(number, 'zone')})" if number else head
