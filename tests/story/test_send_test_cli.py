"""campaign send-test: a step to one's own people; it shows, it is marked, and it counts nowhere."""

from __future__ import annotations

import pytest

from tests.story.conftest import Campaign

TEAM = "jo@example.org,sam@example.net"


@pytest.fixture
def peopled(campaign: Campaign) -> Campaign:
    campaign("supporters", "sample", "500", "--out", "people.csv")
    campaign("supporters", "import", "people.csv")
    return campaign


def test_each_address_gets_each_language_and_the_log_stays_empty(peopled: Campaign) -> None:
    told = peopled("send-test", "action-alert", "--to", TEAM, "--by", "Jo Example")
    assert "Test of action-alert: 8 e-mails to 2 addresses" in told
    assert "It goes to the sandbox; nobody gets it." in told
    assert told.count("accepted") == 8
    assert "nothing has been sent or rehearsed yet" in (peopled("log", expect=1) + peopled.said)
    told = peopled("approve", "action-alert", "--sandbox", "--by", "Jo Example", expect=1, stdin="n\n")
    assert "Jo Example sent a test to 2 addresses on" in told
    mail = peopled.folder / "messages" / "email" / "action-alert" / "en.txt"
    mail.write_text(mail.read_text() + "\nThank you.\n")
    told = peopled("approve", "action-alert", "--sandbox", expect=1, stdin="n\n")
    assert "before its last change" in told
    assert "no test of it was sent" in peopled("approve", "follow-up", "--sandbox", expect=1, stdin="n\n")


def test_programs_read_what_became_of_each(peopled: Campaign) -> None:
    told = peopled.json("send-test", "action-alert", "--to", "jo@example.org", "--language", "es", "--json")
    assert told["world"] == "sandbox"
    assert {(one["address"], one["mail"], one["outcome"]) for one in told["sent"]} == {
        ("jo@example.org", "es", "accepted")
    }


def test_what_the_provider_refuses_is_told_and_is_a_failure(peopled: Campaign) -> None:
    told = peopled("send-test", "action-alert", "--to", "jo@malformed.example.org", "--examples", "1", expect=1)
    assert "refused: Does not contain a valid address." in " ".join(told.split())
    assert "tried once" in told


def test_addresses_that_cannot_be_used_are_named_all_at_once_and_nothing_is_sent(peopled: Campaign) -> None:
    peopled("suppress", "jo@example.org", "--reason", "by-hand")
    peopled("send-test", "action-alert", "--to", "jo@example.org, sam, pat@example.net", expect=3)
    assert "jo@example.org: is suppressed (by-hand)" in peopled.said
    assert "--to sam:" in peopled.said
    many = ",".join(f"person{number}@example.org" for number in range(11))
    peopled("send-test", "action-alert", "--to", many, expect=3)
    assert "11 addresses are more than 10" in peopled.said


def test_mistakes_in_the_options_are_told(peopled: Campaign) -> None:
    peopled("send-test", "launch-x", "--to", TEAM, expect=2)
    assert "campaign preview launch-x" in " ".join(peopled.said.split())
    peopled("send-test", "action-alert", "--to", TEAM, "--as", "nobody@example.org", expect=2)
    assert "nobody in the database has this address" in peopled.said
    peopled("send-test", "action-alert", "--to", TEAM, "--language", "fr", expect=2)
    assert "written in en, es" in " ".join(peopled.said.split())


def test_before_the_embargo_it_is_said_that_there_is_one(peopled: Campaign) -> None:
    plan = peopled.folder / "schedules.yaml"
    plan.write_text(plan.read_text().replace("launch: 2018-05-22 09:00", "launch: 2098-05-22 09:00"))
    peopled("send-test", "action-alert", "--to", "jo@example.org", "--language", "en")
    assert "Before the embargo: it holds until Thu 22 May 2098 09:00 EDT" in peopled.said


def test_the_real_thing_needs_its_settings_and_none_of_the_networks(peopled: Campaign) -> None:
    peopled("send-test", "action-alert", "--to", TEAM, "--live", expect=4)
    assert "CAMPAIGN_SECRET_KEY" in peopled.said
    peopled.environment = {
        "CAMPAIGN_SECRET_KEY": "secret-0123456789abcdef",
        "CAMPAIGN_PUBLIC_URL": "https://campaign.example.net",
    }
    peopled("send-test", "action-alert", "--to", TEAM, "--live", expect=4)
    assert "CAMPAIGN_SENDGRID__API_KEY" in peopled.said
    assert "CAMPAIGN_X__" not in peopled.said
