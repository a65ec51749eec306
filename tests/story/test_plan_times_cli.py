"""campaign plan: the timeline as a manager reads it, quiet hours and zone rules that change."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

from tests.story.conftest import Campaign

HEAD = """\
campaign: a-letter
title: A letter
organisation: Example Coalition
letter: messages/letter.md
launch: 2031-05-20 09:00
zone: America/New_York
sender: {via: sendgrid, address: campaign@example.org, name: Us, postal_address: "1 Example Street"}
links: {action: https://act.example.org/, letter: https://example.org/letter}
segments: {all: {}}
"""
STEPS = """\
steps:
  - {id: launch-x, channel: x, account: national, message: post/first, at: T-0}
  - {id: second-x, channel: x, account: national, message: post/second, at: launch-x +2h}
"""


def write(campaign: Campaign, text: str) -> None:
    (campaign.folder / "schedules.yaml").write_text(text)
    posts = campaign.folder / "messages" / "post"
    (posts / "first.md").write_text("We have written a letter.\n\nRead it: {{ links.letter }}\n")
    (posts / "second.md").write_text("To {{ letter.addressee.name }}: stop.\n")


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_timeline_tells_each_instant_three_ways_and_how_each_message_begins(campaign: Campaign) -> None:
    write(campaign, HEAD + STEPS)
    lines = campaign("plan").splitlines()
    at = next(number for number, line in enumerate(lines) if "second-x" in line)
    assert lines[at].split()[:5] == ["T+2h", "Tue", "20", "May", "11:00"]
    assert "20 May 15:00 UTC" in lines[at + 1]
    assert " To " in lines[at + 1]
    assert ": stop." in lines[at + 1]
    assert "in " in lines[at + 1]
    assert max(map(len, lines)) <= 120


def test_one_step_is_shown_whole(campaign: Campaign) -> None:
    write(campaign, HEAD + STEPS)
    campaign("approve", "launch-x", "--yes", "--by", "Ann Example")
    told = words(campaign("plan", "launch-x"))
    assert "begins We have written a letter." in told
    assert "planned T-0" in told
    assert "approved Ann Example on" in told
    assert "Tue 20 May 2031 09:00 EDT 2031-05-20 13:00:00" in told
    assert "second-x" not in told
    assert "planned launch-x +2h, with launch-x at T-0" in words(campaign("plan", "second-x"))
    campaign("plan", "lunch-x", expect=2)
    assert "did you mean launch-x?" in words(campaign.said)


def test_quiet_hours_divide_an_email_by_where_people_are_and_the_plan_counts_them(campaign: Campaign) -> None:
    mail = "  - {id: alert, channel: email, segment: all, message: email/follow-up, at: T-0}\n"
    write(campaign, HEAD + 'quiet: {from: "21:00", to: "08:00"}\n' + STEPS + mail)
    (campaign.folder / "people.csv").write_text(
        "email,time zone,country,state,zip\n"
        "a@example.org,America/New_York,,,\n"
        "b@example.org,,US,WA,\n"
        "c@example.org,,US,,90001\n"
        "d@example.org,,DE,,\n"
        "e@example.org,Asia/Tokyo,,,\n"
    )
    campaign("supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "test")
    told = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}["alert"]
    assert [(wave["due_at"], wave["people"]) for wave in told["waves"]] == [
        ("2031-05-20T13:00:00Z", 2),
        ("2031-05-20T15:00:00Z", 2),
        ("2031-05-20T23:00:00Z", 1),
    ]
    shown = words(campaign("plan", "--waves"))
    assert "alert is divided: 3 waves, the last at T+10h" in shown
    assert "alert: moved to 08:00 there, the end of quiet hours" in shown


def test_when_a_zone_gets_other_rules_plan_and_run_say_so_and_nothing_goes_at_an_hour_nobody_saw(
    campaign: Campaign, tmp_path: Path
) -> None:
    write(campaign, HEAD + STEPS)
    campaign("approve", "--yes", "--by", "Ann Example")
    rules = tmp_path / "zones" / "America"
    rules.mkdir(parents=True)
    with resources.as_file(resources.files("tzdata").joinpath("zoneinfo/America/Bogota")) as bogota:
        shutil.copy(bogota, rules / "New_York")  # summer time is abolished
    campaign.environment["PYTHONTZPATH"] = str(rules.parent)
    told = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}
    assert told["second-x"]["moved_zones"] == ["America/New_York"]
    assert not told["second-x"]["approved"]
    shown = words(campaign("plan"))
    why = "the rules for clocks in America/New_York have changed since"
    assert f"second-x has changed since Ann Example approved it: {why}" in shown
    assert "+ #1 Tue 20 May 2031 11:00" in shown
    assert "(1h later)" in shown
    campaign("run", "--until-idle", expect=5)
    assert why in words(campaign("approve", "--by", "Ann Example", expect=1, stdin="n\n") + campaign("plan"))
    campaign.environment.pop("PYTHONTZPATH")
    assert all(one["approved"] for one in campaign.json("plan", "--json")["steps"])


def test_an_edit_is_no_change_of_rules(campaign: Campaign) -> None:
    write(campaign, HEAD + STEPS)
    campaign("approve", "--yes", "--by", "Ann Example")
    write(campaign, (HEAD + STEPS).replace("launch-x +2h", "launch-x +3h"))
    told = {one["step"]: one for one in campaign.json("plan", "--json")["steps"]}
    assert told["second-x"]["moved_zones"] == []
    assert told["second-x"]["changed"] == ["when"]
    assert told["second-x"]["changes"][0]["new"] == ["#1 Tue 20 May 2031 12:00 EDT (20 May 16:00 UTC) (1h later)"]
