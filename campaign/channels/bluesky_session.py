"""One Bluesky account's session and connections, through atproto, and what its server answers."""

from __future__ import annotations

import logging
import threading
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson

from campaign.channels.ahead import hook, not_waiting
from campaign.channels.bluesky_records import COLLECTION
from campaign.model.outcome import Deferred, InDoubt, Outcome, Refused
from campaign.ports.channel import Left

_KEEP_ALIVE_S = 60.0
"""The reference server closes after 90 s, and a post must not be what finds that out."""
_JSON = {"Content-Type": "application/json"}
_ABOUT_THE_ACCOUNT = frozenset(
    {
        "AccountDeactivated",
        "AccountSuspended",
        "AccountTakedown",
        "AuthFactorTokenRequired",
        "AuthMissing",
        "AuthenticationRequired",
        "ExpiredToken",
        "InvalidToken",
    }
)


@dataclass(frozen=True, slots=True)
class BlueskyCredentials:
    """An account's handle, without @, and one of its app passwords."""

    handle: str
    app_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server answered, whatever its status. ``error`` is the lexicon's name of the error."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        return self.status == HTTPStatus.OK

    @property
    def error(self) -> str:
        return str(self.body.get("error", ""))

    def why(self) -> str:
        said = self.body.get("message") or self.error or "no reason given"
        return f"{self.status} {said}"[:300]

    def left(self) -> Left | None:
        """What is left of the limit that is nearest to its end, None where the server does not count."""
        try:
            number, of = (int(self.headers[f"ratelimit-{name}"]) for name in ("remaining", "limit"))
        except (KeyError, ValueError):
            return None
        return Left(number, of, until=self.resets_at())

    def rest_until(self) -> datetime | None:
        """When the account may go on, where this was the last request that its server takes for now."""
        return self.resets_at() if self.headers.get("ratelimit-remaining", "").strip() == "0" else None

    def resets_at(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(int(self.headers["ratelimit-reset"]), UTC)
        except (KeyError, ValueError, OverflowError, OSError):
            return None


class NoReply(Exception):
    """The server did not answer. ``sent`` is False where the request certainly did not reach it."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.sent = sent


class NotNow(Exception):
    """Nothing was attempted, because what has to be known first could not be had; ``outcome`` says so."""

    def __init__(self, outcome: Deferred | Refused) -> None:
        super().__init__(outcome.reason)
        self.outcome = outcome


class Session:
    """One account's session and connections.

    The session is kept, since signing in is limited to 30 in 5 minutes, and renewed when the server says that it has
    run out: atproto's own Client goes by this machine's clock alone, and would sign a wrong clock out.
    """

    def __init__(self, credentials: BlueskyCredentials, base_url: str, timeout_s: float) -> None:
        import httpx  # noqa: PLC0415 - comes with atproto, which only sending needs
        from atproto_client.client.raw import ClientRaw  # noqa: PLC0415 - takes half a second
        from atproto_client.request import Request  # noqa: PLC0415 - as above

        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
        self.did = ""
        self.uploaded: set[str] = set()
        """CIDs of the blobs that its server took, as far as it has not dropped them since."""
        self._credentials = credentials
        self._lock = threading.Lock()
        self._access = ""
        self._refresh = ""
        # No limit on connections: httpcore 1.0.9 loses replies where threads wait for one of a full pool. How many
        # calls there are at a time is the caller's to say.
        limits = httpx.Limits(max_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
        self._client = ClientRaw(
            base_url, request=Request(timeout=timeout_s, limits=limits, event_hooks={"request": [hook]})
        )

    @property
    def scope(self) -> str:
        """What the session was opened with, as its token says: com.atproto.appPass for an app password; "" unknown."""
        try:
            body = self._access.split(".")[1]
            return str(orjson.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))["scope"])
        except (IndexError, KeyError, TypeError, ValueError):
            return ""

    def sign_in(self) -> None:
        with self._lock, not_waiting():
            if not self._access:
                self._open(self._create())

    def query(self, method: str, asked: Any) -> Reply:
        return self._signed(lambda headers: self._client.invoke_query(method, params=asked, headers=headers))

    def get(self, rkey: str, repo: str = "") -> Reply:
        from atproto_client.models import ComAtprotoRepoGetRecord as GetRecord  # noqa: PLC0415 - see __init__

        asked = GetRecord.Params(repo=repo or self.did, collection=COLLECTION, rkey=rkey)
        return self.query("com.atproto.repo.getRecord", asked)

    def write(self, records: Mapping[str, Mapping[str, Any]]) -> Reply:
        """Make ``records``, by key, where nothing stands under these keys."""
        if len(records) == 1:
            ((rkey, record),) = records.items()
            # swapRecord null: only where there is no record yet. The SDK's own models leave null out.
            where = {"repo": self.did, "collection": COLLECTION, "rkey": rkey}
            return self._post("com.atproto.repo.putRecord", {**where, "record": record, "swapRecord": None})
        create = {"$type": "com.atproto.repo.applyWrites#create", "collection": COLLECTION}
        writes = [{**create, "rkey": rkey, "value": record} for rkey, record in records.items()]
        return self._post("com.atproto.repo.applyWrites", {"repo": self.did, "writes": writes})

    def upload(self, body: bytes, media_type: str) -> Reply:
        """Hand over a blob, which the server keeps for a while until a record names it."""
        kind = {"Content-Type": media_type}
        method = "com.atproto.repo.uploadBlob"
        return self._signed(
            lambda headers: self._client.invoke_procedure(method, content=body, headers={**headers, **kind})
        )

    def resolve(self, handle: str) -> Reply:
        from atproto_client.models import ComAtprotoIdentityResolveHandle as ResolveHandle  # noqa: PLC0415 - see above

        return self.query("com.atproto.identity.resolveHandle", ResolveHandle.Params(handle=handle))

    def delete(self, rkey: str) -> Reply:
        where = {"repo": self.did, "collection": COLLECTION, "rkey": rkey}
        return self._post("com.atproto.repo.deleteRecord", where)

    def posts(self, uris: Sequence[str]) -> Reply:
        """What the AppView shows of these posts: the account's server hands the question on."""
        from atproto_client.models import AppBskyFeedGetPosts as GetPosts  # noqa: PLC0415 - see __init__

        return self.query("app.bsky.feed.getPosts", GetPosts.Params(uris=list(uris)))

    def close(self) -> None:
        self._client.request.close()

    def _post(self, method: str, body: Mapping[str, Any]) -> Reply:
        content = orjson.dumps(body)
        return self._signed(
            lambda headers: self._client.invoke_procedure(method, content=content, headers={**headers, **_JSON})
        )

    def _signed(self, call: Callable[[dict[str, str]], Any]) -> Reply:
        """The reply to a call with the session's token, renewed once if it has run out: then nothing was done."""
        access = self._access
        reply = _replied(lambda: call({"Authorization": f"Bearer {access}"}))
        if reply.error != "ExpiredToken":
            return reply
        try:
            self._renew(access)
        except NotNow:
            return reply
        except NoReply as error:
            raise NoReply(str(error), sent=False) from None
        return _replied(lambda: call({"Authorization": f"Bearer {self._access}"}))

    def _renew(self, stale: str) -> None:
        with self._lock, not_waiting():
            if self._access != stale:
                return  # another thread has done it: a refresh token is good for one use
            headers = {"Authorization": f"Bearer {self._refresh}"}
            method = "com.atproto.server.refreshSession"
            reply = _replied(lambda: self._client.invoke_procedure(method, headers=headers))
            self._open(reply if reply.ok else self._create())

    def _create(self) -> Reply:
        signing = {"identifier": self._credentials.handle, "password": self._credentials.app_password}
        method, content = "com.atproto.server.createSession", orjson.dumps(signing)
        return _replied(lambda: self._client.invoke_procedure(method, content=content, headers=_JSON))

    def _open(self, reply: Reply) -> None:
        if not reply.ok:
            why = outcome(reply)
            if isinstance(why, Deferred):
                raise NotNow(why)
            raise NotNow(Deferred(f"Bluesky did not sign the account in: {reply.why()}", scope="account"))
        try:
            self._access, self._refresh = str(reply.body["accessJwt"]), str(reply.body["refreshJwt"])
            self.did = str(reply.body["did"])
        except KeyError:
            raise NotNow(Deferred("what answered is not Bluesky", scope="channel")) from None
        self._go_home(reply.body.get("didDoc"))

    def _go_home(self, document: Any) -> None:
        """From here on speak to the server that has the account's data, where the sign-in named one."""
        from atproto_core.did_doc import DidDocument, is_valid_did_doc  # noqa: PLC0415 - see __init__

        if document and is_valid_did_doc(document):
            home = DidDocument.from_dict(document).get_pds_endpoint()
            if home:
                self._client.update_base_url(home)


def _replied(call: Callable[[], Any]) -> Reply:
    """Make a call through the SDK and give its reply, error or not. Raises NoReply."""
    import httpx  # noqa: PLC0415 - comes with atproto, which only sending needs
    from atproto_client.exceptions import RequestErrorBase  # noqa: PLC0415 - takes half a second
    from atproto_core.exceptions import AtProtocolError  # noqa: PLC0415 - as above

    try:
        response = call()
    except RequestErrorBase as error:
        cause = error.__cause__
        if error.response is None:
            unsent = isinstance(cause, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
            raise NoReply(type(cause or error).__name__, sent=not unsent) from None
        response = error.response
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise NoReply(type(error).__name__, sent=False) from None
    except (httpx.HTTPError, AtProtocolError, ValueError) as error:
        # The SDK reads the body of an error too; one that is no error of the protocol's ends here.
        raise NoReply(type(error).__name__, sent=True) from None
    content = response.content
    if not isinstance(content, dict):
        content = {name: getattr(content, name, None) for name in ("error", "message")}
    return Reply(response.status_code, {name: value for name, value in content.items() if value}, response.headers)


def outcome(reply: Reply) -> Outcome:
    """What an error means for the records of a request."""
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Deferred("Bluesky's rate limit is reached", until=reply.resets_at(), scope="account")
    if reply.error in _ABOUT_THE_ACCOUNT or reply.status == HTTPStatus.UNAUTHORIZED:
        return Deferred(f"Bluesky refused the account: {reply.why()}", scope="account")
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Deferred(f"Bluesky is unavailable: {reply.why()}")
    if reply.error == "InvalidSwap":
        return InDoubt(f"another record stands under our key: {reply.why()}")
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InDoubt(f"Bluesky answered {reply.why()}")
    return Refused(f"Bluesky refused the post: {reply.why()}", code=reply.error or str(reply.status))
