"""The migrations, on SQLite and on PostgreSQL: they make the tables that the program knows, once, whoever asks."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from campaign import storage
from campaign.errors import LedgerTooNew
from campaign.storage import tables
from campaign.storage.columns import metadata
from campaign.storage.database import HEAD, Database
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, people

AT_ONCE = 4
MIGRATIONS = Path(storage.__file__).parent / "migrations"
OPENS = "import sys; from campaign.storage.database import Database; print(Database(sys.argv[1]).salt.hex())"


def test_head_is_the_newest_script_and_the_only_one_without_a_successor() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS))
    assert scripts.get_heads() == [HEAD]


def test_a_migrated_database_has_the_tables_that_the_program_knows(database: Database) -> None:
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD


def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(database: Database) -> None:
    with database.write() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerTooNew, match=r"revision 9999.*install the newer version"):
        Database(database.engine.url.render_as_string(hide_password=False))
    with database.read() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"


def test_what_a_rehearsal_of_the_first_version_kept_comes_along(database_url: str) -> None:
    """It kept its number of supporters under a name that the second version uses for something else."""
    engine = sa.create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(sa.insert(tables.meta).values(key="people", value="500"))
    engine.dispose()
    database = Database(database_url)
    assert database.get("supporters") == "500"
    assert database.revision() == HEAD
    database.close()


def test_a_database_opened_several_times_at_once_keeps_what_it_holds(database: Database) -> None:
    SqlSupporters(database).add(people(3), at=T0)
    url = database.engine.url.render_as_string(hide_password=False)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        opened = list(pool.map(Database, [url] * AT_ONCE))
    for one in opened:
        assert (one.salt, SqlSupporters(one).count()) == (database.salt, 3)
        one.close()


def test_programs_that_start_at_once_on_an_empty_database_make_it_once(database_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", OPENS, database_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(AT_ONCE)
    ]
    said = [(process.communicate(timeout=120), process.returncode) for process in started]
    assert [code for _, code in said] == [0] * AT_ONCE, [errors for (_, errors), _ in said]
    assert len({salt for (salt, _), _ in said}) == 1
