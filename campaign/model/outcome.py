"""What became of an attempt to send one delivery. Values, never exceptions, and closed with ``assert_never``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it. Not yet delivered: that is a later event.

    ``ref`` is the provider's own id for it (a post's id or URI, SendGrid's X-Message-Id), ``url`` where anybody
    can see it, if it is public. ``rest_until`` is set where it was the last that the provider takes for now: nothing
    more is to be tried over this channel before.
    """

    ref: str | None = None
    url: str | None = None
    rest_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Certainly not taken, and worth trying again.

    ``until`` is the earliest instant (UTC) the provider named, or None where it named none. ``scope`` says what
    must wait: this delivery alone, its account, or the whole channel. ``hold`` is True where time alone mends nothing
    (credit that is spent): its wave is held for a person.
    """

    reason: str
    until: datetime | None = None
    scope: Literal["delivery", "account", "channel"] = "delivery"
    hold: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Certainly not taken, and trying again would not help.

    ``whole`` is True where the provider refused the request as a whole and only some of its deliveries may be to
    blame; the flow then halves the batch until only the bad ones are refused.
    """

    reason: str
    code: str = ""
    whole: bool = False


@dataclass(frozen=True, slots=True)
class InDoubt:
    """It may or may not have been taken: the reply was lost. Never sent again until the doubt is settled."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Settling found evidence that the attempt left nothing behind, so the delivery is planned again."""

    evidence: str


Outcome = Accepted | Deferred | Refused | InDoubt
Settled = Accepted | NotSent | InDoubt
