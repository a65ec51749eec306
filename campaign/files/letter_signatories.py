# ruff: noqa: RUF001 -- typographic quotation marks and dashes are what this file is about
"""Who signed a letter, from the lines below its closing, spelled as they signed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from campaign.files.letter_lines import Kind, Line
from campaign.files.letter_people import begins_with_role, is_body, is_person, is_place, is_role, parts
from campaign.model.letter import Signatory

_NOT_A_NAME = re.compile(
    r"(?:cc|bcc|p\.?\s?s|p\.?\s?d|encl?|enclosures?|(?:press |media )?contact|tel|phone|fax|e-?mail|contacto)\s*[.:].*"
    r"|\S+@\S+|https?://\S+|and \d[\d,.]* (?:others?|more)\b.*|\d+|\W+",
    re.IGNORECASE,
)
_SUBHEADING = re.compile(r".{1,80}:")
_BY_HAND = re.compile(r"(?:/s/|_{2,})\s*", re.IGNORECASE)
_SENTENCE = re.compile(r"\b[a-zà-ÿ]{2,}\s[a-zà-ÿ]{2,}\s[a-zà-ÿ]{2,}\b.*[.!]")
_IN_PARENTHESES = re.compile(r"(?P<name>[^()]{3,80}?)\s*\((?P<rest>[^()]{3,150})\)")
_DASHED = re.compile(r"(?P<name>.{3,60}?)\s+[–—-]\s+(?P<rest>.{3,150})")
_LAST_OF_LIST = re.compile(r"(?:and|y|e|&)\s+(?=[^\W_])")
_TWO_LAST = re.compile(r"(?P<one>.{2,150}?)\s+(?:and|y)\s+(?P<other>[^\W\d_a-z]\S*(?:\s\S+)+)")
_LONGEST_NAME = 300
_RUN_ON = 2.5
_LIST_OF = 3
_MOST_IN_STACK = 5
_TALL = 3


def signatories(signed: Sequence[Line]) -> tuple[Signatory, ...]:
    """Those who signed, in order.

    One on each line, or a name with title and organisation on the lines below it, or run together and divided by
    commas or semicolons. A name that holds a comma or a dash stays whole: it is divided only where what follows a
    person's name is plainly a title, or where most lines are a person and an organisation.
    """
    blocks = list(_blocks(signed))
    lines = list(chain.from_iterable(blocks))
    if not lines:
        return ()
    if (mark := _run_together(lines)) is not None:
        return tuple(_listed(lines, mark))
    if _are_stacks(blocks):
        return tuple(chain.from_iterable(_stack(block) for block in blocks))
    return tuple(_by_line(lines))


def _blocks(signed: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines that may hold names, in the groups that blank lines make."""
    block: list[Line] = []
    for line in signed:
        if line.kind in (Kind.BLANK, Kind.RULE, Kind.HEADING):
            if block:
                yield block
            block = []
        elif not _is_no_name(line.text):
            if block and _BY_HAND.sub("", block[-1].text) == line.text:
                block.pop()  # "/s/ Jane Doe" above "Jane Doe"
            block.append(line)
    if block:
        yield block


def _is_no_name(text: str) -> bool:
    if len(text) > _LONGEST_NAME and ";" not in text and text.count(",") < _LIST_OF:
        return True
    return bool(_NOT_A_NAME.fullmatch(text) or _SUBHEADING.fullmatch(text) or _SENTENCE.search(text))


def _run_together(lines: Sequence[Line]) -> str | None:
    """What divides names that are run together in a paragraph; None where each has a line of its own."""
    for mark in ";,":
        pieces = [parts(line.text, mark) for line in lines]
        tails = [tail for found in pieces for tail in found[1:]]
        if not tails or any(begins_with_role(tail) for tail in tails if mark == "," or len(lines) > 1):
            continue
        total = sum(map(len, pieces))
        if (mark == ";" and total > len(lines)) or total >= max(_LIST_OF, _RUN_ON * len(lines)):
            return mark
    return None


def _listed(lines: Sequence[Line], mark: str) -> Iterator[Signatory]:
    """The names of a paragraph, each with the line it begins on."""
    text = " ".join(line.text for line in lines)
    pieces = parts(text.rstrip(" .,;"), mark)
    begins: list[tuple[int, int]] = []
    length = 0
    for line in lines:
        begins.append((length, line.number))
        length += len(line.text) + 1
    at = current = 0
    for index, piece in enumerate(pieces):
        at = max(at, text.find(piece, at))
        while current + 1 < len(begins) and begins[current + 1][0] <= at:
            current += 1
        for name in _names(piece, last=index == len(pieces) - 1):
            yield _person(name, begins[current][1], affiliated=mark == ";")
        at += len(piece)


def _names(piece: str, *, last: bool) -> list[str]:
    """``piece`` of a list without the "and" before it; the last one may be two names joined by "and"."""
    if joined := _LAST_OF_LIST.match(piece):
        return [piece[joined.end() :]]
    if last and (two := _TWO_LAST.fullmatch(piece)):
        return [two["one"], two["other"]]
    return [piece]


def _are_stacks(blocks: Sequence[Sequence[Line]]) -> bool:
    """Whether each block is one person: a name, and below it what they do and where."""
    tall = [block for block in blocks if 1 < len(block) <= _MOST_IN_STACK]
    told = [block for block in tall if _heads_stack(block)]
    return bool(told) and len(told) * 2 >= len(tall) and len(tall) * 2 >= len(blocks)


def _heads_stack(block: Sequence[Line]) -> bool:
    """A person, and below a title, or nothing but an organisation."""
    if not is_person(parts(block[0].text)[0]):
        return False
    below = [line.text for line in block[1:]]
    return sum(map(begins_with_role, below)) == 1 or (len(below) == 1 and is_body(below[0]))


def _stack(block: Sequence[Line]) -> Iterator[Signatory]:
    if len(block) > 1 and not _heads_stack(block):
        yield from _by_line(block)
        return
    title: list[str] = []
    organisation: list[str] = []
    for line in block[1:]:
        if begins_with_role(line.text) and not title:
            does, where = _title_and_organisation(parts(line.text))
            title.append(does)
            organisation += [where] if where else []
        elif not is_place(line.text):
            organisation.append(line.text)
    head = _person(block[0].text, block[0].number, affiliated=True)
    yield Signatory(
        name=head.name,
        line=head.line,
        title=", ".join(filter(None, [head.title, *title])),
        organisation=", ".join(filter(None, [head.organisation, *organisation])),
    )


def _by_line(lines: Sequence[Line]) -> Iterator[Signatory]:
    """One name a line; a title on the next line, and an organisation on the one after, belong to the name above."""
    pieces = [parts(line.text) for line in lines]
    people = sum(len(found) > 1 and is_person(found[0]) for found in pieces)
    affiliated = people * 2 >= len(lines)
    titles = [at for at in range(1, len(lines)) if _is_title_of(lines[at - 1].text, lines[at].text)]
    height = _TALL if len(titles) * _TALL == len(lines) and titles == list(range(1, len(lines), _TALL)) else 2
    at = 0
    while at < len(lines):
        if at + 1 in titles:
            yield from _stack(lines[at : at + height])
            at += height
        else:
            yield _person(lines[at].text, lines[at].number, affiliated=affiliated)
            at += 1


def _is_title_of(name: str, below: str) -> bool:
    return is_person(parts(name)[0]) and begins_with_role(below) and not begins_with_role(name) and not is_body(name)


def _person(text: str, line: int, *, affiliated: bool) -> Signatory:
    """One signature. ``affiliated`` says that what follows a person's name is where they belong, title or not."""
    by_hand = _BY_HAND.match(text)
    text = text[by_hand.end() :] if by_hand else text
    pieces = parts(text) if ";" not in text else parts(text, ";")
    if len(pieces) > 1 and is_person(pieces[0]):
        follows = pieces[1]
        if is_role(follows) or (affiliated and (is_body(follows) or len(follows.split()) > 1)):
            title, organisation = _title_and_organisation(pieces[1:])
            return Signatory(name=pieces[0], line=line, title=title, organisation=organisation)
    for pattern in (_DASHED, _IN_PARENTHESES):
        match = pattern.fullmatch(text)
        if match and is_person(match["name"]) and begins_with_role(match["rest"]):
            title, organisation = _title_and_organisation(parts(match["rest"]))
            return Signatory(name=match["name"], line=line, title=title, organisation=organisation)
    return Signatory(name=text.rstrip(",;"), line=line)


def _title_and_organisation(pieces: Sequence[str]) -> tuple[str, str]:
    """Titles come first; from the first piece that is none, it is the organisation."""
    first = next((at for at, piece in enumerate(pieces) if not is_role(piece) or (at and is_body(piece))), len(pieces))
    return ", ".join(pieces[:first]), ", ".join(pieces[first:])
