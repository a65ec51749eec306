"""Bluesky: posts and threads as records that we name ourselves, through atproto. Begin at ``Bluesky.deliver``.

A record's key, its time and its content are fixed before the first attempt, so that an attempt can be made again: what
is there already stays as it is. A thread is one applyWrites, which is made whole or not at all. See the lexicons
com.atproto.repo.putRecord, applyWrites and getRecord.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

import orjson

from campaign.channels.ahead import waiting
from campaign.channels.bluesky_delivery import Dids, handles_in, linked, look_up
from campaign.channels.bluesky_delivery import upload as hand_over
from campaign.channels.bluesky_figures import figures, unread
from campaign.channels.bluesky_media import blobs
from campaign.channels.bluesky_records import COLLECTION, composed, same, uri
from campaign.channels.bluesky_session import BlueskyCredentials, NoReply, NotNow, Reply, Session, outcome
from campaign.errors import ChannelUnusable
from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.ports.channel import MAY_DELETE, MAY_POST, MAY_READ, MAY_SHOW, Gate, Limits, Settling, Standing

__all__ = ["Bluesky", "BlueskyCredentials"]

_THREAD = 100
_MAY = (MAY_POST, MAY_SHOW, MAY_DELETE, MAY_READ)
"""What any session may, be it an app password's or the account's own."""
_DROPPED = "BlobNotFound"
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
        in_flight: int = 32,
    ) -> None:
        self.limits = Limits(batch=_THREAD, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._accounts = dict(accounts)
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._dids: Dids = {}

    def __repr__(self) -> str:
        return f"Bluesky(base_url={self.base_url!r}, accounts={sorted(self._accounts)!r})"

    def check(self) -> Sequence[Standing]:
        """Sign every account in."""
        standings = []
        for account in self._accounts:
            try:
                standings.append(self._standing(account))
            except (NoReply, NotNow) as error:
                wrong = f'the Bluesky account "{account}" cannot be used: {error}; {_remedy(account)}'
                standings.append(Standing(account, "", wrong=wrong))
        return standings

    def _standing(self, account: str) -> Standing:
        session = self._session(account)
        reply = session.query("com.atproto.server.getSession", None)
        if not reply.ok:
            raise NotNow(Deferred(f"Bluesky answered {reply.why()}"))
        if reply.body.get("active") is False:
            raise NotNow(Deferred(f"Bluesky says that it is {reply.body.get('status', 'not active')}"))
        handle = str(reply.body.get("handle", self._accounts[account].handle))
        detail = session.did
        if session.scope == "com.atproto.access":
            detail += ", signed in with its own password: an app password could be taken back alone"
        return Standing(account, f"@{handle}", detail, handle=handle, may=_MAY, left=reply.left())

    def compose(self, batch: PostBatch) -> Payload:
        """Each part's record with its key. Whom it mentions and what it replies to is named at delivery: that takes
        DIDs, the account's own and others'."""
        chunks = [orjson.dumps(composed(batch, part, len(batch.sent) + at)) for at, part in enumerate(batch.parts)]
        return Payload(chunks=chunks, head=b"[", tail=b"]")

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        """Sign in, open the connection to the account's server, find out who is mentioned, hand over the media."""
        with suppress(NotNow, NoReply):
            session = self._session(batch.account)
            session.query("com.atproto.server.getSession", None)  # a session that ran out is renewed by it
            self._dids.update(look_up(session, handles_in(payload), {}))
            if upload:
                hand_over(session, batch, [orjson.loads(chunk)["record"] for chunk in payload.chunks if chunk])

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        """As ``deliver``, with the request built and signed before the gate."""
        with waiting(gate):
            return self.deliver(batch, payload)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        """Write the records that are left: one by putRecord, several by one applyWrites."""
        try:
            session = self._session(batch.account)
            self._dids.update(look_up(session, handles_in(payload), self._dids))
            records = linked(session, batch, payload, self._dids)
            hand_over(session, batch, records.values())
        except NotNow as error:
            return [error.outcome] * len(batch)
        except NoReply as error:
            return [Deferred(f"Bluesky did not answer before the post: {error}", scope="account")] * len(batch)
        try:
            reply = session.write(records)
            if reply.error == _DROPPED:
                # The server keeps what no record names for some hours only, and then nothing was written.
                session.uploaded.difference_update(blobs(records.values()))
                hand_over(session, batch, records.values())
                reply = session.write(records)
        except NotNow as error:
            return [error.outcome] * len(batch)
        except NoReply as error:
            doubt = InDoubt(f"no reply from Bluesky: {error}")
            return [doubt if error.sent else Deferred(f"Bluesky cannot be reached: {error}")] * len(batch)
        if reply.ok:
            return [self._accepted(batch, session, rkey, reply.rest_until()) for rkey in records]
        if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            # It may be the media that it lost: the next attempt, if there is one, hands it over again.
            session.uploaded.difference_update(blobs(records.values()))
        return self._had_already(batch, payload, reply) or [outcome(reply)] * len(batch)

    def _had_already(self, batch: PostBatch, payload: Payload, reply: Reply) -> Sequence[Outcome]:
        """Our own records, where they took the keys before: putRecord says InvalidSwap then, applyWrites only 500.

        Writes are applied all or none: where one of the keys was taken, those that do not stand were not written.
        """
        if reply.error != "InvalidSwap" and reply.status != HTTPStatus.INTERNAL_SERVER_ERROR:
            return []
        standing = self.settle(batch, payload)
        if not any(isinstance(one, Accepted) for one in standing):
            return []
        return [Deferred(f"not yet posted: {one.evidence}") if isinstance(one, NotSent) else one for one in standing]

    def unresolved(self, handles: Sequence[str]) -> Sequence[str]:
        """Those of ``handles`` that nobody has: a post that mentions one shows it as plain text.

        Raises ChannelUnusable where that cannot be found out now.
        """
        why = "no account of the plan can be signed in there"
        for account in self._accounts:  # any of them can ask, and not each of them may be in order
            try:
                found = look_up(self._session(account), handles, {})
            except (NoReply, NotNow) as error:
                why = str(error)
                continue
            if all(handle in found for handle in handles):
                return [handle for handle in handles if found[handle] is None]
            why = "it did not answer; try again"
        raise ChannelUnusable(f"who is mentioned on Bluesky could not be looked up: {why}")

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

    def _accepted(self, batch: PostBatch, session: Session, rkey: str, rest_until: datetime | None = None) -> Accepted:
        handle = self._accounts[batch.account].handle
        url = f"https://bsky.app/profile/{handle}/post/{rkey}"
        return Accepted(ref=uri(session.did, rkey), url=url, rest_until=rest_until)


def _remedy(account: str) -> str:
    head = f"CAMPAIGN_BLUESKY__ACCOUNTS__{account.upper().replace('-', '_')}__"
    return (
        f"make an app password in Bluesky under Settings, Privacy and security, and set {head}HANDLE and _APP_PASSWORD"
    )
