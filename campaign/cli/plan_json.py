"""``campaign plan --json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.cli import plan_changes
from campaign.cli.plan_outline import Outline
from campaign.model.draw import DRAWS

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.model.plan import AbTest


def outline(made: Outline, chosen: Sequence[Standing]) -> Mapping[str, object]:
    plan = made.sources.plan
    return {
        "campaign": plan.campaign,
        "title": plan.title,
        "launch_at": plan.launch,
        "zone": plan.zone,
        "author": plan.author,
        "steps": [_step(made, standing) for standing in chosen],
    }


def _step(made: Outline, standing: Standing) -> Mapping[str, object]:
    step = standing.step
    approval = standing.begun or standing.approval
    return {
        "step": step.id,
        "channel": step.channel,
        "message": step.message,
        "at": step.at.written,
        "segment": step.segment.name if step.segment else None,
        "accounts": step.accounts,
        "people": made.heads.get(step.id),
        "micro_usd": made.cost(step),
        "approved": standing.is_approved,
        "approved_by": standing.approval.by if standing.approval else None,
        "approvers": step.approvers,
        "approvals": [{"by": word.by, "at": word.at} for word in approval.words] if approval else [],
        "lacks": standing.lacks,
        "changed": standing.changed,
        "changes": plan_changes.as_json(standing, zone=made.sources.plan.zone),
        "moved_zones": standing.moved_zones,
        "waits_until": [str(condition) for condition in step.conditions],
        "ab_test": _test(step.ab_test),
        "digest": standing.manifest.digest,
        "waves": [
            {
                "wave": wave.name,
                "due_at": wave.due_at,
                "zones": wave.zones,
                "people": made.people(step, wave),
                "first_line": made.lines.of(step, wave),
                "notes": wave.notes,
                "arm": wave.arm,
            }
            for wave in made.waves(step)
        ],
    }


def _test(test: AbTest | None) -> Mapping[str, object] | None:
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
