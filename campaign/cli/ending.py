"""How the running program ends: what is under way is finished, within ten seconds; a second signal ends it at once."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from types import FrameType
from typing import Self

from campaign.cli import screen

AT_LATEST_S = 9.5
"""So long after the first signal the program is gone, whatever a provider or a database keeps it waiting for."""
AT_ONCE = 130
_SHOW_CURSOR = b"\x1b[?25h"
_CUT_SHORT = (
    "Stopped, with something still under way after ten seconds. It is in doubt once its claim has run out, and is "
    "settled when the program runs again."
)
_AT_ONCE = "Stopped at once. What was under way is in doubt once its claim has run out; start it again to settle that."


class Ending:
    """From ``begin`` on the first SIGTERM or Ctrl-C calls ``stop``, and the second ends the process there and then.

    Leaving without the rest is what a crash is, and as safe: the ledger knows what had begun. Around all that the
    program has to close, so that it ends in time even where that takes long.
    """

    def __init__(self) -> None:
        # A handler may interrupt the main thread within any lock of threading's: SimpleQueue.put is safe there, and a
        # thread that is started already needs none.
        self._bell: SimpleQueue[bool] = SimpleQueue()
        self._signals = 0
        self._stop: Callable[[], None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def begin(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        threading.Thread(target=_see_to_it, args=(self._bell,), name="ending", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._heard)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            _leave_stragglers()
        self._bell.put(False)

    def _heard(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            _leave(_AT_ONCE, AT_ONCE)
        self._stop()
        self._bell.put(True)


def _see_to_it(bell: SimpleQueue[bool]) -> None:
    if not bell.get():
        return
    try:
        while bell.get(timeout=AT_LATEST_S):
            pass
    except Empty:
        _leave(_CUT_SHORT, 0)


def _leave_stragglers() -> None:
    """Python waits at its end for calls that were left to themselves; nobody else does."""
    # concurrent.futures joins its threads at exit, whatever a pool was told when it was shut down.
    left = [thread for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
    if left:
        _flush()
        os._exit(0)


def _leave(why: str, code: int) -> None:
    """End the process now. Written past Python's own buffers, whose locks somebody may hold."""
    if screen.err.is_terminal:
        os.write(2, _SHOW_CURSOR + b"\r\n")
    os.write(2, f"{why}\n".encode())
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
