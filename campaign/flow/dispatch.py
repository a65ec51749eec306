"""dispatch: claim → compose → begin → channel → record.

Ledger, network, ledger. The ledger and the composing belong to the calling thread; beside it run only the calls to
providers, several at a time, so that one slow network holds up no other, and what makes bytes smaller before they are
kept. A claim waits unbegun until its provider has room for a call: what has begun is on its way, and what waits can be
given back. Posts whose instant is a moment away are made ready first, and leave at it together: see ``volley``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from campaign.errors import BadInput, ClaimLost, GroupClosed
from campaign.flow import compose, hand_off, landing, volley
from campaign.flow.compose import Composed
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.readiness import Readiness
from campaign.flow.undisturbed import undisturbed
from campaign.model.claim import Claim
from campaign.model.outcome import Outcome
from campaign.model.wave import WaveState

_IN_FLIGHT = 64
_AT_ONCE = 16
"""Claims taken in one look at the ledger: few, so that a slow provider's do not take the places of all others."""
_SWITCH_S = 0.002
"""How long a thread may go on: shorter, and composing stops for each call; longer, and calls wait for composing."""


_ALONE_S = 0.25
"""How long posts that leave together have the machine for themselves, before composing for others goes on."""
_STOPPED = "the program stopped before it sent this"


def everything(
    desk: Desk,
    contents: Contents,
    *,
    coming: Callable[[], datetime | None] = lambda: None,
    readiness: Readiness | None = None,
) -> int:
    """Send all that is due now, and the posts that are due in a moment; how many batches were attempted.

    Returns early where the desk is stopping, and at the instant that ``coming`` tells, when something else comes due: a
    launch does not wait for the end of a long mailing. What ``readiness`` has under way is waited for until the posts'
    instant.
    """
    with (
        undisturbed(switch_s=_SWITCH_S),
        ThreadPoolExecutor(max_workers=2 * _IN_FLIGHT + volley.MOST, thread_name_prefix="dispatch") as pool,
    ):
        flights = _Flights(desk, contents, pool)
        try:
            flights.fire(readiness)
            flights.until = coming()
            while True:
                took = flights.claim()
                flights.compose()
                under_way = flights.under_way
                if under_way:
                    done = wait(under_way, timeout=flights.glance_s, return_when=FIRST_COMPLETED).done
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
            flights.give_back(flights.unbegun, due_at=desk.clock.now(), why=_STOPPED)


class _Flights:
    """The claims of this process: ``waiting`` for their provider to take a call, ``mustered`` for their instant,
    composed and ``packing`` what is kept of them, or ``flying``."""

    def __init__(self, desk: Desk, contents: Contents, pool: ThreadPoolExecutor) -> None:
        self.until: datetime | None = None
        self._leases = {True: desk.post_lease, False: desk.lease}  # of posts, and of e-mail
        self._renew_at = {posts: desk.clock.now() + lease / 4 for posts, lease in self._leases.items()}
        self._held_until: dict[int, datetime] = {}
        self.attempted = 0
        self.waiting: list[Claim] = []
        self.mustered: list[volley.Call] = []
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
        called = [call.composed.claim for call in self.mustered]
        return [*self.waiting, *called, *(composed.claim for composed in self.packing.values())]

    @property
    def glance_s(self) -> float:
        """How long to wait for a call at most, before claims are renewed."""
        posts = any(composed.claim.account for composed in self.flying.values())
        return self._leases[posts].total_seconds() / 4

    def fire(self, readiness: Readiness | None) -> None:
        """Let the posts go that are due now or in a moment, at their instant and all together."""
        desk = self._desk
        if not desk.posts or desk.stopping.is_set():
            return
        claims = self._claimed(most=volley.MOST, ahead=volley.AHEAD)
        self.waiting += claims
        for claim in volley.within_limits(desk, claims)[0]:
            self.waiting.remove(claim)
            composed = self._composed(claim)
            if composed is not None:
                self.mustered.append(volley.Call(composed, self._pool))
        packed = {
            call.composed.claim.batch_id: desk.ledger.pack(call.composed.claim, call.composed.payload)
            for call in self.mustered
        }
        for due_at, calls in volley.by_instant(self.mustered):
            if readiness is not None:
                readiness.finish(within_s=max(0.0, (due_at - desk.clock.now()).total_seconds()))
            if volley.wait_for(desk, due_at):
                self._let_go(calls, volley.begin(desk, calls, packed))
        wait(self.flying, timeout=_ALONE_S)

    def _let_go(self, calls: Sequence[volley.Call], why: Mapping[int, str]) -> None:
        for call in calls:
            self.mustered.remove(call)
            reason = why.get(call.composed.claim.batch_id)
            if reason is None:
                self.flying[call.future] = call.composed
                self.attempted += 1
                continue
            self._desk.tell(reason)
            self._release(call.composed.claim, due_at=self._desk.clock.now(), why="stopped before it was sent")

    def _claimed(self, *, most: int, without: Collection[str] = (), ahead: timedelta | None = None) -> Sequence[Claim]:
        desk, now = self._desk, self._desk.clock.now()
        claims = desk.ledger.claim(
            owner=desk.owner,
            now=now,
            lease=desk.lease,
            post_lease=desk.post_lease,
            most=most,
            without=without,
            ahead=ahead,
        )
        self._held_until |= {claim.batch_id: now + desk.post_lease for claim in claims if claim.account}
        return claims

    def claim(self) -> int:
        """Claim what is due, as far as there is room; how many batches."""
        room = min(_IN_FLIGHT - len(self.flying) - len(self.packing) - len(self.waiting), _AT_ONCE)
        if room <= 0 or self._is_leaving():
            return 0
        full = {claim.wave.channel for claim in self.waiting}
        if full >= self._channels:
            return 0
        claims = self._claimed(most=room, without=full)
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
        for posts, lease in self._leases.items():
            if now < self._renew_at[posts]:
                continue
            flying = (composed.claim for composed in self.flying.values())
            held = [claim for claim in (*self.unbegun, *flying) if bool(claim.account) is posts]
            still = self._desk.ledger.renew(held, now=now, lease=lease)
            self._renew_at[posts] = now + lease / 4
            self._held_until |= dict.fromkeys(still if posts else (), now + lease)

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
        mustered = {id(call.composed.claim): call for call in self.mustered}
        for claim in tuple(claims):
            if id(claim) in packing:
                del self.packing[packing[id(claim)]]
            elif id(claim) in mustered:
                mustered[id(claim)].send_home()
                self.mustered.remove(mustered[id(claim)])
            else:
                self.waiting.remove(claim)
            self._release(claim, due_at=due_at, why=why)

    def _release(self, claim: Claim, *, due_at: datetime, why: str) -> None:
        """Give back one claim, to be taken again at ``due_at``, but not before its own instant."""
        due_at = due_at if claim.due_at is None else max(due_at, claim.due_at)
        try:
            self._desk.ledger.release(claim, now=self._desk.clock.now(), due_at=due_at, why=why)
        except ClaimLost as lost:
            self._desk.tell(str(lost))

    def _is_leaving(self) -> bool:
        """True where what waits is to be given back: the desk is stopping, or something else comes due."""
        return self._desk.stopping.is_set() or (self.until is not None and self._desk.clock.now() >= self.until)

    def _turn_back(self, channel: str, account: str, *, until: datetime, why: str) -> None:
        held = [one for one in self.unbegun if one.wave.channel == channel and account in ("", one.account)]
        self.give_back(held, due_at=until, why=why)

    def _holds(self, claim: Claim) -> bool:
        """True while nobody else may have taken the claim for that of a program that stopped. From any thread."""
        return self._desk.clock.now() < self._held_until[claim.batch_id]

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
            composed = compose.batch(desk, self._contents, claim, group, holds=lambda: self._holds(claim))
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
