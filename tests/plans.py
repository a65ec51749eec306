"""What people write of a campaign, for tests: the head of a plan and its first steps, a letter, an e-mail."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

HEAD = """\
campaign: a-letter
title: A letter
organisation: Example Coalition
letter: letter.md
launch: 2018-05-22 09:00
zone: America/New_York
sender: {via: smtp, address: campaign@example.org, name: Us, postal_address: "1 Example Street"}
links: {action: https://act.example.org/, letter: https://example.org/letter}
"""
SEGMENTS = """\
segments:
  supporters: {tags_none: [partner]}
"""
ALERT = """\
  - id: alert
    channel: email
    segment: supporters
    message: email/alert
    at: T-0
"""
"""A step, to which a test can add keys of its own."""
LAUNCH = """\
  - id: launch-x
    channel: x
    account: national
    message: post/launch
    at: T-0
"""


def example(launch: datetime | str) -> str:
    """The head of another plan, whose letter stands among its messages. ``launch`` is an instant in UTC, or as written.

    Who sends its e-mail is said by ``SENDER``.
    """
    written = launch if isinstance(launch, str) else f"{launch:%Y-%m-%dT%H:%M}Z"
    return f"""\
campaign: example
title: An example
organisation: The Coalition
letter: messages/letter.md
launch: {written}
zone: America/New_York
links: {{action: https://act.example.org/, letter: https://example.org/letter}}
"""


SENDER = """\
sender: {via: sendgrid, address: campaign@example.org, name: The Coalition, postal_address: "1 Example Street"}
target: {email: office@example.com}
"""
EVERYBODY = """\
segments:
  everybody: {}
"""
HELLO_POST = "  - {id: launch, channel: mastodon, account: national, message: post/hello, at: T-0}\n"
HELLO_MAIL = "  - {id: alert, channel: email, message: email/hello, segment: everybody, at: T-0}\n"
FRIEND = "{{ supporter.first_name | fallback('friend') }}"
LETTER = """\
5 March 2026

Jo Example
Chief
Example Company
Springfield

Dear Jo Example,

We ask the Example Company to stop.

Sincerely,

One Organisation
Other Organisation
"""


def hello(who: str = "") -> Mapping[str, str]:
    """The files of the e-mail of ``HELLO_MAIL``, which greets ``who``: nobody by name, or as a merge field says."""
    greeting = f"Hello {who}".rstrip()
    return {
        "messages/email/hello/en.html": (
            f"---\nsubject: {greeting}\n---\n<p>{greeting}, "
            '<a href="{{ links.action }}">act</a> or <a href="{{ unsubscribe_url }}">leave</a>. '
            "{{ campaign.postal_address }}</p>\n"
        ),
        "messages/email/hello/en.txt": (
            f"{greeting}, {{{{ links.action }}}}\n{{{{ unsubscribe_url }}}}\n{{{{ campaign.postal_address }}}}\n"
        ),
    }


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Each by its path below ``folder``."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def edit(path: Path, was: str, now: str) -> None:
    """One edit of a file: of words that stand in it once."""
    text = path.read_text(encoding="utf-8")
    assert text.count(was) == 1, was
    path.write_text(text.replace(was, now), encoding="utf-8")
