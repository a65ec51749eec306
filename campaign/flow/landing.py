"""landing: what became of an attempt is written down, and the gates are closed that closed with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta

from campaign.errors import ClaimLost, place_of
from campaign.flow.compose import Composed
from campaign.flow.desk import LOST, Desk
from campaign.model.claim import Claim
from campaign.model.happening import Fact
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused

_FIRST_RETRY = timedelta(seconds=30)
_LAST_RETRY = timedelta(minutes=15)
_DOUBLINGS = 5
"""So many times 30 seconds doubled are more than the last retry; counted on, they would leave what timedelta holds."""

Gates = Mapping[str, tuple[datetime, str]]
"""Until when an account ("": the whole channel) has to wait, and why."""


def outcomes(desk: Desk, composed: Composed, future: Future[Sequence[Outcome]]) -> Sequence[Outcome]:
    """What the channel says. A channel that fails to say it has made a mistake of its own: all of it is in doubt.

    The exception's own words are kept out: they may hold an address.
    """
    many = len(composed.claim.seqs)
    try:
        told = future.result()
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt had begun and must not be lost
        why = f"the channel {composed.provider} failed ({type(error).__name__}{place_of(error)})"
    else:
        if len(told) == many:
            return told
        why = f"the channel {composed.provider} gave {len(told)} answers for {many}"
    desk.tell(
        f"{composed.claim.wave.name}: {why}; {many:,} in doubt",
        "channel.failed",
        level="error",
        wave=composed.claim.wave,
    )
    return [InDoubt(why)] * many


def record(desk: Desk, claim: Claim, told: Sequence[Outcome], *, left_at: datetime | None = None) -> Gates:
    """Write down what became of the attempt; the gates that closed with it. ``left_at`` is when its call was made."""
    now = desk.clock.now()
    retry_at = now + min(_FIRST_RETRY * 2 ** min(claim.attempts - 1, _DOUBLINGS), _LAST_RETRY)
    by_seq: Mapping[int, Outcome] = dict(zip(claim.seqs, _in_order(claim, told), strict=True))
    # A batch of which nothing but good is to be told has one outcome a thousand times.
    distinct = list({id(one): one for one in by_seq.values()}.values())
    shut = _close_gates(desk, claim, distinct, retry_at)
    try:
        whole = next((one for one in distinct if isinstance(one, Refused) and one.whole), None)
        # A thread is never halved: its parts are one after the other.
        if whole is not None and len(by_seq) > 1 and not claim.account:
            desk.ledger.halve(claim, now=now, why=whole.reason)
        else:
            desk.ledger.record(claim, by_seq, now=now, retry_at=retry_at)
            desk.watch.done(sum(not isinstance(one, Deferred) for one in by_seq.values()))
            _hold(desk, claim, distinct)
    except ClaimLost as lost:
        desk.tell(str(lost), "claim.lost", noted=LOST, wave=claim.wave)
    if desk.happened is not None:
        _note(desk, claim, by_seq, took_s=(now - (left_at or now)).total_seconds())
    return shut


def _note(desk: Desk, claim: Claim, by_seq: Mapping[int, Outcome], *, took_s: float) -> None:
    """For programs: the attempt, and each delivery that was not simply accepted, by its key."""
    many = Counter(_NAMES[type(outcome)] for outcome in by_seq.values())
    about: dict[str, Fact] = {"batch": claim.batch_id, **({"account": claim.account} if claim.account else {})}
    desk.note(
        f"an attempt of {claim.wave.name} is over",
        "attempt",
        level="info" if set(many) <= {"accepted", "deferred"} else "warning",
        wave=claim.wave,
        **about,
        attempt=claim.attempts,
        took_s=round(max(0.0, took_s), 3),
        **many,
    )
    for seq, outcome in by_seq.items():
        # The provider's own words are for the ledger: they may hold an address, or part of one.
        if isinstance(outcome, Refused | InDoubt):
            name = _NAMES[type(outcome)]
            key = desk.keys.key(claim.wave.id, seq)
            words = f"a delivery of {claim.wave.name} is {name.replace('_', ' ')}"
            desk.note(words, f"delivery.{name}", level="warning", wave=claim.wave, **about, key=key)


_NAMES = {Accepted: "accepted", Deferred: "deferred", Refused: "refused", InDoubt: "in_doubt"}


def _in_order(claim: Claim, told: Sequence[Outcome]) -> Sequence[Outcome]:
    """A thread ends at a part that was refused: what waits for it is refused with it."""
    if not claim.account:
        return told
    ordered: list[Outcome] = []
    for outcome in told:
        broken = any(isinstance(before, Refused) for before in ordered)
        ordered.append(
            Refused("the part before it was refused") if broken and isinstance(outcome, Deferred) else outcome
        )
    return ordered


def _hold(desk: Desk, claim: Claim, told: Sequence[Outcome]) -> None:
    """Where time alone mends nothing, what is not sent of the wave waits for a person."""
    why = next((one.reason for one in told if isinstance(one, Deferred) and one.hold), None)
    if why is not None and desk.ledger.hold(claim.wave.id, why=why):
        desk.tell(f"{claim.wave.name} is held: {why}", "wave.held", level="warning", wave=claim.wave)


def _close_gates(desk: Desk, claim: Claim, told: Sequence[Outcome], retry_at: datetime) -> Gates:
    """Where a provider says that a whole account or channel has to wait, nobody tries it before."""
    waits: dict[str, tuple[datetime, str]] = {}
    for outcome in told:
        account, until, why = "", None, ""
        if isinstance(outcome, Deferred) and outcome.scope != "delivery" and not outcome.hold:
            account = claim.account if outcome.scope == "account" else ""
            until, why = outcome.until or retry_at, outcome.reason
        elif isinstance(outcome, Accepted) and outcome.rest_until is not None:
            account, until, why = claim.account, outcome.rest_until, "it takes no more for now"
        if until is not None and (account not in waits or until > waits[account][0]):
            waits[account] = (until, why)
    for account, (until, why) in waits.items():
        desk.ledger.close_gate(claim.wave.channel, account, until=until, why=why)
        desk.tell(
            f"{claim.wave.channel} {account}".strip() + f" waits until {until:%H:%M:%S} UTC: {why}",
            "gate.closed",
            level="warning",
            wave=claim.wave,
            account=account,
            until=until.isoformat(),
        )
    return waits
