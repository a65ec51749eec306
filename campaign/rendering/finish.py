"""What is done to a part of an e-mail once its template is rendered: MJML to HTML, styles inlined, links tagged."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
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
_LEFT_OVER: Final = re.compile(r"<(mj-[a-z-]+|mjml)\b", re.IGNORECASE)


class Unfinished(Exception):
    """The rendered markup cannot be made into a mail. Its text says why, for the message's writer."""


@dataclass(frozen=True, slots=True)
class Finish:
    """``utm`` tags links, None leaves them; no link reaches across what matches ``between``."""

    mjml: bool
    utm: Utm | None
    between: re.Pattern[str] | None = None

    def html(self, raw: str, *, leave: Collection[str] = ()) -> str:
        """A complete HTML document. Unfinished where ``raw`` is no MJML that can be read."""
        document = _from_mjml(raw) if self.mjml else raw
        inlined = _INLINER.inline(document)
        if not inlined[:9].lower().startswith("<!doctype"):
            inlined = "<!doctype html>" + inlined
        return self.utm.in_html(inlined, leave=leave, between=self.between) if self.utm else inlined

    def text(self, raw: str, *, leave: Collection[str] = ()) -> str:
        return self.utm.in_text(raw, leave=leave, between=self.between) if self.utm else raw


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
