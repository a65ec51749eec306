"""Threads on networks that take one part at a time, each as a reply to the one before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from campaign.model.batch import Payload, PostBatch
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Settled

SKEW = timedelta(minutes=1)
"""How far our clock and a network's may be apart."""
_WAITS = Deferred("waits for the part before it")
_STOPPED = Deferred("it was stopped, or the program stood still for so long that its claim may have run out")


def post_in_order(batch: PostBatch, payload: Payload, post: Callable[[Any, str | None], Outcome]) -> Sequence[Outcome]:
    """Post the parts up to the first that is not accepted, or until the claim does not hold; those after it wait.

    ``post`` is given a chunk's JSON and the id of the part it replies to, None for a thread's first.
    """
    outcomes: list[Outcome] = []
    parent = batch.sent[-1] if batch.sent else None
    for chunk in payload.chunks:
        if outcomes and not isinstance(outcomes[-1], Accepted):
            outcomes.append(_WAITS)
            continue
        if not batch.holds():
            outcomes.append(_STOPPED)
            continue
        outcome = post(orjson.loads(chunk), parent)
        outcomes.append(outcome)
        if isinstance(outcome, Accepted):
            parent = outcome.ref
    return outcomes


def worth_reading_since(batch: PostBatch) -> datetime:
    """From when on an account's posts can hold this thread: its first attempt is not before the wave's instant."""
    return min(batch.made_at, batch.attempted_at or batch.made_at) - SKEW


@dataclass(frozen=True, slots=True)
class Read:
    """How much was read of an account's posts: ``whole`` if everything ``since``; ``count`` posts in all."""

    count: int
    whole: bool
    since: datetime


def find_in_order(
    batch: PostBatch, payload: Payload, find: Callable[[Any, str | None], Accepted | None], read: Read
) -> Sequence[Settled]:
    """Look for the parts in what was read, each behind the one before it. What is not there was not sent, if
    everything was read that could hold it; else it stays in doubt.

    ``find`` is given a chunk's JSON and the id of the part it replies to.
    """
    results: list[Settled] = []
    parent = batch.sent[-1] if batch.sent else None
    for chunk in payload.chunks:
        if results and not isinstance(results[-1], Accepted):
            waits = NotSent("the part before it is not among the account's posts")
            results.append(waits if read.whole else results[-1])
            continue
        found = find(orjson.loads(chunk), parent)
        if found is not None:
            results.append(found)
            parent = found.ref
        elif read.whole:
            results.append(NotSent(f"not among the account's {read.count} posts since {read.since:%Y-%m-%d %H:%M} UTC"))
        else:
            results.append(InDoubt(f"not among the account's latest {read.count} posts; older ones were not read"))
    return results
