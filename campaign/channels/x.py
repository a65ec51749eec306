"""X: posts and threads by API v2, signed with OAuth 1.0a, through tweepy. Begin at ``X.deliver``.

X has no idempotency key: a lost reply leaves a post in doubt until the account's own timeline has been read. See
https://docs.x.com/x-api/posts/create-post and https://docs.x.com/x-api/users/get-posts.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from campaign.channels.threads import Read, find_in_order, post_in_order, worth_reading_since
from campaign.channels.x_timeline import FIELDS, Seen, find
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

if TYPE_CHECKING:
    import requests

_SDK_HOST = "https://api.twitter.com"
"""The host that tweepy writes before every path; it cannot be told another."""
_THREAD = 100
_PAGE = 100
_PAGES = 5
_DUPLICATE = "duplicate content"


@dataclass(frozen=True, slots=True)
class XCredentials:
    """The keys of the app and the tokens of one account, from the X developer portal."""

    api_key: str = field(repr=False)
    api_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    access_token_secret: str = field(repr=False)


class _NoReply(Exception):
    """X did not answer. ``sent`` is False where the request certainly did not reach it."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class _Unreadable(Exception):
    """X did not say what it was asked; the text says why."""


class _UnknownField(_Unreadable):
    """X does not know what it was asked for."""


class X:
    """Posts one part after the other, each as a reply to the one before it.

    ``base_url`` stands in place of the host that tweepy has built in, before a request is signed. ``timeout_s`` is for
    connecting and for each read.
    """

    name = "x"
    settles = Settling(by="reading", after=timedelta(seconds=20))

    def __init__(
        self,
        accounts: Mapping[str, XCredentials],
        *,
        base_url: str = "https://api.x.com",
        timeout_s: float = 20.0,
        in_flight: int = 4,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._accounts = dict(accounts)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._clients: dict[str, Any] = {}
        self._users: dict[str, Mapping[str, str]] = {}

    def __repr__(self) -> str:
        return f"X(base_url={self.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Ask X who each account is."""
        standings = []
        for account in self._accounts:
            self._users.pop(account, None)
            try:
                standings.append(Standing(account, f"@{self._who(account)['username']}", "signed in with OAuth 1.0a"))
            except _Unreadable as error:
                wrong = f'the X account "{account}" cannot be used: {error}; {_remedy(account)}'
                standings.append(Standing(account, "", wrong=wrong))
        return standings

    def compose(self, batch: PostBatch) -> Payload:
        """One JSON body for each part; the id that it replies to is put in once the part before it has one."""
        chunks = [orjson.dumps({"text": part.text}) for part in batch.parts]
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Post the parts in order, up to the first that is not accepted; those after it wait."""
        return post_in_order(batch, payload, lambda chunk, parent: self._post(batch, chunk["text"], parent))

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        """Look for each part in the account's own timeline, from the wave's instant on."""
        since = worth_reading_since(batch)
        try:
            seen, whole = self._timeline(batch.account, since=since)
        except _Unreadable as error:
            return [InDoubt(f"the account's timeline could not be read: {error}")] * len(payload.chunks)

        def find_part(chunk: Any, parent: str | None) -> Accepted | None:
            found = find(seen, chunk["text"], parent)
            return None if found is None else _accepted(found.ref)

        return find_in_order(batch, payload, find_part, Read(len(seen), whole, since))

    def shows(self, payload: Payload, index: int) -> Shown:
        chunk = payload.chunks[index]
        return Shown(text=orjson.loads(chunk)["text"] if chunk else "")

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:  # noqa: ARG002 - no media yet
        """Ask who the account is: that opens its connection."""
        with suppress(_Unreadable):
            self._read(batch.account, "/2/users/me", {})

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        """Up to 100 posts in a request: https://docs.x.com/x-api/posts/get-posts-by-ids."""
        found: dict[str, Metrics] = {}
        for start in range(0, len(refs), _PAGE):
            asked = {"ids": ",".join(refs[start : start + _PAGE])}
            try:
                shown = self._read(account, "/2/tweets", {**asked, "post.fields": "public_metrics"})
                for post in shown.get("data", ()):
                    told = post["public_metrics"]
                    found[str(post["id"])] = Metrics(
                        likes=told.get("like_count"),
                        reposts=told.get("repost_count", told.get("retweet_count")),
                        replies=told.get("reply_count"),
                        views=told.get("impression_count"),
                    )
            except (_Unreadable, KeyError, TypeError, AttributeError) as error:
                return Deferred(f"X did not tell the figures: {error}", scope="account")
        return found

    def retract(self, account: str, ref: str) -> Outcome:
        """Delete the post; one that is not there any more counts as deleted."""
        try:
            reply = self._call(account, lambda client: client.request("DELETE", f"/2/tweets/{ref}", user_auth=True))
        except _NoReply as none:
            return InDoubt(f"no reply from X: {none}") if none.sent else Deferred(str(none), scope="account")
        return _accepted(ref) if reply.ok or reply.status_code == HTTPStatus.NOT_FOUND else _outcome(reply)

    def close(self) -> None:
        with self._lock:
            for client in self._clients.values():
                client.session.close()
            self._clients.clear()

    def _post(self, batch: PostBatch, text: str, parent: str | None) -> Outcome:
        try:
            reply = self._call(
                batch.account,
                lambda client: client.create_tweet(text=text, in_reply_to_tweet_id=parent, user_auth=True),
            )
        except _NoReply as none:
            return InDoubt(f"no reply from X: {none}") if none.sent else Deferred(str(none), scope="account")
        if reply.ok:
            ref = (_body(reply).get("data") or {}).get("id")
            return _accepted(str(ref)) if ref else InDoubt("X answered without the post's id")
        if reply.status_code == HTTPStatus.FORBIDDEN and _DUPLICATE in _detail(reply):
            return self._had_already(batch, text, parent)
        return _outcome(reply)

    def _had_already(self, batch: PostBatch, text: str, parent: str | None) -> Outcome:
        """X says that it has this text. It does not say whose: the post may be ours, from an attempt before this."""
        try:
            seen, _ = self._timeline(batch.account, since=None)
        except _Unreadable:
            seen = []
        since = worth_reading_since(batch)
        ours = find([post for post in seen if post.at >= since], text, parent)
        if ours is not None:
            return _accepted(ours.ref)
        older = find([post for post in seen if post.at < since], text, None, anywhere=True)
        if older is not None:
            at = f"{older.at:%Y-%m-%d %H:%M} UTC"
            return Refused(f"the account posted this text before, at {at}: {_url(older.ref)}", code="duplicate")
        return InDoubt("X says it already has this text")

    def _timeline(self, account: str, *, since: datetime | None) -> tuple[list[Seen], bool]:
        """The account's posts since then, oldest first, and whether these are all. None: the latest page of them."""
        path = f"/2/users/{self._who(account)['id']}/tweets"
        asked = {"max_results": str(_PAGE)}
        if since is not None:
            asked["start_time"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        posts: list[Seen] = []
        fields, *others = FIELDS
        for _ in range(_PAGES if since is not None else 1):
            try:
                shown = self._read(account, path, {**asked, **fields})
            except _UnknownField:
                fields = others[0]
                shown = self._read(account, path, {**asked, **fields})
            try:
                posts += [Seen.read(post) for post in shown.get("data", ())]
                asked["pagination_token"] = shown.get("meta", {}).get("next_token") or ""
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _Unreadable("X answered something that cannot be read") from None
            if not asked["pagination_token"]:
                break
        return sorted(posts, key=lambda post: post.at), not asked["pagination_token"]

    def _who(self, account: str) -> Mapping[str, str]:
        """The account's user as X knows it, asked once."""
        if account not in self._users:
            try:
                user = self._read(account, "/2/users/me", {})["data"]
                self._users[account] = {"id": str(user["id"]), "username": str(user["username"])}
            except (KeyError, TypeError):
                raise _Unreadable(f"what answers at {self.base_url} is not X") from None
        return self._users[account]

    def _read(self, account: str, path: str, asked: Mapping[str, str]) -> Mapping[str, Any]:
        """A reply's body. Raises _Unreadable where there is none, _UnknownField where X does not know a parameter."""
        try:
            reply = self._call(account, lambda client: client.request("GET", path, params=dict(asked), user_auth=True))
        except _NoReply as none:
            raise _Unreadable(str(none)) from None
        if reply.status_code == HTTPStatus.BAD_REQUEST:
            raise _UnknownField(_detail(reply))
        if not reply.ok:
            raise _Unreadable(f"X answered {reply.status_code}: {_detail(reply)}")
        return _body(reply)

    def _call(self, account: str, send: Callable[[Any], requests.Response]) -> requests.Response:
        """X's reply, whatever its status. Raises _NoReply."""
        import requests  # noqa: PLC0415 - comes with tweepy, which only sending needs
        import tweepy  # noqa: PLC0415 - a third of a second that most commands never need

        client = self._client(account)
        try:
            return send(client)
        except tweepy.HTTPException as error:
            answered: requests.Response = error.response
            return answered
        except requests.RequestException as error:
            if _never_sent(error):
                raise _NoReply(f"{self.base_url} cannot be reached: {_network(error)}", sent=False) from None
            raise _NoReply(_network(error), sent=True) from None
        except (ValueError, TypeError, AttributeError):
            # tweepy reads the body of an error too; one that is no JSON object, as a proxy's may be, ends here.
            raise _NoReply("what came cannot be read", sent=True) from None

    def _client(self, account: str) -> Any:
        """The account's client, made at its first use and kept with its connections."""
        credentials = self._accounts.get(account)
        if credentials is None:
            raise _NoReply(f'there are no credentials for the X account "{account}"', sent=False)
        with self._lock:
            if account not in self._clients:
                self._clients[account] = _client(credentials, self.base_url, self._timeout_s, self.limits.in_flight)
            return self._clients[account]


def _client(credentials: XCredentials, base_url: str, timeout_s: float, connections: int) -> Any:
    import requests  # noqa: PLC0415 - comes with tweepy, which only sending needs
    import tweepy  # noqa: PLC0415 - a third of a second that most commands never need
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - as above

    # They log what they sign, tokens and all, and tweepy the texts.
    for logger in ("oauthlib", "requests_oauthlib", "tweepy"):
        logging.getLogger(logger).setLevel(logging.WARNING)

    class Session(requests.Session):
        """Sends to ``base_url``, with a timeout, and goes nowhere else. Before signing: the signature has the host."""

        def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
            path = str(url).removeprefix(_SDK_HOST)
            kwargs = {"timeout": timeout_s, "allow_redirects": False, **kwargs}
            return super().request(method, base_url + path, *args, **kwargs)

    client = tweepy.Client(
        consumer_key=credentials.api_key,
        consumer_secret=credentials.api_secret,
        access_token=credentials.access_token,
        access_token_secret=credentials.access_token_secret,
        return_type=requests.Response,
        wait_on_rate_limit=False,
    )
    client.session = Session()
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connections, max_retries=0)
    client.session.mount("http://", adapter)
    client.session.mount("https://", adapter)
    return client


def _outcome(reply: requests.Response) -> Outcome:  # noqa: PLR0911 - one return for each row of X's table
    """What an answer other than 2xx means for the post. Codes: https://docs.x.com/x-api/fundamentals/response-codes."""
    status, detail = reply.status_code, _detail(reply)
    match status:
        case HTTPStatus.UNAUTHORIZED:
            return Deferred(f"X refused the account's credentials: {detail}", scope="account")
        case HTTPStatus.PAYMENT_REQUIRED:
            return Deferred(f"the credit with X is spent: {detail}", scope="channel")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Deferred("X's rate limit is reached", until=_reset(reply), scope="account")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Deferred(f"X is unavailable: {detail}")
        case HTTPStatus.FORBIDDEN if _is_about_the_app(reply):
            return Deferred(f"X does not let the app post for this account: {detail}", scope="account")
        case _ if status < HTTPStatus.BAD_REQUEST:
            return Deferred(f"X answered {status}; its address may be wrong", scope="account")
        case HTTPStatus.REQUEST_TIMEOUT:
            return InDoubt("X answered 408")
        case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return InDoubt(f"X answered {status}: {detail}")
        case _:
            return Refused(f"X refused the post: {detail}", code=str(status))


def _is_about_the_app(reply: requests.Response) -> bool:
    """A 403 over the app's permissions, which a person mends in the developer portal, and not over this post."""
    kind = str(_body(reply).get("type", ""))
    return kind.endswith(("/oauth1-permissions", "/client-forbidden", "/unsupported-authentication"))


def _body(reply: requests.Response) -> Mapping[str, Any]:
    try:
        body = reply.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _detail(reply: requests.Response) -> str:
    body = _body(reply)
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    said = first.get("message") or body.get("detail") or body.get("title") or reply.reason or "no reason given"
    return str(said)[:300]


def _reset(reply: requests.Response) -> datetime | None:
    """When the limit that was hit is reset (x-rate-limit-reset, in epoch seconds); None where X did not say."""
    try:
        return datetime.fromtimestamp(int(reply.headers["x-rate-limit-reset"]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        return None


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


def _accepted(ref: str) -> Accepted:
    return Accepted(ref=ref, url=_url(ref))


def _url(ref: str) -> str:
    return f"https://x.com/i/web/status/{ref}"


def _remedy(account: str) -> str:
    return (
        "make its keys and tokens anew in the X developer portal, with the permission to read and write, and set "
        f"CAMPAIGN_X__ACCOUNTS__{account.upper().replace('-', '_')}__ACCESS_TOKEN and its three companions"
    )
