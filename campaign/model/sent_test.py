"""That a step was tried on a few of our own people. To whom it went is not kept: who sent it knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SentTest:
    """``digest`` is the step's as it was then, by which it is known whether it has changed since. ``mails`` went to
    ``addresses``, of which the provider ``accepted`` so many."""

    step: str
    digest: str
    by: str
    at: datetime
    addresses: int
    mails: int
    accepted: int
