"""Videos: read within bounds and cleaned, never encoded anew.

A video's dimensions, length and coding are in its boxes (ISO/IEC 14496-12; QuickTime File Format). Boxes of metadata,
where telephones write the place and the camera, are emptied where they stand: the video's own bytes do not move, so
that every offset in it stays true.

What a video is called stands in its first box: a brand, then the others that it can be read as (14496-12, 4.3). Servers
go by the first alone: Bluesky's and Mastodon's take M4V, which is Apple's word for its own MP4s, and 3GPP for something
else, and refuse it. Where such a video says that it is an MP4 as well, that is said first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from campaign.rendering.media_types import Unfit

_MOST_BOXES: Final = 20_000
_MOST_DEPTH: Final = 8
_FOUR: Final = 4
_ENTRY: Final = 16
_INSIDE: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl"})
_METADATA: Final = frozenset({b"udta", b"meta", b"uuid"})
_MP4S: Final = (b"mp42", b"mp41", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"avc1")
_ELSE: Final = {b"M4V": "M4V", b"3g2": "3GPP2", b"3gp": "3GPP"}
"""How brands begin that servers take for no MP4 (https://github.com/sindresorhus/file-type, which Bluesky's asks)."""
_DAMAGED: Final = "the video is damaged or not whole"
_AGAIN: Final = "export it again, as MP4 with H.264 and AAC"


@dataclass(frozen=True, slots=True)
class Video:
    """``codec`` is how its pictures are coded, by the four letters of ISO/IEC 14496-12: ``avc1`` is H.264."""

    body: bytes
    width: int
    height: int
    seconds: float
    codec: str


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int
    inside: int
    end: int


@dataclass(slots=True)
class _Track:
    handler: bytes = b""
    width: int = 0
    height: int = 0
    codec: str = ""


def cleaned(body: bytes) -> Video:
    """The MP4 or QuickTime video without its metadata. Raises Unfit where it is damaged or shows nothing."""
    return _Reader(body).read()


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._view = memoryview(body)
        self._boxes = 0
        self._seconds = 0.0
        self._tracks: list[_Track] = []
        self._emptied: list[_Box] = []
        self._has_data = False
        self._brand: tuple[int, bytes] | None = None
        """What is to stand instead of the video's first brand, and where that is."""

    def read(self) -> Video:
        first = next(self._boxes_in(0, len(self._body)), None)
        if first is not None and first.kind == b"ftyp":
            self._brand = self._said_first(first)
        self._walk(0, len(self._body), depth=0, track=None)
        if not self._has_data:
            raise Unfit(f"{_DAMAGED}: there is nothing to be played in it", _AGAIN)
        shown = [track for track in self._tracks if track.handler == b"vide" and track.width and track.height]
        if not shown:
            raise Unfit("the video has no picture, or does not say how large it is", _AGAIN)
        if self._seconds <= 0:
            raise Unfit("the video does not say how long it is", _AGAIN)
        largest = max(shown, key=lambda track: track.width * track.height)
        return Video(self._without_metadata(), largest.width, largest.height, self._seconds, largest.codec)

    def _without_metadata(self) -> bytes:
        if not self._emptied and self._brand is None:
            return self._body
        clean = bytearray(self._body)
        if self._brand is not None:
            at, brand = self._brand
            clean[at : at + len(brand)] = brand
        for box in self._emptied:
            clean[box.start + 4 : box.start + 8] = b"free"
            clean[box.inside : box.end] = bytes(box.end - box.inside)
        return bytes(clean)

    def _walk(self, start: int, end: int, *, depth: int, track: _Track | None) -> None:
        if depth > _MOST_DEPTH:
            raise Unfit(f"{_DAMAGED}: its boxes stand in each other without end", _AGAIN)
        for box in self._boxes_in(start, end):
            if box.kind in _METADATA:
                self._emptied.append(box)
            elif box.kind == b"mdat":
                self._has_data = True
            elif box.kind == b"mvhd":
                self._seconds = self._length(box)
            elif box.kind == b"trak":
                inner = _Track()
                self._tracks.append(inner)
                self._walk(box.inside, box.end, depth=depth + 1, track=inner)
                if inner.handler == b"meta":  # what sensors told beside the pictures: places, too
                    self._emptied.append(box)
            elif box.kind in _INSIDE:
                self._walk(box.inside, box.end, depth=depth + 1, track=track)
            elif track is not None:
                self._of_track(box, track)

    def _boxes_in(self, start: int, end: int) -> Iterator[_Box]:
        at = start
        while at < end:
            self._boxes += 1
            if self._boxes > _MOST_BOXES:
                raise Unfit(f"{_DAMAGED}: it has more than {_MOST_BOXES:,} boxes", _AGAIN)
            if end - at == _FOUR and not self._number(at, 4):
                return  # QuickTime ends some lists with four zeros
            size, inside = self._number(at, 4), at + 8
            if size == 1:
                size, inside = self._number(at + 8, 8), at + 16
            elif size == 0:
                size = end - at
            if size < inside - at or at + size > end:
                raise Unfit(f"{_DAMAGED}: it ends before it should", _AGAIN)
            yield _Box(bytes(self._view[at + 4 : at + 8]), at, inside, at + size)
            at += size

    def _said_first(self, box: _Box) -> tuple[int, bytes] | None:
        """The MP4 brand that is to be said first, where another is; None where it may stay as it is."""
        brands = [bytes(self._view[at : at + 4]) for at in range(box.inside, box.end - 3, 4)]
        named = _ELSE.get(brands[0][:3]) if brands else None
        if named is None:
            return None
        mp4 = next((brand for brand in brands[2:] if brand in _MP4S), None)  # the second is a number
        if mp4 is None:
            raise Unfit(f"the video says that it is {named} and no MP4, so networks would refuse it", _AGAIN)
        return box.inside, mp4

    def _length(self, box: _Box) -> float:
        """Seconds, by the movie's header."""
        if self._number(box.inside, 1) == 1:
            scale, units = self._number(box.inside + 20, 4), self._number(box.inside + 24, 8)
        else:
            scale, units = self._number(box.inside + 12, 4), self._number(box.inside + 16, 4)
        return units / scale if scale else 0.0

    def _of_track(self, box: _Box, track: _Track) -> None:
        if box.kind == b"hdlr" and not track.handler:
            track.handler = bytes(self._view[box.inside + 8 : box.inside + 12])
        elif box.kind == b"tkhd":
            at = box.inside + (52 if self._number(box.inside, 1) == 1 else 40)
            turned = self._number(at, 4) == 0 and self._number(at + 4, 4) != 0
            width, height = self._number(at + 36, 4) >> 16, self._number(at + 40, 4) >> 16
            track.width, track.height = (height, width) if turned else (width, height)
        elif box.kind == b"stsd" and box.end - box.inside >= _ENTRY:
            track.codec = bytes(self._view[box.inside + 12 : box.inside + 16]).decode("latin-1")

    def _number(self, at: int, size: int) -> int:
        if at + size > len(self._body):
            raise Unfit(f"{_DAMAGED}: it ends before it should", _AGAIN)
        return int.from_bytes(self._view[at : at + size], "big")
