"""A bundle: everything that sending a step needs, as it was approved."""

from __future__ import annotations

from dataclasses import dataclass

from campaign.model.letter import Letter
from campaign.model.message import Message
from campaign.model.plan import Plan, Step


@dataclass(frozen=True, slots=True)
class Bundle:
    """``plan`` holds this one step. What is sent is rendered from the bundle that was approved, never from the files
    as they are by then."""

    plan: Plan
    letter: Letter
    message: Message

    @property
    def step(self) -> Step:
        return self.plan.steps[0]
