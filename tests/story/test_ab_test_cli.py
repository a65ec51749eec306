"""An A/B test from the plan to the rest: rehearsed, looked at, and chosen by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.story.conftest import Campaign, new_campaign

pytestmark = pytest.mark.xdist_group("ab test")  # one rehearsal for all

AT = "    segment: supporters\n    at: T+0d 09:00 local\n"
TEST = """\
    ab_test:
      arms:
        a: {}
        b: {subject: {en: "They must stop selling it", es: "Deben dejar de venderlo"}}
      share: 50%
      decide: {by: clicks, after: 4h}
"""


def with_test(folder: Path, root: Path, test: str = TEST) -> Campaign:
    campaign = new_campaign(folder, root)
    campaign.edit(AT, AT + test)
    return campaign


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Campaign:
    campaign = with_test(tmp_path_factory.mktemp("tested"), root)
    campaign.rehearse("--sample", "1500")
    return campaign


def test_the_test_decides_and_everybody_gets_it_once(rehearsed: Campaign) -> None:
    told = rehearsed.json("ab-test", "action-alert", "--json")
    assert told["decision"]["by"] == "the A/B test"
    assert told["decision"]["arm"] in ("a", "b")
    then = {one["arm"]: one["clicked"] / one["accepted"] for one in told["decision"]["figures"]}
    assert then[told["decision"]["arm"]] == max(then.values())
    rows = rehearsed.rows("--step", "action-alert")
    assert {row["arm"] for row in rows} <= {"a", "b"}
    assert max(Counter(row["recipient"] for row in rows).values()) == 1
    by_arm = Counter(row["arm"] for row in rows)
    assert by_arm[told["decision"]["arm"]] > 2 * min(by_arm.values())


def test_what_is_seen_says_what_the_numbers_allow(rehearsed: Campaign) -> None:
    shown = rehearsed("ab-test", "action-alert")
    assert "They must stop selling it" in shown
    assert "decided by the A/B test" in shown
    assert "tell them apart" in shown
    assert "95%" in shown
    assert "campaign ab-test action-alert" in rehearsed("log")


def test_somebodys_log_says_which_arm_they_got(rehearsed: Campaign) -> None:
    row = next(row for row in rehearsed.rows("--step", "action-alert") if row["arm"] == "b")
    assert 'arm "b" of the A/B test' in rehearsed("log", "--recipient", row["recipient"])


def test_it_is_too_late_to_choose_when_the_rest_is_out(rehearsed: Campaign) -> None:
    rehearsed("ab-test", "action-alert", "--choose", "a", "--by", "Jo", expect=1)
    assert "is on its way already" in rehearsed.said


def test_a_step_that_is_not_tested_is_named_with_what_is(rehearsed: Campaign) -> None:
    rehearsed("ab-test", "follow-up", expect=2)
    assert "action-alert" in rehearsed.said


def test_the_plan_shows_the_arms_their_shares_and_the_rest(tmp_path: Path, root: Path) -> None:
    campaign = with_test(tmp_path, root)
    shown = campaign("plan")
    assert "action-alert is tested: 25% get a, 25% get b; the rest gets, 4h later, what has most clicks" in shown
    assert "action-alert#1 a" in campaign("plan", "--waves")
    told = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}["action-alert"]
    assert [arm["share"] for arm in told["ab_test"]["arms"]] == [0.25, 0.25]
    assert {wave["arm"] for wave in told["waves"]} == {"a", "b", "winner"}


def test_somebody_chooses_by_name(tmp_path: Path, root: Path) -> None:
    campaign = with_test(tmp_path, root)
    campaign("approve", "action-alert", "--sandbox", "--yes", "--by", "Jo Example")
    campaign("ab-test", "action-alert", "--choose", "c", "--world", "sandbox", expect=1)
    assert "has no arm" in campaign.said
    shown = campaign("ab-test", "action-alert", "--choose", "b", "--by", "Sam Example", "--world", "sandbox")
    assert "The rest gets b, decided by Sam Example" in shown
    assert campaign.json("ab-test", "action-alert", "--world", "sandbox", "--json")["decision"]["arm"] == "b"


def test_by_hand_a_rehearsal_chooses_in_a_persons_place_and_says_so(tmp_path: Path, root: Path) -> None:
    campaign = with_test(tmp_path, root, TEST.replace("by: clicks", "by: hand"))
    assert "the rehearsal chooses" in campaign("rehearse", "--sample", "120")
    told = campaign.json("ab-test", "action-alert", "--json")
    assert told["decision"]["by"] == "rehearsal"
    assert {wave["state"] for wave in told["rest"]} == {"done"}
