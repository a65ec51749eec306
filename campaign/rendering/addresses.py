"""Which values may stand in a link's address: none that could lead a reader elsewhere or change the query."""

from __future__ import annotations

from jinja2 import nodes

from campaign.rendering.later import UNSUBSCRIBE_URL, Captured, Choice, Constant, Residual


def may_begin(captured: Captured) -> bool:
    """Whether an address may begin with this: our own links, in whatever way they are chosen."""
    match captured:
        case Constant():
            return True
        case Choice(_, yes, no):
            return may_begin(yes) and may_begin(no)
        case Residual(code, values):
            return _is_ours(code.node, dict(zip(code.names, values, strict=True)))
        case _:
            return captured == UNSUBSCRIBE_URL


def may_continue(captured: Captured) -> bool:
    """Whether this may stand further on in an address: our own links too, and what is percent-encoded."""
    if isinstance(captured, Residual) and isinstance(captured.code.node, nodes.Filter):
        return captured.code.node.name == "urlencode" or may_begin(captured)
    if isinstance(captured, Choice):
        return may_continue(captured.yes) and may_continue(captured.no)
    return may_begin(captured)


def _is_ours(node: nodes.Node, values: dict[str, Captured]) -> bool:  # noqa: PLR0911 - one answer a kind of node
    match node:
        case nodes.Const():
            return True
        case nodes.Name():
            return node.name in values and may_begin(values[node.name])
        case nodes.Getattr() | nodes.Getitem():
            return _is_constant(node.node, values)
        case nodes.Call():  # a helper such as share.mailto encodes what it is given
            return isinstance(node.node, nodes.Getattr) and _is_constant(node.node.node, values)
        case nodes.CondExpr():
            return _is_ours(node.expr1, values) and (node.expr2 is None or _is_ours(node.expr2, values))
        case nodes.And() | nodes.Or():
            return _is_ours(node.left, values) and _is_ours(node.right, values)
        case nodes.Concat():
            return _is_ours(node.nodes[0], values) and all(
                _is_ours(part, values) or (isinstance(part, nodes.Filter) and part.name == "urlencode")
                for part in node.nodes[1:]
            )
        case _:
            return False


def _is_constant(node: nodes.Node, values: dict[str, Captured]) -> bool:
    while isinstance(node, nodes.Getattr):
        node = node.node
    return isinstance(node, nodes.Name) and isinstance(values.get(node.name), Constant)
