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


def edit(campaign: Campaign, old: str, new: str) -> None:
    plan = campaign.folder / "schedules.yaml"
    text = plan.read_text()
    assert text.count(old) == 1, old
    plan.write_text(text.replace(old, new))


def words(text: str) -> str:
    return " ".join(text.split())


def test_where_two_must_approve_the_first_places_nothing_and_everybody_is_told_so(campaign: Campaign) -> None:
    edit(campaign, "language: en\n", "language: en\napprovers: 2\nauthor: Ann Example\n")
    told = campaign("approve", "launch-x", "thread-x", "--yes", "--by", "Ann Example")
    assert "2 steps approved by Ann Example; 0 waves placed." in told
    assert "Waits: launch-x, approved by its author alone, Ann Example: 1 of 2, waits for another." in campaign.said
    assert not any(one["approved"] for one in steps(campaign).values())
    campaign("run", "--until-idle", expect=5)
    assert "no step of the plan is approved" in campaign.said
    assert "1 of 2" in campaign("plan")
    told = campaign("approve", "launch-x", "--yes", "--by", " ann EXAMPLE")
    assert "0 waves placed" in told
    told = campaign("approve", "launch-x", "--yes", "--by", "Bo Example")
    assert "1 step approved by Bo Example; 1 wave placed." in told
    found = steps(campaign)
    assert [name for name, one in found.items() if one["approved"]] == ["launch-x"]
    assert [one["by"] for one in found["launch-x"]["approvals"]] == ["Ann Example", "ann EXAMPLE", "Bo Example"]


def test_to_move_the_launch_is_one_edit_shown_as_a_diff_and_approved_again(campaign: Campaign) -> None:
    campaign("approve", "--yes", "--by", "Jo Example")
    edit(campaign, "launch: 2018-05-22 09:00", "launch: 2018-05-22 10:00")
    assert not any(one["approved"] for one in steps(campaign).values()), "every step hangs on T-0"
    told = words(campaign("plan", "--diff"))
    assert "- T-0: Tue 22 May 2018 09:00 EDT (22 May 13:00 UTC)" in told
    assert "+ T-0: Tue 22 May 2018 10:00 EDT (22 May 14:00 UTC)" in told
    assert "+ #1 Tue 22 May 2018 10:00 EDT (22 May 14:00 UTC) (1h later)" in told
    assert told.count("+ T-0:") == 1, "what all steps share is told once"
    assert "demand-x" not in told.partition("launch-x")[2].partition("#1")[0]
    told = words(campaign("approve", "--by", "Jo Example", expect=1, stdin="n\n"))
    assert "+ T-0: Tue 22 May 2018 10:00 EDT" in told
    campaign("approve", "--yes", "--by", "Jo Example")
    assert all(one["approved"] for one in steps(campaign).values())
    assert steps(campaign)["launch-x"]["waves"][0]["due_at"] == "2018-05-22T14:00:00Z"
    assert words(campaign("plan", "--diff")) == "Nothing has changed since it was approved."
