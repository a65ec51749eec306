"""People who agreed to hear from us, and addresses we must not write to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Basis(StrEnum):
    """Why we may write to somebody (GDPR article 6 and 9, or national law)."""

    OPT_IN = "opt-in"
    DOUBLE_OPT_IN = "double-opt-in"
    MEMBER = "member"
    PARTNER = "partner"
    NONE = "none"


@dataclass(slots=True)
class Consent:
    """``source`` names the form, import or meeting it came from, ``text`` what the person agreed to.

    Not frozen, as little as who gave it: see Supporter.
    """

    basis: Basis
    source: str
    at: datetime
    text: str = ""


class Reason(StrEnum):
    """Why an address is suppressed."""

    UNSUBSCRIBED = "unsubscribed"
    COMPLAINED = "complained"
    BOUNCED = "bounced"
    DROPPED = "dropped"
    BY_HAND = "by-hand"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True)
class Suppression:
    """An address we must not send to. It outlives the supporter: only a hash of the address is kept."""

    reason: Reason
    source: str
    at: datetime


@dataclass(slots=True)
class Supporter:
    """A person who agreed to hear from us. Unknown text is the empty string, never None.

    Neither frozen nor ever changed: a mailing makes millions, and freezing takes seven times as long to make one.
    """

    id: int
    email: str
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    zone: str = ""
    country: str = ""
    region: str = ""
    postal_code: str = ""
    tags: tuple[str, ...] = ()
    consent: Consent | None = None
    acted_at: datetime | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class NewSupporter:
    """One row of an import that was read and found usable. ``email`` is normalised; its local part keeps its case.
    ``preference`` is as it is stored (see Preference).

    Not frozen, for the reason that Supporter gives.
    """

    email: str
    first_name: str = ""
    last_name: str = ""
    language: str = ""
    zone: str = ""
    country: str = ""
    region: str = ""
    postal_code: str = ""
    tags: tuple[str, ...] = ()
    consent: Consent | None = None
    acted_at: datetime | None = None
    unsubscribed: bool = False
    extra: Mapping[str, str] = field(default_factory=dict)
    preference: str = ""
