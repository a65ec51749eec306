"""readiness: before a post's instant its accounts are signed in and connected, and its media is with its network.

The calls run in threads beside the turn. Nothing of a post leaves by them, and nothing depends on them: what is not
ready by then is done when the post is handed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from campaign.errors import CampaignError
from campaign.flow import compose, stop
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.model.claim import Claim
from campaign.model.plan import Step
from campaign.model.wave import LEAD, Wave, WaveState

_AT_ONCE = 8
"""Calls at the same time for each network: one that is slow keeps no other waiting."""


class Readiness:
    """What this process has made ready: each wave once."""

    def __init__(self, desk: Desk, contents: Contents) -> None:
        self._desk = desk
        self._contents = contents
        self._seen: set[int] = set()
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._under_way: dict[Future[None], str] = {}

    def coming(self) -> Sequence[Wave]:
        """What is prepared, leaves within half a minute and is still to be made ready, the first first."""
        self.tell()
        now = self._desk.clock.now()
        stopped = stop.held(self._desk)
        return [
            wave
            for wave in self._desk.ledger.waves(states=(WaveState.PREPARED,))
            if wave.channel in self._desk.posts and wave.id not in self._seen and now < wave.due_at <= now + LEAD
            if not stopped(wave.step)
        ]

    def begin(self, wave: Wave) -> None:
        """Begin to make it ready; again: harmless."""
        if wave.id in self._seen:
            return
        self._seen.add(wave.id)
        if wave.channel not in self._pools:
            self._pools[wave.channel] = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix=f"ready-{wave.channel}")
        self._submit(self._pools[wave.channel], wave)

    def finish(self, *, within_s: float) -> None:
        """Wait for what is under way, so long at most."""
        wait(self._under_way, timeout=within_s)
        self.tell()

    def tell(self) -> None:
        """Tell what has failed. Its own words are kept out: they may hold an address or a token."""
        for future in [one for one in self._under_way if one.done()]:
            which = self._under_way.pop(future)
            error = future.exception()
            if error is not None:
                self._desk.tell(f"{which} could not be made ready ({type(error).__name__}); it goes out all the same")

    def _submit(self, pool: ThreadPoolExecutor, wave: Wave) -> None:
        step = self._contents.bundle(wave).step
        # Nothing of a step leaves before its embargo, and its media is of the step.
        upload = step.embargo is None or self._desk.clock.now() >= step.embargo
        channel = self._desk.posts[wave.channel]
        try:
            claims = _as_claims(wave, step, parts=len(self._contents.posting(wave).parts))
            for claim in claims:
                batch = compose.post_batch(self._desk, self._contents, claim, kept=None)
                future = pool.submit(channel.ready, batch, channel.compose(batch), upload=upload)
                self._under_way[future] = f"{wave.name} on {wave.channel} as {claim.account}"
        except CampaignError as error:  # whoever sends it says so where it matters
            self._desk.tell(f"{wave.name} could not be made ready: {error}")


def _as_claims(wave: Wave, step: Step, *, parts: int) -> list[Claim]:
    """The claims that there will be: each account's parts follow those of the account before it."""
    return [
        Claim(
            batch_id=0,
            wave=wave,
            owner="",
            attempts=0,
            seqs=tuple(range(number * parts, (number + 1) * parts)),
            first_seq=number * parts,
            account=account,
        )
        for number, account in enumerate(step.accounts)
    ]
