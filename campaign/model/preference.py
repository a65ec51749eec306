"""What people have asked for at the end of an e-mail: nothing more, or less."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from campaign.model.supporter import Reason, Suppression

SPACING_DAYS = 7
"""Whoever asked for less gets at most one e-mail in any so many days, by the calendar of where they live."""

UNDO_WITHIN = timedelta(hours=1)
"""How long the link that unsubscribed somebody can take it back: whoever still has the page before them. Later it could
be anybody to whom the e-mail was forwarded."""

ASKED_FOR_LESS = "asked for less often"
ASKED_FOR_ONE = "asked for another campaign only"

ONE_CAMPAIGN = "only:"
"""How the stored form of a wish for one campaign begins; the campaign's name follows."""


class Wish(StrEnum):
    """What a person can ask for. ``nothing`` suppresses their address; with the others they stay in the list.

    ``less-often``: at most one e-mail in seven days, over all steps of all campaigns. ``only-this``: what one campaign
    sends, and nothing of the others. ``everything``: as it was in the beginning. One takes the place of another.
    ``undo`` takes an unsubscribing back: they stand as before it.
    """

    EVERYTHING = "everything"
    LESS_OFTEN = "less-often"
    ONLY_THIS = "only-this"
    NOTHING = "nothing"
    UNDO = "undo"


@dataclass(frozen=True, slots=True)
class Preference:
    """What somebody who may be written to wants to get: never ``nothing`` or ``undo``.

    ``campaign`` is the one that is meant by ``only-this``.
    """

    wish: Wish = Wish.EVERYTHING
    campaign: str = ""
    at: datetime | None = None

    def stored(self) -> str:
        """As it stands in the list: "", ``less-often`` or ``only:CAMPAIGN``."""
        match self.wish:
            case Wish.ONLY_THIS:
                return ONE_CAMPAIGN + self.campaign
            case Wish.LESS_OFTEN:
                return self.wish.value
            case _:
                return ""


def preference(stored: str, at: datetime | None = None) -> Preference:
    """Read what ``Preference.stored`` wrote. What a newer version may have written counts as ``less-often``: whatever
    it is, the person asked for less."""
    if not stored:
        return Preference(at=at)
    if stored.startswith(ONE_CAMPAIGN):
        return Preference(Wish.ONLY_THIS, stored.removeprefix(ONE_CAMPAIGN), at)
    return Preference(Wish.LESS_OFTEN, at=at)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom a delivery went to, as far as the page behind their link needs it.

    ``link`` names that link in the record of suppressions: one person has one delivery in a wave, so the wave tells
    it. ``contact`` is where the campaign can be written to. ``languages`` are those they are likely to read, the best
    first. ``email`` is "" for somebody who was forgotten.
    """

    link: str
    campaign: str
    title: str
    organisation: str
    contact: str
    languages: tuple[str, ...]
    email: str = field(default="", repr=False)
    suppression: Suppression | None = None
    preference: Preference = Preference()

    @property
    def is_known(self) -> bool:
        return bool(self.email)

    def can_undo(self, now: datetime) -> bool:
        """Whether this link may lift the suppression: it made it, at the person's wish, and not long ago."""
        made = self.suppression
        return (
            made is not None
            and made.reason is Reason.UNSUBSCRIBED
            and made.source == self.link
            and made.at <= now < made.at + UNDO_WITHIN
        )
