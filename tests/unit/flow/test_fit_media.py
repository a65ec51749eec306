"""What each network takes of pictures and videos, and what does not go together."""

from __future__ import annotations

import pytest

from campaign.flow import fit_media
from campaign.rendering.media_types import GIF, JPEG, MP4, QUICKTIME, Unfit
from tests import pictures as made


@pytest.mark.parametrize(
    ("body", "channel", "said"),
    [
        (made.mp4(seconds=0.4), "x", "X takes videos of 0.5 to 1,200 seconds, and it has 0.4"),
        (made.mp4(seconds=181), "bluesky", "Bluesky takes videos of 0.1 to 180 seconds, and it has 181.0"),
        (made.mp4(3_840, 2_160), "x", "X takes videos of 1,920 by 1,200 pixels, either way up, and it has 3,840"),
        (made.mp4(codec=b"hvc1"), "x", "X takes video in H.264, and it is in HEVC"),
        (made.mp4(codec=b"\0\1\2\3"), "x", "it is in something else"),
        (made.mp4(brand=b"qt  "), "bluesky", "Bluesky takes no QuickTime video"),
        (made.gif(351), "x", "X takes 350 frames of a GIF, and it has 351"),
        (made.gif(2, 1_300, 700), "x", "X takes a GIF of 1,280 by 1,080 pixels, and it has 1,300 by 700 pixels"),
        (made.gif(2), "bluesky", "Bluesky shows a GIF still"),
        (b"\x1aE\xdf\xa3", "mastodon", "it is no JPEG, PNG, GIF, WebP or MP4"),
        (b"", "mastodon", "it is no JPEG"),
    ],
)
def test_what_a_network_does_not_take_is_refused_with_its_number(body: bytes, channel: str, said: str) -> None:
    with pytest.raises(Unfit, match=said) as caught:
        fit_media.fitted(body, channel)
    assert caught.value.remedy


def test_a_video_and_a_gif_larger_than_a_network_takes_are_refused_before_they_are_read() -> None:
    large = made.mp4() + made.box(b"free", bytes(99 * 1024 * 1024))
    with pytest.raises(Unfit, match="Mastodon takes 103,809,024 bytes of a video"):
        fit_media.fitted(large, "mastodon")
    assert fit_media.fitted(large, "bluesky").type == MP4
    two = made.written(made.noise(400, 300), "GIF", save_all=True, append_images=[made.noise(400, 300)], duration=100)
    frame = two.rindex(b"\x21\xf9\x04")
    with pytest.raises(Unfit, match="X takes 15,000,000 bytes of a GIF, and it has"):
        fit_media.fitted(two[:frame] + two[frame:-1] * 160 + b";", "x")


def test_what_moves_keeps_its_length() -> None:
    video = fit_media.fitted(made.mp4(brand=b"qt  "), "mastodon")
    assert (video.type, video.width, video.height, video.seconds) == (QUICKTIME, 1_280, 720, 12.5)
    moving = fit_media.fitted(made.gif(4), "x")
    assert (moving.type, moving.seconds) == (GIF, 0.4)


def test_a_video_that_was_filmed_upright_fits_as_one_that_lies() -> None:
    assert fit_media.fitted(made.mp4(1_920, 1_080, turned=True), "x").height == 1_920


def test_a_moving_png_or_webp_is_refused_because_some_networks_show_it_still() -> None:
    frames = [made.image(), made.image(mode="L").convert("RGB")]
    for form in ("PNG", "WEBP"):
        body = made.written(frames[0], form, save_all=True, append_images=frames[1:], duration=100)
        with pytest.raises(Unfit, match="that moves is shown still by some networks"):
            fit_media.fitted(body, "mastodon")


def test_the_picture_of_a_link_card_has_a_limit_of_its_own() -> None:
    body = made.written(made.noise(1_500, 1_200), "JPEG", quality=95)
    assert len(fit_media.fitted(body, "bluesky", link_image=True).body) <= 1_000_000
    assert fit_media.fitted(body, "bluesky").type == JPEG
    with pytest.raises(ValueError, match="X takes no link cards"):
        fit_media.fitted(body, "x", link_image=True)


def test_a_channel_that_posts_nothing_takes_nothing() -> None:
    with pytest.raises(ValueError, match='"email" is not a network'):
        fit_media.takes("email")
