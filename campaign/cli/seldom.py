"""For commands that read, print and end: the collector of cycles looks seldom.

What such a command reads it keeps until it ends. To go through all of it again whenever a quarter more is there takes a
sixth of its time, and finds nothing.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_SELDOM = (1_000_000, 20, 100)
"""New objects from one collection to the next, and how many of these before an older generation is gone through."""


@contextmanager
def collected() -> Iterator[None]:
    """As long as this is open. Memory stays bounded, and what was set before is set again."""
    before = gc.get_threshold()
    gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
