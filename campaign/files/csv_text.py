"""CSV as it really comes: its encoding, its divider, and its records with the lines they stand on.

Encodings: UTF-8 with or without a byte order mark, UTF-16 with one, and what is not UTF-8 is read, byte by byte, as
Windows-1252, which holds all of Latin-1's letters. So a file glued together from two exports comes out right.
Quoting: a cell may hold line breaks. A quotation mark that is never closed costs the record it stands in and not the
rest of the file: such a record is set aside and reading goes on from its second line.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from campaign.errors import BadInput, Problem

MOST_BYTES = 4 * 1024**3
MOST_COLUMNS = 500
_HEAD_BYTES = 64 * 1024
_BLOCK_BYTES = 256 * 1024
_LONGEST_LINE = 200_000
_MOST_LINES_IN_RECORD = 100
_DIVIDERS = (",", ";", "\t", "|")
_FALLBACK = "campaign-windows-1252"

# https://en.wikipedia.org/wiki/List_of_file_signatures: what people take for CSV, and how to make it CSV.
_SIGNATURES = (
    (b"PK\x03\x04", "is a workbook (.xlsx, .ods) or a ZIP archive", "save the sheet as CSV UTF-8, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "is an old Excel workbook (.xls)", "save the sheet as CSV UTF-8"),
    (b"\x1f\x8b", "is compressed with gzip", "unpack it"),
    (b"%PDF", "is a PDF", "export the list as CSV"),
)
_MARKS = (
    # The longer mark first: UTF-32's begins with UTF-16's.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def _as_windows_1252(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    odd = error.object[error.start : error.end]
    try:
        return odd.decode("cp1252"), error.end
    except UnicodeDecodeError:
        return odd.decode("latin-1"), error.end  # five bytes that Windows-1252 leaves open


codecs.register_error(_FALLBACK, _as_windows_1252)


@dataclass(frozen=True, slots=True)
class Layout:
    """How a file is to be read. ``header_line`` is the line on which the header begins, from 1."""

    encoding: str
    divider: str
    header: tuple[str, ...]
    header_line: int


def look(path: Path, *, is_header: Callable[[Sequence[str]], bool]) -> Layout:
    """Find out how ``path`` is to be read.

    ``is_header`` says of a row whether it is a header that can be used; the divider that gives one is the right one.
    Raises BadInput where the file cannot be a CSV list.
    """
    head = _head(path)
    encoding = next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")
    if encoding in ("utf-8", "utf-8-sig") and b"\0" in head:
        raise _bad(path, "is no text: it holds NUL bytes", "save the list as CSV UTF-8")
    decoder = codecs.getincrementaldecoder(encoding)(errors=_errors(encoding))
    try:
        lines = io.StringIO(decoder.decode(head), newline="").readlines()
    except UnicodeError:
        raise _bad(path, f"begins like {encoding.upper()} text and is none", "save the list as CSV UTF-8") from None
    start = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if start == len(lines):
        raise _bad(path, "is empty", "export the list again")
    dividers: Sequence[str] = _DIVIDERS
    if lines[start].lower().startswith("sep=") and len(lines[start].strip("\r\n")) == len("sep=") + 1:
        # Excel's own way to name the divider.
        dividers, start = (lines[start][len("sep=")],), start + 1
    headers = {divider: _first_row(lines[start:], divider) for divider in dividers}
    divider = max(headers, key=lambda each: (is_header(headers[each]), len(headers[each])))
    header = headers[divider]
    if len(header) > MOST_COLUMNS:
        raise _bad(path, f"has {len(header):,} columns; the most is {MOST_COLUMNS}", "", line=start + 1)
    return Layout(encoding=encoding, divider=divider, header=tuple(header), header_line=start + 1)


class Table:
    """The records of a file. ``line`` is where the current one begins, counted from 1 as an editor does."""

    def __init__(
        self,
        path: Path,
        layout: Layout,
        *,
        malformed: Callable[[int, str, str], None],
        progress: Callable[[int], None] | None = None,
    ) -> None:
        """``malformed`` is told line, reason and text of each record that is set aside, ``progress`` the bytes read."""
        self._path = path
        self._layout = layout
        self._malformed = malformed
        self._file = _Watched(path, progress, allow_nul=_errors(layout.encoding) == "strict")
        self._text = io.TextIOWrapper(
            io.BufferedReader(self._file, _BLOCK_BYTES),
            encoding=layout.encoding,
            errors=_errors(layout.encoding),
            newline="",
        )
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._done = False
        self.line = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._text.close()

    @property
    def legacy(self) -> bool:
        """Whether what was read so far holds bytes that are not UTF-8."""
        return self._file.legacy

    @property
    def text(self) -> str:
        """The current record as it stands in the file."""
        return "".join(self._record).rstrip("\r\n")

    def __iter__(self) -> Iterator[list[str]]:
        """The records below the header that have as many cells as it, or only empty ones more."""
        what = remedy = ""
        try:
            self._skip_header()
            while not self._done:
                yield from self._records()
        except UnicodeError:
            what, remedy = f"holds bytes that are not {self._layout.encoding.upper()}", "save the list as CSV UTF-8"
        except _NotText:
            what, remedy = "holds NUL bytes: it is no text, or it was damaged", "export the list again"
        if what:
            raise _bad(self._path, what, remedy, line=self.line + len(self._record))

    def _skip_header(self) -> None:
        while self.line < self._layout.header_line:
            self._text.readline(_LONGEST_LINE)
            self.line += 1
        next(csv.reader(self._lines(), delimiter=self._layout.divider), None)
        self._step()

    def _records(self) -> Iterator[list[str]]:
        """Records until the end, or until one was set aside and reading must begin anew."""
        width = len(self._layout.header)
        try:
            # Strict: a mark that is never closed must not quietly run on to the next one, lines below.
            for cells in csv.reader(self._lines(), delimiter=self._layout.divider, strict=True):
                if len(cells) == width:
                    yield cells
                elif len(cells) > width and not any(cells[width:]):
                    yield cells[:width]  # spreadsheets leave empty cells after rows that were once longer
                elif any(cells):
                    self._set_aside(f"has {_counted(cells)} where the header has {width}")
                    return
                self._step()
        except _Broken as error:
            self._set_aside(str(error))
        except csv.Error:
            cells = self._carelessly_quoted()
            if len(cells) == width:
                yield cells
                self._step()
            else:
                self._set_aside("has a quotation mark where none can be")
        else:
            self._done = True

    def _carelessly_quoted(self) -> list[str]:
        """The cells of a line such as ``"Mara" Okafor,x``; none where a mark in it is not closed."""
        if len(self._record) > 1 or self._record[0].count('"') % 2:
            return []
        return _first_row(self._record, self._layout.divider)

    def _step(self) -> None:
        self.line += len(self._record)
        self._record.clear()

    def _set_aside(self, reason: str) -> None:
        first, rest = self._record[0], self._record[1:]
        if rest:
            reason += "; a quotation mark in it is not closed"
        self._malformed(self.line, reason, first.rstrip("\r\n"))
        self._again.extendleft(reversed(rest))
        self._record.clear()
        self.line += 1

    def _lines(self) -> Iterator[str]:
        record, again, readline = self._record, self._again, self._text.readline
        while line := (again.popleft() if again else readline(_LONGEST_LINE)):
            if len(line) >= _LONGEST_LINE:
                record.append(self._cut(line))
                raise _Broken(f"is longer than {_LONGEST_LINE:,} characters")
            record.append(line)
            if len(record) > _MOST_LINES_IN_RECORD:
                raise _Broken(f"runs over more than {_MOST_LINES_IN_RECORD} lines")
            yield line

    def _cut(self, line: str) -> str:
        """Skip what is left of a line that is too long."""
        while line[-1] not in "\r\n" and (more := self._text.readline(_LONGEST_LINE)):
            line = line[: _LONGEST_LINE - 1] + more[-1]
        return line if line[-1] in "\r\n" else line + "\n"


class _Broken(Exception):
    """A record that cannot be read."""


class _NotText(Exception):
    """A NUL byte where text was promised."""


class _Watched(io.RawIOBase):
    """The file's bytes, watched as they pass: how many, and whether they are UTF-8 and text at all."""

    def __init__(self, path: Path, progress: Callable[[int], None] | None, *, allow_nul: bool) -> None:
        self._raw = path.open("rb", buffering=0)
        self._progress = progress
        self._allow_nul = allow_nul
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._clean = True
        self._done = 0
        self.legacy = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # BufferedReader hands in a memoryview
        size = self._raw.readinto(buffer) or 0
        block = bytes(buffer[:size])
        if not self._allow_nul:
            if b"\0" in block:
                raise _NotText
            self._judge(block)
        self._done += size
        if self._progress is not None:
            self._progress(self._done)
        return size

    def _judge(self, block: bytes) -> None:
        if self.legacy or (self._clean and block.isascii()):
            return
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError:
            self.legacy = True
        self._clean = not self._decoder.getstate()[0]

    def close(self) -> None:
        self._raw.close()
        super().close()


def _errors(encoding: str) -> str:
    return _FALLBACK if encoding in ("utf-8", "utf-8-sig") else "strict"


def _head(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise _bad(path, "is a folder", "name the CSV file in it")
        if not path.exists():
            raise _bad(path, "is not there", "check the name")
        if not path.is_file():
            raise _bad(path, "is no regular file", "save the list to a file first")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise _bad(path, f"cannot be read: {error.strerror}", "") from None
    if size == 0:
        raise _bad(path, "is empty", "export the list again")
    if size > MOST_BYTES:
        raise _bad(path, f"has {size / 1024**3:.1f} GiB; the most is 4", "divide it")
    for signature, what, remedy in _SIGNATURES:
        if head.startswith(signature):
            raise _bad(path, what, remedy)
    return head


def _first_row(lines: Sequence[str], divider: str) -> list[str]:
    try:
        return next(csv.reader(iter(lines[:_MOST_LINES_IN_RECORD]), delimiter=divider), [])
    except csv.Error:
        return []


def _counted(cells: Sequence[str]) -> str:
    return "1 cell" if len(cells) == 1 else f"{len(cells):,} cells"


def _bad(path: Path, what: str, remedy: str, *, line: int = 0) -> BadInput:
    return BadInput([Problem(file=str(path), line=line, where="", what=what, remedy=remedy)])
