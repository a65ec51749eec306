"""The status line of the running program: at the bottom of a terminal, and now and then a line where there is none."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Self

from campaign.cli import screen
from campaign.flow import pacing
from campaign.model.delivery import State
from campaign.model.overview import Overview
from campaign.model.wave import WaveState

if TYPE_CHECKING:
    from rich.text import Text

    from campaign.flow.pacing import Progress
    from campaign.ports.clock import Clock
    from campaign.ports.ledger import Ledger

_LOOK_S = 2.0
_QUIET = timedelta(seconds=4)
"""So near an instant nobody looks: what leaves then has the machine for itself."""
_MINUTE_S = 60.0
_OVER_S = 10.0
"""The rate is of so many seconds."""
_TO_SEND = (State.PLANNED, State.CLAIMED, State.DEFERRED)


class StatusLine:
    """Shows how it stands, as a ``Watch``. It reads the ledger beside the turns, on a connection of its own.

    Where results are no terminal, ``say`` gets a line a minute at most, while something is being sent.
    """

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        say: Callable[[str], None],
        clock_ahead: Callable[[], timedelta] = lambda: timedelta(0),
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._clock_ahead = clock_ahead
        self._say = say
        self._overview = Overview()
        self._paced: Sequence[Progress] = ()
        self._done: deque[tuple[float, int]] = deque()
        self._over = threading.Event()
        self._stack = ExitStack()
        self._looker = threading.Thread(target=self._look, name="status", daemon=True)

    def __enter__(self) -> Self:
        if screen.out.is_terminal:
            from rich.live import Live

            shown = Live(get_renderable=self._line, console=screen.out, refresh_per_second=4, transient=True)
            self._stack.enter_context(shown)
        self._looker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._looker.join(_LOOK_S)  # and if it waits for a database, it is left
        self._stack.close()

    def planned(self, number: int) -> None: ...

    def done(self, number: int) -> None:
        self._done.append((monotonic(), number))

    def _look(self) -> None:
        said_at = monotonic()
        last: Overview | None = None
        while not self._over.is_set():
            next_at = self._overview.next_at
            if next_at is None or not timedelta(0) < next_at - self._clock.now() < _QUIET:
                with suppress(Exception):  # whoever sends says what is wrong with the database
                    self._overview = self._ledger.overview(now=self._clock.now())
                    self._paced = pacing.progress(self._ledger.waves(states=(WaveState.PREPARED,)))
            if not screen.out.is_terminal and monotonic() - said_at >= _MINUTE_S:
                said_at = monotonic()
                if self._overview.number(*_TO_SEND) and self._overview != last:
                    last = self._overview
                    self._say(self.words())
            self._over.wait(_LOOK_S)

    def _line(self) -> Text:
        from rich.text import Text

        alarmed = self._overview.halted or self._clock_ahead()
        return Text(self.words(), style="bold red" if alarmed else "dim", no_wrap=True, overflow="ellipsis")

    def words(self) -> str:
        """``next launch#1 in 2h3m · 82,000 to send · 4,321/s · 3 in doubt · 1 held``."""
        now, ahead = self._clock.now(), self._clock_ahead()
        said = line(self._overview, now=now, per_second=self._rate(), clock_ahead=ahead)
        return " · ".join([said, *(through(paced, now=now) for paced in self._paced if paced.ends_at is not None)])

    def _rate(self) -> float:
        now = monotonic()
        while self._done and self._done[0][0] < now - _OVER_S:
            self._done.popleft()
        if not self._done:
            return 0.0
        return sum(number for _, number in self._done) / max(1.0, now - self._done[0][0])


def through(paced: Progress, *, now: datetime) -> str:
    """``alert#1 through in 1h12m (forecast 1h)``: at the pace so far, and as its rate had it."""
    ends_at = paced.ends_at or paced.forecast_at
    pace, forecast = (_countdown(max(timedelta(0), at - now)) for at in (ends_at, paced.forecast_at))
    return f"{paced.wave.name} through in {pace} (forecast {forecast})"


def line(overview: Overview, *, now: datetime, per_second: float, clock_ahead: timedelta) -> str:
    """What matters most comes first: a narrow terminal cuts off the end."""
    parts = []
    if overview.halted:
        parts.append("HALTED")
    if clock_ahead:
        way = "ahead" if clock_ahead > timedelta(0) else "back"
        parts.append(f"CLOCK SET {screen.length(abs(clock_ahead))} {way}")
    if overview.next_at is not None and overview.next_at > now:
        parts.append(f"next {overview.next_wave} in {_countdown(overview.next_at - now)}")
    counted = (
        (overview.number(*_TO_SEND), "to send"),
        (round(per_second), "/s"),
        (overview.number(State.IN_DOUBT), "in doubt"),
        (overview.waves.get(WaveState.HELD, 0), "held"),
        (overview.paused, "paused"),
    )
    parts += [f"{number:,}{'' if what == '/s' else ' '}{what}" for number, what in counted if number]
    return " · ".join(parts) or "nothing to send"


def _countdown(left: timedelta) -> str:
    """With seconds only in the last hour, so that the line does not flicker for days."""
    seconds = int(left.total_seconds())
    if left >= timedelta(hours=1):
        seconds -= seconds % 60
    return screen.length(timedelta(seconds=seconds)) or "0s"
