"""What a picture or video is: told from its bytes, never from its name."""

from __future__ import annotations

from typing import Final

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
GIF: Final = "image/gif"
WEBP: Final = "image/webp"
MP4: Final = "video/mp4"
QUICKTIME: Final = "video/quicktime"
WEBM: Final = "video/webm"

PICTURES: Final = (JPEG, PNG, GIF, WEBP)
VIDEOS: Final = (MP4, QUICKTIME)
"""What a post can show. WebM is told apart only to say so: one network of three takes it."""

HEAD_BYTES: Final = 32
"""How much of a file says what it is."""

_ENDINGS: Final = {
    "jpg": JPEG,
    "jpeg": JPEG,
    "jpe": JPEG,
    "jfif": JPEG,
    "png": PNG,
    "gif": GIF,
    "webp": WEBP,
    "mp4": MP4,
    "m4v": MP4,
    "mov": QUICKTIME,
    "qt": QUICKTIME,
    "webm": WEBM,
    "mkv": WEBM,
}
_PREFERRED: Final = {"jpg": JPEG, "png": PNG, "gif": GIF, "webp": WEBP, "mp4": MP4, "mov": QUICKTIME}
_BEGINNINGS: Final = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", GIF),
    (b"GIF89a", GIF),
    (b"\x1aE\xdf\xa3", WEBM),
)
_NAMES: Final = {
    JPEG: "a JPEG",
    PNG: "a PNG",
    GIF: "a GIF",
    WEBP: "a WebP",
    MP4: "an MP4",
    QUICKTIME: "a QuickTime video",
    WEBM: "a WebM or Matroska video",
}
_OTHERS: Final = (
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"<svg", "an SVG"),
    (b"<?xml", "an SVG or another XML file"),
    (b"<!DO", "a web page"),
    (b"<htm", "a web page"),
    (b"version https://git-lfs", "a pointer of Git LFS and not the file itself"),
    (b"PK\3\4", "a ZIP or an office document"),
    (b"RIFF", "a RIFF file that is no WebP"),
)
_STILLS_IN_BOXES: Final = {
    b"avif": "an AVIF",
    b"avis": "an AVIF",
    b"heic": "a HEIC",
    b"heix": "a HEIC",
    b"heim": "a HEIC",
    b"heis": "a HEIC",
    b"hevc": "a HEIC",
    b"hevx": "a HEIC",
    b"mif1": "a HEIC",
    b"msf1": "a HEIC",
    b"crx ": "a raw picture (CR3)",
}
_SOUND_IN_BOXES: Final = frozenset({b"M4A ", b"M4B ", b"M4P "})


class Unfit(Exception):
    """A picture or video cannot be shown as it is. The text says why, ``remedy`` what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def told(head: bytes) -> str | None:
    """The media type (RFC 6838) of what begins with ``head``, its first HEAD_BYTES; None for what posts cannot show."""
    for start, media_type in _BEGINNINGS:
        if head.startswith(start):
            return media_type
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp" and _brand(head) not in {*_STILLS_IN_BOXES, *_SOUND_IN_BOXES}:
        return QUICKTIME if _brand(head) == b"qt  " else MP4
    # Before 2001 nothing in front said that it is QuickTime.
    return QUICKTIME if head[4:8] in (b"moov", b"mdat", b"wide") else None


def described(head: bytes) -> str:
    """What begins with ``head``, in words: ``a PNG``."""
    known = told(head)
    if known is not None:
        return _NAMES[known]
    if head[4:8] == b"ftyp":
        return _STILLS_IN_BOXES.get(_brand(head), "a sound file")
    return next((name for start, name in _OTHERS if head.startswith(start)), "of a kind that is not known")


def named(media_type: str) -> str:
    """A media type in words."""
    return _NAMES[media_type]


def by_ending(name: str) -> str | None:
    """The media type that the ending of a file's name stands for; None where it has no ending that we know."""
    return _ENDINGS.get(name.rpartition(".")[2].lower()) if "." in name else None


def ending(media_type: str) -> str:
    """The ending of a file's name for a media type that posts show, without the full stop."""
    return next(suffix for suffix, stands_for in _PREFERRED.items() if stands_for == media_type)


def is_picture(media_type: str) -> bool:
    return media_type in PICTURES


def dimensions(width: int, height: int) -> str:
    return f"{width:,} by {height:,} pixels"


def _brand(head: bytes) -> bytes:
    return head[8:12]
