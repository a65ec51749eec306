"""Says what is wrong in a template in the campaign manager's words: file, line, remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Final

from jinja2 import TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import SecurityError

from campaign.errors import Problem
from campaign.model.message import Source
from campaign.rendering.environment import TooMuch

NAMES: Final = "docs/rendering.md lists what a message can use"


def from_error(
    error: Exception,
    *,
    sources: Mapping[str, Source],
    main: str,
    where: str,
    line: int | None = None,
    known: Iterable[str] = (),
) -> Problem:
    """The problem that ``error`` tells of.

    ``main`` is the template that was rendered: the place where nothing says better. ``line`` is the template's line
    where it is known; ``known`` are the names that exist, for saying which was meant.
    """
    template, found = _place(error, main)
    line = line or found
    source = sources.get(template) or sources[main]
    at = source.line + line - 1 if line else source.line
    what, remedy = _said(error, sources, known)
    return Problem(source.file, at, where, what, remedy)


def meant(name: str, known: Iterable[str]) -> str:
    """``did you mean "..."?`` where something known is near; else where to look."""
    near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else NAMES


def _place(error: Exception, main: str) -> tuple[str, int]:
    if isinstance(error, TemplateSyntaxError):
        return error.name or main, error.lineno
    return _in_traceback(error.__traceback__, main)


def _in_traceback(traceback: TracebackType | None, main: str) -> tuple[str, int]:
    """The innermost template in ``traceback``, and its line: Jinja leaves the template among its code's globals."""
    place = main, 0
    while traceback is not None:
        template = traceback.tb_frame.f_globals.get("__jinja_template__")
        if template is not None:
            place = template.name or main, template.get_corresponding_lineno(traceback.tb_lineno)
        traceback = traceback.tb_next
    return place


def _said(  # noqa: PLR0911 - one answer a kind of error
    error: Exception, sources: Mapping[str, Source], known: Iterable[str]
) -> tuple[str, str]:
    match error:
        case TemplateNotFound():
            name = str(error.name or error)
            return f'there is no template "{name}"', meant(name, (name for name in sources if name[:1] != "<"))
        case TemplateSyntaxError():
            return f"the template cannot be read: {error.message}", _syntax_remedy(error.message or "")
        case UndefinedError():
            quoted = (error.message or "").split("'")[1:2]
            return str(error.message), meant(quoted[0], known) if quoted else NAMES
        case SecurityError():
            return str(error), "templates may read values and call the filters; nothing else"
        case TooMuch():
            return str(error), "a message is never that long: look for a loop over the wrong thing"
        case RecursionError():
            return "the template goes round in a circle", "look for a template that includes or extends itself"
        case _:
            return f"{error}" or type(error).__name__, NAMES


def _syntax_remedy(message: str) -> str:
    if "No filter named" in message:
        return NAMES
    if "end of template" in message or "Encountered unknown tag 'end" in message:
        return "see that every {% if %}, {% for %} and {% block %} has its own end"
    if "end of print statement" in message or "end of statement block" in message:
        return "see that the braces are closed: {{ ... }} for values, {% ... %} for tags"
    return "see docs/rendering.md for what a template may hold"
