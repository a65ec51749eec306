"""Renders a post for a network: the same for everybody."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from jinja2 import TemplateError

from campaign.errors import BadInput, Problem
from campaign.model.message import Message, Source
from campaign.rendering import check, splitting
from campaign.rendering.context import UTM
from campaign.rendering.environment import Strict, render
from campaign.rendering.problems import from_error
from campaign.rendering.splitting import Room
from campaign.rendering.whole import OF_A_PERSON

_MAIN: Final = "<post>"
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
    sources = {**message.shared, _MAIN: source.body}
    environment = Strict(sources, language=str(shared.get("language", "en")), autoescape=False)
    names = [*filter(str.isidentifier, shared)]
    try:
        templates = check.family(environment, _MAIN)
    except TemplateError as error:
        raise BadInput([from_error(error, sources=sources, main=_MAIN, where=where, known=names)]) from None
    problems = check.unknown_names(environment, templates, values=shared, where=where)
    if problems:
        raise BadInput([_of_nobody(problem) for problem in problems])
    try:
        text = render(environment.get_template(_MAIN), shared)
    except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
        raise BadInput([from_error(error, sources=sources, main=_MAIN, where=where, known=names)]) from None
    utm = shared.get(UTM)
    parts = tuple(_tidy(part if utm is None else utm.in_text(part)) for part in _DIVIDER.split(text))
    if not all(parts):
        raise BadInput([_empty(source.body, where, parts)])
    if source.split and room is not None:
        language = str(shared.get("language", ""))
        return splitting.parts(parts, room, language=language, numbered=source.numbered)
    return parts


def _of_nobody(problem: Problem) -> Problem:
    if problem.what not in [f'there is no "{name}"' for name in OF_A_PERSON]:
        return problem
    what, remedy = "a post is the same for everybody", "say it without the supporter"
    return Problem(problem.file, problem.line, problem.where, what, remedy)


def _tidy(text: str) -> str:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return _BLANK_LINES.sub("\n\n", lines).strip()


def _empty(source: Source, where: str, parts: tuple[str, ...]) -> Problem:
    number = parts.index("") + 1
    what = f"part {number} is empty" if len(parts) > 1 else "the post is empty"
    return Problem(source.file, source.line, where, what, "write its text, or remove a line of ---")
