"""dispatch: claim → compose → begin → channel → record.

Ledger, network, ledger. The ledger and the composing belong to the calling thread; beside it run only the calls to
providers, several at a time, so that one slow network holds up no other, and what makes bytes smaller before they are
kept. A claim waits unbegun until its provider has room for a call: what has begun is on its way, and what waits can be
given back.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime
from typing import Any

from campaign.errors import BadInput, ClaimLost, GroupClosed
from campaign.flow import compose, hand_off, landing
from campaign.flow.compose import Composed
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.undisturbed import undisturbed
from campaign.model.claim import Claim
from campaign.model.outcome import Outcome
from campaign.model.wave import WaveState

_IN_FLIGHT = 64
_AT_ONCE = 16
"""Claims taken in one look at the ledger: few, so that a slow provider's do not take the places of all others."""
_SWITCH_S = 0.002
"""How long a thread may go on: shorter, and composing stops for each call; longer, and calls wait for composing."""


def everything(desk: Desk, contents: Contents, *, until: datetime | None = None) -> int:
    """Send all that is due now; how many batches were attempted.

    Returns early where the desk is stopping, and at ``until``, when something else comes due: a launch does not wait
    for the end of a long mailing.
    """
    with (
        undisturbed(switch_s=_SWITCH_S),
        ThreadPoolExecutor(max_workers=2 * _IN_FLIGHT, thread_name_prefix="dispatch") as pool,
    ):
        flights = _Flights(desk, contents, pool, until)
        try:
            while True:
                took = flights.claim()
                flights.compose()
                under_way = flights.under_way
                if under_way:
                    done = wait(under_way, timeout=desk.lease.total_seconds() / 4, return_when=FIRST_COMPLETED).done
                    flights.renew()
                    with desk.ledger.together():
                        flights.land(done)
                        ready = flights.begin()
                    flights.take_off(ready)
                elif not took:
                    return flights.attempted
        finally:
            # Whatever went wrong here, what is under way over there has an outcome, and it is recorded.
            flights.land(set(flights.flying))
            flights.give_back(flights.unbegun, due_at=desk.clock.now(), why="the program stopped before it sent this")


class _Flights:
    """The claims of this process: ``waiting`` for their provider to take a call, composed and ``packing`` what is kept
    of them, or ``flying``."""

    def __init__(self, desk: Desk, contents: Contents, pool: ThreadPoolExecutor, until: datetime | None) -> None:
        self._until = until
        self._renew_at = desk.clock.now() + desk.lease / 4
        self.attempted = 0
        self.waiting: list[Claim] = []
        self.packing: dict[Future[bytes], Composed] = {}
        self.flying: dict[Future[Sequence[Outcome]], Composed] = {}
        self._desk = desk
        self._contents = contents
        self._pool = pool
        self._limits = {name: channel.limits.in_flight for name, channel in desk.mails.items()}
        self._limits |= {name: channel.limits.in_flight for name, channel in desk.posts.items()}
        self._channels = {*desk.posts, *(["email"] if desk.mails else [])}

    @property
    def under_way(self) -> list[Future[Any]]:
        """What is worth waiting for: the calls, and the first to be ready for one."""
        next_call = [] if self._desk.stopping.is_set() else itertools.islice(self.packing, 1)
        return [*next_call, *self.flying]

    @property
    def unbegun(self) -> list[Claim]:
        """The claims of which nothing has left."""
        return [*self.waiting, *(composed.claim for composed in self.packing.values())]

    def claim(self) -> int:
        """Claim what is due, as far as there is room; how many batches."""
        desk = self._desk
        now = desk.clock.now()
        room = min(_IN_FLIGHT - len(self.flying) - len(self.packing) - len(self.waiting), _AT_ONCE)
        if room <= 0 or self._is_leaving():
            return 0
        full = {claim.wave.channel for claim in self.waiting}
        if full >= self._channels:
            return 0
        claims = desk.ledger.claim(owner=desk.owner, now=now, lease=desk.lease, most=room, without=full)
        self.waiting += claims
        return len(claims)

    def compose(self) -> None:
        """Compose what waits, for each provider as many calls as it takes at the same time."""
        busy = Counter(composed.provider for composed in (*self.packing.values(), *self.flying.values()))
        for claim in tuple(self.waiting):
            provider = self._provider(claim)
            if self._is_leaving() or claim not in self.waiting or busy[provider] >= self._limits[provider]:
                continue
            self.waiting.remove(claim)
            composed = self._composed(claim)
            if composed is None:
                continue
            busy[provider] += 1
            if claim.account:
                # A few posts are packed in no time, and are to leave at their instant.
                self.take_off([composed] if self._begin(composed) else [])
            else:
                packed = self._pool.submit(self._desk.ledger.pack, composed.claim, composed.payload)
                self.packing[packed] = composed

    def begin(self) -> list[Composed]:
        """Begin the attempts of which all that is kept is ready, in the order in which they were composed."""
        ready = []
        while self.packing and not self._desk.stopping.is_set():
            first = next(iter(self.packing))
            if not first.done():
                break
            composed = self.packing.pop(first)
            if self._begin(composed, first.result()):
                ready.append(composed)
        return ready

    def take_off(self, begun: Sequence[Composed]) -> None:
        """Make the calls of attempts whose beginning is committed."""
        for composed in begun:
            self.flying[self._pool.submit(composed.deliver)] = composed
            self.attempted += 1

    def renew(self) -> None:
        """Keep hold of what is at work: a slow provider must not be taken for a program that stopped."""
        now = self._desk.clock.now()
        if now >= self._renew_at:
            held = [*self.unbegun, *(composed.claim for composed in self.flying.values())]
            self._desk.ledger.renew(held, now=now, lease=self._desk.lease)
            self._renew_at = now + self._desk.lease / 4

    def land(self, done: set[Future[Any]]) -> None:
        """Record what became of these, and give back what would only wait at a gate that closed."""
        for future in done & self.flying.keys():
            composed = self.flying.pop(future)
            claim = composed.claim
            shut = landing.record(self._desk, claim, landing.outcomes(self._desk, composed, future))
            for account, (until, why) in shut.items():
                self._turn_back(claim.wave.channel, account, until=until, why=why)

    def give_back(self, claims: Sequence[Claim], *, due_at: datetime, why: str) -> None:
        """Release claims of which nothing has left."""
        packing = {id(composed.claim): future for future, composed in self.packing.items()}
        for claim in tuple(claims):
            if id(claim) in packing:
                del self.packing[packing[id(claim)]]
            else:
                self.waiting.remove(claim)
            try:
                self._desk.ledger.release(claim, now=self._desk.clock.now(), due_at=due_at, why=why)
            except ClaimLost as lost:
                self._desk.tell(str(lost))

    def _is_leaving(self) -> bool:
        """True where what waits is to be given back: the desk is stopping, or something else comes due."""
        return self._desk.stopping.is_set() or (self._until is not None and self._desk.clock.now() >= self._until)

    def _turn_back(self, channel: str, account: str, *, until: datetime, why: str) -> None:
        held = [one for one in self.unbegun if one.wave.channel == channel and account in ("", one.account)]
        self.give_back(held, due_at=until, why=why)

    def _provider(self, claim: Claim) -> str:
        sender = self._contents.bundle(claim.wave).plan.sender
        return claim.wave.channel if claim.account or sender is None else sender.via

    def _composed(self, claim: Claim) -> Composed | None:
        """What a claim hands over; None where nothing is left of it to send, or not now."""
        desk = self._desk
        try:
            group = hand_off.place(desk, self._contents, claim)
            if isinstance(group, hand_off.Waits):
                desk.ledger.release(claim, now=desk.clock.now(), due_at=group.until, why=group.why)
                if group.wave:
                    same = [one for one in self.waiting if one.wave.id == claim.wave.id]
                    self.give_back(same, due_at=group.until, why=group.why)
                return None
            composed = compose.batch(desk, self._contents, claim, group)
            if not composed.payload.alone:
                return composed
            apart = {claim.seqs[at] for at in composed.payload.alone}
            desk.ledger.set_apart(claim, sorted(apart), now=desk.clock.now())
            self._keep(compose.without(claim, apart))
        except ClaimLost as lost:
            desk.tell(str(lost))
        except BadInput as bad:
            _hold(desk, claim, str(bad.problems[0]))
        return None

    def _begin(self, composed: Composed, packed: bytes | None = None) -> bool:
        """Have the ledger say that the attempt begins. False where it does not: then it is composed anew, if at all."""
        desk, claim = self._desk, composed.claim
        now = desk.clock.now()
        try:
            gone = desk.ledger.begin(claim, composed.payload, now=now, group=composed.group, packed=packed)
        except GroupClosed:  # another one is found for it
            self.waiting.append(claim)
        except ClaimLost as lost:
            desk.tell(str(lost))
            with suppress(ClaimLost):  # stopped while it was on its way here; where the claim itself is lost, so be it
                desk.ledger.release(claim, now=now, due_at=now, why="stopped before it was sent")
        else:
            if not gone:
                return True
            self._keep(compose.without(claim, set(gone)))
        return False

    def _keep(self, claim: Claim) -> None:
        """What is left of a claim waits to be composed anew."""
        if claim.seqs:
            self.waiting.append(claim)
            return
        now = self._desk.clock.now()
        self._desk.ledger.release(claim, now=now, due_at=now, why="nobody is left to send to")


def _hold(desk: Desk, claim: Claim, why: str) -> None:
    """A message that cannot be filled for somebody waits for a person, all of it: it is not what was approved."""
    now = desk.clock.now()
    desk.ledger.end_wave(claim.wave.id, WaveState.HELD, why=why, at=now)
    desk.ledger.release(claim, now=now, due_at=now, why=why)
    desk.tell(f"{claim.wave.name} is held: {why}")
