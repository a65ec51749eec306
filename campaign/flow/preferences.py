"""preferences: what people ask for by the link in their e-mail, whichever world the e-mail was from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from campaign.model.delivery import TEST_WAVE, DeliveryId, Keys
from campaign.model.preference import Preference, Recipient, Wish
from campaign.model.supporter import Reason, Suppression
from campaign.ports.preferences import House, Preferences

_SHOWN = 1
_HIDDEN = "•••"


@dataclass(frozen=True, slots=True)
class Door:
    """The links of one world: made with its secret. Behind a ``trial``'s nobody's wishes are changed."""

    keys: Keys
    preferences: Preferences
    trial: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody who has come by a link that we made."""

    door: Door
    delivery: DeliveryId
    recipient: Recipient

    def choose(self, wish: Wish, *, at: datetime) -> Recipient | None:
        """How they stand after asking for ``wish``; None where the ledger has lost them in the meantime."""
        if self.door.trial:
            return _as_if(self.recipient, wish, at)
        return self.door.preferences.choose(self.delivery, wish, at=at)


def visit(doors: Sequence[Door], key: str) -> Visit | None:
    """Who has come by the link with ``key``; None where it is none of ours, or its e-mail is not in the ledger."""
    for door in doors:
        delivery = door.keys.read(key)
        if delivery is not None and delivery.wave_id == TEST_WAVE:
            return Visit(replace(door, trial=True), delivery, _somebody(door.preferences.house()))
        if delivery is not None:
            recipient = door.preferences.recipient(delivery)
            return None if recipient is None else Visit(door, delivery, recipient)
    return None


def _somebody(house: House) -> Recipient:
    """Who comes by the link of a test: whoever tries it, and not the supporter whose data it shows."""
    return Recipient(
        link="test",
        campaign="test",
        title=house.organisation or "Test",
        organisation=house.organisation,
        contact=house.contact,
        languages=(),
        email="test@example.org",
    )


def masked(email: str) -> str:
    """``a•••@e•••.org``: enough for those whose address it is, and who have several, to tell which one is meant.

    An e-mail that was forwarded takes its link along, and link scanners keep the pages they fetch; so neither the whole
    name nor the whole domain, nor how long they are.
    """
    name, _, domain = email.rpartition("@")
    host, _, suffix = domain.rpartition(".")
    return f"{_first(name)}@{_first(host)}.{suffix}" if name and host else ""


def _first(part: str) -> str:
    return (part[:_SHOWN] if len(part) > _SHOWN else "") + _HIDDEN


def _as_if(recipient: Recipient, wish: Wish, at: datetime) -> Recipient:
    """What the real link would come to."""
    if wish is Wish.NOTHING:
        return replace(recipient, suppression=Suppression(Reason.UNSUBSCRIBED, recipient.link, at))
    if wish is Wish.UNDO:
        return replace(recipient, suppression=None)
    campaign = recipient.campaign if wish is Wish.ONLY_THIS else ""
    return replace(recipient, suppression=None, preference=Preference(wish, campaign, at))
