"""DKIM signatures (RFC 6376) for e-mail that we send by a server of our own.

dkimpy puts messages and header fields into their canonical form, hashes them and writes the field; the keys are
cryptography's, which signs many times as fast as dkimpy's own RSA, and knows Ed25519 (RFC 8463) too.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import dkim
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa, utils
from dkim.canonicalization import CanonicalizationPolicy

from campaign.errors import NotConfigured

_VARIABLE: Final = "CAMPAIGN_SMTP__DKIM_KEY_FILE"
_FEWEST_BITS: Final = 1_024
"""RFC 8301, section 3.2: verifiers take no key that is shorter; 2,048 bits are what it advises."""
_ADVISED_BITS: Final = 2_048
_MOST_BYTES: Final = 64 * 1024

_SIGNED: Final = (
    *("from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("content-transfer-encoding", "content-language", "list-unsubscribe", "list-unsubscribe-post"),
)
"""RFC 8058, section 4: both fields of one-click unsubscription must be among those that are signed."""
_SEALED: Final = (
    *("from", "to", "cc", "reply-to", "subject", "date", "message-id", "mime-version", "content-type"),
    *("list-unsubscribe", "list-unsubscribe-post"),
)
"""Signed once more than they are there, so that nobody on the way can add another (RFC 6376, section 8.15)."""
_LEFT_TO_THE_SERVER: Final = frozenset(("date", "message-id"))
"""Where we wrote none, the server may: it is not sealed then."""
_CANONICAL: Final = CanonicalizationPolicy.from_c_value(b"relaxed/simple")
"""A body in quoted-printable comes through as it left: there is no white space in it that a server might change."""
_SILENT: Final = logging.getLogger(__name__)

PrivateKey = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class _Signature(NamedTuple):
    signature: bytes


class _Rsa:
    """An RSA key that signs what was hashed already, called as dkimpy calls Ed25519 keys: there it takes any key."""

    _SHA256 = utils.Prehashed(hashes.SHA256())
    _PADDING = padding.PKCS1v15()

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key

    def sign(self, digest: bytes) -> _Signature:
        return _Signature(self._key.sign(digest, self._PADDING, self._SHA256))


class _Ed25519:
    def __init__(self, key: ed25519.Ed25519PrivateKey) -> None:
        self._key = key

    def sign(self, digest: bytes) -> _Signature:
        return _Signature(self._key.sign(digest))


class Signer:
    """Signs for ``domain`` with the key whose public half is at ``selector``._domainkey.``domain``.

    The same message gets the same signature: it carries no time of its own.
    """

    def __init__(self, *, domain: str, selector: str, key: PrivateKey) -> None:
        self.domain = domain.encode("idna").decode()
        self.selector = selector
        self._public = key.public_key()
        self._key = _Rsa(key) if isinstance(key, rsa.RSAPrivateKey) else _Ed25519(key)
        self._algorithm = b"rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else b"ed25519-sha256"
        self.bits = key.key_size if isinstance(key, rsa.RSAPrivateKey) else 256

    def __repr__(self) -> str:
        return f"Signer(domain={self.domain!r}, selector={self.selector!r})"

    @property
    def is_weak(self) -> bool:
        """Whether the key is shorter than RFC 8301 advises."""
        return self._algorithm == b"rsa-sha256" and self.bits < _ADVISED_BITS

    @property
    def record_name(self) -> str:
        """Where in DNS receivers look for the public key."""
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def record(self) -> str:
        """The TXT record that belongs there (RFC 6376, section 3.6.1; RFC 8463, section 4)."""
        if isinstance(self._public, rsa.RSAPublicKey):
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            public = self._public.public_bytes(serialization.Encoding.DER, form)
            return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
        raw = self._public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"

    def signed(self, message: bytes) -> bytes:
        """``message``, its lines ended by CRLF, with its signature at its top."""
        head, _, text = message.partition(b"\r\n\r\n")
        signing = dkim.DKIM(head + b"\r\n\r\n", logger=_SILENT, signature_algorithm=b"ed25519-sha256")
        signing.hasher = hashlib.sha256
        names = list(_names([name.decode("latin-1").strip().lower() for name, _ in signing.headers]))
        body = hashlib.sha256(_CANONICAL.canonicalize_body(text)).digest()
        fields = [
            (b"v", b"1"),
            (b"a", self._algorithm),
            (b"c", _CANONICAL.to_c_value()),
            (b"d", self.domain.encode()),
            (b"s", self.selector.encode()),
            (b"h", b" : ".join(names)),
            (b"bh", base64.b64encode(body)),
            (b"b", b"0" * 60),  # a place that dkimpy folds on a line of its own
        ]
        field: bytes = signing.gen_header(fields, names, _CANONICAL, b"DKIM-Signature", self._key)
        return b"DKIM-Signature: " + field + message


def _names(there: list[str]) -> Iterator[bytes]:
    """The names of the fields to sign: each as often as it is there, and the sealed ones once more."""
    for name in _SIGNED:
        yield from (name.encode() for found in there if found == name)
    for name in _SEALED:
        if name in there or name not in _LEFT_TO_THE_SERVER:
            yield name.encode()


def signer(*, domain: str, selector: str, key_file: Path) -> Signer:
    """Reads the key. Raises NotConfigured, with the variable and what to do, and never a word of the key itself."""
    try:
        with key_file.open("rb") as stream:
            written = stream.read(_MOST_BYTES)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise NotConfigured(
            f"{_VARIABLE}: {key_file} cannot be read ({why}); write the path of your DKIM key, or leave it empty"
        ) from None
    try:
        key = serialization.load_pem_private_key(written, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise NotConfigured(
            f"{_VARIABLE}: {key_file} holds no private key that can be read; it must be in PEM, without a password. "
            f"Make one with: openssl genrsa -out {key_file} 2048"
        ) from None
    if not isinstance(key, PrivateKey):
        raise NotConfigured(f"{_VARIABLE}: {key_file} holds a key of another kind; DKIM knows RSA and Ed25519")
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < _FEWEST_BITS:
        raise NotConfigured(
            f"{_VARIABLE}: the key in {key_file} has {key.key_size} bits; receivers take none below {_FEWEST_BITS:,}, "
            f"and {_ADVISED_BITS:,} are advised (RFC 8301)"
        )
    try:
        return Signer(domain=domain, selector=selector, key=key)
    except UnicodeError:
        raise NotConfigured(f"CAMPAIGN_SMTP__DKIM_DOMAIN: {domain} is no domain") from None
