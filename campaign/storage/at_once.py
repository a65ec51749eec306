"""The row of a stop, written by the driver alone.

SQLAlchemy, and all that the ledger stands on, take half a second to load, and several times that beside dispatchers
that are busy: too long for a stop button. What is written is what ``stops.stop`` writes; the contract suite holds it to
that. Where anything is out of the ordinary nothing is written, and the ordinary way says what it is.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from campaign.ports.clock import Clock

_GATE = 727_2028
_PATIENCE = timedelta(seconds=20)
_AGAIN = timedelta(milliseconds=1)
"""SQLite's own waiting grows to a tenth of a second, and lets others in before."""
_STANDS = 'SELECT id FROM stops WHERE world = {0} AND step = {0} AND "by" = {0} AND ended_at IS NULL'
_INSERT = "INSERT INTO stops (world, step, \"by\", why, stopped_at, ended_by) VALUES ({0}, {0}, {0}, {0}, {0}, '')"


def stop(url: str, world: str, step: str, *, by: str, why: str, at: datetime, clock: Clock) -> bool:
    """Write that ``step`` is stopped, unless it is by the same already. False where it could not be written so."""
    if url.startswith("sqlite:///") and "?" not in url:
        return _sqlite(unquote(url.removeprefix("sqlite:///")), (world, step, by), why, at, clock)
    for head in ("postgresql://", "postgresql+psycopg://"):
        if url.startswith(head):
            return _postgresql("postgresql://" + url.removeprefix(head), (world, step, by), why, at)
    return False


def _sqlite(path: str, stop: tuple[str, str, str], why: str, at: datetime, clock: Clock) -> bool:
    until = clock.now() + _PATIENCE
    try:
        # mode=rw: a file that is not there is made by the ordinary way, or is a mistake.
        with closing(sqlite3.connect(f"file:{_as_uri(path)}?mode=rw", uri=True, timeout=0)) as connection:
            connection.isolation_level = None
            connection.execute("PRAGMA synchronous=FULL")
            while True:
                try:
                    connection.execute("BEGIN IMMEDIATE")
                    break
                except sqlite3.OperationalError:
                    if clock.now() >= until:
                        return False
                    clock.sleep_until(clock.now() + _AGAIN)
            if connection.execute(_STANDS.format("?"), stop).fetchone() is None:
                written = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"  # as storage.tables.Utc is kept there
                connection.execute(_INSERT.format("?"), (*stop, why, written))
            connection.execute("COMMIT")
    except sqlite3.Error:
        return False
    return True


def _as_uri(path: str) -> str:
    """A path within SQLite's URI, where these three have a meaning (https://sqlite.org/uri.html)."""
    return path.replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _postgresql(url: str, stop: tuple[str, str, str], why: str, at: datetime) -> bool:
    import psycopg  # noqa: PLC0415 - takes long to load, and SQLite needs none of it

    try:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_GATE,))  # see storage.stops
            if connection.execute(_STANDS.format("%s"), stop).fetchone() is None:
                connection.execute(_INSERT.format("%s"), (*stop, why, at))
    except psycopg.Error:
        return False
    return True
