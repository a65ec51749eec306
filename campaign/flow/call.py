"""A call to a provider that is made ahead of its instant, in a thread of its own, and waits until it may speak."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from threading import Event, Lock

from campaign.flow.compose import Composed
from campaign.model.outcome import Outcome

_TOGETHER_S = 0.25
"""How long an answer waits at most for the other calls of its instant to leave: one may have to connect anew."""


class Call:
    """One call. ``future`` is what became of it; nothing where it was sent home."""

    def __init__(self, composed: Composed, packed: bytes, pool: ThreadPoolExecutor) -> None:
        self.composed = composed
        self.packed = packed
        self._gate = _CallsGate()
        self.future: Future[Sequence[Outcome]] = pool.submit(self._carry_out)

    @property
    def due_at(self) -> datetime:
        return self.composed.claim.due_at or self.composed.claim.wave.due_at

    def let_go(self, departure: Departure | None = None) -> None:
        self._gate.open(departure)

    def send_home(self) -> None:
        """Nothing was begun, and nothing leaves. Again: harmless."""
        self._gate.shut()

    def _carry_out(self) -> Sequence[Outcome]:
        # A call may come to its end before it had anything to send: what became of it is told once it has begun.
        try:
            told = self._call()
            return told if self._gate.lets_through() else ()
        except Exception:
            if self._gate.lets_through():
                raise
            return ()
        finally:
            self._gate.over()

    def _call(self) -> Sequence[Outcome]:
        if self.composed.aim is not None:
            return self.composed.aim(self._gate)
        self._gate()
        return self.composed.deliver()


class Departure:
    """Calls that leave together. Who has left waits for the others before it reads its answer, ``most_s`` seconds."""

    def __init__(self, many: int, most_s: float) -> None:
        self._most_s = most_s
        self._to_leave = many
        self._lock = Lock()
        self._gone = Event()

    def one_left(self) -> None:
        with self._lock:
            self._to_leave -= 1
            if self._to_leave <= 0:
                self._gone.set()

    def wait(self) -> None:
        self._gone.wait(self._most_s)


def together(calls: Collection[Call], *, most_s: float = _TOGETHER_S) -> None:
    """Let go all of these."""
    departure = Departure(len(calls), most_s)
    for call in calls:
        call.let_go(departure)


class _CallsGate:
    """One call's ``ports.channel.Gate``."""

    def __init__(self) -> None:
        self._decided = Event()
        self._may_speak = False
        self._departure: Departure | None = None

    def open(self, departure: Departure | None) -> None:
        self._departure = departure
        self._may_speak = True
        self._decided.set()

    def shut(self) -> None:
        self._decided.set()

    def lets_through(self) -> bool:
        """Wait until it is decided."""
        self._decided.wait()
        return self._may_speak

    def __call__(self) -> None:
        if not self.lets_through():
            raise _SentHome

    def left(self) -> None:
        departure = self._departure
        if departure is not None:
            self.over()
            departure.wait()

    def over(self) -> None:
        """Whatever became of it, nobody waits for it any more."""
        departure, self._departure = self._departure, None
        if departure is not None:
            departure.one_left()


class _SentHome(Exception):
    """Nothing was begun, so nothing is to leave."""
