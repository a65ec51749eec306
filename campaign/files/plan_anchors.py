"""Steps that other steps' times are hung on: which there are, in which order, and when they first come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from campaign.files.plan_draft import Draft, PlanDraft
from campaign.files.plan_errors import Findings, Place
from campaign.files.plan_quiet import quiet_of
from campaign.files.plan_schema import StepDocument
from campaign.files.plan_time_checks import LaunchCalendar, embargo_of, repeat_of
from campaign.files.plan_times import After, Anchor, NotATime, hang
from campaign.files.plan_values import did_you_mean
from campaign.flow import schedule
from campaign.model.plan import Late, Step


def anchor(draft: PlanDraft, calendar: LaunchCalendar, findings: Findings) -> None:
    """Put into ``calendar`` the steps that others are hung on; unknown steps and circles are added to ``findings``."""
    indexes: dict[str, int] = {}
    for index, step in draft.steps.items():
        if step.has("id"):
            indexes.setdefault(step.document.id, index)
    wanted: dict[str, None] = {}
    for place, after in _hung(draft):
        if after.step in indexes:
            wanted[after.step] = None
        else:
            what = f'{place[-1]} "{after.written}" hangs on "{after.step}", and the plan has no such step'
            remedy = did_you_mean(after.step, tuple(indexes)) or "name a step by its id, or count from T-0"
            findings.add(place, what, remedy)
    circles: set[str] = set()
    for step_id in wanted:
        _anchor(step_id, (), draft, indexes, calendar, findings, circles)


def _hung(draft: PlanDraft) -> Iterator[tuple[Place, After]]:
    for index, step in draft.steps.items():
        if step.has("at") and isinstance(step.document.at, After):
            yield ("steps", index, "at"), step.document.at
        if step.has("repeat") and step.document.repeat and isinstance(step.document.repeat.until, After):
            yield ("steps", index, "repeat", "until"), step.document.repeat.until


def _anchor(
    step_id: str,
    above: tuple[str, ...],
    draft: PlanDraft,
    indexes: dict[str, int],
    calendar: LaunchCalendar,
    findings: Findings,
    circles: set[str],
) -> None:
    if step_id in calendar.anchors or step_id in circles or step_id not in indexes:
        return
    index = indexes[step_id]
    if step_id in above:
        circle = (*above[above.index(step_id) :], step_id)
        circles.update(circle)
        findings.add(
            ("steps", index, "at"), f"at hangs on itself: {' → '.join(circle)}", "hang one of them on T-0 or on a date"
        )
        return
    step = draft.steps[index]
    if not step.has("at"):
        return
    if isinstance(step.document.at, After):
        if len(above) >= _DEEPEST:
            what = f"at hangs on a chain of more than {_DEEPEST} steps"
            findings.add(("steps", index, "at"), what, "hang it on T-0 or on a date")
            circles.add(step_id)
            return
        _anchor(step.document.at.step, (*above, step_id), draft, indexes, calendar, findings, circles)
    if found := _first(step_id, step, draft, calendar):
        calendar.anchors[step_id] = found


def _first(step_id: str, step: Draft[StepDocument], draft: PlanDraft, calendar: LaunchCalendar) -> Anchor | None:
    """None where the step's own times cannot be used, which is said where they stand."""
    document, top = step.document, draft.top
    if not (step.has("channel", "embargo", "repeat", "quiet") and top.has("embargo", "quiet")):
        return None
    try:
        when = hang(document.at, calendar)
        plain = Step(id=step_id, channel=document.channel, message="", at=when, late=_LATE, line=0)
        made = replace(
            plain,
            embargo=embargo_of(document.embargo if document.embargo is not None else top.document.embargo, calendar),
            quiet=quiet_of(top.document.quiet, channel=document.channel, own=document.quiet),
            # How often it comes again does not matter for when it first comes; by cron that is where it begins.
            repeat=repeat_of(document.repeat, None) if document.repeat and document.repeat.cron else None,
        )
        at = schedule.first(calendar, made)
        as_planned = schedule.instant(when, plan=calendar)[0]
    except (NotATime, ValueError):
        return None
    return Anchor(at, when if at == as_planned else None)


_LATE = Late(within=timedelta(0), then="hold")
_DEEPEST = 100
