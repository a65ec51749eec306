"""Rewrites a template so that it can be rendered once for everybody.

Where a template says ``{{ expression }}``, the rewritten one says: if any name in it holds something that differs by
supporter, ask the recorder for a token, else write the expression. So which parts differ is decided while the shared
rendering runs, by what the names hold at that point: through macros, includes, inheritance, loops and assignments,
Jinja's own scoping is at work, and nothing has to be guessed beforehand.

    {{ e }}                   token of a value
    {% if e %}A{% else %}B    token, A, token, B, token: both branches are rendered where ``e`` differs
    {% for x in e %}A         token, A once with x unknown, token: a loop over what differs by supporter
    {% set x = e %}           x holds a Later, which the expressions that use it capture
    {{ macro(e) }}            the macro runs, with a Later in its parameter
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeGuard, TypeVar, cast

from jinja2 import nodes

from campaign.rendering.later import Code
from campaign.rendering.recorder import Recorder, Target

_WRITES_ALWAYS: Final = frozenset({"caller", "super", "loop"})


_NOT_RECURSIVE: Final = False


class Staging:
    """Rewrites the syntax tree of ``template``. ``macros`` are the names of all macros that it may call."""

    def __init__(self, recorder: Recorder, *, template: str, macros: frozenset[str], autoescape: bool) -> None:
        self._recorder = recorder
        self._template = template
        self._macros = macros
        self._autoescape = autoescape
        self._last = 0

    def rewrite(self, tree: nodes.Template) -> None:
        tree.body = self._body(tree.body)

    # Statements.

    def _body(self, body: Sequence[nodes.Node]) -> list[nodes.Node]:
        return [new for node in body for new in self._statement(node)]

    def _statement(self, node: nodes.Node) -> list[nodes.Node]:
        rewrite = getattr(self, f"_{type(node).__name__.lower()}", None)
        made: list[nodes.Node] = rewrite(node) if rewrite else [node]
        for new in made:
            new.set_lineno(node.lineno)
        return made

    def _output(self, node: nodes.Output) -> list[nodes.Node]:
        node.nodes = [child if isinstance(child, nodes.TemplateData) else self._written(child) for child in node.nodes]
        return [node]

    def _block(self, node: nodes.Block) -> list[nodes.Node]:
        node.body = self._body(node.body)
        return [node]

    def _macro(self, node: nodes.Macro) -> list[nodes.Node]:
        node.defaults = [self._value(default) for default in node.defaults]
        node.body = self._body(node.body)
        return [node]

    def _callblock(self, node: nodes.CallBlock) -> list[nodes.Node]:
        node.defaults = [self._value(default) for default in node.defaults]
        node.call = self._call(node.call)
        node.body = self._body(node.body)
        return [node]

    def _with(self, node: nodes.With) -> list[nodes.Node]:
        node.values = [self._unpacking(target, value) for target, value in zip(node.targets, node.values, strict=True)]
        node.body = self._body(node.body)
        return [node]

    def _assign(self, node: nodes.Assign) -> list[nodes.Node]:
        node.node = self._unpacking(node.target, node.node)
        return [node]

    def _assignblock(self, node: nodes.AssignBlock) -> list[nodes.Node]:
        if node.filter is None:
            node.body = self._body(node.body)
            return [node]
        refusal, aside, filtered = self._filtered(node.body, node.filter)
        return [*refusal, aside, nodes.Assign(node.target, nodes.MarkSafeIfAutoescape(self._value(filtered)))]

    def _filterblock(self, node: nodes.FilterBlock) -> list[nodes.Node]:
        refusal, aside, filtered = self._filtered(node.body, node.filter)
        return [*refusal, aside, nodes.Output([self._written(filtered)])]

    def _filtered(self, body: list[nodes.Node], chain: nodes.Filter) -> tuple[list[nodes.Node], nodes.Node, nodes.Expr]:
        """A block whose text is filtered, as: put its text aside, then filter what was put aside."""
        aside = self._new("aside")
        refusal: list[nodes.Node] = []
        if _stored(body) & {name.name for name in chain.find_all(nodes.Name)}:
            refusal = [_asking("refused", [nodes.Const("a filter uses a name that is set in the text it filters")])]
        return refusal, nodes.AssignBlock(_store(aside), None, self._body(body)), _filter_of(chain, _load(aside))

    def _if(self, node: nodes.If) -> list[nodes.Node]:
        else_ = node.else_
        if node.elif_:
            first, *others = node.elif_
            else_ = [nodes.If(first.test, first.body, others, else_).set_lineno(first.lineno)]
        names = sorted(_stored(node.body) | _stored(else_))
        test = self._new("test")
        before = {name: self._new("before") for name in names}
        after = {name: self._new("after") for name in names}
        return [
            nodes.Assign(_store(test), self._value(node.test)),
            *(nodes.Assign(_store(before[name]), _load(name)) for name in names),
            _asking("opening", [_load(test)]),
            nodes.If(_ask("enter", [_load(test), nodes.Const(1)]), self._body(node.body), [], []),
            *(nodes.Assign(_store(after[name]), _load(name)) for name in names),
            *(nodes.Assign(_store(name), _load(before[name])) for name in names),
            _asking("otherwise", [_load(test)]),
            nodes.If(_ask("enter", [_load(test), nodes.Const(0)]), self._body(else_), [], []),
            _asking("closing", [_load(test)]),
            *(
                nodes.Assign(_store(name), _ask("choice", [_load(test), _load(after[name]), _load(name)]))
                for name in names
            ),
        ]

    def _for(self, node: nodes.For) -> list[nodes.Node]:
        if node.recursive:
            node.iter = _ask("settled", [self._value(node.iter)])
            node.test = None if node.test is None else _ask("settled", [self._value(node.test)])
            node.body, node.else_ = self._body(node.body), self._body(node.else_)
            return [node]
        if node.test is not None and any(self._writes(call) for call in _each(node.test, nodes.Call)):
            return [_asking("refused", [nodes.Const("a loop's own condition calls a macro")])]
        loop = self._new("loop")
        target = _target(node.target)
        number, given = None, []
        if node.test is not None:
            code, values = self._code(node.test)
            bound = _stored_by(node.target)
            number = self._recorder.code(code)
            given = [value for name, value in zip(code.names, values, strict=True) if name not in bound]
        each = [nodes.Const(self._recorder.loop(target, number)), self._value(node.iter), *given]
        body = [_asking("turn", [_load(loop)]), *self._body(node.body)]
        after: list[nodes.Node] = []
        if node.else_:
            after = [nodes.If(_ask("ended", [_load(loop)]), [nodes.Scope(self._body(node.else_))], [], [])]
        return [
            nodes.Assign(_store(loop), _ask("each", each)),
            _asking("opening", [_load(loop)]),
            nodes.For(node.target, _ask("turns", [_load(loop)]), body, [], None, _NOT_RECURSIVE),
            _asking("otherwise", [_load(loop)]),
            *after,
            _asking("closing", [_load(loop)]),
        ]

    # Expressions.

    def _written(self, node: nodes.Node) -> nodes.Expr:
        """``node`` where it is written out."""
        if self._writes(node):
            return self._call(node)
        return self._guarded(node, "field")

    def _value(self, node: nodes.Node) -> nodes.Expr:
        """``node`` where its value is kept."""
        if isinstance(node, nodes.Name):
            return node
        if self._writes(node):
            return self._call(node)
        return self._guarded(node, "later")

    def _guarded(self, node: nodes.Node, ask: str) -> nodes.Expr:
        """``node``, unless something in it differs by supporter: then what the recorder gives for it."""
        decides, native = node, self._native(node)
        if isinstance(node, nodes.And | nodes.Or) and ask == "later":
            # The left side, where it is the same for everybody, may spare the right one, which then never fails.
            decides, native = node.left, type(node)(self._native(node.left), self._value(node.right))
        elif isinstance(node, nodes.CondExpr):
            again = self._written if ask == "field" else self._value
            other = None if node.expr2 is None else again(node.expr2)
            decides, native = node.test, nodes.CondExpr(self._native(node.test), again(node.expr1), other)
        deciding, given = self._code(decides)
        if not deciding.names:
            return native
        live = _ask("live", [nodes.Const(self._recorder.code(deciding)), *given])
        whole, given = self._code(node)
        asked = _ask(ask, [nodes.Const(self._recorder.code(whole)), *given])
        guarded = nodes.CondExpr(live, asked, native)
        guarded.set_lineno(node.lineno)  # a statement over several lines begins further up
        return guarded

    def _unpacking(self, target: nodes.Node, node: nodes.Node) -> nodes.Expr:
        if not isinstance(target, nodes.Tuple):
            return self._value(node)
        if isinstance(node, nodes.Tuple) and len(node.items) == len(target.items):
            values = [self._unpacking(*pair) for pair in zip(target.items, node.items, strict=True)]
            return nodes.Tuple(values, "load")
        return _ask("unpacked", [self._value(node), nodes.Const(len(target.items))])

    def _writes(self, node: nodes.Node) -> TypeGuard[nodes.Call]:
        """Whether ``node`` calls what may write out tokens: a macro, ``caller``, ``super``, a block, a loop."""
        if not isinstance(node, nodes.Call):
            return False
        callee = node.node
        if isinstance(callee, nodes.Name):
            return callee.name in _WRITES_ALWAYS or callee.name in self._macros
        return isinstance(callee, nodes.Getattr) and (callee.attr in self._macros or _root(callee) in ("self", "super"))

    def _call(self, node: nodes.Call) -> nodes.Call:
        """``node`` with its arguments as values, to be called while the shared rendering runs."""
        keywords = [nodes.Keyword(keyword.key, self._value(keyword.value)) for keyword in node.kwargs]
        extra = [part if part is None else self._value(part) for part in (node.dyn_args, node.dyn_kwargs)]
        call = nodes.Call(node.node, [self._value(argument) for argument in node.args], keywords, *extra)
        return call.set_lineno(node.lineno)  # type: ignore[return-value]  # it gives back the same node

    def _native(self, node: nodes.Node) -> nodes.Expr:
        """``node`` as it is, but that calls which may write out tokens get values that they can pass on."""
        return cast("nodes.Expr", _copied(node, lambda part: self._call(part) if self._writes(part) else None))

    def _code(self, node: nodes.Node) -> tuple[Code, list[nodes.Expr]]:
        """``node`` as code of its own, and what gives the values for its names.

        A call that may write out tokens is made while the shared rendering runs; the code gets its result.
        """
        calls: dict[str, nodes.Expr] = {}

        def aside(part: nodes.Node) -> nodes.Node | None:
            if not self._writes(part):
                return None
            name = f"_campaign_call{len(calls)}"
            calls[name] = self._call(part)
            return _load(name)

        alone = cast("nodes.Expr", _copied(node, aside))
        alone.set_lineno(node.lineno)
        names = tuple(dict.fromkeys(name.name for name in _each(alone, nodes.Name)))
        called = frozenset(root for call in _each(alone, nodes.Call) if (root := _root(call.node)))
        code = Code(alone, names, called, self._template, node.lineno, self._autoescape)
        return code, [calls.get(name) or _load(name) for name in names]

    def _new(self, kind: str) -> str:
        self._last += 1
        return f"_campaign_{kind}{self._last}"


NodeT = TypeVar("NodeT", bound=nodes.Node)


def _ask(what: str, arguments: list[nodes.Expr]) -> nodes.Call:
    return nodes.Call(_load(f"_campaign_{what}"), arguments, [], None, None)


def _asking(what: str, arguments: list[nodes.Expr]) -> nodes.Node:
    return nodes.Output([_ask(what, arguments)])


def _load(name: str) -> nodes.Name:
    return nodes.Name(name, "load")


def _store(name: str) -> nodes.Name:
    return nodes.Name(name, "store")


def _each(node: nodes.Node, kind: type[NodeT]) -> Iterator[NodeT]:
    if isinstance(node, kind):
        yield node
    yield from node.find_all(kind)


def _root(node: nodes.Node) -> str:
    """The name that an attribute of an attribute of ... is taken from; empty where it is none."""
    while isinstance(node, nodes.Getattr | nodes.Getitem | nodes.Call):
        node = node.node
    return node.name if isinstance(node, nodes.Name) else ""


def _copied(node: nodes.Node, replace: Callable[[nodes.Node], nodes.Node | None]) -> nodes.Node:
    """A copy of ``node`` in which what ``replace`` gives stands in the place of a part."""
    new = replace(node)
    if new is not None:
        return new
    copied = object.__new__(type(node))
    copied.lineno, copied.environment = node.lineno, node.environment
    for name, value in node.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(copied, name, _copied(value, replace))
        elif isinstance(value, list):
            parts = [_copied(part, replace) if isinstance(part, nodes.Node) else part for part in value]
            setattr(copied, name, parts)
        else:
            setattr(copied, name, value)
    return copied


def _filter_of(chain: nodes.Filter, text: nodes.Expr) -> nodes.Expr:
    """``chain``, which filters a block's text, applied to ``text``."""
    inside = text if chain.node is None else _filter_of(chain.node, text)  # type: ignore[arg-type]  # it is a chain
    return nodes.Filter(inside, chain.name, chain.args, chain.kwargs, chain.dyn_args, chain.dyn_kwargs).set_lineno(
        chain.lineno
    )  # type: ignore[return-value]  # it gives back the same node


def _target(node: nodes.Node) -> Target:
    if isinstance(node, nodes.Tuple):
        return tuple(_target(item) for item in node.items)
    return node.name  # type: ignore[attr-defined, no-any-return]  # Jinja's grammar allows only names


def _stored_by(target: nodes.Node) -> set[str]:
    return {name.name for name in _each(target, nodes.Name)}


def _stored(body: Iterable[nodes.Node]) -> set[str]:
    """The names that ``body`` sets for what comes after it: not those within loops, macros and blocks."""
    names: set[str] = set()
    for node in body:
        if isinstance(node, nodes.Assign | nodes.AssignBlock):
            names |= _stored_by(node.target)
        elif isinstance(node, nodes.If):
            names |= _stored([*node.body, *node.elif_, *node.else_])
        elif isinstance(node, nodes.Macro):
            names.add(node.name)
        elif isinstance(node, nodes.Import):
            names.add(node.target)
        elif isinstance(node, nodes.FromImport):
            names |= {name if isinstance(name, str) else name[1] for name in node.names}
    return names
