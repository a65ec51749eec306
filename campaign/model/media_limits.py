"""What a network takes of pictures and videos, as data: ours in ``campaign.flow.fit_media``, others bring their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

MOST_PIXELS: Final = 50_000_000
"""No camera that people campaign with makes more; decoded, it is 200 MB."""


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The most that a picture may have: ``size`` in bytes, its longer ``side`` and all its ``pixels``."""

    size: int
    side: int
    pixels: int = MOST_PIXELS


@dataclass(frozen=True, slots=True)
class MovingLimits:
    """The most that a GIF that moves may have; ``alone`` where nothing else may stand beside it."""

    size: int
    width: int
    height: int
    frames: int
    alone: bool


@dataclass(frozen=True, slots=True)
class VideoLimits:
    """``sides`` are the most of the longer and of the shorter side, in pixels; ``codecs`` none named takes any."""

    size: int
    types: tuple[str, ...]
    least_seconds: float
    most_seconds: float
    sides: tuple[int, int]
    codecs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MediaLimits:
    """What a network takes. ``moving`` None: a GIF would be shown still. ``link_image`` None: it makes its own cards.

    ``video`` None: it takes no videos. ``alt`` is the longest alternative text of a picture, ``video_alt`` of a video,
    in what ``counts`` says. ``pictures`` is how many it takes in one post.
    """

    name: str
    picture: PictureLimits
    moving: MovingLimits | None
    video: VideoLimits | None
    link_image: PictureLimits | None
    alt: int
    video_alt: int
    counts: Literal["characters", "graphemes"] = "characters"
    pictures: int = 4
