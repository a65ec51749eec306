"""volley: posts that are due at the same instant leave at it together, on every network.

What can be done before the instant is done before it: the claims, the exact bytes, and a thread for each call, which
waits. At the instant all attempts begin in one transaction, and once that is committed all calls are let go at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import groupby
from threading import Event

from campaign.flow import due
from campaign.flow.compose import Composed
from campaign.flow.desk import Desk
from campaign.model.claim import Claim
from campaign.model.outcome import Outcome
from campaign.model.wave import WaveState

AHEAD = timedelta(seconds=2)
"""How long before their instant posts are claimed. So long before a launch nothing else is handed over either."""
MOST = 256
_LAST_LOOK = timedelta(milliseconds=50)
"""So long before the instant it is seen for the last time whether the files are still those that were approved."""
_GLANCE = timedelta(milliseconds=200)


class Call:
    """One call in a thread of its own, which is there and waits until it may speak."""

    def __init__(self, composed: Composed, pool: ThreadPoolExecutor) -> None:
        self.composed = composed
        self._gate = Event()
        self._may_speak = False
        self.future: Future[Sequence[Outcome]] = pool.submit(self._wait)

    def let_go(self) -> None:
        self._may_speak = True
        self._gate.set()

    def send_home(self) -> None:
        """Nothing was begun, and nothing leaves. Again: harmless."""
        self._gate.set()

    def _wait(self) -> Sequence[Outcome]:
        speak = self._aimed()
        self._gate.wait()
        return speak() if self._may_speak else ()

    def _aimed(self) -> Callable[[], Sequence[Outcome]]:
        if self.composed.aim is not None:
            with suppress(Exception):  # it is the call itself that has to tell what is wrong
                return self.composed.aim()
        return self.composed.deliver


def next_at(desk: Desk) -> datetime | None:
    """When the next posts are to be claimed ahead of their instant."""
    now = desk.clock.now()
    instants = [
        wave.due_at - AHEAD
        for wave in desk.ledger.waves(states=(WaveState.PREPARED,))
        if wave.channel in desk.posts and wave.due_at - AHEAD > now
    ]
    return min(instants, default=None)


def within_limits(desk: Desk, claims: Sequence[Claim]) -> tuple[list[Claim], list[Claim]]:
    """Those that can be called at the same time, by their channels' limits, and the others."""
    room = Counter({name: channel.limits.in_flight for name, channel in desk.posts.items()})
    at_once: list[Claim] = []
    others: list[Claim] = []
    for claim in claims:
        room[claim.wave.channel] -= 1
        (at_once if room[claim.wave.channel] >= 0 else others).append(claim)
    return at_once, others


def by_instant(calls: Sequence[Call]) -> Iterator[tuple[datetime, list[Call]]]:
    def instant(call: Call) -> datetime:
        return call.composed.claim.due_at or call.composed.claim.wave.due_at

    for due_at, those in groupby(sorted(calls, key=instant), key=instant):
        yield due_at, list(those)


def wait_for(desk: Desk, instant: datetime) -> bool:
    """Return at ``instant``, having seen shortly before whether the files have changed. False: the desk is stopping."""
    if _sleep(desk, instant - _LAST_LOOK):
        due.voided(desk)
        return _sleep(desk, instant)
    return False


def begin(desk: Desk, calls: Sequence[Call], packed: Mapping[int, bytes]) -> Mapping[int, str]:
    """Begin all of ``calls`` and let them go; why not, by batch, of those that may not, which are sent home."""
    now = desk.clock.now()
    held = [(call.composed.claim, packed[call.composed.claim.batch_id]) for call in calls]
    why: Mapping[int, str] = dict.fromkeys(packed, "the program stopped before it sent this")
    try:
        why = desk.ledger.begin_all(held, now=now)
    finally:
        for call in calls:
            speak: Callable[[], None] = call.send_home if call.composed.claim.batch_id in why else call.let_go
            speak()
    return why


def _sleep(desk: Desk, instant: datetime) -> bool:
    while not desk.stopping.is_set():
        now = desk.clock.now()
        if now >= instant:
            return True
        desk.clock.sleep_until(min(instant, now + _GLANCE))
    return False
