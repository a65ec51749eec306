"""How it stands with a rollout at a glance: from counters and a few rows, never by counting deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from campaign.model.delivery import State
from campaign.model.wave import WaveState


@dataclass(frozen=True, slots=True)
class Overview:
    """``deliveries`` are by step, channel and state, ``waves`` by state. ``next_wave`` is the name of the next that
    waits for its instant, which is ``next_at``. ``doubt_since`` is from when the oldest doubt is. ``paused`` are the
    steps that somebody has stopped, ``notices`` how many are still to be delivered."""

    deliveries: Mapping[tuple[str, str, State], int] = field(default_factory=dict)
    waves: Mapping[WaveState, int] = field(default_factory=dict)
    next_wave: str = ""
    next_at: datetime | None = None
    doubt_since: datetime | None = None
    halted: bool = False
    paused: int = 0
    notices: int = 0

    def number(self, *states: State) -> int:
        """How many deliveries are in one of ``states``."""
        return sum(n for (_, _, state), n in self.deliveries.items() if state in states)
