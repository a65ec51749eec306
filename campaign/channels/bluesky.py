"""Bluesky: posts and threads as records that we name ourselves, through atproto. Begin at ``Bluesky.deliver``.

A record's key, its time and its content are fixed before the first attempt, so that an attempt can be made again: what
is there already stays as it is. A thread is one applyWrites, which is made whole or not at all. See the lexicons
com.atproto.repo.putRecord, applyWrites and getRecord.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import orjson

from campaign.channels.bluesky_figures import figures, unread
from campaign.channels.bluesky_records import COLLECTION, composed, content_id, same, uri
from campaign.channels.bluesky_session import BlueskyCredentials, NoReply, NotNow, Reply, Session, outcome
from campaign.errors import ChannelUnusable
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

__all__ = ["Bluesky", "BlueskyCredentials"]

_THREAD = 100
_READ = 25
"""Posts that app.bsky.feed.getPosts tells of in one call."""


class Bluesky:
    """``base_url`` is where accounts sign in; each then speaks to the server that has its data. ``timeout_s`` is for
    connecting and for each read.
    """

    name = "bluesky"
    settles = Settling(by="replay")

    def __init__(
        self,
        accounts: Mapping[str, BlueskyCredentials],
        *,
        base_url: str = "https://bsky.social",
        timeout_s: float = 20.0,
        in_flight: int = 4,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._accounts = dict(accounts)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def __repr__(self) -> str:
        return f"Bluesky(base_url={self.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Sign every account in. Raises ChannelUnusable with every account that the server refuses."""
        standings, wrong = [], []
        for account in self._accounts:
            try:
                standings.append(self._standing(account))
            except (NoReply, NotNow) as error:
                wrong.append(f'the Bluesky account "{account}" cannot be used: {error}; {_remedy(account)}')
        if wrong:
            raise ChannelUnusable("\n".join(wrong))
        return standings

    def _standing(self, account: str) -> Standing:
        session = self._session(account)
        reply = session.query("com.atproto.server.getSession", None)
        if not reply.ok:
            raise NotNow(Deferred(f"Bluesky answered {reply.why()}"))
        left, limit = (reply.headers.get(f"ratelimit-{name}", "") for name in ("remaining", "limit"))
        detail = f"{session.did}, {left} of {limit} requests left in this window" if limit else session.did
        return Standing(account, f"@{reply.body.get('handle', self._accounts[account].handle)}", detail)

    def compose(self, batch: PostBatch) -> Payload:
        """Each part's record with its key. What a part replies to is named at delivery: it holds the account's DID."""
        chunks = [
            orjson.dumps(composed(batch, part.key, part.text, len(batch.sent) + place))
            for place, part in enumerate(batch.parts)
        ]
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Write the records that are left: one by putRecord, several by one applyWrites. All have one outcome."""
        try:
            session = self._session(batch.account)
            records = _linked(session, batch, payload)
        except NotNow as error:
            return [error.outcome] * len(batch)
        except NoReply as error:
            return [Deferred(f"Bluesky did not answer before the post: {error}", scope="account")] * len(batch)
        try:
            reply = session.write(records)
        except NoReply as error:
            doubt = InDoubt(f"no reply from Bluesky: {error}")
            return [doubt if error.sent else Deferred(f"Bluesky cannot be reached: {error}")] * len(batch)
        if reply.ok:
            return [self._accepted(batch, session, rkey) for rkey in records]
        return self._had_already(batch, payload, reply) or [outcome(reply)] * len(batch)

    def _had_already(self, batch: PostBatch, payload: Payload, reply: Reply) -> Sequence[Outcome]:
        """Our own records, where they took the keys before: putRecord says InvalidSwap then, applyWrites only 500."""
        if reply.error != "InvalidSwap" and reply.status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return []
        accepted = [result for result in self.settle(batch, payload) if isinstance(result, Accepted)]
        return accepted if len(accepted) == len(batch) else []

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        """Read each record by its key."""
        results: list[Settled] = []
        for chunk in payload.chunks:
            kept = orjson.loads(chunk)
            try:
                session = self._session(batch.account)
                reply = session.get(kept["rkey"])
            except (NoReply, NotNow) as error:
                results.append(InDoubt(f"the record could not be read: {error}"))
                continue
            if reply.error == "RecordNotFound":
                results.append(NotSent("the account has no record under our key"))
            elif not reply.ok:
                results.append(InDoubt(f"the record could not be read: {reply.why()}"))
            elif same(reply.body.get("value"), kept["record"]):
                results.append(self._accepted(batch, session, kept["rkey"]))
            else:
                results.append(InDoubt("under our key the account has another record"))
        return results

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:  # noqa: ARG002 - no media yet
        """Sign the account in, which opens its connection."""
        with suppress(NotNow, NoReply):
            self._session(batch.account)

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        """What the AppView counted, 25 posts a call: the account's own server asks it (app.bsky.feed.getPosts)."""
        found: dict[str, Metrics] = {}
        try:
            session = self._session(account)
            for start in range(0, len(refs), _READ):
                reply = session.posts(refs[start : start + _READ])
                if not reply.ok:
                    return unread(reply)
                found.update(figures(reply))
        except NotNow as error:
            return error.outcome if isinstance(error.outcome, Deferred) else Deferred(error.outcome.reason)
        except NoReply as error:
            return Deferred(f"Bluesky did not answer: {error}")
        return found

    def retract(self, account: str, ref: str) -> Outcome:
        """Delete the record ``ref``; deleteRecord is answered alike where there is none (any more)."""
        repo, _, rkey = ref.removeprefix("at://").partition(f"/{COLLECTION}/")
        if not rkey:
            return Refused(f"this is no Bluesky post: {ref}", code="ref")
        try:
            session = self._session(account)
            if repo != session.did:
                return Refused(f'the account "{account}" has not posted {ref}', code="account")
            reply = session.delete(rkey)
        except NotNow as error:
            return error.outcome
        except NoReply as error:
            # To ask again is harmless, so that a lost reply leaves no doubt.
            return Deferred(f"Bluesky did not answer: {error}")
        if reply.ok:
            return Accepted(ref=ref, rest_until=reply.rest_until())
        told = outcome(reply)
        return Deferred(told.reason) if isinstance(told, InDoubt) else told

    def shows(self, payload: Payload, index: int) -> Shown:
        chunk = payload.chunks[index]
        return Shown(text=orjson.loads(chunk)["record"]["text"] if chunk else "")

    def close(self) -> None:
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()

    def _session(self, account: str) -> Session:
        """The account's session, signed in. Raises NotNow or NoReply where it cannot be."""
        credentials = self._accounts.get(account)
        if credentials is None:
            why = f'there are no credentials for the Bluesky account "{account}"'
            raise NotNow(Deferred(why, scope="account"))
        with self._lock:
            if account not in self._sessions:
                self._sessions[account] = Session(credentials, self.base_url, self._timeout_s)
            session = self._sessions[account]
        session.sign_in()
        return session

    def _accepted(self, batch: PostBatch, session: Session, rkey: str) -> Accepted:
        handle = self._accounts[batch.account].handle
        return Accepted(ref=uri(session.did, rkey), url=f"https://bsky.app/profile/{handle}/post/{rkey}")


def _linked(session: Session, batch: PostBatch, payload: Payload) -> dict[str, dict[str, Any]]:
    """The records by key, each with what it replies to. Raises NotNow where a part before these cannot be read."""
    root = _reference(session, batch.sent[0]) if batch.sent else None
    parent = _reference(session, batch.sent[-1]) if batch.sent else None
    records: dict[str, dict[str, Any]] = {}
    for chunk in payload.chunks:
        kept = orjson.loads(chunk)
        rkey, record = kept["rkey"], kept["record"]
        if parent is not None:
            record["reply"] = {"root": root, "parent": parent}
        records[rkey] = record
        parent = {"uri": uri(session.did, rkey), "cid": content_id(record)}
        root = root or parent
    return records


def _reference(session: Session, uri: str) -> dict[str, str]:
    """A strong reference to a post of ours that stands already."""
    repo, _, rkey = uri.removeprefix("at://").partition(f"/{COLLECTION}/")
    reply = session.get(rkey, repo)
    if reply.error == "RecordNotFound":
        raise NotNow(Refused(f"the post it replies to is gone: {uri}", code="gone"))
    if not reply.ok or "cid" not in reply.body:
        raise NotNow(Deferred(f"the post it replies to could not be read: {reply.why()}"))
    return {"uri": uri, "cid": str(reply.body["cid"])}


def _remedy(account: str) -> str:
    head = f"CAMPAIGN_BLUESKY__ACCOUNTS__{account.upper().replace('-', '_')}__"
    return (
        f"make an app password in Bluesky under Settings, Privacy and security, and set {head}HANDLE and _APP_PASSWORD"
    )
