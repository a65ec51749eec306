"""What the running program shows beside its report: a status line, a log for programs, and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from pydantic_core import PydanticCustomError

from campaign import __version__, setting_values
from campaign.cli import screen
from campaign.cli.log_lines import LogLines
from campaign.cli.status_line import StatusLine

if TYPE_CHECKING:
    from campaign.bootstrap import Program
    from campaign.engines.steady_clock import SteadyClock
    from campaign.flow.desk import Desk
    from campaign.model.happening import Happening
    from campaign.settings import Settings

_SLEPT = timedelta(seconds=30)
"""A machine that stood still for less is not worth a word."""


@dataclass(frozen=True, slots=True)
class Noting:
    """Where metrics are served, "" for nowhere, and whether and where the log for programs is written."""

    metrics: str = ""
    log: LogLines | None = None


def chosen(settings: Settings, *, metrics: str, as_json: bool | None, log_file: Path | None) -> Noting:
    """What the options say, or else the settings. Only the log for programs goes to a file: to name one asks for it."""
    if metrics:
        try:
            metrics = setting_values.listening(metrics)
        except PydanticCustomError as error:
            raise typer.BadParameter(error.message(), param_hint="--metrics") from None
    if as_json is None:
        as_json = log_file is not None or settings.run.log_format == "json" or settings.run.log_file is not None
    file = log_file or settings.run.log_file
    return Noting(metrics or settings.run.metrics or "", LogLines(file) if as_json else None)


@contextmanager
def noted(program: Program, clock: SteadyClock, noting: Noting) -> Iterator[None]:
    """Show it while the block lasts."""
    desk = program.desk
    told: list[Callable[[Happening], None]] = [noting.log] if noting.log else []
    with ExitStack() as stack:
        if noting.metrics:
            from campaign.web.prometheus import Figures, serving

            figures = Figures(program.ledger, desk.clock, clock_ahead_s=lambda: clock.ahead().total_seconds())
            told.append(figures.happened)
            at = stack.enter_context(serving(figures, noting.metrics))
            screen.out.print(f"Metrics for Prometheus are at {at}", soft_wrap=True)

        def happened(happening: Happening) -> None:
            for one in told:
                one(happening)

        desk.happened = happened if told else None
        desk.note("the program runs", "run.started", version=__version__, world=program.ledger.world)
        zone = program.sources.plan.zone

        def say(what: str) -> None:
            at = screen.local(desk.clock.now().replace(microsecond=0), zone)
            screen.out.print(f"{at}  {what}", soft_wrap=True)

        desk.watch = stack.enter_context(StatusLine(program.ledger, desk.clock, say=say, clock_ahead=clock.ahead))
        try:
            yield
        finally:
            desk.note("the program ends", "run.ended", stopped=int(desk.stopping.is_set()))


class ClockWatch:
    """Says once when the machine's clock is set, and when the machine has slept."""

    def __init__(self, desk: Desk, clock: SteadyClock) -> None:
        self._desk = desk
        self._clock = clock
        self._ahead = timedelta(0)
        self._slept = clock.slept()

    def look(self) -> None:
        slept = self._clock.slept()
        if slept - self._slept > _SLEPT:
            for_s = round((slept - self._slept).total_seconds())
            words = f"The machine slept for {screen.length(timedelta(seconds=for_s))}; what came due meanwhile follows."
            self._desk.tell(words, "clock.slept", level="warning", slept_s=for_s)
        self._slept = slept
        ahead = self._clock.ahead()
        if abs(ahead - self._ahead) > timedelta(seconds=1):
            self._ahead = ahead
            self._desk.tell(
                _set(ahead), "clock.set", level="error" if ahead else "info", ahead_s=round(ahead.total_seconds())
            )


def _set(ahead: timedelta) -> str:
    if not ahead:
        return "The machine's clock agrees again with the time that has passed."
    by = screen.length(abs(ahead))
    if ahead > timedelta(0):
        return (
            f"THE MACHINE'S CLOCK WAS SET {by} AHEAD of the time that has passed since this program was started. It is "
            "not followed: nothing leaves before its instant by either. If the clock is right now, stop the program "
            "and start it again."
        )
    return (
        f"THE MACHINE'S CLOCK WAS SET {by} BACK behind the time that has passed since this program was started. It is "
        "followed: what is still to come leaves by it. If it is wrong, set it right; nothing leaves too early."
    )
