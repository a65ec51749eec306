"""E-mail by SendGrid's v3 Web API: up to 1,000 people in one request, each with merge fields of their own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    LocationValueError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.exceptions import TimeoutError as HTTPTimeout

from campaign.channels.reasons import without_addresses
from campaign.channels.sendgrid_events import events
from campaign.channels.sendgrid_groups import Groups
from campaign.errors import ChannelUnusable, NotConfigured
from campaign.model.batch import MailBatch, MailContent, MailRow, Payload, Shown
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

__all__ = ["SendGrid", "events"]

BATCH = 1_000
"""Personalizations in one request, at most (SendGrid's OpenAPI, maxItems)."""
SUBSTITUTION_BYTES = 10_000
"""Merge fields of one person, at most, names and values together (SendGrid's OpenAPI)."""
REQUEST_BYTES = 30 * 1024 * 1024
CATEGORIES = 10

_CONNECT_TIMEOUT_S = 10.0
_REPLY_BYTES = 64 * 1024
_MAIL_SEND = "mail.send"

_NO_API = "there is no SendGrid API at this address"
_NOT_TAKEN = {
    HTTPStatus.UNAUTHORIZED: "SendGrid refused the API key",
    HTTPStatus.FORBIDDEN: "SendGrid does not allow this",
    HTTPStatus.NOT_FOUND: _NO_API,
    HTTPStatus.METHOD_NOT_ALLOWED: _NO_API,
    HTTPStatus.REQUEST_TIMEOUT: "SendGrid did not get the request in time",
    HTTPStatus.SERVICE_UNAVAILABLE: "SendGrid is not available for now",
    **{status: _NO_API for status in HTTPStatus if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST},
}
"""Replies that say that nothing was taken, and not because of what the request holds."""


class SendGrid:
    """One request carries a batch: the shared body once, and one personalization for each person.

    SendGrid has no idempotency key, so a lost reply leaves the whole request in doubt until an event of it arrives.
    Each person's ``custom_args`` hold our key and nothing else: SendGrid keeps them for long and says that they must
    not hold personal data.

    It speaks HTTP by urllib3 and not by SendGrid's SDK: the SDK opens a connection for each call, has no timeout
    unless its client is reached into, and builds far fewer requests in a second than plain dicts with orjson. Nothing
    else of it is needed to send. See https://github.com/sendgrid/sendgrid-python/issues/757.

    ``base_url`` may be https://api.eu.sendgrid.com for an account in the EU. ``timeout_s`` is for each read.
    """

    name = "sendgrid"
    settles = Settling(by="events")

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str = "https://api.sendgrid.com",
        timeout_s: float = 30.0,
        in_flight: int = 4,
        categories: Sequence[str] = (),
        track_opens: bool = True,
        track_clicks: bool = True,
    ) -> None:
        self.limits = Limits(batch=BATCH, in_flight=in_flight)
        self.base_url = base_url.rstrip("/")
        self._categories = tuple(categories)
        self._tracking = {
            "click_tracking": {"enable": track_clicks, "enable_text": False},
            "open_tracking": {"enable": track_opens},
            # Our own links do this, for good and in every channel.
            "subscription_tracking": {"enable": False},
        }
        self._pool, self._path = _pool(self.base_url, timeout_s=timeout_s, connections=in_flight)
        self._headers = {
            "Authorization": f"Bearer {api_key}",
            "Content-Type": "application/json",
            "User-Agent": "campaign",
        }
        self.staging = Groups(self._pool, self._path, self._headers)

    def __repr__(self) -> str:
        return f"SendGrid(base_url={self.base_url!r})"

    def check(self) -> Sequence[Standing]:
        """Ask for the key's scopes. Raises ChannelUnusable where it may not send mail."""
        try:
            reply = self._pool.request(
                "GET", f"{self._path}/v3/scopes", headers=self._headers, retries=False, redirect=False
            )
        except HTTPError as error:
            raise ChannelUnusable(
                f"SendGrid cannot be reached at {self.base_url}: {_network(error)}; "
                "check the network and CAMPAIGN_SENDGRID__BASE_URL"
            ) from None
        if reply.status == HTTPStatus.OK:
            scopes = _json(reply.data).get("scopes", ())
            if _MAIL_SEND not in scopes:
                raise ChannelUnusable("the SendGrid API key may not send mail; give it the permission Mail Send")
            return [Standing(account=self.name, who=self.base_url, detail="the API key may send mail")]
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise ChannelUnusable(
                "SendGrid refused the API key; make one with the permission Mail Send in SendGrid under Settings, "
                "API Keys, and set CAMPAIGN_SENDGRID__API_KEY"
            )
        raise ChannelUnusable(
            f"SendGrid answered {reply.status} when asked what the API key may do: {_why(reply.data)}"
        )

    def compose(self, batch: MailBatch) -> Payload:
        content = batch.content
        head = orjson.dumps(self._shared(batch))[:-1] + b',"personalizations":['
        try:
            chunks = [orjson.dumps(_personal(row, content)) for row in batch.rows]
        except TypeError:
            # A lone surrogate, which has no bytes in UTF-8, came in with somebody's data.
            chunks = [orjson.dumps(_personal(_encodable(row), content)) for row in batch.rows]
        return Payload(chunks=chunks, head=head, tail=b"]}")

    def deliver(self, batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        """Send one request. A person whose merge fields are over SendGrid's limit is refused and left out of it."""
        too_large = _too_large(batch)
        if len(too_large) == len(batch):
            return [_TOO_LARGE] * len(batch)
        if too_large:
            chunks = [chunk for at, chunk in enumerate(payload.chunks) if at not in too_large]
            payload = Payload(chunks=chunks, head=payload.head, tail=payload.tail, glue=payload.glue)
        outcome = self._post(payload.body(), people=len(payload.chunks))
        return [_TOO_LARGE if at in too_large else outcome for at in range(len(batch))]

    def settle(self, batch: MailBatch, payload: Payload) -> Sequence[Settled]:  # noqa: ARG002 - the port's signature
        """SendGrid cannot be asked what it took; the first event of the batch tells."""
        return [InDoubt("no event of this request has arrived yet")] * len(batch)

    def shows(self, payload: Payload, index: int) -> Shown:
        chunk = payload.chunks[index]
        if not chunk:
            return Shown(text="")
        request = orjson.loads(payload.head + chunk + payload.tail)
        personal = request["personalizations"][0]
        bodies = {part["type"]: part["value"] for part in request.get("content", ())}
        filled = {
            name: _filled(text, personal.get("substitutions", {}))
            for name, text in (("subject", request["subject"]), *bodies.items())
        }
        people = {"From": request["from"], "Reply-To": request.get("reply_to"), "To": personal["to"][0]}
        headers = {name: _mailbox(person) for name, person in people.items() if person}
        return Shown(
            text=filled.get("text/plain", ""),
            subject=filled["subject"],
            html=filled.get("text/html", ""),
            headers={**headers, **personal.get("headers", {})},
        )

    def close(self) -> None:
        self._pool.close()

    def _shared(self, batch: MailBatch) -> dict[str, Any]:
        """What stands once in a request, for everybody."""
        content = batch.content
        sender = content.sender
        shared: dict[str, Any] = {"from": _person(sender.address, sender.name)}
        if sender.reply_to:
            shared["reply_to"] = {"email": sender.reply_to}
        shared["subject"] = content.subject
        bodies = (("text/plain", content.text), ("text/html", content.html))
        shared["content"] = [{"type": kind, "value": text} for kind, text in bodies if text]
        categories = list(dict.fromkeys((*self._categories, *content.categories)))[:CATEGORIES]
        if categories:
            shared["categories"] = categories
        shared["tracking_settings"] = self._tracking
        if batch.send_at is not None:
            shared["send_at"] = int(batch.send_at.timestamp())
        if batch.group:
            shared["batch_id"] = batch.group
        return shared

    def _post(self, body: bytes, *, people: int) -> Outcome:
        """One call, and what it means for everybody in it."""
        if len(body) > REQUEST_BYTES:
            return Refused("the request is over SendGrid's 30 MB", code="too-large", whole=people > 1)
        try:
            reply = self._pool.urlopen(
                "POST",
                f"{self._path}/v3/mail/send",
                body=body,
                headers=self._headers,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except _NotReached as error:
            return Deferred(f"SendGrid could not be reached: {_network(error)}", scope="channel")
        except ReadTimeoutError:
            return InDoubt("SendGrid did not reply in time")
        except (HTTPError, OSError):
            return InDoubt("the connection was lost before SendGrid replied")
        said = b""
        with suppress(HTTPError, OSError):
            # The status is known by now; a reply cut short changes nothing.
            said = reply.read(_REPLY_BYTES)
        reply.release_conn()
        return _meaning(reply.status, reply.headers, said, people)


def _meaning(status: int, headers: Mapping[str, str], said: bytes, people: int) -> Outcome:
    """What a reply means, after https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api."""
    if status == HTTPStatus.ACCEPTED:
        return Accepted(ref=headers.get("X-Message-Id"))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Deferred("SendGrid takes no more for now", until=_reset(headers), scope="channel")
    if status in _NOT_TAKEN:
        why = _why(said)
        return Deferred(_NOT_TAKEN[HTTPStatus(status)] + (f": {why}" if why else ""), scope="channel")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(_why(said) or "SendGrid gave no reason", code=str(status), whole=people > 1)
    return InDoubt(f"SendGrid replied {status}, which does not tell whether it was taken")


def _too_large(batch: MailBatch) -> set[int]:
    """The places of those whose merge fields are over SendGrid's limit."""
    tokens = sum(map(len, batch.content.tokens))
    found = set()
    for at, row in enumerate(batch.rows):
        # Few characters cannot be many bytes: encoding them all would cost more than composing.
        if tokens + 4 * sum(map(len, row.values)) <= SUBSTITUTION_BYTES:
            continue
        if tokens + sum(len(value.encode(errors="replace")) for value in row.values) > SUBSTITUTION_BYTES:
            found.add(at)
    return found


_TOO_LARGE = Refused("the merge fields are over SendGrid's 10,000 bytes for one person", code="substitutions")


def _personal(row: MailRow, content: MailContent) -> dict[str, Any]:
    """A personalization: what one person gets differently."""
    personal: dict[str, Any] = {"to": [_person(row.address, row.name)]}
    if content.tokens:
        personal["substitutions"] = dict(zip(content.tokens, row.values, strict=True))
    personal["custom_args"] = {"key": row.key}
    if row.unsubscribe_url:
        # RFC 8058, section 3.1: both headers, one of them with this very value.
        personal["headers"] = {
            "List-Unsubscribe": f"<{row.unsubscribe_url}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        }
    return personal


def _encodable(row: MailRow) -> MailRow:
    def clean(text: str) -> str:
        return text.encode(errors="replace").decode()

    return row._replace(
        address=clean(row.address), name=clean(row.name), values=tuple(clean(value) for value in row.values)
    )


def _person(address: str, name: str) -> dict[str, str]:
    return {"email": address, "name": name} if name else {"email": address}


def _mailbox(person: Mapping[str, str]) -> str:
    return f"{person['name']} <{person['email']}>" if person.get("name") else person["email"]


def _filled(text: str, substitutions: Mapping[str, str]) -> str:
    for token, value in substitutions.items():
        text = text.replace(token, value)
    return text


def _json(said: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(said)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _why(said: bytes) -> str:
    """SendGrid's own reason, without the addresses that it repeats."""
    errors = _json(said).get("errors")
    messages = (
        [str(one.get("message", "")) for one in errors if isinstance(one, dict)] if isinstance(errors, list) else []
    )
    return without_addresses("; ".join(filter(None, messages)))


def _reset(headers: Mapping[str, str]) -> datetime | None:
    """X-RateLimit-Reset is in seconds since 1970."""
    try:
        return datetime.fromtimestamp(int(headers.get("X-RateLimit-Reset", "")), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _network(error: BaseException) -> str:
    """What failed, in the same words each time, so that equal failures count as one."""
    cause = error.__cause__ if isinstance(error, _NotReached) else error
    for kind, words in _FAILURES:
        if isinstance(cause, kind):
            return words
    return "the connection failed"


_FAILURES: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (NameResolutionError, "its name is not known"),
    (NewConnectionError, "nothing answers there"),
    ((SSLError, ssl.SSLError, ssl.CertificateError), "TLS failed"),
    ((HTTPTimeout, TimeoutError), "no answer in time"),
    (ProtocolError, "the connection was lost"),
)


class _NotReached(HTTPError):
    """No connection came about, so nothing of the request has left."""


class _Connection(HTTPConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise _NotReached(type(error).__name__) from error


class _TlsConnection(HTTPSConnection):
    def connect(self) -> None:
        try:
            super().connect()
        except (HTTPError, OSError) as error:
            raise _NotReached(type(error).__name__) from error


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _pool(base_url: str, *, timeout_s: float, connections: int) -> tuple[urllib3.HTTPConnectionPool, str]:
    """Connections that are kept, and the path that stands before every other."""
    try:
        url = urllib3.util.parse_url(base_url)
    except LocationValueError:
        url = urllib3.util.Url()
    if url.host is None or url.scheme not in ("http", "https"):
        raise NotConfigured("SendGrid's base URL is not an http(s) address; set CAMPAIGN_SENDGRID__BASE_URL")
    kind = _TlsPool if url.scheme == "https" else _Pool
    timeout = urllib3.Timeout(connect=min(_CONNECT_TIMEOUT_S, timeout_s), read=timeout_s)
    return kind(url.host, url.port, maxsize=connections, timeout=timeout), (url.path or "").rstrip("/")
