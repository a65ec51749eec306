"""YAML 1.2 that keeps its positions and guesses nothing.

Every scalar stays the text that was written (09:00 is not 540, ``no`` is not False); what it must be is for the
schema to say. Only the plain ``null``, ``~`` and nothing at all become None (YAML 1.2.2, section 10.3.2). Size,
depth and the reach of aliases are bounded, so that no file can eat the machine.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from campaign.errors import BadInput, Problem

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 20
"""Deepest nesting, aliases followed."""
MAX_NODES = 250_000
"""Most values and keys, each alias counted as all that it stands for."""

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_SHOWN = 60
_SURROGATE = re.compile("[\ud800-\udfff]")
_READ_OTHERWISE = re.compile(r"[\t\x85\u2028\u2029\ufeff]|^ *(?:- +)*\?|^%|[|>]\S*#", re.MULTILINE)
"""What libyaml takes as YAML 1.1 has it, or in another way than ruamel.yaml: line breaks, tabs, keys after ?."""
# What ruamel's scanner raises, besides its own errors, for escapes and marks that are cut short or out of range.
_SCANNER_GIVES_UP = (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError, AssertionError)
_REMEDIES = (
    ("found character '\\t'", "a tab stands where spaces are needed", "indent with spaces"),
    (
        "mapping values are not allowed",
        "a colon stands where none can be",
        "check the indentation here and in the line above, and put text that holds a colon between quotes",
    ),
    (
        "could not find expected ':'",
        "this line is neither a key with a colon nor a part of the text above",
        "write `key: value`, indented like its neighbours",
    ),
    (
        "expected <block end>",
        "this line does not fit what stands above it",
        "indent it like its neighbours, and close every quotation mark",
    ),
    ("expected ',' or", "a bracket was opened and not closed", "close [ with ] and { with }, and divide by commas"),
    ("found unexpected end of stream", "a quotation mark was opened and never closed", "close it"),
    ("cannot start any token", "this character cannot begin a value", "put the text between quotes"),
    ("found unknown escape", "the backslash begins no known escape", 'write \\\\ for a backslash inside " "'),
    ("sequence entries are not allowed", "a list item stands where none can be", "put each `- ` on a line of its own"),
    ("expected '<document start>'", "this does not belong to what stands above it", "check indentation and brackets"),
    ("expected the node content", "a value is missing or begins wrongly", "put text that begins with a mark in quotes"),
    ("scanning a block scalar", "nothing may follow | or > on its line", "begin the text on the next line, indented"),
    ("scanning an alias", "* begins an alias in YAML", "put the text between quotes"),
    ("scanning an anchor", "& begins an anchor in YAML", "put the text between quotes"),
    ("special characters are not allowed", "an invisible control character stands here", "delete it"),
)


@dataclass(slots=True)
class Node:
    """One value and the line (from 1) on which it begins.

    ``value`` is text, None, a list or a mapping of Nodes; ``key_lines`` are the lines of a mapping's keys. ``size`` and
    ``depth`` count all within, aliases followed.
    """

    line: int
    value: str | list[Node] | dict[str, Node] | None
    key_lines: dict[str, int] = field(default_factory=dict)
    size: int = 1
    depth: int = 1


def read_text(path: Path) -> str:
    """The file's text. BadInput where it is missing, too large (1 MiB) or not UTF-8."""
    file = str(path)
    try:
        if not path.is_file():
            missing = "is a folder" if path.is_dir() else "is not there"
            raise _bad(file, 0, f"the file {missing}", "check the name, and the folder you are in")
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        reason = getattr(error, "strerror", None) or str(error)
        raise _bad(file, 0, f"the file cannot be read ({reason})", "check its name and permissions") from None
    if len(raw) > MAX_BYTES:
        raise _bad(file, 0, f"the file is larger than {MAX_BYTES // 1024} KiB", "a plan is text; is this another file?")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _bad(file, line, "the file is not in UTF-8 from here on", "save it as UTF-8 in your editor") from None


def compose(text: str, file: str) -> tuple[Node, list[Problem]]:
    """The one document in ``text`` and what is wrong but did not keep it from being read, such as duplicate keys.

    BadInput where it cannot be read at all, is empty, or is out of bounds. ``file`` is for the messages.
    """
    composer = quickly(text, file) or carefully(text, file)
    root = composer.content
    if root is None:
        raise _bad(file, 0, "the file is empty", "begin with `campaign:`, or copy the example from the documentation")
    return root, composer.problems


def quickly(text: str, file: str) -> Composer | None:
    """By libyaml, in a fifth of the time; None where it is not here, or where anything is to be said of the text."""
    loader = getattr(yaml, "CSafeLoader", None)
    if loader is None or _READ_OTHERWISE.search(text):
        return None
    composer = Composer(file)
    try:
        for event in yaml.parse(text, Loader=loader):
            composer.take(event)
    except (yaml.YAMLError, UnicodeError, BadInput):
        return None
    return None if composer.problems or composer.content is None else composer


def carefully(text: str, file: str) -> Composer:
    """By ruamel.yaml, which says where and why a text is no YAML."""
    # Loaded for the few texts that libyaml is not asked, or has something against.
    from ruamel.yaml import YAML  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    composer = Composer(file)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            composer.take(event)
    except (YAMLError, *_SCANNER_GIVES_UP) as error:
        raise BadInput([*composer.problems, _explain(error, file, text, composer.line)]) from None
    return composer


def plain(node: Node) -> Any:
    """The values alone: text, None, lists and dicts."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def line_of(root: Node, place: Sequence[str | int]) -> int:
    """The line of the key or list item at ``place``, or of the innermost part of it that exists."""
    node, line = root, 0
    for part in place:
        if isinstance(node.value, dict) and part in node.value:
            line, node = node.key_lines[str(part)], node.value[str(part)]
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.line
        else:
            break
    return line or root.line


class Composer:
    """Nodes from the parser's events, without recursion."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self.line = 1
        self._documents = 0
        self._anchors: dict[str, Node] = {}
        self._open: list[_Open] = []

    @property
    def content(self) -> Node | None:
        """The document; None where it is empty."""
        return None if self.root is None or self.root.value is None else self.root

    def take(self, event: Any) -> None:
        """An event of either library: they name them, and what is in them, alike."""
        self.line = event.start_mark.line + 1
        match type(event).__name__:
            case "DocumentStartEvent":
                self._documents += 1
                if self._documents > 1:
                    raise _bad(self.file, self.line, "a second document begins here", "remove the line of ---")
                if event.version or event.tags:
                    self._add("a line that begins with % is not used here", "remove it")
            case "ScalarEvent":
                self._check_tag(event)
                self._place(Node(self.line, self._scalar(event)), event.anchor)
            case "AliasEvent":
                self._place_alias(event.anchor)
            case "SequenceStartEvent" | "MappingStartEvent" as kind:
                self._check_tag(event)
                if len(self._open) >= MAX_DEPTH:
                    raise self._too_deep()
                self._open.append(_Open(Node(self.line, [] if kind == "SequenceStartEvent" else {}), event.anchor))
            case "SequenceEndEvent" | "MappingEndEvent":
                closed = self._open.pop()
                self._place(closed.node, closed.anchor)

    def _scalar(self, event: Any) -> str | None:
        if not event.style and event.value in _NULLS:
            return None
        value = str(event.value)
        if not value.isascii() and _SURROGATE.search(value):
            self._add("the text holds half a character", "write the character itself instead of its \\u escapes")
            return ""
        return value

    def _place(self, node: Node, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        parent = top.node
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.size > MAX_NODES:
            raise _bad(self.file, node.line, f"the file holds more than {MAX_NODES} values", "use fewer aliases")
        if parent.depth + len(self._open) - 1 > MAX_DEPTH:
            raise self._too_deep()
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif isinstance(parent.value, dict):
            self._place_in_mapping(top, parent.value, node)

    def _place_in_mapping(self, top: _Open, mapping: dict[str, Node], node: Node) -> None:
        if not top.has_key:
            top.has_key, top.key, top.key_line = True, None, self.line
            if node.value == "<<":
                self._add("<< does not merge keys in YAML 1.2", "write the keys out, or give the whole value an alias")
            elif isinstance(node.value, str):
                top.key = node.value
            else:
                self._add("a key must be plain text", "write `key: value`")
            return
        key, top.has_key = top.key, False
        if key is None:
            return
        if key in mapping:
            first = top.node.key_lines[key]
            self._add(f'"{shorten(key)}" is given twice', f"it stands in line {first} too; keep one", top.key_line)
            return
        mapping[key] = node
        top.node.key_lines[key] = top.key_line

    def _place_alias(self, anchor: str) -> None:
        node = self._anchors.get(anchor)
        if node is None:
            remedy = "put the text between quotes if * is a part of it"
            self._add(f'the alias "*{shorten(anchor)}" has no anchor above it', remedy)
            node = Node(self.line, None)
        self._place(node, None)

    def _check_tag(self, event: Any) -> None:
        if event.tag is not None:
            remedy = "remove it, or put the text between quotes if ! is a part of it"
            self._add(f'the tag "{shorten(str(event.tag))}" is not used here', remedy)

    def _add(self, what: str, remedy: str, line: int = 0) -> None:
        self.problems.append(Problem(file=self.file, line=line or self.line, where="", what=what, remedy=remedy))

    def _too_deep(self) -> BadInput:
        return _bad(
            self.file, self.line, f"the values are nested deeper than {MAX_DEPTH} levels", "check the indentation"
        )


class _Open:
    """A list or mapping whose end has not come yet. A ``key`` of None was no usable key."""

    __slots__ = ("anchor", "has_key", "key", "key_line", "node")

    def __init__(self, node: Node, anchor: str | None) -> None:
        self.node = node
        self.anchor = anchor
        self.has_key = False
        self.key: str | None = None
        self.key_line = 0


def shorten(text: str) -> str:
    """``text`` fit for a message: on one line and not long."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "�" for letter in line[: _SHOWN + 1])
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _explain(error: BaseException, file: str, text: str, line: int) -> Problem:
    from ruamel.yaml.error import MarkedYAMLError  # noqa: PLC0415 - as it is in carefully

    said = str(error)
    if isinstance(error, MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        said = " ".join(str(part) for part in (error.context, error.problem) if part)
        line = mark.line + 1 if mark else line
    elif isinstance(position := getattr(error, "position", None), int):
        line = text.count("\n", 0, position) + 1
    written = _line(text.split("\n"), line)
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Problem(file, line, "", "the line is indented with a tab", "indent with spaces")
    for sign, what, remedy in _REMEDIES:
        if sign in said:
            return Problem(file, line, "", what, remedy)
    return Problem(file, line, "", f"this is not YAML ({shorten(said)})", "check indentation, quotes and brackets")


def _line(lines: Sequence[str], number: int) -> str:
    return lines[number - 1] if 0 < number <= len(lines) else ""


def _bad(file: str, line: int, what: str, remedy: str) -> BadInput:
    return BadInput([Problem(file, line, "", what, remedy)])
