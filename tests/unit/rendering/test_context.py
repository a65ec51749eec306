from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from campaign.model.message import Message, PostSource, Source
from campaign.rendering.context import shared
from campaign.rendering.post import render_post
from tests.builders import T0, letter, plan, step


def context(channel: str = "email", due_at: datetime = T0, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"plan": plan(), "step": step("second-week"), "wave_number": 3, "language": "en"} | changes
    return shared(letter=letter(), due_at=due_at, channel=channel, **values)


def written(template: str, values: dict[str, Any]) -> str:
    message = Message("post/launch", "post", posts={"": PostSource("", Source("launch.md", template))})
    return "".join(render_post(message, "x", values))


def test_a_message_can_take_the_letters_facts() -> None:
    template = "{{ letter.signatories | count }} wrote to {{ letter.addressee.name }} on {{ letter.date | date }}"
    assert written(template, context()) == "2 wrote to Jo Example on 22 May 2018"


def test_a_link_is_tagged_by_channel_and_step() -> None:
    tagged = "?utm_source={}&utm_medium={}&utm_campaign=example&utm_content=second-week"
    assert context("email")["links"]["action"] == "https://act.example.org/" + tagged.format("email", "email")
    assert context("bluesky")["links"]["action"] == "https://act.example.org/" + tagged.format("bluesky", "social")


def test_a_host_in_untagged_is_left_alone() -> None:
    values = context(plan=replace(plan(), untagged=("Act.example.org",)))
    assert values["links"]["action"] == "https://act.example.org/"


def test_the_campaigns_name_is_a_slug_in_the_tags() -> None:
    values = context(plan=replace(plan(), campaign="¡Basta ya! 2018"))
    assert "utm_campaign=basta-ya-2018&" in values["links"]["action"]


def test_days_since_launch_are_counted_in_the_campaigns_zone() -> None:
    # T-0 is 09:00 in New York; 03:30 UTC on the 23rd is still launch day there.
    assert context(due_at=datetime(2018, 5, 23, 3, 30, tzinfo=UTC))["days_since_launch"] == 0
    assert context(due_at=datetime(2018, 5, 29, 13, tzinfo=UTC))["days_since_launch"] == 7
    assert context(due_at=datetime(2018, 5, 20, 13, tzinfo=UTC))["days_since_launch"] == -2


def test_the_launch_is_told_on_the_campaigns_clock() -> None:
    template = '{{ campaign.launch | date }}; {{ campaign.launch | date("moment") }}'
    assert written(template, context()) == "22 May 2018; Tuesday, 22 May 2018, 9:00 a.m. EDT"


def test_facts_target_and_step_are_there_by_name() -> None:
    values = context(plan=replace(plan(), target_email="jo@example.com"))
    template = "{{ facts.product }} {{ target.email }} {{ step.id }} {{ step.number }} {{ step.channel }}"
    assert written(template, values) == "Lens jo@example.com second-week 3 email"


def test_a_plan_without_a_sender_has_no_postal_address() -> None:
    assert context(plan=replace(plan(), sender=None))["campaign"]["postal_address"] == ""
