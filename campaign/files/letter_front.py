"""The YAML front matter a letter may begin with, between two lines of ``---``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches

from campaign.errors import BadInput, Problem
from campaign.files import yaml_positions
from campaign.flow import letter_dates

_FENCE = "---"
_KEYS = ("restated", "title", "date")
_MOST_LINES = 60


@dataclass(frozen=True, slots=True)
class Front:
    """``restated`` letters tell in other words what the signatories wrote."""

    restated: bool = False
    title: str = ""
    date: date | None = None


def split(text: str, source: str) -> tuple[Front, str, int, list[Problem]]:
    """Front matter, the text below it, the number of that text's first line, and what is wrong with the former."""
    text = text.removeprefix("\ufeff")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    if lines[0].rstrip() != _FENCE:
        return Front(), text, 1, []
    end = next((at for at, line in enumerate(lines[1 : _MOST_LINES + 1], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        problem = _problem(source, 1, "the front matter is not closed", "put a line of --- below it")
        return Front(), "\n".join(lines[1:]), 2, [problem]
    front, problems = _read(lines[1:end], source)
    return front, "\n".join(lines[end + 1 :]), end + 2, problems


def _read(lines: list[str], source: str) -> tuple[Front, list[Problem]]:
    if not any(line.split("#", 1)[0].strip() for line in lines):
        return Front(), []
    try:
        # The line of --- above is kept as a blank one, so that lines count as in the file.
        root, problems = yaml_positions.compose("\n" + "\n".join(lines), source)
    except BadInput as bad:
        return Front(), list(bad.problems)
    if not isinstance(root.value, dict):
        return Front(), [_problem(source, root.line, "this has no keys", "write one key: value a line")]
    return _checked(root, root.value, source, problems)


def _checked(
    root: yaml_positions.Node, keys: dict[str, yaml_positions.Node], source: str, problems: list[Problem]
) -> tuple[Front, list[Problem]]:
    def wrong(key: str, what: str, remedy: str) -> None:
        problems.append(_problem(source, root.key_lines.get(key, root.line), what, remedy))

    for key in keys:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            remedy = f'did you mean "{near[0]}"?' if near else f"the keys are {', '.join(_KEYS)}"
            wrong(key, f'"{yaml_positions.shorten(key)}" is not known', remedy)
    values = {key: yaml_positions.plain(node) for key, node in keys.items()}
    restated, title, day = (values.get(key) for key in _KEYS)
    if restated is not None and restated not in ("true", "false"):
        wrong("restated", "restated is neither true nor false", "write restated: true or leave it out")
    if not isinstance(title, str | None):
        wrong("title", "the title is not text", "put the title between quotation marks")
    written = _day(day) if isinstance(day, str) else None
    if day is not None and written is None:
        wrong("date", "this is no date that can be read in one way", "write it as in date: 2018-05-22")
    return Front(restated == "true", " ".join(title.split()) if isinstance(title, str) else "", written), problems


def _day(text: str) -> date | None:
    found = letter_dates.find(text)
    days = letter_dates.full(found[0].readings) if found else []
    return days[0] if len(days) == 1 else None


def _problem(source: str, line: int, what: str, remedy: str) -> Problem:
    return Problem(file=source, line=line, where="front matter", what=what, remedy=remedy)
