"""settle: to find out, from the provider, what became of an attempt in doubt."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.flow.compose import cut, post_batch
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.claim import Claim, Doubt

_AGAIN = timedelta(seconds=30)
_ASKING = ("replay", "reading")


def lapsed(desk: Desk) -> None:
    """End claims whose lease is over: somebody stopped without a word."""
    ended = desk.ledger.lapse(now=desk.clock.now())
    if ended:
        desk.tell(f"{ended} claims of a program that stopped have run out")


def doubts(desk: Desk, contents: Contents) -> None:
    """Ask the networks that can be asked what became of the attempts in doubt."""
    now = desk.clock.now()
    for doubt in desk.ledger.doubts(channels=_askable(desk)):
        if _trusted_at(desk, doubt) > now:
            continue
        channel = desk.posts[doubt.wave.channel]
        batch = post_batch(desk, contents, _as_claim(doubt), kept=doubt.kept)
        try:
            results = channel.settle(batch, cut(doubt.kept, doubt.seqs))
        except Exception as error:  # noqa: BLE001 - a channel's own mistake must not end the run; the doubt stays
            desk.tell(f"{doubt.wave.name}: the channel {doubt.wave.channel} failed to settle ({type(error).__name__})")
            continue
        desk.ledger.settle(doubt, dict(zip(doubt.seqs, results, strict=True)), now=now)


def next_at(desk: Desk) -> datetime | None:
    """When to ask again, or None where no doubt is left that a network can end."""
    now = desk.clock.now()
    instants = [_trusted_at(desk, doubt) for doubt in desk.ledger.doubts(channels=_askable(desk))]
    return min((instant if instant > now else now + _AGAIN for instant in instants), default=None)


def _askable(desk: Desk) -> list[str]:
    return [name for name, channel in desk.posts.items() if channel.settles.by in _ASKING]


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
