"""GIFs that move: read within bounds and cleaned, their pictures left as they are.

They are not made smaller: fewer colours or frames are a choice that shows, and for whoever made it to take. Comments
and whatever applications put between the frames go, but for how often it repeats. See the GIF89a specification,
https://www.w3.org/Graphics/GIF/spec-gif89a.txt.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from campaign.rendering import pictures
from campaign.rendering.media_types import GIF, Unfit, dimensions
from campaign.rendering.pictures import LEAST_SIDE

MOST_FRAMES: Final = 2_000
MOST_PIXELS: Final = 300_000_000
"""Of all frames together; X names the same number."""
_HEAD: Final = 13
_EXTENSION, _IMAGE, _END = 0x21, 0x2C, 0x3B
_CONTROL, _APPLICATION = 0xF9, 0xFF
_REPEATS: Final = (b"NETSCAPE2.0", b"ANIMEXTS1.0")


@dataclass(frozen=True, slots=True)
class Moving:
    """``seconds`` is one time through."""

    body: bytes
    width: int
    height: int
    frames: int
    seconds: float


def cleaned(body: bytes) -> Moving:
    """A GIF with nothing in it but its frames and how they follow. Unfit where it is damaged or out of bounds.

    Whether each frame can be decoded, ``play`` tells.
    """
    try:
        moving = _Reader(body).read()
    except IndexError:
        raise Unfit("the GIF is damaged: it ends too early", "export it again") from None
    if moving.width * moving.height * moving.frames > MOST_PIXELS:
        what = f"its {moving.frames:,} frames have more than {MOST_PIXELS:,} pixels together"
        raise Unfit(what, "make it a video (MP4)")
    return moving


def play(moving: Moving) -> None:
    """Decode every frame. Raises Unfit where one is damaged."""
    pictures.play(moving.body, GIF)


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0
        self._kept: list[bytes] = []

    def read(self) -> Moving:
        head = self._take(_HEAD)
        width, height = int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
        if min(width, height) < LEAST_SIDE:
            raise Unfit(f"it is {dimensions(width, height)}; nobody would see it", "take a larger picture")
        self._kept += [head, self._take(_table_size(head[10]))]
        frames, hundredths = 0, 0
        while (block := self._take(1)[0]) != _END:
            if block == _EXTENSION:
                hundredths += self._extension()
            elif block == _IMAGE:
                frames += 1
                self._image()
            else:
                raise Unfit("the GIF is damaged: something stands in it that is no block", "export it again")
            if frames > MOST_FRAMES:
                raise Unfit(f"it has more than {MOST_FRAMES:,} frames", "make it a video (MP4)")
        if not frames:
            raise Unfit("the GIF has no picture in it", "export it again")
        self._kept.append(bytes([_END]))
        return Moving(b"".join(self._kept), width, height, frames, hundredths / 100)

    def _extension(self) -> int:
        """Keep what shows; how long the frame after it stands, in hundredths of a second."""
        label = self._take(1)
        blocks = self._blocks()
        if label[0] == _CONTROL:
            self._kept.append(bytes([_EXTENSION]) + label + blocks)
            return int.from_bytes(blocks[2:4], "little")
        if label[0] == _APPLICATION and blocks[1:12] in _REPEATS:
            self._kept.append(bytes([_EXTENSION]) + label + blocks)
        return 0

    def _image(self) -> None:
        description = self._take(9)
        self._kept += [bytes([_IMAGE]), description, self._take(_table_size(description[8])), self._take(1)]
        self._kept.append(self._blocks())

    def _blocks(self) -> bytes:
        """The sub-blocks from here to the empty one that ends them."""
        start = self._at
        while size := self._take(1)[0]:
            self._take(size)
        return self._body[start : self._at]

    def _take(self, size: int) -> bytes:
        taken = self._body[self._at : self._at + size]
        if len(taken) < size:
            raise IndexError
        self._at += size
        return taken


def _table_size(packed: int) -> int:
    """The bytes of a colour table, by the flags before it."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0
