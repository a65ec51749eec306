"""campaign approve: a person's word, asked for, given, refused, and voided by a change."""

from __future__ import annotations

from typing import Any

from tests.story.conftest import Campaign


def steps(campaign: Campaign) -> dict[str, dict[str, Any]]:
    return {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}


def test_it_asks_and_only_a_yes_is_a_yes(campaign: Campaign) -> None:
    told = campaign("approve", "launch-x", "--by", "Jo Example", expect=1, stdin="n\n")
    assert "Approve 1 step as Jo Example?" in told
    assert "Nothing was approved." in told
    told = campaign("approve", "launch-x", "--by", "Jo Example", stdin="y\n")
    assert "1 step approved by Jo Example; 1 wave placed." in told
    approved = steps(campaign)
    assert [name for name, one in approved.items() if one["approved"]] == ["launch-x"]
    assert approved["launch-x"]["approved_by"] == "Jo Example"


def test_a_step_that_there_is_not_is_named_with_the_one_that_was_meant(campaign: Campaign) -> None:
    campaign("approve", "lunch-x", "--yes", expect=2)
    assert 'no step "lunch-x"; did you mean launch-x?' in " ".join(campaign.said.split())


def test_a_change_voids_the_approval_of_its_steps_alone_and_says_which_part_it_was(campaign: Campaign) -> None:
    told = campaign("approve", "--yes", "--by", "Jo Example")
    assert "19 steps approved by Jo Example" in told
    post = campaign.folder / "messages" / "post" / "demand.md"
    post.write_text(post.read_text() + "\nPlease.\n")
    changed = {name: one["changed"] for name, one in steps(campaign).items() if not one["approved"]}
    assert changed == {"demand-x": ["post/demand every network"]}
    assert "demand-x has changed since Jo Example approved it: post/demand every network" in campaign("plan")
    told = campaign("approve", "--by", "Sam Example", expect=1, stdin="n\n")
    assert "post/demand every network" in told
    assert "launch-x" not in told, "what stands as it was approved is not asked for again"


def test_what_holds_a_mistake_cannot_be_approved(campaign: Campaign) -> None:
    (campaign.folder / "messages" / "post" / "demand.md").write_text("All 57 groups ask for it.\n")
    campaign("approve", "--yes", "launch-x", expect=3)
    assert "messages/post/demand.md:1" in campaign.said
