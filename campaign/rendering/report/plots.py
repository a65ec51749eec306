"""The plots: SVG without a script, a style attribute or anything from elsewhere.

None has a view box. Across they are measured in per cent and so as wide as the page; upwards in pixels, so that words
and marks keep their size on a phone. What a mark stands for is its ``<title>``, in the very figures of the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup

from campaign.model.report import Applause, Hour, Part, StepReport
from campaign.rendering.report import words

MOST_LANES = 60
"""Steps that have a row of their own in a plot; of more, each channel has one."""
_MOST_MARKS = 4_000
_FINEST = 0.25
_THINNEST = 1.0
"""Per cent: a part smaller than that is drawn as that, so that it can be seen."""
_MOST_TICKS = 8
_HOUR = timedelta(hours=1)
_TICKS = tuple(timedelta(hours=hours) for hours in (1, 2, 3, 6, 12, 24, 48, 120, 168, 336, 720, 1_440, 2_880, 8_760))

NAMES: Mapping[Part, str] = {part: part.value[:1].upper() + part.value[1:] for part in Part}


def svg(height: int, pieces: Iterable[Markup]) -> Markup:
    return Markup('<svg width="100%" height="{}" aria-hidden="true" focusable="false">{}</svg>').format(
        height, Markup("").join(pieces)
    )


def percent(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") + "%"


# ── the axis of time ──


@dataclass(frozen=True, slots=True)
class Axis:
    """From ``start`` to ``end``, with ticks that hang on T-0."""

    start: datetime
    end: datetime
    launch: datetime

    @classmethod
    def around(cls, instants: Sequence[datetime], launch: datetime) -> Axis:
        """Wide enough for all of them and T-0, with a little room at both ends."""
        first, last = min((launch, *instants)), max((launch, *instants))
        room = max((last - first) / 40, _HOUR / 2)
        return cls(first - room, last + room, launch)

    def at(self, instant: datetime) -> float:
        """In per cent of the way from ``start`` to ``end``."""
        return 100 * ((instant - self.start) / (self.end - self.start))

    def ticks(self) -> list[datetime]:
        span = self.end - self.start
        every = next((one for one in _TICKS if span / one <= _MOST_TICKS), span / _MOST_TICKS)
        first = -int((self.launch - self.start) / every)
        last = int((self.end - self.launch) / every)
        return [self.launch + number * every for number in range(first, last + 1)]

    def grid(self, height: int) -> Iterator[Markup]:
        for tick in self.ticks():
            kind = "zero" if tick == self.launch else "grid"
            yield Markup('<line class="{0}" x1="{1}" x2="{1}" y1="0" y2="{2}"/>').format(
                kind, percent(self.at(tick)), height
            )

    def labels(self) -> Markup:
        pieces = [
            Markup('<text x="{}" y="14" text-anchor="{}"{}>{}</text>').format(
                percent(self.at(tick)),
                _anchor(self.at(tick)),
                Markup(' class="now"') if tick == self.launch else "",
                words.countdown(tick, self.launch),
            )
            for tick in self.ticks()
        ]
        return svg(20, pieces)


_AT_THE_EDGE = 2.0


def _anchor(at: float) -> str:
    """So that no word stands out of the plot."""
    return "start" if at < _AT_THE_EDGE else "end" if at > 100 - _AT_THE_EDGE else "middle"


# ── when it went out ──


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a plot: what stands beside it, a word about that, the drawing, and the number at its end."""

    label: str
    note: str
    drawing: Markup
    number: str = ""


def lanes(steps: Sequence[StepReport], axis: Axis, zone: str) -> list[Row]:
    """A lane for each step, or for each channel where there are many: where its waves were planned, began and ended."""
    grouped = _grouped(steps)
    finest = max(_FINEST, len(grouped) * 100 / _MOST_MARKS)
    return [Row(label, note, svg(24, _lane(those, axis, finest, zone))) for label, note, those in grouped]


def _grouped(steps: Sequence[StepReport]) -> list[tuple[str, str, Sequence[StepReport]]]:
    if len(steps) <= MOST_LANES:
        return [(step.step, words.network(step.channel), [step]) for step in steps]
    channels: dict[str, list[StepReport]] = {}
    for step in steps:
        channels.setdefault(step.channel, []).append(step)
    return [(words.network(name), words.counted(len(those), "step"), those) for name, those in channels.items()]


def _lane(steps: Sequence[StepReport], axis: Axis, finest: float, zone: str) -> Iterator[Markup]:
    yield from axis.grid(24)
    drawn: set[tuple[float, float, bool]] = set()
    for step in steps:
        for wave in step.waves:
            planned = _rounded(axis.at(wave.due_at), finest)
            began = wave.began_at and max(wave.began_at, wave.due_at)  # a provider lets go at the instant
            begins = _rounded(axis.at(began), finest) if began else planned
            ends = max(begins, _rounded(axis.at(wave.ended_at), finest)) if began and wave.ended_at else begins
            if (begins, ends, began is None) in drawn:
                continue
            drawn.add((begins, ends, began is None))
            yield _planned(planned)
            if began:
                title = f"{step.step}: planned {words.local(wave.due_at, zone)}, began {words.local(began, zone)}"
                yield Markup('<line class="run" x1="{}" x2="{}" y1="12" y2="12"><title>{}</title></line>').format(
                    percent(begins), percent(max(ends, begins + 0.01)), title
                )


def _planned(at: float) -> Markup:
    return Markup('<circle class="planned" cx="{}" cy="12" r="6"/>').format(percent(at))


def _rounded(value: float, finest: float) -> float:
    return round(value / finest) * finest


# ── what became of it ──


def stacks(steps: Sequence[StepReport]) -> list[Row]:
    """What became of each step's deliveries, as parts of what was planned."""
    rows = []
    for label, note, those in _grouped(steps):
        parts = {part: sum(step.parts.get(part, 0) for step in those) for part in Part}
        planned = sum(step.planned for step in those)
        rows.append(Row(label, note, svg(20, _stack(parts, planned)), f"{planned:,}"))
    return rows


def widths(parts: Mapping[Part, int]) -> dict[Part, float]:
    """Per cent for each part that anybody is in; together 100. What would not be seen is widened, at the cost of the
    others."""
    shown = {part: number for part, number in parts.items() if number}
    whole = sum(shown.values())
    small: set[Part] = set()
    room, left = 100.0, whole
    while thin := {part for part, number in shown.items() if part not in small and room * number < _THINNEST * left}:
        small |= thin  # what the others give up can make one of them too thin in its turn
        room -= _THINNEST * len(thin)
        left -= sum(shown[part] for part in thin)
    return {part: _THINNEST if part in small else room * number / left for part, number in shown.items()}


def _stack(parts: Mapping[Part, int], planned: int) -> Iterator[Markup]:
    at = 0.0
    for part, width in widths(parts).items():
        yield Markup(
            '<rect class="edge" x="{}" y="1" width="{}" height="18" fill="url(#{})">'
            "<title>{}: {:,} of {:,}</title></rect>"
        ).format(percent(at), percent(width), key(part), NAMES[part], parts[part], planned)
        at += width


def key(part: Part) -> str:
    """The name of the pattern a part is filled with."""
    return f"fill-{part.name.lower().replace('_', '-')}"


def swatch(part: Part) -> Markup:
    return Markup(
        '<svg width="26" height="14" aria-hidden="true" focusable="false">'
        '<rect class="edge" x="1" y="1" width="24" height="12" fill="url(#{})"/></svg>'
    ).format(key(part))


# ── what came after ──


def bar(number: int, of: int, kind: str) -> Markup:
    """``number`` as a part of ``of``."""
    width = 100 * min(number, of) / of if of else 0.0
    piece = Markup('<rect class="{}" x="0" y="2" width="{}" height="12"><title>{:,} of {:,}</title></rect>')
    ground = Markup('<line class="ground" x1="0" x2="100%" y1="15" y2="15"/>')
    return svg(16, [ground, piece.format(kind, percent(max(width, 0.6)), number, of)] if number else [ground])


@dataclass(frozen=True, slots=True)
class Columns:
    """Hours, or several of them together, side by side; ``every`` is how long each is, ``most`` the highest."""

    hours: Sequence[Hour]
    every: timedelta
    most: int
    drawing: Markup
    axis: Markup


_MOST_COLUMNS = 60
_HIGH = 120


def columns(hours: Sequence[Hour], launch: datetime) -> Columns | None:
    """When e-mails were opened and clicked; None where none was."""
    if not hours:
        return None
    first, last = hours[0].at, hours[-1].at + _HOUR
    every = next((one for one in _TICKS if (last - first) / one <= _MOST_COLUMNS), (last - first) / _MOST_COLUMNS)
    together: dict[int, Hour] = {}
    for hour in hours:
        place = int((hour.at - first) / every)
        so_far = together.get(place, Hour(first + place * every, 0, 0))
        together[place] = Hour(so_far.at, so_far.opened + hour.opened, so_far.clicked + hour.clicked)
    most = max(max(one.opened, one.clicked) for one in together.values())
    axis = Axis(first, first + every * (max(together) + 1), launch)
    width = 100 / (max(together) + 1)
    pieces = list(axis.grid(_HIGH))
    for place, one in together.items():
        for offset, kind, number in ((0.1, "opened", one.opened), (0.5, "clicked", one.clicked)):
            if number:
                high = max(2, round((_HIGH - 4) * number / most))
                title = f"{number:,} {kind}, {words.countdown(one.at, launch)}"
                pieces.append(
                    Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
                        kind, percent((place + offset) * width), _HIGH - high, percent(0.4 * width), high, title
                    )
                )
    pieces.append(Markup('<line class="ground" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_HIGH))
    return Columns(list(together.values()), every, most, svg(_HIGH + 1, pieces), axis.labels())


# ── how posts fared ──


@dataclass(frozen=True, slots=True)
class Lines:
    """What each network's posts had come to at each of ``instants``; ``most`` is the highest."""

    channels: Sequence[str]
    instants: Sequence[datetime]
    values: Mapping[str, Sequence[int]]
    most: int
    drawing: Markup
    axis: Markup


_MOST_POINTS = 30


def lines(applause: Sequence[Applause], launch: datetime) -> Lines | None:
    """How likes, reposts and replies grew, by network; None where none was ever read."""
    if not applause:
        return None
    first, last = min(one.at for one in applause), max(one.at for one in applause)
    every = next((one for one in _TICKS if (last - first) / one <= _MOST_POINTS), (last - first) / _MOST_POINTS)
    count = -int(-((last - first) / every) // 1) if last > first else 0
    instants = [first + every * place for place in range(count + 1)]
    channels = list(dict.fromkeys(one.channel for one in applause))
    values = {name: [_by(applause, name, instant) for instant in instants] for name in channels}
    most = max(max(series) for series in values.values()) or 1
    axis = Axis.around(instants, launch)
    pieces = list(axis.grid(_HIGH + 20))
    for number, series in enumerate(values.values()):
        pieces += _line(series, instants, axis, most, f"line-{number % 4}")
    pieces.append(Markup('<line class="ground" x1="0" x2="100%" y1="{0}" y2="{0}"/>').format(_HIGH + 20))
    return Lines(channels, instants, values, most, svg(_HIGH + 22, pieces), axis.labels())


def _by(applause: Sequence[Applause], channel: str, instant: datetime) -> int:
    return next((one.number for one in reversed(applause) if one.channel == channel and one.at <= instant), 0)


def _line(series: Sequence[int], instants: Sequence[datetime], axis: Axis, most: int, kind: str) -> Iterator[Markup]:
    points = [
        (percent(axis.at(instant)), round(_HIGH + 20 - (_HIGH + 10) * value / most, 1))
        for instant, value in zip(instants, series, strict=True)
    ]
    for (x1, y1), (x2, y2) in pairwise(points):
        yield Markup('<line class="{}" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(kind, x1, y1, x2, y2)
    x, y = points[-1]
    yield Markup('<circle class="{} end" cx="{}" cy="{}" r="4"><title>{:,}</title></circle>').format(
        kind, x, y, series[-1]
    )


def line_sample(number: int) -> Markup:
    return Markup(
        '<svg width="34" height="12" aria-hidden="true" focusable="false">'
        '<line class="line-{}" x1="1" x2="33" y1="6" y2="6"/></svg>'
    ).format(number % 4)


# ── A/B tests ──


def interval(low: float | None, share: float | None, high: float | None, most: float) -> Markup:
    """Where the share behind what was seen lies, on a scale from 0 to ``most``."""
    ground = Markup('<line class="ground" x1="0" x2="100%" y1="17" y2="17"/>')
    if low is None or high is None or share is None or not most:
        return svg(18, [ground])
    x1, x, x2 = (percent(100 * one / most) for one in (low, share, high))
    return svg(
        18,
        [
            ground,
            Markup('<line class="span" x1="{}" x2="{}" y1="8" y2="8"/>').format(x1, x2),
            Markup('<line class="span" x1="{0}" x2="{0}" y1="3" y2="13"/>').format(x1),
            Markup('<line class="span" x1="{0}" x2="{0}" y1="3" y2="13"/>').format(x2),
            Markup('<circle class="clicked" cx="{}" cy="8" r="5"><title>{:.1%}</title></circle>').format(x, share),
        ],
    )
