"""The port ``Tokens``, on each database: what is kept is the newest, and only one renews it at a time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
import sqlalchemy as sa

from campaign.errors import LedgerError
from campaign.ports.tokens import Token
from campaign.storage import tables
from campaign.storage.database import Database
from campaign.storage.tokens import SqlTokens

NOW = datetime(2026, 3, 9, 13, 0, tzinfo=UTC)
SECRET = b"a secret of 16 bytes and more"
FIRST = Token("access-1", "refresh-1", NOW, ("tweet.read", "tweet.write"))
SECOND = Token("access-2", "refresh-2")


def over(database: Database, secret: bytes = SECRET) -> SqlTokens:
    return SqlTokens(database, secret=secret, now=lambda: NOW)


@pytest.fixture
def tokens(database: Database) -> SqlTokens:
    return over(database)


def to(token: Token) -> Callable[[Token | None], Token]:
    return lambda _: token


def body(database: Database) -> bytes:
    with database.read() as connection:
        return bytes(connection.execute(sa.select(tables.tokens.c.body)).scalar_one())


def test_nothing_is_kept_before_something_was_renewed(tokens: SqlTokens) -> None:
    assert tokens.kept("x", "national", written="login") is None


def test_what_was_renewed_is_kept_as_it_was(tokens: SqlTokens, database: Database) -> None:
    assert tokens.renew("x", "national", to(FIRST), written="login") == FIRST
    assert over(database).kept("x", "national", written="login") == FIRST


def test_each_account_has_its_own(tokens: SqlTokens) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    assert tokens.kept("x", "chapter-west", written="login") is None
    tokens.renew("x", "chapter-west", to(SECOND), written="login")
    assert tokens.kept("x", "national", written="login") == FIRST


def test_whoever_renews_is_given_what_is_kept(tokens: SqlTokens) -> None:
    given: list[Token | None] = []

    def renew(kept: Token | None) -> Token:
        given.append(kept)
        return FIRST if kept is None else SECOND

    for _ in range(2):
        tokens.renew("x", "national", renew, written="login")
    assert given == [None, FIRST]
    assert tokens.kept("x", "national", written="login") == SECOND


def test_a_renewal_that_fails_leaves_what_was_kept(tokens: SqlTokens) -> None:
    class Failed(Exception):
        pass

    def fail(_: Token | None) -> Token:
        raise Failed

    for kept in (None, FIRST):
        if kept is not None:
            tokens.renew("x", "national", to(kept), written="login")
        with pytest.raises(Failed):
            tokens.renew("x", "national", fail, written="login")
        assert tokens.kept("x", "national", written="login") == kept


def test_a_new_login_in_the_settings_wins_over_what_is_kept(tokens: SqlTokens) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    assert tokens.kept("x", "national", written="another login") is None
    given: list[Token | None] = []

    def renew(kept: Token | None) -> Token:
        given.append(kept)
        return SECOND

    tokens.renew("x", "national", renew, written="another login")
    assert given == [None]
    assert tokens.kept("x", "national", written="another login") == SECOND
    assert tokens.kept("x", "national", written="login") is None


def test_of_many_who_renew_at_once_one_does_and_all_have_what_came_of_it(database_url: str) -> None:
    asked: list[str] = []
    together = Barrier(4)

    def renew(kept: Token | None) -> Token:
        if kept is not None:
            return kept
        asked.append("the network")
        return FIRST

    def one(database: Database) -> Token:
        together.wait()
        return over(database).renew("x", "national", renew, written="login")

    databases = [Database(database_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(one, databases))
    for database in databases:
        database.close()
    assert asked == ["the network"]
    assert found == [FIRST] * 4


RENEWING = """\
import sys
from datetime import UTC, datetime
from campaign.ports.tokens import Token
from campaign.storage.database import Database
from campaign.storage.tokens import SqlTokens

def renew(kept):
    if kept is None:
        print("asked", flush=True)
    return kept or Token("access", "refresh", None, ())

database = Database(sys.argv[1])
tokens = SqlTokens(database, secret=b"a secret of the settings", now=lambda: datetime.now(UTC))
print("ready", flush=True)
sys.stdin.readline()
print(tokens.renew("x", "national", renew, written="login").refresh, flush=True)
database.close()
"""


def test_of_many_processes_that_renew_at_once_one_does(database_url: str) -> None:
    Database(database_url).close()  # its tables are there before they race
    started = [
        subprocess.Popen(
            [sys.executable, "-c", RENEWING, database_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate()[0].split() for process in started]
    assert sorted(said) == [["asked", "refresh"], ["refresh"], ["refresh"]]


def test_what_is_kept_cannot_be_read_in_the_database(tokens: SqlTokens, database: Database) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    kept = body(database)
    assert not any(word in kept for word in (b"access", b"refresh", b"login", b"tweet"))
    tokens.renew("x", "national", to(Token(FIRST.access, FIRST.refresh)), written="login")
    assert body(database) != kept


def test_what_is_kept_cannot_be_read_with_another_secret_and_it_says_what_to_do(
    tokens: SqlTokens, database: Database
) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    with pytest.raises(LedgerError, match=r"CAMPAIGN_SECRET_KEY is not what it was.*log the account in again"):
        over(database, b"another secret of 16 bytes").kept("x", "national", written="login")


def test_a_new_login_counts_although_the_secret_is_another(tokens: SqlTokens, database: Database) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    anew = over(database, b"another secret of 16 bytes")
    assert anew.renew("x", "national", to(SECOND), written="another login") == SECOND
    assert anew.kept("x", "national", written="another login") == SECOND


def test_a_token_that_is_put_in_another_accounts_place_opens_nothing(tokens: SqlTokens, database: Database) -> None:
    tokens.renew("x", "national", to(FIRST), written="login")
    with database.write() as connection:
        connection.execute(sa.update(tables.tokens).values(account="chapter-west"))
    with pytest.raises(LedgerError):
        tokens.kept("x", "chapter-west", written="login")


def test_a_token_shows_nothing_of_itself() -> None:
    assert "access-1" not in repr(FIRST)
    assert "refresh-1" not in repr(FIRST)
