"""Rates of mailbox domains and a frequency, from the plan to the log: what was forecast is what comes of it."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.story.conftest import Campaign, new_campaign

pytestmark = pytest.mark.xdist_group("caps")  # one rehearsal for all

TOP = """\
domain_rates:
  example.org, example.com: 60/h
frequency: {most: 1, within: 4d}
clock_change:"""
AT = {
    "clock_change:": TOP,
    "    segment: supporters\n    at: T+0d 09:00 local\n": "    segment: supporters\n    at: T+0d 09:00\n",
    "    segment: acted\n": "    segment: acted\n    frequency: exempt\n",
}
CAPPED = ("example.org", "example.com")
MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Campaign:
    campaign = new_campaign(tmp_path_factory.mktemp("capped"), root)
    for was, now in AT.items():
        campaign.edit(was, now)
    campaign.rehearse("--sample", "120")
    return campaign


def test_who_has_had_enough_is_left_out_and_the_log_says_so(rehearsed: Campaign) -> None:
    had = {row["recipient"] for row in rehearsed.rows("--step", "action-alert") if row["state"] != "suppressed"}
    assert len(had) > 100
    follow_up = {row["recipient"]: (row["state"], row["why"]) for row in rehearsed.rows("--step", "follow-up")}
    left_out = {person for person, told in follow_up.items() if told == ("suppressed", "frequency cap")}
    assert left_out
    assert left_out <= had
    sent = {person for person, (state, _) in follow_up.items() if state != "suppressed"}
    assert not sent & had
    assert f"{len(left_out)}  suppressed: frequency cap" in rehearsed("log", "--world", "rehearsal")


def test_a_step_that_is_exempt_goes_out_to_those_who_have_had_enough(rehearsed: Campaign) -> None:
    thanked = [row["why"] for row in rehearsed.rows("--step", "thank-you")]
    assert thanked
    assert "frequency cap" not in thanked


def test_a_domain_is_through_when_that_was_forecast_and_the_others_are_not_held_up(rehearsed: Campaign) -> None:
    went = Counter(row["recipient"].partition("@")[2] for row in rehearsed.rows("--step", "action-alert") if row["ref"])
    capped = sum(went[domain] for domain in CAPPED)
    assert capped > 30
    (line,) = [
        one for one in rehearsed("log", "--world", "rehearsal").splitlines() if one.startswith("action-alert#1:")
    ]
    assert "at most 60 an hour (domain example.org with example.com)" in line
    forecast, truth = (
        datetime.strptime(f"2018 {line.split(f'{what} at ')[1][:15]}", "%Y %d %b %H:%M:%S")  # noqa: DTZ007 - both are UTC
        for what in ("to be through", "was through")
    )
    assert abs(truth - forecast) <= 3 * MINUTE
    assert truth >= datetime(2018, 5, 22, 13, 0) + (capped - 1) * MINUTE


def test_the_plan_and_the_preflight_say_what_will_come_of_it(rehearsed: Campaign) -> None:
    rehearsed.add_people(*(f"p{n}@{'example.org' if n < 31 else 'example.net'}" for n in range(100)))
    shown = " ".join(rehearsed("plan").split())
    alert = "action-alert: all e-mail at most 60 an hour to example.org and example.com; through at T+30m"
    assert alert in shown
    assert "frequency: at most 1 e-mail in 4 days; as the plan is now that leaves out people of follow-up" in shown
    assert "about 100 of 100" in shown
    told = rehearsed.json("plan", "--json")
    assert told["frequency"] == {"most": 1, "within_s": 345_600.0, "left_out": {"follow-up": 100}}
    one = " ".join(rehearsed("plan", "follow-up").split())
    assert "frequency at most 1 e-mail in 4 days; about 100 people will have had so many" in one
    (report,) = rehearsed.json("preflight", "follow-up", "--json")["steps"]
    (found,) = [one for one in report["findings"] if "4 days" in one["what"]]
    assert (found["severity"], found["people"]) == ("note", 100)
    assert found["what"] == "about so many will have had at most 1 e-mail in 4 days by then: they get nothing"


def test_a_domain_that_is_none_is_said_with_its_line(rehearsed: Campaign) -> None:
    plan = rehearsed.folder / "schedules.yaml"
    good = plan.read_text()
    plan.write_text(good.replace("example.org, example.com: 60/h", "example: 60/h"))
    try:
        rehearsed("check", expect=3)
        line = 1 + good[: good.index("example.org, example.com")].count("\n")
        assert f'schedules.yaml:{line} domain_rates: "example" is no mailbox domain' in rehearsed.said
    finally:
        plan.write_text(good)
