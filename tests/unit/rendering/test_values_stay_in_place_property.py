"""Whatever a supporter's value holds, it adds no tag, no attribute and no address of its own to a mail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering.mail import CompiledMail, compile_mail
from tests.unit.rendering.test_compile_once_property import SHARED, URL

PLACES = (
    "<p>{{ supporter.first_name }}</p>",
    "<p title='{{ supporter.first_name }}'>x</p>",
    '<p title="{{ supporter.first_name }}">x</p>',
    "<p title={{ supporter.first_name }}>x</p>",
    "<p data-a=1 title='a {{ supporter.first_name }} b' data-b=2>x</p>",
    "<!-- {{ supporter.first_name }} --><p>x</p>",
    "<!--[if mso]><b>{{ supporter.first_name }}</b><![endif]--><p>x</p>",
    "<a href='https://example.org/?n={{ supporter.first_name | urlencode }}&m=1'>x</a>",
    "<a href='{{ share.mailto(\"jo@example.org\", supporter.first_name, supporter.first_name) }}'>x</a>",
    "<title>{{ supporter.first_name }}</title><textarea>{{ supporter.first_name }}</textarea>",
    "{% if supporter.first_name %}<b>{{ supporter.first_name }}</b>{% endif %}<i>{{ supporter.first_name }}</i>",
    "{% for mark in supporter.first_name %}<b title='{{ mark }}'>{{ mark }}</b>{% endfor %}",
    "{% set kept %}<u>{{ supporter.first_name }}</u>{% endset %}{{ kept }}",
    "<img alt='{{ supporter.first_name | upper }}' src='https://example.org/i.png'>",
)

NASTY = st.text(alphabet="<>\"'&;=/-!` \t\n\x00ax#[]{}%:\\", max_size=24) | st.sampled_from(
    [
        "--><script>alert(1)</script><!--",
        "--!><script>",
        "<![endif]--><script>",
        "]]><x>",
        "' onclick='x",
        '" onclick="x',
        "x onclick=y",
        "</title><script>",
        "</textarea><script>",
        "&#60;script&#62;",
        "javascript:alert(1)",
        "{{ supporter.email }}{% raw %}",
        "%0d%0aBcc:all@example.org&bcc=all@example.org",
    ]
)


@cache
def compiled(place: str) -> CompiledMail:
    source = MailSource("en", Source("en", "s"), Source("en", ""), Source("en", place), None, mjml=False)
    return compile_mail(Message("email/alert", "email", mails={"en": source}), "en", SHARED)


class Shape(HTMLParser):
    """The tags of a document, each with the names of its attributes and all their values that are no words."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, Sequence[str]]] = []
        self.links: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, [name for name, _ in attrs]))
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


@pytest.mark.parametrize("place", PLACES)
@given(value=NASTY)
@example(value="")
def test_a_value_adds_no_tag_and_no_attribute(place: str, value: str) -> None:
    mail = compiled(place)
    got = Shape(mail.whole(Supporter(1, "a@example.org", value), URL).html)
    like = Shape(mail.whole(Supporter(1, "a@example.org", "x" * len(value)), URL).html)
    assert got.tags == like.tags
    for one, other in zip(got.links, like.links, strict=True):
        assert urlsplit(one)[:3] == urlsplit(other)[:3]
        fields, expected = (parse_qs(urlsplit(link).query, keep_blank_values=True) for link in (one, other))
        assert fields.keys() <= expected.keys()  # a blank subject is left out
