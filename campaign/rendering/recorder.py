"""What a message's shared rendering comes upon that differs by supporter.

``staging`` rewrites a template so that it asks the recorder at every expression. Where nothing in the expression
differs by supporter, the template goes on as it would; where something does, the recorder notes it and gives a token
(what is written out) or a Later (what is kept).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from datetime import date, time, timedelta
from typing import Any, Final

from jinja2 import nodes
from jinja2.environment import TemplateModule
from jinja2.runtime import BlockReference, LoopContext, Macro, TemplateReference, Undefined
from markupsafe import Markup

from campaign.rendering import environment
from campaign.rendering.later import (
    Bound,
    BoundLoop,
    Captured,
    Choice,
    Code,
    Constant,
    Item,
    Later,
    Meaning,
    NotShareable,
    Residual,
    Turn,
    Written,
    frozen,
    inner,
    meaning,
    turn_of,
)
from campaign.rendering.tokens import Tokens

Target = str | tuple["Target", ...]
"""What a loop binds: a name, or names side by side."""

_PLAIN: Final = (str, int, float, complex, bytes, date, time, timedelta, range, type(None), type(Ellipsis))
_CODE: Final = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, type)
_WRITES: Final = (BlockReference, TemplateReference, TemplateModule)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that is written out; escaped as HTML where ``html``."""

    meaning: Captured
    html: bool
    code: Code


@dataclass(frozen=True, slots=True)
class If:
    """A conditional: its body where ``test`` holds, else what stands otherwise."""

    test: Captured


@dataclass(frozen=True, slots=True)
class Each:
    """A loop: its body for each of ``over`` that meets ``condition``; where there is none, what stands otherwise.

    Within body and condition, the names in ``target`` are Bound to ``loop``.
    """

    loop: int
    over: Captured
    target: Target
    condition: Captured | None


@dataclass(slots=True)
class Loop:
    """A loop of the template while the shared rendering goes through it."""

    turns: Sequence[Any]
    live: bool
    went_round: bool = False


@dataclass(frozen=True, slots=True)
class Noted:
    """What the rewriting of a template noted: its expressions, and its loops with the numbers of their conditions."""

    codes: tuple[Code, ...]
    loops: tuple[tuple[Target, int | None], ...]


class Recorder:
    """One for each message that is compiled. ``evaluate`` gives what a loop goes over that is the same for all."""

    def __init__(self, tokens: Tokens, evaluate: Callable[[Each], list[Any]]) -> None:
        self.tokens = tokens
        self._evaluate = evaluate
        self.leaves: list[Leaf] = []
        self.forks: list[If | Each] = []
        self.depth = 0
        self._codes: list[Code] = []
        self._loops: list[tuple[Target, int | None]] = []
        self._open: list[int] = []

    # What staging writes into templates.

    def globals(self) -> dict[str, Callable[..., Any]]:
        """The functions that staged templates call."""
        calls = (
            self.live, self.later, self.field, self.enter, self.opening, self.otherwise, self.closing, self.choice,
            self.unpacked, self.each, self.turns, self.turn, self.ended, self.settled, self.refused,
        )  # fmt: skip
        return {f"_campaign_{call.__name__}": call for call in calls}

    def code(self, code: Code) -> int:
        self._codes.append(code)
        return len(self._codes) - 1

    def loop(self, target: Target, condition: int | None) -> int:
        """Note a loop of a template: what it binds, and the code of its condition."""
        self._loops.append((target, condition))
        return len(self._loops) - 1

    def noted(self) -> tuple[int, int]:
        """How many expressions and loops templates have noted so far."""
        return len(self._codes), len(self._loops)

    def noted_since(self, began: tuple[int, int]) -> Noted:
        codes, loops = began
        return Noted(tuple(self._codes[codes:]), tuple(self._loops[loops:]))

    def note(self, noted: Noted) -> None:
        """Note what the same template noted for another recorder, with as much before it."""
        self._codes += noted.codes
        self._loops += noted.loops

    def start_over(self) -> None:
        """Forget where a rendering stood that ended or failed; what it recorded stays."""
        self.depth = 0
        self._open.clear()

    # What staged templates call while they are rendered.

    def live(self, code: int, *values: Any) -> bool:
        """Whether an expression with these values for its names differs by supporter."""
        of = self._codes[code]
        for name, value in zip(of.names, values, strict=True):
            if isinstance(value, _WRITES) or (isinstance(value, Macro) and name in of.called):
                raise NotShareable(f"{name!r} is called in a way that cannot be followed")
        return any(self._differs(value) for value in values)

    def later(self, code: int, *values: Any) -> Later:
        return Later(self._residual(self._codes[code], values))

    def field(self, code: int, *values: Any) -> str:
        """A token for a value that is written out."""
        of = self._codes[code]
        if len(values) == 1 and isinstance(values[0], str) and isinstance(of.node, nodes.Name):
            text = values[0]
            if not of.autoescape or hasattr(text, "__html__"):
                return text  # text that was put aside, with its tokens
        found = self._residual(of, values)
        if of.autoescape and self._brings_markup(found):
            raise NotShareable("markup is passed through an expression that depends on the supporter")
        self.leaves.append(Leaf(found, of.autoescape, of))
        return self._marked(self.tokens.token("v", len(self.leaves) - 1), html=of.autoescape)

    def enter(self, test: Any, wanted: int) -> bool:
        """Whether the shared rendering goes into a branch: into both where the test differs by supporter."""
        return self._differs(test) or bool(test) == wanted

    def opening(self, tested: Any) -> str:
        if isinstance(tested, Loop):
            if not isinstance(tested.turns, Turn):
                return ""
            self._open.append(tested.turns.loop)
        elif not self._differs(tested):
            return ""
        else:
            self.forks.append(If(self._captured(tested)))
            self._open.append(len(self.forks) - 1)
        self.depth += 1
        return self._marked(self.tokens.token("o", self._open[-1]))

    def otherwise(self, tested: Any) -> str:
        if not self._is_fork(tested):
            return ""
        return self._marked(self.tokens.token("e", self._open[-1]))

    def closing(self, tested: Any) -> str:
        if not self._is_fork(tested):
            return ""
        self.depth -= 1
        return self._marked(self.tokens.token("c", self._open.pop()))

    def choice(self, test: Any, yes: Any, no: Any) -> Any:
        """What a name holds after a conditional that may have set it."""
        if not self._differs(test):
            return yes if test else no
        return Later(Choice(self._captured(test), self._captured(yes), self._captured(no)))

    def unpacked(self, value: Any, count: int) -> Any:
        if not self._differs(value):
            return value
        of = self._captured(value)
        return tuple(Later(Item(of, index, count)) for index in range(count))

    def each(self, loop: int, over: Any, *values: Any) -> Loop:
        """A loop, before its first turn. ``values`` are for the names of its condition, but those it binds itself."""
        target, number = self._loops[loop]
        live = self._differs(over) or any(self._differs(value) for value in values)
        if not live:
            over = environment.counted(over)
            if number is None:
                return Loop(turns=over, live=False)
        id_ = len(self.forks)
        condition = None if number is None else self._condition(self._codes[number], target, values, id_)
        found = Each(id_, self._captured(over), target, condition)
        if not live:
            return Loop(turns=self._evaluate(found), live=False)
        self.forks.append(found)
        return Loop(turns=Turn([_bound(target, id_)], id_), live=True)

    def turns(self, loop: Loop) -> Sequence[Any]:
        return loop.turns

    def turn(self, loop: Loop) -> str:
        loop.went_round = True
        return ""

    def ended(self, loop: Loop) -> bool:
        """Whether the shared rendering goes into what stands for a loop without a turn."""
        return loop.live or not loop.went_round

    def settled(self, value: Any) -> Any:
        """``value`` where it must be the same for everybody."""
        if self._differs(value):
            raise NotShareable("a recursive loop depends on the supporter")
        return value

    def refused(self, why: str) -> str:
        raise NotShareable(why)

    # What the values are.

    def _is_fork(self, tested: Any) -> bool:
        return tested.live if isinstance(tested, Loop) else self._differs(tested)

    def _differs(self, value: Any) -> bool:
        if isinstance(value, Later):
            return True
        if isinstance(value, str):
            return self.tokens.within(value)
        if isinstance(value, LoopContext):
            return turn_of(value) is not None
        if isinstance(value, Mapping):
            return any(self._differs(element) for pair in value.items() for element in pair)
        if isinstance(value, list | tuple | set | frozenset):
            return any(self._differs(element) for element in value)
        return False

    def _residual(self, code: Code, values: Iterable[Any]) -> Meaning:
        captured = tuple(self._captured(value) for value in values)
        if isinstance(code.node, nodes.Name) and not isinstance(captured[0], Constant):
            return captured[0]
        return Residual(code, captured)

    def _captured(self, value: Any) -> Captured:
        means = meaning(value)
        if means is not None:
            return means
        if isinstance(value, str) and self.tokens.within(value):
            return Written(str(value), markup=hasattr(value, "__html__"))
        if isinstance(value, LoopContext):
            turn = turn_of(value)
            return BoundLoop(turn.loop) if turn is not None else self._captured(frozen(value))
        if self._differs(value) or not _is_fixed(value):
            raise NotShareable(f"a value of type {type(value).__name__} is used together with the supporter's")
        return Constant(value)

    def _condition(self, code: Code, target: Target, values: Sequence[Any], loop: int) -> Captured:
        given = iter(values)
        names = _names(target)
        captured = tuple(Bound(loop, name) if name in names else self._captured(next(given)) for name in code.names)
        return captured[0] if isinstance(code.node, nodes.Name) else Residual(code, captured)

    def _brings_markup(self, captured: Captured) -> bool:
        """Whether tags of a template could come out of an expression: they would miss MJML and inlining."""
        if isinstance(captured, Written):
            return captured.markup and "<" in captured.text
        if isinstance(captured, Constant):
            return isinstance(captured.value, Markup) and "<" in captured.value
        return any(self._brings_markup(part) for part in inner(captured))

    @staticmethod
    def _marked(token: str, *, html: bool = True) -> str:
        return Markup(token) if html else token  # noqa: S704 - letters and digits


def _bound(target: Target, loop: int) -> Any:
    if isinstance(target, str):
        return Later(Bound(loop, target))
    return tuple(_bound(name, loop) for name in target)


def _names(target: Target) -> set[str]:
    if isinstance(target, str):
        return {target}
    return {name for part in target for name in _names(part)}


def _is_fixed(value: Any) -> bool:
    """Whether ``value`` will be the same when fields are filled: nothing that moves on, nothing that is used up."""
    if isinstance(value, (*_PLAIN, *_CODE, Undefined)):
        return True
    if isinstance(value, Mapping):
        return all(_is_fixed(element) for pair in value.items() for element in pair)
    if isinstance(value, list | tuple | set | frozenset):
        return all(_is_fixed(element) for element in value)
    return is_dataclass(value)  # the words of the model and FrozenLoop, all frozen
