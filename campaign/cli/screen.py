"""What all commands share in speaking to a person or a program.

Results go to ``out`` (stdout), everything else to ``err`` (stderr), so that results can be piped. There is colour on
a terminal only, and none where NO_COLOR is set. A text is printed as it is: no markup, no emoji names, and control
characters shown instead of obeyed, because names and subjects come from files.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import PurePath
from typing import IO, TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

import orjson
from rich.console import Console
from rich.text import Text

from campaign.errors import Problem

if TYPE_CHECKING:  # these take long to import, and most commands need none of them
    from rich.progress import Progress, ProgressColumn
    from rich.table import Table

# C0, DEL and C1 but for tab and line break; and what turns the direction of writing (Unicode, UAX 9).
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
_WIDTH, _HEIGHT = 80, 25


def plain(text: str) -> str:
    r"""``text`` with control characters written out, ESC as ``\x1b``."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


class Screen(Console):
    def __init__(self, *, stream: IO[str], stderr: bool = False) -> None:
        # Rich asks any terminal it finds, also stdin's, for a width; what is piped is 80 wide unless COLUMNS says so.
        width = None if stream.isatty() else shutil.get_terminal_size((_WIDTH, _HEIGHT)).columns
        super().__init__(stderr=stderr, width=width, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(plain(text), **options)


out = Screen(stream=sys.stdout)
err = Screen(stream=sys.stderr, stderr=True)


# --- problems ---


def counted(number: int, one: str, many: str = "") -> str:
    """``1 error``, ``2 errors``, ``10,000 people``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show_problems(problems: Iterable[Problem]) -> None:
    """Each on a line of its own, however long, so that it can be searched and clicked."""
    for problem in problems:
        say(f"{problem.severity}: ", str(problem), style="red" if problem.severity == "error" else "yellow")


def tally(problems: Sequence[Problem]) -> str:
    """``3 errors and 1 warning``."""
    errors = sum(problem.severity == "error" for problem in problems)
    counts = [(errors, "error"), (len(problems) - errors, "warning")]
    return " and ".join(counted(number, word) for number, word in counts if number) or "no errors"


def say(head: str, text: str = "", *, style: str = "red") -> None:
    """One line on stderr, its head in colour."""
    err.print(Text.assemble((plain(head), f"bold {style}"), plain(text)), soft_wrap=True)


def interrupted() -> None:
    err.print("Interrupted. The same command again carries on from what is recorded.")


# --- long work ---


class Bar(Protocol):
    def advance(self, number: int = 1) -> None:
        """So many more are done. Call it once for many: it takes a lock."""
        ...

    def expect(self, total: int) -> None:
        """It turned out that there will be so many in all."""
        ...


class _NoBar:
    def advance(self, number: int = 1) -> None: ...

    def expect(self, total: int) -> None: ...


class _Bar:
    def __init__(self, shown: Progress, what: str, total: int | None) -> None:
        self._shown = shown
        self._task = shown.add_task(what, total=total)

    def advance(self, number: int = 1) -> None:
        self._shown.advance(self._task, number)

    def expect(self, total: int) -> None:
        # Not by way of update(): that forgets how fast it went, and no rate would ever be shown.
        for task in self._shown.tasks:
            task.total = total


@contextmanager
def progress(what: str, *, total: int | None = None, unit: str = "") -> Iterator[Bar]:
    """A bar with rate and time left, on a terminal only; it is gone when the work is done.

    ``unit`` is what is counted, in the plural: ``rows``.
    """
    if not err.is_terminal:
        yield _NoBar()
        return
    from rich.progress import Progress

    # On the console that results go to, if both are one terminal: what is printed meanwhile then stands above the bar.
    with Progress(*_columns(unit), console=out if out.is_terminal else err, transient=True) as shown:
        yield _Bar(shown, what, total)


class _Messages:
    """Shows how far work on messages has got; it grows as more of them come up."""

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._planned = 0

    def planned(self, number: int) -> None:
        self._planned += number
        self._bar.expect(self._planned)

    def done(self, number: int) -> None:
        self._bar.advance(number)


@contextmanager
def sending() -> Iterator[_Messages]:
    """A bar for what is sent, on a terminal only; what is printed meanwhile stands above it."""
    with progress("Sending", total=0, unit="messages") as bar:
        yield _Messages(bar)


@contextmanager
def rendering(step: str) -> Iterator[_Messages]:
    """A bar for the e-mails of a step that are rendered."""
    with progress(f"Rendering {step}", total=0, unit="e-mails") as bar:
        yield _Messages(bar)


def _columns(unit: str) -> Sequence[ProgressColumn]:
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {unit}/s".replace(" /", "/") if speed else "", style="dim")

    what = TextColumn("{task.description}", markup=False)
    return what, BarColumn(bar_width=None), MofNCompleteColumn(), Rate(), TimeRemainingColumn()


# --- tables ---


def table(*columns: str, numbers: Iterable[str] = (), title: str = "") -> Table:
    """An empty table in the house style; columns named in ``numbers`` are set to the right. No cell is cut short."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    right = frozenset(numbers)
    made = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=name in right)
    return made


# --- for programs ---

_JSON = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS


def print_json(value: object) -> None:
    """One JSON document on stdout, in UTF-8. Dataclasses, enums, sets, paths, dates and aware datetimes are fine.

    Times are written in UTC (``2018-05-22T13:00:00Z``), lengths of time as in ISO 8601 (``PT7200S``).
    """
    _write(orjson.dumps(value, _as_json, _JSON | orjson.OPT_INDENT_2) + b"\n")


def print_json_array(values: Iterable[object]) -> None:
    """One JSON array on stdout, an element a line, written as they come: for lists of any length."""
    lead = b"[\n"
    for value in values:
        _write(lead + orjson.dumps(value, _as_json, _JSON))
        lead = b",\n"
    _write(b"[]\n" if lead == b"[\n" else b"\n]\n")


def _write(data: bytes) -> None:
    out.file.flush()
    sys.stdout.buffer.write(data)


def _as_json(value: object) -> object:
    plain_value: object
    match value:
        case datetime() if value.tzinfo is not None:
            plain_value = value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date() if not isinstance(value, datetime):
            plain_value = value.isoformat()
        case timedelta():
            plain_value = f"PT{f'{value.total_seconds():.6f}'.rstrip('0').rstrip('.')}S"
        case tuple():  # a named one: orjson takes the others by itself
            plain_value = value._asdict() if hasattr(value, "_asdict") else list(value)
        case Mapping():
            plain_value = dict(value)
        case AbstractSet():
            plain_value = sorted(value)
        case PurePath():
            plain_value = str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")
    return plain_value


# --- time ---


def local(instant: datetime, zone: str) -> str:
    """``Tue 22 May 2018 09:00 EDT``: an instant in the words of an IANA zone; seconds where there are any."""
    there = instant.astimezone(ZoneInfo(zone))
    name = there.tzname() or ""
    clock = f"{there:%H:%M:%S}" if there.second else f"{there:%H:%M}"
    return f"{there:%a} {there.day} {there:%b %Y} {clock} {'UTC' if name[:1] in ('+', '-') else ''}{name}"


def countdown(instant: datetime, launch: datetime) -> str:
    """``T-0``, ``T+3h`` or ``T-2d10h30m``: how long before or after T-0, as a plan would write that length."""
    seconds = round((instant.astimezone(UTC) - launch.astimezone(UTC)).total_seconds())
    if not seconds:
        return "T-0"
    return f"T{'-' if seconds < 0 else '+'}{length(timedelta(seconds=abs(seconds)))}"


def length(span: timedelta) -> str:
    """``4h`` or ``2d10h30m``, as a plan writes it."""
    minutes, second = divmod(round(span.total_seconds()), 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    parts = ((days, "d"), (hour, "h"), (minute, "m"), (second, "s"))
    return "".join(f"{number}{unit}" for number, unit in parts if number)
