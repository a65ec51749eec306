"""Pictures, made to fit: whatever comes in, what goes out is upright, in sRGB, small enough, and only the picture."""

from __future__ import annotations

import zlib
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from campaign.model.media_limits import PictureLimits
from campaign.rendering import pictures
from campaign.rendering.media_types import GIF, JPEG, PNG, WEBP, Unfit, told
from tests import pictures as made

ROOMY = PictureLimits(size=5_000_000, side=4_096)
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def corners(body: bytes) -> list[str]:
    """The colours of the corners, from the upper left, row by row."""
    picture = made.opened(body).convert("RGB")
    right, lower = picture.width - 4, picture.height - 4
    return [_name(picture.getpixel(at)) for at in ((4, 4), (right, 4), (4, lower), (right, lower))]


def _name(colour: object) -> str:
    assert isinstance(colour, tuple)
    known = {"red": RED, "green": GREEN, "blue": BLUE, "white": (255, 255, 255), "black": (0, 0, 0)}
    return min(known, key=lambda name: sum(abs(a - b) for a, b in zip(known[name], colour, strict=True)))


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", JPEG), ("PNG", PNG), ("GIF", GIF), ("WEBP", WEBP)])
def test_each_kind_of_picture_comes_out_as_it_went_in(form: str, media_type: str) -> None:
    body = made.written(made.image(), form)
    fitted = pictures.fitted(body, media_type, ROOMY)
    assert corners(fitted.body) == ["red", "green", "blue", "white"]
    assert (fitted.width, fitted.height) == (64, 48) == made.opened(fitted.body).size
    assert told(fitted.body) == fitted.type == (PNG if media_type in (PNG, GIF) else JPEG)


@pytest.mark.parametrize(("form", "media_type"), [("JPEG", JPEG), ("PNG", PNG), ("WEBP", WEBP)])
def test_nothing_goes_out_but_the_picture(form: str, media_type: str) -> None:
    body = made.with_place(form)
    assert made.GPS in body
    fitted = pictures.fitted(body, media_type, ROOMY)
    assert made.GPS not in fitted.body
    picture = made.opened(fitted.body)
    assert not picture.getexif()
    assert not set(picture.info) & {"exif", "icc_profile", "xmp", "comment", "XML:com.adobe.xmp"}


def test_what_stands_behind_a_pictures_end_does_not_go_out() -> None:
    for body, media_type in ((made.jpeg(), JPEG), (made.png(), PNG), (made.gif(), GIF)):
        assert made.GPS not in pictures.fitted(body + made.GPS, media_type, ROOMY).body


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, ["red", "green", "blue", "white"]),
        (2, ["green", "red", "white", "blue"]),
        (3, ["white", "blue", "green", "red"]),
        (4, ["blue", "white", "red", "green"]),
        (5, ["red", "blue", "green", "white"]),
        (6, ["blue", "red", "white", "green"]),
        (7, ["white", "green", "blue", "red"]),
        (8, ["green", "white", "red", "blue"]),
        (9, ["red", "green", "blue", "white"]),
    ],
)
def test_a_picture_stands_upright(orientation: int, seen: list[str]) -> None:
    fitted = pictures.fitted(made.turned(orientation), JPEG, ROOMY)
    assert corners(fitted.body) == seen
    assert (fitted.width, fitted.height) == ((48, 64) if orientation in (5, 6, 7, 8) else (64, 48))


def test_a_picture_is_made_smaller_by_quality_first_and_then_by_size() -> None:
    body = made.written(made.noise(900, 600), "JPEG", quality=98)
    gentle = pictures.fitted(body, JPEG, PictureLimits(size=len(body) * 6 // 10, side=4_096))
    assert (gentle.width, gentle.height) == (900, 600)
    assert len(gentle.body) <= len(body) * 6 // 10
    tight = pictures.fitted(body, JPEG, PictureLimits(size=20_000, side=4_096))
    assert len(tight.body) <= 20_000
    assert tight.width < 900
    assert abs(tight.width / tight.height - 1.5) < 0.05


def test_a_picture_that_cannot_be_small_enough_is_said_to_be_so() -> None:
    with pytest.raises(Unfit, match="cannot be made smaller than 100 bytes"):
        pictures.fitted(made.jpeg(), JPEG, PictureLimits(size=100, side=4_096))


def test_sides_and_pixels_are_kept_within_their_limits() -> None:
    wide = pictures.fitted(made.png(1_000, 500), PNG, PictureLimits(size=5_000_000, side=400))
    assert (wide.width, wide.height) == (400, 200)
    few = pictures.fitted(made.png(1_000, 500), PNG, PictureLimits(size=5_000_000, side=4_096, pixels=80_000))
    assert few.width * few.height <= 80_000
    assert few.width == 400


def test_the_same_bytes_give_the_same_bytes() -> None:
    body = made.written(made.noise(300, 200), "JPEG")
    limits = PictureLimits(size=20_000, side=4_096)
    assert pictures.fitted(body, JPEG, limits) == pictures.fitted(body, JPEG, limits)


def test_a_large_png_of_a_photograph_becomes_a_jpeg() -> None:
    body = made.written(made.noise(600, 400), "PNG")
    fitted = pictures.fitted(body, PNG, PictureLimits(size=300_000, side=4_096))
    assert fitted.type == JPEG
    assert len(fitted.body) <= 300_000


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "I;16"])
def test_every_kind_of_pixel_becomes_red_green_and_blue(mode: str) -> None:
    shades = Image.linear_gradient("L").resize((64, 64))
    picture = shades.convert("I").point(lambda value: value * 257).convert("I;16") if mode == "I;16" else shades
    body = made.written(picture if mode == "I;16" else shades.convert(mode), "PNG")
    shown = made.opened(pictures.fitted(body, PNG, ROOMY).body)
    assert shown.mode == "RGB"
    grey = shown.convert("L").tobytes()
    top, bottom = grey[2 * 64 + 32], grey[61 * 64 + 32]
    assert top < 30
    assert bottom > 225


def test_cmyk_is_shown_in_its_own_colours() -> None:
    body = made.written(made.image(mode="CMYK"), "JPEG", quality=95)
    assert corners(pictures.fitted(body, JPEG, ROOMY).body) == ["red", "green", "blue", "white"]


def test_a_colour_profile_is_applied_and_not_dropped() -> None:
    """A grey of a profile that is linear is lighter in sRGB: 128 of 255 linear is 188."""
    body = made.written(Image.new("RGB", (32, 32), (128, 128, 128)), "PNG", icc_profile=_linear_profile())
    shown = made.opened(pictures.fitted(body, PNG, ROOMY).body).getpixel((16, 16))
    assert isinstance(shown, tuple)
    assert all(abs(value - 188) <= 2 for value in shown)


def test_a_damaged_colour_profile_is_left_aside() -> None:
    body = made.written(made.image(), "PNG", icc_profile=b"no profile at all")
    assert corners(pictures.fitted(body, PNG, ROOMY).body) == ["red", "green", "blue", "white"]


def test_what_is_transparent_gets_the_ground_on_which_the_rest_is_seen() -> None:
    for ink, ground in (((20, 20, 20), "white"), ((250, 250, 250), "black")):
        logo = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
        logo.paste((*ink, 255), (20, 20, 44, 44))
        fitted = pictures.fitted(made.written(logo, "PNG"), PNG, ROOMY)
        assert corners(fitted.body) == [ground] * 4
        centre = made.opened(fitted.body).getpixel((32, 32))
        assert centre == ink


def test_a_colour_that_a_gif_calls_transparent_is() -> None:
    logo = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    logo.paste((200, 0, 0, 255), (20, 20, 44, 44))
    fitted = pictures.fitted(made.written(logo, "GIF"), GIF, ROOMY)
    assert corners(fitted.body) == ["white"] * 4


@pytest.mark.parametrize(
    ("body", "media_type", "what"),
    [
        (made.png(15, 15), PNG, "15 by 15 pixels; nobody would see it"),
        (made.png(1, 1), PNG, "1 by 1 pixels"),
        (made.png(2_000, 20), PNG, "a strip that no network shows whole"),
        (made.png(20_000, 1), PNG, "nobody would see it"),
        (made.gif(2), GIF, "a GIF that moves cannot be a still picture"),
        (made.jpeg()[:-40], JPEG, "damaged"),
        (made.png()[:60], PNG, "damaged"),
        (made.gif()[:40], GIF, "damaged"),
        (made.written(made.image(), "WEBP")[:40], WEBP, "damaged"),
        (b"\xff\xd8\xff", JPEG, "damaged"),
        (made.png(), JPEG, "damaged"),
    ],
)
def test_what_cannot_be_shown_is_refused_and_says_why(body: bytes, media_type: str, what: str) -> None:
    with pytest.raises(Unfit, match=what) as caught:
        pictures.fitted(body, media_type, ROOMY)
    assert caught.value.remedy


def test_a_decompression_bomb_is_never_decompressed() -> None:
    head = b"\x89PNG\r\n\x1a\n"
    for width, height, told_as in ((60_000, 60_000, "170 million"), (10_000, 9_000, "10,000 by 9,000 pixels")):
        size = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\0\0\0"
        body = head + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(bytes(1_000_000))) + _chunk(b"IEND", b"")
        with pytest.raises(Unfit, match=told_as):
            pictures.fitted(body, PNG, ROOMY)


def test_metadata_that_would_fill_the_memory_is_refused() -> None:
    texts = b"".join(_chunk(b"zTXt", b"note\0\0" + zlib.compress(bytes(60_000_000))) for _ in range(3))
    body = made.png()
    start = body.index(b"IDAT") - 4
    with pytest.raises(Unfit, match="damaged"):
        pictures.fitted(body[:start] + texts + body[start:], PNG, ROOMY)


def test_animated_png_and_webp_are_known_for_what_they_are() -> None:
    frames = [Image.new("RGB", (32, 32), (n * 80, 0, 0)) for n in range(3)]
    for form, media_type in (("PNG", PNG), ("WEBP", WEBP), ("GIF", GIF)):
        body = made.written(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        assert pictures.moves(body, media_type)
        assert not pictures.moves(made.written(frames[0], form), media_type)


def test_a_second_picture_behind_a_jpeg_is_not_shown() -> None:
    first, second = made.image(), Image.new("RGB", (64, 48), "black")
    body = made.written(first, "MPO", save_all=True, append_images=[second])
    assert not pictures.moves(body, JPEG)
    fitted = pictures.fitted(body, JPEG, ROOMY)
    assert corners(fitted.body) == ["red", "green", "blue", "white"]


def test_a_large_photograph_is_fitted_from_a_smaller_decoding_of_it() -> None:
    body = made.written(made.image(4_000, 3_000), "JPEG", quality=90)
    fitted = pictures.fitted(body, JPEG, PictureLimits(size=5_000_000, side=1_000))
    assert (fitted.width, fitted.height) == (1_000, 750)
    assert corners(fitted.body) == ["red", "green", "blue", "white"]


@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\0\0\0\0WEBP"])
)
def test_random_bytes_are_refused_without_a_traceback(rest: bytes, start: bytes) -> None:
    body = start + rest
    with pytest.raises(Unfit):
        pictures.fitted(body, told(body) or JPEG, ROOMY)


@given(st.data())
def test_a_picture_with_any_bytes_changed_is_shown_or_refused(data: st.DataObject) -> None:
    whole, media_type = data.draw(st.sampled_from([(made.with_place(), JPEG), (made.png(), PNG), (made.gif(), GIF)]))
    body = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        fitted = pictures.fitted(bytes(body), media_type, PictureLimits(size=1_000_000, side=512))
    except Unfit:
        return
    assert made.GPS not in fitted.body
    assert max(made.opened(fitted.body).size) <= 512


def _chunk(kind: bytes, body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def _linear_profile() -> bytes:
    """sRGB's profile with a straight line for its curves: what 128 means is half the light."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = int.from_bytes(profile[128:132], "big")
    for place in range(132, 132 + 12 * tags, 12):
        name, start = bytes(profile[place : place + 4]), int.from_bytes(profile[place + 4 : place + 8], "big")
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            # A parametric curve of kind 0, y = x to the power of 1 (ICC.1:2010, 10.16).
            profile[start : start + 16] = b"para" + bytes(8) + (1 << 16).to_bytes(4, "big")
            profile[place + 8 : place + 12] = (16).to_bytes(4, "big")
    assert ImageCms.getOpenProfile(BytesIO(bytes(profile))) is not None
    return bytes(profile)
