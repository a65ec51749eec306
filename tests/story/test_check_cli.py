"""campaign check: all that is wrong, before anything is sent."""

from __future__ import annotations

from tests.story.conftest import Campaign


def test_a_campaign_without_mistakes_says_what_it_holds(campaign: Campaign) -> None:
    told = campaign("check")
    assert "19 steps" in told
    assert "41 signatories (a restatement, so nothing may be quoted from it). No errors." in told


def test_every_mistake_is_a_line_with_file_line_step_and_remedy(campaign: Campaign) -> None:
    posts = campaign.folder / "messages" / "post"
    (posts / "demand.md").write_text("We ask.\n\n" + "Please stop this now. " * 20 + "\n")
    (posts / "signatories.md").write_text("All 57 groups have signed.\n")
    assert campaign("check", expect=3) == ""
    assert "messages/post/demand.md:1" in campaign.said
    assert "messages/post/signatories.md:1" in campaign.said
    assert 'step "demand-x"' in campaign.said
    problems = campaign.json("check", "--json", expect=3)["problems"]
    assert [(one["line"], one["severity"]) for one in problems] == [(1, "error"), (1, "error")]
    plan = campaign.folder / "schedules.yaml"
    plan.write_text(plan.read_text().replace("channel: bluesky", "channel: blusky", 1))
    (problem,) = campaign.json("check", "--json", expect=3)["problems"]
    assert problem["line"] > 1
    assert "bluesky" in problem["remedy"]
