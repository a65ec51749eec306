"""Identical text twice from one account: X refuses it, and everywhere it looks like a mistake."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from campaign.errors import Problem
from campaign.flow.posting import Posting
from campaign.flow.written import line_of
from campaign.model.bundle import Sources
from campaign.model.plan import Plan, Step
from campaign.model.wave import PlannedWave

_OUR_TAGS = re.compile(r"[?&]utm_(?:source|medium|campaign|content)=[^&\s#]*")
_UNSEEN = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")


@dataclass(frozen=True, slots=True)
class _Place:
    """One part of what one wave posts."""

    step: Step
    wave: PlannedWave
    part: int
    of: int

    def __str__(self) -> str:
        return f"{self.wave.name}, part {self.part}" if self.of > 1 else self.wave.name


def texts(sources: Sources, rendered: Mapping[PlannedWave, Posting]) -> Iterator[Problem]:
    """Every part that an account would post a second time, by the order in which they come due.

    A step with ``repeat_text`` may repeat what came before it and what it said itself; within a thread nothing may.
    """
    plan = sources.plan
    due = [
        (wave, step)
        for step in plan.steps
        if step.channel != "email"
        for wave in sources.waves[step.id]
        if wave in rendered  # what could not be rendered was said already
    ]
    due.sort(key=lambda one: one[0].due_at)  # stable: those of one instant in the plan's order
    seen: dict[tuple[str, str, str], _Place] = {}
    for wave, step in due:
        made = rendered[wave]
        own: dict[str, _Place] = {}
        for number, text in enumerate(made.unnumbered, start=1):
            here, same = _Place(step, wave, number, len(made.unnumbered)), folded(text)
            within = own.setdefault(same, here)
            for account in step.accounts:
                first = seen.setdefault((step.channel, _who(plan, step.channel, account), same), here)
                if within != here:
                    yield _twice(made, account, here, within)
                elif first != here and not step.repeat_text:
                    yield _twice(made, account, here, first)


def folded(text: str) -> str:
    """``text`` as far as a reader, or X, sees that it is another.

    X compares more than the exact characters and does not tell how: capitals, white space, compatibility forms and what
    is not seen make no difference here, nor do the tags that we add to links.
    """
    plain = _UNSEEN.sub("", unicodedata.normalize("NFKC", _OUR_TAGS.sub("", text)))
    return " ".join(plain.casefold().split())


def _who(plan: Plan, channel: str, account: str) -> str:
    """Whoever posts as ``account``: two of our names may be one account of the network."""
    handle = plan.handles.get(channel, {}).get(account, "")
    return f"@{handle.removeprefix('@').lower()}" if handle else account


def _twice(made: Posting, account: str, here: _Place, first: _Place) -> Problem:
    step, channel = here.step, here.step.channel
    other, remedy = f"in {first}", "let the text differ, by {{ step.number }} for instance, or say repeat_text: true"
    if first.wave == here.wave:
        other, remedy = f"in part {first.part}", "let the text differ, or take one of the two out"
    return Problem(
        file=made.source.body.file,
        line=line_of(made.source.body, made.unnumbered[here.part - 1]),
        where=f'step "{step.id}"' + (f", part {here.part}" if here.of > 1 else ""),
        what=f"{account} would post the same text on {channel} twice, here and {other}",
        remedy=remedy,
    )
