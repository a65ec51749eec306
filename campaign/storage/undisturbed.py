"""Lets bulk work go on without what Python does for programs of another kind."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_SWITCH_S = 0.0005


@contextmanager
def undisturbed() -> Iterator[None]:
    """For work that makes millions of small values, none in a cycle, beside a thread that waits for a database.

    The search for cycles is left off: it would look at each of the values several times and find nothing. Threads take
    turns every half millisecond instead of every five: a database that is done must not wait for its next work.
    """
    collects, switch_s = gc.isenabled(), sys.getswitchinterval()
    gc.disable()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(switch_s)
        if collects:
            gc.enable()
