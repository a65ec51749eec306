"""Approval: a person's word that exactly this may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything of a step that an approval binds, as named parts in plain text; ``digest`` is SHA-256 over them."""

    step: str
    parts: Mapping[str, str]
    digest: str


@dataclass(frozen=True, slots=True)
class Approval:
    step: str
    digest: str
    by: str
    at: datetime
    parts: Mapping[str, str]
