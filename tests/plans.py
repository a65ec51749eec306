"""The head of a plan, for tests that write their own steps."""

from __future__ import annotations

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
