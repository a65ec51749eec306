"""changes: what differs between what was approved and what a step is now, as lines that a person can compare.

A manifest's parts are made for their digest: instants in UTC, conditions as Python writes them. Here they are made
readable, and of two texts only the lines that differ are told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from difflib import SequenceMatcher
from zoneinfo import ZoneInfo

from campaign.model.approval import Manifest

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:\+00:00|Z)")
_WAVE = re.compile(rf"(?P<number>\d+): (?P<at>{_INSTANT.pattern})(?P<rest>.*)")
_VALUE = re.compile(r"[A-Z]\w*\(.*\)", re.DOTALL)
_NAMES = ("campaign", "title", "organisation", "zone", "T-0")
"""What the lines of the part ``names`` are."""
_MOST_WAVES = 6
"""So many waves are told one by one where they have moved; of more, the first and the last."""


@dataclass(frozen=True, slots=True)
class Change:
    """Of one part, the lines that are gone and those that stand in their place. Either may be empty."""

    part: str
    old: tuple[str, ...]
    new: tuple[str, ...]


def between(was: Manifest, now: Manifest, *, zone: str) -> Sequence[Change]:
    """Everything that differs, in the order of the parts. Instants are told as clocks in ``zone`` show them."""
    names = dict.fromkeys([*now.parts, *was.parts])
    return [
        change
        for part in names
        if was.parts.get(part) != now.parts.get(part)
        for change in _part(part, was.parts.get(part), now.parts.get(part), zone)
    ]


def _part(part: str, was: str | None, now: str | None, zone: str) -> Iterator[Change]:
    if part == "when" and was is not None and now is not None:
        yield from _moved(was, now, zone)
        return
    old, new = (_lines(part, text, zone) for text in (was, now))
    found = False
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found = True
            yield Change(part, tuple(old[a:b]), tuple(new[c:d]))
    if not found:  # what differs is not shown, such as how a text ends; that it differs is
        yield Change(part, ("(only white space, or how it is written)",), ())


def _lines(part: str, text: str | None, zone: str) -> list[str]:
    if text is None:
        return []
    lines = text.splitlines()
    if part == "names":
        lines = [f"{name}: {line}" for name, line in zip(_NAMES, lines, strict=False)]
    elif part in ("to", "sender") and _VALUE.fullmatch(text):
        lines = [f"{name}: {value}" for name, value in _value(text).items() if value]
    if part in ("names", "embargo"):
        lines = [_INSTANT.sub(lambda found: _told(_instant(found[0]), zone), line) for line in lines]
    return [line.rstrip() for line in lines]


def _value(text: str) -> Mapping[str, str]:
    """``Segment(name='a', tags_none=('press',))`` by its names: ``tags_none: press``."""
    try:
        call = ast.parse(text, mode="eval").body
        assert isinstance(call, ast.Call)  # noqa: S101 - for the type; what is no call is caught below
        found = {str(word.arg): ast.literal_eval(word.value) for word in call.keywords}
    except (SyntaxError, ValueError, AssertionError, MemoryError, RecursionError):
        return {"rule": text}
    return {
        name: ", ".join(map(str, value)) if isinstance(value, tuple) else _word(value) for name, value in found.items()
    }


def _word(value: object) -> str:
    return "" if value is None else str(value)


# ── instants ──


@dataclass(frozen=True, slots=True)
class _Placed:
    at: datetime
    arm: str
    zones: tuple[str, ...]


def _moved(was: str, now: str, zone: str) -> Iterator[Change]:
    """Waves by their number: those that moved, came or went; where all have moved alike, that."""
    old, new = _waves(was), _waves(now)
    both = [number for number in old if number in new]
    spans = {new[number].at - old[number].at for number in both}
    alike = len(spans) == 1 and spans != {timedelta(0)} and len(old) == len(new) == len(both)
    if alike and len(both) > _MOST_WAVES:
        first, last, many = both[0], both[-1], f"{len(both)} waves, "
        before, after = (
            f"{many}#{first} {_told(those[first].at, zone)} to #{last} {_told(those[last].at, zone)}"
            for those in (old, new)
        )
        yield Change("when", (before,), (f"{after} ({_span(spans.pop())})",))
        return
    differing = [number for number in sorted({*old, *new}) if old.get(number) != new.get(number)]
    for number in differing[:_MOST_WAVES]:
        yield _one_wave(number, old.get(number), new.get(number), zone)
    if len(differing) > _MOST_WAVES:
        more = f"and {len(differing) - _MOST_WAVES} more waves, of {len(old)} then and {len(new)} now"
        yield Change("when", (), (more,))


def _one_wave(number: int, old: _Placed | None, new: _Placed | None, zone: str) -> Change:
    before = (f"#{number} {_placed(old, zone)}",) if old else ()
    after = f"#{number} {_placed(new, zone)}" if new else ""
    if old and new and old.at != new.at:
        after += f" ({_span(new.at - old.at)})"
    elif old and new and old.zones != new.zones:
        gone, come = sorted({*old.zones} - {*new.zones}), sorted({*new.zones} - {*old.zones})
        after += "".join(
            f"; {word} {_some(names)}" for word, names in (("no longer", gone), ("now also", come)) if names
        )
    return Change("when", before, (after,) if after else ())


def _waves(text: str) -> dict[int, _Placed]:
    found = {}
    for line in text.splitlines():
        if wave := _WAVE.fullmatch(line):
            words = wave["rest"].split()
            arm = words[0] if words and "/" not in words[0] and not words[0][:1].isupper() else ""
            zones = tuple(words[1:] if arm else words)
            found[int(wave["number"])] = _Placed(_instant(wave["at"]), arm, zones)
    return found


def _placed(wave: _Placed, zone: str) -> str:
    arm = f" {wave.arm}" if wave.arm else ""
    where = f" for {_some(wave.zones)}" if wave.zones else ""
    return f"{_told(wave.at, zone)}{arm}{where}"


def _some(zones: Sequence[str]) -> str:
    most = 2
    return ", ".join(zones[:most]) + (f" and {len(zones) - most} more zones" if len(zones) > most else "")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _told(at: datetime, zone: str) -> str:
    there = at.astimezone(ZoneInfo(zone))
    clock = f"{there:%H:%M:%S}" if there.second else f"{there:%H:%M}"
    return f"{there:%a} {there.day} {there:%b %Y} {clock} {there.tzname()} ({at.astimezone(UTC):%d %b %H:%M} UTC)"


def _span(span: timedelta) -> str:
    minutes = round(abs(span).total_seconds() / 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minute = divmod(rest, 60)
    words = "".join(f"{n}{unit}" for n, unit in ((days, "d"), (hours, "h"), (minute, "m")) if n) or "0m"
    return f"{words} {'later' if span > timedelta(0) else 'earlier'}"
