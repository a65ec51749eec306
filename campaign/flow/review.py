"""review: how the steps stand, in the figures that every screen shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from campaign.model.claim import Tally
from campaign.model.delivery import OPEN, TAKEN, State
from campaign.model.wave import Wave, WaveState


@dataclass(frozen=True, slots=True)
class Figures:
    """Deliveries by how they stand. All but ``delivered`` and ``retracted``, which are parts of ``accepted``, add up to
    ``planned``.

    ``accepted`` is what the provider took, whatever came of it later; ``missed`` came too late or was cancelled;
    ``to_send`` is still to be sent.
    """

    planned: int = 0
    accepted: int = 0
    delivered: int = 0
    refused: int = 0
    suppressed: int = 0
    in_doubt: int = 0
    missed: int = 0
    to_send: int = 0
    retracted: int = 0

    @property
    def adds_up(self) -> bool:
        told = self.accepted + self.refused + self.suppressed + self.in_doubt + self.missed + self.to_send
        return told == self.planned


def figures(tally: Tally) -> Figures:
    counts = tally.counts
    return Figures(
        planned=tally.planned,
        accepted=sum(counts.get(state, 0) for state in TAKEN),
        delivered=counts.get(State.DELIVERED, 0),
        refused=counts.get(State.REFUSED, 0),
        suppressed=counts.get(State.SUPPRESSED, 0),
        in_doubt=counts.get(State.IN_DOUBT, 0),
        missed=counts.get(State.MISSED, 0) + counts.get(State.CANCELLED, 0),
        to_send=sum(counts.get(state, 0) for state in OPEN),
        retracted=counts.get(State.RETRACTED, 0),
    )


def total(those: Iterable[Figures]) -> Figures:
    several = list(those)
    return Figures(**{field.name: sum(getattr(one, field.name) for one in several) for field in fields(Figures)})


@dataclass(frozen=True, slots=True)
class StepReview:
    """``first_at`` is the instant of its first wave that has anybody in it, ``late_by`` how much later than its
    instant the latest of its waves began; None where none has one, or has begun. ``ended`` are its waves that are held,
    and those that were missed or cancelled with nobody in them, which no figure tells: state, why, how many."""

    step: str
    channel: str
    figures: Figures
    waves: int
    first_at: datetime | None
    late_by: timedelta | None
    states: Sequence[str]
    why: Sequence[tuple[State, str, int]]
    ended: Sequence[tuple[WaveState, str, int]] = ()


def steps(tallies: Iterable[Tally], waves: Sequence[Wave]) -> list[StepReview]:
    """Each step that has waves, in the order of ``tallies``; waves that nobody is in are left out."""
    found = []
    for tally in tallies:
        mine = [wave for wave in waves if wave.step == tally.step]
        peopled = [wave for wave in mine if wave.planned or wave.prepared_at is None]
        ended = Counter((wave.state, wave.why) for wave in peopled if _tells_why(wave))
        # What was handed over ahead left its provider at its instant.
        delays = [max(wave.first_sent_at, wave.due_at) - wave.due_at for wave in mine if wave.first_sent_at is not None]
        found.append(
            StepReview(
                step=tally.step,
                channel=tally.channel,
                figures=figures(tally),
                waves=len(peopled),
                first_at=min((wave.due_at for wave in peopled), default=None),
                late_by=max(delays, default=None),
                states=tuple(dict.fromkeys(wave.state.value for wave in peopled)),
                why=sorted((state, why, n) for (state, why), n in tally.why.items()),
                ended=sorted((state, why, n) for (state, why), n in ended.items()),
            )
        )
    return found


def _tells_why(wave: Wave) -> bool:
    """Where its deliveries do not: they wait, or there are none."""
    return wave.state is WaveState.HELD or (wave.state in (WaveState.MISSED, WaveState.CANCELLED) and not wave.planned)
