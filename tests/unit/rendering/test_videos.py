"""Videos: how large and how long they are stands in their boxes, and what else stands there does not go out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering import videos
from campaign.rendering.media_types import MP4, QUICKTIME, Unfit, told
from tests import pictures as made
from tests.pictures import box


def test_a_video_says_how_large_and_long_it_is_and_how_it_is_coded() -> None:
    video = videos.cleaned(made.mp4())
    assert (video.width, video.height, video.seconds, video.codec) == (1_280, 720, 12.5, "avc1")
    assert videos.cleaned(made.mp4(codec=b"hvc1")).codec == "hvc1"
    assert (told(made.mp4()), told(made.mp4(brand=b"qt  "))) == (MP4, QUICKTIME)


def test_a_video_that_was_filmed_upright_is_upright() -> None:
    video = videos.cleaned(made.mp4(1_920, 1_080, turned=True))
    assert (video.width, video.height) == (1_080, 1_920)


def test_a_video_without_metadata_goes_out_to_the_byte() -> None:
    body = made.mp4()
    assert videos.cleaned(body).body is body


def test_a_video_loses_its_place_and_no_byte_of_it_moves() -> None:
    xmp = box(b"uuid", bytes(16), made.GPS)
    body = made.mp4(metadata=made.GPS, more=box(b"meta", made.GPS) + xmp)
    assert body.count(made.GPS) == 3
    clean = videos.cleaned(body).body
    assert made.GPS not in clean
    assert len(clean) == len(body)
    assert clean.index(b"mdat") == body.index(b"mdat")
    assert clean.count(b"free") == 3
    assert videos.cleaned(clean).body == clean


def test_a_track_of_what_sensors_told_is_emptied() -> None:
    sensors = box(
        b"trak", box(b"mdia", box(b"hdlr", bytes(8), b"meta", bytes(12)), box(b"minf", box(b"gpmd", made.GPS)))
    )
    moov = made.mp4().index(b"moov") - 4
    body = made.mp4()
    size = int.from_bytes(body[moov : moov + 4], "big")
    grown = (size + len(sensors)).to_bytes(4, "big")
    whole = body[:moov] + grown + body[moov + 4 : moov + size] + sensors + body[moov + size :]
    assert made.GPS not in videos.cleaned(whole).body


@pytest.mark.parametrize("brand", [b"M4V ", b"M4VH", b"3gp5", b"3g2a"])
def test_an_mp4_that_calls_itself_something_else_first_is_called_an_mp4_and_nothing_else_of_it_changes(
    brand: bytes,
) -> None:
    body = made.mp4(brand=brand, also=b"mp42isom")
    clean = videos.cleaned(body).body
    assert (clean[8:12], clean[:8], clean[12:]) == (b"mp42", body[:8], body[12:])
    assert videos.cleaned(clean).body == clean


@pytest.mark.parametrize(("brand", "named"), [(b"M4V ", "M4V"), (b"3gp5", "3GPP"), (b"3g2a", "3GPP2")])
def test_a_video_that_says_nowhere_that_it_is_an_mp4_is_refused(brand: bytes, named: str) -> None:
    with pytest.raises(Unfit, match=rf"is {named} and no MP4"):
        videos.cleaned(made.mp4(brand=brand))


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (made.mp4()[:-4], "ends before it should"),
        (made.mp4()[:100], "ends before it should"),
        (made.mp4(0, 0), "no picture"),
        (made.mp4(seconds=0), "how long it is"),
        (made.mp4().replace(b"mdat", b"free"), "nothing to be played"),
        (box(b"ftyp", b"isom"), "nothing to be played"),
        (box(b"ftyp", b"isom") + box(b"mdat", b"."), "no picture"),
        (box(b"ftyp", b"isom") + b"\0\0\0\2moov", "ends before it should"),
        (box(b"ftyp", b"isom") + b"\0\0\0\1mdat" + b"\xff" * 8, "ends before it should"),
        (box(b"ftyp", b"isom") + box(b"free") * 20_001, "more than 20,000 boxes"),
    ],
)
def test_a_damaged_video_is_refused(body: bytes, what: str) -> None:
    with pytest.raises(Unfit, match=what) as caught:
        videos.cleaned(body)
    assert caught.value.remedy


def test_boxes_in_boxes_without_end_are_refused() -> None:
    nested = box(b"free")
    for _ in range(100):
        nested = box(b"moov", nested)
    with pytest.raises(Unfit, match="without end"):
        videos.cleaned(box(b"ftyp", b"isom") + nested)


@given(st.binary(max_size=300))
def test_random_bytes_are_refused_without_a_traceback(rest: bytes) -> None:
    with pytest.raises(Unfit):
        videos.cleaned(box(b"ftyp", b"isom") + rest)


@given(st.data())
def test_a_video_with_any_bytes_changed_is_read_or_refused(data: st.DataObject) -> None:
    body = bytearray(made.mp4(metadata=b"x"))
    for _ in range(data.draw(st.integers(1, 6))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        video = videos.cleaned(bytes(body))
    except Unfit:
        return
    assert len(video.body) == len(body)
    assert video.seconds > 0
