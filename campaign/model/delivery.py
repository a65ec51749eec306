"""A delivery: one message to one recipient on one channel in one step; the unit we account for."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import blake2b

_SECRET_BYTES = 16
_ID_BYTES = 8
_MAC_BYTES = 8
_NEIGHBOURS = 8
_FILL = b"\0\0"
"""Makes a key's 16 bytes 18, which base64 spells in whole characters, so that many are spelled at once."""
_SPELLED = 24
KEY_LENGTH = 22
"""Characters of a delivery's key: 16 bytes in unpadded base64url."""


class State(StrEnum):
    PLANNED = "planned"
    CLAIMED = "claimed"
    ACCEPTED = "accepted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    COMPLAINED = "complained"
    DEFERRED = "deferred"
    REFUSED = "refused"
    IN_DOUBT = "in_doubt"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    MISSED = "missed"
    RETRACTED = "retracted"


TAKEN = frozenset({State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.DROPPED, State.COMPLAINED, State.RETRACTED})
"""The provider took it, whatever came of it later."""

OPEN = frozenset({State.PLANNED, State.CLAIMED, State.DEFERRED})
"""Work is left to do."""


def unsubscribe_url(public_url: str, key: str) -> str:
    """The one-click unsubscribe link of a delivery (RFC 8058): opaque, and signed by its key."""
    return f"{public_url}/u/{key}"


TEST_WAVE = 0
"""The wave of e-mails that are sent to try a step: none in the ledger has this number, so no delivery is theirs."""


@dataclass(frozen=True, slots=True, order=True)
class DeliveryId:
    """``seq`` is the delivery's place in its wave, from 0."""

    wave_id: int
    seq: int


class Keys:
    """Makes and checks the opaque key by which a delivery is known outside: a keyed MAC over its id.

    It holds no address and no name, and is checked without looking anything up. BLAKE2b in keyed mode is a MAC
    (RFC 7693, section 2.9); 64 bits of it are out of reach of guessing over a network. Eight neighbours share the
    512 bits of one MAC, each with a part of its own: a mailing makes a key for everybody in it.
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < _SECRET_BYTES:
            raise ValueError(f"the secret key must have at least {_SECRET_BYTES} bytes")
        self._mac = blake2b(
            key=blake2b(secret, digest_size=32).digest(), digest_size=_NEIGHBOURS * _MAC_BYTES, person=b"delivery"
        )

    def key(self, wave_id: int, seq: int) -> str:
        """The 22-character key of a delivery; letters, digits, ``-`` and ``_``."""
        return self.keys(wave_id, (seq,))[0]

    def keys(self, wave_id: int, seqs: Sequence[int]) -> list[str]:
        """The keys of many deliveries of one wave, in the order of ``seqs``."""
        wave, block, macs = wave_id << 32, -1, b""
        parts: list[bytes] = []
        for seq in seqs:
            if seq // _NEIGHBOURS != block:
                block = seq // _NEIGHBOURS
                macs = self._macs(wave | block * _NEIGHBOURS)
            at = seq % _NEIGHBOURS * _MAC_BYTES
            parts += ((wave | seq).to_bytes(_ID_BYTES, "big"), macs[at : at + _MAC_BYTES], _FILL)
        spelled = base64.b64encode(b"".join(parts), altchars=b"-_").decode("ascii")
        return [spelled[at : at + KEY_LENGTH] for at in range(0, len(spelled), _SPELLED)]

    def read(self, key: str) -> DeliveryId | None:
        """The delivery that ``key`` names, or None where it was not made by us."""
        number = _claimed(key)
        if number is None:
            return None
        found = DeliveryId(wave_id=number >> 32, seq=number & 0xFFFFFFFF)
        # Compared as it is spelled: base64 has several spellings for the same bytes, and a delivery has one key.
        return found if hmac.compare_digest(self.key(found.wave_id, found.seq), key) else None

    def read_all(self, keys: Iterable[str]) -> dict[str, DeliveryId]:
        """The deliveries that ``keys`` name, those left out that were not made by us: ``read``, for many."""
        claimed: dict[int, list[tuple[int, str]]] = {}
        for key in keys:
            number = _claimed(key)
            if number is not None:
                claimed.setdefault(number >> 32, []).append((number & 0xFFFFFFFF, key))
        found: dict[str, DeliveryId] = {}
        for wave_id, those in claimed.items():
            those.sort()
            spelled = self.keys(wave_id, [seq for seq, _ in those])
            for (seq, key), ours in zip(those, spelled, strict=True):
                if hmac.compare_digest(ours, key):
                    found[key] = DeliveryId(wave_id, seq)
        return found

    def _macs(self, first: int) -> bytes:
        mac = self._mac.copy()
        mac.update(first.to_bytes(_ID_BYTES, "big"))
        return mac.digest()


def _claimed(key: str) -> int | None:
    """What a key says that it names, true or not; None where it is no key at all."""
    if len(key) != KEY_LENGTH or not key.isascii():
        return None
    try:
        return int.from_bytes(base64.b64decode(key + "==", altchars=b"-_", validate=True)[:_ID_BYTES], "big")
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Sent:
    """One line of the dispatch log: a delivery, where it stands and why.

    ``recipient`` is an address for e-mail (empty once the person was forgotten) or an account's name for posts;
    ``part`` counts a thread's parts from 1. ``arm`` is what it got of its step's A/B test, "" where there is none, or
    where it is not decided yet.
    """

    delivery: DeliveryId
    step: str
    wave: int
    channel: str
    recipient: str
    part: int
    state: State
    why: str
    due_at: datetime
    changed_at: datetime
    attempts: int
    batch_id: int | None
    ref: str = ""
    url: str = ""
    arm: str = ""
