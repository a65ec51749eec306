"""meant: nothing is posted, and nothing deleted, by an account that is not the one that the plan means.

The plan names who its accounts are on their networks; a token in the settings opens one of them. Where the two differ,
a post would stand under another's name, settling would look for posts where they cannot be, and what a network says of
deleting another's post ("not there", "not yours") would be taken for the last word.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from campaign.errors import ChannelUnusable
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Deferred, InDoubt, Outcome, Settled
from campaign.ports.channel import Gate, Limits, PostChannel, Settling, Standing
from campaign.ports.clock import Clock

AGAIN = timedelta(minutes=1)
"""How long an account waits that is not the one that is meant, or of which it could not be found out."""


def is_meant(meant: str, handle: str) -> bool:
    """True where both are the same account: networks know no capitals in names."""
    return meant.removeprefix("@").casefold() == handle.removeprefix("@").casefold()


def why_not(channel: str, standing: Standing, meant: str) -> str:
    """What keeps the account from being the one that is meant, "" where it is that."""
    if standing.wrong:
        return standing.wrong
    if is_meant(meant, standing.handle or standing.who):
        return ""
    found = (standing.handle or standing.who).removeprefix("@")
    return (
        f'the {channel} account "{standing.account}" is @{found}, and the plan means @{meant}: '
        f"set the credentials of @{meant}, or mend `accounts:` in the plan"
    )


class Meant:
    """A network's channel that posts and deletes as nobody but those whom the plan means by ``handles``, by account.

    Who each is is asked once, ahead of its first post; where that is not known, or another, its posts wait, and so does
    what of them is to be deleted.
    """

    def __init__(self, channel: PostChannel, handles: Mapping[str, str], clock: Clock) -> None:
        self.channel = channel
        self._handles = handles
        self._clock = clock
        self._lock = threading.Lock()
        self._right: set[str] = set()
        self._why: dict[str, str] = {}
        self._look_again_at: datetime | None = None

    @property
    def name(self) -> str:
        return self.channel.name

    @property
    def limits(self) -> Limits:
        return self.channel.limits

    @property
    def settles(self) -> Settling:
        return self.channel.settles

    def strangers(self) -> Mapping[str, str]:
        """Each account that nothing is posted by, and why. Asks the network for those that are not known yet."""
        with self._lock:
            return {account: why for account in self._handles if (why := self._verdict(account))}

    def check(self) -> Sequence[Standing]:
        return self.channel.check()

    def compose(self, batch: PostBatch) -> Payload:
        return self.channel.compose(batch)

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        if not self._waits(batch.account):
            self.channel.ready(batch, payload, upload=upload)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        waits = self._waits(batch.account)
        if waits is not None:
            return [waits] * len(payload.chunks)
        return self.channel.deliver(batch, payload)

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        waits = self._waits(batch.account)
        if waits is not None:
            return [waits] * len(payload.chunks)
        return self.channel.aim(batch, payload, gate)

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        waits = self._waits(batch.account)
        if waits is not None:
            return [InDoubt(f"it cannot be looked for: {waits.reason}")] * len(payload.chunks)
        return self.channel.settle(batch, payload)

    def shows(self, payload: Payload, index: int) -> Shown:
        return self.channel.shows(payload, index)

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        return self.channel.metrics(account, refs)

    def retract(self, account: str, ref: str) -> Outcome:
        return self._waits(account) or self.channel.retract(account, ref)

    def close(self) -> None:
        self.channel.close()

    def _waits(self, account: str) -> Deferred | None:
        if account not in self._handles or account in self._right:
            return None
        with self._lock:
            why = self._verdict(account)
        if not why:
            return None
        return Deferred(why, until=self._clock.now() + AGAIN, scope="account")

    def _verdict(self, account: str) -> str:
        """Why the account may not post, "" where it may. What another found out a moment ago is not asked again."""
        now = self._clock.now()
        if account not in self._right and (self._look_again_at is None or now >= self._look_again_at):
            self._look()
            self._look_again_at = now + AGAIN
        return "" if account in self._right else self._why[account]

    def _look(self) -> None:
        try:
            standings = {standing.account: standing for standing in self.channel.check()}
            why = ""
        except ChannelUnusable as error:
            standings, why = {}, str(error)
        for account, meant in self._handles.items():
            standing = standings.get(account)
            unknown = f'who the {self.name} account "{account}" is could not be found out'
            self._why[account] = why_not(self.name, standing, meant) if standing else why or unknown
            if not self._why[account]:
                self._right.add(account)
