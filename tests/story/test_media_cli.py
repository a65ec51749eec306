"""A picture of a post, from the telephone that took it to the networks: seen, approved, sent as it was approved."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests import pictures as made
from tests.story.conftest import Campaign

CROWD = "messages/media/crowd.jpg"


@pytest.fixture
def shown(campaign: Campaign) -> Campaign:
    """The launch shows a picture as telephones take them: on its side, and with the place in it."""
    (campaign.folder / "messages" / "media").mkdir(exist_ok=True)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, made.GPS.decode()
    (campaign.folder / CROWD).write_bytes(made.jpeg(640, 480, exif=exif, comment=made.GPS))
    for name in ("launch.x.md", "launch.bluesky.md", "launch.mastodon.md"):
        path = campaign.folder / "messages" / "post" / name
        text = path.read_text(encoding="utf-8")
        body = text.split("---\n", 2)[2] if text.startswith("---\n") else text
        front = 'media:\n  - {file: media/crowd.jpg, alt: "People in front of the town hall"}'
        path.write_text(f"---\n{front}\n---\n{body}", encoding="utf-8")
    return campaign


def test_the_preview_writes_what_each_network_would_get(shown: Campaign, tmp_path: Path) -> None:
    shown("check")
    for network in ("x", "bluesky", "mastodon"):
        told = shown("preview", f"launch-{network}", "--out", str(tmp_path / "seen"))
        assert f"launch-{network}.1.1.jpg: 480 by 640 pixels" in told
        assert "Alternative text: People in front of the town hall" in told
        body = (tmp_path / "seen" / f"launch-{network}.1.1.jpg").read_bytes()
        assert Image.open(BytesIO(body)).size == (480, 640)
        assert made.GPS not in body
        alt = (tmp_path / "seen" / f"launch-{network}.1.1.alt.txt").read_text()
        assert alt == "People in front of the town hall\n"


def test_a_changed_picture_voids_the_approval_of_the_posts_that_show_it(shown: Campaign) -> None:
    shown("approve", "--yes", "--by", "Jo Example")
    steps = {one["step"]: one for one in shown.json("plan", "--json")["steps"]}
    assert all(one["approved"] for one in steps.values())
    (shown.folder / CROWD).write_bytes(made.jpeg(640, 480))
    changed = {one["step"]: one["changed"] for one in shown.json("plan", "--json")["steps"] if not one["approved"]}
    assert changed == {
        "launch-x": ["post/launch x picture 1"],
        "launch-bluesky": ["post/launch bluesky picture 1"],
        "launch-mastodon": ["post/launch mastodon picture 1"],
    }


def test_a_post_without_alternative_text_cannot_be_approved(shown: Campaign) -> None:
    path = shown.folder / "messages" / "post" / "launch.x.md"
    path.write_text(path.read_text().replace(', alt: "People in front of the town hall"', ""))
    shown("approve", "launch-x", "--yes", expect=3)
    said = " ".join(shown.said.split())
    assert "post/launch.x.md:3" in said
    assert "the picture or video has no alternative text; describe what it shows" in said


def test_what_does_not_fit_is_said_in_the_preview_and_nothing_is_shown(shown: Campaign) -> None:
    (shown.folder / CROWD).write_bytes(made.jpeg()[:-60])
    told = shown("preview", "launch-x")
    assert "media/crowd.jpg: it is damaged" in " ".join((told + shown.said).split())
    assert "Alternative text" not in told
