"""People are told: tried by hand, by a live run, and counted in a rehearsal, with real servers on loopback."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.sandbox.server import Sandbox
from tests.listening import listening
from tests.story.conftest import Campaign

TOKEN = "8dmkt49rypfzzjgbwz9wnxqr1c"

PLAN = """\
campaign: small
title: A small campaign
organisation: Example Coalition
letter: messages/letter.md
launch: {launch}
zone: UTC
links: {{action: https://act.example.org/, letter: https://example.org/letter}}
steps:
  - id: post
    channel: mastodon
    accounts: [a, b, c, d]
    message: post/hello
    at: T-0
  - id: second
    channel: mastodon
    account: a
    message: post/bye
    at: T+1h
"""


@pytest.fixture
def small(tmp_path: Path) -> Campaign:
    posts = tmp_path / "messages" / "post"
    posts.mkdir(parents=True)
    (posts / "hello.md").write_text("We wrote a letter: {{ links.letter }}\n", encoding="utf-8")
    (posts / "bye.md").write_text("It was a letter: {{ links.letter }}\n", encoding="utf-8")
    (tmp_path / "messages" / "letter.md").write_text(
        "Dear Ann Example,\n\nWe ask you to stop.\n\nSincerely,\nExample Coalition\n", encoding="utf-8"
    )
    launch = datetime.now(UTC) - timedelta(minutes=1)
    (tmp_path / "schedules.yaml").write_text(PLAN.format(launch=f"{launch:%Y-%m-%d %H:%M}"), encoding="utf-8")
    return Campaign(tmp_path)


def test_a_person_tries_whether_people_are_told(small: Campaign) -> None:
    with listening() as listener:
        small.environment = {
            "CAMPAIGN_NOTIFY__URLS": f"mmost://127.0.0.1:{listener.port}/{TOKEN} json://127.0.0.1:{listener.port}/hook",
            "CAMPAIGN_NOTIFY__ON": "hold breaker",
        }
        said = small("notify-test")
        assert "Told of: breaker, hold." in said
        assert "address 1 (Mattermost): taken" in small.said
        assert "address 2 (JSON): taken" in small.said
        assert [path for path, _ in listener.all()] == [f"/hooks/{TOKEN}", "/hook"]
        listener.answers.append(403)
        said = small("notify-test", expect=6)
        assert "address 1 (Mattermost): it answered 403" in small.said
        assert TOKEN not in said + small.said


def test_without_an_address_that_is_told(small: Campaign) -> None:
    small("notify-test", expect=4)
    assert "CAMPAIGN_NOTIFY__URLS is not set" in small.said
    small.environment = {"CAMPAIGN_NOTIFY__URLS": f"nothing://{TOKEN}"}
    small("notify-test", expect=4)
    assert "address 1 in CAMPAIGN_NOTIFY__URLS is none that apprise knows" in small.said
    assert TOKEN not in small.said


def test_a_live_run_tells_of_the_launch_and_its_end_once(small: Campaign) -> None:
    tokens = {name: f"tok-{name}" for name in "abcd"}
    with listening() as listener, Sandbox(accounts={"mastodon": tokens}) as sandbox:
        small.environment = {
            "CAMPAIGN_SECRET_KEY": "0123456789abcdefghijklmnop",
            "CAMPAIGN_PUBLIC_URL": "https://campaign.example.net",
            "CAMPAIGN_MASTODON__BASE_URL": sandbox.urls["mastodon"],
            **{f"CAMPAIGN_MASTODON__ACCOUNTS__{name.upper()}__ACCESS_TOKEN": word for name, word in tokens.items()},
            "CAMPAIGN_NOTIFY__URLS": f"json://127.0.0.1:{listener.port}/hook",
        }
        small("approve", "--yes", "--by", "Jo Example")
        small("run", "--live", "--until-idle", "--yes-send-to", "0")
        told = "\n".join(f"{body['title']}\n{body['message']}" for _, body in listener.all())
        assert "post has begun" in told
        assert "post is complete\n4 accepted, of 4 planned." in told
        small("run", "--live", "--until-idle", "--yes-send-to", "0")
        assert listener.all() == []


MAILING = """\
sender: {via: sendgrid, address: campaign@example.org, name: Us, postal_address: "1 Example Street"}
segments:
  everybody: {}
breakers:
  email: {after: 5, refusals: {stop: 20%}}
steps:
  - id: alert
    channel: email
    segment: everybody
    message: email/hello
    at: T-0
    repeat: {every: 1h, count: 2}
"""


def test_a_breaker_stops_a_step_and_a_person_lets_it_go_on(small: Campaign) -> None:
    """Six of ten addresses are none that the provider takes. The next wave would go out in an hour."""
    plan = small.folder / "schedules.yaml"
    head = plan.read_text(encoding="utf-8").partition("steps:")[0]
    plan.write_text(head + MAILING, encoding="utf-8")
    mail = small.folder / "messages" / "email" / "hello"
    mail.mkdir(parents=True)
    for kind, around in (("html", "<p>{}</p>"), ("txt", "{}")):
        said = "Act: {{ links.action }} or leave: {{ unsubscribe_url }} {{ campaign.postal_address }}"
        front = "---\nsubject: Hello\n---\n" if kind == "html" else ""
        if kind == "html":
            said = (
                'Act <a href="{{ links.action }}">here</a> or <a href="{{ unsubscribe_url }}">leave</a> '
                "{{ campaign.postal_address }}"
            )
        (mail / f"en.{kind}").write_text(front + around.format(said) + "\n", encoding="utf-8")
    people = [f"p{n}@{'malformed' if n < 6 else 'deliver'}.example.org" for n in range(10)]
    (small.folder / "people.csv").write_text("\n".join(["email", *people]) + "\n", encoding="utf-8")
    small("supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "test")
    small.environment = {"CAMPAIGN_NOTIFY__URLS": f"json://127.0.0.1:9/{TOKEN}"}
    small("approve", "--sandbox", "--yes", "--by", "Jo Example")
    said = small("run", "--until-idle")
    why = "6 refused of 10 tried (60.00%), and the limit is 20%"
    assert f"alert is stopped: {why}. The provider does not take it" in said
    assert "people would be told (breaker): A breaker has stopped alert" in said
    assert TOKEN not in said
    shown = small("log", "--world", "sandbox")
    assert why in " ".join((shown + small.said).split())
    small("resume", "alert", "--sandbox", "--yes", "--by", "Jo Example")
    assert "is stopped" not in small("run", "--until-idle")


def test_a_rehearsal_counts_what_people_would_have_been_told_and_tells_nobody(small: Campaign) -> None:
    with listening() as listener:
        small.environment = {"CAMPAIGN_NOTIFY__URLS": f"json://127.0.0.1:{listener.port}/hook"}
        said = small("rehearse", "--sample", "5")
        assert "With notifications on, people would have been told: 2 of launch, 2 of completion." in said
        assert "people would be told (launch): post has begun" in said
        found = small.json("rehearse", "--sample", "5", "--json")
        assert {notice["kind"] for notice in found["notices"]} == {"launch", "completion"}
        assert listener.all() == []
