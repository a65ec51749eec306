"""dispatch: claim → compose → begin → channel → record.

Ledger, network, ledger. The ledger and the composing belong to the calling thread; only the calls to providers run
beside it, several at a time, so that one slow network holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Semaphore

from campaign.errors import ClaimLost
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.batch import MailBatch, MailRow, Payload, PostBatch, PostPart
from campaign.model.claim import Claim, Kept
from campaign.model.outcome import Deferred, Outcome, Refused

_IN_FLIGHT = 8
_FIRST_RETRY = timedelta(seconds=30)
_LAST_RETRY = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Composed:
    """A claim with the bytes that will be handed over, and the call that hands them over."""

    claim: Claim
    provider: str
    payload: Payload
    deliver: Callable[[], Sequence[Outcome]]


def everything(desk: Desk, contents: Contents) -> int:
    """Send all that is due now; how many batches were attempted. Returns early where the desk is stopping."""
    attempted = 0
    slots = _slots(desk)
    flying: dict[Future[Sequence[Outcome]], Composed] = {}
    with ThreadPoolExecutor(max_workers=_IN_FLIGHT, thread_name_prefix="dispatch") as pool:
        while True:
            if len(flying) < _IN_FLIGHT and not desk.stopping.is_set():
                for claim in desk.ledger.claim(
                    owner=desk.owner, now=desk.clock.now(), lease=desk.lease, most=_IN_FLIGHT - len(flying)
                ):
                    begun = _begin(desk, contents, claim)
                    if begun is not None:
                        flying[pool.submit(_deliver, begun, slots[begun.provider])] = begun
                        attempted += 1
            if not flying:
                return attempted
            done, _ = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                _record(desk, flying.pop(future), future.result())


def _slots(desk: Desk) -> Mapping[str, Semaphore]:
    """As many slots for each provider as calls it takes at the same time."""
    limits = {name: channel.limits for name, channel in desk.mails.items()}
    limits |= {name: channel.limits for name, channel in desk.posts.items()}
    return {name: Semaphore(limit.in_flight) for name, limit in limits.items()}


def _deliver(composed: Composed, slot: Semaphore) -> Sequence[Outcome]:
    with slot:
        return composed.deliver()


def _begin(desk: Desk, contents: Contents, claim: Claim) -> Composed | None:
    """Compose the batch and commit that its attempt begins; None where nothing is left to send."""
    try:
        while claim.seqs:
            composed = _compose(desk, contents, claim)
            gone = desk.ledger.begin(claim, composed.payload, now=desk.clock.now())
            if not gone:
                return composed
            claim = _without(claim, set(gone))
        desk.ledger.release(claim, now=desk.clock.now(), due_at=desk.clock.now(), why="nobody is left to send to")
    except ClaimLost as lost:
        desk.tell(str(lost))
    return None


def _without(claim: Claim, gone: set[int]) -> Claim:
    left = [(seq, person) for seq, person in zip(claim.seqs, claim.people, strict=True) if seq not in gone]
    return replace(claim, seqs=tuple(seq for seq, _ in left), people=[person for _, person in left])


def _compose(desk: Desk, contents: Contents, claim: Claim) -> Composed:
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


def _record(desk: Desk, composed: Composed, outcomes: Sequence[Outcome]) -> None:
    claim, now = composed.claim, desk.clock.now()
    retry_at = now + min(_FIRST_RETRY * 2 ** (claim.attempts - 1), _LAST_RETRY)
    told: Mapping[int, Outcome] = dict(zip(claim.seqs, _in_order(claim, outcomes), strict=True))
    _close_gates(desk, claim, told, retry_at)
    try:
        whole = next((one for one in told.values() if isinstance(one, Refused) and one.whole), None)
        if whole is not None and len(told) > 1:
            desk.ledger.halve(claim, now=now, why=whole.reason)
        else:
            desk.ledger.record(claim, told, now=now, retry_at=retry_at)
    except ClaimLost as lost:
        desk.tell(str(lost))


def _in_order(claim: Claim, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """A thread ends at a part that was refused: what waits for it is refused with it."""
    if not claim.account:
        return outcomes
    told: list[Outcome] = []
    for outcome in outcomes:
        broken = any(isinstance(before, Refused) for before in told)
        told.append(Refused("the part before it was refused") if broken and isinstance(outcome, Deferred) else outcome)
    return told


def _close_gates(desk: Desk, claim: Claim, told: Mapping[int, Outcome], retry_at: datetime) -> None:
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
