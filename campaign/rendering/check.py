"""Finds names and attributes that do not exist, wherever in a template they stand, without rendering it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import Any, Final

from jinja2 import TemplateError, TemplateNotFound, meta, nodes

from campaign.errors import Problem
from campaign.model.message import Source
from campaign.model.supporter import Consent, Supporter
from campaign.rendering import plainly
from campaign.rendering.environment import Strict
from campaign.rendering.problems import from_error, meant

_OF_JINJA: Final = frozenset({"loop", "caller", "self", "super", "varargs", "kwargs"})
_SUPPORTER: Final = frozenset(field.name for field in fields(Supporter))
_CONSENT: Final = frozenset(field.name for field in fields(Consent))
_ALONE: Final = "<template>"
_FORGIVING: Final = frozenset({"default", "d"})


def family(environment: Strict, main: str) -> dict[str, nodes.Template]:
    """``main`` and every template that it extends, includes or imports by a fixed name, parsed, by name.

    Raises jinja2.TemplateError where one is missing or cannot be read.
    """
    found: dict[str, nodes.Template] = {}
    waiting = [main]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = parsed(environment, name)
        waiting += [wanted for wanted in meta.find_referenced_templates(found[name]) if wanted is not None]
    return found


def syntax(source: Source, *, where: str) -> list[Problem]:
    """What keeps a template from being read at all: tags that do not close, filters that do not exist."""
    if plainly.only_names(source.text):
        return []
    environment = Strict({_ALONE: source}, language="en", autoescape=False)
    try:
        environment.compile(source.text, name=_ALONE, raw=True)
    except (TemplateError, RecursionError, OverflowError, ValueError) as error:
        return [from_error(error, sources=environment.sources, main=_ALONE, where=where)]
    return []


def parsed(environment: Strict, name: str) -> nodes.Template:
    """A template's syntax tree, which is shared: nobody may change it."""
    if name not in environment.sources:
        raise TemplateNotFound(name)
    return _tree(environment.sources[name].text, name, bool(environment.autoescape))


@lru_cache(maxsize=256)
def _tree(text: str, name: str, autoescape: bool) -> nodes.Template:  # noqa: FBT001 - a key
    """Languages have the same filters under the same names, so that a tree is that of any."""
    return Strict({}, language="en", autoescape=autoescape).parse(text, name=name)


def macros(templates: Iterable[nodes.Template]) -> frozenset[str]:
    """The names under which macros of ``templates`` may be called."""
    names: set[str] = set()
    for template in templates:
        names |= {macro.name for macro in template.find_all(nodes.Macro)}
        for imported in template.find_all(nodes.FromImport):
            names |= {name if isinstance(name, str) else name[1] for name in imported.names}
    return frozenset(names)


def unknown_names(
    environment: Strict, templates: Mapping[str, nodes.Template], *, values: Mapping[str, Any], where: str
) -> list[Problem]:
    """Every name in a family of templates that nothing gives a value, and every attribute that does not exist."""
    stored = {name.name for tree in templates.values() for name in tree.find_all(nodes.Name) if name.ctx != "load"}
    stored |= macros(templates.values()) | {
        imported.target for tree in templates.values() for imported in tree.find_all(nodes.Import)
    }
    asked = {written for tree in templates.values() for written in _asked_for(tree)}
    problems = []
    for name, tree in templates.items():
        source = environment.sources[name]
        for line, what, remedy in _unknown_in(environment, tree, stored=stored, asked=asked, values=values):
            problems.append(Problem(source.file, source.line + line - 1, where, what, remedy))
    return problems


def _unknown_in(
    environment: Strict, tree: nodes.Template, *, stored: set[str], asked: set[str], values: Mapping[str, Any]
) -> Iterator[tuple[int, str, str]]:
    names = {name for name in values if name.isidentifier()}
    try:
        undeclared = _undeclared(tree) - stored - names - _OF_JINJA
    except TemplateError as error:  # an unknown filter or test is found only when code is made
        yield getattr(error, "lineno", 1) or 1, error.message or str(error), "docs/rendering.md lists the filters"
        return
    for name in tree.find_all(nodes.Name):
        if name.name in undeclared - asked:
            remedy = meant(name.name, names | stored | set(environment.globals))
            yield name.lineno, f'there is no "{name.name}"', remedy
    for node in tree.find_all(nodes.Getattr):
        if _root(node) in stored or _written(node) in asked:
            continue
        known = _attributes_of(node.node, values)
        if known is not None and node.attr not in known:
            yield node.lineno, f'"{_written(node.node)}" has no "{node.attr}"', meant(node.attr, known)


@lru_cache(maxsize=256)
def _undeclared(tree: nodes.Template) -> frozenset[str]:
    """What a tree takes from outside, found by making its code: once, since trees are shared."""
    return frozenset(meta.find_undeclared_variables(tree))


def _asked_for(tree: nodes.Template) -> Iterator[str]:
    """What templates ask for with ``is defined`` or ``default``: it may be there or not, and they see to that."""
    for test in tree.find_all(nodes.Test):
        if test.name in ("defined", "undefined"):
            yield _written(test.node)
    for filtered in tree.find_all(nodes.Filter):
        if filtered.name in _FORGIVING and filtered.node is not None:
            yield _written(filtered.node)


def _attributes_of(node: nodes.Node, values: Mapping[str, Any]) -> frozenset[str] | None:
    """The attributes of what ``node`` says, where that is certain without rendering."""
    match _written(node):
        case "supporter":
            return _SUPPORTER
        case "supporter.consent":
            return _CONSENT
        case "":
            return None
        case path:
            first, *rest = path.split(".")
            if first not in values or first == "supporter":
                return None
            value = values[first]
            for attribute in rest:
                known = _attributes(value)
                if known is None or attribute not in known:
                    return None
                value = value[attribute] if isinstance(value, Mapping) else getattr(value, attribute)
            return _attributes(value)


def _attributes(value: Any) -> frozenset[str] | None:
    if isinstance(value, Mapping):
        return frozenset(map(str, value)) | {name for name in dir(value) if name[0] != "_"}
    if is_dataclass(value):
        return frozenset(name for name in dir(value) if name[0] != "_")
    return None


def _root(node: nodes.Node) -> str:
    return _written(node).partition(".")[0]


def _written(node: nodes.Node) -> str:
    """``node`` as its writer wrote it, where it is a name and attributes; empty where it is more."""
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        before = _written(node.node)
        return f"{before}.{node.attr}" if before else ""
    return ""
