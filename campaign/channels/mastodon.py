"""Mastodon, and servers that speak as it does: posts and threads, through Mastodon.py. Begin at ``Mastodon.deliver``.

A delivery's key goes along as the Idempotency-Key, which a server keeps for an hour. After that, and on servers that
ignore it, a doubt is settled by reading the account's own posts. See https://docs.joinmastodon.org/methods/statuses/
and https://docs.joinmastodon.org/methods/accounts/#statuses.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from campaign.channels.mastodon_timeline import Seen, find
from campaign.channels.threads import Read, find_in_order, post_in_order, worth_reading_since
from campaign.errors import ChannelUnusable
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

if TYPE_CHECKING:
    import requests

_THREAD = 100
_PAGE = 40
_PAGES = 10


@dataclass(frozen=True, slots=True)
class MastodonCredentials:
    """An account's access token, and its server where that is not the one that the channel has for all."""

    access_token: str = field(repr=False)
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Reply:
    """A server's answer: what Mastodon.py made of a good one, the raw one otherwise."""

    value: Any
    raw: requests.Response

    @property
    def status(self) -> int:
        return self.raw.status_code

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


class _NoReply(Exception):
    """The server did not answer. ``sent`` is False where the request certainly did not reach it."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class _Unreadable(Exception):
    """The server did not say what it was asked; the text says why."""


class Mastodon:
    """Posts one part after the other, each as a reply to the one before it.

    ``base_url`` is the server of every account that has none of its own. ``timeout_s`` is for connecting and for each
    read.
    """

    name = "mastodon"
    settles = Settling(by="reading", after=timedelta(seconds=5))

    def __init__(
        self,
        accounts: Mapping[str, MastodonCredentials],
        *,
        base_url: str = "https://mastodon.social",
        timeout_s: float = 20.0,
        in_flight: int = 4,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._accounts = dict(accounts)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._clients: dict[str, _Client] = {}
        self._ids: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Mastodon(base_url={self.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Ask each server who its account is and what it takes. Raises ChannelUnusable with every one that refuses."""
        standings, wrong = [], []
        for account in self._accounts:
            try:
                standings.append(self._standing(account))
            except _Unreadable as error:
                wrong.append(f'the Mastodon account "{account}" cannot be used: {error}; {_remedy(account)}')
        if wrong:
            raise ChannelUnusable("\n".join(wrong))
        return standings

    def compose(self, batch: PostBatch) -> Payload:
        """Each part's parameters with its key; the id that it replies to is put in once the part before it has one."""
        chunks = [orjson.dumps({"key": part.key, **_parameters(batch, part.text)}) for part in batch.parts]
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Post the parts in order, up to the first that is not accepted; those after it wait."""
        return post_in_order(batch, payload, lambda chunk, parent: self._post(batch.account, chunk, parent))

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        """Look for each part among the account's own posts, from the wave's instant on."""
        since = worth_reading_since(batch)
        try:
            seen, whole = self._timeline(batch.account, since=since)
        except _Unreadable as error:
            return [InDoubt(f"the account's posts could not be read: {error}")] * len(payload.chunks)

        def find_part(chunk: Any, parent: str | None) -> Accepted | None:
            found = find(seen, chunk["status"], parent)
            return None if found is None else Accepted(ref=found.ref, url=found.url)

        return find_in_order(batch, payload, find_part, Read(len(seen), whole, since))

    def shows(self, payload: Payload, index: int) -> Shown:
        chunk = payload.chunks[index]
        if not chunk:
            return Shown(text="")
        parameters = orjson.loads(chunk)
        return Shown(text=parameters["status"], subject=parameters.get("spoiler_text", ""))

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _post(self, account: str, parameters: dict[str, Any], parent: str | None) -> Outcome:
        key = parameters.pop("key")
        try:
            reply = self._call(
                account,
                lambda api: api.status_post(**parameters, in_reply_to_id=parent, idempotency_key=key),
            )
        except _NoReply as none:
            return InDoubt(f"no reply from the server: {none}") if none.sent else Deferred(str(none), scope="account")
        if reply.value is None:
            return _outcome(reply)
        # Mastodon.py fills in what an answer lacks with None.
        ref, url = (getattr(reply.value, name, None) for name in ("id", "url"))
        if ref is None:
            return InDoubt("the server answered without the post's id")
        return Accepted(ref=str(ref), url=str(url) if url else None)

    def _standing(self, account: str) -> Standing:
        who = self._read(account, lambda api: api.account_verify_credentials())
        server = self._read(account, lambda api: api.instance_v2())
        try:
            most = server["configuration"]["statuses"]["max_characters"]
            number, acct, domain = who["id"], who["acct"], server["domain"]
        except (KeyError, TypeError):
            number = None
        if not number:
            raise _Unreadable("what answers is not Mastodon")
        self._ids[account] = str(number)
        return Standing(account, f"@{acct}@{domain}", f"{most} characters a post")

    def _timeline(self, account: str, *, since: datetime) -> tuple[list[Seen], bool]:
        """The account's posts since then, oldest first, and whether these are all."""
        if account not in self._ids:
            self._standing(account)
        seen: list[Seen] = []
        older: str | None = None
        for _ in range(_PAGES):
            page = self._page(account, older)
            seen += [post for post in page if post.at >= since]
            # Newest first. A page may be shorter than was asked for, so that only an empty one is the end.
            if not page or page[-1].at < since:
                return seen[::-1], True
            older = page[-1].ref
        return seen[::-1], False

    def _page(self, account: str, older: str | None) -> list[Seen]:
        user = self._ids[account]
        page = self._read(
            account,
            lambda api: api.account_statuses(user, exclude_reblogs=True, max_id=older, limit=_PAGE),
        )
        try:
            return [Seen.read(status) for status in page]
        except (KeyError, TypeError, ValueError):
            raise _Unreadable("the server answered something that cannot be read") from None

    def _read(self, account: str, call: Callable[[Any], Any]) -> Any:
        try:
            reply = self._call(account, call)
        except _NoReply as none:
            raise _Unreadable(str(none)) from None
        if reply.value is None:
            raise _Unreadable(f"the server answered {reply.why()}")
        return reply.value

    def _call(self, account: str, call: Callable[[Any], Any]) -> _Reply:
        credentials = self._accounts.get(account)
        if credentials is None:
            raise _NoReply(f'there are no credentials for the Mastodon account "{account}"', sent=False)
        with self._lock:
            if account not in self._clients:
                url = (credentials.base_url or self.base_url).rstrip("/")
                self._clients[account] = _Client(credentials, url, self._timeout_s, self.limits.in_flight)
            client = self._clients[account]
        return client.call(call)


class _Client:
    """One account's connections. It keeps each raw reply, since Mastodon.py's errors do not have them."""

    def __init__(self, credentials: MastodonCredentials, base_url: str, timeout_s: float, connections: int) -> None:
        import mastodon  # noqa: PLC0415 - a quarter of a second that most commands never need
        import requests  # noqa: PLC0415 - comes with it
        from requests.adapters import HTTPAdapter  # noqa: PLC0415 - comes with it

        self._base_url = base_url
        self._last = threading.local()
        self._session = requests.Session()
        self._session.hooks["response"] = [self._keep]
        self._session.max_redirects = 0
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)
        self._api = mastodon.Mastodon(
            access_token=credentials.access_token,
            api_base_url=base_url,
            request_timeout=timeout_s,
            ratelimit_method="throw",
            version_check_mode="none",
            session=self._session,
            user_agent="campaign",
        )

    def call(self, call: Callable[[Any], Any]) -> _Reply:
        """The reply to ``call``, good or not. Raises _NoReply."""
        import mastodon  # noqa: PLC0415 - see __init__
        import requests  # noqa: PLC0415 - see __init__

        self._last.reply = None
        try:
            value = call(self._api)
        except mastodon.MastodonNetworkError as error:
            cause = error.__context__
            if isinstance(cause, requests.RequestException) and _never_sent(cause):
                raise _NoReply(f"{self._base_url} cannot be reached: {_network(cause)}", sent=False) from None
            raise _NoReply(_network(cause or error), sent=True) from None
        except (mastodon.MastodonError, ValueError, TypeError, KeyError, AttributeError) as error:
            # Whatever Mastodon.py makes of it, the status says what became of the request.
            raw = self._last.reply
            if raw is None:
                raise _NoReply(type(error).__name__, sent=False) from None
            if raw.ok:
                raise _NoReply("what came cannot be read", sent=True) from None
            return _Reply(None, raw)
        raw = self._last.reply
        return _Reply(value if raw.status_code == HTTPStatus.OK else None, raw)

    def close(self) -> None:
        self._session.close()

    def _keep(self, reply: requests.Response, *_: Any, **__: Any) -> None:
        self._last.reply = reply


def _parameters(batch: PostBatch, text: str) -> dict[str, str]:
    parameters = {"status": text, "visibility": batch.visibility}
    if batch.language:
        parameters["language"] = batch.language
    if batch.warning:
        parameters["spoiler_text"] = batch.warning
    return parameters


def _outcome(reply: _Reply) -> Outcome:
    """What an error means for the post (https://docs.joinmastodon.org/methods/statuses/#create)."""
    match reply.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            # 403 is the token's scope, or an account that is locked or not yet confirmed: never the post itself.
            return Deferred(f"the server refused the account: {reply.why()}", scope="account")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Deferred("the server's rate limit is reached", until=reply.resets_at(), scope="account")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Deferred(f"the server is unavailable: {reply.why()}")
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return InDoubt(f"the server answered {reply.why()}")
        case status if status < HTTPStatus.BAD_REQUEST:
            return Deferred(f"the server answered {reply.why()}; its address may be wrong", scope="account")
        case status:
            return Refused(f"the server refused the post: {reply.why()}", code=str(status))


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


def _remedy(account: str) -> str:
    head = "CAMPAIGN_MASTODON__"
    return (
        "make a token on its server under Preferences, Development, with the scopes read and write:statuses, and set "
        f"{head}ACCOUNTS__{account.upper().replace('-', '_')}__ACCESS_TOKEN and {head}BASE_URL"
    )
