"""The main job: the whole rollout of the letter, rehearsed, in good weather and in bad, killed and taken up again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.story.conftest import Campaign, new_campaign

JOURNAL = Path(".campaign") / "rehearsal" / "sandbox.jsonl"
SAMPLE = "300"
TOGETHER = pytest.mark.xdist_group("rehearsal")  # one rehearsal for all


def adds_up(step: dict[str, Any]) -> bool:
    parts = ("accepted", "refused", "suppressed", "in_doubt")
    return bool(step["planned"]) and sum(step[part] for part in parts) == step["planned"]


def lines(campaign: Campaign) -> int:
    journal = campaign.folder / JOURNAL
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def was_held(step: dict[str, Any]) -> bool:
    """What trouble has made too late waits for a person, who is told so."""
    return any(one["state"] == "held" and " late; the step allows " in one["why"] for one in step["ended"])


def assert_nothing_twice_or_lost(told: dict[str, Any], *, may_be_late: bool = False) -> None:
    assert told["proof"]["holds"], told["proof"]
    assert [step["step"] for step in told["steps"] if not (adds_up(step) or (may_be_late and was_held(step)))] == []


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> tuple[Campaign, dict[str, Any]]:
    """This repository's campaign, rehearsed in good weather, and what the rehearsal told."""
    campaign = new_campaign(tmp_path_factory.mktemp("rehearsed"), root)
    return campaign, campaign.json("rehearse", "--sample", SAMPLE, "--json")


@TOGETHER
def test_every_step_goes_out_on_time_and_adds_up(rehearsed: tuple[Campaign, dict[str, Any]]) -> None:
    _, told = rehearsed
    assert_nothing_twice_or_lost(told)
    assert len(told["steps"]) >= 12
    assert {step["channel"] for step in told["steps"]} == {"email", "x", "bluesky", "mastodon"}
    assert [step["step"] for step in told["steps"] if step["late_s"] != 0] == []
    assert told["proof"]["in_doubt"] == 0


@TOGETHER
def test_the_launch_is_in_the_same_second_on_every_network(rehearsed: tuple[Campaign, dict[str, Any]]) -> None:
    _, told = rehearsed
    launches = {step["first_at"] for step in told["steps"] if step["step"].startswith("launch-")}
    assert launches == {"2018-05-22T13:00:00Z"}


@TOGETHER
def test_the_log_shows_one_person_everything_they_got_word_for_word(
    rehearsed: tuple[Campaign, dict[str, Any]],
) -> None:
    campaign, _ = rehearsed
    sent = campaign.json("log", "--step", "action-alert", "--state", "delivered", "--format", "json")
    person = sent[0]["recipient"]
    told = campaign("log", "--recipient", person)
    assert "/u/" in told, "the unsubscribe link is theirs alone"
    theirs = campaign.json("log", "--recipient", person, "--format", "json")
    assert {line["recipient"] for line in theirs} == {person}
    assert all(line["subject"] and line["text"] for line in theirs)


@TOGETHER
def test_the_log_agrees_with_the_table_in_json_and_csv(rehearsed: tuple[Campaign, dict[str, Any]]) -> None:
    campaign, told = rehearsed
    logged = Counter(line["step"] for line in campaign.json("log", "--format", "json"))
    assert logged == {step["step"]: step["planned"] for step in told["steps"]}
    first, *rows = campaign("log", "--step", "action-alert", "--format", "csv").splitlines()
    assert first.startswith("step,wave,channel,recipient")
    assert len(rows) == logged["action-alert"]


@pytest.mark.parametrize("faults", ["replies", "limits", "errors", "storm"])
def test_with_trouble_at_every_provider_nothing_is_sent_twice_or_lost(campaign: Campaign, faults: str) -> None:
    told = campaign.json("rehearse", "--sample", SAMPLE, "--faults", faults, "--json")
    assert_nothing_twice_or_lost(told)
    assert told["proof"]["in_doubt"] == 0


@pytest.mark.parametrize(("faults", "after"), [("none", 9), ("storm", 1), ("storm", 24)])
def test_killed_and_started_again_nothing_is_sent_twice_or_lost(campaign: Campaign, faults: str, after: int) -> None:
    asked = ("rehearse", "--sample", SAMPLE, "--faults", faults, "--json")
    killed = campaign.kill_when(campaign.start(*asked), lambda: lines(campaign) >= after)
    told = campaign.json(*asked)
    assert told["resumed"] == killed
    # The storm begins again with the program, so that a post may meet it more often than there is time for.
    assert_nothing_twice_or_lost(told, may_be_late=faults == "storm")


def test_killed_again_and_again_it_still_comes_to_its_end(campaign: Campaign) -> None:
    asked = ("rehearse", "--sample", SAMPLE, "--faults", "storm", "--json")
    for after in range(5, 30, 8):
        campaign.kill_when(campaign.start(*asked), lambda after=after: lines(campaign) >= after)  # type: ignore[misc]  # mypy does not take a default for a lambda's parameter
    assert_nothing_twice_or_lost(campaign.json(*asked), may_be_late=True)


def test_a_rehearsal_that_came_to_its_end_is_begun_anew(campaign: Campaign) -> None:
    asked = ("rehearse", "--sample", "50", "--json")
    assert not campaign.json(*asked)["resumed"]
    assert not campaign.json(*asked)["resumed"]


def test_the_people_of_a_file_or_of_the_database_are_rehearsed_with_and_left_alone(campaign: Campaign) -> None:
    campaign("supporters", "sample", "60", "--out", "people.csv")
    assert campaign.json("rehearse", "--supporters", "people.csv", "--json")["people"] == 60
    campaign("supporters", "import", "people.csv")
    before = campaign("supporters", "export", "--format", "csv")
    assert campaign.json("rehearse", "--json")["people"] == 60
    assert campaign("supporters", "export", "--format", "csv") == before


def test_a_scenario_that_there_is_not_is_named_with_those_there_are(campaign: Campaign) -> None:
    campaign("rehearse", "--faults", "strom", expect=2)
    assert "did you mean storm?" in campaign.said
