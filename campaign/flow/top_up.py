"""top_up: a step goes to exactly those who should have got it and did not, as it is approved now."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from campaign.errors import CampaignError, NotApproved
from campaign.flow import audience
from campaign.flow.approve import Standing
from campaign.model.bundle import Bundle
from campaign.model.delivery import State
from campaign.model.top_up import ALWAYS, IF_ASKED, Missing, MissingPosts, Reason
from campaign.model.wave import TOP_UP, WINNER, Wave, WaveState
from campaign.ports.ledger import Ledger

_BEGUN = (WaveState.PREPARED, WaveState.DONE, WaveState.MISSED, WaveState.HELD, WaveState.CANCELLED)


@dataclass(frozen=True, slots=True)
class Look:
    """Who has not got a step and why. ``time`` is which time of a repeating step is topped up, 0 where it does not
    repeat; ``got`` how many have it, ``in_doubt`` how many may have it. ``reasons`` are those that are topped up."""

    bundle: Bundle
    digest: str
    arm: str
    time: int
    reasons: frozenset[Reason]
    got: int
    in_doubt: int
    under_way: int
    people: Missing = field(default_factory=Missing)
    posts: Sequence[MissingPosts] = ()

    @property
    def number(self) -> int:
        """How many people it goes to, or how many accounts post."""
        if self.bundle.step.channel == "email":
            return self.people.number(self.reasons)
        return sum(1 if one.account else len(self.bundle.step.accounts) for one in self.chosen)

    @property
    def chosen(self) -> Sequence[MissingPosts]:
        """The posts that are planned again."""
        return [one for one in self.posts if one.reason in self.reasons]


def look(ledger: Ledger, standing: Standing, *, including: Collection[Reason] = (), now: datetime) -> Look:
    """Who of ``standing``'s step should have got it and has not. ``including`` are reasons that are topped up only
    where a person says so.

    Raises NotApproved where the step is not approved as it is, CampaignError where it cannot be topped up now.
    """
    approval, step = standing.approval, standing.step
    if approval is None or not standing.is_approved:
        what = "was never approved" if approval is None else "is not approved as it is now"
        command = f"campaign approve {step.id}" + ("" if ledger.world == "live" else " --sandbox")
        raise NotApproved(f"{step.id} {what}; look at it with `campaign plan`, then: {command}")
    if step.embargo is not None and now < step.embargo:
        until = f"{step.embargo:%d %b %Y %H:%M} UTC"
        raise CampaignError(f"{step.id} is under embargo until {until}; nothing of it may leave")
    waves = ledger.waves(step=step.id)
    begun = [wave for wave in waves if wave.state in _BEGUN and not wave.is_top_up]
    if not begun:
        first = min((wave.due_at for wave in waves), default=None)
        when = f"; its first wave is due {first:%d %b %Y %H:%M} UTC" if first else ""
        raise CampaignError(f"nothing of {step.id} has gone out yet, so that nobody is missing{when}")
    bundle = ledger.bundle(approval.digest)
    time = _time(bundle, waves, begun)
    those = [wave for wave in waves if not time or wave.number % TOP_UP == time]
    # A post may be mended only at its network, and who has asked for it here has seen to that.
    always = ALWAYS if step.channel == "email" else ALWAYS | {Reason.REFUSED}
    asked = frozenset(including) & IF_ASKED
    shared = Look(
        bundle=bundle,
        digest=approval.digest,
        arm=_arm(ledger, step.id, waves),
        time=time,
        reasons=always | asked,
        got=_counted(those, State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED),
        in_doubt=_counted(those, State.IN_DOUBT),
        under_way=_counted(those, State.PLANNED, State.CLAIMED, State.DEFERRED),
    )
    if step.channel != "email":
        return replace(shared, posts=ledger.missing_posts(step.id))
    return replace(shared, people=ledger.missing(step.id, audience.of(bundle), time=time, at=now))


def place(
    ledger: Ledger, found: Look, *, expected: int, batch_size: int, by: str, why: str, now: datetime
) -> Sequence[Wave]:
    """Place the top-up, due ``now``, of those that ``found`` shows. Raises LedgerError, and places nothing, where these
    are not ``expected`` any more."""
    step = found.bundle.step
    if step.channel != "email":
        return ledger.top_up_posts(step.id, found.chosen, found.digest, by=by, why=why, at=now)
    wave = Wave(
        id=0,
        step=step.id,
        number=found.time,
        channel=step.channel,
        due_at=now,
        state=WaveState.WAITING,
        digest=found.digest,
        late=step.late,
        ahead=timedelta(0),
        arm=found.arm,
        paces=found.bundle.plan.paces(step),
    )
    placed = ledger.top_up(
        wave,
        audience.of(found.bundle),
        reasons=found.reasons,
        expected=expected,
        batch_size=batch_size,
        by=by,
        why=why,
        at=now,
    )
    return (placed,)


def _counted(waves: Sequence[Wave], *states: State) -> int:
    return sum(wave.counts.get(state, 0) for wave in waves for state in states)


def _time(bundle: Bundle, waves: Sequence[Wave], begun: Sequence[Wave]) -> int:
    """Which time of a repeating step: the last that has begun. Those before it are stale by now."""
    step = bundle.step
    if step.repeat is None or step.channel != "email":
        return 0
    if any(wave.zones is not None or wave.share is not None or wave.arm for wave in waves):
        raise CampaignError(
            f"{step.id} repeats in several waves each time, so that it cannot be topped up; whoever missed it this "
            "time gets it the next"
        )
    return max(begun, key=lambda wave: wave.due_at).number


def _arm(ledger: Ledger, step: str, waves: Sequence[Wave]) -> str:
    """What a top-up gets of an A/B test: what won."""
    if not any(wave.arm for wave in waves):
        return ""
    if ledger.decision(step) is None:
        raise CampaignError(
            f"the A/B test of {step} is not decided yet, so nobody knows what a top-up would get; see: "
            f"campaign ab-test {step}"
        )
    return WINNER
