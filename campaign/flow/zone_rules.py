"""zone_rules: whether instants have moved though nobody changed a word, because a zone's clocks are to go otherwise.

Instants are frozen when they are approved. When a parliament changes summer time, and this computer learns of it, the
same plan resolves to others; then a person decides anew, and is told why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from campaign.model.bundle import Bundle
from campaign.model.plan import Plan, Repeat, Step
from campaign.model.wave import PlannedWave, Wave


def moved(
    plan: Plan, step: Step, planned: Sequence[PlannedWave], approved: Bundle, frozen: Sequence[Wave]
) -> Sequence[str]:
    """The zones of which the rules have changed since ``approved``, by what of the step was ``frozen`` in the ledger;
    none where the plan says other times than it did then."""
    if not _says_the_same(plan, step, approved.plan, approved.step):
        return ()
    now, then = _by_zone(planned, plan.zone), _by_zone([w for w in frozen if w.prepared_at is None], plan.zone)
    return sorted(zone for zone, instants in then.items() if not instants <= now.get(zone, set()))


def told(zones: Sequence[str]) -> str:
    """``the rules for clocks in America/New_York have changed since; its instants are others``; "" for none."""
    if not zones:
        return ""
    most = 3
    more = f" and {len(zones) - most} more zones" if len(zones) > most else ""
    return (
        f"the rules for clocks in {', '.join(zones[:most])}{more} have changed since: the plan says what it said, "
        "and that is another instant by now"
    )


def _by_zone(waves: Sequence[PlannedWave] | Sequence[Wave], home: str) -> Mapping[str, set[datetime]]:
    found: dict[str, set[datetime]] = {}
    for wave in waves:
        for zone in (home,) if wave.zones is None else wave.zones:
            found.setdefault(zone, set()).add(wave.due_at)
    return found


def _says_the_same(plan: Plan, step: Step, was: Plan, before: Step) -> bool:
    if not was.launch_written or (plan.launch_written, plan.zone) != (was.launch_written, was.zone):
        return False
    hung_on_launch = plan.launch != was.launch  # then an embargo that is hung on it has moved with it
    return (
        (plan.clock_change, step.at.written, _words(step.repeat), step.quiet)
        == (was.clock_change, before.at.written, _words(before.repeat), before.quiet)
        and (step.embargo == before.embargo or hung_on_launch)
        and step.ab_test == before.ab_test
    )


def _words(repeat: Repeat | None) -> object:
    if repeat is None:
        return None
    return repeat.every, repeat.count, repeat.cron, repeat.until.written if repeat.until else ""
