"""Mastodon, and servers that speak as it does: posts and threads, through Mastodon.py. Begin at ``Mastodon.deliver``.

A delivery's key goes along as the Idempotency-Key, which a server keeps for an hour. After that, and on servers that
ignore it, a doubt is settled by reading the account's own posts. See https://docs.joinmastodon.org/methods/statuses/
and https://docs.joinmastodon.org/methods/accounts/#statuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus
from operator import methodcaller
from typing import Any

import orjson

from campaign.channels import mastodon_media, mastodon_server
from campaign.channels.ahead import waiting
from campaign.channels.mastodon_client import Clients, MastodonCredentials, NoReply, Reply, Unreadable
from campaign.channels.mastodon_media import NotShown, Uploads
from campaign.channels.mastodon_timeline import Seen, find
from campaign.channels.threads import Read, find_in_order, post_in_order, worth_reading_since
from campaign.model.batch import Payload, PostBatch, PostPart, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Gate, Limits, Settling, Standing

__all__ = ["Mastodon", "MastodonCredentials"]

_THREAD = 100
_PAGE = 40
_PAGES = 10
_CHECKS = 8
"""Accounts that are asked about at the same time."""
_READ = 20
"""Posts that GET /api/v1/statuses tells of in one call."""
_SPENT = HTTPStatus.TOO_MANY_REQUESTS
_GONE = (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
_UNKNOWN = (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
"""What a server says to an address that it does not know."""


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
        in_flight: int = 32,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._accounts = tuple(accounts)
        self._clients = Clients(accounts, base_url=self.base_url, timeout_s=timeout_s, connections=in_flight)
        self._uploads = Uploads(self._clients)
        self._ids: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"Mastodon(base_url={self.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Ask each server who its account is and what it takes."""
        with ThreadPoolExecutor(_CHECKS, thread_name_prefix="mastodon") as pool:
            return list(pool.map(self._standing, self._accounts))

    def compose(self, batch: PostBatch) -> Payload:
        """Each part's parameters with its key; what it replies to and its media's ids are known at delivery."""
        chunks = [orjson.dumps({"key": part.key, **_parameters(batch, part)}) for part in batch.parts]
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        """As ``deliver``, with the request built and signed before the gate."""
        with waiting(gate):
            return self.deliver(batch, payload)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Post the parts in order, up to the first that is not accepted; those after it wait."""
        rest_until: datetime | None = None

        def post(chunk: Any, parent: str | None) -> Outcome:
            nonlocal rest_until
            if rest_until is not None:
                return Deferred("the server takes no more posts for now", until=rest_until, scope="account")
            outcome = self._post(batch, chunk, parent)
            if isinstance(outcome, Accepted):
                rest_until = outcome.rest_until
            return outcome

        return post_in_order(batch, payload, post)

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        """Look for each part among the account's own posts, from the wave's instant on."""
        since = worth_reading_since(batch)
        try:
            seen, whole = self._timeline(batch.account, since=since)
        except Unreadable as error:
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
        self._uploads.close()
        self._clients.close()

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        """Open the account's connection, and have the server process the media."""
        with suppress(Unreadable):
            self._ids[batch.account], _ = mastodon_server.user(self._clients, batch.account)
        for chunk in payload.chunks if upload else ():
            asked = orjson.loads(chunk)
            with suppress(NotShown):
                self._uploads.ids(batch.account, asked["key"], asked.get("media", []), batch.files, again=True)

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        """What the server counted: 20 posts a call, or each alone where it knows no more (before Mastodon 4.3)."""
        found: dict[str, Metrics] = {}
        try:
            for start in range(0, len(refs), _READ):
                found |= self._figures(account, refs[start : start + _READ])
        except Unreadable as error:
            until = error.reply.resets_at() if error.reply and error.reply.status == _SPENT else None
            return Deferred(f"the posts' figures cannot be read: {error}", until=until, scope="account")
        return found

    def retract(self, account: str, ref: str) -> Outcome:
        """Delete the post. Another account's is answered as one that is not there: so that is looked at."""
        try:
            reply = self._clients.call(account, lambda api: api.status_delete(ref))
            if reply.status not in _GONE:
                return _deleted(reply, ref)
            still = self._clients.call(account, lambda api: api.status(ref))
        except NoReply as none:
            # To ask again is harmless, so that a lost reply leaves no doubt.
            return Deferred(f"the server did not answer: {none}")
        if still.status in _GONE:
            return Accepted(ref=ref)
        if still.ok:
            return Refused(f'the post stands, but the account "{account}" may not delete it', code=str(reply.status))
        return Deferred(f"the server answered {still.why()}")

    def _figures(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics]:
        try:
            reply = self._clients.call(account, lambda api: api.statuses(list(refs)))
        except NoReply as none:
            raise Unreadable(str(none)) from None
        if isinstance(reply.value, list):
            return dict(_figures_of(status) for status in reply.value)
        if reply.status not in _UNKNOWN:
            raise Unreadable(f"the server answered {reply.why()}", reply)
        found = {}
        for ref in refs:
            try:
                found[ref] = _figures_of(self._clients.read(account, methodcaller("status", ref)))[1]
            except Unreadable as error:
                if error.reply is None or error.reply.status not in _GONE:
                    raise
        return found

    def _post(self, batch: PostBatch, parameters: dict[str, Any], parent: str | None) -> Outcome:
        key, media = parameters.pop("key"), parameters.pop("media", [])
        asked = {**parameters, "in_reply_to_id": parent}
        if not media:
            return self._hand_over(batch.account, key, asked)
        try:
            ids = self._uploads.ids(batch.account, key, media, batch.files)
            outcome = self._show(batch, key, asked, ids)
            if isinstance(outcome, Refused):
                # A post is refused, too, for a picture that the server has forgotten: it can go with another copy.
                now = self._uploads.ids(batch.account, key, media, batch.files, again=True)
                outcome = outcome if now == ids else self._show(batch, key, asked, now)
        except NotShown as missing:
            return missing.outcome
        return outcome

    def _show(self, batch: PostBatch, key: str, asked: Mapping[str, Any], ids: Sequence[str]) -> Outcome:
        """Post with the media of these ids."""
        if not batch.holds():
            return Deferred("the pictures took so long that the claim may have run out")
        outcome = self._hand_over(batch.account, key, {**asked, "media_ids": list(ids)})
        if isinstance(outcome, Accepted):
            self._uploads.shown(batch.account, key)
        else:
            self._uploads.tried(batch.account, key)
        return outcome

    def _hand_over(self, account: str, key: str, parameters: Mapping[str, Any]) -> Outcome:
        try:
            reply = self._clients.call(account, lambda api: api.status_post(**parameters, idempotency_key=key))
        except NoReply as none:
            return InDoubt(f"no reply from the server: {none}") if none.sent else Deferred(str(none), scope="account")
        if reply.status != HTTPStatus.OK:
            return _outcome(reply)
        ref, url = (reply.value.get(name) if isinstance(reply.value, dict) else None for name in ("id", "url"))
        if not ref:
            return InDoubt("the server answered without the post's id")
        return Accepted(ref=str(ref), url=str(url) if url else None, rest_until=reply.rest_until())

    def _user(self, account: str) -> str:
        """The account's id on its server. Raises Unreadable."""
        if account not in self._ids:
            self._ids[account], _ = mastodon_server.user(self._clients, account)
        return self._ids[account]

    def _standing(self, account: str) -> Standing:
        try:
            return mastodon_server.standing(self._clients, account)
        except Unreadable as error:
            wrong = f'the Mastodon account "{account}" cannot be used: {error}; {_remedy(account)}'
            return Standing(account, "", wrong=wrong)

    def _timeline(self, account: str, *, since: datetime) -> tuple[list[Seen], bool]:
        """The account's posts since then, oldest first, and whether these are all."""
        user = self._user(account)
        seen: list[Seen] = []
        older: str | None = None
        for _ in range(_PAGES):
            page = self._page(account, user, older)
            seen += [post for post in page if post.at >= since]
            # Newest first. A page may be shorter than was asked for, so that only an empty one is the end.
            if not page or page[-1].at < since:
                return seen[::-1], True
            older = page[-1].ref
        return seen[::-1], False

    def _page(self, account: str, user: str, older: str | None) -> list[Seen]:
        page = self._clients.read(
            account,
            lambda api: api.account_statuses(user, exclude_reblogs=True, max_id=older, limit=_PAGE),
        )
        try:
            return [Seen.read(status) for status in page]
        except (KeyError, TypeError, ValueError):
            raise Unreadable("the server answered something that cannot be read") from None


def _parameters(batch: PostBatch, part: PostPart) -> dict[str, Any]:
    parameters: dict[str, Any] = {"status": part.text, "visibility": batch.visibility}
    if batch.language:
        parameters["language"] = batch.language
    if batch.warning:
        parameters["spoiler_text"] = batch.warning
    if part.shows.media:
        parameters["media"] = mastodon_media.asked(part.shows.media)
    return parameters


def _outcome(reply: Reply) -> Outcome:
    """What an error means for the post (https://docs.joinmastodon.org/methods/statuses/#create)."""
    match reply.status:
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            # 403 is the token's scope, or an account that is locked or not yet confirmed: never the post itself.
            return Deferred(f"the server refused the account: {reply.why()}", scope="account")
        case HTTPStatus.TOO_MANY_REQUESTS:
            return Deferred("the server's rate limit is reached", until=reply.resets_at(), scope="account")
        case HTTPStatus.SERVICE_UNAVAILABLE:
            return Deferred(f"the server is unavailable: {reply.why()}")
        case status if reply.ok or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return InDoubt(f"the server answered {reply.why()}")
        case status if status < HTTPStatus.BAD_REQUEST:
            return Deferred(f"the server answered {reply.why()}; its address may be wrong", scope="account")
        case status:
            return Refused(f"the server refused the post: {reply.why()}", code=str(status))


def _deleted(reply: Reply, ref: str) -> Outcome:
    """What an answer to deleting means (https://docs.joinmastodon.org/methods/statuses/#delete)."""
    match reply.status:
        case _ if reply.ok:
            return Accepted(ref=ref, rest_until=None)
        case HTTPStatus.TOO_MANY_REQUESTS:
            # Deleting has a window of its own, 30 in half an hour: posting goes on.
            return Deferred("the server takes no more deletions for now", until=reply.resets_at())
        case HTTPStatus.UNAUTHORIZED | HTTPStatus.FORBIDDEN:
            return Deferred(f"the server refused the account: {reply.why()}", scope="account")
        case status if status < HTTPStatus.BAD_REQUEST or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Deferred(f"the server answered {reply.why()}")
        case status:
            return Refused(f"the server refused to delete the post: {reply.why()}", code=str(status))


def _figures_of(status: Any) -> tuple[str, Metrics]:
    """A Status's id and figures. Raises Unreadable where it is none."""
    try:
        figures = (status.get(f"{name}_count") for name in ("favourites", "reblogs", "replies"))
        likes, reposts, replies = (one if isinstance(one, int) else None for one in figures)
        return str(status["id"]), Metrics(likes=likes, reposts=reposts, replies=replies)
    except (AttributeError, KeyError):
        raise Unreadable("the server answered something that cannot be read") from None


def _remedy(account: str) -> str:
    head = "CAMPAIGN_MASTODON__"
    return (
        "make a token on its server under Preferences, Development, with the scopes read, write:statuses and "
        f"write:media, and set {head}ACCOUNTS__{account.upper().replace('-', '_')}__ACCESS_TOKEN and {head}BASE_URL"
    )
