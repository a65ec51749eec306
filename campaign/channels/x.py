"""X: posts, threads, pictures and videos by API v2, through tweepy. Begin at ``X.deliver``.

X has no idempotency key: a lost reply leaves a post in doubt until the account's own timeline has been read. See
https://docs.x.com/x-api/posts/create-post and https://docs.x.com/x-api/users/get-posts.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson

from campaign.channels import x_replies as replies
from campaign.channels.ahead import waiting
from campaign.channels.threads import Read, find_in_order, post_in_order, worth_reading_since
from campaign.channels.x_calls import Calls
from campaign.channels.x_login import Unanswered, XCredentials, XLogin
from campaign.channels.x_media import NotUploaded, Shown, Uploads
from campaign.channels.x_timeline import FIELDS, Seen, find
from campaign.model.batch import Payload, PostBatch
from campaign.model.batch import Shown as Got
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import MAY_DELETE, MAY_POST, MAY_READ, MAY_SHOW, Gate, Left, Limits, Settling, Standing
from campaign.ports.tokens import Token, Tokens

if TYPE_CHECKING:
    import requests

_THREAD = 100
_PAGE = 100
_PAGES = 5
_FIGURES = ({"post.fields": "public_metrics"}, {"tweet.fields": "public_metrics"})
_MAY = {"tweet.read": (MAY_READ,), "tweet.write": (MAY_POST, MAY_DELETE), "media.write": (MAY_SHOW,)}
"""What the scopes of OAuth 2 that we need allow."""


class _Unreadable(Exception):
    """X did not say what it was asked; ``outcome`` is what that means for whatever needed to know."""

    def __init__(self, why: str, outcome: Outcome | None = None) -> None:
        super().__init__(why)
        self.outcome = replies.before_the_post(outcome or Deferred(why))


class _UnknownField(_Unreadable):
    """X does not know what it was asked for."""


class X:
    """Posts one part after the other, each as a reply to the one before it.

    ``base_url`` stands in place of the host that tweepy has built in, before a request is signed. ``timeout_s`` is for
    connecting and for each read. ``tokens`` keeps the tokens of accounts that are signed in with OAuth 2. ``wait`` is
    given the seconds that X asks to wait for a video. Without ``now`` tokens and uploads are used until X refuses them.
    """

    name = "x"
    settles = Settling(by="reading", after=timedelta(seconds=20))

    def __init__(
        self,
        accounts: Mapping[str, XCredentials | XLogin],
        *,
        base_url: str = "https://api.x.com",
        timeout_s: float = 20.0,
        in_flight: int = 32,
        tokens: Tokens | None = None,
        now: Callable[[], datetime] | None = None,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self._accounts = dict(accounts)
        self._calls = Calls(
            accounts, base_url=base_url, timeout_s=timeout_s, connections=in_flight, tokens=tokens, now=now
        )
        self._closed = threading.Event()
        self._uploads = Uploads(self._calls, now=now, wait=wait or self._closed.wait)
        self._users: dict[str, Mapping[str, Any]] = {}
        self._left: dict[str, Left] = {}

    def __repr__(self) -> str:
        return f"X(base_url={self._calls.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Ask X who each account is. What is left of its posts is known once this channel has posted."""
        standings = []
        for account in self._accounts:
            try:
                standings.append(self._standing(account))
            except _Unreadable as error:
                told = isinstance(error.outcome, Deferred) and error.outcome.hold  # it says what to do
                wrong = f'the X account "{account}" cannot be used: {error}' + ("" if told else f"; {_remedy(account)}")
                standings.append(Standing(account, "", wrong=wrong))
            except Unanswered as none:
                standings.append(Standing(account, "", wrong=f'the X account "{account}" cannot be used: {none}'))
        return standings

    def compose(self, batch: PostBatch) -> Payload:
        """One JSON body for each part; the ids of its pictures, and of what it replies to, are put in once X has said
        them."""
        chunks = []
        for part in batch.parts:
            chunk: dict[str, Any] = {"text": part.text}
            if part.shows.media:
                chunk["media"] = [Shown.of(one).written() for one in part.shows.media]
            chunks.append(orjson.dumps(chunk))
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        """Renew the token and open a connection, by asking who the account is; upload what the parts show."""
        with suppress(_Unreadable):
            self._ask_who(batch.account)
        if upload:
            with suppress(NotUploaded):
                self._upload_all(batch, payload)

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        """As ``deliver``, with the request built and signed before the gate."""
        with waiting(gate):
            return self.deliver(batch, payload)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Upload what is not uploaded yet, then post the parts in order, up to the first that is not accepted.

        All uploads come first, so that one that fails leaves no half of a thread.
        """
        try:
            self._upload_all(batch, payload)
        except NotUploaded as failed:
            waits = Deferred("waits for what the thread shows")
            return [failed.outcome, *[waits] * (len(payload.chunks) - 1)]
        spent: list[datetime] = []

        def post(chunk: Mapping[str, Any], parent: str | None) -> Outcome:
            if spent:
                return Deferred("X takes no more posts of this account for now", until=spent[0], scope="account")
            outcome = self._post(batch, chunk, parent)
            if isinstance(outcome, Accepted) and outcome.rest_until is not None:
                spent.append(outcome.rest_until)
            return outcome

        return _ended(post_in_order(batch, payload, post))

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        """Look for each part in the account's own timeline, from the wave's instant on."""
        since = worth_reading_since(batch)
        try:
            seen, whole = self._timeline(batch.account, since=since)
        except _Unreadable as error:
            return [InDoubt(f"the account's timeline could not be read: {error}")] * len(payload.chunks)

        def find_part(chunk: Any, parent: str | None) -> Accepted | None:
            found = find(seen, chunk["text"], parent)
            return None if found is None else replies.accepted(found.ref)

        return find_in_order(batch, payload, find_part, Read(len(seen), whole, since))

    def shows(self, payload: Payload, index: int) -> Got:
        chunk = payload.chunks[index]
        return Got(text=orjson.loads(chunk)["text"] if chunk else "")

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        """100 posts in a request: https://docs.x.com/x-api/posts/get-posts-by-ids."""
        found: dict[str, Metrics] = {}
        known = [ref for ref in refs if ref.isdigit()]
        for start in range(0, len(known), _PAGE):
            asked = {"ids": ",".join(known[start : start + _PAGE])}
            try:
                shown = self._read_either(account, "/2/tweets", asked, _FIGURES)
                found.update(_figures(post) for post in shown.get("data", ()))
            except _Unreadable as error:
                if isinstance(error.outcome, Deferred):
                    return error.outcome
                return Deferred(str(error), scope="account")
            except (ValueError, KeyError, TypeError, AttributeError):
                return Deferred("X answered something that cannot be read", scope="account")
        return found

    def retract(self, account: str, ref: str) -> Outcome:
        """Delete the post; one that is not there any more counts as deleted. A lost reply is no doubt: it is asked
        again."""
        if not ref.isdigit():
            return Refused(f"this is no post on X: {ref}", code="ref")
        try:
            reply = self._calls.ask(account, "DELETE", f"/2/tweets/{ref}")
        except Unanswered as none:
            return replies.before_the_post(none.outcome)
        if reply.ok or reply.status_code == HTTPStatus.NOT_FOUND:
            return replies.accepted(ref, reply)
        return replies.before_the_post(replies.outcome(reply, about="deletion"))

    def close(self) -> None:
        self._closed.set()
        self._calls.close()

    def _upload_all(self, batch: PostBatch, payload: Payload) -> None:
        self._closed.clear()  # a channel that was closed may be used again
        for chunk in payload.chunks:
            self._uploads.ids(batch.account, orjson.loads(chunk), batch.files)

    def _post(self, batch: PostBatch, chunk: Mapping[str, Any], parent: str | None) -> Outcome:
        try:
            reply = self._posted(batch, chunk, parent)
            if replies.media_is_gone(reply) and chunk.get("media"):
                self._uploads.forget(batch.account, chunk)
                reply = self._posted(batch, chunk, parent)
        except NotUploaded as failed:
            return failed.outcome
        except Unanswered as none:
            return none.outcome
        left = replies.left(reply, "posts")
        if left is not None:
            self._left[batch.account] = left
        if reply.ok:
            ref = replies.data(reply).get("id")
            return replies.accepted(str(ref), reply) if ref else InDoubt("X answered without the post's id")
        if replies.is_duplicate(reply):
            return self._had_already(batch, chunk["text"], parent)
        return (replies.no_replies(reply) if parent else None) or replies.outcome(reply)

    def _posted(self, batch: PostBatch, chunk: Mapping[str, Any], parent: str | None) -> requests.Response:
        post: dict[str, Any] = {"text": chunk["text"]}
        if parent is not None:
            post["reply"] = {"in_reply_to_tweet_id": parent}
        if chunk.get("media"):
            post["media"] = {"media_ids": list(self._uploads.ids(batch.account, chunk, batch.files))}
        return self._calls.ask(batch.account, "POST", "/2/tweets", json=post)

    def _had_already(self, batch: PostBatch, text: str, parent: str | None) -> Outcome:
        """X says that it has this text. It does not say whose: the post may be ours, from an attempt before this."""
        try:
            seen, _ = self._timeline(batch.account, since=None)
        except _Unreadable:
            seen = []
        since = worth_reading_since(batch)
        ours = find([post for post in seen if post.at >= since], text, parent)
        if ours is not None:
            return replies.accepted(ours.ref)
        older = find([post for post in seen if post.at < since], text, None, anywhere=True)
        if older is not None:
            at = f"{older.at:%Y-%m-%d %H:%M} UTC"
            where = replies.url_of(older.ref)
            return Refused(f"the account posted this text before, at {at}: {where}", code="duplicate")
        return InDoubt("X says it already has this text")

    def _timeline(self, account: str, *, since: datetime | None) -> tuple[list[Seen], bool]:
        """The account's posts since then, oldest first, and whether these are all. None: the latest page of them."""
        path = f"/2/users/{self._who(account)['id']}/tweets"
        asked = {"max_results": str(_PAGE)}
        if since is not None:
            asked["start_time"] = since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        posts: list[Seen] = []
        for _ in range(_PAGES if since is not None else 1):
            shown = self._read_either(account, path, asked, FIELDS)
            try:
                posts += [Seen.read(post) for post in shown.get("data", ())]
                asked["pagination_token"] = shown["meta"].get("next_token") or ""  # also of an empty timeline
            except (ValueError, KeyError, TypeError, AttributeError):
                raise _Unreadable("X answered something that cannot be read") from None
            if not asked["pagination_token"]:
                break
        return sorted(posts, key=lambda post: post.at), not asked["pagination_token"]

    def _standing(self, account: str) -> Standing:
        reply, user = self._ask_who(account)
        token = self._calls.login(account)
        may = _may(reply, token)
        told = [
            _signed_in(token),
            "its posts are protected: only its followers see them" if user.get("protected") else "",
            "it may show no pictures: the scope media.write is missing" if may and MAY_SHOW not in may else "",
        ]
        return Standing(
            account,
            f"@{user['username']}",
            "; ".join(one for one in told if one),
            handle=str(user["username"]),
            may=may,
            ends_at=None if token is None else token.ends_at,
            renews=token is not None,
            left=self._left.get(account) or replies.left(reply, "look-ups"),
            wrong=f'the X account "{account}" may not post; {_remedy(account)}' if may and MAY_POST not in may else "",
        )

    def _who(self, account: str) -> Mapping[str, Any]:
        """The account's user as X knows it, asked once."""
        if account not in self._users:
            self._ask_who(account)
        return self._users[account]

    def _ask_who(self, account: str) -> tuple[requests.Response, Mapping[str, Any]]:
        reply = self._asked(account, "/2/users/me", {"user.fields": "protected"})
        user = replies.data(reply)
        if not user.get("id") or not user.get("username"):
            raise _Unreadable(f"what answers at {self._calls.base_url} is not X")
        self._users[account] = user
        return reply, user

    def _read_either(
        self, account: str, path: str, asked: Mapping[str, str], fields: Sequence[Mapping[str, str]]
    ) -> Mapping[str, Any]:
        """In today's names of fields, or where X does not know them in those of before."""
        try:
            reply = self._asked(account, path, {**asked, **fields[0]})
        except _UnknownField:
            reply = self._asked(account, path, {**asked, **fields[1]})
        found = replies.body(reply)
        if not found:
            # No JSON, as from a proxy: taken for an empty timeline it would have everything posted again.
            raise _Unreadable("X answered something that cannot be read")
        return found

    def _asked(self, account: str, path: str, params: Mapping[str, str]) -> requests.Response:
        """A good reply. Raises _Unreadable where there is none, _UnknownField where X does not know a parameter."""
        try:
            reply = self._calls.ask(account, "GET", path, params=params)
        except Unanswered as none:
            raise _Unreadable(str(none), none.outcome) from None
        if reply.status_code == HTTPStatus.BAD_REQUEST:
            raise _UnknownField(replies.detail(reply))
        if not reply.ok:
            outcome = replies.outcome(reply)
            if isinstance(outcome, Deferred) and outcome.hold:
                raise _Unreadable(outcome.reason, outcome)
            raise _Unreadable(f"X answered {reply.status_code}: {replies.detail(reply)}", outcome)
        return reply


def _ended(outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
    """A thread that cannot go on because the account may not reply ends there, all of what is left of it."""
    for place, outcome in enumerate(outcomes):
        if isinstance(outcome, Refused) and outcome.code in (replies.NO_REPLIES, "parent-gone"):
            return [*outcomes[:place], *[outcome] * (len(outcomes) - place)]
    return outcomes


def _signed_in(token: Token | None) -> str:
    if token is None:
        return "signed in with OAuth 1.0a"
    until = f"holds until {token.ends_at:%H:%M} UTC and " if token.ends_at else ""
    return f"signed in with OAuth 2; its token {until}is renewed by itself"


def _may(reply: requests.Response, token: Token | None) -> tuple[str, ...]:
    """What the account may do, in words; nothing where X did not say."""
    if token is not None:
        return tuple(word for scope, words in _MAY.items() if scope in token.may for word in words)
    every = tuple(word for words in _MAY.values() for word in words)
    return {"write": every, "read": (MAY_READ,), "": ()}[replies.access(reply)]


def _figures(post: Mapping[str, Any]) -> tuple[str, Metrics]:
    told = post["public_metrics"]
    return str(post["id"]), Metrics(
        likes=told.get("like_count"),
        reposts=told.get("repost_count", told.get("retweet_count")),
        replies=told.get("reply_count"),
        views=told.get("impression_count"),
    )


def _remedy(account: str) -> str:
    return (
        "make its keys and tokens anew in the X developer console, with the permission to read and write, and set "
        f"CAMPAIGN_X__ACCOUNTS__{account.upper().replace('-', '_')}__ACCESS_TOKEN and its companions"
    )
