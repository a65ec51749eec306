"""An account's connections to its Mastodon server, through Mastodon.py, and what a server's answers say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from campaign.channels.ahead import adapter_class

if TYPE_CHECKING:
    import requests

_SPEAKS = "4.3.0"
"""What Mastodon.py takes every server for: else it would ask for the version before the first upload, and once more
for its API's. Where a server knows less, its answer says so."""


@dataclass(frozen=True, slots=True)
class MastodonCredentials:
    """An account's access token, and its server where that is not the one that the channel has for all."""

    access_token: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """A server's answer. ``value`` is the JSON of a good one, None where it is not good or cannot be read."""

    raw: requests.Response
    value: Any = None

    @property
    def status(self) -> int:
        return self.raw.status_code

    @property
    def ok(self) -> bool:
        return HTTPStatus.OK <= self.raw.status_code < HTTPStatus.MULTIPLE_CHOICES

    def why(self) -> str:
        try:
            said = self.raw.json()["error"]
        except (ValueError, KeyError, TypeError):
            said = self.raw.reason or "no reason given"
        return f"{self.status} {said}"[:300]

    def resets_at(self) -> datetime | None:
        """X-RateLimit-Reset, in ISO 8601, or in epoch seconds as GoToSocial has it; None where it says nothing."""
        written = self.raw.headers.get("X-RateLimit-Reset", "")
        try:
            read = datetime.fromtimestamp(int(written), UTC) if written.isdigit() else datetime.fromisoformat(written)
        except (ValueError, OverflowError, OSError):
            return None
        return read.astimezone(UTC) if read.utcoffset() is not None else None

    def left(self) -> tuple[int, int] | None:
        """How many requests are left, and of how many; None where the server does not tell."""
        told = [self.raw.headers.get(f"X-RateLimit-{name}", "") for name in ("Remaining", "Limit")]
        return (int(told[0]), int(told[1])) if all(one.isdecimal() for one in told) else None

    def rest_until(self) -> datetime | None:
        """When the account may go on, where this was the last that the server takes for now."""
        left = self.left()
        return self.resets_at() if left is not None and left[0] == 0 else None


class NoReply(Exception):
    """The server did not answer. ``sent`` is False where the request certainly did not reach it."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class Unreadable(Exception):
    """The server did not say what it was asked; the text says why. ``reply`` is what it said instead, if anything."""

    def __init__(self, why: str, reply: Reply | None = None) -> None:
        super().__init__(why)
        self.reply = reply


class Clients:
    """One client for each account, made when it is first needed. Safe from any thread."""

    def __init__(
        self, accounts: Mapping[str, MastodonCredentials], *, base_url: str, timeout_s: float, connections: int
    ) -> None:
        self._accounts = dict(accounts)
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._connections = connections
        self._lock = threading.Lock()
        self._opened: dict[str, _Client] = {}

    def url(self, account: str) -> str:
        """The server of ``account``."""
        credentials = self._accounts.get(account)
        return ((credentials.base_url if credentials else None) or self._base_url).rstrip("/")

    def call(self, account: str, call: Callable[[Any], Any]) -> Reply:
        """What the server answers to ``call``, which is given the account's Mastodon.py client. Raises NoReply."""
        return self._client(account).call(call)

    def _client(self, account: str) -> _Client:
        credentials = self._accounts.get(account)
        if credentials is None:
            raise NoReply(f'there are no credentials for the Mastodon account "{account}"', sent=False)
        with self._lock:
            if account not in self._opened:
                token = credentials.access_token
                self._opened[account] = _Client(token, self.url(account), self._timeout_s, self._connections)
            return self._opened[account]

    def read(self, account: str, call: Callable[[Any], Any]) -> Any:
        """The JSON of a good answer. Raises Unreadable where there is none."""
        return self.reading(account, call).value

    def reading(self, account: str, call: Callable[[Any], Any]) -> Reply:
        """A good answer that can be read, else Unreadable."""
        try:
            reply = self.call(account, call)
        except NoReply as none:
            raise Unreadable(str(none)) from None
        if reply.value is None:
            why = "something that cannot be read" if reply.ok else reply.why()
            raise Unreadable(f"the server answered {why}", reply)
        return reply

    def close(self) -> None:
        with self._lock:
            for client in self._opened.values():
                client.close()
            self._opened.clear()


class _Client:
    """One account's connections. It keeps each raw reply, since Mastodon.py's errors do not have them."""

    def __init__(self, token: str, base_url: str, timeout_s: float, connections: int) -> None:
        import mastodon  # noqa: PLC0415 - a quarter of a second that most commands never need
        import requests  # noqa: PLC0415 - comes with it

        self._base_url = base_url
        self._last = threading.local()
        self._session = requests.Session()
        self._session.hooks["response"] = [self._keep]
        self._session.max_redirects = 0
        adapter = adapter_class()(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._api = mastodon.Mastodon(
            access_token=token,
            api_base_url=base_url,
            request_timeout=timeout_s,
            ratelimit_method="throw",
            mastodon_version=_SPEAKS,
            version_check_mode="created",
            session=self._session,
            user_agent="campaign",
        )

    def call(self, call: Callable[[Any], Any]) -> Reply:
        """The reply to ``call``, good or not. Raises NoReply."""
        import mastodon  # noqa: PLC0415 - see __init__
        import requests  # noqa: PLC0415 - see __init__

        self._last.reply = None
        try:
            call(self._api)
        except mastodon.MastodonNetworkError as error:
            cause = error.__context__
            if isinstance(cause, requests.RequestException) and _never_sent(cause):
                raise NoReply(f"{self._base_url} cannot be reached: {_network(cause)}", sent=False) from None
            raise NoReply(_network(cause or error), sent=True) from None
        except (mastodon.MastodonError, ValueError, TypeError, KeyError, AttributeError) as error:
            # Whatever Mastodon.py makes of it, the status says what became of the request.
            if self._last.reply is None:
                raise NoReply(type(error).__name__, sent=False) from None
        raw: requests.Response = self._last.reply
        value = None
        if HTTPStatus.OK <= raw.status_code < HTTPStatus.MULTIPLE_CHOICES:
            with suppress(ValueError):
                value = raw.json()
        return Reply(raw, value)

    def close(self) -> None:
        self._session.close()

    def _keep(self, reply: requests.Response, *_: Any, **__: Any) -> None:
        self._last.reply = reply


def _never_sent(error: requests.RequestException) -> bool:
    """True where no connection was made, so that the server cannot have taken anything."""
    import requests  # noqa: PLC0415 - comes with Mastodon.py, which only sending needs
    from urllib3.exceptions import MaxRetryError  # noqa: PLC0415 - as above

    elsewhere = (requests.TooManyRedirects, requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema)
    if isinstance(error, (requests.ConnectTimeout, *elsewhere)):
        return True
    # Without retries, urllib3 gives up with MaxRetryError on failing to connect alone; later errors come as they are.
    return isinstance(error, requests.ConnectionError) and bool(error.args) and isinstance(error.args[0], MaxRetryError)


def _network(error: BaseException) -> str:
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return type(cause or error).__name__
