"""The table of how the steps stand, for every command that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.review import Figures, StepReview

_ON_TIME = timedelta(seconds=1)
_COLUMNS = {
    "planned": "planned",
    "accepted": "accepted",
    "delivered": "deliv.",
    "retracted": "retr.",
    "refused": "ref.",
    "suppressed": "supp.",
    "in_doubt": "doubt",
    "missed": "missed",
    "to_send": "to send",
}
"""Figures by the heads of their columns, short enough for 80 characters beside the steps' names."""


def began(step: StepReview) -> str:
    """``on time`` or how late, ``waiting`` for its instant; ``held`` or ``missed`` above all, if a wave of it is."""
    for state in ("held", "missed", "cancelled"):
        if state in step.states:
            return state
    late = step.late_by
    if late is None:
        return step.states[0] if step.states else "-"
    return "on time" if late <= _ON_TIME else f"+{_length(late)}"


def _length(late: timedelta) -> str:
    seconds = int(late.total_seconds())
    if seconds < 120:  # noqa: PLR2004 - two minutes: shorter lengths are told in seconds
        return f"{seconds}s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m"


def show_steps(steps: Sequence[StepReview], *, launch: datetime | None) -> None:
    """The table, the sum under it, and why anything did not go out."""
    from campaign.flow.review import total

    summed = total(step.figures for step in steps)
    shown = {name: head for name, head in _COLUMNS.items() if name in _ALWAYS or getattr(summed, name)}
    table = screen.table("step", "at", "began", *shown.values(), numbers=shown.values())
    table.padding = (0, 0, 0, 0)
    table.show_edge = False
    for column in table.columns:
        column.no_wrap = True
    for step in steps:
        at = "-"
        if step.first_at is not None:
            at = screen.countdown(step.first_at, launch) if launch else f"{step.first_at:%Y-%m-%d %H:%M}Z"
        table.add_row(step.step, at, began(step), *(_number(getattr(step.figures, name)) for name in shown))
    screen.out.print(table)
    screen.out.print(f"\n{sum_line(summed)}", soft_wrap=True)
    show_reasons(steps)


_ALWAYS = ("planned", "accepted", "delivered", "refused", "suppressed", "in_doubt")


def _number(n: int) -> str:
    return f"{n:,}" if n else "-"


def sum_line(summed: Figures) -> str:
    """``9 accepted + 1 refused = 10 planned``, with a ≠ where it is not so."""
    parts = [
        f"{summed.accepted:,} accepted",
        f"{summed.refused:,} refused",
        f"{summed.suppressed:,} suppressed",
        f"{summed.in_doubt:,} in doubt",
    ]
    if summed.missed:
        parts.append(f"{summed.missed:,} missed")
    if summed.to_send:
        parts.append(f"{summed.to_send:,} to send")
    return f"{' + '.join(parts)} {'=' if summed.adds_up else '≠'} {summed.planned:,} planned"


def show_reasons(steps: Iterable[StepReview]) -> None:
    """Why waves are held, or were not sent, step by step; and why deliveries were not accepted, over all steps."""
    steps = tuple(steps)
    ended = [
        f"{n:>9,}  {step.step}, {state.value}: {why or 'no reason was given'}"
        for step in steps
        for state, why, n in step.ended
    ]
    if ended:
        screen.out.print("\nWaves that did not go out, and why", style="bold")
    for line in ended:
        screen.out.print(line, soft_wrap=True)
    reasons: dict[tuple[str, str], int] = {}
    for step in steps:
        for state, why, n in step.why:
            key = (state.value.replace("_", " "), why)
            reasons[key] = reasons.get(key, 0) + n
    if not reasons:
        return
    screen.out.print("\nNot sent, and why", style="bold")
    for (name, why), n in sorted(reasons.items(), key=lambda item: -item[1]):
        screen.out.print(f"{n:>9,}  {name}: {why or 'no reason was given'}", soft_wrap=True)


def steps_as_json(steps: Iterable[StepReview]) -> list[Mapping[str, object]]:
    return [
        {
            "step": step.step,
            "channel": step.channel,
            "waves": step.waves,
            "states": step.states,
            "first_at": step.first_at,
            "late_s": step.late_by.total_seconds() if step.late_by is not None else None,
            **asdict(step.figures),
            "why": [{"state": state, "why": why, "count": n} for state, why, n in step.why],
            "ended": [{"state": state, "why": why, "count": n} for state, why, n in step.ended],
        }
        for step in steps
    ]
