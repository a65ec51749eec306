"""Has a process of its own make what this one goes through, so that two processors work on one list.

What it makes crosses over as pickles, through a pipe that holds as much as the other process may be ahead. The process
belongs to this one alone: it ends with it, however that ends, since nobody reads from the pipe any more.
"""

from __future__ import annotations

import fcntl
import gc
import pickle
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from subprocess import DEVNULL, PIPE, Popen
from traceback import format_exc
from typing import IO, Any, TypeVar, cast

from campaign.errors import CampaignError

T = TypeVar("T")

_AHEAD_BYTES = 1 << 20
"""The most that Linux gives a pipe unasked. Elsewhere it holds 64 kB, and the two wait for each other more often."""
# A fresh Python and not a fork, since threads may be at work here. -P, and the path from here: whatever lies in the
# folder in which somebody runs this is not taken for a module.
_START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from campaign.files.apart import serve; serve()"
)
_ENDED = "the process that reads the list was ended from outside; nothing was taken from the list, try again"


class MadeApart(Exception):
    """Where in the other process an error came up: the cause of what is raised here."""


def apart(make: Callable[..., Iterable[T]], *asked: object) -> Iterator[T]:
    """What ``make(*asked)`` yields, made by another process, ahead of who goes through it. It begins at once.

    ``make`` is a function of a module. It, ``asked`` and what it yields must be fit for pickle. What it raises is
    raised here. Raises CampaignError where the process cannot be started, or ends before it is done.
    """
    made = _made_apart(pickle.dumps(sys.path) + pickle.dumps((make, asked)))
    next(made)  # it has started, and ends when nobody holds ``made`` any more
    return made


def _made_apart(orders: bytes) -> Iterator[Any]:
    try:
        # A group of its own: Ctrl-C is for this process, which ends the other.
        process = Popen([sys.executable, "-P", "-c", _START], stdin=PIPE, stdout=PIPE, stderr=DEVNULL, process_group=0)
    except OSError as error:
        raise CampaignError(f"no process could be started to read the list: {error.strerror}") from None
    with process:
        try:
            asking, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
            with suppress(OSError, AttributeError):  # only Linux has it, and not for somebody with very many pipes
                fcntl.fcntl(answers, fcntl.F_SETPIPE_SZ, _AHEAD_BYTES)
            with suppress(BrokenPipeError), asking:  # if it has ended already, that shows below
                asking.write(orders)
            yield None
            yield from _made(answers)
        finally:
            process.kill()  # it is done, or nobody wants the rest


def _made(pipe: IO[bytes]) -> Iterator[Any]:
    while True:
        try:
            over, made = pickle.load(pipe)  # noqa: S301 - from our own process
        except (EOFError, pickle.UnpicklingError):
            raise CampaignError(_ENDED) from None
        if not over:
            yield made
        elif made is None:
            return
        else:
            error, where = made
            raise error from MadeApart(where)


def serve() -> None:
    """The other process: make what is asked for on stdin, and write it to stdout."""
    gc.disable()  # millions of small values, none in a cycle
    make, asked = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started this one
    try:
        for made in make(*asked):
            _write((False, made))
        _write((True, None))
    except BrokenPipeError:
        return  # nobody wants it any more
    except Exception as error:  # noqa: BLE001 - raised where somebody waits for it
        _write((True, (_fit(error), f"in the process that reads:\n{format_exc()}")))


def _write(message: tuple[bool, Any]) -> None:
    pickle.dump(message, sys.stdout.buffer, pickle.HIGHEST_PROTOCOL)
    sys.stdout.buffer.flush()


def _fit(error: Exception) -> Exception:
    """The error, or where it cannot cross over one that names it."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - an error may raise anything there
        return RuntimeError(type(error).__name__)
    return error
