"""The rule that selects supporters for a step."""

from __future__ import annotations

from dataclasses import dataclass

from campaign.model.frequency import Frequency


@dataclass(frozen=True, slots=True)
class Segment:
    """Everybody who meets every condition given; an empty tuple or None is no condition.

    ``languages`` holds BCP 47 primary tags and ``countries`` ISO 3166 codes; a supporter without one meets the
    condition only where the tuple holds the empty string.
    """

    name: str
    tags_all: tuple[str, ...] = ()
    tags_any: tuple[str, ...] = ()
    tags_none: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    acted: bool | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """A random share of an audience: who draws a number from ``start`` up to but not including ``end``.

    Everybody draws from 0 to 9,999, by their id and ``seed`` alone, so that who is in it can be found again.
    """

    start: int
    end: int
    seed: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Who a wave goes to: a segment, in some zones only where the wave is by local time (None: in all).

    A supporter without a zone counts as being in ``home_zone``. ``variants`` are the message's languages, the
    default first; each supporter gets the one they speak, else the default. ``share`` is who of them by a random
    draw, None is all, and ``most`` how many of these at most, in the order of the draw. ``campaign`` is whose e-mail
    it is: some people want that of one campaign and no other. ``frequency`` is how many e-mails of it anybody gets at
    most, None is as many as there are.
    """

    segment: Segment
    home_zone: str
    zones: tuple[str, ...] | None = None
    variants: tuple[str, ...] = ("",)
    share: Share | None = None
    campaign: str = ""
    most: int | None = None
    frequency: Frequency | None = None

    def variant(self, language: str) -> str:
        """The one of ``variants`` that somebody gets who speaks ``language``; "" is not known."""
        return language if language and language in self.variants else self.variants[0]


@dataclass(frozen=True, slots=True)
class Headcount:
    """How many an audience has now: all members, and of them the suppressed, those without consent, and those who asked
    for another campaign only. Each is counted once, as the first of these.

    Who asked for less often is counted as reachable: whether it is their turn is known when the wave goes out.
    """

    members: int
    suppressed: int
    without_consent: int
    elsewhere: int = 0

    @property
    def reachable(self) -> int:
        return self.members - self.suppressed - self.without_consent - self.elsewhere
