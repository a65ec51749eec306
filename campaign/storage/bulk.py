"""The fastest way that each database has to take many supporters at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, compress
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import orjson
from sqlalchemy import Connection

from campaign.model.roll import instant, written_instant


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
CHUNK = 1_890
"""Rows looked up in one statement: SQLite takes 32,766 parameters (SQLITE_MAX_VARIABLE_NUMBER)."""

StoredColumns = Sequence[Sequence[Any]]
"""Of many rows: a ``Row``'s columns but for the last two, which are the time of the import in each that it inserts."""

Known = tuple[int, int, bool]
"""The number of a row among those written, the id of the person known by its key, and whether it says more."""

KEPT_IF_EMPTY = ("first_name", "last_name", "language", "zone", "country", "region", "postal_code")
"""Columns that a row leaves as they are where it has nothing in them."""

_AT_ONCE = 45
_MOST_STATEMENTS = 100
_OWN = Row._fields[:-2]
_NEEDED = frozenset({"email", "email_key", "address_hash"})
"""Columns that have no value by default. Where a chunk has nothing in another one, it is left out."""
_AT = Row._fields[-2:]
_NAMES = ", ".join(_OWN)


_COMPARED = tuple(name for name in _OWN if name not in ("email", "address_hash"))
_compared = itemgetter(*map(_OWN.index, _COMPARED))


def _says_more() -> str:
    """Whether ``incoming`` may say more than is known: SQL of which ``merged`` need not be asked where it is false."""
    parts = [
        f"(incoming.{name} <> supporters.{name} AND incoming.{name} <> '')"
        for name in (*KEPT_IF_EMPTY, "tags", "extra")
    ]
    consent = [f"incoming.{name} <> supporters.{name}" for name in ("consent_basis", "consent_source", "consent_text")]
    consent.append("incoming.consent_at {other} supporters.consent_at")
    parts.append(f"(({' OR '.join(consent)}) AND incoming.consent_basis <> '')")
    parts.append("(incoming.acted_at IS NOT NULL AND supporters.acted_at IS NULL)")
    return f"({' OR '.join(parts)})"


_SAYS_MORE = _says_more()


class Bulk(Protocol):
    mark: str
    """What stands for a parameter."""

    def time(self, at: datetime) -> Any:
        """An instant as the columns take and give it."""
        ...

    def times(self, written: Sequence[str | None]) -> Sequence[Any]:
        """The same of instants as NewSupporters has them."""
        ...

    def write(self, columns: StoredColumns, at: Any, last_id: int) -> tuple[int, list[Known]]:
        """Insert those of up to ``CHUNK`` rows whose key is not there yet; how many they were, and who was known.

        ``at`` is as ``time`` gives it; no id above ``last_id`` is taken.
        """
        ...

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        """A condition that ``column`` is one of ``values``, with its parameters."""
        ...


def bulk(connection: Connection) -> Bulk:
    return _Postgresql(connection) if connection.dialect.name == "postgresql" else _Sqlite(connection)


@lru_cache(_MOST_STATEMENTS)
def _insertion(names: tuple[str, ...], rows: int) -> str:
    """SQL that inserts so many rows. Its parameters are the time of the import, then column after column."""
    one = ", ".join(f"?{{{place}}}" for place in range(len(names)))
    values = ", ".join(
        f"(?1, ?1, {one.format(*range(row, row + rows * len(names), rows))})" for row in range(2, rows + 2)
    )
    return (
        f"INSERT OR FAIL INTO supporters ({', '.join(_AT)}, {', '.join(names)}) VALUES {values} "  # noqa: S608 - names and marks only
        "ON CONFLICT (email_key) DO NOTHING"
    )


class _Sqlite:
    """A few dozen rows in a statement: SQLite takes longer for a row that has one of its own, which begins and ends,
    and for one of a thousand, whose values do not stay in a processor's own cache until they are stored.

    OR FAIL: what fails is rolled back by the transaction that it is in. By default SQLite could also take back the
    statement alone, and keeps for that a copy of each page that it changes: of one for each row, where the index is
    large (https://www.sqlite.org/tempfiles.html, 2.5).
    """

    mark = "?"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        # SQLAlchemy's own work for each statement would cost more than SQLite's.
        self._driver: Any = connection.connection.driver_connection
        self._mostly_known = False  # whether the last rows were: then the next are looked up before they are inserted

    def time(self, at: datetime) -> str:
        return written_instant(at)  # SQLAlchemy writes it so too

    def times(self, written: Sequence[str | None]) -> Sequence[str | None]:
        return written

    def write(self, columns: StoredColumns, at: Any, last_id: int) -> tuple[int, list[Known]]:
        known: list[Known] = []
        rows = len(columns[0])
        if self._mostly_known:
            known = self._known(columns, last_id)
            there = {number for number, _, _ in known}
            new = [number not in there for number in range(rows)]
            inserted = self._insert([list(compress(column, new)) for column in columns], at)
        else:
            inserted = self._insert(columns, at)
            if inserted < rows:
                known = self._known(columns, last_id)
        self._mostly_known = 2 * len(known) > rows
        return inserted, known

    def _insert(self, columns: StoredColumns, at: Any) -> int:
        rows, inserted = len(columns[0]), 0
        said = [(name, column) for name, column in zip(_OWN, columns, strict=True) if name in _NEEDED or any(column)]
        names = tuple(name for name, _ in said)
        cursor = self._driver.cursor()
        for start in range(0, rows, _AT_ONCE):
            parts = [column[start : start + _AT_ONCE] for _, column in said]
            cursor.execute(_insertion(names, len(parts[0])), (at, *chain.from_iterable(parts)))
            inserted += cursor.rowcount
        return inserted

    def _known(self, columns: StoredColumns, last_id: int) -> list[Known]:
        """In one row of JSON: for each row that SQLite gives, Python would have to take its turn again."""
        marks = ", ".join("?" * len(_COMPARED))
        found = self._connection.exec_driver_sql(
            f"WITH incoming (number, {', '.join(_COMPARED)}) "  # noqa: S608 - names and marks only
            f"AS (VALUES {', '.join(f'({number}, {marks})' for number in range(len(columns[0])))}) "
            f"SELECT json_group_array(json_array(number, supporters.id, {_SAYS_MORE.format(other='IS NOT')})) "
            "FROM incoming CROSS JOIN supporters ON supporters.email_key = incoming.email_key WHERE supporters.id <= ?",
            (*chain.from_iterable(zip(*_compared(columns), strict=True)), last_id),
        ).scalar_one()
        known: list[Known] = orjson.loads(found)
        return known

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
            f"CREATE TEMP TABLE incoming ON COMMIT DROP AS SELECT 0 AS number, {_NAMES} FROM supporters WITH NO DATA"  # noqa: S608 - names only
        )

    def time(self, at: datetime) -> datetime:
        return at.astimezone(UTC)

    def times(self, written: Sequence[str | None]) -> Sequence[datetime | None]:
        return [instant(at) if at else None for at in written]

    def write(self, columns: StoredColumns, at: Any, last_id: int) -> tuple[int, list[Known]]:
        driver: Any = self._connection.connection.driver_connection
        rows = len(columns[0])
        with driver.cursor() as cursor:
            with cursor.copy(f"COPY incoming (number, {_NAMES}) FROM STDIN") as copy:
                for row in zip(range(rows), *columns, strict=True):
                    copy.write_row(row)
            cursor.execute(
                f"INSERT INTO supporters ({_NAMES}, {', '.join(_AT)}) SELECT {_NAMES}, %s, %s FROM incoming "  # noqa: S608 - names only
                "ON CONFLICT (email_key) DO NOTHING",
                (at, at),
            )
            inserted: int = cursor.rowcount
            known: list[Known] = []
            if inserted < rows:
                cursor.execute(
                    f"SELECT number, supporters.id, {_SAYS_MORE.format(other='IS DISTINCT FROM')} "  # noqa: S608 - names only
                    "FROM incoming JOIN supporters USING (email_key) WHERE supporters.id <= %s",
                    (last_id,),
                )
                known = cursor.fetchall()
            cursor.execute("TRUNCATE incoming")
        return inserted, known

    def among(self, column: str, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
        return f"{column} = ANY (%s)", (list(values),)
