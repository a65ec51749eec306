"""A card of a post: seen before it is approved, held to the letter, sent as it was seen."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.story.conftest import Campaign

LAUNCH = "messages/post/launch.x.md"
CARD = "Nobody should have to wonder, on the way to the shop, whether the state is looking on."


def changed(campaign: Campaign, old: str, new: str, file: str = LAUNCH) -> None:
    path = campaign.folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def refused(campaign: Campaign) -> str:
    campaign("check", expect=3)
    return " ".join(campaign.said.split())


def test_a_post_is_previewed_with_its_card_and_the_words_for_it(campaign: Campaign, tmp_path: Path) -> None:
    out = tmp_path / "seen"
    shown = campaign("preview", "launch-x", "--out", str(out))
    assert f"Alternative text: {CARD} In our words: letter to Jeffrey P. Bezos, 22 May 2018." in shown
    (picture,) = out.glob("*.png")
    assert Image.open(BytesIO(picture.read_bytes())).size == (1200, 675)


def test_a_card_that_misquotes_the_letter_is_an_error_with_its_place(campaign: Campaign) -> None:
    changed(campaign, "the state is looking on", "somebody is looking on")
    told = refused(campaign)
    assert f"{LAUNCH}:3" in told
    assert "does not stand in messages/letter.md word for word; quote the letter exactly" in told


def test_a_card_that_nobody_could_read_is_an_error_with_what_would_fit(campaign: Campaign) -> None:
    letter = " ".join((campaign.folder / "messages/letter.md").read_text(encoding="utf-8").split())
    start = letter.index("Nobody should have to wonder")
    changed(campaign, CARD, letter[start : letter.index(" All this power", start)])
    told = refused(campaign)
    assert "characters, and about" in told
    assert "fit a wide card at 16 px or more, as a phone shows it" in told


def test_a_card_with_a_character_that_the_font_lacks_is_an_error_that_names_it(campaign: Campaign) -> None:
    changed(campaign, "about face recognition", "about face recognition 🧵", "messages/post/signatories.md")
    told = refused(campaign)
    assert "🧵 (U+1F9F5 SPOOL OF THREAD)" in told


def test_a_figure_that_the_letter_does_not_state_is_an_error(campaign: Campaign) -> None:
    changed(campaign, "{{ letter.signatories | count }}", "73", "messages/post/signatories.md")
    assert "73" in refused(campaign)


def test_a_card_from_the_letter_itself_is_a_quotation_between_marks(campaign: Campaign) -> None:
    changed(campaign, "restated: true\n", "", "messages/letter.md")
    shown = campaign("preview", "launch-x")
    assert f"Alternative text: Quotation: “{CARD}” Source: Letter to Jeffrey P. Bezos of Amazon.com, 22 May" in shown
