"""Example's channel: one request for each part, known again by its key."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson
import urllib3

from campaign.model.batch import Payload, PostBatch, Shown
from campaign.model.media import Metrics
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.ports.channel import MAY_POST, MAY_SHOW, Gate, Limits, Settling, Standing

_WAITS = Deferred("it waits for the part before it")


class ExampleChannel:
    name = "example"
    limits = Limits(batch=1, in_flight=8)
    settles = Settling(by="reading")

    def __init__(self, tokens: Mapping[str, str], *, base_url: str, timeout_s: float = 20.0) -> None:
        self._tokens = dict(tokens)  # never in a repr: this class has none of its own
        self._base_url = base_url
        # No retries and no redirects: whoever repeats a request that may have been taken posts twice.
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, timeout=urllib3.Timeout(timeout_s))

    def compose(self, batch: PostBatch) -> Payload:
        chunks = []
        for part in batch.parts:
            media = [{"digest": one.digest, "type": one.type, "alt": one.alt} for one in part.shows.media]
            chunks.append(orjson.dumps({"key": part.key, "text": part.text, "media": media}))
        return Payload(chunks)

    def deliver(self, batch: PostBatch, payload: Payload) -> Sequence[Outcome]:
        told: list[Outcome] = []
        reply_to = batch.sent[-1] if batch.sent else None
        for chunk in payload.chunks:
            if told and not isinstance(told[-1], Accepted):
                told.append(_WAITS)
                continue
            if not batch.holds():
                told.append(Deferred("its claim may have run out"))
                continue
            told.append(self._post(batch, {**orjson.loads(chunk), "reply_to": reply_to}))
            reply_to = told[-1].ref if isinstance(told[-1], Accepted) else None
        return told

    def _post(self, batch: PostBatch, post: dict[str, Any]) -> Outcome:
        for one in post["media"]:
            if one["digest"] not in batch.files:
                return Refused("a picture is not there")
            one["body"] = b64encode(batch.files[one["digest"]]).decode()
        try:
            reply = self._call("POST", batch.account, "/posts", post)
        except KeyError:
            return Deferred(f'the account "{batch.account}" has no token', scope="account")
        except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
            return Deferred("Example cannot be reached", scope="account")  # nothing has left
        except urllib3.exceptions.HTTPError:
            return InDoubt("no reply from Example")  # it may have been taken
        match reply.status:
            case 200 | 201:
                found = _read(reply)
                return Accepted(found["id"], found["url"]) if found else InDoubt("a reply that cannot be read")
            case 401 | 403:
                return Deferred("Example refuses the account's token", scope="account")
            case 429:
                until = datetime.fromisoformat(reply.headers["X-Resets-At"])
                return Deferred("Example's limit is reached", until=until, scope="account")
            case 503:
                return Deferred("Example is not available")
            case status if 400 <= status < 500:
                return Refused(f"Example refuses it ({status})", code=str(status))
            case status:
                return InDoubt(f"Example answered {status}")

    def settle(self, batch: PostBatch, payload: Payload) -> Sequence[Settled]:
        posts = self._posts(batch.account)
        if posts is None:
            return [InDoubt("the account's posts cannot be read")] * len(payload.chunks)
        standing = {one["key"]: one for one in posts}
        found = [standing.get(orjson.loads(chunk)["key"]) for chunk in payload.chunks]
        return [Accepted(one["id"], one["url"]) if one else NotSent("it is not among its posts") for one in found]

    def ready(self, batch: PostBatch, payload: Payload, *, upload: bool) -> None:
        self._posts(batch.account)  # opens a connection, and reads nothing that anybody needs

    def aim(self, batch: PostBatch, payload: Payload, gate: Gate) -> Sequence[Outcome]:
        gate()
        return self.deliver(batch, payload)

    def check(self) -> Sequence[Standing]:
        return [self._standing(account) for account in self._tokens]

    def _standing(self, account: str) -> Standing:
        try:
            reply = self._call("GET", account, "/me")
        except urllib3.exceptions.HTTPError:
            return Standing(account, "", wrong=f'Example cannot be reached for the account "{account}"')
        found = _read(reply)
        if reply.status != 200 or found is None:
            variable = f"CAMPAIGN_EXAMPLE__ACCOUNTS__{account.upper().replace('-', '_')}__TOKEN"
            return Standing(account, "", wrong=f'Example refuses the token of the account "{account}"; set {variable}')
        return Standing(account, f"@{found['name']}", handle=found["name"], may=(MAY_POST, MAY_SHOW))

    def metrics(self, account: str, refs: Sequence[str]) -> Mapping[str, Metrics] | Deferred:
        if not refs:
            return {}
        posts = self._posts(account)
        if posts is None:
            return Deferred("the account's posts cannot be read")
        return {one["id"]: Metrics(likes=one["likes"]) for one in posts if one["id"] in refs}

    def retract(self, account: str, ref: str) -> Outcome:
        try:
            reply = self._call("DELETE", account, f"/posts/{ref}")
        except (KeyError, urllib3.exceptions.HTTPError):
            return InDoubt("no reply from Example")
        if reply.status in (200, 404):
            return Accepted(ref)
        return Deferred(f"Example answered {reply.status}")

    def shows(self, payload: Payload, index: int) -> Shown:
        chunk = payload.chunks[index]
        return Shown(orjson.loads(chunk)["text"] if chunk else "")

    def close(self) -> None:
        self._pool.clear()

    def _posts(self, account: str) -> list[dict[str, Any]] | None:
        """All that the account has posted; None where that cannot be read now."""
        try:
            found = _read(self._call("GET", account, "/posts"))
        except (KeyError, urllib3.exceptions.HTTPError):
            return None
        return None if found is None else found.get("posts")

    def _call(self, method: str, account: str, path: str, body: object = None) -> urllib3.BaseHTTPResponse:
        headers = {"Authorization": f"Bearer {self._tokens[account]}"}
        sent = None if body is None else orjson.dumps(body)
        return self._pool.request(method, self._base_url + path, body=sent, headers=headers, redirect=False)


def _read(reply: urllib3.BaseHTTPResponse) -> dict[str, Any] | None:
    try:
        found = orjson.loads(reply.data)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
