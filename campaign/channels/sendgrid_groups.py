"""E-mail that SendGrid holds until its instant, in groups: requests with the same ``batch_id`` and a ``send_at``.

See https://www.twilio.com/docs/sendgrid/api-reference/cancel-scheduled-sends. SendGrid allows only so many groups to be
cancelled at the same time; its documents name 10 and 100, so its reply is obeyed and not a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import orjson
import urllib3
from urllib3.exceptions import HTTPError

from campaign.channels import sendgrid_replies as replies
from campaign.model.group import Cancelled, Cancelling, NotCancelled, Opened, Unanswered
from campaign.model.outcome import Deferred

_BATCH = "/v3/mail/batch"
_SCHEDULED = "/v3/user/scheduled_sends"
_NOT_DONE = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }
)
"""Replies that say that nothing was changed."""


@dataclass(frozen=True, slots=True)
class _Reply:
    status: int
    headers: Mapping[str, str]
    said: bytes

    @property
    def why(self) -> str:
        return f"SendGrid replied {self.status}" + (f": {text}" if (text := replies.why(self.said)) else "")


class Groups:
    """Speaks over the connections of the channel that it belongs to."""

    most_ahead = timedelta(hours=72)
    margin = timedelta(minutes=10)
    scopes = frozenset({"mail.batch.create", "user.scheduled_sends.create", "user.scheduled_sends.read"})
    """What an API key must be allowed to."""

    def __init__(self, pool: urllib3.HTTPConnectionPool, path: str, headers: Mapping[str, str]) -> None:
        self._pool = pool
        self._path = path
        self._headers = dict(headers)

    def open(self) -> Opened | Deferred:
        reply = self._call("POST", _BATCH)
        if reply is None:
            return Deferred("SendGrid gave no answer when asked for a batch_id")
        told = replies.read(reply.said)
        ref = told.get("batch_id") if isinstance(told, dict) else None
        if reply.status == HTTPStatus.CREATED and isinstance(ref, str) and ref:
            return Opened(ref)
        return Deferred(
            f"no batch_id to be had: {reply.why}",
            until=replies.reset(reply.headers) if reply.status == HTTPStatus.TOO_MANY_REQUESTS else None,
        )

    def cancel(self, ref: str) -> Cancelling:
        reply = self._call("POST", _SCHEDULED, {"batch_id": ref, "status": "cancel"})
        if reply is not None and reply.status == HTTPStatus.CREATED:
            return Cancelled()
        if reply is not None and reply.status in _NOT_DONE:
            return NotCancelled(reply.why)
        # Refused, perhaps because it was asked before; or the answer was lost. What SendGrid shows is what is so.
        status = self._status(ref)
        if status == "cancel":
            return Cancelled()
        if status == "pause":
            return self._change(ref)
        if reply is not None and reply.status == HTTPStatus.BAD_REQUEST and status == "":
            return NotCancelled(reply.why)
        return Unanswered("SendGrid gave no answer when asked to cancel" if reply is None else reply.why)

    def look(self, ref: str) -> Cancelling:
        status = self._status(ref)
        if status is None:
            return Unanswered("SendGrid gave no answer when asked whether it is cancelled")
        return Cancelled() if status == "cancel" else NotCancelled("SendGrid knows of no cancellation")

    def _change(self, ref: str) -> Cancelling:
        """Somebody has paused it by hand: then its status can only be changed."""
        reply = self._call("PATCH", f"{_SCHEDULED}/{quote(ref, safe='')}", {"status": "cancel"})
        if reply is not None and reply.status == HTTPStatus.NO_CONTENT:
            return Cancelled()
        return self.look(ref) if reply is None else NotCancelled(reply.why)

    def _status(self, ref: str) -> str | None:
        """What SendGrid shows: "cancel", "pause", "" where it is neither; None where it does not say."""
        reply = self._call("GET", f"{_SCHEDULED}/{quote(ref, safe='')}")
        if reply is None:
            return None
        if reply.status == HTTPStatus.NOT_FOUND:
            return ""
        told = replies.read(reply.said)
        if reply.status != HTTPStatus.OK or not isinstance(told, list):
            return None
        found = [one.get("status") for one in told if isinstance(one, dict) and one.get("batch_id") == ref]
        return str(found[0]) if found else ""

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> _Reply | None:
        """One call; None where no answer came."""
        try:
            reply = self._pool.request(
                method,
                f"{self._path}{path}",
                body=None if body is None else orjson.dumps(body),
                headers=self._headers,
                retries=False,
                redirect=False,
            )
        except (HTTPError, OSError):
            return None
        return _Reply(reply.status, reply.headers, reply.data)
