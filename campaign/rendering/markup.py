"""Where in a piece of HTML or MJML something stands, and whether a supporter's value may stand there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

_ATTRIBUTES: Final = r"""(?:[^<>"']|"[^"]*"|'[^']*')*"""
_PARTS: Final = re.compile(
    rf"(?P<comment><!--.*?-->|<!\[CDATA\[.*?\]\]>|<[!?][^>]*>)"
    rf"|(?P<raw><(?P<name>script|style|title|textarea|xmp|mj-preview|mj-title|mj-style)\b{_ATTRIBUTES}>"
    rf".*?</(?P=name)\s*>)"
    rf"|(?P<tag></?[a-z]{_ATTRIBUTES}>)",
    re.IGNORECASE | re.DOTALL,
)
_ATTRIBUTE: Final = re.compile(
    r"""\s([^\s"'<>/=]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""",
)
_ADDRESSES: Final = frozenset(
    "href src action formaction background poster cite longdesc srcset xlink:href background-url".split()  # noqa: SIM905 - words
)


def content(markup: str) -> list[tuple[int, int]]:
    """The spans of ``markup`` that are text between tags, where HTML allows a comment."""
    spans, end = [], 0
    for match in _PARTS.finditer(markup):
        spans.append((end, match.start()))
        end = match.end()
    return [*spans, (end, len(markup))]


def misplaced(markup: str, token: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    """Every token that stands where no value of a supporter's may, with the reason."""
    for part in _PARTS.finditer(markup):
        if part["raw"] and part["name"].lower() in ("script", "style", "mj-style", "xmp"):
            for match in token.finditer(part["raw"]):
                yield match, f"it stands inside <{part['name'].lower()}>"
        elif part["tag"]:
            yield from _misplaced_in_tag(part["tag"], token)


def addresses(markup: str, token: re.Pattern[str]) -> Iterator[tuple[re.Match[str], bool]]:
    """Every token within an address (``href`` and the like), and whether the address begins with it."""
    for part in _PARTS.finditer(markup):
        for name, value in _attributes(part["tag"] or ""):
            if name in _ADDRESSES:
                for match in token.finditer(value):
                    yield match, not value[: match.start()].strip()


def _misplaced_in_tag(tag: str, token: re.Pattern[str]) -> Iterator[tuple[re.Match[str], str]]:
    rest = tag
    for match in _ATTRIBUTE.finditer(tag):
        name, value = match[1].lower(), match[2] or match[3] or match[4] or ""
        rest = rest.replace(match[0], f" {match[1]}", 1)
        if name == "style" or name.startswith("on"):
            for found in token.finditer(value):
                yield found, f"it stands in the attribute {name!r}, which is code"
    for found in token.finditer(rest):
        yield found, "it stands among a tag's attributes, not in the value of one"


def _attributes(tag: str) -> Iterator[tuple[str, str]]:
    for match in _ATTRIBUTE.finditer(tag):
        yield match[1].lower(), match[2] or match[3] or match[4] or ""
