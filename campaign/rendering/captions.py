"""Renders the short texts around a post: what a picture shows, the words of a card, a link's title."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from jinja2 import TemplateError

from campaign.errors import BadInput
from campaign.model.message import Message, Source
from campaign.rendering import check
from campaign.rendering.environment import Strict, render
from campaign.rendering.problems import from_error

_MAIN: Final = "<caption>"


def caption(message: Message, source: Source, shared: Mapping[str, Any]) -> str:
    """``source`` filled as strictly as the post's own text, its white space made single spaces.

    Raises BadInput where the template fails or names what there is not.
    """
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
        raise BadInput(problems)
    try:
        return " ".join(render(environment.get_template(_MAIN), shared).split())
    except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
        raise BadInput([from_error(error, sources=sources, main=_MAIN, where=where, known=names)]) from None
