"""What has changed since it was approved: old and new lines, only what differs, each once for all steps it is in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.approve import Standing
    from campaign.flow.changes import Change

_MOST_LINES = 12
_AROUND = 32
"""Characters that are shown of a long line before and after what differs."""
_LONG = 90


def show(standings: Iterable[Standing], *, zone: str) -> None:
    """Nothing where none of the steps has changed since its approval."""
    from campaign.flow import changes

    found = {one.step.id: changes.between(one.was, one.manifest, zone=zone) for one in standings if one.was}
    for steps, those in _shared(found):
        _line(f"{_named(steps)}", style="bold")
        last = ""
        for change in those:
            if change.part != last:
                _line(f"  {change.part}", style="dim")
                last = change.part
            for line in _told(change):
                screen.out.print(line, soft_wrap=True)


def as_json(standing: Standing, *, zone: str) -> Sequence[Mapping[str, object]]:
    from campaign.flow import changes

    if standing.was is None:
        return []
    those = changes.between(standing.was, standing.manifest, zone=zone)
    return [{"part": change.part, "old": change.old, "new": change.new} for change in those]


def _shared(found: Mapping[str, Sequence[Change]]) -> Iterator[tuple[tuple[str, ...], list[Change]]]:
    """Changes that several steps have alike, once for all of them; those of most steps first."""
    steps: dict[Change, list[str]] = {}
    for step, those in found.items():
        for change in those:
            steps.setdefault(change, []).append(step)
    together: dict[tuple[str, ...], list[Change]] = {}
    for change, names in steps.items():
        together.setdefault(tuple(names), []).append(change)
    yield from sorted(together.items(), key=lambda item: -len(item[0]))


def _named(steps: Sequence[str]) -> str:
    most = 4
    if len(steps) <= most:
        return ", ".join(steps)
    return f"{', '.join(steps[:most])} and {screen.counted(len(steps) - most, 'more step')}"


def _told(change: Change) -> Iterator[Text]:
    old, new = list(change.old), list(change.new)
    if len(old) == len(new):
        pairs = [_shortened(a, b) for a, b in zip(old, new, strict=True)]
        old, new = [a for a, _ in pairs], [b for _, b in pairs]
    yield from _signed("-", old, "red")
    yield from _signed("+", new, "green")


def _signed(sign: str, lines: Sequence[str], style: str) -> Iterator[Text]:
    for line in lines[:_MOST_LINES]:
        yield Text(f"    {sign} {screen.plain(line)}", style=style)
    if len(lines) > _MOST_LINES:
        yield Text(f"    {sign} … and {screen.counted(len(lines) - _MOST_LINES, 'more line')}", style=style)


def _shortened(old: str, new: str) -> tuple[str, str]:
    """Of two long lines what differs, with a little of what is before and after it."""
    if max(len(old), len(new)) <= _LONG:
        return old, new
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return _around(old, start, len(old) - end), _around(new, start, len(new) - end)


def _around(text: str, start: int, end: int) -> str:
    first, last = max(0, start - _AROUND), min(len(text), end + _AROUND)
    return f"{'…' if first else ''}{text[first:last]}{'…' if last < len(text) else ''}"


def _line(text: str, *, style: str) -> None:
    screen.out.print(Text(screen.plain(text), style=style), soft_wrap=True)
