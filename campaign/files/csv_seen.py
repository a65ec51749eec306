"""Which addresses came before in a list, without keeping the addresses."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

_FIRST_ROOM = 1 << 12


class Seen:
    """A set of 64-bit hashes in an open table, at most half full: 16 to 32 bytes for each, a sixth of a set of text.

    Python's hash of text is keyed anew by each process, so nobody can make two addresses alike on purpose; that two of
    a million are alike by chance happens in one list of 37 million.
    """

    def __init__(self) -> None:
        self._table = array("q", bytes(8 * _FIRST_ROOM))
        self._count = 0

    def again(self, keys: Sequence[str]) -> list[int]:
        """The numbers of those that came before, among ``keys`` or earlier; all are remembered."""
        while 2 * (self._count + len(keys)) > len(self._table):
            self._grow()
        table, mask = self._table, len(self._table) - 1
        found = []
        for number, code in enumerate(map(hash, keys)):
            code = code or 1  # noqa: PLW2901 - nought is an empty place
            place = code & mask
            while (there := table[place]) and there != code:
                place = place + 1 & mask
            if there:
                found.append(number)
            else:
                table[place] = code
        self._count += len(keys) - len(found)
        return found

    def _grow(self) -> None:
        old, room = self._table, 2 * len(self._table)
        table, mask = array("q", bytes(8 * room)), room - 1
        for code in filter(None, old):
            place = code & mask
            while table[place]:
                place = place + 1 & mask
            table[place] = code
        self._table = table
