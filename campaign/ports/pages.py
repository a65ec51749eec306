"""The pages that links lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Broken:
    """Why a page is not there. ``uncertain`` where the server may only be refusing programs."""

    what: str
    uncertain: bool = False


class Pages(Protocol):
    @property
    def most(self) -> int:
        """How many pages are asked for at most; the links beyond are left alone."""
        ...

    def broken(self, links: Sequence[str]) -> Mapping[str, Broken]:
        """Those of ``links``, which are web addresses, that lead to no page. Takes seconds; never raises."""
        ...
