"""The lines of a text file, many at a time, whatever its encoding and line ends.

UTF-8 with or without a byte order mark, UTF-16 with one; what is not UTF-8 is read, byte by byte, as Windows-1252,
which holds all of Latin-1's letters. So a file glued together from two exports comes out right.
"""

from __future__ import annotations

import codecs
import io
import os
from collections.abc import Callable
from pathlib import Path

LONGEST_LINE = 200_000
"""Characters. Of a longer line one more is given, so that it is known; the rest is skipped."""

BLOCK_BYTES = 64 * 1024
"""So little that what is made of it stays in a processor's own cache until it is handed on."""
_FALLBACK = "campaign-windows-1252"


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    odd = error.object[error.start : error.end]
    try:
        return odd.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return odd.decode("latin-1"), error.end  # five bytes that Windows-1252 leaves open


codecs.register_error(_FALLBACK, _as_windows_1252)


def errors(encoding: str) -> str:
    """How a decoder of ``encoding`` takes what it cannot read."""
    return _FALLBACK if encoding.startswith("utf-8") else "strict"


class NotText(Exception):
    """A NUL byte where text was promised. ``lines`` is how many line feeds stand before it among those unread."""

    def __init__(self, lines: int) -> None:
        super().__init__()
        self.lines = lines


class Changed(Exception):
    """The file is not what it was when reading began."""


class Lines:
    """``legacy`` says whether what was read so far holds bytes that are not UTF-8."""

    def __init__(
        self,
        path: Path,
        encoding: str,
        *,
        progress: Callable[[int], None] | None = None,
        block_bytes: int = BLOCK_BYTES,
    ) -> None:
        """``progress`` is told the bytes read, after each block of ``block_bytes``."""
        self._block_bytes = block_bytes
        self._file = path.open("rb", buffering=0)
        self._before = os.fstat(self._file.fileno())
        self._utf_8 = encoding.startswith("utf-8")
        self._make_decoder = codecs.getincrementaldecoder(encoding)
        self._decoder = self._make_decoder("strict")
        self._progress = progress
        self._done = 0
        self._rest = ""  # a line that was not all there yet
        self._cutting = False
        self._ended = False
        self.legacy = False

    def close(self) -> None:
        self._file.close()

    def more(self) -> list[str]:
        """The next lines, without their ends; none at the end of the file.

        Raises UnicodeError where they are not in the file's encoding, NotText for a NUL byte, and Changed where the
        file was written to since reading began: what was read may be half of the one and half of the other.
        """
        while not self._ended:
            block = self._file.read(self._block_bytes) or b""
            self._done += len(block)
            self._ended = not block
            if self._ended:
                self._unchanged()
            text = self._decoded(block)
            if self._progress is not None:
                self._progress(self._done)
            if lines := self._divided(text):
                return lines
        return []

    def _unchanged(self) -> None:
        now = os.fstat(self._file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self._before.st_size, self._before.st_mtime_ns):
            raise Changed

    def _decoded(self, block: bytes) -> str:
        if not self._utf_8:
            return self._decoder.decode(block, final=self._ended)
        if b"\0" in block:
            raise NotText(block.count(b"\n", 0, block.index(b"\0")))
        state = self._decoder.getstate()
        try:
            return self._decoder.decode(block, final=self._ended)
        except UnicodeDecodeError:
            self.legacy = True
            self._decoder = self._make_decoder(_FALLBACK)
            self._decoder.setstate(state)
            return self._decoder.decode(block, final=self._ended)

    def _divided(self, text: str) -> list[str]:
        """The whole lines of what was not given yet; what may be half a line is kept back."""
        text, self._rest = self._rest + text, ""
        held = ""
        if text.endswith("\r") and not self._ended:
            text, held = text[:-1], "\r"  # its line feed may come with the next block
        *lines, last = _lines(text)
        if self._cutting and lines:
            del lines[0]  # the end of a line that was cut already
            self._cutting = False
        if not self._cutting:
            if self._ended or len(last) > LONGEST_LINE:
                self._cutting = not self._ended
                lines += [last] if last else []
            else:
                self._rest = last
        self._rest += held
        if max(map(len, lines), default=0) > LONGEST_LINE:
            lines = [line[: LONGEST_LINE + 1] for line in lines]
        return lines


def _lines(text: str) -> list[str]:
    """As an editor counts them, without their ends; what follows the last end is one too."""
    returns = text.count("\r")
    if not returns:
        return text.split("\n")
    if returns == text.count("\r\n") == text.count("\n"):
        return text.split("\r\n")
    lines = [line.rstrip("\r\n") for line in io.StringIO(text, newline="")]
    return [*lines, ""] if text[-1] in "\r\n" else lines
