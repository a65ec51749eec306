"""What a text part is made from: the words of an HTML part, with marks where its markup says something of their place.

``tidied`` turns marks into line breaks, bullets and addresses. It looks no further than from one visible character to
the next, so a text may be cut at any of them (outside links and headings) and tidied piece by piece: what is the same
for everybody once, and what holds a value when the value is known.
"""

from __future__ import annotations

import re
from html import unescape
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

from campaign.rendering.escaping import escaped

PARAGRAPH: Final = "\x01"
LINE: Final = "\x02"
BREAK: Final = "\x14"
"""A line break that was written as one; two of them end a paragraph."""
ITEM: Final = "\x03"
BULLET_END: Final = "\x13"
"""A list's item begins with ITEM, its bullet and BULLET_END."""
ITEM_END: Final = "\x04"
CELL: Final = "\x05"
COLON: Final = "\x06"
"""Between two cells of a table; COLON after one that is a heading."""
START: Final = "\x07"
END: Final = "\x08"
LINK: Final = "\x0e"
HREF: Final = "\x0f"
LINK_END: Final = "\x10"
"""A link is LINK, its words, HREF, its address and LINK_END."""
HEADING: Final = "\x11"
HEADING_END: Final = "\x12"

_UNSEEN: Final = {
    **dict.fromkeys((*range(1, 9), *range(14, 28), 127), " "),
    **dict.fromkeys((0, 0xAD, 0x200B, 0x2060, 0xFEFF)),
}
_GAP: Final = r"(?:[\s\x01\x02\x04-\x08\x14]|\x03[^\x13]*\x13)+"
_LINK: Final = r"\x0e[^\x0e\x0f\x10]*\x0f[^\x0e\x0f\x10]*\x10"
_ANY_GAP: Final = re.compile(_GAP)
_AT_START: Final = re.compile(rf"\A{_GAP}")
_AT_END: Final = re.compile(rf"{_GAP}\Z")
_PARTS: Final = re.compile(rf"({_LINK})")
_CLUSTERS: Final = re.compile(rf"(?:{_GAP})?(?:{_LINK}(?:{_GAP})?)+|{_GAP}")
_HEADINGS: Final = re.compile(r"\x11([^\x11\x12]*)\x12")
_WORDS: Final = re.compile(r"\x0f[^\x10]*\x10|[^\x0f]+")
_TO_DO: Final = re.compile(r"[\x01-\x08\x0e-\x14]|\s\s|[^\S ]")
_SCHEME: Final = re.compile(r"(?:https?://)?(?:www\.)?", re.IGNORECASE)
_NOT_SHOWN: Final = re.compile(r"#|\{|(?:javascript|data|cid|about|file):", re.IGNORECASE)


def clean(text: str) -> str:
    """``text`` without what could be taken for a mark, and without characters that nobody sees."""
    return text if text.isprintable() else text.translate(_UNSEEN)


def plain(value: Any) -> str:
    """A supporter's value as text. What a template marked as HTML is read as such; nothing else is."""
    if type(value) is str:
        return clean(value)
    return clean(unescape(escaped(value)) if hasattr(value, "__html__") else str(value))


def tidied(text: str) -> str:
    """``text`` with single spaces, its marks written out as line breaks, bullets and addresses."""
    if _TO_DO.search(text) is None:
        return text
    found = 1 if HEADING in text else 0
    while found:
        text, found = _HEADINGS.subn(_capitals, text)
    return _CLUSTERS.sub(_cluster, text)


def _capitals(heading: re.Match[str]) -> str:
    return _WORDS.sub(lambda part: part[0] if part[0][0] == HREF else part[0].upper(), heading[1])


def _cluster(match: re.Match[str]) -> str:
    """A stretch without visible words: white space and breaks, and links that have no words between them."""
    if LINK not in match[0]:
        return _between(match[0])
    gaps, links = _taken_apart(match[0])
    if not links:
        return _between(gaps[0])
    broken = [bool(_breaks(gap)) for gap in gaps]
    written = [_between(gaps[0])]
    first = 0
    while first < len(links):
        last = first
        while last + 1 < len(links) and not broken[last + 1]:
            last += 1
        alone = broken[first] and broken[last + 1]  # nothing else stands on the line
        for at in range(first, last + 1):
            words, address = links[at]
            if not alone:
                written.append(_inline(words, address))
                written.append(_between(gaps[at + 1]))
                continue
            roomy = first == last and _breaks(gaps[at]) == PARAGRAPH
            written.append(_draft(words, address) if roomy else _shown(words, address, ": "))
            written.append(_between(gaps[at + 1]) if at == last else "\n")
        first = last + 1
    return "".join(written)


def _taken_apart(cluster: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The gaps and the links between them. White space at a link's ends belongs outside; a link without words and
    address is none."""
    gaps, links = [""], []
    for number, part in enumerate(_PARTS.split(cluster)):
        if number % 2 == 0:
            gaps[-1] += part
            continue
        words, _, address = part[1:-1].partition(HREF)
        before, after = _AT_START.search(words), _AT_END.search(words)
        words, address = _ANY_GAP.sub(" ", words).strip(), address.strip()
        if _NOT_SHOWN.match(address):
            address = ""
        gaps[-1] += before[0] if before else ""
        if words or address:
            links.append((words, address))
            gaps.append("")
        gaps[-1] += after[0] if after else ""
    return gaps, links


def _breaks(gap: str) -> str:
    """How a gap breaks the text: PARAGRAPH, LINE, ITEM or not at all."""
    breaks, bullet = _bullet(gap)
    if bullet:
        return ITEM
    return PARAGRAPH if START in breaks or END in breaks else _widest(breaks)


def _bullet(gap: str) -> tuple[str, str]:
    """What decides how the gap breaks, and the bullet that stands at its end, if any: not one of an empty item."""
    before, item, after = gap.rpartition(ITEM)
    bullet, _, rest = after.partition(BULLET_END)
    return (before, bullet) if item and ITEM_END not in rest and END not in rest else (gap, "")


def _widest(breaks: str) -> str:
    if PARAGRAPH in breaks or breaks.count(BREAK) > 1:
        return PARAGRAPH
    return LINE if LINE in breaks or BREAK in breaks else ""


def _between(gap: str) -> str:
    """What a gap is in the text."""
    breaks, bullet = _bullet(gap)
    if START in breaks or END in breaks:
        return bullet if START in breaks else "\n"
    widest = _widest(breaks)
    if widest or bullet:
        return ("\n\n" if widest == PARAGRAPH else "\n") + bullet
    if COLON in breaks:
        return ": "
    return " | " if CELL in breaks else " " if gap else ""


def _inline(words: str, address: str) -> str:
    shown = _address(address)
    if not shown or not words or _same(words, shown):
        return shown or words
    return f"{words} ({shown})"


def _shown(words: str, address: str, between: str) -> str:
    shown = _address(address)
    if not shown or not words or _same(words, shown):
        return shown or words
    return f"{words.rstrip(':')}{between}{shown}"


def _draft(words: str, address: str) -> str:
    """A link that has a paragraph to itself; one to a mail that is written already, with the mail."""
    shown = _shown(words, address, ":\n")
    if not address.lower().startswith("mailto:"):
        return shown
    fields = parse_qs(address.partition("?")[2].replace("+", "%2B"))
    parts = [clean_lines(fields[name][0]) for name in ("subject", "body") if fields.get(name)]
    return "\n\n".join([shown, *parts])


def clean_lines(text: str) -> str:
    """``text`` line by line, as ``clean`` leaves each line."""
    return "\n".join(clean(line).rstrip() for line in text.splitlines()).strip()


def _address(address: str) -> str:
    """A link's address as a reader needs it: of a mail or a telephone, who it reaches."""
    scheme, colon, rest = address.partition(":")
    if colon and scheme.lower() in ("mailto", "tel", "sms"):
        return clean(unquote(rest.partition("?")[0])).strip()
    return address


def _same(words: str, address: str) -> bool:
    """Whether a link's words are its address: without what leads to the web, or what counts its readers."""
    bare = _SCHEME.sub("", words, count=1).rstrip("/").casefold()
    if bare == _SCHEME.sub("", address, count=1).rstrip("/").casefold():
        return True
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return bare == _SCHEME.sub("", f"{parts.netloc}{parts.path}", count=1).rstrip("/").casefold()
