"""settle: to find out, from the provider, what became of an attempt in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.dispatch import cut, post_batch
from campaign.model.claim import Claim, Doubt

_AGAIN = timedelta(seconds=30)
_ASKING = ("replay", "reading")


def lapsed(desk: Desk) -> None:
    """End claims whose lease is over: somebody stopped without a word."""
    ended = desk.ledger.lapse(now=desk.clock.now())
    if ended:
        desk.tell(f"{ended} claims of a program that stopped have run out")


def doubts(desk: Desk, contents: Contents) -> datetime | None:
    """Ask the networks that can be asked; when to ask again, or None where no such doubt is left."""
    askable = [name for name, channel in desk.posts.items() if channel.settles.by in _ASKING]
    again: list[datetime] = []
    for doubt in desk.ledger.doubts(channels=askable):
        now = desk.clock.now()
        channel = desk.posts[doubt.wave.channel]
        trusted_at = doubt.since + channel.settles.after
        if trusted_at > now:
            again.append(trusted_at)
            continue
        batch = post_batch(desk, contents, _as_claim(doubt), kept=doubt.kept)
        results = channel.settle(batch, cut(doubt.kept, doubt.seqs))
        desk.ledger.settle(doubt, dict(zip(doubt.seqs, results, strict=True)), now=now)
        again.append(now + _AGAIN)
    if not again or not desk.ledger.doubts(channels=askable):
        return None
    return min(again)


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
