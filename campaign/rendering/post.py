"""Renders a post for a network: the same for everybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from campaign.errors import BadInput, Problem
from campaign.model.message import Message, Source
from campaign.rendering import splitting
from campaign.rendering.captions import filled
from campaign.rendering.context import UTM
from campaign.rendering.splitting import Room

_DIVIDER: Final = re.compile(r"^---[ \t]*$", re.MULTILINE)
_BLANK_LINES: Final = re.compile(r"\n{3,}")


def render_post(
    message: Message, channel: str, shared: Mapping[str, Any], *, room: Room | None = None
) -> tuple[str, ...]:
    """The parts of a thread on ``channel``, in order and without their numbers; one part where the post is no thread.

    Lines lose the white space at their ends, parts the blank lines around them; links get their UTM tags. Where the
    post is to be split, what does not fit ``room`` is taken apart at the ends of sentences. Raises BadInput where the
    template fails, names a supporter, or gives an empty part.
    """
    where = f'message "{message.name}"'
    source = message.post_for(channel)
    if source is None:
        remedy = f"write {message.name}.md or {message.name}.{channel}.md"
        raise BadInput([Problem(message.name, 0, where, f"there is no text for {channel}", remedy)])
    text = filled(message, source.body, shared)
    utm = shared.get(UTM)
    parts = tuple(_tidy(part if utm is None else utm.in_text(part)) for part in _DIVIDER.split(text))
    if not all(parts):
        raise BadInput([_empty(source.body, where, parts)])
    if source.split and room is not None:
        language = str(shared.get("language", ""))
        return splitting.parts(parts, room, language=language, numbered=source.numbered)
    return parts


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()


def _empty(source: Source, where: str, parts: tuple[str, ...]) -> Problem:
    number = parts.index("") + 1
    what = f"part {number} is empty" if len(parts) > 1 else "the post is empty"
    return Problem(source.file, source.line, where, what, "write its text, or remove a line of ---")
