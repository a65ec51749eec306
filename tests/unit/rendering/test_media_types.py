"""What a picture or video is, its bytes say."""

from __future__ import annotations

import pytest

from campaign.rendering import media_types
from campaign.rendering.media_types import GIF, JPEG, MP4, PNG, QUICKTIME, WEBM, WEBP
from tests import pictures as made


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (made.jpeg(), JPEG),
        (made.png(), PNG),
        (made.gif(), GIF),
        (made.written(made.image(), "WEBP"), WEBP),
        (made.mp4(), MP4),
        (made.mp4(brand=b"M4V "), MP4),
        (made.mp4(brand=b"qt  "), QUICKTIME),
        (made.box(b"wide") + made.box(b"mdat"), QUICKTIME),
        (b"\x1aE\xdf\xa3" + bytes(40), WEBM),
        (b"", None),
        (b"RIFF\0\0\0\0WAVE", None),
        (made.box(b"ftyp", b"heic"), None),
        (made.box(b"ftyp", b"avif"), None),
        (made.box(b"ftyp", b"M4A "), None),
        (b"%PDF-1.7", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(body: bytes, media_type: str | None) -> None:
    assert media_types.told(body[: media_types.HEAD_BYTES]) == media_type


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (made.png(), "a PNG"),
        (made.box(b"ftyp", b"heic"), "a HEIC"),
        (made.box(b"ftyp", b"M4A "), "a sound file"),
        (b"%PDF-1.7", "a PDF"),
        (b"<svg xmlns=", "an SVG"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS and not the file itself"),
        (b"\0\1\2", "of a kind that is not known"),
    ],
)
def test_what_cannot_be_shown_is_named(body: bytes, said: str) -> None:
    assert media_types.described(body[: media_types.HEAD_BYTES]) == said


def test_endings_stand_for_types_in_any_case() -> None:
    assert media_types.by_ending("media/Crowd.JPEG") == JPEG
    assert media_types.by_ending("media/crowd.v2.png") == PNG
    assert media_types.by_ending("media/jpeg") is None
    assert media_types.by_ending("notes.md") is None
    for media_type in (*media_types.PICTURES, *media_types.VIDEOS):
        assert media_types.by_ending(f"a.{media_types.ending(media_type)}") == media_type
