"""The text in a letter's file, whatever wrote it."""

from __future__ import annotations

import codecs
from pathlib import Path

from campaign.errors import BadInput, Problem

MOST_BYTES = 1024 * 1024
"""A letter's file may have 1 MiB; the longest open letters, with thousands of signatories, have a tenth of that."""

_LONGEST_LINE = 50_000
_SIGNATURES = [
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a word processor's document"),
    (b"{\\rtf", "a word processor's document (RTF)"),
    (b"\xd0\xcf\x11\xe0", "a word processor's document"),
    (b"<!DOCTYPE html", "a web page"),
    (b"<html", "a web page"),
]
_MOST_CONTROLS = 0.01


def decoded(path: Path) -> str:
    """The text of the file at ``path``: UTF-8 or UTF-16 by their marks, else UTF-8, else Windows-1252.

    Raises BadInput where it cannot be read, is larger than MOST_BYTES, or is another kind of document.
    """
    raw = _bytes(path)
    for signature, kind in _SIGNATURES:
        if raw.lstrip()[: len(signature)].lower() == signature.lower():
            raise _bad(path, f"this is {kind}, not text", "save it as plain text or Markdown in UTF-8")
    return _text(path, raw)


def bounded(text: str, source: str) -> str:
    """``text`` where it is text of a size that can be read. Raises BadInput, which names ``source``, where not."""
    path = Path(source)
    if len(text) > MOST_BYTES:
        raise _bad(path, "the text is longer than 1 MiB", "keep the letter alone in the file, as plain text")
    controls = sum(char < " " and char not in "\t\n\r\f\v" for char in text)
    if "\x00" in text or controls > len(text) * _MOST_CONTROLS:
        raise _bad(path, "this is not text", "save the letter as plain text or Markdown in UTF-8")
    if not text.strip():
        raise _bad(path, "the file is empty", "put the letter's text into it")
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > _LONGEST_LINE:
            what = f"the line has {len(line):,} characters; {_LONGEST_LINE:,} are the most"
            raise _bad(path, what, "break it into paragraphs", line=number)
    return text


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise _bad(path, "there is no such file", "check the path") from None
    except IsADirectoryError:
        raise _bad(path, "this is a folder, not a file", "name the letter's file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise _bad(path, f"the file cannot be read: {reason}", "check the path and who may read it") from None
    if len(raw) > MOST_BYTES:
        raise _bad(path, "the file is larger than 1 MiB", "keep the letter alone in the file, as plain text")
    return raw


def _text(path: Path, raw: bytes) -> str:
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return raw.decode("utf-16")
        except UnicodeDecodeError:
            raise _bad(path, "this is not text", "save the letter as plain text or Markdown in UTF-8") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Old word processors on Windows; the few bytes without a meaning there become the replacement character.
        return raw.decode("cp1252", errors="replace")


def _bad(path: Path, what: str, remedy: str, *, line: int = 0) -> BadInput:
    return BadInput([Problem(file=str(path), line=line, where="", what=what, remedy=remedy)])
