"""A claim: a leased right to send a batch; and a batch in doubt, which nobody may send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from campaign.model.batch import Payload
from campaign.model.delivery import State
from campaign.model.supporter import Supporter
from campaign.model.wave import Wave


@dataclass(frozen=True, slots=True)
class Kept:
    """What an attempt handed over: ``seqs`` name the deliveries of the payload's chunks, in order."""

    seqs: tuple[int, ...]
    payload: Payload
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """A batch that ``owner`` alone may send until the lease ends.

    ``seqs`` are the deliveries still to be sent, in order; for e-mail ``people`` are their supporters, with
    address, name and what their wave's e-mail reads of them. For posts
    ``sent`` are the provider's ids of the parts before them, and ``kept`` what an earlier attempt handed over: the
    next one hands over the same bytes. ``as_of`` is the ledger's mark of whom it knew not to write to by then; "" is
    none. ``domain`` is the mailbox domain that its people are at, where that has a rate of its own, else "". ``due_at``
    is its instant: a claim may be taken ahead of it, its attempt begins at it.
    """

    batch_id: int
    wave: Wave
    owner: str
    attempts: int
    seqs: tuple[int, ...]
    first_seq: int
    variant: str = ""
    account: str = ""
    people: Sequence[Supporter] = ()
    sent: tuple[str, ...] = ()
    kept: Kept | None = None
    as_of: str = ""
    due_at: datetime | None = None
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch whose last attempt may or may not have been taken.

    ``since`` is when the attempt ended, as far as we know: nothing of it has left later. ``doubted_at`` is when the
    ledger came to doubt it, which is later where the program had stopped.
    """

    batch_id: int
    attempt_id: int
    wave: Wave
    seqs: tuple[int, ...]
    first_seq: int
    since: datetime
    doubted_at: datetime
    why: str
    kept: Kept
    variant: str = ""
    account: str = ""
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How the deliveries of one step stand. They add up: ``planned`` is the sum of ``counts``."""

    step: str
    channel: str
    planned: int
    counts: Mapping[State, int] = field(default_factory=dict)
    why: Mapping[tuple[State, str], int] = field(default_factory=dict)
