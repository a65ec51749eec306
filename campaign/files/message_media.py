"""What a post's front matter says beside its text: how it is divided, and what it shows.

split: sentences
numbered: yes
media:
  - {file: media/crowd.jpg, alt: "People in front of the town hall", part: 1}
  - {card: quotation, text: "{{ letter.demands[0] }}", shape: square}
  - {card: figure, text: "{{ letter.signatories | count }}", says: "groups have signed"}
link_card:
  url: "{{ links.action }}"
  title: Read the letter
  text: It takes a minute.
  image: {file: media/letter.png, alt: "The letter's first page"}
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final, Literal, cast, get_args

from campaign.errors import Problem
from campaign.files import media
from campaign.files.message_front import Front
from campaign.files.yaml_positions import Node, shorten
from campaign.flow.fit_media import MOST_TOGETHER
from campaign.model.message import CardSource, LinkCardSource, MediaSource, Shape, Source
from campaign.rendering import check

TEXTS: Final = ("split", "numbered")
"""The keys here that hold text, for the front matter's reader."""
NODES: Final = ("media", "link_card")

_MOST_PARTS: Final = 100
_MOST_MEDIA: Final = 400
_MOST_TEMPLATE: Final = 10_000
_YES: Final = {"yes": True, "true": True, "no": False, "false": False}
_KINDS: Final = ("quotation", "figure")
_SHAPES: Final = get_args(Shape)
_FILE_KEYS: Final = ("file", "alt", "part")
_CARD_KEYS: Final = ("card", "text", "says", "shape", "part")
_LINK_KEYS: Final = ("url", "title", "text", "image", "part")


@dataclass(slots=True)
class Asked:
    """What a post asks for beside its text."""

    split: bool = False
    numbered: bool = False
    media: tuple[MediaSource, ...] = ()
    link_card: LinkCardSource | None = None


def read(front: Front, folder: Path, where: str) -> tuple[Asked, list[Problem]]:
    """What ``front`` asks for, and all that is wrong with it; ``folder`` is messages/."""
    reader = _Reader(front, folder, where)
    split = front.texts.get("split")
    if split is not None and split.text != "sentences":
        reader.add(split.line, f'"{shorten(split.text)}" is no way to split', "write `split: sentences`, or remove it")
    numbered = front.texts.get("numbered")
    if numbered is not None and numbered.text.lower() not in _YES:
        reader.add(numbered.line, f'numbered is "{shorten(numbered.text)}"', "write yes or no")
    asked = Asked(
        split=split is not None,
        numbered=numbered is not None and _YES.get(numbered.text.lower(), False),
        media=reader.media(front.nodes.get("media")),
        link_card=reader.link_card(front.nodes.get("link_card")),
    )
    return asked, reader.problems


@dataclass(slots=True)
class _Reader:
    front: Front
    folder: Path
    where: str
    problems: list[Problem] = field(default_factory=list)

    def add(self, line: int, what: str, remedy: str) -> None:
        self.problems.append(Problem(self.front.body.file, line, self.where, what, remedy))

    def media(self, node: Node | None) -> tuple[MediaSource, ...]:
        if node is None:
            return ()
        if not isinstance(node.value, list):
            self.add(node.line, "media is no list", "write one `- {file: ..., alt: ...}` a line below it")
            return ()
        if len(node.value) > _MOST_MEDIA:
            self.add(node.line, f"media has more than {_MOST_MEDIA} entries", "no thread is that long")
            return ()
        found = [one for one in (self._medium(item, with_part=True) for item in node.value) if one is not None]
        for part, count in Counter(one.part for one in found).items():
            if count > MOST_TOGETHER:
                line = [one.line for one in found if one.part == part][MOST_TOGETHER]
                what = f"part {part} shows {count} pictures or videos, and no network takes more than {MOST_TOGETHER}"
                self.add(line, what, "show the others in another part of a thread (part: 2)")
        return tuple(found)

    def link_card(self, node: Node | None) -> LinkCardSource | None:
        if node is None:
            return None
        given = self._mapping(node, _LINK_KEYS, "link_card", "write url:, title: and text: below it")
        if given is None:
            return None
        texts = {key: self._text(node, given, key, "the link card") for key in ("url", "title", "text")}
        image = self._medium(given["image"], with_part=False) if "image" in given else None
        part = self._part(given)
        url, title, text = texts["url"], texts["title"], texts["text"]
        if url is None or title is None or text is None:
            return None
        return LinkCardSource(node.line, url, title, text, image, part)

    def _medium(self, node: Node, *, with_part: bool) -> MediaSource | None:
        remedy = 'write `{file: media/NAME.jpg, alt: "what it shows"}` or `{card: quotation, text: "..."}`'
        keys = node.value if isinstance(node.value, dict) else {}
        if "file" in keys and "card" in keys:
            self.add(node.line, "this is both a file and a card", "make two entries of it")
            return None
        if keys and not {"file", "card"} & keys.keys():
            near = next((key for key in keys if get_close_matches(key, ("file", "card"), n=1)), None)
            if near is not None:
                meant = get_close_matches(near, ("file", "card"), n=1)[0]
                self.add(node.key_lines[near], f'"{shorten(near)}" is not known here', f'did you mean "{meant}"?')
            else:
                self.add(node.line, "this is neither a file nor a card", remedy)
            return None
        known = _CARD_KEYS if "card" in keys else _FILE_KEYS
        given = self._mapping(node, known if with_part else known[:-1], "the entry", remedy)
        if given is None:
            return None
        part = self._part(given) if with_part else 1
        return self._card(node, given, part) if "card" in given else self._file(node, given, part)

    def _file(self, node: Node, given: dict[str, Node], part: int) -> MediaSource | None:
        name = self._text(node, given, "file", "the picture")
        alt = self._text(
            node, given, "alt", "the picture or video", "describe what it shows to those who do not see it"
        )
        if name is None:
            return None
        try:
            digest = media.digest_of(self.folder, name.text)
        except media.Unusable as unusable:
            self.add(name.line, str(unusable), unusable.remedy)
            return None
        return None if alt is None else MediaSource(node.line, part, alt, name.text, digest)

    def _card(self, node: Node, given: dict[str, Node], part: int) -> MediaSource | None:
        kind = self._one_of(given, "card", _KINDS, "")
        shape = self._one_of(given, "shape", _SHAPES, "wide")
        text = self._text(node, given, "text", "the card")
        says = self._text(node, given, "says", "the figure", "say what it counts") if kind == "figure" else None
        if kind == "quotation" and "says" in given:
            self.add(given["says"].line, "a quotation says nothing but its text", "remove says:")
        if not kind or text is None or (kind == "figure" and says is None):
            return None
        card = CardSource(cast(Literal["quotation", "figure"], kind), text, says, cast(Shape, shape or "wide"))
        return MediaSource(node.line, part, card=card)

    def _mapping(self, node: Node, known: tuple[str, ...], name: str, remedy: str) -> dict[str, Node] | None:
        if not isinstance(node.value, dict):
            self.add(node.line, f"{name} has no keys here", remedy)
            return None
        for key in node.value:
            if key not in known:
                near = get_close_matches(key, known, n=1)
                hint = f'did you mean "{near[0]}"?' if near else f"it can hold {', '.join(known)}"
                self.add(node.key_lines[key], f'"{shorten(key)}" is not known here', hint)
        return {key: value for key, value in node.value.items() if key in known}

    def _text(self, node: Node, given: dict[str, Node], key: str, of: str, remedy: str = "write it") -> Source | None:
        """The template under ``key``; None, with the problem noted, where there is none."""
        found = given.get(key)
        name = "alternative text" if key == "alt" else key
        if found is None or not isinstance(found.value, str) or not found.value.strip():
            self.add(node.line if found is None else found.line, f"{of} has no {name}", f"{remedy}: `{key}: ...`")
            return None
        if len(found.value) > _MOST_TEMPLATE:
            self.add(found.line, f"the {name} has over {_MOST_TEMPLATE:,} characters", "shorten it")
            return None
        source = Source(self.front.body.file, found.value.strip(), found.line)
        if key != "file":
            self.problems += check.syntax(source, where=self.where)
        return source

    def _one_of(self, given: dict[str, Node], key: str, known: tuple[str, ...], default: str) -> str:
        node = given.get(key)
        if node is None:
            return default
        if isinstance(node.value, str) and node.value in known:
            return node.value
        near = get_close_matches(str(node.value), known, n=1) if isinstance(node.value, str) else []
        remedy = f'did you mean "{near[0]}"?' if near else f"it can be {', '.join(known)}"
        self.add(node.line, f'{key} is "{shorten(str(node.value))}"', remedy)
        return ""

    def _part(self, given: dict[str, Node]) -> int:
        node = given.get("part")
        if node is None:
            return 1
        written = node.value if isinstance(node.value, str) else ""
        if written.isascii() and written.isdigit() and len(written) <= 3 and 1 <= int(written) <= _MOST_PARTS:  # noqa: PLR2004 - digits of _MOST_PARTS
            return int(written)
        self.add(node.line, f'part is "{shorten(str(node.value))}"', f"write a number from 1 to {_MOST_PARTS}")
        return 1
