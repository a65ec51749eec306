"""How fast steps go out, on the screen: the forecast before, and the truth beside it while they do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.cli.plan_outline import Outline
    from campaign.flow.pacing import Forecast, Progress
    from campaign.model.bundle import Sources
    from campaign.model.plan import Plan, Step
    from campaign.model.segment import Headcount
    from campaign.model.wave import Wave


def forecasts(
    sources: Sources,
    heads: Mapping[str, Headcount],
    zones: Mapping[str, Mapping[str, int]],
    domains: Mapping[str, Mapping[str, int]],
) -> Mapping[str, Forecast]:
    from campaign.flow import pacing

    people = {step: head.reachable for step, head in heads.items()}
    return pacing.forecasts(sources.plan, sources.waves, people, zones, domains)


def show_forecasts(plan: Plan, found: Mapping[str, Forecast]) -> None:
    """One line for each step that goes out bit by bit."""
    for step in plan.steps:
        if step.id in found:
            screen.out.print(_forecast(plan, step, found[step.id]), soft_wrap=True)
    if found:
        screen.out.print()


def _forecast(plan: Plan, step: Step, found: Forecast) -> str:
    """``alert: 10%, 30%, 60%, at most 5,000 an hour; through at T+1d4h, Wed 23 May 2018 13:00 EDT``."""
    how = []
    if step.portions:
        how.append(f"waves of {step.portions}")
    if step.ramp:
        ramp = step.ramp
        how.append(
            f"a ramp of {ramp.first:,} people first, {ramp.grow:g} times as many every {screen.length(ramp.every)}"
        )
    how += [f"at most {rate}" for rate in ([step.rate] if step.rate else [])]
    if step.channel in plan.rates:
        how.append(f"{step.channel} altogether at most {plan.rates[step.channel]}")
    if step.channel == "email":
        how += [f"at most {rate}" for rate in step.domain_rates]
        how += [f"all e-mail at most {rate}" for rate in plan.domain_rates]
    head = f"{step.id}: {', '.join(how)}; "
    through = f"{screen.countdown(found.ends_at, plan.launch)}, {screen.local(found.ends_at, plan.zone)}"
    if found.waves is None:
        return f"{head}its last wave is out at {through}, and reaches {found.reached:,} of {found.people:,} people"
    if step.channel == "email" and not found.people:
        return f"{head}nobody is in its audience yet, so there is no forecast"
    waves = f" with wave {found.waves}" if step.ramp else ""
    late = ""
    if found.late_by:
        became = "held" if step.late.then == "hold" else "missed"
        late = (
            f"; others have its rate until {screen.length(found.late_by)} after its time, and it may be "
            f"{screen.length(step.late.within)} late: it would be {became}"
        )
    return f"{head}through{waves} at {through}{late}"


def show_frequency(made: Outline) -> None:
    """How often anybody hears from the campaign, and which steps leave people out for it."""
    frequency = made.sources.plan.frequency
    if frequency is None:
        return
    those = [f"{step} about {number:,} of {made.heads[step].reachable:,}" for step, number in made.had_enough.items()]
    said = f"leaves out people of {', '.join(those)}" if those else "leaves out nobody"
    screen.out.print(f"frequency: {frequency}; as the plan is now that {said}\n", soft_wrap=True)


def often_as_json(made: Outline) -> Mapping[str, object] | None:
    frequency = made.sources.plan.frequency
    if frequency is None:
        return None
    return {"most": frequency.most, "within_s": frequency.within.total_seconds(), "left_out": made.had_enough}


def show_progress(waves: Sequence[Wave]) -> None:
    """One line for each wave that keeps to a rate and has begun."""
    from campaign.flow import pacing

    for line in map(_progress, pacing.progress(waves)):
        screen.out.print(line, soft_wrap=True)


def _progress(found: Progress) -> str:
    """``alert#1: 1,200 of 5,000 since 13:00; forecast to be through at 14:00, at the pace so far at 14:12 (UTC)``."""
    parts = [f"{found.wave.name}: {found.done:,} of {found.to_send:,} since {found.began_at:%d %b %H:%M:%S}"]
    parts.append(f"forecast to be through at {found.forecast_at:%d %b %H:%M:%S}")
    if found.ends_at is not None:
        what = "was through" if found.is_over else "at the pace so far"
        parts.append(f"{what} at {found.ends_at:%d %b %H:%M:%S}")
    rates = ", ".join(f"at most {pace.rate} ({pace.name})" for pace in found.wave.paces)
    return "; ".join(parts) + f" (UTC; {rates})"


def as_json(found: Mapping[str, Forecast]) -> Mapping[str, object]:
    return dict(_as_json(found))


def _as_json(found: Mapping[str, Forecast]) -> Iterator[tuple[str, object]]:
    for step, forecast in found.items():
        yield (
            step,
            {
                "ends_at": forecast.ends_at,
                "people": forecast.people,
                "reached": forecast.reached,
                "waves": forecast.waves,
                "late_by_s": forecast.late_by.total_seconds(),
            },
        )
