"""How an account is signed in to X: with OAuth 1.0a, whose tokens do not end, or with OAuth 2, whose are renewed.

OAuth 2's access tokens are good for two hours, and a refresh token for once: used a second time, it logs the account
out. So one is used under the lock of ``Tokens``, and what comes of it is kept before it is used. See
https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote

from campaign.channels.x_replies import before_the_post, body, detail, outcome
from campaign.errors import CampaignError
from campaign.model.outcome import Deferred, InDoubt
from campaign.ports.tokens import Token, Tokens

if TYPE_CHECKING:
    import requests

_EARLY = timedelta(minutes=5)
"""So long before an access token ends it is renewed, so that none ends between two parts of a thread."""
_LONGEST_S = 86_400.0
"""What an answer may say of how long a token is good; more is taken for nonsense."""

Asking = Callable[[Mapping[str, str], Mapping[str, str]], "requests.Response"]
"""Asks X's token endpoint, given a form and headers. Raises Unanswered."""


@dataclass(frozen=True, slots=True)
class XCredentials:
    """OAuth 1.0a: the keys of the app and the tokens of one account, from the X developer console."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class XLogin:
    """OAuth 2 with PKCE: the app's client id, its secret where it is a confidential client ("" where it is none), and
    the two tokens that came of an account's logging in."""

    client_id: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    client_secret: str = field(default="", repr=False)


class Unanswered(Exception):
    """X did not answer, or was not asked. ``outcome`` is what that means for what was to be asked of it."""

    def __init__(self, outcome: Deferred | InDoubt) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Login:
    """One account's access token. Several threads may ask for it."""

    def __init__(
        self,
        account: str,
        login: XLogin,
        *,
        tokens: Tokens | None,
        ask: Asking,
        now: Callable[[], datetime] | None,
    ) -> None:
        self._account = account
        self._login = login
        self._tokens = tokens
        self._ask = ask
        self._now = now
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._unkept: Token | None = None
        """One that X gave and that could not be kept: it is kept at the next try, before X is asked again."""

    def token(self) -> Token:
        """The newest that is known, renewed where it ends soon. Raises Unanswered."""
        with self._lock:
            if self._token is None:
                self._token = self._kept()
            if self._ends_soon(self._token):
                try:
                    self._token = self._renewed(self._token)
                except Unanswered:
                    if self._has_ended(self._token):
                        raise
            return self._token

    def renewed(self, refused: str) -> Token:
        """Another access token than ``refused``, which X does not take. Raises Unanswered."""
        with self._lock:
            if self._token is None or self._token.access == refused:
                self._token = self._renewed(self._token or self._kept())
            return self._token

    def _kept(self) -> Token:
        written = Token(self._login.access_token, self._login.refresh_token)
        if self._tokens is None:
            return written
        try:
            return self._tokens.kept("x", self._account, written=written.refresh) or written
        except CampaignError as error:
            raise Unanswered(Deferred(str(error), scope="account")) from None

    def _renewed(self, stale: Token) -> Token:
        if self._tokens is None:
            raise Unanswered(Deferred("its token cannot be renewed without the database", scope="account"))

        def renew(kept: Token | None) -> Token:
            if kept is not None and kept.access != stale.access:
                return kept  # another process was quicker
            self._unkept = self._unkept or self._newer(kept.refresh if kept is not None else self._login.refresh_token)
            return self._unkept

        try:
            token = self._tokens.renew("x", self._account, renew, written=self._login.refresh_token)
        except CampaignError as error:
            raise Unanswered(Deferred(str(error), scope="account")) from None
        self._unkept = None
        return token

    def _newer(self, refresh: str) -> Token:
        """Have X renew the token. Raises Unanswered, with a hold where only logging in again helps."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh}
        headers = {}
        if self._login.client_secret:
            pair = f"{quote(self._login.client_id, safe='')}:{quote(self._login.client_secret, safe='')}"
            headers["Authorization"] = "Basic " + b64encode(pair.encode()).decode()
        else:
            form["client_id"] = self._login.client_id
        try:
            reply = self._ask(form, headers)
        except Unanswered as none:
            why = f"X did not answer when its token was to be renewed: {none}"
            raise Unanswered(Deferred(why, scope="account")) from None
        if not reply.ok:
            raise Unanswered(self._not_renewed(reply))
        told = body(reply)
        access, newest = told.get("access_token"), told.get("refresh_token") or refresh
        if not isinstance(access, str) or not access or not isinstance(newest, str):
            raise Unanswered(self._lost("X's answer cannot be read"))
        may = told.get("scope")
        return Token(access, newest, self._end(told.get("expires_in")), tuple(may.split()) if may else ())

    def _not_renewed(self, reply: requests.Response) -> Deferred:
        if reply.status_code in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return self._lost(detail(reply))
        found = before_the_post(outcome(reply, about="token"))
        if isinstance(found, Deferred) and found.scope == "channel":
            return found
        return Deferred(found.reason, until=found.until if isinstance(found, Deferred) else None, scope="account")

    def _lost(self, why: str) -> Deferred:
        """The refresh token is used up: by somebody else, or by us in a moment that we did not outlive."""
        head = f"CAMPAIGN_X__ACCOUNTS__{self._account.upper().replace('-', '_')}__"
        return Deferred(
            f"X does not renew the account's login ({why}); log it in again and put what comes of it into "
            f"{head}ACCESS_TOKEN and {head}REFRESH_TOKEN",
            scope="account",
            hold=True,
        )

    def _end(self, seconds: object) -> datetime | None:
        if self._now is None or isinstance(seconds, bool) or not isinstance(seconds, int | float):
            return None
        return self._now() + timedelta(seconds=seconds) if 0 < seconds <= _LONGEST_S else None

    def _ends_soon(self, token: Token) -> bool:
        return self._now is not None and token.ends_at is not None and token.ends_at - self._now() < _EARLY

    def _has_ended(self, token: Token) -> bool:
        return self._now is not None and token.ends_at is not None and token.ends_at <= self._now()
