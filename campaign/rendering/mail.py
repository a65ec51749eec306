"""An e-mail compiled once and filled for many; docs/compile-once.md tells how, and what was not done."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from campaign.errors import BadInput, Problem
from campaign.model.message import Message
from campaign.model.supporter import Supporter
from campaign.rendering import blanks, finish
from campaign.rendering.compiling import Compiler, Place
from campaign.rendering.fields import FILE, Fill
from campaign.rendering.whole import Mail, Part, Whole


class Field(NamedTuple):
    """Where what fills a token is written. ``line`` counts within ``file``; ``written`` is what stands there.

    A conditional or a loop is ``optional``: it may write nothing. A part that could not be shared is one field.
    """

    part: Part
    file: str
    line: int
    written: str
    optional: bool


@dataclass(frozen=True, slots=True)
class CompiledMail:
    """An e-mail in one language: bodies that are the same for everybody, with ``tokens`` where people's values go.

    A token may stand in several places. ``fallbacks`` tells which parts could not be shared, and why: such a part is
    one token, and its value is the whole part, rendered for one person at a time. ``reads`` are the supporter's
    attributes that it is filled from; None is all of them.
    """

    language: str
    subject: str
    html: str
    text: str
    tokens: tuple[str, ...]
    fallbacks: Mapping[Part, str]
    reads: frozenset[str] | None
    _whole: Whole
    _fill: Fill
    _places: tuple[Place, ...]
    _any: re.Pattern[str]

    def fill(self, people: Sequence[Supporter], urls: Sequence[str]) -> list[tuple[str, ...]]:
        """The values of each person's tokens, in the tokens' order; ``urls`` are their unsubscribe links.

        Raises BadInput where a template fails for somebody; it names them by their id.
        """
        try:
            rows = self._fill(people, urls)
        except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
            raise BadInput([self._problem(error, people, urls)]) from None
        if not self.fallbacks:
            return rows
        return [(*row, *self._parts(person, url)) for row, person, url in zip(rows, people, urls, strict=True)]

    def whole(self, person: Supporter, url: str) -> Mail:
        """What ``person`` gets."""
        return self.filled(self.fill([person], [url])[0])

    def filled(self, values: Sequence[str]) -> Mail:
        """The mail of the person for whom ``fill`` gave ``values``."""
        of = dict(zip(self.tokens, values, strict=True))
        subject, html, text = (
            self._any.sub(lambda match: of[match[0]], body) for body in (self.subject, self.html, self.text)
        )
        return Mail(finish.subject(subject), html, text)

    def filled_subject(self, values: Sequence[str]) -> str:
        """The subject alone: it takes a thousandth of the time of the whole mail."""
        of = dict(zip(self.tokens, values, strict=True))
        return finish.subject(self._any.sub(lambda match: of[match[0]], self.subject))

    def fields(self) -> tuple[Field, ...]:
        """The fields that fill the tokens, in their order."""
        found = []
        for place in self._places:
            source = self._whole.sources[place.template]
            lines = source.text.splitlines()
            written = lines[place.line - 1].strip() if 0 < place.line <= len(lines) else ""
            line = source.line + max(place.line, 1) - 1
            found.append(Field(place.part, source.file, line, written, place.optional))
        for part in self.fallbacks:
            source = self._whole.sources[self._whole.template(part)]
            found.append(Field(part, source.file, source.line, "", optional=False))
        return tuple(found)

    def shows(self) -> blanks.Shows:
        """What its templates read of a supporter."""
        templates = {name: tree for part in self._whole.parts for name, tree in self._whole.family(part).items()}
        return blanks.shown(templates)

    def _parts(self, person: Supporter, url: str) -> Iterator[str]:
        html = ""
        for part in self.fallbacks:
            if part == "text" and self._whole.derives and html:
                yield self._whole.derived(html)
                continue
            whole = self._whole.part(part, person, url)
            html = whole if part == "html" else html
            yield whole

    def _problem(self, error: Exception, people: Sequence[Supporter], urls: Sequence[str]) -> Problem:
        """What failed, where, and for whom: found by filling for one person at a time."""
        for person, url in zip(people, urls, strict=True):
            try:
                self._fill([person], [url])
            except Exception as failed:  # noqa: BLE001 - as above
                place = self._places[_failed_field(failed)]
                problem = self._whole.problem(place.part, failed, template=place.template, line=place.line)
                return replace(problem, where=f"{problem.where}, supporter {person.id}")
        return self._whole.problem("html", error)


def compile_mail(message: Message, language: str, shared: Mapping[str, Any]) -> CompiledMail:
    """``message`` in ``language``, compiled for a wave; ``shared`` is what ``context.shared`` gave.

    Raises BadInput with every problem that is certain for everybody: a name that does not exist, markup that cannot
    be read, a value where none may stand.
    """
    whole = Whole(message, language, shared)
    unknown = whole.unknown_names()
    if unknown:
        raise BadInput(unknown)
    return compiled(whole)


def compiled(whole: Whole) -> CompiledMail:
    """What ``whole`` renders, compiled."""
    compiler = Compiler(whole)
    bodies = compiler.bodies()
    return CompiledMail(
        language=whole.source.language,
        subject=bodies["subject"],
        html=bodies["html"],
        text=bodies["text"],
        tokens=compiler.tokens,
        fallbacks=compiler.fallbacks,
        reads=compiler.reads,
        _whole=whole,
        _fill=compiler.fill,
        _places=compiler.places,
        _any=compiler.any_token,
    )


def _failed_field(error: Exception) -> int:
    """Which field's code raised ``error``: each has a line of its own, see Fields.compiled."""
    line, traceback = 1, error.__traceback__
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == FILE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line - 1
