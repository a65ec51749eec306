"""Calls to X as an account: one tweepy client for each, its session told host, timeout and how many connections."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from copy import copy
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from campaign.channels.ahead import adapter_class, not_waiting
from campaign.channels.x_login import Login, Unanswered, XCredentials, XLogin
from campaign.model.outcome import Deferred, InDoubt
from campaign.ports.tokens import Token, Tokens

if TYPE_CHECKING:
    import requests

_SDK_HOST = "https://api.twitter.com"
"""The host that tweepy writes before every path; it cannot be told another."""
_TOKEN_PATH = "/2/oauth2/token"  # noqa: S105 - a path
_TO_RENEW_S = 10.0
"""A renewal holds the token's lock, on SQLite the whole database's: it may take no longer than this."""


class Calls:
    """Each raises Unanswered where X did not answer, and returns its reply, whatever its status.

    An account's connections are kept, and its signing in is renewed where X refuses it (OAuth 2): a call that was
    refused with 401 has done nothing and is made once more.
    """

    def __init__(
        self,
        accounts: Mapping[str, XCredentials | XLogin],
        *,
        base_url: str,
        timeout_s: float,
        connections: int,
        tokens: Tokens | None,
        now: Callable[[], datetime] | None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._timeout_s = timeout_s
        self._connections = connections
        self._accounts = dict(accounts)
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._logins = {
            name: Login(name, login, tokens=tokens, ask=self._token_endpoint(name), now=now)
            for name, login in self._accounts.items()
            if isinstance(login, XLogin)
        }

    def ask(
        self,
        account: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
    ) -> requests.Response:
        def send(client: Any) -> requests.Response:
            own = client.bearer_token is None
            reply: requests.Response = client.request(method, path, params=params, json=json, user_auth=own)
            return reply

        return self._signed(account, send)

    def upload(self, account: str, path: str, form: Mapping[str, str], media: bytes) -> requests.Response:
        """POST a form with ``media`` as a file; tweepy's client knows no forms, so this goes by its session."""
        files = {"media": ("media", media, "application/octet-stream")}

        def send(client: Any) -> requests.Response:
            headers, auth = {"User-Agent": client.user_agent}, None
            if client.bearer_token is None:
                auth = _signing(client)
            else:
                headers["Authorization"] = f"Bearer {client.bearer_token}"
            reply: requests.Response = client.session.request(
                "POST", path, data=dict(form), files=files, headers=headers, auth=auth
            )
            return reply

        return self._signed(account, send)

    def login(self, account: str) -> Token | None:
        """The token of an account that is signed in with OAuth 2; None for any other. Raises Unanswered."""
        login = self._logins.get(account)
        return None if login is None else login.token()

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.session.close()
            self._clients.clear()

    def _signed(self, account: str, send: Callable[[Any], requests.Response]) -> requests.Response:
        client = self._client(account)
        login = self._logins.get(account)
        if login is None:
            return self._made(lambda: send(client))
        token = login.token()
        reply = self._made(lambda: send(_bearing(client, token)))
        if reply.status_code != HTTPStatus.UNAUTHORIZED:
            return reply
        newer = login.renewed(token.access)
        return self._made(lambda: send(_bearing(client, newer)))

    def _token_endpoint(self, account: str) -> Callable[[Mapping[str, str], Mapping[str, str]], requests.Response]:
        def ask(form: Mapping[str, str], headers: Mapping[str, str]) -> requests.Response:
            client = self._client(account)
            timeout_s = min(self._timeout_s, _TO_RENEW_S)
            about_us = {"User-Agent": client.user_agent, **headers}
            with not_waiting():
                return self._made(
                    lambda: client.session.request(
                        "POST", _TOKEN_PATH, data=dict(form), headers=about_us, timeout=timeout_s
                    )
                )

        return ask

    def _made(self, call: Callable[[], requests.Response]) -> requests.Response:
        import requests  # noqa: PLC0415 - comes with tweepy, which only sending needs
        import tweepy  # noqa: PLC0415 - a third of a second that most commands never need

        try:
            return call()
        except tweepy.HTTPException as error:
            answered: requests.Response = error.response
            return answered
        except requests.RequestException as error:
            if _never_sent(error):
                why = f"{self.base_url} cannot be reached: {_network(error)}"
                raise Unanswered(Deferred(why, scope="account")) from None
            raise Unanswered(InDoubt(f"no reply from X: {_network(error)}")) from None
        except (ValueError, TypeError, AttributeError):
            # tweepy reads the body of an error too; one that is no JSON object, as a proxy's may be, ends here.
            raise Unanswered(InDoubt("no reply from X: what came cannot be read")) from None

    def _client(self, account: str) -> Any:
        """The account's client, made at its first use and kept with its connections."""
        credentials = self._accounts.get(account)
        if credentials is None:
            why = f'there are no credentials for the X account "{account}"'
            raise Unanswered(Deferred(why, scope="account"))
        with self._lock:
            if account not in self._clients:
                self._clients[account] = _client(credentials, self.base_url, self._timeout_s, self._connections)
            return self._clients[account]


def _client(credentials: XCredentials | XLogin, base_url: str, timeout_s: float, connections: int) -> Any:
    import requests  # noqa: PLC0415 - comes with tweepy, which only sending needs
    import tweepy  # noqa: PLC0415 - a third of a second that most commands never need

    # They log what they sign, tokens and all, and tweepy the texts.
    for logger in ("oauthlib", "requests_oauthlib", "tweepy"):
        logging.getLogger(logger).setLevel(logging.WARNING)

    class Session(requests.Session):
        """Sends to ``base_url``, with a timeout, and goes nowhere else. Before signing: the signature has the host."""

        def request(self, method: str, url: str | bytes, **kwargs: Any) -> requests.Response:  # type: ignore[override]  # all by keyword
            path = str(url).removeprefix(_SDK_HOST)
            kwargs = {"timeout": timeout_s, "allow_redirects": False, **kwargs}
            reply: requests.Response = super().request(method, base_url + path, **kwargs)
            return reply

    keys = {}
    if isinstance(credentials, XCredentials):
        keys = {
            "consumer_key": credentials.api_key,
            "consumer_secret": credentials.api_secret,
            "access_token": credentials.access_token,
            "access_token_secret": credentials.access_token_secret,
        }
    client = tweepy.Client(**keys, return_type=requests.Response, wait_on_rate_limit=False)
    client.user_agent = "campaign"
    client.session = Session()
    adapter = adapter_class()(pool_connections=1, pool_maxsize=connections, max_retries=0)
    client.session.mount("http://", adapter)
    client.session.mount("https://", adapter)
    return client


def _bearing(client: Any, token: Token) -> Any:
    """The client with this token; a copy that shares its session, since another thread may be using another token."""
    bearing = copy(client)
    bearing.bearer_token = token.access
    return bearing


def _signing(client: Any) -> Any:
    import tweepy  # noqa: PLC0415 - a third of a second that most commands never need

    keys = (client.consumer_key, client.consumer_secret, client.access_token, client.access_token_secret)
    return tweepy.OAuth1UserHandler(*keys).apply_auth()


def _never_sent(error: requests.RequestException) -> bool:
    """True where no connection was made, so that X cannot have taken anything."""
    import requests  # noqa: PLC0415 - comes with tweepy, which only sending needs
    from urllib3.exceptions import MaxRetryError  # noqa: PLC0415 - as above

    if isinstance(error, requests.ConnectTimeout | requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return True
    # Without retries, urllib3 gives up with MaxRetryError on failing to connect alone; later errors come as they are.
    return isinstance(error, requests.ConnectionError) and bool(error.args) and isinstance(error.args[0], MaxRetryError)


def _network(error: Exception) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return type(cause or error).__name__
