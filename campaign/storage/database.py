"""Opens the database, brings it up to date, and hands out transactions."""

from __future__ import annotations

import secrets
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from campaign.errors import LedgerError, LedgerTooNew, NotConfigured
from campaign.storage import tables

HEAD = "0006"
"""The newest migration. Kept beside the scripts so that an up-to-date database is opened without loading Alembic."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MS = 30_000


class Database:
    """One database, migrated to ``HEAD``.

    Raises NotConfigured for a URL that cannot be used, LedgerTooNew for a database of a newer version.
    """

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._watching = threading.Lock()
        self._watcher: Any = None
        self._watchers = 0
        try:
            self._migrate()
            self.salt = self._salt()
        except LedgerError:
            self.engine.dispose()
            raise
        except DBAPIError as error:
            self.engine.dispose()
            raise NotConfigured(
                f"CAMPAIGN_DATABASE_URL: the database {self.engine.url.render_as_string(hide_password=True)} "
                f"cannot be opened: {error.orig}"
            ) from None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A read transaction: one consistent view, however many statements read in it."""
        with self.engine.connect() as connection:
            if self.engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same one
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A write transaction: committed whole at the end, or rolled back whole by an exception.

        SQLite takes its write lock at the start, so that what is read inside cannot change before it is written.
        """
        with self.engine.connect().execution_options(campaign_write=True) as connection, connection.begin():
            yield connection

    def commits(self) -> tuple[int, int] | None:
        """Two numbers that are other ones whenever anybody has committed since, in this process or another.

        None where the database has none that is cheap to read: SQLite has (PRAGMA data_version), PostgreSQL has not.
        """
        if self.engine.dialect.name != "sqlite" or not self.engine.url.database:
            return None
        with self._watching:
            try:
                if self._watcher is None:
                    # Of its own, and never written by: SQLite counts what other connections commit.
                    self._watcher = self.engine.raw_connection()
                    self._watcher.detach()
                    self._watchers += 1  # each counts from its own beginning
                cursor = self._watcher.cursor()
                counted: int = cursor.execute("PRAGMA data_version").fetchone()[0]
                cursor.close()
            except (sqlite3.Error, DBAPIError):
                return None  # whoever reads it next is told what is wrong
        return self._watchers, counted

    def close(self) -> None:
        with self._watching:
            if self._watcher is not None:
                self._watcher.close()
                self._watcher = None
        self.engine.dispose()

    def revision(self) -> str | None:
        """The migration that the database is at; None where it cannot be reached."""
        try:
            with self.read() as connection:
                return self._version(connection)
        except SQLAlchemyError:
            return None

    def _migrate(self) -> None:
        with self.read() as connection:
            current = self._version(connection)
        if current == HEAD:
            return
        # Alembic takes a third of a second to load; an up-to-date database does not need it.
        from alembic import command  # noqa: PLC0415
        from alembic.config import Config  # noqa: PLC0415
        from alembic.script import ScriptDirectory  # noqa: PLC0415

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS))
        known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
        if current is not None and current not in known:
            raise LedgerTooNew(
                f"the database is at revision {current}, this program knows {HEAD}; install the newer version"
            )
        with self.write() as connection:
            if self.engine.dialect.name == "postgresql":
                # Two processes that start at once migrate one after the other.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(727_2018)"))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @staticmethod
    def _version(connection: Connection) -> str | None:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one_or_none()

    def _salt(self) -> bytes:
        """Hashes of addresses are salted for each database, so that they match no list made elsewhere.

        It lives in the database and not in the settings: a changed secret key must never un-suppress anybody.
        """
        found = self.get("salt")
        if found is None:
            with self.write() as connection:
                insert_or_ignore(connection, tables.meta, {"key": "salt", "value": secrets.token_hex(16)})
            found = self.get("salt")
        if found is None:
            raise LedgerError("the database does not keep what is written to it")
        return bytes.fromhex(found)

    def get(self, key: str) -> str | None:
        """A value of this database's own, such as where a rehearsal's clock stands."""
        with self.read() as connection:
            return connection.execute(sa.select(tables.meta.c.value).where(tables.meta.c.key == key)).scalar()

    def put(self, key: str, value: str) -> None:
        with self.write() as connection:
            connection.execute(sa.delete(tables.meta).where(tables.meta.c.key == key))
            connection.execute(sa.insert(tables.meta).values(key=key, value=value))


def insert(connection: Connection, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, which SQLite and PostgreSQL both have, each in its own dialect."""
    if connection.dialect.name == "sqlite":
        from sqlalchemy.dialects.sqlite import insert as insert_sqlite  # noqa: PLC0415 - one dialect is loaded

        return insert_sqlite(table)
    from sqlalchemy.dialects.postgresql import insert as insert_postgresql  # noqa: PLC0415 - one dialect is loaded

    return insert_postgresql(table)


def insert_or_ignore(connection: Connection, table: sa.Table, rows: dict[str, Any] | list[dict[str, Any]]) -> int:
    """Insert what is not there yet, by the table's keys; how many rows were new."""
    return connection.execute(insert(connection, table).on_conflict_do_nothing(), rows).rowcount


def upsert(connection: Connection, table: sa.Table, rows: list[dict[str, Any]]) -> None:
    """Insert ``rows``, or overwrite what they give of the rows that have the same primary key."""
    if not rows:
        return
    statement = insert(connection, table)
    keys = [column.name for column in table.primary_key]
    changed = {name: statement.excluded[name] for name in rows[0] if name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.drivername in {"postgresql", "postgres"}:
            parsed = parsed.set(drivername="postgresql+psycopg")
        if parsed.get_backend_name() not in {"sqlite", "postgresql"}:
            raise NotConfigured(
                f"CAMPAIGN_DATABASE_URL: {parsed.get_backend_name()} is not supported; use sqlite:///file.db or "
                "postgresql://user@host/database"
            )
        if parsed.get_backend_name() == "postgresql":
            return sa.create_engine(parsed, pool_pre_ping=True)
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = sa.create_engine(parsed, connect_args={"timeout": _BUSY_MS / 1000, "check_same_thread": False})
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise NotConfigured(
            "CAMPAIGN_DATABASE_URL is no database URL; write sqlite:///file.db or postgresql://user@host/database"
        ) from None
    except OSError as error:
        raise NotConfigured(f"CAMPAIGN_DATABASE_URL: its folder cannot be made: {error.strerror}") from None

    @event.listens_for(engine, "connect")
    def _set_up(dbapi: Any, _record: Any) -> None:
        dbapi.isolation_level = None  # we say BEGIN ourselves, below
        for pragma in (
            "page_size=8192",  # of a new database: an import of a million takes a tenth less than by pages of 4096
            "journal_mode=WAL",
            # A claim must be on the disk before the first byte leaves, even if the power fails.
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "cache_size=-32000",
        ):
            dbapi.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        write = connection.get_execution_options().get("campaign_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine
