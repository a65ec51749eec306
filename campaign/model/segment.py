"""The rule that selects supporters for a step."""

from __future__ import annotations

from dataclasses import dataclass


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
class Audience:
    """Who a wave goes to: a segment, in some zones only where the wave is by local time (None: in all).

    A supporter without a zone counts as being in ``home_zone``. ``variants`` are the message's languages, the
    default first; each supporter gets the one they speak, else the default.
    """

    segment: Segment
    home_zone: str
    zones: tuple[str, ...] | None = None
    variants: tuple[str, ...] = ("",)


@dataclass(frozen=True, slots=True)
class Headcount:
    """How many an audience has now: all members, and of them the suppressed and those without consent."""

    members: int
    suppressed: int
    without_consent: int

    @property
    def reachable(self) -> int:
        return self.members - self.suppressed - self.without_consent
