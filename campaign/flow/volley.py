"""volley: what is due at the same instant leaves at it together, on every network; of e-mail the first calls.

What can be done before the instant is done before it: the claims, the exact bytes, and a thread for each call, which
waits. At the instant all attempts begin in one transaction, and once that is committed all calls are let go at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaign.flow import due, stop
from campaign.flow.call import Call, together
from campaign.flow.desk import LOST, Desk
from campaign.flow.readiness import Readiness
from campaign.model.claim import Claim
from campaign.model.plan import EMAIL
from campaign.model.wave import Wave, WaveState

if TYPE_CHECKING:
    from campaign.flow.dispatch import Flights

AHEAD = timedelta(seconds=2)
"""How long before its instant it is claimed. So long before a launch nothing else is handed over either."""
MOST = 256
"""Posts claimed ahead at once."""
_LAST_LOOK = timedelta(milliseconds=50)
"""So long before the instant it is seen for the last time whether the files are still those that were approved."""
_GLANCE = timedelta(milliseconds=200)
_MAILS = 16
"""Batches of e-mail claimed ahead at once: enough for the first calls, the others follow."""
_ALONE_S = 0.25
"""How long posts that leave together have the machine for themselves, before composing for others goes on."""
_QUIET = timedelta(milliseconds=100)
"""So long before an instant nothing else is done."""
_ROOM = timedelta(milliseconds=150)
"""What there has to be before an instant for something else to be begun."""
_IN_A_ROW = timedelta(seconds=10)
"""How long one instant after the other is kept before the rest of a turn has its time again."""


class Volleys:
    """What is due at one instant after the other, for one dispatch; ``flights`` are its claims and calls."""

    def __init__(
        self,
        desk: Desk,
        flights: Flights,
        pool: ThreadPoolExecutor,
        readiness: Readiness | None = None,
        meanwhile: Callable[[timedelta], bool] = lambda _within: False,
    ) -> None:
        self._desk = desk
        self._flights = flights
        self._pool = pool
        self._readiness = readiness
        self._meanwhile = meanwhile
        self._next_at: datetime | None = None

    @property
    def is_near(self) -> bool:
        """True where something is to be claimed ahead of its instant."""
        return self._next_at is not None and self._desk.clock.now() >= self._next_at

    def fire(self) -> None:
        """Let go what is due now or in a moment, all of an instant together, and then what follows close on it."""
        desk, mustered = self._desk, self._flights.mustered
        over_at = desk.clock.now() + _IN_A_ROW
        self._muster()
        while mustered and not desk.stopping.is_set():
            due_at = min(call.due_at for call in mustered)
            while (left := due_at - desk.clock.now()) > _ROOM and self._meanwhile(left - _QUIET):
                pass
            self._attend(due_at - _QUIET)
            if self._readiness is not None:
                self._readiness.finish(within_s=max(0.0, (due_at - desk.clock.now()).total_seconds()))
            if wait_for(desk, due_at, [call.composed.claim.wave for call in mustered if call.due_at <= due_at]):
                self._let_go([call for call in mustered if call.due_at <= due_at])
            if desk.clock.now() < over_at:
                self._muster()
        now = desk.clock.now()
        early = [claim for claim in self._flights.waiting if claim.due_at is not None and claim.due_at > now]
        self._flights.give_back(early, due_at=now, why="its instant has not come")
        self._next_at = next_at(desk)

    def _muster(self) -> None:
        """Claim what leaves in a moment, and have as many calls ready for each instant as its provider takes."""
        desk, flights = self._desk, self._flights
        if desk.stopping.is_set():
            return
        claims: list[Claim] = []
        for most, without in ((MOST, {EMAIL}), (_MAILS, desk.posts.keys())):
            if flights.channels - without:
                claims += flights.claimed(most=most, ahead=AHEAD, without=without)
        flights.waiting += claims
        room = Counter((call.due_at, call.composed.provider) for call in flights.mustered)
        for claim in claims:
            place = (claim.due_at or claim.wave.due_at, flights.provider(claim))
            if claim not in flights.waiting or room[place] >= flights.limits[place[1]]:
                continue
            flights.waiting.remove(claim)
            composed = flights.composed(claim)
            if composed is not None:
                room[place] += 1
                packed = desk.ledger.pack(composed.claim, composed.payload)
                flights.mustered.append(Call(composed, packed, self._pool))

    def _attend(self, until: datetime) -> None:
        """Record what comes back before an instant."""
        desk, flights = self._desk, self._flights
        left_s = (until - desk.clock.now()).total_seconds()
        while flights.flying and left_s > 0 and not desk.stopping.is_set():
            glance_s = min(left_s, flights.glance_s)
            done = wait(flights.flying, timeout=glance_s, return_when=FIRST_COMPLETED).done
            flights.renew()
            with desk.ledger.together():
                flights.land(done)
            left_s = min(left_s if done else left_s - glance_s, (until - desk.clock.now()).total_seconds())

    def _let_go(self, calls: Sequence[Call]) -> None:
        """Begin these attempts and make their calls, as far as their providers have room for them now."""
        flights = self._flights
        busy = Counter(composed.provider for composed in (*flights.packing.values(), *flights.flying.values()))
        posts: list[Call] = []
        mails: list[Call] = []
        for call in calls:
            busy[call.composed.provider] += 1
            if busy[call.composed.provider] > flights.limits[call.composed.provider]:
                flights.mustered.remove(call)
                call.send_home()
                flights.waiting.append(call.composed.claim)
            else:
                (posts if call.composed.claim.account else mails).append(call)
        self._posts(posts)
        self._mails(mails)
        called = {call.future for call in calls} & flights.flying.keys()
        done = wait(called, timeout=_ALONE_S if posts else _QUIET.total_seconds()).done
        with self._desk.ledger.together():
            flights.land(set(done))

    def _posts(self, calls: Sequence[Call]) -> None:
        why = begin(self._desk, calls) if calls else {}
        for call in calls:
            self._flights.mustered.remove(call)
            claim = call.composed.claim
            reason = why.get(claim.batch_id)
            if reason is None:
                self._flights.flies(call.future, call.composed)
                continue
            self._desk.tell(reason, "claim.lost", noted=LOST, wave=claim.wave)
            self._flights.release(claim, due_at=self._desk.clock.now(), why="stopped before it was sent")

    def _mails(self, calls: Sequence[Call]) -> None:
        for call in calls:
            self._flights.mustered.remove(call)
        try:
            with self._desk.ledger.together() if calls else nullcontext():
                begun = {call for call in calls if self._flights.begin_one(call.composed, call.packed)}
        except BaseException:
            self._flights.mustered.extend(calls)  # to be given back
            raise
        for call in calls:
            if call in begun:
                call.let_go()
                self._flights.flies(call.future, call.composed)
            else:
                call.send_home()


def next_at(desk: Desk) -> datetime | None:
    """When the next wave is to be claimed ahead of its instant. What its provider holds until then leaves before."""
    now = desk.clock.now()
    instants = [
        wave.due_at - AHEAD
        for wave in desk.ledger.waves(states=(WaveState.PREPARED,))
        if not wave.ahead and wave.due_at - AHEAD > now
    ]
    return min(instants, default=None)


def wait_for(desk: Desk, instant: datetime, waves: Iterable[Wave]) -> bool:
    """Return at ``instant``, having seen shortly before whether the files of ``waves`` have changed, which leave at it.

    False: the desk is stopping.
    """
    if _sleep(desk, instant - _LAST_LOOK):
        digests = desk.digests()
        if any(digests.get(wave.step) != wave.digest for wave in waves):
            due.voided(desk)
        return _sleep(desk, instant)
    return False


def begin(desk: Desk, calls: Sequence[Call]) -> Mapping[int, str]:
    """Begin all of these posts and let them go; why not, by batch, of those that may not, which are sent home."""
    held = [(call.composed.claim, call.packed) for call in calls]
    why: Mapping[int, str] = {claim.batch_id: "the program stopped before it sent this" for claim, _ in held}
    try:
        stop.guard(desk)
        why = desk.ledger.begin_all(held, now=desk.clock.now())
    finally:
        together([call for call in calls if call.composed.claim.batch_id not in why])
        for call in calls:
            if call.composed.claim.batch_id in why:
                call.send_home()
    return why


def _sleep(desk: Desk, instant: datetime) -> bool:
    while not desk.stopping.is_set():
        now = desk.clock.now()
        if now >= instant:
            return True
        desk.clock.sleep_until(min(instant, now + _GLANCE))
    return False
