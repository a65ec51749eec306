"""campaign log: who was sent what, when, and why not."""

from __future__ import annotations

import csv
from collections import Counter

from tests.story.conftest import Campaign


def test_with_nothing_sent_it_says_how_to_begin(campaign: Campaign) -> None:
    campaign("log", expect=1)
    assert "nothing has been sent or rehearsed yet; begin with: campaign rehearse" in campaign.said


def test_a_state_a_channel_or_a_time_that_there_is_not_is_said(campaign: Campaign) -> None:
    campaign("log", "--state", "acepted", expect=2)
    assert "did you mean accepted?" in " ".join(campaign.said.split())
    campaign("log", "--channel", "fax", expect=2)
    assert "there are email, x, bluesky" in " ".join(campaign.said.split())
    campaign("log", "--since", "yesterday", expect=2)
    assert "2018-05-22T13:00" in campaign.said


def test_it_answers_by_step_channel_state_and_time_in_every_format(campaign: Campaign) -> None:
    campaign("rehearse", "--sample", "120")

    everything = campaign.json("log", "--format", "json")
    assert "The last rehearsal; nobody was reached." not in campaign.said, "a program's stdout and stderr stay clean"
    shown = campaign("log")
    assert "action-alert" in shown
    assert "The last rehearsal; nobody was reached." in campaign.said

    alert = [one for one in everything if one["step"] == "action-alert"]
    states = Counter(one["state"] for one in alert)
    asked = ("--step", "action-alert", "--channel", "email", "--state", "suppressed")
    suppressed = campaign.json("log", *asked, "--format", "json")
    assert len(suppressed) == states["suppressed"]
    assert all(one["why"] for one in suppressed)
    later = campaign.json("log", "--since", "2018-05-23T12:00", "--format", "json")
    assert later == [one for one in everything if one["changed_at"] >= "2018-05-23T12:00:00Z"]
    assert 0 < len(later) < len(everything)

    rows = list(csv.DictReader(campaign("log", "--channel", "x", "--format", "csv").splitlines()))
    posts = [one for one in everything if one["channel"] == "x"]
    assert [(row["step"], row["part"], row["url"]) for row in rows] == [
        (one["step"], str(one["part"]), one["url"]) for one in posts
    ]
    assert all(row["url"] for row in rows)

    account = campaign("log", "--recipient", "national", "--channel", "mastodon")
    assert "launch-mastodon" in account or "mastodon, due" in account
    campaign("log", "--recipient", "nobody@example.org", expect=1)

    campaign("log", "--step", "acton-alert", expect=2)
    assert "did you mean action-alert?" in " ".join(campaign.said.split())
