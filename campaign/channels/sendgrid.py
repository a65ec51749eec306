"""E-mail by SendGrid's v3 Web API: up to 1,000 people in one request, each with merge fields of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from urllib3.exceptions import HTTPError, ReadTimeoutError

from campaign.channels import sendgrid_replies as replies
from campaign.channels import sendgrid_requests as requests
from campaign.channels.sendgrid_connections import NotReached, connections, why
from campaign.channels.sendgrid_events import events
from campaign.channels.sendgrid_groups import Groups
from campaign.errors import ChannelUnusable
from campaign.model.batch import MailBatch, Payload, Shown
from campaign.model.outcome import Accepted, Deferred, InDoubt, Outcome, Refused, Settled
from campaign.ports.channel import Limits, Settling, Standing

__all__ = ["SendGrid", "events"]

BATCH = 1_000
"""Personalizations in one request, at most (SendGrid's OpenAPI, maxItems)."""
REQUEST_BYTES = 30 * 1024 * 1024
CATEGORIES = 10

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
        in_flight: int = 8,
        categories: Sequence[str] = (),
        track_opens: bool = True,
        track_clicks: bool = True,
    ) -> None:
        self.limits = Limits(
            batch=BATCH, in_flight=in_flight, fields_bytes=requests.SUBSTITUTION_BYTES, message_bytes=REQUEST_BYTES
        )
        self.base_url = base_url.rstrip("/")
        self._categories = tuple(categories)
        self._tracking = {
            "click_tracking": {"enable": track_clicks, "enable_text": False},
            "open_tracking": {"enable": track_opens},
            # Our own links do this, for good and in every channel.
            "subscription_tracking": {"enable": False},
        }
        self._pool, self._path = connections(self.base_url, timeout_s=timeout_s, most=in_flight)
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
                f"SendGrid cannot be reached at {self.base_url}: {why(error)}; "
                "check the network and CAMPAIGN_SENDGRID__BASE_URL"
                + (", and SSL_CERT_FILE for an authority of your own" if "certificate" in why(error) else "")
            ) from None
        if reply.status == HTTPStatus.OK:
            told = replies.read(reply.data)
            if not isinstance(told, dict) or _MAIL_SEND not in told.get("scopes", ()):
                raise ChannelUnusable("the SendGrid API key may not send mail; give it the permission Mail Send")
            holds = Groups.scopes <= set(told["scopes"])
            staged = (
                " and hold it until its instant" if holds else ", but not hold it until its instant (hand_off: staged)"
            )
            return [Standing(account=self.name, who=self.base_url, detail="the API key may send mail" + staged)]
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise ChannelUnusable(
                "SendGrid refused the API key; make one with the permission Mail Send in SendGrid under Settings, "
                "API Keys, and set CAMPAIGN_SENDGRID__API_KEY"
            )
        raise ChannelUnusable(
            f"SendGrid answered {reply.status} when asked what the API key may do: {replies.why(reply.data)}"
        )

    def compose(self, batch: MailBatch) -> Payload:
        return requests.compose(batch, self._shared(batch))

    def deliver(self, batch: MailBatch, payload: Payload) -> Sequence[Outcome]:
        """Send one request. Who needs one of their own and is not alone in the batch is refused and left out of it."""
        if payload.alone:
            others = [chunk for at, chunk in enumerate(payload.chunks) if at not in payload.alone]
            payload = Payload(
                chunks=others, head=payload.head, tail=payload.tail, glue=payload.glue, alone=payload.alone
            )
        if not payload.chunks:
            return [_TOO_LARGE] * len(batch)
        outcome = self._post(payload.body(), people=len(payload.chunks))
        return [_TOO_LARGE if at in payload.alone else outcome for at in range(len(batch))]

    def settle(self, batch: MailBatch, payload: Payload) -> Sequence[Settled]:  # noqa: ARG002 - the port's signature
        """SendGrid cannot be asked what it took; the first event of the batch tells."""
        return [InDoubt("no event of this request has arrived yet")] * len(batch)

    def shows(self, payload: Payload, index: int) -> Shown:
        return requests.shows(payload, index)

    def close(self) -> None:
        self._pool.close()

    def _shared(self, batch: MailBatch) -> dict[str, Any]:
        """What stands once in a request, for everybody, whatever the message."""
        content, sender = batch.content, batch.content.sender
        shared: dict[str, Any] = {"from": requests.person(sender.address, sender.name)}
        if sender.reply_to:
            shared["reply_to"] = {"email": sender.reply_to}
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
        except NotReached as error:
            return Deferred(f"SendGrid could not be reached: {why(error)}", scope="channel")
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
        spent = headers.get("X-RateLimit-Remaining") == "0"
        return Accepted(ref=headers.get("X-Message-Id"), rest_until=replies.reset(headers) if spent else None)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Deferred("SendGrid takes no more for now", until=replies.reset(headers), scope="channel")
    if status in _NOT_TAKEN:
        given = replies.why(said)
        return Deferred(_NOT_TAKEN[HTTPStatus(status)] + (f": {given}" if given else ""), scope="channel")
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refused(replies.why(said) or "SendGrid gave no reason", code=str(status), whole=people > 1)
    return InDoubt(f"SendGrid replied {status}, which does not tell whether it was taken")


_TOO_LARGE = Refused(
    "the merge fields are over SendGrid's 10,000 bytes for one person, who needs a request alone", code="substitutions"
)
