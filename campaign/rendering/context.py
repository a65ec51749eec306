"""What every message of a step may refer to: the same for everybody who gets it."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from campaign.model.letter import Letter
from campaign.model.plan import Plan, Step
from campaign.rendering.links import Utm
from campaign.rendering.share import Share

UTM: Final = "utm tags"
"""Where ``shared`` keeps the UTM tags for links that a message writes out. No template can name it: it has a space."""
OF_A_PERSON: Final = ("supporter", "unsubscribe_url")
"""What e-mail refers to beside that: whom it is for."""


def shared(
    *,
    plan: Plan,
    letter: Letter,
    step: Step,
    wave_number: int,
    due_at: datetime,
    channel: str,
    language: str,
    arm: str = "",
) -> dict[str, Any]:
    """The values of a wave's messages, by the names that templates use for them; docs/rendering.md lists them.

    ``wave_number`` counts from 1, ``due_at`` is the wave's instant (UTC), ``arm`` the arm of its A/B
    test, which stands in the links' tags.
    """
    utm = Utm(
        source=channel,
        medium="email" if channel == "email" else "social",
        campaign=_slug(plan.campaign),
        content=f"{step.id}-{_slug(arm)}" if arm else step.id,
        untagged=frozenset(host.lower() for host in plan.untagged),
    )
    zone = ZoneInfo(plan.zone)
    launch = plan.launch.astimezone(zone)
    return {
        "letter": letter,
        "campaign": {
            "title": plan.title,
            "organisation": plan.organisation,
            "postal_address": plan.sender.postal_address if plan.sender else "",
            "hashtags": plan.hashtags,
            "launch": launch,
        },
        "links": {name: utm.tagged(url) for name, url in plan.links.items()},
        "facts": {name: fact.value for name, fact in plan.facts.items()},
        "target": {"email": plan.target_email},
        "step": {"id": step.id, "number": wave_number, "channel": channel},
        "days_since_launch": _days(launch.date(), due_at.astimezone(zone).date()),
        "share": Share(),
        "language": language,
        UTM: utm,
    }


def _days(start: date, end: date) -> int:
    return (end - start).days


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
