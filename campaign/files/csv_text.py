"""CSV as it really comes: its encoding, its divider, and its records with the lines they stand on.

Quoting: a cell may hold line breaks. A quotation mark that is never closed costs the record it stands in and not the
rest of the file: such a record is set aside and reading goes on from its second line.

Records come in pages. Most lines of most lists hold no quotation mark: their cells are what stands between the
dividers, and Python divides a line several times as fast as its CSV reader does. Only where there are marks is that
asked, for a whole page at once, and line by line only where a record of the page runs over several.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from campaign.errors import BadInput, Problem
from campaign.files.csv_lines import LONGEST_LINE, Changed, Lines, NotText, errors

MOST_BYTES = 4 * 1024**3
MOST_COLUMNS = 500
_HEAD_BYTES = 64 * 1024
_LONGEST_CELL = 131_072
"""Characters: the csv module's own limit, kept where it is not asked."""
_MOST_LINES_IN_RECORD = 100
_DIVIDERS = (",", ";", "\t", "|")
_MARK = '"'

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
    decoder = codecs.getincrementaldecoder(encoding)(errors=errors(encoding))
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


class Page:
    """Records that follow each other: the cells of each, the line it begins on, and its text as it stands in the file.

    Lines count from 1, as in an editor. ``malformed`` are those that cannot be used: line, reason and text.
    """

    __slots__ = ("lines", "malformed", "rows", "texts")

    def __init__(self, rows: list[list[str]], lines: list[int], texts: list[str]) -> None:
        self.rows = rows
        self.lines = lines
        self.texts = texts
        self.malformed: list[tuple[int, str, str]] = []

    def add(self, line: int, cells: list[str] | str, text: str) -> None:
        """``cells`` are none where the record is empty, or the reason why it cannot be used."""
        if isinstance(cells, str):
            self.malformed.append((line, cells, text))
        elif cells:
            self.rows.append(cells)
            self.lines.append(line)
            self.texts.append(text)


class Table:
    """The records of a file. ``line`` is where the next one begins."""

    def __init__(self, path: Path, layout: Layout, *, progress: Callable[[int], None] | None = None) -> None:
        """``progress`` is told the bytes read."""
        self._path = path
        self._divider = layout.divider
        self._width = len(layout.header)
        self._header_line = layout.header_line
        self._encoding = layout.encoding
        self._source = Lines(path, layout.encoding, progress=progress)
        self._lines: list[str] = []
        self._next = 0
        self._record: list[str] = []
        self.line = 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()

    @property
    def legacy(self) -> bool:
        """Whether what was read so far holds bytes that are not UTF-8."""
        return self._source.legacy

    def pages(self) -> Iterator[Page]:
        """The records below the header that have as many cells as it, or only empty ones more.

        Raises BadInput where the file turns out not to be text, or to be written to meanwhile.
        """
        try:
            self._skip_header()
            while self._waiting() or self._more():
                yield self._page()
        except UnicodeError:
            what, remedy = f"holds bytes that are not {self._encoding.upper()}", "save the list as CSV UTF-8"
        except NotText as error:
            self.line += error.lines
            what, remedy = "holds NUL bytes: it is no text, or it was damaged", "export the list again"
        except Changed:
            raise _bad(self._path, "was written to while it was read", "import it again once it is whole") from None
        else:
            return
        raise _bad(self._path, what, remedy, line=self.line + len(self._record) + self._waiting())

    def _waiting(self) -> int:
        return len(self._lines) - self._next

    def _more(self) -> bool:
        """Read on; False at the end."""
        more = self._source.more()
        self._lines += more
        return bool(more)

    def _skip_header(self) -> None:
        while self.line < self._header_line and (self._waiting() or self._more()):
            self._next += 1
            self.line += 1
        try:
            next(csv.reader(self._following(), delimiter=self._divider), None)
        except (_Broken, csv.Error):
            what = "the header cannot be read: a quotation mark in it is not closed"
            raise _bad(self._path, what, "export the list again", line=self._header_line) from None
        self._step()

    def _page(self) -> Page:
        del self._lines[: self._next]
        self._next = 0
        lines = self._lines
        rows = self._divided(lines) if max(map(len, lines)) <= _LONGEST_CELL else None
        if rows is None:
            return self._page_line_by_line()
        self._lines = []
        first, self.line = self.line, self.line + len(lines)
        numbers = list(range(first, self.line))
        if set(map(len, rows)) == {self._width}:
            return Page(rows, numbers, lines)
        page = Page([], [], [])
        for line, cells, text in zip(numbers, rows, lines, strict=True):
            page.add(line, self._fitted(cells), text)
        return page

    def _divided(self, lines: list[str]) -> list[list[str]] | None:
        """The cells of each line; None where a record runs over several."""
        divider = self._divider
        marked = [line for line in lines if _MARK in line]
        if not marked:
            return [line.split(divider) if line else [] for line in lines]
        try:
            parsed = list(csv.reader(marked, delimiter=divider, strict=True))
        except csv.Error:
            return None
        if len(parsed) != len(marked):
            return None  # a mark that is left open takes in the next marked line at the least
        cells = iter(parsed)
        return [next(cells) if _MARK in line else line.split(divider) if line else [] for line in lines]

    def _page_line_by_line(self) -> Page:
        page = Page([], [], [])
        end = len(self._lines)  # as they are now: a record that runs on beyond them brings more, for the next page
        while self._next < end:
            text = self._lines[self._next]
            if _MARK in text or len(text) > _LONGEST_CELL:
                self._add_record(page)
                continue
            if text:
                page.add(self.line, self._fitted(text.split(self._divider)), text)
            self._next += 1
            self.line += 1
        return page

    def _fitted(self, cells: list[str]) -> list[str] | str:
        """The cells in the header's width, none where nothing is in them, or the reason why they cannot be used."""
        width = self._width
        if len(cells) == width:
            return cells
        if len(cells) > width and not any(cells[width:]):
            return cells[:width]  # spreadsheets leave empty cells after rows that were once longer
        if not any(cells):
            return []
        return f"has {_counted(cells)} where the header has {width}"

    def _add_record(self, page: Page) -> None:
        """The record that begins on the next line, over as many lines as it has."""
        try:
            # Strict: a mark that is never closed must not quietly run on to the next one, lines below.
            fitted = self._fitted(next(csv.reader(self._following(), delimiter=self._divider, strict=True)))
        except _Broken as error:
            fitted = str(error)
        except csv.Error:
            cells = self._carelessly_quoted()
            fitted = cells if len(cells) == self._width else "has a quotation mark where none can be"
        if isinstance(fitted, str):
            self._set_aside(page, fitted)
        else:
            page.add(self.line, fitted, "\n".join(self._record))
            self._step()

    def _carelessly_quoted(self) -> list[str]:
        """The cells of a line such as ``"Mara" Okafor,x``; none where a mark in it is not closed."""
        if len(self._record) > 1 or self._record[0].count(_MARK) % 2:
            return []
        return _first_row(self._record, self._divider)

    def _step(self) -> None:
        self.line += len(self._record)
        self._record.clear()

    def _set_aside(self, page: Page, reason: str) -> None:
        """Only the first line: what follows may be records of its own."""
        if len(self._record) > 1:
            reason += "; a quotation mark in it is not closed"
        page.add(self.line, reason, self._record[0][:LONGEST_LINE])
        self._next -= len(self._record) - 1
        self._record.clear()
        self.line += 1

    def _following(self) -> Iterator[str]:
        """The lines of one record, with their ends; they are read on where the page ends within it."""
        record = self._record
        while True:
            if self._next == len(self._lines):
                self._lines += (more := self._source.more())
                if not more:
                    return
            line = self._lines[self._next]
            self._next += 1
            record.append(line)
            if len(line) > LONGEST_LINE:
                raise _Broken(f"is longer than {LONGEST_LINE:,} characters")
            if len(record) > _MOST_LINES_IN_RECORD:
                raise _Broken(f"runs over more than {_MOST_LINES_IN_RECORD} lines")
            yield line + "\n"


class _Broken(Exception):
    """A record that cannot be read."""


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
