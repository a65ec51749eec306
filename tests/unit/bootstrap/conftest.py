"""A small campaign as files: one post and one e-mail at T-0, three people."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from campaign.files import campaign as campaign_files
from campaign.model.bundle import Sources
from campaign.settings import Settings
from campaign.settings import load as load_settings

PLAN = """\
campaign: example
title: An example
organisation: The Coalition
letter: messages/letter.md
launch: 2018-05-22T13:00Z
zone: America/New_York
sender: {via: sendgrid, address: campaign@example.org, name: The Coalition, postal_address: "1 Example Street"}
target: {email: office@example.com}
links: {action: https://act.example.org/, letter: https://example.org/letter}
segments:
  everybody: {}
steps:
  - {id: launch, channel: mastodon, account: national, message: post/hello, at: T-0}
  - {id: alert, channel: email, message: email/hello, segment: everybody, at: T-0}
"""
HTML = """\
---
subject: Hello {{ supporter.first_name }}
---
<p>Hello {{ supporter.first_name }}, <a href="{{ links.action }}">act</a> or <a href="{{ unsubscribe_url }}">leave</a>.
{{ campaign.postal_address }}</p>
"""
TEXT = "Hello {{ supporter.first_name }}, {{ links.action }}\n{{ unsubscribe_url }}\n{{ campaign.postal_address }}\n"

Load = Callable[[], Sources]


@pytest.fixture
def load(tmp_path: Path, root: Path) -> Load:
    """Reads the campaign in ``tmp_path`` as its files are now."""
    messages = tmp_path / "messages"
    (messages / "email" / "hello").mkdir(parents=True)
    (messages / "post").mkdir()
    (messages / "letter.md").write_text((root / "messages" / "letter.md").read_text())
    (messages / "post" / "hello.md").write_text("We wrote to {{ letter.addressee.name }}.\n")
    (messages / "email" / "hello" / "en.html").write_text(HTML)
    (messages / "email" / "hello" / "en.txt").write_text(TEXT)
    (tmp_path / "schedules.yaml").write_text(PLAN)
    return lambda: campaign_files.load(tmp_path / "schedules.yaml")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of which nothing but the database is set, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMPAIGN_DATABASE_URL", f"sqlite:///{tmp_path / 'campaign.db'}")
    return load_settings()
