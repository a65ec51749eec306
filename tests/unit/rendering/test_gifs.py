"""GIFs that move: their frames go out as they are, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering import gifs
from campaign.rendering.media_types import Unfit
from tests import pictures as made


def frames_of(body: bytes) -> list[tuple[object, object]]:
    picture = made.opened(body)
    found: list[tuple[object, object]] = []
    for number in range(getattr(picture, "n_frames", 1)):
        picture.seek(number)
        found.append((picture.info.get("duration"), picture.convert("RGB").getpixel((20, 20))))
    return found


def test_a_gif_keeps_its_frames_their_times_and_how_often_it_repeats() -> None:
    body = made.gif(5)
    moving = gifs.cleaned(body)
    assert (moving.width, moving.height, moving.frames, moving.seconds) == (64, 48, 5, 0.5)
    assert frames_of(moving.body) == frames_of(body)
    assert made.opened(moving.body).info["loop"] == 0


def test_a_gif_loses_its_comments_and_what_applications_put_into_it() -> None:
    body = made.gif(3, comment=made.GPS)
    note = b"\x21\xff\x0bXMP DataXMP" + bytes([len(made.GPS)]) + made.GPS + b"\0"
    place = body.index(b"\x21\xff\x0bNETSCAPE")
    moving = gifs.cleaned(body[:place] + note + body[place:] + made.GPS)
    assert made.GPS not in moving.body
    assert frames_of(moving.body) == frames_of(body)


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (made.gif(3)[:-10], "ends too early"),
        (made.gif(3)[:12], "ends too early"),
        (made.gif(3)[:13] + b"\x99" + made.gif(3)[13:], "damaged|no block|too early"),
        (made.gif(3, 8, 8), "8 by 8 pixels; nobody would see it"),
    ],
)
def test_a_damaged_gif_is_refused(body: bytes, what: str) -> None:
    with pytest.raises(Unfit, match=what):
        gifs.cleaned(body)


def test_more_pixels_than_anybody_plays_are_refused_before_they_are_decoded() -> None:
    body = bytearray(made.gif(3))
    body[6:10] = (20_000).to_bytes(2, "little") * 2  # a screen larger than its frames, as a bomb has it
    with pytest.raises(Unfit, match="more than 300,000,000 pixels together"):
        gifs.cleaned(bytes(body))


def test_frames_without_end_are_refused() -> None:
    body = made.gif(2)
    place = body.rindex(b"\x2c")
    with pytest.raises(Unfit, match="more than 2,000 frames"):
        gifs.cleaned(body[:place] + body[place:-1] * 2_100 + b";")


@given(st.data())
def test_a_gif_with_any_bytes_changed_is_cleaned_or_refused(data: st.DataObject) -> None:
    body = bytearray(made.gif(3, comment=made.GPS))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(6, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        moving = gifs.cleaned(bytes(body))
        gifs.play(moving)
    except Unfit:
        return
    assert moving.frames >= 1


def test_a_frame_that_cannot_be_decoded_is_refused() -> None:
    body = bytearray(made.gif(3))
    image = body.rindex(b"\x21\xf9\x04") + 8
    table = 3 << ((body[image + 9] & 7) + 1) if body[image + 9] & 0x80 else 0
    body[image + 10 + table] = 0x0D  # a code size that no GIF has
    with pytest.raises(Unfit, match="damaged"):
        gifs.play(gifs.cleaned(bytes(body)))
