"""Pictures, made to fit: read within bounds, turned upright, in sRGB, without anything but the picture in them.

Every still picture is encoded anew, also one that would fit as it is. Only so is it certain that nothing goes out but
what can be seen: no place where it was taken, no thumbnail of what was cut away, no data after its end. Networks encode
what they get once more, so one more time at high quality is lost on nobody. The same bytes and limits always give the
same bytes, on one version of Pillow; what is sent is kept by the ledger.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from PIL import Image, ImageCms

from campaign.model.media_limits import MOST_PIXELS, PictureLimits
from campaign.rendering.media_types import GIF, JPEG, PNG, WEBP, Unfit, dimensions, named

LEAST_SIDE: Final = 16
MOST_STRETCHED: Final = 20
"""How many times longer one side may be than the other."""

_FORMATS: Final = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF", WEBP: "WEBP"}
_QUALITIES: Final = (92, 87, 82, 76, 70)
"""Of JPEG; below 70 lettering frays, and a smaller picture looks better than a poorer one."""
_FULL_COLOUR_FROM: Final = 82
_SHRINK: Final = 0.9
_SHRINKINGS: Final = 12
_PNG_WORTH_TRYING: Final = 2
"""A PNG that came with more than so many times the limit is a photograph: it becomes a JPEG without trying."""
_LIGHT: Final = 200
_ORIENTATION: Final = 0x0112
_UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes a picture upright whose EXIF orientation is that (EXIF 2.32, tag 274)."""


@dataclass(frozen=True, slots=True)
class Picture:
    body: bytes
    type: str
    width: int
    height: int


def fitted(body: bytes, media_type: str, limits: PictureLimits) -> Picture:
    """The still picture ``body`` within ``limits``: a PNG where it came as one and fits, else a JPEG.

    What is transparent gets a white ground, or a black one where all that can be seen is light: networks put what they
    like behind it otherwise. Raises Unfit where it cannot be read, moves, or is out of bounds.
    """
    picture = _upright_rgb(body, media_type, limits)
    picture = _resized(picture, _within(picture.size, limits))
    if media_type not in (JPEG, WEBP) and len(body) <= _PNG_WORTH_TRYING * limits.size:
        png = _written(picture, "PNG", compress_level=6)
        if len(png) <= limits.size:
            return Picture(png, PNG, *picture.size)
    size = picture.size
    for _ in range(_SHRINKINGS):
        smaller = _resized(picture, size)
        best = _jpeg(smaller, _QUALITIES[0])
        if len(best) <= limits.size:
            return Picture(best, JPEG, *smaller.size)
        poorest = _jpeg(smaller, _QUALITIES[-1])
        if len(poorest) <= limits.size:
            between = (_jpeg(smaller, quality) for quality in _QUALITIES[1:-1])
            return Picture(next((one for one in between if len(one) <= limits.size), poorest), JPEG, *smaller.size)
        # A JPEG has about as many bytes as pixels go into it; a little less, so that one step is mostly enough.
        scale = min(_SHRINK, 0.97 * (limits.size / len(poorest)) ** 0.5)
        size = (max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    raise Unfit(f"it cannot be made smaller than {limits.size:,} bytes", "take another picture")


def moves(body: bytes, media_type: str) -> bool:
    """Whether the picture has several frames that are shown one after the other. Raises Unfit where it cannot be read.

    A JPEG never has: what some cameras put behind the first picture is not shown.
    """
    if media_type == JPEG:
        return False
    return bool(getattr(_opened(body, media_type), "is_animated", False))


def play(body: bytes, media_type: str) -> None:
    """Decode every frame, one after the other. Raises Unfit where one is damaged."""
    picture = _opened(body, media_type)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for frame in range(getattr(picture, "n_frames", 1)):
                picture.seek(frame)
                picture.load()
    except Exception as error:  # noqa: BLE001 - a decoder may fail in any way, and each is a bad file
        raise _damaged(media_type, error) from None


def _opened(body: bytes, media_type: str) -> Image.Image:
    """The picture with its head read, its pixels not yet; Unfit where its size is out of bounds."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Pillow warns of, bombs and odd metadata, is decided below
            picture = Image.open(BytesIO(body), formats=[_FORMATS[media_type]])
    except Image.DecompressionBombError:
        raise _too_many_pixels("more than 170 million pixels") from None
    except Exception as error:  # noqa: BLE001 - a decoder may fail in any way, and each is a bad file
        raise _damaged(media_type, error) from None
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise _too_many_pixels(dimensions(width, height))
    if min(width, height) < LEAST_SIDE:
        raise Unfit(f"it is {dimensions(width, height)}; nobody would see it", "take a larger picture")
    if max(width, height) > MOST_STRETCHED * min(width, height):
        raise Unfit(f"it is {dimensions(width, height)}: a strip that no network shows whole", "cut it to shape")
    return picture


def _upright_rgb(body: bytes, media_type: str, limits: PictureLimits) -> Image.Image:
    opened = _opened(body, media_type)
    if media_type != JPEG and getattr(opened, "is_animated", False):
        raise Unfit(f"{named(media_type)} that moves cannot be a still picture", "save one frame of it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if media_type == JPEG:
                # Decoded at a half, a quarter or an eighth where that is still enough: four times as fast, and more.
                opened.draft(None, _within(opened.size, limits))
            opened.load()
            picture = _in_srgb(opened)
            turn = _UPRIGHT.get(_orientation(opened))
    except Exception as error:  # noqa: BLE001 - as above: libjpeg, zlib, libwebp and lcms each have their own ways
        raise _damaged(media_type, error) from None
    picture = picture.transpose(turn) if turn is not None else picture
    picture.info.clear()  # Pillow writes comments and profiles that it finds here
    return picture


def _in_srgb(picture: Image.Image) -> Image.Image:
    """In red, green and blue of sRGB, on a ground where it was transparent."""
    see_through = picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info
    profile = picture.info.get("icc_profile")
    if picture.mode.startswith(("I", "F")):  # 16 bits and more: Pillow would cut them off at 255
        picture = picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    alpha = picture.convert("RGBA").getchannel("A") if see_through else None
    if picture.mode not in ("RGB", "CMYK", "L"):
        picture = picture.convert("RGBA").convert("RGB") if see_through else picture.convert("RGB")
    coloured = _by_profile(picture, profile) if profile else None
    picture = coloured or picture.convert("RGB")
    if alpha is None or alpha.getextrema() == (255, 255):
        return picture
    return Image.composite(picture, Image.new("RGB", picture.size, _ground(picture, alpha)), alpha)


def _by_profile(picture: Image.Image, profile: bytes) -> Image.Image | None:
    """``picture`` converted by its own profile; None where that is damaged or of another kind of colour."""
    try:
        return ImageCms.profileToProfile(
            picture,
            ImageCms.ImageCmsProfile(BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def _ground(picture: Image.Image, alpha: Image.Image) -> tuple[int, int, int]:
    """White, or black where what can be seen is so light that it would be lost on white."""
    seen = picture.convert("L").histogram(mask=alpha.point(lambda value: 255 if value > 127 else 0))  # noqa: PLR2004 - half
    total = sum(seen)
    mean = sum(value * n for value, n in enumerate(seen)) / total if total else 0
    return (0, 0, 0) if mean >= _LIGHT else (255, 255, 255)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - metadata that cannot be read says nothing
        return 1


def _within(size: tuple[int, int], limits: PictureLimits) -> tuple[int, int]:
    """``size``, or the largest of the same shape that is within ``limits``."""
    width, height = size
    scale = min(1.0, limits.side / max(size), (limits.pixels / (width * height)) ** 0.5)
    return max(1, int(width * scale)), max(1, int(height * scale))


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    # 4:4:4 keeps the colour of lettering; a network that halves colour does so only once.
    subsampling = 0 if quality >= _FULL_COLOUR_FROM else 2
    return _written(picture, "JPEG", quality=quality, subsampling=subsampling, optimize=True, progressive=True)


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _written(picture: Image.Image, form: str, **options: int | bool) -> bytes:
    stream = BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def _damaged(media_type: str, error: Exception) -> Unfit:
    why = str(error).strip().split("\n")[0][:120] or type(error).__name__
    return Unfit(f"it is damaged: it begins as {named(media_type)} and cannot be read ({why})", "export it again")


def _too_many_pixels(size: str) -> Unfit:
    return Unfit(f"it has {size}; at most {MOST_PIXELS:,} pixels are read", "export it smaller, 4,000 pixels wide say")
