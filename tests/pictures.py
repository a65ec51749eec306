"""Pictures and videos for tests, made as small as their kind allows."""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from PIL import Image, ImageCms

GPS = b"GPS of somebody's house"
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08moov"
"""As much of one as Mastodon's stand-in looks at; then one that is cut off."""
BROKEN = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom"


def image(width: int = 64, height: int = 48, *, mode: str = "RGB") -> Image.Image:
    """A picture of which no two corners are alike: red, green, blue and white."""
    made = Image.new("RGB", (width, height), "white")
    made.paste((255, 0, 0), (0, 0, width // 2, height // 2))
    made.paste((0, 255, 0), (width // 2, 0, width, height // 2))
    made.paste((0, 0, 255), (0, height // 2, width // 2, height))
    return made.convert(mode)


def plain(colour: str = "red") -> bytes:
    """A picture of a few pixels."""
    return written(Image.new("RGB", (8, 8), colour), "PNG")


def noise(width: int, height: int) -> Image.Image:
    """A picture that nothing can make small."""
    return Image.effect_noise((width, height), 100).convert("RGB")


def written(made: Image.Image, form: str, **options: Any) -> bytes:
    stream = BytesIO()
    made.save(stream, form, **options)
    return stream.getvalue()


def jpeg(width: int = 64, height: int = 48, **options: object) -> bytes:
    return written(image(width, height), "JPEG", quality=95, **options)


def png(width: int = 64, height: int = 48, **options: object) -> bytes:
    return written(image(width, height), "PNG", **options)


def gif(frames: int = 1, width: int = 64, height: int = 48, **options: object) -> bytes:
    """Each frame has another colour, so that none is merged with the one before it."""
    made = [Image.new("RGB", (width, height), (n * 7 % 256, n * 31 % 256, 90)) for n in range(frames)]
    return written(made[0], "GIF", save_all=True, append_images=made[1:], duration=100, loop=0, **options)


def with_place(form: str = "JPEG") -> bytes:
    """A picture that says where it was taken, by whom and with what, in every place that its kind has for it."""
    exif = Image.Exif()
    exif[0x010E] = GPS.decode()
    exif.get_ifd(0x8825)[1] = "N"
    options: dict[str, object] = {"exif": exif, "icc_profile": srgb(), "xmp": GPS}
    if form == "JPEG":
        options |= {"comment": GPS, "quality": 95}
    return written(image(), form, **options)


def srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def turned(orientation: int) -> bytes:
    """A JPEG that its EXIF says to turn."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return jpeg(exif=exif)


def opened(body: bytes) -> Image.Image:
    made = Image.open(BytesIO(body))
    made.load()
    return made


def box(kind: bytes, *inside: bytes) -> bytes:
    body = b"".join(inside)
    return struct.pack(">I", 8 + len(body)) + kind + body


def mp4(
    width: int = 1280,
    height: int = 720,
    seconds: float = 12.5,
    *,
    brand: bytes = b"isom",
    also: bytes = b"",
    codec: bytes = b"avc1",
    turned: bool = False,
    metadata: bytes = b"",
    more: bytes = b"",
) -> bytes:
    """A video of nothing: its boxes are all there, and its pictures are not. ``more`` stands at its end, ``also`` are
    the brands beside its first."""
    matrix = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    upright = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    mvhd = box(b"mvhd", bytes(12), struct.pack(">II", 1_000, round(seconds * 1_000)), bytes(80))
    tkhd = box(b"tkhd", bytes(40), matrix if turned else upright, struct.pack(">II", width << 16, height << 16))
    stsd = box(b"stsd", bytes(4), struct.pack(">I", 1), box(codec, bytes(78)))
    video = box(
        b"trak",
        tkhd,
        box(b"mdia", box(b"hdlr", bytes(8), b"vide", bytes(12)), box(b"minf", box(b"stbl", stsd))),
    )
    sound = box(b"trak", box(b"tkhd", bytes(84)), box(b"mdia", box(b"hdlr", bytes(8), b"soun", bytes(12))))
    told = box(b"udta", box(b"\xa9xyz", metadata)) if metadata else b""
    return b"".join(
        [
            box(b"ftyp", brand, bytes(4), brand, also),
            box(b"moov", mvhd, video, sound, told),
            box(b"mdat", b"pictures"),
            more,
        ]
    )
