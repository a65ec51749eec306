"""Pictures and videos as they are handed to a network, and what is made known of posts that stand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Media:
    """A picture or video fitted to its network. ``digest`` is the SHA-256 of its bytes in hex, which are kept apart;
    ``type`` is their media type (RFC 6838), ``size`` how many they are. ``seconds`` is a video's length."""

    digest: str
    type: str
    size: int
    alt: str
    width: int
    height: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class LinkCard:
    """What a link is shown as, on networks that leave that to whoever posts it."""

    url: str
    title: str
    text: str
    image: Media | None = None


@dataclass(frozen=True, slots=True)
class PartMedia:
    """All that one part of a thread shows beside its text."""

    media: tuple[Media, ...] = ()
    link_card: LinkCard | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """A post's public figures when they were read; None where the network does not tell."""

    likes: int | None = None
    reposts: int | None = None
    replies: int | None = None
    views: int | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of one delivery's post, and when."""

    wave_id: int
    seq: int
    read_at: datetime
    metrics: Metrics
