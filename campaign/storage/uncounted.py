"""Has SQLite not count the memory it takes.

It counts under a lock, several times for each value that is bound, which is a tenth of an import's time, and nobody
here asks for the sum. SQLite itself advises to leave it off (https://www.sqlite.org/compile.html,
SQLITE_DEFAULT_MEMSTATUS); that can be said until it is first used.
"""

from __future__ import annotations

import ctypes
import sys

_LIBRARY = "libsqlite3.so.0"
_CONFIG_MEMSTATUS = 9  # https://www.sqlite.org/c3ref/c_config_covering_index_scan.html


def leave_memory_uncounted() -> None:
    """To be called before ``sqlite3`` is imported. Where Python brings a SQLite of its own, nothing changes."""
    if "_sqlite3" in sys.modules:
        return
    try:
        configure = ctypes.CDLL(_LIBRARY).sqlite3_config
    except (OSError, AttributeError):
        return
    configure(_CONFIG_MEMSTATUS, 0)  # refused, to no effect, where somebody uses the library already
