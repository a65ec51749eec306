"""A happening: what the running program tells people in words, and programs by its name and facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Level = Literal["info", "warning", "error"]
Fact = str | int | float


@dataclass(frozen=True, slots=True)
class Happening:
    """``event`` names its kind, such as ``wave.held``; ``what`` says it in words. ``about`` holds the facts: the step,
    wave, channel, account and batch that it is about, or the key of a delivery. Never a person's name or address."""

    at: datetime
    event: str
    what: str
    level: Level = "info"
    about: Mapping[str, Fact] = field(default_factory=dict)
