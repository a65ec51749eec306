"""What the stand-ins took, so that a sandbox that was killed knows it when it is started again."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

_BLOCK_BYTES = 64 * 1024


class Journal:
    """Append-only: in the file ``path``, one JSON line for each record, or in memory where ``path`` is None.

    A record is with the operating system before ``append`` returns, so it outlives a SIGKILL of this process (not a
    power cut: nothing here is worth an fsync). A last line torn by a kill is dropped when the file is opened. The file
    holds addresses and is readable by its owner alone. Nothing of a file is kept in memory.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._lines: list[bytes] = []
        self._file: int | None = None
        self._end = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            self._end = _drop_torn_line(self._file)

    def append(self, kind: str, record: dict[str, Any]) -> int:
        """Write ``record`` and return its position, by which ``at`` reads it back. Safe from any thread."""
        line = orjson.dumps({"kind": kind, **record}) + b"\n"
        with self._lock:
            if self._file is None:
                self._lines.append(line)
                return len(self._lines) - 1
            position = self._end
            _write_all(self._file, line)
            self._end += len(line)
            return position

    def records(self, kind: str | None = None) -> Iterator[dict[str, Any]]:
        """Every record so far, in order, each with its "kind"; of one kind only where ``kind`` is given."""
        for _, record in self.positions(kind):
            yield record

    def positions(self, kind: str | None = None, *, since: int = 0) -> Iterator[tuple[int, dict[str, Any]]]:
        """As ``records``, each with its position; only those at ``since`` (an earlier ``end``) and after it."""
        start = b'{"kind":' + (orjson.dumps(kind) if kind is not None else b"")
        for position, line in self._each_line(since):
            if line.startswith(start):
                yield position, orjson.loads(line)

    @property
    def end(self) -> int:
        """The position that the next record will have."""
        with self._lock:
            return self._end if self.path is not None else len(self._lines)

    def at(self, position: int) -> dict[str, Any]:
        """The record that ``append`` wrote at ``position``."""
        if self.path is None:
            line = self._lines[position]
        else:
            with self.path.open("rb") as file:
                file.seek(position)
                line = file.readline()
        record: dict[str, Any] = orjson.loads(line)
        return record

    def close(self) -> None:
        """Let go of the file. What is in it can still be read."""
        with self._lock:
            if self._file is not None:
                os.close(self._file)
                self._file = None

    def _each_line(self, since: int) -> Iterator[tuple[int, bytes]]:
        end = self.end
        if self.path is None:
            for index in range(since, end):
                yield index, self._lines[index]
            return
        position = since
        with self.path.open("rb") as file:
            file.seek(since)
            while position < end:
                line = file.readline()
                yield position, line
                position += len(line)


def _write_all(file: int, line: bytes) -> None:
    written = os.write(file, line)
    while written < len(line):
        written += os.write(file, line[written:])


def _drop_torn_line(file: int) -> int:
    """Cut off what follows the last newline; the file's size afterwards."""
    size = os.lseek(file, 0, os.SEEK_END)
    end = size
    while end > 0:
        start = max(0, end - _BLOCK_BYTES)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            end = start + newline + 1
            break
        end = start
    if end != size:
        os.ftruncate(file, end)
    return end
