"""pacing: when what goes out bit by bit will be through, and how that compares with how it goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaign.model.delivery import OPEN, State
from campaign.model.draw import DRAWS
from campaign.model.pace import AtDomain, Pace, kinds
from campaign.model.plan import Plan
from campaign.model.wave import PlannedWave, Wave, WaveState

if TYPE_CHECKING:
    from campaign.flow.desk import Desk


@dataclass(frozen=True, slots=True)
class Forecast:
    """``ends_at`` is when the last of ``people`` goes out. ``waves`` is how many waves it takes, None where all waves
    of a ramp do not reach everybody: then ``reached`` is how many they do. ``late_by`` is how long after its instant a
    wave can only begin, because others have its rates until then; 0 where its step allows that."""

    people: int
    reached: int
    ends_at: datetime
    waves: int | None
    late_by: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Progress:
    """How a wave that keeps to a rate goes. ``done`` of ``to_send`` have gone out since ``began_at``. ``forecast_at``
    is when it would be through by its rate, ``ends_at`` when at the pace so far, or when it was; None: not known yet.
    """

    wave: Wave
    done: int
    to_send: int
    began_at: datetime
    forecast_at: datetime
    ends_at: datetime | None

    @property
    def is_over(self) -> bool:
        return self.done >= self.to_send


def all_reached(desk: Desk, due: Wave, planned: int) -> None:
    """End the later waves of a ramp where this one had room for more people than there are."""
    if due.most is None or planned >= due.most or due.state is not WaveState.WAITING:
        return
    why = f"everybody was reached by {due.name}"
    for wave in desk.ledger.waves(step=due.step, states=(WaveState.WAITING,)):
        if wave.most is not None and wave.number > due.number:
            desk.ledger.end_wave(wave.id, WaveState.DONE, why=why, at=desk.clock.now())
    desk.tell(f"{due.name}: the ramp has reached everybody", "ramp.over", wave=due)


def lasts(paces: Sequence[Pace], people: int) -> timedelta:
    """From the first batch of so many to the last. The first goes at once, for its bucket is full."""
    if not paces or not people:
        return timedelta(0)
    size = min(pace.rate.batch for pace in paces)
    slowest = max(pace.rate.takes(size) for pace in paces)
    return slowest * (math.ceil(people / size) - 1)


def _for_all(paces: Sequence[Pace]) -> list[Pace]:
    return [pace for pace in paces if not pace.domains]


def _of_domain(paces: Sequence[Pace], domain: str) -> list[Pace]:
    """The rates that people at a domain have for themselves."""
    return [pace for pace in paces if pace.domains and pace.holds_for(domain)]


def forecasts(
    plan: Plan,
    waves: Mapping[str, Sequence[PlannedWave]],
    people: Mapping[str, int],
    zones: Mapping[str, Mapping[str, int]],
    domains: Mapping[str, Mapping[str, int]] | None = None,
) -> Mapping[str, Forecast]:
    """When each step that keeps to a rate, or has waves one after the other, will be through.

    ``people`` are how many a step reaches, ``zones`` how many of its segment are in each zone ("": not known), for
    waves by local time, and ``domains`` how many of them are at each mailbox domain that has a rate. Steps that share a
    rate go out one after the other, by their instants.
    """
    concerned = [step for step in plan.steps if step.portions or step.ramp or plan.paces(step)]
    mine = {step.id: step for step in concerned}
    left = {step.id: people.get(step.id, len(step.accounts)) for step in concerned}
    free_at: dict[str, datetime] = {}
    found: dict[str, Forecast] = {}
    used: dict[str, int] = {}
    timeline = [wave for step in concerned for wave in waves[step.id]]
    for wave in sorted(timeline, key=lambda wave: wave.due_at):
        step, paces = mine[wave.step], plan.paces(mine[wave.step])
        whole = people.get(step.id, len(step.accounts))
        number = _in_wave(wave, whole, left[step.id], zones.get(step.id, {}), plan.zone)
        if whole and not number:  # a ramp that has reached everybody, or zones in which nobody is
            continue
        if not step.repeat:
            left[step.id] -= number
        used[step.id] = used.get(step.id, 0) + 1
        at_domains = (domains or {}).get(step.id, {})
        some = {one: number * n / whole for one, n in at_domains.items()} if whole else {}
        begins_at, ends_at = _takes_its_turn(wave.due_at, paces, number, some, free_at)
        late_by = begins_at - wave.due_at
        before = found.get(step.id)
        short = step.ramp is not None and left[step.id] > 0
        found[step.id] = Forecast(
            people=whole,
            reached=whole - left[step.id] if step.ramp else whole,
            ends_at=max(ends_at, before.ends_at) if before else ends_at,
            waves=None if short else used[step.id],
            late_by=max(
                before.late_by if before else timedelta(0),
                late_by if step.late.then != "send" and late_by > step.late.within else timedelta(0),
            ),
        )
    return found


def _takes_its_turn(
    due_at: datetime, paces: Sequence[Pace], number: int, at_domains: Mapping[str, float], free_at: dict[str, datetime]
) -> tuple[datetime, datetime]:
    """When the first and the last of so many go out whose rates are ``free_at`` those times, and later from then on."""
    every = _for_all(paces)
    begins_at = _begins(due_at, every, number, free_at)
    ends_at = begins_at + lasts(every, number)
    first, others = [], number
    for kind in kinds(paces):
        some = round(sum(at_domains.get(domain, 0) for domain in kind))
        if some:
            own = _of_domain(paces, kind[0])
            first.append(_begins(begins_at, own, some, free_at))
            ends_at = max(ends_at, first[-1] + lasts([*own, *every], some))
            others -= some
    return min([*first, *([begins_at] if others > 0 or not first else [])]), ends_at


def _begins(at: datetime, paces: Sequence[Pace], number: int, free_at: dict[str, datetime]) -> datetime:
    """When so many begin that have the rates for themselves from then on, one after the other."""
    begins_at = max([at, *(free_at[pace.bucket] for pace in paces if pace.bucket in free_at)])
    for pace in paces:
        free_at[pace.bucket] = begins_at + pace.rate.takes(number)
    return begins_at


def _in_wave(wave: PlannedWave, people: int, left: int, zones: Mapping[str, int], home: str) -> int:
    if wave.most is not None:
        return min(wave.most, left)
    number = float(people)
    if wave.share is not None:
        number *= (wave.share.end - wave.share.start) / DRAWS
    everybody = sum(zones.values())
    if wave.zones is not None and everybody:
        served = frozenset(wave.zones)
        number *= sum(n for zone, n in zones.items() if (zone or home) in served) / everybody
    return round(number)


def progress(waves: Sequence[Wave]) -> Sequence[Progress]:
    """How those go, or went, that keep to a rate and have begun."""
    found = []
    for wave in waves:
        began_at = wave.first_sent_at
        if not wave.paces or began_at is None:
            continue
        unsent = sum(wave.counts.get(state, 0) for state in OPEN)
        to_send = wave.planned - wave.counts.get(State.SUPPRESSED, 0)
        done = to_send - unsent
        parts = [AtDomain("", to_send, unsent, wave.goes_on_at)]
        if wave.at_domains:
            # Of who was left out nobody knows where they are: about as many everywhere.
            sent_to = to_send / wave.planned if wave.planned else 0.0
            parts = [replace(one, planned=max(one.left, round(one.planned * sent_to))) for one in wave.at_domains]
        lasting = [lasts(_for_all(wave.paces), to_send)]
        lasting += [lasts([pace for pace in wave.paces if pace.holds_for(one.domain)], one.planned) for one in parts]
        forecast_at = max(began_at, wave.due_at) + max(lasting)
        ends_at = wave.finished_at
        if unsent:
            ends = [at for one in parts if (at := _ends_at(wave, one, began_at)) is not None]
            ends_at = max(ends, default=ends_at)
        found.append(Progress(wave, done, to_send, began_at, forecast_at, ends_at))
    return found


def _ends_at(wave: Wave, part: AtDomain, began_at: datetime) -> datetime | None:
    """When the last of a wave's people at some domains would go out at the pace so far."""
    paces, done = [pace for pace in wave.paces if pace.holds_for(part.domain)], part.planned - part.left
    if not paces or not part.left or part.goes_on_at is None or done <= 0 or part.goes_on_at <= began_at:
        return None
    each = (part.goes_on_at - began_at) / done
    return part.goes_on_at + each * max(0, part.left - min(pace.rate.batch for pace in paces))
