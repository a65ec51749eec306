"""How an address is matched, and how it is known once the address itself is gone."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from email_validator import EmailNotValidError, validate_email

_HASH_BYTES = 16


def address_key(email: str) -> str:
    """What an address is matched by: normalised, in lower case.

    Lower case and not ``casefold``, which would take straße.example and strasse.example for one domain; under
    IDNA 2008 they are two. What is no address at all has a key too, which then matches nobody.
    """
    key = email.strip().lower()
    if key.isascii() and "xn--" not in key:
        return key
    try:
        return validate_email(email.strip(), check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        return key.encode("utf-8", "replace").decode("utf-8")


def address_keys(emails: Iterable[str]) -> list[str]:
    """The ``address_key`` of each: of nearly all it is the address in lower case."""
    return [
        key if (key := email.lower().strip()).isascii() and "xn--" not in key else address_key(email)
        for email in emails
    ]


def address_hash(salt: bytes, key: str) -> bytes:
    """What remains of an address that was forgotten: 16 bytes of SHA-256 over this database's salt and the key."""
    return sha256(salt + key.encode()).digest()[:_HASH_BYTES]


def address_hashes(salt: bytes, keys: Iterable[str]) -> list[bytes]:
    """The ``address_hash`` of each key."""
    salted = sha256(salt)
    hashes = []
    for key in keys:
        one = salted.copy()  # costs less than a new one
        one.update(key.encode())
        hashes.append(one.digest()[:_HASH_BYTES])
    return hashes
