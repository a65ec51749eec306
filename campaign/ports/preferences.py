"""What people ask for by the link in their e-mail."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from campaign.model.delivery import DeliveryId
from campaign.model.preference import Recipient, Wish


@dataclass(frozen=True, slots=True)
class House:
    """Whose pages these are, for somebody of whom nothing else is known. "" is unknown."""

    organisation: str = ""
    contact: str = ""


class Preferences(Protocol):
    """One world's. Each method is one transaction, and raises LedgerError where the database does not answer."""

    def recipient(self, delivery: DeliveryId) -> Recipient | None:
        """Whom the delivery went to, and what they have asked for; None where this world has no such e-mail."""
        ...

    def choose(self, delivery: DeliveryId, wish: Wish, *, at: datetime) -> Recipient | None:
        """Record the wish of whom the delivery went to, and how they stand after it; None as above.

        ``nothing`` suppresses their address for good, and again changes nothing. Anything else lifts a suppression
        only where ``Recipient.can_undo``, and changes nothing while another stands. Nobody can be asked about somebody
        who was forgotten: their address is suppressed already.
        """
        ...

    def house(self) -> House:
        """Whose campaign was approved last."""
        ...
