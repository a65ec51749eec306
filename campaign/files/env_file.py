"""A .env file, read with its lines kept. What its variables mean is campaign.settings' business."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from dotenv.parser import Binding, parse_stream

from campaign.errors import BadInput, Problem

MAX_BYTES = 100_000
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Assignment(NamedTuple):
    """``NAME=value`` as it stands in ``line``; quotes are off, nothing is expanded. May well be a secret."""

    name: str
    value: str
    line: int


def read(path: Path) -> tuple[list[Assignment], list[Problem]]:
    """The assignments in ``path``, and the lines that are none. No problem repeats a value.

    Raises BadInput where the file as a whole cannot be read.
    """
    assignments: list[Assignment] = []
    problems: list[Problem] = []
    for binding in parse_stream(StringIO(_text(path))):
        line = _line(binding)
        if binding.error:
            remedy = "write NAME=value; a value that begins with a quote must end with one, and nothing after it"
            problems.append(Problem(str(path), line, where="", what="cannot be read", remedy=remedy))
        elif binding.key is not None and binding.value is None:
            problems.append(Problem(str(path), line, where="", what="has no =", remedy="write NAME=value"))
        elif binding.key is not None:
            assignments.append(Assignment(binding.key, binding.value or "", line))
    return assignments, problems


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _unusable(path, "does not exist", "copy .env.example to it and fill it in") from None
    except IsADirectoryError:
        raise _unusable(path, "is a folder", "it must be a text file; .env.example shows one") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read: {error.strerror}", "look at its owner and permissions") from None
    if len(data) > MAX_BYTES:
        raise _unusable(path, f"is larger than {MAX_BYTES:,} bytes", "it must be a text file; .env.example shows one")
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _unusable(path, "is written in UTF-16", "save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _unusable(path, "is not written in UTF-8", "save it as UTF-8", line) from None


def _unusable(path: Path, what: str, remedy: str, line: int = 0) -> BadInput:
    return BadInput([Problem(str(path), line, where="", what=what, remedy=remedy)])


def _line(binding: Binding) -> int:
    """The parser counts the blank lines before an assignment as its beginning."""
    written = binding.original.string
    blank = written[: len(written) - len(written.lstrip())]
    return binding.original.line + len(_LINE_BREAK.findall(blank))
