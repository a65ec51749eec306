"""A text part that reads well, from an HTML part: for those who read mail as text, where nobody wrote one.

Headings are in capitals, items have bullets, a link has its address behind it, a picture is its alternative text, a
data table is a line for each row. Lines are not wrapped: every mail program does that to fit its window, and a phone's
is narrower than any length that we could choose. What nobody sees is left out: the head, the preheader, hidden parts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from campaign.rendering.text_marks import (
    BREAK,
    BULLET_END,
    CELL,
    COLON,
    END,
    HEADING,
    HEADING_END,
    HREF,
    ITEM,
    ITEM_END,
    LINE,
    LINK,
    LINK_END,
    PARAGRAPH,
    START,
    clean,
    tidied,
)

_VOID: Final = frozenset("area base br col embed hr img input link meta source track wbr".split())  # noqa: SIM905 - words
_HEADINGS: Final = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_PARAGRAPHS: Final = _HEADINGS | {"p", "blockquote", "pre", "address", "figure", "hr", "dl"}
_LINES: Final = frozenset(
    "article aside body caption center dd details div dt fieldset figcaption footer form header main nav "  # noqa: SIM905 - words
    "section summary tbody tfoot thead".split()
)
_IN_LAYOUT: Final = _PARAGRAPHS - {"hr"} | {"article", "div", "section", "table", "ul", "ol"}
"""What a cell of data does not hold: a table with one of these arranges, it does not list."""
_LEFT_OUT: Final = frozenset(("head", "script", "style", "template", "title", "select", "textarea", "object", "svg"))
_HIDDEN: Final = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all", re.IGNORECASE)
_NO_CAPITALS: Final = frozenset(("tr", "az"))
"""Languages whose capital I is another letter than Python's."""

_Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Event:
    """``tag`` opens ("p") or closes ("/p"); text has none."""

    tag: str
    attributes: _Attributes
    text: str = ""


def derived(document: str, *, language: str) -> str:
    """The text part of a finished HTML part."""
    return tidied(marked(document, language=language))


def marked(document: str, *, language: str, control: re.Pattern[str] | None = None) -> str:
    """The words of ``document`` with marks, see text_marks. A comment that matches ``control`` stays, as text."""
    reader = _Reader(control)
    reader.feed(document)
    reader.close()
    writer = _Writer(capitals=language.partition("-")[0] not in _NO_CAPITALS, data=_data_tables(reader.events))
    for number, event in enumerate(reader.events):
        writer.take(number, event)
    return writer.marked()


class _Reader(HTMLParser):
    def __init__(self, control: re.Pattern[str] | None) -> None:
        super().__init__(convert_charrefs=True)
        self._control = control
        self.events: list[_Event] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.events.append(_Event(tag, {name: value or "" for name, value in attrs}))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)  # in HTML the slash says nothing

    def handle_endtag(self, tag: str) -> None:
        if tag not in _VOID:
            self.events.append(_Event(f"/{tag}", {}))

    def handle_data(self, data: str) -> None:
        self.events.append(_Event("", {}, data))

    def handle_comment(self, data: str) -> None:
        if self._control is not None and self._control.fullmatch(data.strip()):
            self.events.append(_Event("", {}, data.strip()))


def _data_tables(events: list[_Event]) -> frozenset[int]:
    """The tables that list data, by the number of the event that opens them; the others arrange a page."""

    @dataclass(slots=True)
    class Table:
        number: int
        arranges: bool
        cells: int = 0
        lists: bool = False

    tables: list[Table] = []
    found = set()
    for number, event in enumerate(events):
        if tables and event.tag in _IN_LAYOUT:
            tables[-1].arranges = True
        if event.tag == "table":
            tables.append(Table(number, event.attributes.get("role", "").lower() in ("presentation", "none")))
        elif tables and event.tag == "tr":
            tables[-1].cells = 0
        elif tables and event.tag in ("td", "th"):
            tables[-1].cells += 1
            tables[-1].lists |= event.tag == "th" or tables[-1].cells > 1
        elif tables and event.tag == "/table":
            table = tables.pop()
            if table.lists and not table.arranges:
                found.add(table.number)
    return frozenset(found)


class _Writer:
    def __init__(self, *, capitals: bool, data: frozenset[int]) -> None:
        self._capitals = capitals
        self._data = data
        self._written: list[str] = [START]
        self._open: list[str] = []
        self._hidden_from = 0
        """How many elements are open from the first hidden one on; 0 where none is hidden."""
        self._lists: list[tuple[str, int]] = []
        self._tables: list[bool] = []
        self._cells: list[str] = []
        """The last cell of each open table's row."""
        self._href: str | None = None

    def marked(self) -> str:
        self._end_link()
        return "".join([*self._written, END])

    def take(self, number: int, event: _Event) -> None:
        tag = event.tag
        if not tag:
            if not self._hidden_from:
                self._add(clean(event.text))
        elif tag[0] == "/":
            self._close(tag[1:])
        else:
            self._start(number, tag, event.attributes)

    def _start(self, number: int, tag: str, attributes: _Attributes) -> None:
        hidden = tag in _LEFT_OUT or _is_hidden(attributes)
        if tag not in _VOID:
            self._open.append(tag)
            if self._hidden_from:
                self._hidden_from += 1
            elif hidden:
                self._hidden_from = 1
            if not self._hidden_from:
                self._begin(number, tag, attributes)
        elif not (hidden or self._hidden_from):
            self._void(tag, attributes)

    def _close(self, tag: str) -> None:
        """Close ``tag``, and what was left open within it; nothing where it is not open."""
        if tag not in self._open:
            return
        while True:
            closed = self._open.pop()
            if self._hidden_from:
                self._hidden_from -= 1
            else:
                self._end(closed)
            if closed == tag:
                return

    def _void(self, tag: str, attributes: _Attributes) -> None:
        if tag == "br":
            self._add(BREAK)
        elif tag == "hr":
            self._add(PARAGRAPH)
        elif tag == "img":
            self._add(f" {clean(attributes.get('alt', ''))} ")

    def _begin(self, number: int, tag: str, attributes: _Attributes) -> None:
        match tag:
            case "a":
                self._end_link()
                if "href" in attributes:
                    self._href = clean(attributes["href"])
                    self._add(LINK)
            case "ul" | "ol":
                self._add(LINE if self._lists else PARAGRAPH)
                first = attributes.get("start", "1")
                self._lists.append((tag, int(first) if first.isdecimal() and first.isascii() else 1))
            case "li":
                self._add(LINE + ITEM + self._bullet() + BULLET_END)
            case "table":
                self._tables.append(number in self._data)
                self._cells.append("")
                self._add(PARAGRAPH)
            case "tr":
                self._row()
            case "td" | "th":
                self._cell(tag)
            case "q":
                self._add("“")
            case _:
                self._block(tag)
                if tag in _HEADINGS and self._capitals:
                    self._add(HEADING)

    def _end(self, tag: str) -> None:
        match tag:
            case "a":
                self._end_link()
            case "ul" | "ol":
                self._lists.pop()
                self._add(LINE if self._lists else PARAGRAPH)
            case "li":
                self._add(ITEM_END + LINE)
            case "table":
                self._tables.pop()
                self._cells.pop()
                self._add(PARAGRAPH)
            case "tr":
                self._row()
            case "td" | "th":
                if not (self._tables and self._tables[-1]):
                    self._add(LINE)
            case "q":
                self._add("”")
            case _:
                if tag in _HEADINGS and self._capitals:
                    self._add(HEADING_END)
                self._block(tag)

    def _block(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._add(PARAGRAPH)
        elif tag in _LINES:
            self._add(LINE)

    def _row(self) -> None:
        lists = bool(self._tables) and self._tables[-1]
        self._add(LINE if lists else PARAGRAPH)
        if self._cells:
            self._cells[-1] = ""

    def _cell(self, tag: str) -> None:
        if not (self._tables and self._tables[-1]):
            self._add(LINE)
            return
        before, self._cells[-1] = self._cells[-1], tag
        if before:
            self._add(COLON if (before, tag) == ("th", "td") else CELL)

    def _bullet(self) -> str:
        indent = "  " * max(0, len(self._lists) - 1)
        if not self._lists or self._lists[-1][0] == "ul":
            return f"{indent}* "
        kind, number = self._lists[-1]
        self._lists[-1] = (kind, number + 1)
        return f"{indent}{number}. "

    def _end_link(self) -> None:
        if self._href is not None:
            self._add(HREF + self._href + LINK_END)
            self._href = None

    def _add(self, text: str) -> None:
        self._written.append(text)


def _is_hidden(attributes: _Attributes) -> bool:
    return (
        "hidden" in attributes
        or attributes.get("aria-hidden", "").strip().lower() == "true"
        or _HIDDEN.search(attributes.get("style", "")) is not None
    )
