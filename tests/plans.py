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
