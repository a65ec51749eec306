"""campaign preview: a message as one supporter or one network would get it."""

from __future__ import annotations

from tests.story.conftest import Campaign


def test_an_e_mail_is_shown_for_somebody_made_up_or_for_a_supporter_in_their_language(campaign: Campaign) -> None:
    told = campaign("preview", "action-alert", "--out", "shown")
    assert "To:      Alex Example <alex@example.org>" in told
    assert "Subject: " in told
    html = (campaign.folder / "shown" / "action-alert.en.html").read_text()
    text = (campaign.folder / "shown" / "action-alert.en.txt").read_text()
    assert "Alex" in html
    assert "Alex" in text
    assert "utm_content=action-alert" in html
    assert "{{" not in html + text
    (campaign.folder / "people.csv").write_text("email,first name,language\nana@example.org,Ana,es\n")
    campaign("supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "test")
    told = campaign("preview", "action-alert", "--supporter", "ANA@example.org")
    assert "<ana@example.org>" in told
    assert "Hola" in told
    campaign("preview", "action-alert", "--supporter", "nobody@example.org", expect=2)
    assert "nobody in the database has this address" in campaign.said


def test_a_post_is_shown_as_its_network_counts_it_part_by_part(campaign: Campaign) -> None:
    told = campaign("preview", "thread-bluesky", "--out", "shown")
    assert "bluesky, part 1 of" in told
    assert "characters as it counts them" in told
    assert (campaign.folder / "shown" / "thread-bluesky.2.txt").read_text().strip()
    assert campaign("preview", "reminder-x") != campaign("preview", "reminder-x", "--wave", "2")


def test_a_step_or_wave_that_there_is_not_is_said(campaign: Campaign) -> None:
    campaign("preview", "action-allert", expect=2)
    assert "did you mean action-alert?" in campaign.said
    campaign("preview", "launch-x", "--wave", "2", expect=2)
    assert "the step has 1 wave" in campaign.said
