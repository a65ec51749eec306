"""What of a supporter a message shows, and who they would be if it were all known.

A merge field that writes nothing and one that falls back on other words look alike from outside: in both, something is
blank. They are told by rendering for the same person once more, with a mark in the place of each blank: what differs
then comes from the blank, and whether the mark takes the place of nothing or of other words says which it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import unescape
from typing import Final, Literal

from jinja2 import nodes

from campaign.model.supporter import Supporter

MARK: Final = "Qzjxvkw"
"""What stands for something that is not known of somebody. Letters alone: no escaping or encoding changes it."""
TEXTS: Final = ("first_name", "last_name", "language", "zone", "country", "region", "postal_code")

_MARK: Final = re.compile(re.escape(MARK), re.IGNORECASE)
_TAG: Final = re.compile(r"<[^>]*>")
_SHOWN: Final = 60

Kind = Literal["blank", "fall-back", "left out"]


@dataclass(frozen=True, slots=True)
class Shows:
    """What a message's templates read of a supporter: names of ``TEXTS``, and keys of ``extra``.

    It may name more than is shown, where something else has an attribute of the same name; never less, but for what
    is reached by a name that is worked out, such as in a loop over ``extra``.
    """

    texts: tuple[str, ...]
    extra: tuple[str, ...]

    def lacks(self) -> Callable[[Supporter], bool]:
        """Whether any of it is blank for somebody; for a million people, so it is made once."""
        texts, extra = self.texts, self.extra

        def blank(person: Supporter) -> bool:
            for name in texts:
                if not getattr(person, name).strip():
                    return True
            return any(not person.extra.get(key, "").strip() for key in extra)

        return blank


def shown(templates: Mapping[str, nodes.Template]) -> Shows:
    """What ``templates``, parsed, read of a supporter, under whatever name they pass one on."""
    texts: dict[str, None] = {}
    extra: dict[str, None] = {}
    for tree in templates.values():
        for node in (*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)):
            name = _name(node)
            if name in TEXTS:
                texts[name] = None
            elif name and _name(getattr(node, "node", node)) == "extra":
                extra[name] = None
    return Shows(tuple(texts), tuple(extra))


def _name(node: nodes.Node) -> str:
    """The attribute or key that ``node`` takes, where it is written out."""
    if isinstance(node, nodes.Getattr):
        return node.attr
    if isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        return str(node.arg.value)
    return ""


class _Known(dict[str, str]):
    """Somebody's further columns, in which none is missing."""

    def __missing__(self, key: str) -> str:
        return MARK


def if_known(person: Supporter) -> Supporter:
    """``person`` with the mark wherever something is blank."""
    texts = {name: getattr(person, name) if getattr(person, name).strip() else MARK for name in TEXTS}
    return Supporter(
        id=person.id,
        email=person.email,
        tags=person.tags,
        consent=person.consent,
        acted_at=person.acted_at,
        extra=_Known({key: value if value.strip() else MARK for key, value in person.extra.items()}),
        **texts,
    )


def told_apart(written: str, if_known: str, *, optional: bool) -> tuple[Kind, str] | None:
    """What became of a blank in a field that writes ``written``, and ``if_known`` were nothing blank.

    ``optional`` fields are conditionals and loops: they may write nothing. Second is what stands in its place, for
    people. None where the field does not depend on what is blank.
    """
    if written == if_known:
        return None
    plain, marked = _plain(written), _plain(if_known)
    if not plain:
        if not marked:
            return None
        return ("left out" if optional else "blank"), ""
    if " ".join(_MARK.sub("", marked).split()).casefold() == plain.casefold():
        return "blank", _around(marked)
    return "fall-back", _differing(plain, marked)


def _plain(text: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", text)).split()) if text else ""


def _around(marked: str) -> str:
    """The words about the mark, with dots where somebody sees nothing."""
    found = _MARK.search(marked)
    if found is None:
        return ""
    start, end = max(found.start() - _SHOWN // 3, 0), found.end() + _SHOWN // 3
    words = _MARK.sub("\N{OPEN BOX}", marked[start:end]).strip()
    return "" if words == "\N{OPEN BOX}" else words


def _differing(plain: str, marked: str) -> str:
    """What stands in ``plain`` where ``marked`` says something else."""
    start = 0
    while start < min(len(plain), len(marked)) and plain[start] == marked[start]:
        start += 1
    end = 0
    while end < min(len(plain), len(marked)) - start and plain[-1 - end] == marked[-1 - end]:
        end += 1
    words = plain[start : len(plain) - end].strip() or plain
    return words if len(words) <= _SHOWN else f"{words[: _SHOWN - 1]}…"
