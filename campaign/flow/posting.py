"""A post as it goes out: its parts, rendered once for each wave. E-mail, which takes longer to load, is in content."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from campaign.flow import fit
from campaign.model.bundle import Bundle
from campaign.model.message import PostSource
from campaign.model.plan import Step
from campaign.model.wave import TOP_UP
from campaign.rendering import splitting
from campaign.rendering.context import shared
from campaign.rendering.post import render_post


@dataclass(frozen=True, slots=True)
class Posting:
    """A post for one network: its parts, and how they are shown. ``unnumbered`` are the parts without what we add."""

    parts: tuple[str, ...]
    source: PostSource
    language: str
    unnumbered: tuple[str, ...]


def occurrence(step: Step, number: int) -> int:
    """Which time a step comes, from 1: its wave's number where it repeats. The waves of a step that does not repeat are
    shares of one audience, and for all of them it is the same time."""
    return number % TOP_UP if step.repeat else 1


def posting(bundle: Bundle, *, number: int, due_at: datetime) -> Posting:
    """Render the post of a step's wave for its network: the first part alone, where the step posts no more."""
    plan, step = bundle.plan, bundle.step
    source = bundle.message.post_for(step.channel)
    if source is None:
        raise ValueError(f"{bundle.message.name} has no text for {step.channel}; the plan's reader sees to it")
    language = source.language or plan.language
    facts = shared(
        plan=plan,
        letter=bundle.letter,
        step=step,
        wave_number=occurrence(step, number),
        due_at=due_at,
        channel=step.channel,
        language=language,
    )
    alone = step.thread == "first"
    source = replace(source, numbered=False) if alone else source  # "1/5" alone would promise what never comes
    room = fit.room(step.channel, warning=source.warning, characters=fit.longest(plan, step)) if source.split else None
    message = replace(bundle.message, posts={step.channel: source})
    unnumbered = render_post(message, step.channel, facts, room=room)[: 1 if alone else None]
    return Posting(_numbered(unnumbered) if source.numbered else unnumbered, source, language, unnumbered)


def _numbered(parts: tuple[str, ...]) -> tuple[str, ...]:
    """The parts with their numbers; a post that is one part gets none."""
    if len(parts) == 1:
        return parts
    return tuple(part + splitting.number(place, len(parts)) for place, part in enumerate(parts, start=1))
