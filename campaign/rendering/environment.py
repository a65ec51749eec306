"""Jinja as message templates get it: sandboxed, strict and bounded.

Strict: an undefined name or attribute fails. Sandboxed: nothing that begins with an underscore can be reached,
nothing can be changed, and nothing turns a value into markup. Bounded: loops, multiplications and the output.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import Any, Final

from jinja2 import Template, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, TemplateNotFound
from jinja2.loaders import BaseLoader
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from campaign.model.message import Source
from campaign.rendering import filters
from campaign.rendering.kept_code import KeptCode

MOST_OUTPUT: Final = 1 << 20
"""Characters of one rendered part. Gmail shows about 100 kB of a mail; ten times that is a runaway loop."""
MOST_ITERATIONS: Final = 20_000
"""Iterations of all loops together in one rendering."""
MOST_DIGITS: Final = 4_096
"""Bits of a whole number, and elements or characters made by a multiplication."""

COUNTED: Final = "_campaign_counted"
_WIDE = frozenset({"format", "format_map", "ljust", "rjust", "center", "zfill", "expandtabs"})
_left: ContextVar[list[int] | None] = ContextVar("iterations left", default=None)


class TooMuch(Exception):
    """A template's loop or output went over what a message can need."""


class Shelf(BaseLoader):
    """Hands out a message's sources by name."""

    def __init__(self, sources: Mapping[str, Source]) -> None:
        self.sources = sources

    def get_source(self, _environment: Any, template: str) -> tuple[str, str, Callable[[], bool]]:
        if template not in self.sources:
            raise TemplateNotFound(template)
        return self.sources[template].text, self.sources[template].file, lambda: True


class Strict(ImmutableSandboxedEnvironment):
    """The environment for one part of a message in one language; ``kept`` is whether others may use its code."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self, sources: Mapping[str, Source], *, language: str, autoescape: bool, kept: bool = True) -> None:
        super().__init__(
            loader=Shelf(sources),
            undefined=filters.Unknown,
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=_codes(language, autoescape) if kept else None,
        )
        self.sources = sources
        self.filters = filters.for_language(language)
        self.globals = {"range": _range, "dict": dict, COUNTED: counted}

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for modifier in tree.find_all(nodes.EvalContextModifier):
            raise TemplateSyntaxError(
                "escaping cannot be switched off: a value could break out of its place", modifier.lineno, name, filename
            )
        for name_node in tree.find_all(nodes.Name):
            if name_node.name.startswith("_campaign_"):
                raise TemplateSyntaxError("names may not begin with _campaign_", name_node.lineno, name, filename)
        self._prepare(tree, name)
        tree.set_environment(self)
        return tree

    def _prepare(self, tree: nodes.Template, _name: str | None) -> None:
        """Change a template's syntax tree before it is compiled: here, loops are counted."""
        for loop in tree.find_all(nodes.For):
            counting = nodes.Name(COUNTED, "load")
            loop.iter = nodes.Call(counting, [loop.iter], [], None, None).set_lineno(loop.lineno)

    def wrap_str_format(self, value: Any) -> Any:
        if getattr(value, "__name__", "") in ("format", "format_map") and isinstance(
            getattr(value, "__self__", None), str
        ):
            return None  # is_safe_attribute refuses it
        return super().wrap_str_format(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str) and attr in _WIDE:
            return False
        return super().is_safe_attribute(obj, attr, value)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side, other in ((left, right), (right, left)):
            if operator == "%" and isinstance(left, str):
                raise SecurityError("text cannot be formatted with %; join its parts with ~")
            if isinstance(side, (str, bytes, list, tuple)) and isinstance(other, int):
                _limit(len(side) * other)
        if isinstance(left, int) and isinstance(right, int):
            if operator == "*":
                _limit(left.bit_length() + right.bit_length())
            elif operator == "**":
                _limit(left.bit_length() * abs(right))
        return super().call_binop(context, operator, left, right)


@lru_cache(maxsize=32)
def _codes(language: str, autoescape: bool) -> KeptCode:  # noqa: ARG001, FBT001 - they are the key
    """What such environments share. What is the same for all is filtered as a template is compiled, and "a and b" is
    another text in Spanish."""
    return KeptCode()


def counted(iterable: Iterable[Any]) -> list[Any]:
    """What a loop goes over, counted against what one rendering may do."""
    items = list(iterable)
    left = _left.get()
    if left is not None:
        left[0] -= len(items)
        if left[0] < 0:
            raise TooMuch(f"the loops go round more than {MOST_ITERATIONS:,} times")
    return items


@contextmanager
def bounded() -> Iterator[None]:
    """Within it, loops together may go round MOST_ITERATIONS times."""
    token = _left.set([MOST_ITERATIONS])
    try:
        yield
    finally:
        _left.reset(token)


def render(template: Template, values: Mapping[str, Any]) -> str:
    """``template`` filled with ``values``; TooMuch where it does not end in reason."""
    pieces: list[str] = []
    size = 0
    with bounded():
        for piece in template.root_render_func(template.new_context(dict(values))):
            size += len(piece)
            if size > MOST_OUTPUT:
                raise TooMuch(f"the text is over {MOST_OUTPUT:,} characters")
            pieces.append(piece)
    return "".join(pieces)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MOST_ITERATIONS:
        raise TooMuch(f"the loops go round more than {MOST_ITERATIONS:,} times")
    return numbers


def _limit(size: int) -> None:
    if size > MOST_DIGITS:
        raise TooMuch(f"a multiplication makes more than {MOST_DIGITS:,} characters")
