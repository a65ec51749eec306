"""The YAML front matter of a message, between two lines of ``---``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches

from campaign.errors import BadInput, Problem
from campaign.files import yaml_positions
from campaign.files.yaml_positions import Node, shorten
from campaign.model.message import Source

_FENCE = "---"
_MOST_LINES = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(slots=True)
class Front:
    """What the front matter says, and ``body`` below it. ``problems`` is all that is wrong with it."""

    body: Source
    texts: dict[str, Source] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def text(self, key: str) -> Source:
        return self.texts.get(key, Source(self.body.file, "", self.body.line))


def split(text: str, file: str, *, keys: tuple[str, ...], where: str, nodes: tuple[str, ...] = ()) -> Front:
    """``text`` taken apart; ``keys`` are the keys that hold text, beside ``facts``, ``nodes`` those that hold more and
    are left as they are. The front matter may be missing."""
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        return Front(Source(file, text))
    end = next((at for at, line in enumerate(lines[1 : _MOST_LINES + 1], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        front = Front(Source(file, "\n".join(lines[1:]), 2))
        what = f"the front matter is not closed within {_MOST_LINES} lines"
        front.problems.append(Problem(file, 1, where, what, "put a line of --- below it"))
        return front
    front = Front(Source(file, "\n".join(lines[end + 1 :]), end + 2))
    if any(line.split("#", 1)[0].strip() for line in lines[1:end]):
        _read(front, "\n".join(["", *lines[1:end]]), file, keys, nodes, where)
    return front


def is_language(tag: str) -> bool:
    """Whether ``tag`` has the form of a BCP 47 language tag."""
    return _LANGUAGE.fullmatch(tag) is not None


def _read(front: Front, yaml: str, file: str, keys: tuple[str, ...], nodes: tuple[str, ...], where: str) -> None:
    try:
        root, problems = yaml_positions.compose(yaml, file)
    except BadInput as bad:
        front.problems += bad.problems
        return
    front.problems += problems
    if not isinstance(root.value, dict):
        front.problems.append(Problem(file, root.line, where, "this has no keys", "write one `key: value` a line"))
        return
    for key, node in root.value.items():
        line = root.key_lines[key]
        if key == "facts":
            _facts(front, node, file, line, where)
        elif key in nodes:
            front.nodes[key] = node
        elif key not in keys:
            known = (*keys, *nodes, "facts")
            near = get_close_matches(key, known, n=1)
            remedy = f'did you mean "{near[0]}"?' if near else f"it can hold {', '.join(known)}"
            front.problems.append(Problem(file, line, where, f'"{shorten(key)}" is not known here', remedy))
        elif isinstance(node.value, str) and node.value.strip():
            front.texts[key] = Source(file, node.value.strip(), node.line)
        else:
            front.problems.append(Problem(file, line, where, f'"{key}" holds no text', "write it, or remove the line"))
    language = front.texts.get("language")
    if language is not None and not is_language(language.text):
        what = f'"{shorten(language.text)}" is no language'
        front.problems.append(Problem(file, language.line, where, what, "write a tag such as en, es or pt-BR"))


def _facts(front: Front, node: Node, file: str, line: int, where: str) -> None:
    remedy = "write a list of `- {value: ..., source: ...}`"
    if not isinstance(node.value, list):
        front.problems.append(Problem(file, line, where, "facts is no list", remedy))
        return
    for fact in node.value:
        given = fact.value if isinstance(fact.value, dict) else {}
        value, source = (given.get(key, Node(fact.line, None)).value for key in ("value", "source"))
        if (
            isinstance(value, str)
            and isinstance(source, str)
            and value.strip()
            and len(given) == len(("value", "source"))
        ):
            front.facts[value.strip()] = source.strip()
        else:
            what = "a fact needs a value and a source, both text, and nothing else"
            front.problems.append(Problem(file, fact.line, where, what, remedy))
