"""SQLite is told to leave its memory uncounted before it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

COUNTED = """
import ctypes, sqlite3
connection = sqlite3.connect(":memory:")
connection.execute("CREATE TABLE people (name TEXT)")
used = ctypes.CDLL("libsqlite3.so.0").sqlite3_memory_used
used.restype = ctypes.c_longlong
print(used())
"""


def counted(first: str) -> int:
    """The bytes that SQLite says it holds, in a Python that runs ``first``."""
    done = subprocess.run([sys.executable, "-c", first + COUNTED], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("Python's SQLite is not the system's")
    return int(done.stdout)


def test_sqlite_counts_no_memory_once_the_storage_is_loaded() -> None:
    if not counted(""):
        pytest.skip("this SQLite counts none anyway")
    assert counted("import campaign.storage") == 0


def test_a_sqlite_that_is_at_work_is_left_as_it_is() -> None:
    at_work = "import sqlite3; other = sqlite3.connect(':memory:'); other.execute('SELECT 1'); import campaign.storage"
    assert counted(at_work) == counted("import sqlite3; other = sqlite3.connect(':memory:'); other.execute('SELECT 1')")
