"""A resolution: a person's word on what became of an attempt in doubt; and what they are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from campaign.model.wave import Wave


class Word(StrEnum):
    """``accepted``: it was sent. ``not_sent``: it was not, and goes out again."""

    ACCEPTED = "accepted"
    NOT_SENT = "not_sent"


@dataclass(frozen=True, slots=True)
class Question:
    """A batch in doubt, as a person is asked about it.

    ``seqs`` are its deliveries, ``people`` the first few of their supporters. ``began_at`` is when its attempt began,
    ``since`` when that ended, as far as we know; ``looked_at`` when ``why`` was last said. ``sent`` are the provider's
    ids of the thread's parts before these. ``held_until`` is set while the provider may hold it until its instant, and
    can still be made to give it back.
    """

    batch_id: int
    attempt_id: int
    wave: Wave
    seqs: tuple[int, ...]
    first_seq: int
    began_at: datetime
    since: datetime
    looked_at: datetime
    why: str
    attempts: int
    account: str = ""
    sent: tuple[str, ...] = ()
    people: tuple[int, ...] = ()
    held_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Resolution:
    """What ``by`` said of ``number`` deliveries of a batch, ``at`` that time.

    ``corrected_at`` is when it turned out to be wrong, and ``evidence`` how; None: nothing speaks against it.
    """

    batch_id: int
    step: str
    wave: int
    word: Word
    number: int
    by: str
    why: str
    at: datetime
    corrected_at: datetime | None = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Correction:
    """An event has shown that what a person held to be not sent was. Of its ``number`` deliveries ``kept`` were still
    to go out again, and do not; the others had been sent, or were being sent, a second time by then."""

    resolution: Resolution
    kept: int
