"""dispatch: claim → compose → begin → channel → record.

Ledger, network, ledger. The ledger and the composing belong to the calling thread; beside it run only the calls to
providers, several at a time, so that one slow network holds up no other, and what makes bytes smaller before they are
kept. A claim waits unbegun until its provider has room for a call: what has begun is on its way, and what waits can be
given back. What leaves in a moment is made ready first, and leaves at its instant together: see ``volley``.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from campaign.errors import BadInput, ClaimLost, GroupClosed
from campaign.flow import compose, hand_off, landing, stop, volley
from campaign.flow.call import Call
from campaign.flow.compose import Composed
from campaign.flow.content import Contents
from campaign.flow.desk import LOST, Desk
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

_GLANCE_S = 0.25
"""How often it is seen, while calls are under way, whether to stop, and whether an instant is near."""
_STOPPED = "the program stopped before it sent this"


def everything(
    desk: Desk,
    contents: Contents,
    *,
    coming: Callable[[], datetime | None] = lambda: None,
    readiness: Readiness | None = None,
    between: Callable[[], None] = lambda: None,
    meanwhile: Callable[[timedelta], bool] = lambda _within: False,
) -> int:
    """Send all that is due now, and what is due in a moment; how many batches were attempted.

    Returns early where the desk is stopping, and at the instant that ``coming`` tells, when something else comes due: a
    launch does not wait for the end of a long mailing. What ``readiness`` has under way is waited for until the posts'
    instant. Where the desk is stopping, calls that take too long are left: their claims run out, and are in doubt.
    ``between`` is called again and again while batches go out, and ``meanwhile`` where there is a moment between two
    instants, as long as it has something to do.
    """
    pool = ThreadPoolExecutor(max_workers=2 * _IN_FLIGHT + volley.MOST, thread_name_prefix="dispatch")
    with undisturbed(switch_s=_SWITCH_S):
        flights = Flights(desk, contents, pool)
        volleys = volley.Volleys(desk, flights, pool, readiness, meanwhile)
        try:
            volleys.fire()
            flights.until = coming()
            while not desk.stopping.is_set():
                if volleys.is_near:  # while calls for others are under way
                    volleys.fire()
                between()
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
                    break
        finally:
            try:
                flights.give_back(flights.unbegun, due_at=desk.clock.now(), why=_STOPPED)
            finally:
                # Whatever went wrong here, what is under way over there has an outcome, and it is recorded.
                flights.finish()
                pool.shutdown(wait=not flights.flying, cancel_futures=True)
    return flights.attempted


class Flights:
    """The claims of this process: ``waiting`` for their provider to take a call, ``mustered`` for their instant,
    composed and ``packing`` what is kept of them, or ``flying``."""

    def __init__(self, desk: Desk, contents: Contents, pool: ThreadPoolExecutor) -> None:
        self.until: datetime | None = None
        self._leases = {True: desk.post_lease, False: desk.lease}  # of posts, and of e-mail
        self._renew_at = {posts: desk.clock.now() + lease / 4 for posts, lease in self._leases.items()}
        self._held_until: dict[int, datetime] = {}
        self._left_at: dict[int, datetime] = {}
        self._begun: set[int] = set()
        self.attempted = 0
        self.waiting: list[Claim] = []
        self.mustered: list[Call] = []
        self.packing: dict[Future[bytes], Composed] = {}
        self.flying: dict[Future[Sequence[Outcome]], Composed] = {}
        self._desk = desk
        self._contents = contents
        self._pool = pool
        self._brake = stop.Brake(desk)
        self.limits = {name: channel.limits.in_flight for name, channel in desk.mails.items()}
        self.limits |= {name: channel.limits.in_flight for name, channel in desk.posts.items()}
        self.channels = {*desk.posts, *(["email"] if desk.mails else [])}

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
        """How long to wait for a call at most, before claims are renewed and it is seen what else is to be done."""
        posts = any(composed.claim.account for composed in self.flying.values())
        return min(self._leases[posts].total_seconds() / 4, _GLANCE_S)

    def claimed(self, *, most: int, without: Collection[str] = (), ahead: timedelta | None = None) -> Sequence[Claim]:
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
        if full >= self.channels:
            return 0
        claims = self.claimed(most=room, without=full)
        self.waiting += claims
        return len(claims)

    def compose(self) -> None:
        """Compose what waits, for each provider as many calls as it takes at the same time."""
        busy = Counter(composed.provider for composed in (*self.packing.values(), *self.flying.values()))
        for claim in tuple(self.waiting):
            provider = self.provider(claim)
            if self._is_leaving() or claim not in self.waiting or busy[provider] >= self.limits[provider]:
                continue
            self.waiting.remove(claim)
            composed = self.composed(claim)
            if composed is None:
                continue
            busy[provider] += 1
            if claim.account:
                # A few posts are packed in no time, and are to leave at their instant.
                self.take_off([composed] if self.begin_one(composed) else [])
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
            if self.begin_one(composed, first.result()):
                ready.append(composed)
        return ready

    def take_off(self, begun: Sequence[Composed]) -> None:
        """Make the calls of attempts whose beginning is committed."""
        for composed in begun:
            self.flies(self._pool.submit(composed.deliver), composed)

    def flies(self, future: Future[Sequence[Outcome]], composed: Composed) -> None:
        self.flying[future] = composed
        self.attempted += 1
        self._left_at[composed.claim.batch_id] = now = self._desk.clock.now()
        wave = composed.claim.wave
        if wave.first_sent_at is None and wave.id not in self._begun:
            self._begun.add(wave.id)
            late_s = (now - wave.begins_at).total_seconds()
            self._desk.note(f"{wave.name} begins", "wave.began", wave=wave, late_s=round(late_s, 3))

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
            left_at = self._left_at.pop(claim.batch_id, self._desk.clock.now())
            shut = landing.record(self._desk, claim, landing.outcomes(self._desk, composed, future), left_at=left_at)
            for account, (until, why) in shut.items():
                self._turn_back(claim.wave.channel, account, until=until, why=why)

    def finish(self) -> None:
        """Record what becomes of the calls under way. Where the desk is stopping, what takes too long is left."""
        desk = self._desk
        while self.flying:
            left_s = desk.left_s() if desk.stopping.is_set() else _GLANCE_S
            if left_s <= 0:
                many = sum(len(composed.claim.seqs) for composed in self.flying.values())
                desk.tell(
                    f"{len(self.flying)} calls take too long to wait for: {many:,} deliveries are in doubt once their "
                    "claims have run out, and are settled when the program runs again",
                    "calls.left",
                    level="warning",
                    calls=len(self.flying),
                    deliveries=many,
                )
                return
            self.land(wait(self.flying, timeout=min(left_s, _GLANCE_S), return_when=FIRST_COMPLETED).done)
            self.renew()

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
            self.release(claim, due_at=due_at, why=why)

    def release(self, claim: Claim, *, due_at: datetime, why: str) -> None:
        """Give back one claim, to be taken again at ``due_at``, but not before its own instant."""
        due_at = due_at if claim.due_at is None else max(due_at, claim.due_at)
        try:
            self._desk.ledger.release(claim, now=self._desk.clock.now(), due_at=due_at, why=why)
        except ClaimLost as lost:
            self._desk.tell(str(lost), "claim.lost", noted=LOST, wave=claim.wave)

    def _is_leaving(self) -> bool:
        """True where what waits is to be given back: the desk is stopping, or something else comes due."""
        return self._desk.stopping.is_set() or (self.until is not None and self._desk.clock.now() >= self.until)

    def _turn_back(self, channel: str, account: str, *, until: datetime, why: str) -> None:
        held = [one for one in self.unbegun if one.wave.channel == channel and account in ("", one.account)]
        self.give_back(held, due_at=until, why=why)

    def _holds(self, claim: Claim) -> bool:
        """True while nothing has stopped it, and nobody else may have taken its claim for that of a program that died.

        Asked from any thread, before each part of a thread and each e-mail of a call that takes one by one.
        """
        ours = not claim.account or self._desk.clock.now() < self._held_until[claim.batch_id]
        return ours and self._brake.allows(claim)

    def provider(self, claim: Claim) -> str:
        sender = self._contents.bundle(claim.wave).plan.sender
        return claim.wave.channel if claim.account or sender is None else sender.via

    def composed(self, claim: Claim) -> Composed | None:
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
            desk.tell(str(lost), "claim.lost", noted=LOST, wave=claim.wave)
        except BadInput as bad:
            _hold(desk, claim, str(bad.problems[0]))
        return None

    def begin_one(self, composed: Composed, packed: bytes | None = None) -> bool:
        """Have the ledger say that the attempt begins. False where it does not: then it is composed anew, if at all."""
        desk, claim = self._desk, composed.claim
        try:
            stop.guard(desk)
            now = desk.clock.now()
            gone = desk.ledger.begin(claim, composed.payload, now=now, group=composed.group, packed=packed)
        except GroupClosed:  # another one is found for it
            self.waiting.append(claim)
        except ClaimLost as lost:
            desk.tell(str(lost), "claim.lost", noted=LOST, wave=claim.wave)
            with suppress(ClaimLost):  # stopped while it was on its way here; where the claim itself is lost, so be it
                desk.ledger.release(claim, now=now, due_at=now, why="stopped before it was sent")
            stopped = stop.held(desk)
            self.give_back([one for one in self.unbegun if stopped(one.wave.step)], due_at=now, why=str(lost))
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
    desk.tell(f"{claim.wave.name} is held: {why}", "wave.held", level="warning", wave=claim.wave)
