"""A ramp, waves and rates from the plan to the log: rehearsed over days, and through when that was forecast."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.story.conftest import Campaign, new_campaign

pytestmark = pytest.mark.xdist_group("pacing")  # one rehearsal for all

AT = {
    "    segment: supporters\n    at: T+0d 09:00 local\n": (
        "    segment: supporters\n    at: T+0d 09:00\n    ramp: {first: 20, grow: 2, every: 1d}\n"
    ),
    "    at: T+3d 10:00 local\n": (
        "    at: T+3d 10:00 local\n    waves: [{share: 10%}, {share: 30%, after: 1h}, {share: rest, after: 3h}]\n"
    ),
    "    segment: acted\n    at: T+7d 10:00\n": "    segment: acted\n    at: T+7d 10:00\n    rate: 30/h\n",
}


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Campaign:
    campaign = new_campaign(tmp_path_factory.mktemp("paced"), root)
    for was, now in AT.items():
        campaign.edit(was, now)
    campaign.rehearse("--sample", "120")
    return campaign


@pytest.mark.parametrize("step", ["action-alert", "follow-up"])
def test_everybody_is_in_exactly_one_wave(rehearsed: Campaign, step: str) -> None:
    got = Counter(row["recipient"] for row in rehearsed.rows("--step", step))
    assert set(got.values()) == {1}
    assert len({row["wave"] for row in rehearsed.rows("--step", step)}) > 2


def test_a_ramp_grows_from_day_to_day(rehearsed: Campaign) -> None:
    waves = Counter(row["wave"] for row in rehearsed.rows("--step", "action-alert"))
    assert [waves[number] for number in sorted(waves)][:2] == [20, 40]
    days = sorted({datetime.fromisoformat(row["due_at"]) for row in rehearsed.rows("--step", "action-alert")})
    assert [after - before for before, after in pairwise(days)] == [timedelta(days=1)] * (len(days) - 1)


def test_a_rate_ends_when_that_was_forecast_and_the_log_says_both(rehearsed: Campaign) -> None:
    (line,) = [one for one in rehearsed("log", "--world", "rehearsal").splitlines() if one.startswith("thank-you#1:")]
    forecast, truth = (line.split(f"{what} at ")[1][:15] for what in ("to be through", "was through"))
    assert forecast == truth
    assert "at most 30 an hour" in line


def test_the_plan_says_when_each_step_will_be_through(rehearsed: Campaign) -> None:
    rehearsed.add_people(*(f"person{number}@example.org" for number in range(100)))
    shown = " ".join(rehearsed("plan").split())
    assert "action-alert: a ramp of 20 people first, 2 times as many every 1d; through with wave 3 at T+2d" in shown
    assert "follow-up: waves of 10%, 30%, 60%; through at T+3d" in shown
    through = rehearsed.json("plan", "--json")["through"]
    assert through["action-alert"]["waves"] == 3
    assert through["action-alert"]["people"] == 100
