"""Compiles what differs by supporter into one function over a batch of people.

The expressions are written by Jinja's own code generator, so they mean what they mean in Jinja; then they are put
together as Python syntax, with the values that were captured for their names. Reading a plain attribute of the
supporter is the one thing that is done directly and not through Jinja's sandbox, which would allow it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields as dataclass_fields
from typing import Any, Final

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.runtime import LoopContext, Undefined, identity, markup_join, str_join
from markupsafe import Markup, escape

from campaign.model.supporter import Supporter
from campaign.rendering.environment import Strict
from campaign.rendering.escaping import escaped
from campaign.rendering.finish import one_line
from campaign.rendering.later import (
    SUPPORTER,
    UNSUBSCRIBE_URL,
    Bound,
    BoundLoop,
    Captured,
    Choice,
    Code,
    Constant,
    Item,
    NotShareable,
    Residual,
    Root,
    Written,
)
from campaign.rendering.recorder import Each, If, Recorder, Target
from campaign.rendering.tokens import Fork, Pieces, Tokens, Value

Fill = Callable[[Sequence[Supporter], Sequence[str]], list[tuple[str, ...]]]

_PUBLIC: Final = frozenset(field.name for field in dataclass_fields(Supporter))
_MOST: Final = 200_000
"""Characters of code for one field: a name that is set from itself again and again doubles each time."""
_NAMES: Final[Mapping[str, Any]] = {
    "LoopContext": LoopContext,
    "Markup": Markup,
    "Undefined": Undefined,
    "cond_expr_undefined": Undefined,
    "escape": escape,
    "escaped": escaped,
    "identity": identity,
    "markup_join": markup_join,
    "str_join": str_join,
}


class Fields:
    """Writes the code of one message's fields. ``html`` and ``text`` are the environments of its two kinds of part."""

    def __init__(self, tokens: Tokens, *, html: Strict, text: Strict) -> None:
        self.recorder = Recorder(tokens, self.evaluated)
        self._environments = {True: html, False: text}
        self._names: dict[str, Any] = {**_NAMES, "unpacked": _unpacked, "joined": _joined, "one_line": one_line}
        for escapes, environment in self._environments.items():
            self._names[_of_kind("environment", escapes=escapes)] = environment
            self._names[_of_kind("context", escapes=escapes)] = environment.from_string("").new_context({})
        self._constants: dict[int, str] = {}
        self._kept: list[Any] = []
        self._sources: dict[tuple[Code, bool], str] = {}

    def source(self, pieces: Pieces) -> str:
        """An expression, in Python, for the text of ``pieces`` as one person gets it."""
        parts = [self._piece(piece) for piece in pieces]
        code = parts[0] if len(parts) == 1 else f"''.join(({', '.join(parts)},))" if parts else "''"
        if len(code) > _MOST:
            raise NotShareable("a value that depends on the supporter is built from itself too often")
        return code

    def compiled(self, sources: Sequence[str]) -> Fill:
        """The function that works out ``sources`` for each of a batch of people."""
        row = ast.Tuple([], ast.Load())
        for number, source in enumerate(sources):
            expression = ast.parse(source, mode="eval").body
            for node in ast.walk(expression):
                if isinstance(node, ast.expr | ast.comprehension):
                    _place(node, number + 1)  # so that a traceback's line tells which field failed
            row.elts.append(expression)
        module = ast.parse("def fill(people, urls):\n return [0 for person, url in zip(people, urls, strict=True)]")
        function = module.body[0]
        function.body[0].value.elt = row  # type: ignore[attr-defined]  # as parsed in the line above
        space = dict(self._names)
        exec(compile(ast.fix_missing_locations(module), FILE, "exec"), space)  # noqa: S102 - written here, from Jinja's own code
        return space["fill"]  # type: ignore[no-any-return]  # defined by the code above

    def reads(self, sources: Sequence[str]) -> frozenset[str] | None:
        """What ``sources`` read of a supporter, by attribute; None where one of them takes the supporter as a whole."""
        read: set[str] = set()
        named = 0
        for node in ast.walk(ast.parse(f"({' '.join(f'{source},' for source in sources)})", mode="eval")):
            match node:
                case ast.Attribute(ast.Name("person"), name):
                    read.add(name)
                    named -= 1
                case ast.Name("person"):
                    named += 1
        return frozenset(read) if named == 0 else None

    def evaluated(self, each: Each) -> list[Any]:
        """What a loop that is the same for everybody goes over."""
        turns = f"[{_pattern(each.target, each.loop)} {self._turns(each)}]"
        return list(eval(turns, dict(self._names)))  # noqa: S307 - as above

    # Pieces.

    def _piece(self, piece: str | Value | Fork) -> str:
        if isinstance(piece, str):
            return repr(piece)
        if isinstance(piece, Value):
            leaf = self.recorder.leaves[piece.id]
            value = self.expression(leaf.meaning)
            return f"escaped({value})" if leaf.html else f"str({value})"
        fork = self.recorder.forks[piece.id]
        body, other = self.source(piece.body), self.source(piece.other)
        if isinstance(fork, If):
            return f"({body} if {self.expression(fork.test)} else {other})"
        turns = f"[{body} {self._turns(fork)}]"
        return f"''.join({turns})" if other == "''" else f"joined({turns}, lambda: {other})"

    def _turns(self, each: Each) -> str:
        over = self.expression(each.over)
        pattern = _pattern(each.target, each.loop)
        if each.condition is not None:
            over = f"[{pattern} for {pattern} in {over} if {self.expression(each.condition)}]"
        undefined = _of_kind("environment", escapes=False)
        return f"for {pattern}, loop{each.loop} in LoopContext({over}, {undefined}.undefined)"

    # Values.

    def expression(self, captured: Captured) -> str:
        """An expression, in Python, for a value as it is for one person."""
        match captured:
            case Constant(value):
                written = self._constant(value)
            case Root():
                written = _root(captured)
            case Item(of, index, count):
                written = f"unpacked({self.expression(of)}, {count})[{index}]"
            case Choice(test, yes, no):
                written = f"({self.expression(yes)} if {self.expression(test)} else {self.expression(no)})"
            case Bound(loop, name):
                written = f"bound{loop}_{name}"
            case BoundLoop(loop):
                written = f"loop{loop}"
            case Written(text, markup):
                source = self.source(self.recorder.tokens.parse(text))
                written = f"Markup({source})" if markup else source
            case Residual(code, values):
                written = f"({self._residual(code, values)})"  # it may be a choice, and stand within another one
        return written

    def _constant(self, value: Any) -> str:
        if value is None or type(value) in (str, int, bool):
            return repr(value)
        if id(value) not in self._constants:
            self._kept.append(value)  # an object's id is its own only while it is kept
            self._constants[id(value)] = name = f"constant{len(self._kept)}"
            self._names[name] = value
        return self._constants[id(value)]

    def _residual(self, code: Code, values: Iterable[Captured]) -> str:
        given = {f"l_0_{name}": self.expression(value) for name, value in zip(code.names, values, strict=True)}
        if sum(map(len, given.values())) > _MOST:
            raise NotShareable("a value that depends on the supporter is built from itself too often")
        tree = ast.parse(self._jinja(code), mode="eval").body
        return ast.unparse(_Filled(given, escapes=code.autoescape).visit(tree))

    def _jinja(self, code: Code) -> str:
        """The Python code that Jinja makes of an expression; its names are ``l_0_name``."""
        environment = self._environments[code.autoescape]
        code.node.set_environment(environment)
        generator = CodeGenerator(environment, code.template, None)
        for kind, used, offered in (
            (nodes.Filter, generator.filters, environment.filters),
            (nodes.Test, generator.tests, environment.tests),
        ):
            for node in _each(code.node, kind):
                name = f"{kind.__name__.lower()}_{node.name}_{_of_kind('', escapes=code.autoescape)}"
                used[node.name] = name
                if node.name in offered:
                    self._names[name] = offered[node.name]
        frame = Frame(nodes.EvalContext(environment))
        for name in code.names:
            frame.symbols.declare_parameter(name)
        generator.visit(code.node, frame)
        written: str = generator.stream.getvalue()  # type: ignore[attr-defined]  # it is a StringIO
        return written


FILE: Final = "<fields>"


class _Filled(ast.NodeTransformer):
    """Puts the captured values in the place of names, and attributes of the supporter in the place of look-ups."""

    def __init__(self, given: Mapping[str, str], *, escapes: bool) -> None:
        self._given = given
        self._escapes = escapes

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._given:
            return ast.parse(self._given[node.id], mode="eval").body
        if node.id in ("environment", "context"):
            return ast.Name(_of_kind(node.id, escapes=self._escapes), ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(ast.Attribute(_, "getattr"), [ast.Name("person") as person, ast.Constant(str(name))]):
                if name in _PUBLIC:
                    return ast.Attribute(person, name, ast.Load())
        return node


def _root(root: Root) -> str:
    if root == SUPPORTER:
        return "person"
    if root == UNSUBSCRIBE_URL:
        return "url"
    raise NotShareable(f"it shows the {root.name}, which cannot be shared itself")


def _pattern(target: Target, loop: int) -> str:
    if isinstance(target, str):
        return f"bound{loop}_{target}"
    return f"({', '.join(_pattern(part, loop) for part in target)},)"


def _of_kind(name: str, *, escapes: bool) -> str:
    return f"{name}_{'html' if escapes else 'text'}"


def _place(node: ast.AST, line: int) -> None:
    if isinstance(node, ast.expr):
        node.lineno = node.end_lineno = line
        node.col_offset = node.end_col_offset = 0


def _each(node: nodes.Node, kind: type[Any]) -> list[Any]:
    return ([node] if isinstance(node, kind) else []) + list(node.find_all(kind))


def _unpacked(value: Iterable[Any], count: int) -> list[Any]:
    items = list(value)
    if len(items) != count:
        raise ValueError(f"{count} names are set from a value with {len(items)} parts")
    return items


def _joined(parts: list[str], otherwise: Callable[[], str]) -> str:
    return "".join(parts) if parts else otherwise()
