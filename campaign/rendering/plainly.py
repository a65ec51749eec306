"""Texts that only name values, as ``{{ letter.addressee.name }}``: filled as Jinja fills them, without Jinja.

To parse, check and compile a text takes Jinja a millisecond and more, and most posts and subjects hold only names.
Whatever else a text holds, and whatever a name leads to but text and whole numbers, is left to Jinja, and so is each
error: what is filled here is what Jinja makes of it, to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from keyword import iskeyword
from typing import Any, Final

_NAMED: Final = re.compile(r"\{\{ *([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*) *\}\}")
_OF_JINJA: Final = frozenset({"true", "false", "none", "True", "False", "None", "loop", "self", "super", "caller"})
_MOST: Final = 100_000
"""Characters of a text, before and after. What is longer is left to Jinja, which has a limit of its own."""
_MOST_BITS: Final = 64


def only_names(text: str) -> bool:
    """Whether ``text`` holds nothing for Jinja but names with attributes; whether there are such is not known."""
    return _pieces(text) is not None


def filled(text: str, values: Mapping[str, Any]) -> str | None:
    """``text`` with the values that it names, as a text that is not escaped; None where that is for Jinja to say."""
    pieces = _pieces(text)
    if pieces is None:
        return None
    for place in range(1, len(pieces), 2):
        value = _value(pieces[place].split("."), values)
        if value is None:
            return None
        pieces[place] = value
    made = "".join(pieces)
    return made if len(made) <= _MOST else None


def _pieces(text: str) -> list[str] | None:
    """Text and names in turn, text first; None where there is more than that."""
    if len(text) > _MOST or "\r" in text:
        return None
    pieces = _NAMED.split(text.removesuffix("\n"))  # as Jinja takes the last line break
    if any("{" in text for text in pieces[::2]) or any(map(_means_more, _parts(pieces[1::2]))):
        return None
    return pieces


def _parts(names: list[str]) -> Iterator[str]:
    return (part for name in names for part in name.split("."))


def _means_more(name: str) -> bool:
    return name in _OF_JINJA or iskeyword(name)


def _value(path: list[str], values: Mapping[str, Any]) -> str | None:
    found: Any = values
    for part in path:
        if type(found) is dict:
            # Jinja looks for an attribute first, such as a dictionary's ``items``.
            found = None if hasattr(found, part) and found is not values else found.get(part)
        elif is_dataclass(found):
            try:
                found = getattr(found, part, None)
            except Exception:  # noqa: BLE001 - a property may fail in any way; Jinja fails in the same, and it is told
                return None
        else:
            return None
    if type(found) is int and found.bit_length() <= _MOST_BITS:
        return str(found)
    return found if type(found) is str else None
