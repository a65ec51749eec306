"""What the screens of ``campaign plan`` are made from, gathered once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from campaign.model.draw import DRAWS
from campaign.model.plan import EMAIL
from campaign.model.segment import Headcount, Segment
from campaign.model.wave import WINNER

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.flow.first_line import FirstLines
    from campaign.flow.spending import Forecast
    from campaign.model.bundle import Sources
    from campaign.model.plan import AbTest, Step
    from campaign.model.wave import PlannedWave


@dataclass
class Outline:
    """``census`` is how many of each segment are in each zone; ``anybody`` whether there are supporters at all.

    ``at_domains`` is how many of each segment are at a mailbox domain that has a rate, ``groups`` how many are in the
    same segments, where the plan says how often anybody hears from it.
    """

    sources: Sources
    standings: Sequence[Standing]
    census: Mapping[Segment, Mapping[str, Headcount]]
    anybody: bool
    forecasts: Sequence[Forecast]
    lines: FirstLines
    now: datetime
    at_domains: Mapping[Segment, Mapping[str, int]]
    groups: Mapping[frozenset[Segment], int]

    @cached_property
    def heads(self) -> Mapping[str, Headcount]:
        """Everybody whom an e-mail step is for, by step; posts are left out."""
        segments = {standing.step.id: standing.step.segment for standing in self.standings}
        return {step: _sum(self.census[one].values()) for step, one in segments.items() if one is not None}

    @cached_property
    def _costs(self) -> Mapping[str, Forecast]:
        return {one.step: one for one in self.forecasts}

    @cached_property
    def had_enough(self) -> Mapping[str, int]:
        """About how many of a step's people will have had as many e-mails as they may, by step."""
        from campaign.flow import frequency

        return frequency.left_out(self.sources.plan, self.sources.waves, self.groups)

    def waves(self, step: Step) -> Sequence[PlannedWave]:
        """Those that somebody is in now, or all where there is nobody."""
        waves = self.sources.waves[step.id]
        there = self.census[step.segment] if step.segment else None
        if not there:
            return waves
        return [wave for wave in waves if wave.zones is None or not there.keys().isdisjoint(wave.zones)]

    def people(self, step: Step, wave: PlannedWave) -> int | None:
        """Whom an e-mail's wave reaches by now; of an A/B test about so many. None for posts."""
        if step.segment is None:
            return None
        there = self.census[step.segment]
        zones: Iterable[str] = there if wave.zones is None else wave.zones
        number = sum(there[zone].reachable for zone in zones if zone in there)
        return round(number * _part(step.ab_test, wave) / DRAWS) if step.ab_test else number

    def cost(self, step: Step, wave: PlannedWave | None = None) -> int | None:
        """In micro-USD, of one wave or of all; None where it costs nothing, or nobody knows."""
        forecast = self._costs.get(step.id)
        if forecast is None or forecast.why_not:
            return None
        found = forecast.total() if wave is None else forecast.waves.get(wave.name)
        return found.micro_usd if found else None

    def to(self, step: Step) -> str:
        """``x: national``, ``x: 20 accounts``, ``email: supporters``."""
        if step.channel == EMAIL:
            return f"{step.channel}: {step.segment.name if step.segment else ''}"
        few = 2
        named = ", ".join(step.accounts) if len(step.accounts) <= few else f"{len(step.accounts)} accounts"
        return f"{step.channel}: {named}"


def _part(test: AbTest, wave: PlannedWave) -> int:
    """Of 10,000 those whom the wave is for."""
    if wave.share is not None:
        return wave.share.end - wave.share.start
    arms = test.shares().values()
    return DRAWS - sum(share.end - share.start for share in arms) if wave.arm == WINNER else DRAWS


def _sum(several: Iterable[Headcount]) -> Headcount:
    members, suppressed, silent, elsewhere = 0, 0, 0, 0
    for head in several:
        members += head.members
        suppressed += head.suppressed
        silent += head.without_consent
        elsewhere += head.elsewhere
    return Headcount(members, suppressed, silent, elsewhere)
