"""preflight, on a mail as one person gets it: its links, its pictures, and what the law wants to stand in it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from ipaddress import ip_address
from typing import Literal
from urllib.parse import urlsplit

from campaign.model.plan import Plan
from campaign.rendering import share
from campaign.rendering.links import addresses_in

Severity = Literal["error", "warning", "note"]

PLACEHOLDERS = ("{{", "}}", "{%", "*|", "%%", "[[", "<%", "${", "%7B%7B")
"""How merge fields of other programs begin: where one is left in a mail, nobody has filled it."""

_UNWRITTEN = re.compile(r"(?i:\blorem ipsum\b|\[(?:first|last|full|your)[ _-]?name\])|\b(?:TODO:|TKTK|FIXME)")
"""What a writer leaves for later. "TODO" alone is a word in Spanish."""
_HIDDEN = frozenset({"head", "style", "script", "title"})
_LONGEST_URL = 2_000
"""What every browser and mail program takes."""


DUTIES = ("postal address", "unsubscribe")
"""Kinds of faults: what a mail must have for whoever gets it."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong with one mail. ``kind`` is one of the few kinds by which the report is laid out."""

    severity: Severity
    kind: str
    what: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Markup:
    """What an HTML part holds: addresses of its links, sources of pictures without ``alt``, and the visible words."""

    links: tuple[str, ...]
    without_alt: tuple[str, ...]
    visible: str


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: dict[str, None] = {}
        self.without_alt: dict[str, None] = {}
        self.words: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in reversed(attrs)}
        if tag in ("a", "area") and "href" in given:
            self.links[given["href"].strip()] = None
        elif tag == "img" and "alt" not in given:
            self.without_alt[given.get("src", "")] = None
        elif tag in _HIDDEN:
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.words.append(data)


def read_html(html: str) -> Markup:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Markup(tuple(reader.links), tuple(reader.without_alt), _folded(" ".join(reader.words)))


def _folded(text: str) -> str:
    return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Rules:
    """What links are held to. ``unsubscribe_url`` is the person's own; ``known`` hosts stand in the plan."""

    known: frozenset[str]
    untagged: frozenset[str]
    unsubscribe_url: str
    postal_address: str

    @classmethod
    def of(cls, plan: Plan, unsubscribe_url: str) -> Rules:
        untagged = frozenset(host.lower() for host in plan.untagged) | share.HOSTS
        return cls(
            known=frozenset(_host(url) for url in plan.links.values()) | untagged,
            untagged=untagged,
            unsubscribe_url=unsubscribe_url,
            postal_address=_folded(plan.sender.postal_address) if plan.sender else "",
        )

    def faults(self, *, subject: str, html: str, text: str) -> Iterator[Fault]:
        """Everything that is wrong with this mail, each once."""
        markup = read_html(html)
        found: dict[Fault, None] = {}
        for url in (*markup.links, *addresses_in(text)):
            if url != self.unsubscribe_url:
                found.update(dict.fromkeys(self.of_link(url)))
        for source in markup.without_alt:
            shown = source if len(source) < 80 else source[:77] + "..."  # noqa: PLR2004 - a line of a screen
            found[Fault("error", "picture", f"picture without alt text: {shown}", 'give it alt="...", or alt=""')] = (
                None
            )
        for part, words in (("subject", subject), ("HTML", markup.visible), ("text", text)):
            found.update(dict.fromkeys(_left_over(part, words)))
        found.update(dict.fromkeys(self._duties(markup, text)))
        yield from found

    def _duties(self, markup: Markup, text: str) -> Iterator[Fault]:
        """What CAN-SPAM and Gmail's rules want in each part: a reader sees one of the two."""
        parts = (
            ("HTML", markup.visible, self.unsubscribe_url in markup.links),
            ("text", _folded(text), self.unsubscribe_url in text),
        )
        for part, words, leads_out in parts:
            if not self.postal_address or self.postal_address not in words:
                remedy = "put {{ campaign.postal_address }} into it, outside of any condition (CAN-SPAM)"
                yield Fault("error", "postal address", f"the {part} part does not show the postal address", remedy)
            if not leads_out:
                remedy = "put {{ unsubscribe_url }} into it, outside of any condition"
                yield Fault("error", "unsubscribe", f"the {part} part has no link to unsubscribe", remedy)

    def of_link(self, url: str) -> Iterator[Fault]:
        """What is wrong with the address of a link."""
        shown = url if len(url) < 100 else url[:97] + "..."  # noqa: PLR2004 - a line of a screen
        wrong = _malformed(url)
        if wrong:
            yield Fault("error", "link", f"broken link, {wrong}: {shown or '(empty)'}", "write it in full")
            return
        parts = urlsplit(url)
        if parts.scheme.lower() not in ("http", "https"):
            return
        host = _host(url)
        if parts.scheme.lower() == "http":
            yield Fault("warning", "link", f"link without TLS: {shown}", "https:// if the site has it: browsers warn")
        if host not in self.known:
            remedy = "if that is meant, add it to links or untagged in the plan"
            yield Fault("warning", "link", f"leads to {host}, which the plan does not name: {shown}", remedy)
        elif host not in self.untagged and "utm_source=" not in parts.query:
            yield Fault("warning", "link", f"link without UTM tags: {shown}", "its visits will not be counted as ours")


def _left_over(part: str, words: str) -> Iterator[Fault]:
    remedy = "fill it, or take it out"
    for begins in PLACEHOLDERS:
        at = words.find(begins)
        if at >= 0:
            near = _folded(words[max(at - 10, 0) : at + 30])
            yield Fault("error", "placeholder", f'a placeholder is left in the {part}: "{near}"', remedy)
            return
    unwritten = _UNWRITTEN.search(words)
    if unwritten:
        yield Fault("error", "placeholder", f'"{unwritten[0]}" is left in the {part}', remedy)


def _malformed(url: str) -> str:  # noqa: PLR0911 - one answer a kind of mistake
    """Why ``url`` can lead nowhere; "" where it may."""
    if not url or url == "#":
        return "it has no address"
    if any(begins in url for begins in PLACEHOLDERS):
        return "a placeholder is left in it"
    if url.startswith("#"):
        return ""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it cannot be read"
    del port
    match parts.scheme.lower():
        case "mailto":
            return "" if "@" in parts.path or (not parts.path and parts.query) else "it names no mailbox"
        case "tel" | "sms":
            return "" if re.search(r"\d", parts.path) else "it names no number"
        case "http" | "https":
            return _unreachable(host) or ("it has a space in it" if re.search(r"\s", url) else _too_long(url))
        case "":
            return "it begins with no https://"
        case scheme:
            return f"mail programs follow no {scheme}: links"


def _too_long(url: str) -> str:
    return f"it has {len(url):,} characters" if len(url) > _LONGEST_URL else ""


def _unreachable(host: str) -> str:
    if not host:
        return "it names no host"
    try:
        return "" if ip_address(host).is_global else "its host is within a private network"
    except ValueError:
        pass
    if host == "localhost" or "." not in host.strip("."):
        return "its host is within a private network"
    return "" if re.fullmatch(r"[\w-]+(\.[\w-]+)+\.?", host) else "its host is misspelt"


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def web_links(html: str, text: str, *, without: Collection[str]) -> tuple[str, ...]:
    """The web addresses that a mail leads to, without our own UTM tags: to look at a page must not count as a visit."""
    found: dict[str, None] = {}
    for url in (*read_html(html).links, *addresses_in(text)):
        if url in without or _malformed(url):
            continue
        parts = urlsplit(url)
        if parts.scheme.lower() in ("http", "https") and _host(url) not in share.HOSTS:
            query = "&".join(pair for pair in parts.query.split("&") if not pair.startswith("utm_"))
            found[parts._replace(query=query, fragment="").geturl()] = None
    return tuple(found)
