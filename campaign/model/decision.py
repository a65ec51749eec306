"""What an A/B test has found, and which arm the rest of the audience gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaign.model.plan import DecideBy


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """How one arm of a test stands. ``accepted`` is what the provider took, whatever came of it later.

    ``clicked`` and ``acted`` are people, each counted once however often they did; clicks by machines are left out.
    ``to_send`` is still on its way.
    """

    arm: str
    planned: int = 0
    accepted: int = 0
    to_send: int = 0
    clicked: int = 0
    acted: int = 0

    def wins(self, by: DecideBy) -> int:
        """How many did what the test is decided by; clicks are shown to whoever decides by hand."""
        return self.acted if by == "actions" else self.clicked


@dataclass(frozen=True, slots=True)
class Decision:
    """``by`` is a person's name or TEST; ``figures`` are the arms' as they were then, decisive or overruled."""

    step: str
    arm: str
    by: str
    at: datetime
    figures: Sequence[ArmFigures] = ()


TEST = "the A/B test"
"""Who decides where the numbers do."""
