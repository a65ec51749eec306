"""Holds a card to the letter it is made from, and to what can be read of it, before anybody can approve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from campaign.errors import Problem
from campaign.flow import letter as letter_check
from campaign.flow import letter_quotations
from campaign.model.letter import Letter
from campaign.rendering import cards
from campaign.rendering.cards import Card

_SHOWN = 80


def check(
    card: Card, *, file: str, line: int, where: str, letter: Letter, declared: Mapping[str, str]
) -> list[Problem]:
    """Everything wrong with ``card``, which ``file`` asks for at ``line``.

    A quotation must stand in the letter word for word; in a restatement too, whose words a card gives as ours,
    without quotation marks. A figure and what it counts are held to the letter as a message's text is, with
    ``declared`` figures and dates allowed. The rest is what keeps the card from being drawn.
    """
    found = [Problem(file, line, where, f"card: {what}") for what in cards.problems(card)]
    if card.kind == "figure":
        told = letter_check.check(
            text=f"{card.text} {card.says}", file=file, where=where, letter=letter, declared=declared,
            language=card.language,
        )  # fmt: skip
        return found + [replace(problem, line=line) for problem in told]
    if card.text.strip() and not letter_quotations.is_in(card.text, letter.text):
        what = f"card: “{_short(card.text)}” does not stand in {letter.source} word for word"
        found.append(Problem(file, line, where, what, "quote the letter exactly, or make it a figure or a post's text"))
    return found


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1].rstrip() + "…"
