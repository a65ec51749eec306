"""One cell of a CSV file: made plain as it comes in, made harmless as it goes out."""

from __future__ import annotations

import re
import unicodedata

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GUARD = "'"
_NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\u200b]+")


def plain(written: str) -> str:
    """Text for one line: in normal form C, without control characters, white space folded, the guard taken off."""
    if not written.isprintable():
        written = _NOT_TEXT.sub(" ", written)
    text = " ".join(written.split())
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return unguarded(text)


def guarded(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): an apostrophe goes before it."""
    return _GUARD + text if text.startswith(_FORMULA) else text


def unguarded(text: str) -> str:
    return text[1:] if text[:1] == _GUARD and text[1:2] in _FORMULA else text
