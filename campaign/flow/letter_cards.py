"""Holds a card to the letter it is made from, and to what can be read of it, before anybody can approve it."""

from __future__ import annotations

from campaign.flow import letter_quotations
from campaign.model.letter import Letter
from campaign.rendering import cards
from campaign.rendering.cards import Card

_SHOWN = 80


def problems(card: Card, letter: Letter) -> list[str]:
    """What is wrong with ``card``, each with its remedy; none is well.

    A quotation must stand in the letter word for word. So must it in a restatement, whose words a card gives as ours,
    without quotation marks. A figure is held to the letter with the rest of what its post says, by ``letter.check``
    on the alternative text. All else keeps the card from being drawn so that it can be read.
    """
    found = cards.problems(card)
    if card.kind == "quotation" and card.text.strip() and not letter_quotations.is_in(card.text, letter.text):
        short = " ".join(card.text.split())
        short = short if len(short) <= _SHOWN else short[: _SHOWN - 1].rstrip() + "…"
        found.append(f"“{short}” does not stand in {letter.source} word for word; quote the letter exactly")
    return found
