"""dispatch: claim → compose → begin → channel → record.

Ledger, network, ledger. The ledger and the composing belong to the calling thread; only the calls to providers run
beside it, several at a time, so that one slow network holds up no other. A claim waits unbegun until its provider has
room for a call: what has begun is on its way, and what waits can be given back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb

from campaign.errors import BadInput, ClaimLost, GroupClosed
from campaign.flow import hand_off
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.batch import MailBatch, MailRow, Payload, PostBatch, PostPart
from campaign.model.claim import Claim, Kept
from campaign.model.group import Group
from campaign.model.outcome import Deferred, InDoubt, Outcome, Refused
from campaign.model.wave import WaveState

_IN_FLIGHT = 32
_AT_ONCE = 4
"""Claims taken in one look at the ledger: few, so that a slow provider's do not take the places of all others."""
_FIRST_RETRY = timedelta(seconds=30)
_LAST_RETRY = timedelta(minutes=15)
_DOUBLINGS = 5
"""So many times 30 seconds doubled are more than the last retry; counted on, they would leave what timedelta holds."""

Gates = Mapping[str, tuple[datetime, str]]
"""Until when an account ("": the whole channel) has to wait, and why."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A claim with the bytes that will be handed over, and the call that hands them over."""

    claim: Claim
    provider: str
    payload: Payload
    deliver: Callable[[], Sequence[Outcome]]


def everything(desk: Desk, contents: Contents, *, until: datetime | None = None) -> int:
    """Send all that is due now; how many batches were attempted.

    Returns early where the desk is stopping, and at ``until``, when something else comes due: a launch does not wait
    for the end of a long mailing.
    """
    with ThreadPoolExecutor(max_workers=_IN_FLIGHT, thread_name_prefix="dispatch") as pool:
        flights = _Flights(desk, contents, pool, until)
        try:
            while True:
                took = flights.claim()
                flights.begin()
                if flights.flying:
                    done = wait(
                        flights.flying, timeout=desk.lease.total_seconds() / 4, return_when=FIRST_COMPLETED
                    ).done
                    flights.renew()
                    flights.land(done)
                elif not took:
                    return flights.attempted
        finally:
            # Whatever went wrong here, what is under way over there has an outcome, and it is recorded.
            flights.land(set(flights.flying))
            flights.give_back(flights.waiting, due_at=desk.clock.now(), why="the program stopped before it sent this")


class _Flights:
    """The claims of this process: ``waiting`` for their provider to take a call, or ``flying``."""

    def __init__(self, desk: Desk, contents: Contents, pool: ThreadPoolExecutor, until: datetime | None) -> None:
        self._until = until
        self._renew_at = desk.clock.now() + desk.lease / 4
        self.attempted = 0
        self.waiting: list[Claim] = []
        self.flying: dict[Future[Sequence[Outcome]], Composed] = {}
        self._desk = desk
        self._contents = contents
        self._pool = pool
        self._limits = {name: channel.limits.in_flight for name, channel in desk.mails.items()}
        self._limits |= {name: channel.limits.in_flight for name, channel in desk.posts.items()}

    def claim(self) -> int:
        """Claim what is due, as far as there is room; how many batches."""
        desk = self._desk
        now = desk.clock.now()
        room = min(_IN_FLIGHT - len(self.flying) - len(self.waiting), _AT_ONCE)
        if room <= 0 or desk.stopping.is_set() or (self._until is not None and now >= self._until):
            return 0
        full = {claim.wave.channel for claim in self.waiting}
        claims = desk.ledger.claim(owner=desk.owner, now=now, lease=desk.lease, most=room, without=full)
        self.waiting += claims
        return len(claims)

    def begin(self) -> None:
        """Hand over what waits, to each provider as many calls at the same time as it takes."""
        busy = Counter(composed.provider for composed in self.flying.values())
        for claim in tuple(self.waiting):
            provider = self._provider(claim)
            if self._desk.stopping.is_set() or busy[provider] >= self._limits[provider]:
                continue
            begun = _begin(self._desk, self._contents, claim)
            self.waiting.remove(claim)
            if isinstance(begun, hand_off.Waits):
                if begun.channel:
                    held = [other for other in self.waiting if other.wave.channel == claim.wave.channel]
                    self.give_back(held, due_at=begun.until, why=begun.why)
                    return
            elif begun is not None:
                self.flying[self._pool.submit(begun.deliver)] = begun
                self.attempted += 1
                busy[provider] += 1

    def renew(self) -> None:
        """Keep hold of what is at work: a slow provider must not be taken for a program that stopped."""
        now = self._desk.clock.now()
        if now >= self._renew_at:
            held = [*self.waiting, *(composed.claim for composed in self.flying.values())]
            self._desk.ledger.renew(held, now=now, lease=self._desk.lease)
            self._renew_at = now + self._desk.lease / 4

    def land(self, done: set[Future[Sequence[Outcome]]]) -> None:
        """Record what became of these, and give back what would only wait at a gate that closed."""
        for future in done:
            composed = self.flying.pop(future)
            shut = _record(self._desk, composed, _outcomes(self._desk, composed, future))
            for account, (until, why) in shut.items():
                channel = composed.claim.wave.channel
                held = [c for c in self.waiting if c.wave.channel == channel and account in ("", c.account)]
                self.give_back(held, due_at=until, why=why)

    def give_back(self, claims: Sequence[Claim], *, due_at: datetime, why: str) -> None:
        """Release claims of which nothing has left."""
        for claim in tuple(claims):
            self.waiting.remove(claim)
            try:
                self._desk.ledger.release(claim, now=self._desk.clock.now(), due_at=due_at, why=why)
            except ClaimLost as lost:
                self._desk.tell(str(lost))

    def _provider(self, claim: Claim) -> str:
        sender = self._contents.bundle(claim.wave).plan.sender
        return claim.wave.channel if claim.account or sender is None else sender.via


def _outcomes(desk: Desk, composed: Composed, future: Future[Sequence[Outcome]]) -> Sequence[Outcome]:
    """What the channel says. A channel that fails to say it has made a mistake of its own: all of it is in doubt.

    The exception's own words are kept out: they may hold an address.
    """
    many = len(composed.claim.seqs)
    try:
        told = future.result()
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt had begun and must not be lost
        frames = extract_tb(error.__traceback__)
        place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        why = f"the channel {composed.provider} failed ({type(error).__name__}{place})"
    else:
        if len(told) == many:
            return told
        why = f"the channel {composed.provider} gave {len(told)} answers for {many}"
    desk.tell(f"{composed.claim.wave.name}: {why}; {many:,} in doubt")
    return [InDoubt(why)] * many


def _begin(desk: Desk, contents: Contents, claim: Claim) -> Composed | hand_off.Waits | None:
    """Compose the batch and commit that its attempt begins; None where nothing is left to send."""
    try:
        while claim.seqs:
            group = hand_off.place(desk, contents, claim)
            if isinstance(group, hand_off.Waits):
                desk.ledger.release(claim, now=desk.clock.now(), due_at=group.until, why=group.why)
                return group
            composed = _compose(desk, contents, claim, group)
            with suppress(GroupClosed):  # another one is found for it
                gone = desk.ledger.begin(claim, composed.payload, now=desk.clock.now(), group=group)
                if not gone:
                    return composed
                claim = _without(claim, set(gone))
        desk.ledger.release(claim, now=desk.clock.now(), due_at=desk.clock.now(), why="nobody is left to send to")
    except ClaimLost as lost:
        desk.tell(str(lost))
    except BadInput as bad:
        _hold(desk, claim, str(bad.problems[0]))
    return None


def _hold(desk: Desk, claim: Claim, why: str) -> None:
    """A message that cannot be filled for somebody waits for a person, all of it: it is not what was approved."""
    now = desk.clock.now()
    desk.ledger.end_wave(claim.wave.id, WaveState.HELD, why=why, at=now)
    desk.ledger.release(claim, now=now, due_at=now, why=why)
    desk.tell(f"{claim.wave.name} is held: {why}")


def _without(claim: Claim, gone: set[int]) -> Claim:
    left = [(seq, person) for seq, person in zip(claim.seqs, claim.people, strict=True) if seq not in gone]
    return replace(claim, seqs=tuple(seq for seq, _ in left), people=[person for _, person in left])


def _compose(desk: Desk, contents: Contents, claim: Claim, group: Group | None) -> Composed:
    if claim.account:
        posts = desk.posts[claim.wave.channel]
        post = post_batch(desk, contents, claim, kept=claim.kept)
        # A second attempt hands over the same bytes: what a network has under our key must match them.
        payload = cut(claim.kept, claim.seqs) if claim.kept else posts.compose(post)
        return Composed(claim, claim.wave.channel, payload, lambda: posts.deliver(post, payload))
    mailing = contents.mailing(claim.wave, claim.variant)
    mails = desk.mails[mailing.content.sender.via]
    keys = [desk.keys.key(claim.wave.id, seq) for seq in claim.seqs]
    urls = [desk.unsubscribe_url(key) for key in keys]
    filled = mailing.compiled.fill(claim.people, urls)
    rows = [
        MailRow(seq, key, person.email, f"{person.first_name} {person.last_name}".strip(), values, url)
        for seq, key, person, values, url in zip(claim.seqs, keys, claim.people, filled, urls, strict=True)
    ]
    mail = MailBatch(id=claim.batch_id, content=mailing.content, rows=rows, made_at=claim.wave.due_at)
    if group is not None:
        mail = replace(mail, send_at=group.send_at, group=group.ref)
    handed_over = mails.compose(mail)
    return Composed(claim, mailing.content.sender.via, handed_over, lambda: mails.deliver(mail, handed_over))


def post_batch(
    desk: Desk,
    contents: Contents,
    claim: Claim,
    *,
    kept: Kept | None,
) -> PostBatch:
    """The parts of a thread that ``claim`` is about, as their channel takes them."""
    posting = contents.posting(claim.wave)
    return PostBatch(
        id=claim.batch_id,
        account=claim.account,
        parts=[
            PostPart(seq, desk.keys.key(claim.wave.id, seq), posting.parts[seq - claim.first_seq]) for seq in claim.seqs
        ],
        made_at=claim.wave.due_at,
        sent=claim.sent,
        language=posting.language,
        warning=posting.source.warning,
        visibility=contents.bundle(claim.wave).step.visibility,
        attempted_at=kept.began_at if kept else None,
    )


def cut(kept: Kept, seqs: Sequence[int]) -> Payload:
    """What was handed over for ``seqs`` alone."""
    place = {seq: index for index, seq in enumerate(kept.seqs)}
    chunks = [kept.payload.chunks[place[seq]] for seq in seqs]
    return replace(kept.payload, chunks=chunks)


def _record(desk: Desk, composed: Composed, outcomes: Sequence[Outcome]) -> Gates:
    """Write down what became of the attempt; the gates that closed with it."""
    claim, now = composed.claim, desk.clock.now()
    retry_at = now + min(_FIRST_RETRY * 2 ** min(claim.attempts - 1, _DOUBLINGS), _LAST_RETRY)
    told: Mapping[int, Outcome] = dict(zip(claim.seqs, _in_order(claim, outcomes), strict=True))
    shut = _close_gates(desk, claim, told, retry_at)
    try:
        whole = next((one for one in told.values() if isinstance(one, Refused) and one.whole), None)
        # A thread is never halved: its parts are one after the other.
        if whole is not None and len(told) > 1 and not claim.account:
            desk.ledger.halve(claim, now=now, why=whole.reason)
        else:
            desk.ledger.record(claim, told, now=now, retry_at=retry_at)
            desk.watch.done(sum(not isinstance(one, Deferred) for one in told.values()))
    except ClaimLost as lost:
        desk.tell(str(lost))
    return shut


def _in_order(claim: Claim, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """A thread ends at a part that was refused: what waits for it is refused with it."""
    if not claim.account:
        return outcomes
    told: list[Outcome] = []
    for outcome in outcomes:
        broken = any(isinstance(before, Refused) for before in told)
        told.append(Refused("the part before it was refused") if broken and isinstance(outcome, Deferred) else outcome)
    return told


def _close_gates(desk: Desk, claim: Claim, told: Mapping[int, Outcome], retry_at: datetime) -> Gates:
    """Where a provider says that a whole account or channel has to wait, nobody tries it before."""
    waits: dict[str, tuple[datetime, str]] = {}
    for outcome in told.values():
        if isinstance(outcome, Deferred) and outcome.scope != "delivery":
            account = claim.account if outcome.scope == "account" else ""
            until = outcome.until or retry_at
            if account not in waits or until > waits[account][0]:
                waits[account] = (until, outcome.reason)
    for account, (until, why) in waits.items():
        desk.ledger.close_gate(claim.wave.channel, account, until=until, why=why)
        desk.tell(f"{claim.wave.channel} {account}".strip() + f" waits until {until:%H:%M:%S} UTC: {why}")
    return waits
