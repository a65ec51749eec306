"""first_line: how a message begins, as a person knows it again in a list."""

from __future__ import annotations

import re

from campaign.errors import BadInput
from campaign.model.bundle import Bundle, Sources
from campaign.model.message import Message, Source
from campaign.model.plan import EMAIL, Step
from campaign.model.wave import WINNER, PlannedWave

MOST = 200
"""Characters that are told of it."""
_OF_SUPPORTERS = re.compile(r"\{\{-?\s*supporter\.(\w+)[^}]*\}\}")
_BLOCKS = re.compile(r"\{%.*?%\}")
_VARIES = re.compile(r"\b(?:step|days_since_launch|links|share|include|import|from|extends)\b")


class FirstLines:
    """An e-mail's subject in the plan's language, or the first line of a post; what differs by supporter is its name in
    brackets. What several steps say alike is rendered once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._known: dict[str, str] = {}

    def of(self, step: Step, wave: PlannedWave) -> str:
        bundle = self._sources.bundle(step)
        message = bundle.message if wave.arm in ("", WINNER) else bundle.arms[wave.arm]
        source = _source(message, bundle)
        if source is None:
            return ""
        written = _OF_SUPPORTERS.sub(r"[\1]", source.text)
        first = next((line.strip() for line in written.splitlines() if line.strip()), "")
        if "{" not in first:
            return first[:MOST]
        text = written if "{%" in first or "{#" in first else first
        if text in self._known:
            return self._known[text]
        line = _rendered(bundle, message, Source(source.file, text, source.line), wave)
        if not _VARIES.search(text):
            self._known[text] = line
        return line


def _source(message: Message, bundle: Bundle) -> Source | None:
    if bundle.step.channel == EMAIL:
        mail = message.mails.get(bundle.plan.language) or next(iter(message.mails.values()), None)
        return mail.subject if mail else None
    post = message.post_for(bundle.step.channel)
    return post.body if post else None


def _rendered(bundle: Bundle, message: Message, source: Source, wave: PlannedWave) -> str:
    # Jinja takes a tenth of a second to load, and many a plan's lines need none of it.
    from campaign.flow.posting import occurrence  # noqa: PLC0415
    from campaign.rendering.captions import filled  # noqa: PLC0415
    from campaign.rendering.context import shared  # noqa: PLC0415

    step, plan = bundle.step, bundle.plan
    facts = shared(
        plan=plan,
        letter=bundle.letter,
        step=step,
        wave_number=occurrence(step, wave.number),
        due_at=wave.due_at,
        channel=step.channel,
        language=plan.language,
        arm="" if wave.arm == WINNER else wave.arm,
    )
    try:
        text = filled(message, source, facts)
    except BadInput:  # it differs by supporter; or something is wrong with it, which check says
        text = _BLOCKS.sub("", source.text)
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:MOST]
