"""What posts in a rehearsal for a network that has no stand-in: its own channel composes, the sandbox takes it.

Its requests are the sandbox's own, so a rehearsal tries all of the flow and what the network's package makes of a
post, but not how that package speaks to its network; its stand-in or its own tests do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import orjson
import urllib3

from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.ports.channel import (
    MAY_DELETE,
    MAY_POST,
    MAY_READ,
    MAY_SHOW,
    Gate,
    Limits,
    PostChannel,
    Settling,
    Standing,
)

_TIMEOUT_S = 20.0


class Rehearsed:
    """``reader`` is the network's own channel without accounts, ``url`` where the sandbox stands in for it."""

    def __init__(self, reader: PostChannel, accounts: Sequence[str], *, url: str, now: Callable[[], datetime]) -> None:
        self._reader = reader
        self._accounts = tuple(accounts)
        self._url = url
        self._now = now
        self._pool = urllib3.PoolManager(
            maxsize=reader.limits.in_flight, timeout=urllib3.Timeout(_TIMEOUT_S), retries=False
        )
        self.name = reader.name
        self.limits: Limits = reader.limits
        self.settles = Settling(by="reading")

    def check(self) -> Sequence[Standing]:
        may = (MAY_POST, MAY_SHOW, MAY_DELETE, MAY_READ)
        return [Standing(one, f"@{one}", handle=one, may=may) for one in self._accounts]

    def compose(self, batch: PostBatch) -> Payload:
        return self._reader.compose(batch)

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        """There is nothing to be done ahead."""

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        told: list[Outcome] = []
        before = batch.sent[-1] if batch.sent else None
        for index, part in enumerate(batch.parts):
            if told and not isinstance(told[-1], Accepted):
                told.append(Deferred("it waits for the part before it"))
                continue
            if not batch.holds():
                told.append(Deferred("its claim may have run out"))
                continue
            told.append(
                self._post(batch.account, part.key, self._reader.shows(payload, index).text, before, part.shows)
            )
            before = told[-1].ref if isinstance(told[-1], Accepted) else None
        return told

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        gate()
        return self.deliver(batch, payload)

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:  # noqa: ARG002 - found by their keys
        standing = self._standing(batch.account)
        if standing is None:
            return [InDoubt("the sandbox cannot be read")] * len(batch)
        by_key = {one["key"]: one for one in standing}
        return [
            Accepted(by_key[part.key]["id"], self._address(batch.account, by_key[part.key]["id"]))
            if part.key in by_key
            else NotSent("it is not among the account's posts")
            for part in batch.parts
        ]

    def shows(self, payload: Payload, index: int) -> Shown:
        return self._reader.shows(payload, index)

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        standing = self._standing(account)
        if standing is None:
            return Deferred("the sandbox cannot be read")
        return {
            one["id"]: Metrics(likes=one["likes"], reposts=one["reposts"], replies=0, views=one["views"])
            for one in standing
            if one["id"] in refs
        }

    def retract(self, account: str, ref: str) -> Outcome:
        try:
            self._pool.request("DELETE", f"{self._url}/{account}/{ref}")
        except urllib3.exceptions.HTTPError:
            return Deferred("the sandbox cannot be reached", scope="account")
        return Accepted(ref)

    def close(self) -> None:
        self._reader.close()
        self._pool.clear()

    def _post(  # noqa: PLR0911 - one return for each row of the stand-in's table
        self, account: str, key: str, text: str, reply_to: str | None, shows: Any
    ) -> Outcome:
        media = [{"digest": one.digest, "type": one.type, "alt": one.alt} for one in shows.media]
        body = orjson.dumps({"key": key, "text": text, "reply_to": reply_to, "media": media})
        try:
            reply = self._pool.request("POST", f"{self._url}/{account}", body=body)
        except urllib3.exceptions.NewConnectionError:
            return Deferred("the sandbox cannot be reached", scope="account")
        except urllib3.exceptions.HTTPError:
            return InDoubt("the reply was lost")
        match reply.status:
            case 201:
                number = reply.json()["id"]
                return Accepted(number, self._address(account, number))
            case 422:
                return Refused("the sandbox refused it", code="422")
            case 429:
                until = self._now() + timedelta(seconds=int(reply.headers.get("Retry-After", "60")))
                return Deferred("the sandbox's limit is reached", until=until, scope="account")
            case 503:
                return Deferred("the sandbox is not available")
            case status:
                return InDoubt(f"the sandbox answered {status}")

    def _standing(self, account: str) -> list[dict[str, Any]] | None:
        try:
            reply = self._pool.request("GET", f"{self._url}/{account}")
            found: list[dict[str, Any]] = reply.json()["posts"]
        except (urllib3.exceptions.HTTPError, ValueError, KeyError):
            return None
        return found

    def _address(self, account: str, number: str) -> str:
        return f"https://{self.name}.example.org/{account}/{number}"
