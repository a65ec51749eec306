"""campaign preflight: every e-mail as everybody would get it; and approve, which refuses what it finds wrong."""

from __future__ import annotations

import pytest

from tests.story.conftest import Campaign


@pytest.fixture
def peopled(campaign: Campaign) -> Campaign:
    campaign("supporters", "sample", "1000", "--out", "people.csv")
    campaign("supporters", "import", "people.csv")
    campaign.environment["CAMPAIGN_PUBLIC_URL"] = "https://campaign.example.net"
    return campaign


def test_this_repositorys_campaign_passes_and_says_for_how_many(peopled: Campaign) -> None:
    told = peopled("preflight")
    assert "Preflight: no errors" not in told, "nobody has acted yet, which is a warning"
    assert "0 errors" not in told
    [alert] = [one for one in peopled.json("preflight", "--json")["steps"] if one["step"] == "action-alert"]
    assert [finding for finding in alert["findings"] if finding["severity"] != "note"] == []
    assert (
        alert["rendered"]
        == sum(alert["mails"].values())
        == (alert["headcount"]["members"] - alert["headcount"]["suppressed"] - alert["headcount"]["without_consent"])
    )
    assert f"action-alert: {alert['rendered']} e-mails rendered" in told


def test_an_error_is_shown_with_its_people_and_its_line_and_keeps_the_step_from_being_approved(
    peopled: Campaign,
) -> None:
    mail = peopled.folder / "messages" / "email" / "action-alert" / "en.txt"
    mail.write_text(
        mail.read_text().replace('{{ supporter.first_name | fallback("friend") }}', "{{ supporter.first_name }}")
    )
    told = " ".join(peopled("preflight", "action-alert", expect=3).split())
    assert "blank: a merge field is blank" in told
    assert "messages/email/action-alert/en.txt:6" in told
    [blank] = [
        finding
        for finding in peopled.json("preflight", "action-alert", "--json", expect=3)["steps"][0]["findings"]
        if finding["severity"] == "error"
    ]
    assert blank["kind"] == "blank"
    assert 0 < blank["people"] < 200
    assert len(blank["examples"]) == 3
    told = peopled("approve", "action-alert", "launch-x", "--yes", expect=3)
    assert "blank: a merge field is blank" in " ".join(told.split())
    assert "Nothing was approved: 1 error" in peopled.said
    assert not any(step["approved"] for step in peopled.json("plan", "--json")["steps"])


def test_warnings_are_shown_and_do_not_keep_a_step_from_being_approved(campaign: Campaign) -> None:
    told = campaign("approve", "action-alert", "--yes", "--by", "Jo Example")
    assert "no supporters are imported" in " ".join(told.split())
    assert "1 step approved by Jo Example" in told


def test_no_address_is_shown(peopled: Campaign) -> None:
    told = peopled("preflight") + str(peopled.json("preflight", "--json"))
    addresses = [line.split(",")[0] for line in (peopled.folder / "people.csv").read_text().splitlines()[1:]]
    assert [address for address in addresses if "@" in address and address in told] == []


def test_a_step_that_there_is_not_or_that_is_a_post_is_refused(campaign: Campaign) -> None:
    campaign("preflight", "action-alrt", expect=2)
    assert "did you mean action-alert?" in " ".join(campaign.said.split())
    campaign("preflight", "launch-x", expect=2)
    assert "is a post" in " ".join(campaign.said.split())
