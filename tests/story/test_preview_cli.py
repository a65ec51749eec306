"""campaign preview: a message as one supporter or one network would get it."""

from __future__ import annotations

from email import message_from_bytes, policy

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


def test_an_e_mail_is_written_as_the_raw_message_that_a_mail_program_opens(campaign: Campaign) -> None:
    (campaign.folder / "messages" / "email" / "action-alert" / "es.txt").unlink()
    told = campaign("preview", "action-alert", "--to", "nameless@example.org", "--language", "es", "--out", "shown")
    assert "of text, made from it; in es." in told
    raw = (campaign.folder / "shown" / "action-alert.es.eml").read_bytes()
    message = message_from_bytes(raw, policy=policy.SMTP)
    assert message["To"] == "nameless@example.org"
    for name in ("From", "Reply-To", "Subject", "Date", "Message-ID"):
        assert message[name], name
    assert message["List-Unsubscribe"].startswith("<https://")
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message.get_content_type() == "multipart/alternative"
    text, html = (part.get_content().replace("\r\n", "\n") for part in message.iter_parts())
    assert text == (campaign.folder / "shown" / "action-alert.es.txt").read_text()
    assert html == (campaign.folder / "shown" / "action-alert.es.html").read_text()
    assert text in told
    assert f"({message['List-Unsubscribe'].strip('<>')})" in text


def test_what_there_is_not_is_said(campaign: Campaign) -> None:
    campaign("preview", "action-alert", "--language", "fr", expect=2)
    assert "it is written in en, es" in campaign.said
    campaign("preview", "action-alert", "--arm", "short", expect=2)
    assert "the step has no A/B test" in campaign.said
    campaign("preview", "launch-x", "--to", "alex@example.org", expect=2)
    assert "a post is the same for everybody" in campaign.said


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
