"""settle: to find out, from the provider, what became of an attempt in doubt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta

from campaign.flow.compose import cut, post_batch
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.claim import Claim, Doubt
from campaign.model.outcome import Settled

_SOON = timedelta(seconds=2)
_LATE = timedelta(minutes=5)
_AT_ONCE = 16
_GLANCE_S = 0.25
_ASKING = ("replay", "reading")


def lapsed(desk: Desk) -> None:
    """End claims whose lease is over: somebody stopped without a word."""
    ended = desk.ledger.lapse(now=desk.clock.now())
    if ended:
        desk.tell(
            f"{ended} claims of a program that stopped have run out", "claims.lapsed", level="warning", claims=ended
        )


def doubts(desk: Desk, contents: Contents, *, until: datetime | None = None) -> None:
    """Ask the networks that can be asked what became of the attempts in doubt, several at a time.

    Returns at ``until`` at the latest, when something else comes due; what is still being asked then is asked again.
    """
    now = desk.clock.now()
    ripe = [doubt for doubt in _doubts(desk) if _trusted_at(desk, doubt) <= now]
    if not ripe:
        return
    pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="settle")
    asked = {pool.submit(_ask(desk, contents, doubt)): doubt for doubt in ripe}
    pending: set[Future[Sequence[Settled]]] = set(asked)
    while pending and not desk.stopping.is_set() and (until is None or desk.clock.now() < until):
        done, pending = wait(pending, timeout=_GLANCE_S, return_when=FIRST_COMPLETED)
        for future in done:
            _record(desk, asked[future], future)
    pool.shutdown(wait=False, cancel_futures=True)


def _ask(desk: Desk, contents: Contents, doubt: Doubt) -> Callable[[], Sequence[Settled]]:
    channel = desk.posts[doubt.wave.channel]
    batch = post_batch(desk, contents, _as_claim(doubt), kept=doubt.kept)
    return lambda: channel.settle(batch, cut(doubt.kept, doubt.seqs))


def _record(desk: Desk, doubt: Doubt, future: Future[Sequence[Settled]]) -> None:
    error = future.exception()
    if error is not None:  # a channel's own mistake must not end the run; the doubt stays
        desk.tell(f"{doubt.wave.name}: the channel {doubt.wave.channel} failed to settle ({type(error).__name__})")
        return
    desk.ledger.settle(doubt, dict(zip(doubt.seqs, future.result(), strict=True)), now=desk.clock.now())


def next_at(desk: Desk) -> datetime | None:
    """When to ask again, or None where no doubt is left that a network can end."""
    now = desk.clock.now()
    instants = [max(_trusted_at(desk, doubt), doubt.doubted_at, desk.opened_at) for doubt in _doubts(desk)]
    return min((instant if instant > now else now + _again(now - instant) for instant in instants), default=None)


def _again(asked_for: timedelta) -> timedelta:
    """How long to wait until a network is asked again that could not be read for so long: soon at first."""
    return min(max(_SOON, asked_for / 2), _LATE)


def _doubts(desk: Desk) -> Sequence[Doubt]:
    """Those about posts of accounts that this desk reaches, on networks that can be asked."""
    askable = [name for name, channel in desk.posts.items() if channel.settles.by in _ASKING]
    found = desk.ledger.doubts(channels=askable)
    return [one for one in found if desk.accounts is None or (one.wave.channel, one.account) in desk.accounts]


def _trusted_at(desk: Desk, doubt: Doubt) -> datetime:
    """From when on what the network shows can be trusted to be all of it."""
    return doubt.since + desk.posts[doubt.wave.channel].settles.after


def _as_claim(doubt: Doubt) -> Claim:
    return Claim(
        batch_id=doubt.batch_id,
        wave=doubt.wave,
        owner="",
        attempts=0,
        seqs=doubt.seqs,
        first_seq=doubt.first_seq,
        variant=doubt.variant,
        account=doubt.account,
        sent=doubt.sent,
        kept=doubt.kept,
    )
