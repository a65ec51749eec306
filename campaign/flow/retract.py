"""retract: what somebody wants deleted is deleted, the newest part first, and counted like what is sent.

Each attempt is committed before the call and its outcome after it. To delete twice is harmless, so that a lost reply is
simply asked about again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from campaign.flow.desk import Desk
from campaign.model.delivery import State
from campaign.model.happening import Level
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused
from campaign.model.posted import Posted, Retraction

_FIRST_RETRY = timedelta(seconds=30)
_LAST_RETRY = timedelta(minutes=15)
_DOUBLINGS = 5
_LOOK = timedelta(seconds=5)
"""How soon it is seen again whether a post in doubt stands."""
PATIENCE = timedelta(minutes=10)
"""So long the parts before one in doubt are left standing: a network tells whether that one is there by what it replies
to. After that they go without it."""


def carry_out(desk: Desk, *, until: datetime | None = None, step: str | None = None) -> int:
    """Delete what is to be deleted and is due; how many posts are gone by it. Stops where something is to be sent soon,
    ``until`` being the next. ``step``: of that step alone."""
    number = 0
    for posts in _threads(desk, step):
        for post in posts:
            if not desk.has_time(until) or not _may_go(post, desk.clock.now()):
                break  # the account's others wait with it, so that a thread goes from its end
            outcome = _attempt(desk, post)
            if outcome is None or isinstance(outcome, (Deferred, InDoubt)):
                break
            number += isinstance(outcome, Accepted)
            if isinstance(outcome, Accepted) and outcome.rest_until is not None:
                break
    return number


def next_at(desk: Desk, *, step: str | None = None) -> datetime | None:
    """When to try again; None where nothing is left to be deleted."""
    now = desk.clock.now()
    going = list(_threads(desk, step))
    firsts = [max(_retraction(posts[0]).due_at, now + _LOOK) for posts in going]
    if any(not post.is_up for post in desk.ledger.posts(step=step, to_retract=True)):
        firsts.append(now + _LOOK)
    return min(firsts, default=None)


def _threads(desk: Desk, step: str | None) -> Iterator[Sequence[Posted]]:
    """One account's posts that are to be deleted, in the order in which they go.

    While a part may or may not stand, the parts before it wait for that to be settled.
    """
    accounts: dict[tuple[str, str], list[Posted]] = {}
    for post in desk.ledger.posts(step=step, to_retract=True):
        if post.channel in desk.posts:
            accounts.setdefault((post.channel, post.account), []).append(post)
    now = desk.clock.now()
    for posts in accounts.values():
        untold = {
            post.delivery.wave_id
            for post in posts
            if post.state is not State.ACCEPTED and now < _retraction(post).asked_at + PATIENCE
        }
        going = [post for post in posts if post.is_up and post.delivery.wave_id not in untold]
        going.sort(key=lambda post: (post.posted_at, post.delivery), reverse=True)
        if going:
            yield going


def _may_go(post: Posted, now: datetime) -> bool:
    return _retraction(post).due_at <= now


def _attempt(desk: Desk, post: Posted) -> Outcome | None:
    """Try to delete ``post``; None where somebody else does, or its time has not come."""
    now = desk.clock.now()
    tries = min(_retraction(post).attempts, _DOUBLINGS)
    wait = min(_FIRST_RETRY * 2**tries, _LAST_RETRY)
    if not desk.ledger.begin_retraction(post.delivery, now=now, again_at=now + wait):
        return None
    try:
        outcome = desk.posts[post.channel].retract(post.account, post.ref)
    except Exception as error:  # noqa: BLE001 - a channel's own mistake must not end the run; it is tried again
        outcome = InDoubt(f"the channel {post.channel} failed ({type(error).__name__})")
    now = desk.clock.now()
    desk.ledger.end_retraction(post.delivery, outcome, now=now, retry_at=now + wait)
    _tell(desk, post, outcome)
    return outcome


def _tell(desk: Desk, post: Posted, outcome: Outcome) -> None:
    name = f"{post.step}#{post.wave} {post.account} {post.part}"

    def tell(words: str, event: str, level: Level = "info") -> None:
        key = desk.keys.key(post.delivery.wave_id, post.delivery.seq)
        desk.tell(words, event, level=level, step=post.step, channel=post.channel, account=post.account, key=key)

    match outcome:
        case Accepted():
            tell(f"{name}: deleted from {post.channel}", "post.deleted")
        case Refused(reason=why):
            tell(f"{name}: {post.channel} does not delete it: {why}", "post.stays", "warning")
        case Deferred(reason=why) | InDoubt(reason=why):
            if not _retraction(post).attempts:
                tell(f"{name}: not deleted yet: {why}", "post.stays", "warning")
        case _:
            assert_never(outcome)


def _retraction(post: Posted) -> Retraction:
    if post.retraction is None:
        raise ValueError("nobody wants this post deleted; the ledger was asked for those that somebody does")
    return post.retraction


@dataclass(frozen=True, slots=True)
class Left:
    """How many posts are ``gone``; those still to be deleted are ``open``, and those ``stay`` that somebody wanted
    gone and their network does not delete."""

    gone: int
    open: Sequence[Posted]
    stay: Sequence[Posted]


def left(posts: Sequence[Posted]) -> Left:
    """How it stands with those of ``posts`` that somebody wants deleted."""
    return Left(
        gone=sum(post.state is State.RETRACTED for post in posts),
        open=[post for post in posts if post.to_retract],
        stay=[post for post in posts if post.is_up and post.retraction is not None and not post.to_retract],
    )
