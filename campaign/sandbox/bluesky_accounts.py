"""The accounts of Bluesky's stand-in: who signs in, with which tokens, and who has which handle."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from campaign.sandbox.bluesky_lexicon import Refusal
from campaign.sandbox.world import World

_ACCESS = timedelta(hours=2)
_REFRESH = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class Signed:
    """Whose session it is."""

    account: str
    handle: str
    did: str


class Accounts:
    """Tokens are JSON Web Tokens, so that a sandbox that was killed knows its sessions when it is started again."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._handles: set[str] = set()

    def sign_in(self, handle: str, password: str) -> Signed:
        """Raises Refusal where no account has ``password``. Of several the one that the handle is named after."""
        offered = password.encode(errors="replace")
        accounts = self._world.accounts.get("bluesky", {}).items()
        names = [name for name, accepted in accounts if accepted and hmac.compare_digest(accepted.encode(), offered)]
        if not names or not handle:
            raise Refusal("AuthenticationRequired", "Invalid identifier or password", 401)
        account = next((name for name in names if name in (handle, handle.partition(".")[0])), names[0])
        self._handles.add(handle)
        return Signed(account, handle, did_of(handle))

    def resolve(self, handle: str) -> str:
        """The DID of who signed in with ``handle``, or has an account named after it. Raises Refusal for others."""
        known = self._world.accounts.get("bluesky", {})
        if handle not in self._handles and handle.partition(".")[0] not in known:
            raise Refusal("InvalidRequest", "Unable to resolve handle")
        return did_of(handle)

    def session(self, signed: Signed) -> dict[str, Any]:
        return {
            "accessJwt": self._token(signed, "appPass", _ACCESS),
            "refreshJwt": self._token(signed, "refresh", _REFRESH),
            "handle": signed.handle,
            "did": signed.did,
            "active": True,
        }

    def read(self, authorization: str, kind: str) -> Signed:
        """Whose session a request's token of that kind (appPass, refresh) opens. Raises Refusal where it opens none."""
        scheme, _, token = authorization.partition(" ")
        if scheme != "Bearer":
            raise Refusal("AuthMissing", "Authentication Required", 401)
        body, _, mac = token.rpartition(".")
        if not hmac.compare_digest(mac.encode(), self._mac(body).encode()):
            raise Refusal("InvalidToken", "Token could not be verified")
        encoded = body.partition(".")[2]
        claims = orjson.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        if claims["scope"] != f"com.atproto.{kind}":
            raise Refusal("InvalidToken", "Bad token scope")
        if claims["exp"] <= self._world.now().timestamp():
            raise Refusal("ExpiredToken", "Token has expired")
        account, handle = claims["as"]
        return Signed(account, handle, claims["sub"])

    def _token(self, signed: Signed, kind: str, length: timedelta) -> str:
        ends = int((self._world.now() + length).timestamp())
        claims = {"scope": f"com.atproto.{kind}", "sub": signed.did, "exp": ends, "jti": secrets.token_hex(8)}
        body = _part({"typ": "JWT", "alg": "HS256"}) + "." + _part({**claims, "as": [signed.account, signed.handle]})
        return f"{body}.{self._mac(body)}"

    def _mac(self, body: str) -> str:
        return _base64(hmac.digest(self._world.secret, body.encode(), "sha256"))


def did_of(handle: str) -> str:
    return "did:plc:" + base64.b32encode(hashlib.sha256(handle.encode()).digest()).decode().lower()[:24]


def repo(named: str) -> str:
    """The DID of a repository that was named by it or by its handle."""
    return named if named.startswith("did:") else did_of(named.lower())


def _part(value: Any) -> str:
    return _base64(orjson.dumps(value))


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")
