"""What is done to a part of an e-mail once its template is rendered: MJML to HTML, styles inlined, links tagged."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import Final

import css_inline
import mrml

from campaign.rendering.links import Utm

_INLINER: Final = css_inline.CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
_OPTIONS: Final = mrml.RenderOptions(fonts={})
"""No fonts from elsewhere: a mail that fetches a font tells that server who reads it, and when."""
_BREAKS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WIDTHS: Final = re.compile(
    r"@media only screen and \((?:min|max)-width:\d+px\) \{(?:\s*(?:table|td)?\.mj-[\w-]+ \{[^{}]*\})+\s*\}"
)
_NO_RULES: Final = re.compile(r"<style>\s*</style>")
_MJML: Final = re.compile(r"""(<mjml)\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_ROOT: Final = re.compile(r"""(<html)\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_BODY: Final = re.compile(r"""(<body)\b(?:[^>"']|"[^"]*"|'[^']*')*>""", re.IGNORECASE)
_ATTRIBUTE: Final = re.compile(r"""\s([a-z:-]+)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)
_RIGHT_TO_LEFT: Final = frozenset("ar arc azb ckb dv fa he iw ks nqo ps sd syr ug ur yi".split())  # noqa: SIM905 - words
_RIGHT_TO_LEFT_SCRIPTS: Final = frozenset(("adlm", "arab", "hebr", "nkoo", "rohg", "syrc", "thaa"))
_LEFT_OVER: Final = re.compile(r"<(mj-[a-z-]+|mjml)\b", re.IGNORECASE)


class Unfinished(Exception):
    """The rendered markup cannot be made into a mail. Its text says why, for the message's writer."""


@dataclass(frozen=True, slots=True)
class Finish:
    """``utm`` tags links, None leaves them; no link reaches across what matches ``between``.

    ``language`` is said of the document where it does not say it itself, and that it is written from right to left
    where it is; empty says nothing.
    """

    mjml: bool
    utm: Utm | None
    between: re.Pattern[str] | None = None
    language: str = ""

    def html(self, raw: str, *, leave: Collection[str] = ()) -> str:
        """A complete HTML document. Unfinished where ``raw`` is no MJML that can be read."""
        document = _from_mjml(_said(raw, _MJML, self.language)) if self.mjml else raw
        inlined = _INLINER.inline(document)
        if not inlined[:9].lower().startswith("<!doctype"):
            inlined = "<!doctype html>" + inlined
        inlined = _said(_said(inlined, _ROOT, self.language), _BODY, self.language)
        return self.utm.in_html(inlined, leave=leave, between=self.between) if self.utm else inlined

    def text(self, raw: str, *, leave: Collection[str] = ()) -> str:
        return self.utm.in_text(raw, leave=leave, between=self.between) if self.utm else raw


def _said(markup: str, tag: re.Pattern[str], language: str) -> str:
    """``markup`` with language and direction in the first ``tag``, where it does not say them itself.

    A screen reader needs the one to pronounce the words (WCAG 2.2, 3.1.1), Arabic and Hebrew the other. The body says
    it too: web mail shows a mail's body without its root.
    """
    found = tag.search(markup) if language else None
    if found is None:
        return markup
    there = {name.lower() for name in _ATTRIBUTE.findall(found[0])}
    said = {"lang": language, "dir": direction(language)}
    added = "".join(f' {name}="{escape(value)}"' for name, value in said.items() if name not in there)
    end = found.end(1)
    return markup[:end] + added + markup[end:]


def direction(language: str) -> str:
    """Which way a language is written: rtl or ltr."""
    primary, *further = language.lower().split("-")
    script = next((part for part in further if len(part) == len("arab")), "")
    return "rtl" if script in _RIGHT_TO_LEFT_SCRIPTS or (primary in _RIGHT_TO_LEFT and not script) else "ltr"


def without_widths(document: str) -> str:
    """``document`` less the rules that MJML writes into its head for the classes of the columns and pictures it holds.

    Each speaks of MJML's own classes alone, so that to have one more than is needed changes nothing.
    """
    return _NO_RULES.sub("", _WIDTHS.sub("", document))


def one_line(text: str) -> str:
    """``text`` with a space for every line break and control character, so that none begins a header of its own
    (RFC 5322, section 2.2)."""
    return _BREAKS.sub(" ", text)


def subject(text: str) -> str:
    """``text`` as a subject: one line, single spaces."""
    return " ".join(one_line(text).split())


def _from_mjml(raw: str) -> str:
    try:
        made = mrml.to_html(raw, None, _OPTIONS)
    except OSError as error:  # what mrml raises for whatever it cannot read
        raise Unfinished(f"the MJML cannot be read: {_placed(str(error), raw)}") from None
    left_over = _LEFT_OVER.search(made.content)
    if left_over:
        raise Unfinished(f"MJML does not know <{left_over[1]}>, or not in this place")
    return str(made.content)


def _placed(said: str, raw: str) -> str:
    """mrml's message, with what stands at the position it names; that position is in the rendered text."""
    found = re.search(r" at position (\d+):(\d+)", said)
    if not found:
        return said
    near = raw.encode()[int(found[1]) : int(found[2])].decode(errors="replace")
    return f"{said[: found.start()]}, at {' '.join(near.split())[:60]!r}"
