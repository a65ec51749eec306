"""A channel of another package: its mistakes become values and errors, so that they stay with its own posts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from campaign.errors import BadInput, CampaignError, ChannelUnusable, Problem, place_of
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.ports.channel import Gate, Limits, PostChannel, Settling, Standing

ValueT = TypeVar("ValueT")

_FUNCTIONS = ("check", "compose", "ready", "deliver", "aim", "settle", "shows", "metrics", "retract", "close")
_OUTCOMES = (Accepted, Deferred, Refused, InDoubt)
_SETTLED = (Accepted, NotSent, InDoubt)


def lacks(channel: PostChannel, name: str) -> str:
    """What keeps an object from being a channel for posts of that name, "" for nothing. Raises what its code does."""
    for attribute in ("name", "limits", "settles", *_FUNCTIONS):
        if not hasattr(channel, attribute):
            return f"has no {attribute}"
    for function in _FUNCTIONS:
        if not callable(getattr(channel, function)):
            return f"has a {function} that is no function"
    if channel.name != name:
        return f'is called "{channel.name}" and not "{name}"'
    # Both are another package's, which no type checker may have seen.
    limits: object = channel.limits
    settles: object = channel.settles
    if not isinstance(limits, Limits) or limits.in_flight < 1:
        return "has limits that are no Limits, with at least one in_flight"
    if not isinstance(settles, Settling):
        return "has settles that is no Settling"
    return ""


class Guarded:
    """The channel with each answer looked at. An attempt that failed to tell what became of it is in doubt."""

    def __init__(self, channel: PostChannel, *, title: str, origin: str) -> None:
        self._channel = channel
        self._title = title
        self._origin = origin
        self.name = channel.name
        self.limits = channel.limits
        self.settles = channel.settles

    def check(self) -> Sequence[Standing]:
        try:
            found = self._channel.check()
            if all(isinstance(one, Standing) for one in found):
                return found
            what = "its check returned something else than Standings"
        except CampaignError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not hide the other networks
            what = f"its check failed ({_named(error)})"
        raise ChannelUnusable(f"{self._title} cannot be used: {self._origin}: {what}")

    def compose(self, batch: PostBatch) -> Payload:
        try:
            payload: object = self._channel.compose(batch)
        except Exception as error:  # noqa: BLE001 - the wave is held, and says why
            raise self._bad(f"its compose failed ({_named(error)})") from None
        if not isinstance(payload, Payload) or not all(isinstance(one, bytes) for one in payload.chunks):
            raise self._bad("its compose returned no Payload of bytes")
        if len(payload.chunks) != len(batch):
            raise self._bad(f"its compose made {len(payload.chunks)} chunks for {len(batch)} parts")
        return payload

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        with suppress(Exception):  # what is missing, deliver does
            self._channel.ready(batch, payload, upload=upload)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        return self._told("deliver", lambda: self._channel.deliver(batch, payload), len(payload.chunks))

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        seen = _Seen(gate)

        def aimed() -> Sequence[Outcome]:
            try:
                return self._channel.aim(batch, payload, seen)
            except Exception:
                if seen.is_open:
                    raise
            gate()  # nothing has left, and the call itself tells what is wrong
            return self._channel.deliver(batch, payload)

        return self._told("aim", aimed, len(payload.chunks))

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        many = len(payload.chunks)
        try:
            found = tuple(self._channel.settle(batch, payload))
            if len(found) == many and all(isinstance(one, _SETTLED) for one in found):
                return found
            what = "settle told something else than what became of each part"
        except Exception as error:  # noqa: BLE001 - what cannot be found out stays in doubt
            what = f"settle failed ({_named(error)})"
        return [InDoubt(f"{self._title}'s {what}")] * many

    def shows(self, payload: Payload, index: int) -> Shown:
        try:
            shown: object = self._channel.shows(payload, index)
        except Exception as error:  # noqa: BLE001 - what cannot be read back is told, not raised at whoever looks
            return Shown(f"({self._title} cannot read it back: {_named(error)})")
        return shown if isinstance(shown, Shown) else Shown(f"({self._title} cannot read it back)")

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        try:
            found: object = self._channel.metrics(account, refs)
        except Exception as error:  # noqa: BLE001 - figures are read again another time
            return Deferred(f"{self._title}'s metrics failed ({_named(error)})")
        if isinstance(found, Deferred):
            return found
        if isinstance(found, Mapping) and all(isinstance(one, Metrics) for one in found.values()):
            return found
        return Deferred(f"{self._title}'s metrics told something else than figures")

    def retract(self, account: str, ref: str) -> Outcome:
        return self._told("retract", lambda: [self._channel.retract(account, ref)], 1)[0]

    def close(self) -> None:
        with suppress(Exception):  # nothing hangs on it any more
            self._channel.close()

    def _told(self, function: str, call: Callable[[], Sequence[Outcome]], many: int) -> Sequence[Outcome]:
        try:
            found = tuple(call())
            if len(found) == many and all(isinstance(one, _OUTCOMES) for one in found):
                return found
            what = f"{function} told something else than what became of each part"
        except Exception as error:  # noqa: BLE001 - the attempt had begun and must not be lost
            what = f"{function} failed ({_named(error)})"
        return [InDoubt(f"{self._title}'s {what}")] * many

    def _bad(self, what: str) -> BadInput:
        remedy = "install a version of it that works"
        return BadInput([Problem(self._origin, 0, "", f"{self._title} cannot be used: {what}", remedy)])


def _named(error: Exception) -> str:
    return f"{type(error).__name__}{place_of(error)}"


class _Seen:
    """A gate, and whether it has opened."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self.is_open = False
        self.left = gate.left

    def __call__(self) -> None:
        self._gate()
        self.is_open = True
