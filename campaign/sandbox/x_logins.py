"""Signing in at X's stand-in: OAuth 1.0a's header, and OAuth 2, whose access tokens end and whose refresh tokens are
good for once.

An account's credential is its OAuth 1.0a token and its first OAuth 2 access token; ``first_refresh`` is its first
refresh token. One that is used a second time logs the account out, as X does, until somebody logs in again.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as NotBase64
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request

from campaign.sandbox.world import World
from campaign.sandbox.x_rules import Refusal

RENEWED = "x.token"
"""The journal's kind of a renewal: account, at, number; ``number`` is -1 where the account was logged out."""
GOOD_FOR = timedelta(hours=2)
SCOPES = "tweet.read tweet.write users.read media.write offline.access"
_OAUTH = re.compile(r'(oauth_\w+)="([^"]*)"')
_SIGNED = frozenset({"oauth_consumer_key", "oauth_nonce", "oauth_signature", "oauth_timestamp", "oauth_token"})


@dataclass(slots=True)
class _Login:
    """``number`` counts the renewals; -1 is logged out."""

    number: int
    since: datetime


class Logins:
    def __init__(self, world: World) -> None:
        self._world = world
        self._logins: dict[str, _Login] = {}
        self._began_at = world.now()
        for record in world.journal.records(RENEWED):
            self._logins[record["account"]] = _Login(record["number"], datetime.fromisoformat(record["at"]))

    def account(self, request: Request) -> str | None:
        """Whose request it is; None where nobody's."""
        scheme, _, credential = request.headers.get("authorization", "").partition(" ")
        if scheme == "OAuth":
            signed = dict(_OAUTH.findall(credential))
            token = signed.get("oauth_token", "") if signed.keys() >= _SIGNED else ""
            return self._world.account("x", token)
        return self._bearer(credential) if scheme == "Bearer" else None

    def renew(self, body: bytes, authorization: str) -> dict[str, object]:
        """Answer the token endpoint. Raises Refusal."""
        form = dict(parse_qsl(body.decode(errors="replace")))
        if form.get("grant_type") != "refresh_token":
            raise _refused("unsupported_grant_type", "grant_type must be refresh_token")
        if not (form.get("client_id") or _basic(authorization)):
            raise _refused("unauthorized_client", "Missing valid authorization header", status=401)
        account, number = self._whose(form.get("refresh_token", ""))
        if account is None:
            raise _refused("invalid_request", "Value passed for the token was invalid.")
        login = self._login(account)
        if number != login.number:
            self._keep(account, -1)
            raise _refused("invalid_request", "Value passed for the token was invalid.")
        self._keep(account, number + 1)
        credential = self._world.accounts["x"][account]
        return {
            "token_type": "bearer",
            "expires_in": int(GOOD_FOR.total_seconds()),
            "access_token": _numbered(credential, number + 1),
            "refresh_token": _numbered(first_refresh(credential), number + 1),
            "scope": SCOPES,
        }

    def _login(self, account: str) -> _Login:
        return self._logins.setdefault(account, _Login(0, self._began_at))

    def _keep(self, account: str, number: int) -> None:
        now = self._world.now()
        self._logins[account] = _Login(number, now)
        self._world.journal.append(RENEWED, {"account": account, "at": now.isoformat(), "number": number})

    def _bearer(self, offered: str) -> str | None:
        credential, number = _split(offered)
        account = self._world.account("x", credential)
        if account is None:
            return None
        login = self._login(account)
        good = number == login.number and self._world.now() < login.since + GOOD_FOR
        return account if good else None

    def _whose(self, refresh: str) -> tuple[str | None, int]:
        first, number = _split(refresh)
        for account, credential in self._world.accounts.get("x", {}).items():
            if credential and first == first_refresh(credential):
                return account, number
        return None, 0


def first_refresh(credential: str) -> str:
    """The refresh token that goes with an account's first access token."""
    return f"refresh-{credential}"


def _numbered(token: str, number: int) -> str:
    return f"{token}~{number}" if number else token


def _split(token: str) -> tuple[str, int]:
    head, found, number = token.rpartition("~")
    return (head, int(number)) if found and number.isdigit() else (token, 0)


def _basic(authorization: str) -> bool:
    """Whether these are a client's id and secret."""
    scheme, _, encoded = authorization.partition(" ")
    try:
        user, colon, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (NotBase64, UnicodeDecodeError):
        return False
    return scheme == "Basic" and bool(colon and unquote(user) and unquote(secret))


def _refused(error: str, description: str, *, status: int = 400) -> Refusal:
    return Refusal(status, {"error": error, "error_description": description})
