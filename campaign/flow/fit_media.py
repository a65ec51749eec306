"""Do a post's pictures and videos fit its network? What each takes, as data, and what does not go together.

X: https://docs.x.com/x-api/media/quickstart/best-practices and, for alternative text, POST /2/media/metadata.
Bluesky: the lexicons app.bsky.embed.images, app.bsky.embed.video and app.bsky.embed.external; its application takes
2,000 graphemes of alternative text for a picture. Mastodon: app/models/media_attachment.rb of 4.3, what a server takes
unless it says otherwise at /api/v2/instance.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from campaign import networks
from campaign.flow.fit import grapheme_length
from campaign.model.media import Media
from campaign.model.media_limits import MediaLimits, MovingLimits, PictureLimits, VideoLimits
from campaign.model.plan import CHANNELS
from campaign.rendering.media_types import (
    GIF,
    MP4,
    PICTURES,
    QUICKTIME,
    VIDEOS,
    Unfit,
    dimensions,
    named,
    told,
)

MOST_TOGETHER: Final = 4
"""None of our networks takes more pictures in one post, nor can a message show more."""
_MEGABYTE: Final = 1_000_000


_MOST_KEPT = 64 * 1024 * 1024
"""Bytes of fitted pictures that an album keeps."""


TAKES: Final = {
    "x": MediaLimits(
        name="X",
        picture=PictureLimits(size=5 * _MEGABYTE, side=4_096),
        moving=MovingLimits(size=15 * _MEGABYTE, width=1_280, height=1_080, frames=350, alone=True),
        # Its page gives 1,280 by 1,024 as the most and speaks of 1080p for subscribers: it scales down what it gets.
        # 512 MB is ours: what X takes beyond that is no matter of a post.
        video=VideoLimits(512 * _MEGABYTE, (MP4, QUICKTIME), 0.5, 1_200, (1_920, 1_200), codecs=("avc1", "avc3")),
        link_image=None,
        alt=1_000,
        video_alt=1_000,
    ),
    "bluesky": MediaLimits(
        name="Bluesky",
        picture=PictureLimits(size=2_000_000, side=4_000),
        moving=None,
        # The lexicon takes 300 MB; three minutes is what Bluesky has announced (March 2025).
        video=VideoLimits(300 * _MEGABYTE, (MP4,), 0.1, 180, (3_840, 2_160)),
        link_image=PictureLimits(size=1_000_000, side=2_000),
        alt=2_000,
        video_alt=1_000,
        counts="graphemes",
    ),
    "mastodon": MediaLimits(
        name="Mastodon",
        picture=PictureLimits(size=16 * 1024 * 1024, side=8_000, pixels=8_294_400),
        moving=MovingLimits(size=16 * 1024 * 1024, width=3_840, height=2_160, frames=36_000, alone=False),
        video=VideoLimits(99 * 1024 * 1024, (MP4, QUICKTIME), 0.1, 36_000, (3_840, 2_160)),
        link_image=None,
        alt=1_500,
        video_alt=1_500,
    ),
}


@dataclass(frozen=True, slots=True)
class Fitted:
    """A picture or video as one network gets it. ``seconds`` is the length of what moves."""

    body: bytes
    type: str
    width: int
    height: int
    seconds: float | None = None


class Album:
    """Keeps what was fitted, so that one picture is decoded once for each network and not for each step."""

    def __init__(self, most_bytes: int = _MOST_KEPT) -> None:
        self._most_bytes = most_bytes
        self._size = 0
        self._kept: OrderedDict[tuple[object, ...], Fitted | Unfit] = OrderedDict()

    def fitted(self, key: tuple[object, ...], make: Callable[[], Fitted]) -> Fitted:
        """What ``make`` makes, or made before under the same ``key``; raises Unfit as it did."""
        if key not in self._kept:
            try:
                self._kept[key] = make()
            except Unfit as unfit:
                self._kept[key] = unfit
            self._size += _size(self._kept[key])
        self._kept.move_to_end(key)
        found = self._kept[key]
        while self._size > self._most_bytes:
            self._size -= _size(self._kept.popitem(last=False)[1])
        if isinstance(found, Unfit):
            raise found
        return found


def takes(channel: str) -> MediaLimits:
    """What a channel's network takes. ValueError where the channel posts nothing, NotConfigured where nobody here knows
    the network."""
    if channel in TAKES:
        return TAKES[channel]
    if channel in CHANNELS:
        raise ValueError(f'"{channel}" is not a network that pictures are fitted to')
    network = networks.get(channel)
    return network.media or _nothing(network.title)


def _nothing(name: str) -> MediaLimits:
    """A network that shows text alone."""
    least = PictureLimits(size=_MEGABYTE, side=1_024)
    return MediaLimits(name, least, moving=None, video=None, link_image=None, alt=1_000, video_alt=1_000, pictures=0)


def fitted(body: bytes, channel: str, *, link_image: bool = False) -> Fitted:
    """``body`` as the network of ``channel`` takes it, or as the picture of a link card. Raises Unfit."""
    limits = takes(channel)
    media_type = told(body)
    if media_type in VIDEOS and not link_image:
        return _video(body, media_type, limits)
    if media_type not in PICTURES:
        raise Unfit("it is no JPEG, PNG, GIF, WebP or MP4", "export it as one of them")
    return _picture(body, media_type, limits, link_image=link_image)


def problems(shown: Sequence[Media], channel: str) -> list[tuple[str, str]]:
    """What keeps these from standing in one post, each with what to do."""
    limits = takes(channel)
    videos = [one for one in shown if one.type in VIDEOS]
    moving = [one for one in shown if one.type == GIF]
    if shown and limits.pictures == 0:
        return [(f"{limits.name} shows text alone", f"write a variant for {channel} that shows nothing")]
    if len(shown) > limits.pictures:
        most = "one picture" if limits.pictures == 1 else f"{limits.pictures} pictures"
        return [(f"{limits.name} takes {most} in a post, and these are {len(shown)}", _NEXT_PART)]
    if len(videos) > 1:
        return [(f"{limits.name} takes one video in a post, and these are {len(videos)}", _NEXT_PART)]
    if videos and len(shown) > 1:
        return [(f"{limits.name} takes no pictures beside a video", _NEXT_PART)]
    if limits.moving is not None and limits.moving.alone and moving and len(shown) > 1:
        return [(f"{limits.name} takes nothing beside a GIF that moves", _NEXT_PART)]
    return []


def alt_problem(alt: str, channel: str, *, video: bool) -> str | None:
    """None where the network takes this alternative text, else what is wrong, with the numbers."""
    limits = takes(channel)
    most = limits.video_alt if video else limits.alt
    count = grapheme_length(alt) if limits.counts == "graphemes" else len(alt)
    if count <= most:
        return None
    what = "video" if video else "picture"
    return f"{limits.name} takes {most:,} {limits.counts} of alternative text for a {what}, and these are {count:,}"


_NEXT_PART: Final = "show the others in another part of a thread (part: 2)"


def _picture(body: bytes, media_type: str, limits: MediaLimits, *, link_image: bool) -> Fitted:
    from campaign.rendering import pictures  # noqa: PLC0415 - Pillow's decoders, which most commands never need

    if pictures.moves(body, media_type):
        if link_image:
            raise Unfit("a link card shows no moving picture", "save one frame of it")
        if media_type != GIF:
            raise Unfit(f"{named(media_type)} that moves is shown still by some networks", "make it a GIF or an MP4")
        return _moving(body, limits)
    within = limits.link_image if link_image else limits.picture
    if within is None:
        raise ValueError(f"{limits.name} takes no link cards")
    made = pictures.fitted(body, media_type, within)
    return Fitted(made.body, made.type, made.width, made.height)


def _moving(body: bytes, limits: MediaLimits) -> Fitted:
    from campaign.rendering import gifs  # noqa: PLC0415 - as above

    most = limits.moving
    if most is None:
        raise Unfit(f"{limits.name} shows a GIF still", f"make it a video (MP4), in a variant for {limits.name}")
    made = gifs.cleaned(body)
    remedy = "make it smaller or shorter, or make it a video (MP4)"
    if len(made.body) > most.size:
        raise Unfit(f"{limits.name} takes {most.size:,} bytes of a GIF, and it has {len(made.body):,}", remedy)
    if made.width > most.width or made.height > most.height:
        what = f"{limits.name} takes a GIF of {dimensions(most.width, most.height)}"
        raise Unfit(f"{what}, and it has {dimensions(made.width, made.height)}", remedy)
    if made.frames > most.frames:
        raise Unfit(f"{limits.name} takes {most.frames} frames of a GIF, and it has {made.frames:,}", remedy)
    gifs.play(made)
    return Fitted(made.body, GIF, made.width, made.height, made.seconds)


def _video(body: bytes, media_type: str, limits: MediaLimits) -> Fitted:
    from campaign.rendering import videos  # noqa: PLC0415 - as above

    most = limits.video
    if most is None:
        raise Unfit(f"{limits.name} takes no videos", f"write a variant for {limits.name} that shows a picture")
    if media_type not in most.types:
        raise Unfit(f"{limits.name} takes no {named(media_type).partition(' ')[2]}", "export it as MP4")
    if len(body) > most.size:
        raise Unfit(f"{limits.name} takes {most.size:,} bytes of a video, and it has {len(body):,}", "make it smaller")
    made = videos.cleaned(body)
    if not most.least_seconds <= made.seconds <= most.most_seconds:
        what = f"{limits.name} takes videos of {most.least_seconds:g} to {most.most_seconds:,g} seconds"
        raise Unfit(f"{what}, and it has {made.seconds:,.1f}", "cut it")
    longer, shorter = most.sides
    if max(made.width, made.height) > longer or min(made.width, made.height) > shorter:
        what = f"{limits.name} takes videos of {dimensions(longer, shorter)}, either way up"
        raise Unfit(f"{what}, and it has {dimensions(made.width, made.height)}", "export it smaller")
    if most.codecs and made.codec not in most.codecs:
        raise Unfit(f"{limits.name} takes video in H.264, and it is in {_coding(made.codec)}", _H264)
    return Fitted(made.body, media_type, made.width, made.height, made.seconds)


def _coding(codec: str) -> str:
    return _CODINGS.get(codec, codec if codec.isalnum() else "something else")


_CODINGS: Final = {"hvc1": "HEVC", "hev1": "HEVC", "av01": "AV1", "vp09": "VP9", "apcn": "ProRes", "mp4v": "MPEG-4"}
_H264: Final = "export it with H.264; telephones call that the most compatible"


def _size(kept: Fitted | Unfit) -> int:
    return len(kept.body) if isinstance(kept, Fitted) else 0
