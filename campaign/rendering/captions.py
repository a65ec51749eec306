"""Fills what is the same for everybody: a post's text, and the short texts around it, such as what a picture shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import TemplateError

from campaign.errors import BadInput, Problem
from campaign.model.message import Message, Source
from campaign.rendering import check, plainly
from campaign.rendering.context import OF_A_PERSON
from campaign.rendering.environment import Strict, render
from campaign.rendering.problems import from_error

_MAIN: Final = "<post>"


def caption(message: Message, source: Source, shared: Mapping[str, Any]) -> str:
    """``source`` filled, its white space made single spaces. Raises BadInput as ``filled`` does."""
    return " ".join(filled(message, source, shared).split())


def filled(message: Message, source: Source, shared: Mapping[str, Any]) -> str:
    """``source``, which may include what ``message`` shares, filled with the facts ``shared``.

    Raises BadInput where the template fails, names what there is not, or names a supporter.
    """
    made = plainly.filled(source.text, shared)
    if made is not None:
        return made
    where = f'message "{message.name}"'
    sources = {**message.shared, _MAIN: source}
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
        return render(environment.get_template(_MAIN), shared)
    except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
        raise BadInput([from_error(error, sources=sources, main=_MAIN, where=where, known=names)]) from None


def _of_nobody(problem: Problem) -> Problem:
    if problem.what not in [f'there is no "{name}"' for name in OF_A_PERSON]:
        return problem
    what, remedy = "a post is the same for everybody", "say it without the supporter"
    return Problem(problem.file, problem.line, problem.where, what, remedy)
