"""A row's cells in groups, by what they mean, and what many rows say alike remembered."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, TypeVar

from campaign.files.csv_columns import Columns

Cells = Sequence[str]
KeyT = TypeVar("KeyT", bound=Hashable)
ValueT = TypeVar("ValueT")

_REMEMBERED = 50_000
_LONGEST_REMEMBERED = 2_000


class Memo(dict[KeyT, ValueT]):
    """Values by key, each worked out when it is first asked for. Very long keys are not kept: memory is bounded."""

    def __init__(self, work_out: Callable[[KeyT], ValueT]) -> None:
        self._work_out = work_out

    def __missing__(self, key: KeyT) -> ValueT:
        value = self._work_out(key)
        if (sum(map(len, key)) if isinstance(key, tuple) else len(key)) > _LONGEST_REMEMBERED:  # type: ignore[arg-type]  # keys are text, or tuples of it
            return value
        if len(self) >= _REMEMBERED:
            self.clear()
        self[key] = value
        return value


class Group:
    """Some of a row's cells, by what they mean. ``pick`` takes them out of a row."""

    def __init__(self, columns: Columns, meanings: Sequence[str]) -> None:
        self._places = [place for meaning in meanings for place in columns.of(meaning)]
        self.any = bool(self._places)
        # The first twice: of one place alone, itemgetter makes no tuple.
        self.pick: Callable[[Cells], tuple[str, ...]] = (
            itemgetter(*self._places, self._places[0]) if self._places else _nothing
        )
        self._slices: dict[str, slice] = {}
        start = 0
        for meaning in meanings:
            self._slices[meaning] = slice(start, start := start + len(columns.of(meaning)))

    def pick_all(self, columns: Sequence[Cells]) -> Iterator[tuple[str, ...]]:
        """What ``pick`` takes from each row, from the rows' columns; without end where there is nothing to take."""
        if not self._places:
            return repeat(())
        return zip(*(columns[place] for place in (*self._places, self._places[0])), strict=True)

    def all(self, picked: tuple[str, ...], meaning: str) -> tuple[str, ...]:
        return picked[self._slices[meaning]]

    def first(self, picked: tuple[str, ...], meaning: str) -> str:
        """The first of several columns for one thing that holds anything."""
        return next((cell for cell in picked[self._slices[meaning]] if cell.strip()), "")


def first_filled(cells: Cells, places: Sequence[int]) -> str:
    """The first of several columns for one thing that holds anything."""
    return next((cells[place] for place in places if cells[place].strip()), "")


def _nothing(_: Any) -> tuple[str, ...]:
    return ()
