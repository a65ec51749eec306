"""campaign plan: what is sent, where, when, to how many, and whether anybody approved it."""

from __future__ import annotations

from tests.story.conftest import Campaign


def test_the_plan_is_a_table_for_people_and_json_for_programs(campaign: Campaign) -> None:
    shown = campaign("plan")
    for word in ("launch-x", "action-alert", "T-0", "T+2h", "campaign approve"):
        assert word in shown
    told = campaign.json("plan", "--json")
    assert told["launch_at"] == "2018-05-22T13:00:00Z"
    steps = {one["step"]: one for one in told["steps"]}
    assert len(steps) >= 12
    assert {one["channel"] for one in steps.values()} == {"email", "x", "bluesky", "mastodon"}
    assert not any(one["approved"] for one in steps.values())
    assert [wave["wave"] for wave in steps["reminder-x"]["waves"]] == [f"reminder-x#{n}" for n in range(1, 7)]
    assert min(wave["due_at"] for wave in steps["action-alert"]["waves"]) >= told["launch_at"]
    assert steps["action-alert"]["people"] == {"members": 0, "suppressed": 0, "without_consent": 0, "elsewhere": 0}


def test_people_are_counted_and_only_waves_that_somebody_is_in_are_shown(campaign: Campaign) -> None:
    everywhere = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}
    (campaign.folder / "people.csv").write_text(
        "email,time zone\na@example.org,America/Chicago\nb@example.org,America/Chicago\n"
    )
    campaign("supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "test")
    campaign("suppress", "b@example.org")
    told = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}
    assert told["action-alert"]["people"] == {"members": 2, "suppressed": 1, "without_consent": 0, "elsewhere": 0}
    assert len(everywhere["action-alert"]["waves"]) > len(told["action-alert"]["waves"]) == 1
    assert told["action-alert"]["waves"][0]["due_at"] == "2018-05-22T14:00:00Z"
    assert "follow-up" in campaign("plan", "--waves")
