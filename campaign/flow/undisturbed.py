"""Lets bulk work go on without what Python does for programs of another kind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_SWITCH_S = 0.0005
_lock = Lock()
_before: list[tuple[bool, float]] = []  # one entry for each who is at work; the first is how it was


@contextmanager
def undisturbed(*, switch_s: float = _SWITCH_S) -> Iterator[None]:
    """For work that makes millions of small values, none in a cycle, beside a thread that waits for a database.

    The search for cycles is left off: it would look at each of the values several times and find nothing. Threads take
    turns every ``switch_s`` seconds instead of every five milliseconds: a database that is done must not wait for its
    next work. Both are the whole process's, and are as they were once the last who works so is done.
    """
    with _lock:
        _before.append((gc.isenabled(), sys.getswitchinterval()) if not _before else _before[0])
        gc.disable()
        sys.setswitchinterval(switch_s)
    try:
        yield
    finally:
        with _lock:
            collects, switch_s = _before.pop()
            if not _before:
                sys.setswitchinterval(switch_s)
                if collects:
                    gc.enable()
