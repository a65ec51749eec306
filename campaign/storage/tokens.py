"""Tokens that providers renew, encrypted, on SQLite and PostgreSQL.

The key is made from the secret key of the settings (HKDF, RFC 5869) and is in no database: a copy of one opens no
account. Which account a token is for is part of what is sealed (AES-GCM), so that none can be put in another's place.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from datetime import datetime

import orjson
import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.exc import DBAPIError

from campaign.errors import LedgerError
from campaign.ports.tokens import Token
from campaign.storage.database import Database, insert_or_ignore
from campaign.storage.tables import tokens

_FINGERPRINT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32


class SqlTokens:
    """Implements the port ``Tokens``. ``secret`` is the secret key of the settings."""

    def __init__(self, database: Database, *, secret: bytes, now: Callable[[], datetime]) -> None:
        self._database = database
        self._now = now
        made = HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=b"campaign tokens").derive(secret)
        self._sealing = AESGCM(made)

    def kept(self, channel: str, account: str, *, written: str) -> Token | None:
        t = tokens.c
        with self._database.read() as connection:
            body = connection.execute(
                sa.select(t.body).where(t.channel == channel, t.account == account)
            ).scalar_one_or_none()
        return self._opened(channel, account, body, written)

    def renew(self, channel: str, account: str, renew: Callable[[Token | None], Token], *, written: str) -> Token:
        """SQLite has one writer at a time, PostgreSQL locks the account's row; either is held over the call to the
        provider, since a second process with the same refresh token would log the account out."""
        t = tokens.c
        this = sa.and_(t.channel == channel, t.account == account)
        try:
            with self._database.write() as connection:
                blank = {"channel": channel, "account": account, "body": b"", "changed_at": self._now()}
                insert_or_ignore(connection, tokens, blank)
                body = connection.execute(sa.select(t.body).where(this).with_for_update()).scalar_one()
                kept = self._opened(channel, account, body, written)
                renewed = renew(kept)
                if renewed != kept:
                    sealed = self._sealed(channel, account, renewed, written)
                    changed = sa.update(tokens).where(this).values(body=sealed, changed_at=self._now())
                    connection.execute(changed)
        except DBAPIError as error:
            raise LedgerError(f"the {channel} account's token cannot be kept: {error.orig}") from None
        return renewed

    def _sealed(self, channel: str, account: str, token: Token, written: str) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        plain = orjson.dumps([token.access, token.refresh, token.ends_at, token.may])
        return _fingerprint(written) + nonce + self._sealing.encrypt(nonce, plain, _named(channel, account))

    def _opened(self, channel: str, account: str, body: bytes | None, written: str) -> Token | None:
        if not body or body[:_FINGERPRINT_BYTES] != _fingerprint(written):
            return None
        nonce, sealed = body[_FINGERPRINT_BYTES:][:_NONCE_BYTES], body[_FINGERPRINT_BYTES + _NONCE_BYTES :]
        try:
            access, refresh, ends_at, may = orjson.loads(self._sealing.decrypt(nonce, sealed, _named(channel, account)))
        except InvalidTag:
            raise LedgerError(
                f'the token that is kept for the {channel} account "{account}" cannot be read: CAMPAIGN_SECRET_KEY is '
                "not what it was; put it back, or log the account in again and put its new tokens into the settings"
            ) from None
        return Token(access, refresh, datetime.fromisoformat(ends_at) if ends_at else None, tuple(may))


def _fingerprint(written: str) -> bytes:
    """Tells one login from the next without the secret key: tokens are long and random, and cannot be guessed."""
    return hashlib.sha256(b"campaign token " + written.encode()).digest()[:_FINGERPRINT_BYTES]


def _named(channel: str, account: str) -> bytes:
    return f"{channel}\0{account}".encode()
