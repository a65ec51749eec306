"""The fastest way that each database has to take many supporters at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Connection


class Row(NamedTuple):
    """A supporter as stored: the columns after ``id``, times as the driver takes and gives them."""

    email: str
    email_key: str
    address_hash: bytes
    first_name: str
    last_name: str
    language: str
    zone: str
    country: str
    region: str
    postal_code: str
    tags: str
    consent_basis: str
    consent_source: str
    consent_at: Any
    consent_text: str
    acted_at: Any
    extra: str
    added_at: Any
    changed_at: Any


COLUMNS = ", ".join(Row._fields)
CHUNK = 1_900
"""Rows in one statement: SQLite takes 32,766 parameters (SQLITE_MAX_VARIABLE_NUMBER)."""

StoredRow = tuple[Any, ...]
"""A ``Row``'s values but for the last two, which are the time of the import in each that it inserts."""

_OWN = Row._fields[:-2]
_AT = Row._fields[-2:]
_TIME = "%04d-%02d-%02d %02d:%02d:%02d.%06d"


class Bulk(Protocol):
    mark: str
    """What stands for a parameter."""

    def time(self, instant: datetime) -> Any:
        """An instant as the columns take and give it."""
        ...

    def insert(self, rows: Sequence[StoredRow], at: Any) -> int:
        """Insert those of up to ``CHUNK`` rows whose key is not there yet; how many. ``at`` is as ``time`` gives it."""
        ...

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """A condition that ``column`` is one of ``values``, with its parameters."""
        ...


def bulk(connection: Connection) -> Bulk:
    return _Postgresql(connection) if connection.dialect.name == "postgresql" else _Sqlite(connection)


class _Sqlite:
    """One statement with many rows: SQLite parses it once, and Python crosses over to it once for each."""

    mark = "?"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def time(self, instant: datetime) -> str:
        """As SQLAlchemy writes it: UTC, to the microsecond, without a zone."""
        at = instant.astimezone(UTC)
        return _TIME % (at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond)

    def insert(self, rows: Sequence[StoredRow], at: Any) -> int:
        if not rows:
            return 0
        one = f"(?1, ?1, {', '.join('?' * len(_OWN))})"
        return self._connection.exec_driver_sql(
            f"INSERT INTO supporters ({', '.join((*_AT, *_OWN))}) VALUES {', '.join([one] * len(rows))} "  # noqa: S608 - names and marks only
            "ON CONFLICT (email_key) DO NOTHING",
            (at, *chain.from_iterable(rows)),
        ).rowcount

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        return f"{column} IN ({', '.join('?' * len(values))})", tuple(values)


class _Postgresql:
    """COPY into a table of this transaction's own, and from there in one statement.

    A statement with 30,000 parameters takes four times as long: psycopg has to find and dump each of them.
    """

    mark = "%s"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        connection.exec_driver_sql(
            f"CREATE TEMPORARY TABLE incoming ON COMMIT DROP AS SELECT {', '.join(_OWN)} FROM supporters WITH NO DATA"  # noqa: S608 - names only
        )

    def time(self, instant: datetime) -> datetime:
        return instant.astimezone(UTC)

    def insert(self, rows: Sequence[StoredRow], at: Any) -> int:
        driver: Any = self._connection.connection.driver_connection
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY incoming ({', '.join(_OWN)}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(
                f"INSERT INTO supporters ({', '.join((*_OWN, *_AT))}) SELECT {', '.join(_OWN)}, %s, %s FROM incoming "  # noqa: S608 - names only
                "ON CONFLICT (email_key) DO NOTHING",
                (at, at),
            )
            inserted: int = cursor.rowcount
            cursor.execute("TRUNCATE incoming")
        return inserted

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        return f"{column} = ANY (%s)", (list(values),)
