"""Whether a request really comes from SendGrid: the signed event webhook.

SendGrid signs the header's timestamp and the raw body with ECDSA over P-256 and SHA-256
(https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features).
The SDK's ``EventWebhook`` does the same check, but takes the body as text, so that bytes which are not UTF-8 raise, as
does a signature that is not base64 and a key of another kind; it also brings the whole SDK into the web server. The
check itself is one call of ``cryptography``, which the SDK stands on too.
"""

from __future__ import annotations

from base64 import b64decode
from datetime import UTC, datetime, timedelta

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from campaign.errors import NotConfigured

SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"

OLDEST = timedelta(hours=25)
"""SendGrid posts what was not taken again for 24 hours, and does not say whether it stamps and signs it anew. Were
the window minutes, as others have it, an hour's downtime could lose a day's bounces; what somebody captured and posts
again within the day changes nothing, because events are applied once."""
AHEAD = timedelta(minutes=10)
"""How far the two clocks may be apart."""

_LONGEST = 512


class Signatures:
    """The verification key that SendGrid shows with the webhook. Raises NotConfigured where it is no such key."""

    def __init__(self, public_key: str) -> None:
        try:
            key = load_der_public_key(b64decode(public_key, validate=True))
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise NotConfigured(
                "CAMPAIGN_SENDGRID__WEBHOOK_PUBLIC_KEY is not an ECDSA key on P-256; copy the verification key that "
                "SendGrid shows with its event webhook, in one line"
            )
        self._key = key

    def refuses_headers(self, signature: str, timestamp: str, *, now: datetime) -> str:
        """Why a request with these headers is not taken, whatever its body; "" where the body decides."""
        if not signature or not timestamp:
            return "it is not signed"
        if len(signature) > _LONGEST or not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):  # noqa: PLR2004 - digits of a second since 1970
            return "its signature or timestamp is malformed"
        age = now - datetime.fromtimestamp(0, UTC) - timedelta(seconds=int(timestamp))
        if age > OLDEST:
            return "its timestamp is stale"
        return "its timestamp is in the future" if age < -AHEAD else ""

    def refuses(self, signature: str, timestamp: str, body: bytes) -> str:
        """Why a request is not taken; "" where its signature is good. ``body`` is the raw bytes as they came."""
        try:
            self._key.verify(b64decode(signature, validate=True), timestamp.encode() + body, ec.ECDSA(SHA256()))
        except (ValueError, InvalidSignature):
            return "its signature does not match"
        return ""
