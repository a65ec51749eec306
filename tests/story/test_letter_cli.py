"""campaign letter: what was found in an open letter, for a person and for a program."""

from __future__ import annotations

from pathlib import Path

from tests.story.conftest import Campaign

KEYS = {
    "date", "addressees", "salutation", "paragraphs", "demands", "figures", "quotations", "notes", "signatories",
}  # fmt: skip


def test_a_letter_is_shown_and_given_to_programs_with_every_key(campaign: Campaign) -> None:
    shown = campaign("letter", "messages/letter.md")
    assert "22 May 2018" in shown
    assert "Signatories: 41" in shown
    told = campaign.json("letter", "messages/letter.md", "--json")
    assert set(told) >= KEYS
    assert told["date"] == "2018-05-22"
    assert len(told["signatories"]) == 41
    sentence = told["paragraphs"][0]["sentences"][0]
    assert sentence["text"]
    assert sentence["line"] > 0
    for key in KEYS - {"date", "salutation"}:
        assert isinstance(told[key], list), key


def test_the_original_letter_comes_out_right(campaign: Campaign, shared: Path) -> None:
    told = campaign.json("letter", str(shared / "letter.txt"), "--json")
    assert told["date"] == "2018-05-22"
    assert [one["name"] for one in told["addressees"]] == ["Jeffrey P. Bezos"]
    assert len(told["signatories"]) == 41
    assert [one["number"] for one in told["notes"]] == list(range(1, 9))
    assert any("powering" in one["text"] and "government surveillance" in one["text"] for one in told["demands"])


def test_a_file_that_is_no_letter_says_what_is_missing(campaign: Campaign) -> None:
    (campaign.folder / "shopping.txt").write_text("milk\nbread\n")
    campaign("letter", "shopping.txt", "--json", expect=3)
    assert "shopping.txt" in campaign.said
    campaign("letter", "not-there.txt", expect=3)
    assert "not-there.txt" in campaign.said
