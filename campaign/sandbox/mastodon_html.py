"""How Mastodon turns a post's text into HTML (app/lib/text_formatter.rb): paragraphs, breaks, links and hashtags."""

from __future__ import annotations

import html
import re

from twitter_text import extract_urls_with_indices

_SHOWN = 30
"""Characters of a link that are shown; the rest is there, but hidden by a style."""
_HASHTAG = re.compile(r"(?<![\w/&])#(\w*[^\W\d_]\w*)")


def formatted(text: str, server: str) -> str:
    """The HTML of ``text`` on ``server``, a base URL."""
    pieces, end = [], 0
    for url in extract_urls_with_indices(text, extract_urls_without_protocol=False):
        start, stop = url["indices"]
        pieces += [_tagged(text[end:start], server), _link(url["url"])]
        end = stop
    pieces.append(_tagged(text[end:], server))
    paragraphs = re.split(r"\n{2,}", "".join(pieces).replace("\r\n", "\n").strip("\n"))
    return "".join(f"<p>{paragraph.replace(chr(10), '<br />')}</p>" for paragraph in paragraphs)


def _tagged(text: str, server: str) -> str:
    def tag(found: re.Match[str]) -> str:
        name = found[1]
        return f'<a href="{server}/tags/{name.lower()}" class="mention hashtag" rel="tag">#<span>{name}</span></a>'

    return _HASHTAG.sub(tag, html.escape(text, quote=False))


def _link(url: str) -> str:
    scheme, _, rest = url.partition("://")
    rest = rest.removeprefix("www.")
    head = url[: len(url) - len(rest)]
    shown, hidden = rest[:_SHOWN], rest[_SHOWN:]
    style = ' class="ellipsis"' if hidden else ""
    return (
        f'<a href="{html.escape(url)}" target="_blank" rel="nofollow noopener noreferrer" translate="no">'
        f'<span class="invisible">{html.escape(head or scheme)}</span>'
        f"<span{style}>{html.escape(shown)}</span>"
        f'<span class="invisible">{html.escape(hidden)}</span></a>'
    )
