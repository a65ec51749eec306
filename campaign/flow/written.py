"""Where rendered words were written: the line in the file that somebody can change."""

from __future__ import annotations

from campaign.model.message import Source


def line_of(source: Source, words: str) -> int:
    """The line of ``source``'s file with most of ``words``, the first of several; 0 (the file) where none has any."""
    wanted = set(words.split())
    best, most = 0, 0
    for number, line in enumerate(source.text.splitlines(), start=source.line):
        common = len(wanted & set(line.split()))
        if common > most:
            best, most = number, common
    return best
