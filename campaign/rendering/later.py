"""Values that are known only for each supporter, as the shared rendering handles them: by name, never by content.

A template is rendered once with a ``Later`` in the place of the supporter. A ``Later`` can be passed on, set and
captured, and says what it means; whatever else is done with it raises NotShareable, so that nothing that depends on
the supporter is ever taken for something that does not.

    Meaning                  of a Later
    ├── Root                 the supporter, or their unsubscribe link
    ├── Residual             an expression of the template, with the values its names had at that point
    ├── Item                 one element of a value that a tuple was set from
    ├── Choice               what a name holds after a conditional set it
    ├── Bound, BoundLoop     a loop's variable, and its ``loop``
    └── Written              text that holds tokens: a macro's or block's result that something is done with
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from jinja2 import nodes
from jinja2.runtime import LoopContext


class NotShareable(Exception):
    """This part cannot be rendered once for everybody. Its text says why, for the message's writer."""


@dataclass(frozen=True, slots=True, eq=False)
class Code:
    """An expression of a template. ``names`` are what it loads, in the order in which their values are given.

    ``called`` are those of them that it calls. ``template`` and ``line`` say where it stands.
    """

    node: nodes.Expr
    names: tuple[str, ...]
    called: frozenset[str]
    template: str
    line: int
    autoescape: bool


@dataclass(frozen=True, slots=True)
class Constant:
    """A captured value that is the same for everybody."""

    value: Any


@dataclass(frozen=True, slots=True)
class Root:
    name: str


@dataclass(frozen=True, slots=True)
class Residual:
    code: Code
    values: tuple[Captured, ...]


@dataclass(frozen=True, slots=True)
class Item:
    of: Captured
    index: int
    count: int


@dataclass(frozen=True, slots=True)
class Choice:
    test: Captured
    yes: Captured
    no: Captured


@dataclass(frozen=True, slots=True)
class Bound:
    loop: int
    name: str


@dataclass(frozen=True, slots=True)
class BoundLoop:
    loop: int


@dataclass(frozen=True, slots=True)
class Written:
    text: str
    markup: bool


Meaning = Root | Residual | Item | Choice | Bound | BoundLoop | Written
Captured = Meaning | Constant

SUPPORTER: Final = Root("supporter")
UNSUBSCRIBE_URL: Final = Root("unsubscribe_url")


class Later:
    """A value that is not known yet. See ``meaning``; any other use raises NotShareable."""

    __slots__ = ("_meaning",)

    def __init__(self, means: Meaning) -> None:
        object.__setattr__(self, "_meaning", means)

    def __getattribute__(self, name: str) -> Any:
        if name == "__class__":
            return Later
        raise NotShareable(f"something reads {name!r} of a value that depends on the supporter")

    def _used(self, *_arguments: object) -> NoReturn:
        raise NotShareable("something uses a value that depends on the supporter before it is known")

    def __repr__(self) -> str:
        return "Later"

    __str__ = __html__ = __format__ = __bool__ = __len__ = __iter__ = __next__ = __call__ = __hash__ = _used
    __getitem__ = __contains__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __reversed__ = _used
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _used
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = __neg__ = __pos__ = __abs__ = _used
    __int__ = __float__ = __index__ = __complex__ = __round__ = _used


def meaning(value: object) -> Meaning | None:
    """What ``value`` means, where it is a Later."""
    if type(value) is Later:
        found: Meaning = object.__getattribute__(value, "_meaning")
        return found
    return None


class Turn(list[Any]):
    """The one turn for which a loop's body is rendered where what it goes over depends on the supporter."""

    def __init__(self, items: list[Any], loop: int) -> None:
        super().__init__(items)
        self.loop = loop


def turn_of(loop: LoopContext) -> Turn | None:
    """The turn that ``loop`` goes over, where it is one."""
    iterable = loop._iterable  # noqa: SLF001 - Jinja shows it nowhere else; a test holds it
    return iterable if isinstance(iterable, Turn) else None


@dataclass(frozen=True, slots=True)
class FrozenLoop:
    """A loop's ``loop`` as it stood at one turn: Jinja's own object moves on."""

    index: int
    index0: int
    revindex: int
    revindex0: int
    first: bool
    last: bool
    length: int
    depth: int
    depth0: int
    previtem: Any
    nextitem: Any

    def cycle(self, *args: Any) -> Any:
        if not args:
            raise TypeError("no items for cycling given")
        return args[self.index0 % len(args)]


def frozen(loop: LoopContext) -> FrozenLoop:
    return FrozenLoop(**{name: getattr(loop, name) for name in FrozenLoop.__slots__})


def inner(captured: Captured) -> tuple[Captured, ...]:
    """What ``captured`` is made of."""
    if isinstance(captured, Residual):
        return captured.values
    if isinstance(captured, Choice):
        return captured.test, captured.yes, captured.no
    if isinstance(captured, Item):
        return (captured.of,)
    return ()


def known(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` with a Later for what differs by supporter."""
    return {**values, "supporter": Later(SUPPORTER), "unsubscribe_url": Later(UNSUBSCRIBE_URL)}
