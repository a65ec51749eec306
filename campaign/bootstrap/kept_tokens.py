"""The tokens that are kept in the database of the settings, which is opened when one is needed and no longer.

That is once for each account that is signed in with OAuth 2, and then every two hours: a program that has no such
account, as most have, needs no database to ask its networks who its accounts are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from campaign.ports.tokens import Token
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.tokens import SqlTokens


class KeptTokens:
    """Implements the port ``Tokens``. Its calls raise NotConfigured, too, where there is no secret key or database."""

    def __init__(self, settings: Settings, *, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now

    def kept(self, channel: str, account: str, *, written: str) -> Token | None:
        with self._opened() as tokens:
            return tokens.kept(channel, account, written=written)

    def renew(self, channel: str, account: str, renew: Callable[[Token | None], Token], *, written: str) -> Token:
        with self._opened() as tokens:
            return tokens.renew(channel, account, renew, written=written)

    @contextmanager
    def _opened(self) -> Iterator[SqlTokens]:
        secret = self._settings.secret()
        database = Database(self._settings.database_url.get_secret_value())
        try:
            yield SqlTokens(database, secret=secret, now=self._now)
        finally:
            database.close()
