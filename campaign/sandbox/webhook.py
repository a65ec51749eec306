"""SendGrid's event webhook, from the other side: posts what the crowd does to an address, signed as SendGrid signs.

It signs with ECDSA over P-256 and SHA-256 the timestamp and the raw body, stamps and signs anew at each try, and posts
what was not answered with 2xx again.
"""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from campaign.errors import SandboxFailed

Events = Callable[[int], tuple[list[dict[str, Any]], int]]

_EVERY_S = 1.0
_TIMEOUT_S = 10.0


class Signer:
    """A key pair of its own; kept in the file ``kept`` if one is given, so that it is the same the next time."""

    def __init__(self, kept: Path | None = None) -> None:
        self._key = _key(kept)
        public = self._key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.public_key = base64.b64encode(public).decode()
        """What SendGrid shows as the verification key."""

    def headers(self, body: bytes, at: datetime) -> dict[str, str]:
        """The headers of a request that is posted ``at`` that instant."""
        timestamp = str(int(at.timestamp()))
        signature = self._key.sign(timestamp.encode() + body, ec.ECDSA(SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": timestamp,
        }


def _key(kept: Path | None) -> ec.EllipticCurvePrivateKey:
    if kept is None:
        return ec.generate_private_key(ec.SECP256R1())
    try:
        if kept.exists():
            found = load_pem_private_key(kept.read_bytes(), None)
            if not isinstance(found, ec.EllipticCurvePrivateKey):
                raise SandboxFailed(f"{kept} holds a key of another kind; delete it and a new one is made")
            return found
        made = ec.generate_private_key(ec.SECP256R1())
        kept.touch(mode=0o600)
        kept.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    except (OSError, ValueError, TypeError) as error:
        raise SandboxFailed(f"the key in {kept} cannot be used: {error}") from error
    return made


class Poster:
    """Posts events to ``url`` as they happen, in a thread, from ``start`` to ``stop``."""

    def __init__(self, url: str, events: Events, signer: Signer) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SandboxFailed(f"{url} is not a web address to post to")
        self._secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path or "/"
        self._events = events
        self._signer = signer
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        told = 0
        while True:
            told = self._tell(told)
            if self._ended.wait(_EVERY_S):
                return

    def _tell(self, told: int) -> int:
        """Post what has happened since; how far it was taken."""
        while not self._ended.is_set():
            events, following = self._events(told)
            if not events or not self.post(orjson.dumps(events)):
                break
            told = following
        return told

    def post(self, body: bytes, more: Mapping[str, str] | None = None) -> bool:
        """One try; whether it was taken."""
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=_TIMEOUT_S)
        headers = {"Content-Type": "application/json", "User-Agent": "SendGrid Event API"}
        headers |= {**self._signer.headers(body, datetime.now(UTC)), **(more or {})}
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", self._path, body, headers)
            reply = connection.getresponse()
            reply.read()
            connection.close()
            return 200 <= reply.status < 300  # noqa: PLR2004 - every 2xx
        connection.close()
        return False
