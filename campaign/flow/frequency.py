"""frequency: how many of whom a step is for will have had as many e-mails by then as the plan lets anybody have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from campaign.flow.posting import occurrence
from campaign.model.plan import Plan
from campaign.model.segment import Segment
from campaign.model.wave import PlannedWave


def left_out(
    plan: Plan, waves: Mapping[str, Sequence[PlannedWave]], groups: Mapping[frozenset[Segment], int]
) -> Mapping[str, int]:
    """About how many people each e-mail step leaves out for it, steps that leave out nobody left out.

    ``groups`` are how many people are in exactly these of the plan's segments. As the plan has it: everybody is taken
    to get each step at its first instant, and to be where they are now. What was refused or cancelled is not known yet.
    """
    frequency = plan.frequency
    if frequency is None:
        return {}
    mails = sorted(_mails(plan, waves), key=lambda mail: mail[0])
    windows = {at: frequency.window(at, plan.zone)[0] for at, _ in mails}
    steps = {step.id: step for step in plan.steps}
    found: dict[str, int] = {}
    for group, people in groups.items():
        had: list[datetime] = []
        for at, step_id in mails:
            step = steps[step_id]
            if step.segment not in group:
                continue
            full = len(had) >= frequency.most and had[-frequency.most] > windows[at]
            if full and not step.exempt:
                found[step_id] = found.get(step_id, 0) + people
            else:
                had.append(at)
    return {step.id: found[step.id] for step in plan.steps if step.id in found}


def _mails(plan: Plan, waves: Mapping[str, Sequence[PlannedWave]]) -> list[tuple[datetime, str]]:
    """When each e-mail step first comes, and each time that it comes again."""
    found: dict[tuple[str, int], datetime] = {}
    for step in plan.steps:
        if step.segment is None:
            continue
        for wave in waves[step.id]:
            key = (step.id, occurrence(step, wave.number))
            found[key] = min(wave.due_at, found.get(key, wave.due_at))
    return [(at, step_id) for (step_id, _), at in found.items()]
