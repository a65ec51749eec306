"""The log for programs: a JSON object a line for each happening, with keys in the place of people."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC
from pathlib import Path
from threading import Lock

import orjson

from campaign.cli import screen
from campaign.model.happening import Happening

# What happens is told without people; that goes for what providers say only as far as they do.
_ADDRESS = re.compile(r"[^\s<>\"'(),;=]+@[^\s<>\"'(),;]+")


class LogLines:
    """Writes to ``path``, which another program may move away at any time, or to stderr where it is None.

    A log that cannot be written ends nothing: it is said once.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._failed = False
        self._lock = Lock()

    def __call__(self, happening: Happening) -> None:
        line = as_line(happening)
        try:
            with self._lock:
                self._write(line)
            self._failed = False
        except OSError as error:
            if not self._failed:
                self._failed = True
                screen.say("The log cannot be written: ", f"{error.strerror}. What is sent goes on.", style="yellow")

    def _write(self, line: bytes) -> None:
        if self._path is None:
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
            return
        # Opened for each line: whoever rotates it needs to tell nobody, and a line is appended whole.
        opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(opened, line)
        finally:
            os.close(opened)


def as_line(happening: Happening) -> bytes:
    at = happening.at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    about = {
        name: _ADDRESS.sub("<hidden>", fact) if isinstance(fact, str) else fact
        for name, fact in happening.about.items()
    }
    line = {
        "time": at,
        "level": happening.level,
        "event": happening.event,
        "what": _ADDRESS.sub("<hidden>", happening.what),
        **about,
    }
    return orjson.dumps(line) + b"\n"
