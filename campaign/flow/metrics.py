"""metrics: how posts fare, read back from their networks at some instants after posting, and then no more.

Nobody waits for it: nothing is read while something is to be sent soon, a network that will not tell is left alone for
a while, and none of this ever closes the gate that posts go through.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.flow.desk import Desk
from campaign.model.media import Metrics, Reading
from campaign.model.outcome import Deferred
from campaign.model.posted import Posted

TOGETHER = timedelta(minutes=5)
"""What comes due within this is read in the same call."""
_FIRST_REST = timedelta(minutes=1)
_LAST_REST = timedelta(hours=1)
_DOUBLINGS = 6
_LONGEST = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One account's posts, and when the first of them is to be read."""

    channel: str
    account: str
    posts: Sequence[Posted]
    due_at: datetime


def next_reading(post: Posted, after: Sequence[timedelta]) -> datetime | None:
    """When the figures of ``post`` are read next; None where they are not any more. What was missed while nothing ran
    is made up for once."""
    read_at = post.reading.read_at if post.reading else None
    if not post.is_up or post.retraction is not None:
        return None
    instants = (post.posted_at + span for span in after)
    return next((one for one in instants if read_at is None or one > read_at + TOGETHER), None)


def read(desk: Desk, *, until: datetime | None) -> int:
    """Read what is due; of how many posts. Stops where something is to be sent soon, ``until`` being the next."""
    number = 0
    for asked in list(_due(desk, desk.clock.now() + TOGETHER)):
        if asked.due_at > desk.clock.now() or not desk.has_time(until):
            continue
        number += len(read_now(desk, asked.channel, asked.account, asked.posts))
    return number


def next_at(desk: Desk) -> datetime | None:
    """When figures are read next; None where no post is left to be read."""
    # Never at once: what could be read just now was, and the rest waits for what is sent.
    soon = desk.clock.now() + _FIRST_REST
    return min((max(asked.due_at, soon) for asked in _due(desk, None)), default=None)


def read_now(desk: Desk, channel: str, account: str, posts: Sequence[Posted]) -> Mapping[str, Metrics]:
    """Read the figures of one account's posts and keep them, due or not; by the network's id of each.

    What is not there any more gets a reading without a figure. Empty where the network does not tell them now.
    """
    told = _told(desk, channel, account, [post.ref for post in posts])
    now = desk.clock.now()
    if isinstance(told, Deferred):
        tries = desk.resting.get((channel, account), (now, 0))[1]
        rest = min(_FIRST_REST * 2 ** min(tries, _DOUBLINGS), _LAST_REST)
        # However far off the instant is that the network names: once a day it is asked again.
        until = min(max(now + rest, told.until or now), now + _LONGEST)
        desk.resting[channel, account] = (until, tries + 1)
        if not tries:
            desk.tell(f"{channel} {account}: the figures of its posts are not told for now: {told.reason}")
        return {}
    desk.resting.pop((channel, account), None)
    readings = [Reading(post.delivery.wave_id, post.delivery.seq, now, told.get(post.ref, Metrics())) for post in posts]
    costs: dict[int, int] = {}
    each = desk.prices[channel].own_read if channel in desk.prices else 0
    for post in posts:
        if post.ref in told and each:
            costs[post.delivery.wave_id] = costs.get(post.delivery.wave_id, 0) + each
    desk.ledger.keep_readings(readings, costs=costs)
    return told


def _told(desk: Desk, channel: str, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
    if not _is_paid_for(desk, channel, len(refs)):
        return Deferred("the budget is spent")
    try:
        return desk.posts[channel].metrics(account, refs)
    except Exception as error:  # noqa: BLE001 - a channel's own mistake must not end the run, nor hold up a post
        return Deferred(f"the channel failed ({type(error).__name__})")


def _is_paid_for(desk: Desk, channel: str, number: int) -> bool:
    if channel not in desk.budgets or channel not in desk.prices:
        return True
    cost = number * desk.prices[channel].own_read
    return not cost or desk.ledger.spent().get(channel, 0) + cost <= desk.budgets[channel]


def _due(desk: Desk, by: datetime | None) -> Iterator[_Asked]:
    """The accounts of which figures are to be read: the posts that are due by then, or any that will be."""
    found: dict[tuple[str, str], list[tuple[datetime, Posted]]] = {}
    for post in desk.ledger.posts() if desk.read_after and desk.posts else ():
        due_at = next_reading(post, desk.read_after)
        if due_at is not None and post.channel in desk.posts and (by is None or due_at <= by):
            found.setdefault((post.channel, post.account), []).append((due_at, post))
    for (channel, account), those in found.items():
        first = min(due_at for due_at, _ in those)
        rested_at = desk.resting.get((channel, account), (first, 0))[0]
        yield _Asked(channel, account, [post for _, post in those], max(first, rested_at))


def total(posts: Sequence[Posted]) -> Metrics:
    """The latest figures of those that stand, added up; None where no network tells them."""
    read = [post.reading.metrics for post in posts if post.is_up and post.reading is not None]

    def added(figures: Sequence[int | None]) -> int | None:
        told = [figure for figure in figures if figure is not None]
        return sum(told) if told else None

    return Metrics(
        likes=added([one.likes for one in read]),
        reposts=added([one.reposts for one in read]),
        replies=added([one.replies for one in read]),
        views=added([one.views for one in read]),
    )
