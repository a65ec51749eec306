"""A wave: a share of a step's audience at its own instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from campaign.model.delivery import State
from campaign.model.pace import AtDomain, Pace
from campaign.model.plan import Late
from campaign.model.segment import Share


class WaveState(StrEnum):
    """``waiting`` for its instant; ``prepared``: its deliveries are in the ledger; ``done``: none is left to send.

    ``held`` waits for a person. ``missed`` came too late and was skipped. ``cancelled`` by a person.
    """

    WAITING = "waiting"
    PREPARED = "prepared"
    DONE = "done"
    HELD = "held"
    MISSED = "missed"
    CANCELLED = "cancelled"


UNFINISHED = frozenset({WaveState.WAITING, WaveState.PREPARED, WaveState.HELD})
"""Something may still come of a wave in one of these states."""
LEAD = timedelta(seconds=30)
"""How long before it is taken up a wave is prepared: a million people are written to the ledger in a few seconds."""
TOP_UP = 1_000_000
"""Waves that top a step up are numbered from here: ``2_000_000`` is its second top-up, and ``2_000_003`` the second of
the third time that a repeating step came."""
WINNER = "winner"
"""The arm of a wave that gets what an A/B test finds to be the best."""


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """A wave as the plan resolves to it: frozen at approval. ``number`` counts from 1 within its step.

    ``zones`` are the supporters' zones it is for, None where it is for all. ``notes`` tell what a person should know
    of how the instant came about (a skipped or doubled local time, an embargo that moved it). ``arm`` is the arm of
    the step's A/B test that it gets, "" where there is none; ``share`` who of the audience it is for, None is all.
    ``most`` is how many of them at most, drawn by ``share``'s seed: a wave of a ramp.
    """

    step: str
    number: int
    due_at: datetime
    zones: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    arm: str = ""
    share: Share | None = None
    most: int | None = None

    @property
    def name(self) -> str:
        return f"{self.step}#{self.number}"


@dataclass(frozen=True, slots=True)
class Wave:
    """A wave as the ledger holds it. ``counts`` are deliveries by their state now; they sum to ``planned``.

    ``ahead`` is how long before its instant it is handed to the provider; zero where it is handed over at it.
    ``reads`` are a supporter's attributes that its e-mail is filled from; None is all of them. ``most`` is how many
    people it has at most, ``paces`` are the rates that it keeps to.
    """

    id: int
    step: str
    number: int
    channel: str
    due_at: datetime
    state: WaveState
    digest: str
    late: Late
    zones: tuple[str, ...] | None = None
    planned: int = 0
    counts: Mapping[State, int] = field(default_factory=dict)
    prepared_at: datetime | None = None
    first_sent_at: datetime | None = None
    finished_at: datetime | None = None
    why: str = ""
    ahead: timedelta = timedelta(0)
    arm: str = ""
    share: Share | None = None
    reads: frozenset[str] | None = None
    most: int | None = None
    paces: tuple[Pace, ...] = ()
    goes_on_at: datetime | None = None
    """Of one that keeps to a rate and has begun: when the next of it is due."""
    at_domains: tuple[AtDomain, ...] = ()
    """Of one that was prepared and keeps to rates of mailbox domains: how it stands for each kind of them."""

    @property
    def name(self) -> str:
        return wave_name(self.step, self.number)

    @property
    def is_top_up(self) -> bool:
        return self.number >= TOP_UP

    @property
    def begins_at(self) -> datetime:
        """When it is taken up: at its instant, or as long before as it is handed over."""
        return self.due_at - self.ahead

    @property
    def prepares_at(self) -> datetime:
        """When it enters the ledger: early enough that at its instant there is nothing left to do but to send."""
        return self.begins_at - LEAD

    def is_late(self, now: datetime) -> bool:
        """True where it is later than its step allows, and the step does not say to send it all the same."""
        return self.late.then != "send" and now > self._expected_at + self.late.within

    @property
    def _expected_at(self) -> datetime:
        """From when its lateness counts: its instant. What keeps to a rate may take its time, and counts from when the
        next of it was due."""
        return self.due_at if self.goes_on_at is None else max(self.due_at, self.goes_on_at)

    def too_late(self, now: datetime) -> tuple[WaveState, str]:
        """What becomes of it where it is late, by its step's own rule, and why."""
        by = str(now - self._expected_at).split(".")[0]
        became = WaveState.HELD if self.late.then == "hold" else WaveState.MISSED
        return became, f"{by} late; the step allows {self.late.within}"


def wave_name(step: str, number: int) -> str:
    """``alert#1``, ``alert#top-up-1``, or ``weekly#3-top-up-1``."""
    which, time = divmod(number, TOP_UP)
    if not which:
        return f"{step}#{number}"
    return f"{step}#{time}-top-up-{which}" if time else f"{step}#top-up-{which}"
