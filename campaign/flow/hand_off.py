"""hand_off: e-mail that its provider holds until its instant, and takes back while it still can."""

from __future__ import annotations

from campaign.flow.desk import Desk
from campaign.model.bundle import Bundle


def can_hold(desk: Desk, bundle: Bundle) -> bool:
    """True where the step's provider holds what it is handed over ahead of its instant."""
    sender = bundle.plan.sender
    return sender is not None and bundle.step.channel == "email" and desk.mails[sender.via].staging is not None
