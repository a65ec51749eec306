"""Faults that can be asked of the stand-ins: which provider fails, how, and how often."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ANY_NETWORK = "networks"
"""The networks of other packages, all together; one of them can be asked for by its own name, too."""
PROVIDERS = (
    "sendgrid",
    "sendgrid-scheduled",
    "smtp",
    "x",
    "x-media",
    "x-deletions",
    "x-tokens",
    "bluesky",
    "mastodon",
    "mastodon-media",
    "mastodon-deletions",
    ANY_NETWORK,
)
"""``sendgrid-scheduled`` are SendGrid's endpoints for what it holds until its instant; those of ``-media`` and
``-deletions`` hand pictures over and take posts back; ``x-tokens`` renews X's tokens."""
_ASKABLE = tuple(one for one in PROVIDERS if one not in ("sendgrid", "smtp", "x-tokens"))
"""Providers that can be asked what they have. Elsewhere what a 500 leaves behind is held for a person, for ever."""
DOUBT = "doubt"
"""The scenario after which something is left for a person to say."""
MOST_PER_MESSAGE = 3
"""A fault drawn by share never strikes the same message more often than this, so that a rehearsal comes to its end."""

ABORT = "campaign.sandbox.abort"
"""Where a request's ASGI scope holds the function that closes its connection."""


class Fault(StrEnum):
    """What goes wrong with one message."""

    DROP_REPLY = "drop-reply"
    """The message is taken, then the connection is closed without a reply."""
    RATE_LIMIT = "rate-limit"
    """429 with the header that says when the limit is reset; the message is not taken."""
    UNAVAILABLE = "unavailable"
    """503; the message is not taken."""
    ERROR = "error"
    """500; the message is not taken, but the caller cannot know."""
    SLOW = "slow"
    """The message is taken and answered after a delay."""
    REFUSE = "refuse"
    """This one recipient or post is refused, now and every time it comes."""


@dataclass(slots=True)
class _Asked:
    fault: Fault
    times: int | None
    share: float
    seed: int
    delay_s: float


class Faults:
    """Says for each message whether it is struck. Safe from any thread.

    A fault asked by ``share`` depends on the seed and the message's key alone, so that a run can be had again
    whatever the order in which its threads come.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[str, list[_Asked]] = {}
        self._struck: Counter[tuple[str, str]] = Counter()
        self._refused: set[tuple[str, str]] = set()
        self._delay_s: dict[str, float] = {}

    @classmethod
    def named(cls, name: str, *, seed: int = 0) -> Faults:
        """The faults of a scenario of ``SCENARIOS``. Raises KeyError for another name."""
        faults = cls()
        faults.play(name, seed=seed)
        return faults

    def play(self, name: str, *, seed: int = 0) -> None:
        """Ask for the scenario ``name`` in place of all that was asked before. Raises KeyError for another name."""
        scenario = SCENARIOS[name]
        self.clear()
        for provider in PROVIDERS:
            for fault, share in scenario.items():
                if fault is Fault.ERROR and provider not in _ASKABLE and name != DOUBT:
                    continue
                self.ask(provider, fault, times=None, share=share, seed=seed, delay_s=0.05)

    def ask(
        self,
        provider: str,
        fault: Fault,
        *,
        times: int | None = None,
        share: float | None = None,
        seed: int = 0,
        delay_s: float = 0.0,
    ) -> None:
        """Strike a ``share`` of the provider's messages (0 to 1; None is every one), at most ``times`` (None: no end).

        With ``times`` and no share, the next so many messages are struck. ``delay_s`` is the delay of SLOW in seconds.
        """
        if share is not None and not 0 <= share <= 1:
            raise ValueError("share must lie between 0 and 1")
        with self._lock:
            asked = _Asked(fault, times, 1.0 if share is None else share, seed, delay_s)
            self._asked.setdefault(provider, []).append(asked)
            if fault is Fault.SLOW:
                self._delay_s[provider] = delay_s

    def clear(self) -> None:
        """Ask for nothing any more; what was refused stays refused."""
        with self._lock:
            self._asked.clear()

    def draw(self, provider: str, message: str = "") -> Fault | None:
        """What strikes this message now, if anything.

        ``message`` is what names the message at every attempt (our key, an Idempotency-Key, an rkey, the text where
        there is nothing better). It keeps a refused message refused, and the other faults to a few for each message.
        """
        with self._lock:
            if message and self._refuses(provider, message):
                return Fault.REFUSE
            return self._strike(provider, message)

    def draw_batch(self, provider: str, messages: Sequence[str]) -> tuple[Fault | None, Sequence[int]]:
        """What strikes a request that carries many messages, and the places of those that are refused in it."""
        with self._lock:
            refused: Sequence[int] = ()
            if any(asked.fault is Fault.REFUSE for asked in self._of(provider)) or self._refused:
                refused = [at for at, message in enumerate(messages) if message and self._refuses(provider, message)]
            return self._strike(provider, messages[0] if messages else ""), refused

    def quiet(self, provider: str) -> bool:
        """True where nothing can strike, so that there is no need to draw."""
        with self._lock:
            return not self._refused and not any(self._open(provider))

    def delay_s(self, provider: str) -> float:
        """How long SLOW takes at this provider, in seconds."""
        return self._delay_s.get(provider, 0.0)

    def _refuses(self, provider: str, message: str) -> bool:
        if (provider, message) in self._refused:
            return True
        for asked in self._open(provider):
            if asked.fault is Fault.REFUSE and _portion(asked, provider, message, 0) < asked.share:
                self._refused.add((provider, message))
                self._spend(asked)
                return True
        return False

    def _strike(self, provider: str, message: str) -> Fault | None:
        attempt = self._struck[provider, message]
        if not message:
            # Messages without a name are told apart by their number.
            self._struck[provider, message] += 1
        for asked in self._open(provider):
            if asked.fault is Fault.REFUSE or (message and asked.times is None and attempt >= MOST_PER_MESSAGE):
                continue
            if _portion(asked, provider, message, attempt) < asked.share:
                if message:
                    self._struck[provider, message] += 1
                self._spend(asked)
                return asked.fault
        return None

    def _open(self, provider: str) -> Iterator[_Asked]:
        return (asked for asked in self._of(provider) if asked.times is None or asked.times > 0)

    def _of(self, provider: str) -> Sequence[_Asked]:
        """What was asked of a provider; of a network of another package also what was asked of all of them."""
        shared = () if provider in PROVIDERS else self._asked.get(ANY_NETWORK, ())
        return (*self._asked.get(provider, ()), *shared)

    @staticmethod
    def _spend(asked: _Asked) -> None:
        if asked.times is not None:
            asked.times -= 1


def _portion(asked: _Asked, provider: str, message: str, attempt: int) -> float:
    """A number from 0 up to 1 that only this fault, message and attempt decide."""
    named = f"{asked.seed}|{asked.fault}|{provider}|{message}|{attempt}".encode(errors="surrogatepass")
    return int.from_bytes(blake2b(named, digest_size=7).digest(), "big") / (1 << 56)


SCENARIOS: dict[str, dict[Fault, float]] = {
    "none": {},
    "replies": {Fault.DROP_REPLY: 0.2},
    "limits": {Fault.RATE_LIMIT: 0.2},
    "errors": {Fault.UNAVAILABLE: 0.15, Fault.ERROR: 0.05},
    "slow": {Fault.SLOW: 0.2},
    "refusals": {Fault.REFUSE: 0.02},
    DOUBT: {Fault.ERROR: 0.1},
    "storm": {
        Fault.REFUSE: 0.01,
        Fault.DROP_REPLY: 0.1,
        Fault.RATE_LIMIT: 0.1,
        Fault.UNAVAILABLE: 0.1,
        Fault.ERROR: 0.05,
        Fault.SLOW: 0.05,
    },
}
"""What ``rehearse --faults NAME`` asks of every provider: the share of messages that each fault strikes.

ERROR is asked of the networks alone, which can be read afterwards, but for the scenario ``doubt``."""


class NoReply(Response):
    """A reply that never comes: the connection is closed instead, with nothing written. See Fault.DROP_REPLY."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - nothing is sent
        abort: Callable[[], None] = scope[ABORT]
        abort()
        while (await receive())["type"] != "http.disconnect":
            pass
