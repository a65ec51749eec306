"""The steps from an e-mail's templates to shared bodies and fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields as dataclass_fields
from dataclasses import replace
from typing import Any, Final, NamedTuple

from jinja2 import nodes

from campaign.errors import BadInput, Problem
from campaign.model.supporter import Supporter
from campaign.rendering import addresses, check, finish, markup, text_part
from campaign.rendering.environment import Strict, render
from campaign.rendering.fields import Fill
from campaign.rendering.finish import Unfinished
from campaign.rendering.later import (
    Captured,
    Code,
    Later,
    NotShareable,
    Residual,
    Root,
    inner,
    known,
)
from campaign.rendering.recorder import If, Leaf, Recorder
from campaign.rendering.staged_code import StagedCode
from campaign.rendering.staging import Staging
from campaign.rendering.text_fields import AllFields, segments
from campaign.rendering.text_marks import tidied
from campaign.rendering.tokens import Fork, Pieces, Tokens, Value, forks
from campaign.rendering.whole import Part, Whole

_MOST_FORKS: Final = 40
"""Conditionals and loops in one part that depend on the supporter; each is checked by finishing the part again."""


class Place(NamedTuple):
    """Where a field comes from. ``line`` counts within the template; a conditional or a loop is ``optional``."""

    part: Part
    template: str
    line: int
    optional: bool = False


class Staged(Strict):
    """The environment of the shared rendering: its templates ask the recorder at every expression."""

    def __init__(self, plain: Strict, recorder: Recorder, *, language: str, macros: frozenset[str]) -> None:
        escapes = bool(plain.autoescape)
        super().__init__(plain.sources, language=language, autoescape=escapes, kept=False)
        self.bytecode_cache = StagedCode(recorder, language, escapes, macros)
        self.globals |= recorder.globals()
        self._recorder = recorder
        self._macros = macros

    def _prepare(self, tree: nodes.Template, name: str | None) -> None:
        Staging(self._recorder, template=name or "", macros=self._macros, autoescape=bool(self.autoescape)).rewrite(
            tree
        )


class Compiler:
    """Compiles what ``whole`` renders. After ``bodies``, the other attributes hold what belongs to them."""

    def __init__(self, whole: Whole) -> None:
        self._whole = whole
        self._tokens = Tokens(f"{name}\0{source.text}" for name, source in sorted(whole.sources.items()))
        self._fields = AllFields(self._tokens, html=whole.html, text=whole.text)
        self._recorder = self._fields.recorder
        self._finish = replace(whole.finish, between=self._tokens.control)
        self._fields_by_source: dict[str, Place] = {}
        self._document = ""
        """The finished HTML part, with tokens; empty where it cannot be shared."""
        self._documents: dict[str, str] = {}
        """HTML parts of one way through the branches, finished, by what they were finished from."""
        self.fallbacks: dict[Part, str] = {}

    @property
    def tokens(self) -> tuple[str, ...]:
        count = len(self._fields_by_source) + len(self.fallbacks)
        return tuple(self._tokens.token("f", number) for number in range(count))

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(self._fields_by_source.values())

    @property
    def any_token(self) -> re.Pattern[str]:
        return self._tokens.finished

    @property
    def fill(self) -> Fill:
        return self._fields.compiled(list(self._fields_by_source))

    @property
    def reads(self) -> frozenset[str] | None:
        """What the fields read of a supporter; None is all, as where a part is rendered whole for each person."""
        return None if self.fallbacks else self._fields.reads(list(self._fields_by_source))

    def bodies(self) -> dict[Part, str]:
        """The shared bodies, by part."""
        raws = self._rendered()
        pieces = {part: self._attempt(part, self._finished, part, raw) for part, raw in raws.items()}
        if self._whole.derives and "html" in self.fallbacks:
            self.fallbacks["text"] = f"it is made from the HTML part: {self.fallbacks['html']}"
        elif self._whole.derives:
            pieces["text"] = self._attempt("text", self._derived, raws["html"])
        written = {
            part: None if found is None else self._attempt(part, self._sources, part, found)
            for part, found in pieces.items()
        }
        bodies: dict[Part, str] = {}
        for part in ("subject", "html", "text"):
            found = written.get(part)
            bodies[part] = "" if found is None else self._body(found)
        # Whole parts come after the fields, in the order of the fallbacks.
        if "preheader" in self.fallbacks:
            del self.fallbacks["preheader"]  # the HTML part, which shows it, says so itself
        for number, part in enumerate(self.fallbacks, start=len(self._fields_by_source)):
            bodies[part] = self._tokens.token("f", number)
            self._probe(part)
        if "subject" not in self.fallbacks:
            bodies["subject"] = finish.subject(bodies["subject"])
        return bodies

    # From templates to text with tokens.

    def _rendered(self) -> dict[Part, str]:
        values = known(self._whole.values)
        raws: dict[Part, str] = {}
        for part in self._whole.parts:
            if part == "html":
                # What cannot be shared is named, so that only an HTML part that shows it cannot be shared either.
                shown = {name: raws.get(name, Later(Root(name))) for name in ("subject", "preheader")}
                values = {**values, **shown}
            raw = self._attempt(part, self._render, part, values)
            if raw is not None:
                raws[part] = raw
        raws.pop("preheader", None)
        return raws

    def _render(self, part: Part, values: dict[str, Any]) -> str:
        plain = self._whole.environment(part)
        macros = check.macros(self._whole.family(part).values())
        staged = Staged(plain, self._recorder, language=self._whole.source.language, macros=macros)
        raw = render(staged.get_template(f"<{part}>"), values)
        if not self._tokens.intact(raw):
            raise NotShareable("text that depends on the supporter is changed after it was written")
        return raw

    def _attempt(self, part: Part, step: Callable[..., Any], *arguments: Any) -> Any:
        """What ``step`` gives; None, with the reason noted, where the part cannot be shared."""
        try:
            return step(*arguments)
        except NotShareable as found:
            why = str(found)
        except BadInput:
            raise
        except Exception as error:  # noqa: BLE001 - a template may fail in any way, and each is bad input
            if self._tokens.within(str(error)):
                why = "it takes a template's name, or what else must be known, from the supporter"
            elif self._recorder.depth or isinstance(error, SyntaxError | RecursionError | MemoryError):
                # Only some people come by here, so it may be right for each of them.
                why = f"a branch fails when it is rendered for everybody: {error}"
            else:
                raise BadInput([self._whole.problem(part, error)]) from None
        finally:
            self._recorder.start_over()
        self.fallbacks.setdefault(part, why)
        return None

    # From text with tokens to a finished part, in pieces.

    def _finished(self, part: Part, raw: str) -> Pieces:
        if part == "subject":
            return self._tokens.parse(finish.one_line(raw))
        before = self._tokens.parse(raw)
        if part == "text":
            after = self._tokens.parse(self._finish.text(raw))
            self._verify(part, before, after)
            return after
        self._refuse_misplaced(raw, raw_markup=True)
        prepared = self._tokens.as_comments(raw, markup.content(raw))
        try:
            finished = self._finish.html(prepared)
        except Unfinished:
            if forks(before):
                raise NotShareable("its MJML cannot be read with all branches in it") from None
            raise
        if not self._tokens.intact(finished):
            raise NotShareable("a conditional stands among a tag's attributes")
        after = self._tokens.parse(finished)
        self._verify(part, before, after)
        self._refuse_misplaced(finished, raw_markup=False)
        self._document = finished
        return after

    def _derived(self, raw: str) -> Pieces:
        """The text part that is made from the HTML part, as text with marks; every branch of it is checked too."""
        language = self._whole.source.language
        before = self._tokens.parse(raw)
        after = self._tokens.parse(
            text_part.marked(self._document, language=language, control=self._tokens.control_alone)
        )
        ways = {**forks(after), **forks(before)}
        chosen, blank = self._tokens.chosen, self._tokens.value
        for turns in self._turns(ways):
            cut, alone = chosen(after, turns), chosen(before, turns)
            if tidied(cut) != self._whole.derived(self._made(alone)):
                raise NotShareable("a conditional or loop changes the text around it")
            if tidied(blank.sub("", cut)) != self._whole.derived(self._made(blank.sub("", alone))):
                raise NotShareable("a value that is blank for somebody changes the text around it")
        return after

    def _verify(self, part: Part, before: Pieces, after: Pieces) -> None:
        """Hold every branch of a finished part equal to what finishing that branch alone gives, with blank values too.

        So nothing has to be known of how MJML lays out columns, how HTML is mended or which styles look at
        neighbours: where a branch or a blank changes what is around it, the part is not shared.
        """
        ways = {**forks(after), **forks(before)}
        if len(ways) > _MOST_FORKS:
            raise NotShareable(f"more than {_MOST_FORKS} conditionals and loops depend on the supporter")
        chosen = self._tokens.chosen
        pairs = {(chosen(after, turns), chosen(before, turns)) for turns in self._turns(ways)}
        right = {alone: self._alone(part, alone) for alone in {alone for _, alone in pairs}}
        if any(self._comparable(part, cut) != right[alone] for cut, alone in pairs):
            raise NotShareable("a conditional or loop changes the markup around it")
        if part != "html":
            return
        for cut, alone in pairs:
            blank, blank_cut = (self._tokens.value.sub("", text) for text in (alone, cut))
            if blank != alone and self._comparable(part, blank_cut) != self._alone(part, blank):
                raise NotShareable("a value that is blank for somebody changes the markup around it")

    def _alone(self, part: Part, raw: str) -> str:
        try:
            return self._comparable(part, self._made(raw) if part == "html" else self._finish.text(raw))
        except Unfinished as error:
            raise NotShareable(str(error)) from None

    def _made(self, raw: str) -> str:
        if raw not in self._documents:
            self._documents[raw] = self._finish.html(raw)
        return self._documents[raw]

    def _comparable(self, part: Part, finished: str) -> str:
        return finish.without_widths(finished) if self._finish.mjml and part == "html" else finished

    def _turns(self, ways: Mapping[int, Mapping[int, int]]) -> Iterator[dict[int, int]]:
        """Which branches to choose: all bodies, all others, and from each of these every fork turned, and loops twice.

        ``ways`` says for each fork what its surrounding forks must choose for it to be written at all.
        """
        for base in (1, 0) if ways else (1,):
            bases = dict.fromkeys(ways, base)
            yield bases
            for number, way in ways.items():
                times = (0, 1) if isinstance(self._recorder.forks[number], If) else (0, 1, 2)
                for chosen in times:
                    yield {**bases, **way, number: chosen}

    def _refuse_misplaced(self, text: str, *, raw_markup: bool) -> None:
        token = self._tokens.value
        problems = [
            self._problem(self._leaf(match), f"a supporter's value cannot stand here: {why}", "put it into the text")
            for match, why in markup.misplaced(text, token)
        ]
        if not raw_markup:
            for match, begins in markup.addresses(text, token):
                leaf = self._leaf(match)
                if begins and not addresses.may_begin(leaf.meaning):
                    what = "an address cannot begin with a supporter's value"
                    problems.append(self._problem(leaf, what, "use links, share or unsubscribe_url"))
                elif not begins and not addresses.may_continue(leaf.meaning):
                    what = "a supporter's value in an address must be percent-encoded"
                    problems.append(self._problem(leaf, what, "put | urlencode after it"))
        if problems:
            raise BadInput(list(dict.fromkeys(problems)))

    def _leaf(self, match: re.Match[str]) -> Leaf:
        return self._recorder.leaves[int(match[1])]

    def _problem(self, leaf: Leaf, what: str, remedy: str) -> Problem:
        source = self._whole.sources[leaf.code.template]
        return Problem(source.file, source.line + leaf.code.line - 1, self._whole.where("html"), what, remedy)

    def _probe(self, part: Part) -> None:
        """Refuse a value that stands where none may, in a part that could not be shared: by a made-up person."""
        if part != "html":
            return
        made_up = {
            field.name: self._tokens.token("v", number)
            for number, field in enumerate(dataclass_fields(Supporter))
            if field.type == "str"
        }
        tags = (self._tokens.token("v", len(made_up) + 1),)
        try:
            raw = self._whole.raw(part, Supporter(id=1, tags=tags, **made_up), "https://example.org/unsubscribe")  # type: ignore[arg-type]  # all are text
        except BadInput:
            return  # it may fail for somebody so blank, and not for others
        for _, why in markup.misplaced(raw, self._tokens.value):
            source = self._whole.source.html
            what = f"a supporter's value cannot stand where it does: {why}"
            raise BadInput([Problem(source.file, source.line, self._whole.where(part), what, "put it into the text")])

    # From pieces to fields.

    def _sources(self, part: Part, pieces: Pieces) -> list[tuple[str, str, Place]]:
        """The text and code of each piece; the code is empty where it is the same for everybody."""
        found = []
        if part == "text" and self._whole.derives:
            return [self._text_source(segment) for segment in segments(pieces, self._fields, self._tokens)]
        for piece in pieces:
            if isinstance(piece, str):
                found.append((piece, "", Place(part, "", 0)))
                continue
            source = self._fields.source((piece,))
            if part == "subject":
                source = f"one_line({source})"
            compile(source, "<field>", "eval")  # fails here, where the part can still fall back
            found.append(("", source, self._place(part, piece)))
        return found

    def _text_source(self, segment: str | tuple[Pieces, bool]) -> tuple[str, str, Place]:
        """As ``_sources``, for a segment of the text part that is made from the HTML part."""
        if isinstance(segment, str):
            return segment, "", Place("text", "", 0)
        pieces, tidy = segment
        source = self._fields.text_source(pieces, tidy=tidy)
        compile(source, "<field>", "eval")
        return "", source, self._place("text", next(piece for piece in pieces if not isinstance(piece, str)))

    def _body(self, found: list[tuple[str, str, Place]]) -> str:
        body = []
        for text, source, place in found:
            if not source:
                body.append(text)
                continue
            self._fields_by_source.setdefault(source, place)
            body.append(self._tokens.token("f", list(self._fields_by_source).index(source)))
        return "".join(body)

    def _place(self, part: Part, piece: Value | Fork) -> Place:
        code: Code | None
        if isinstance(piece, Value):
            code = self._recorder.leaves[piece.id].code
        else:
            fork = self._recorder.forks[piece.id]
            code = _code_of(fork.test if isinstance(fork, If) else fork.over)
        optional = isinstance(piece, Fork)
        return (
            Place(part, code.template, code.line, optional)
            if code
            else Place(part, self._whole.template(part), 0, optional)
        )


def _code_of(captured: Captured) -> Code | None:
    if isinstance(captured, Residual):
        return captured.code
    return next((code for part in inner(captured) if (code := _code_of(part))), None)
