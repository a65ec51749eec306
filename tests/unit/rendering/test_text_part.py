"""A text part that is made from an HTML part reads as somebody would have written it."""

from __future__ import annotations

import pytest

from campaign.rendering.text_part import derived


def text_of(html: str, language: str = "en") -> str:
    return derived(f"<html><head><title>t</title></head><body>{html}</body></html>", language=language)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One\n  two</p><p>three<br>four</p>", "One two\n\nthree\nfour"),
        ("a<br><br>b<div>c</div><div>d</div>e", "a\n\nb\nc\nd\ne"),
        ("<p> </p><p>&nbsp;</p><p>a</p><div><div></div></div>", "a"),
        ("<h1>Now <b>act</b></h1><p>a</p><h2> </h2><p>b</p>", "NOW ACT\n\na\n\nb"),
        ("a<ul><li>b</li><li><p>c</p><p>d</p></li><li> </li></ul>e", "a\n\n* b\n* c\n\nd\n\ne"),
        ("<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>", "* a\n  * b\n* c"),
        ("<ol start=3><li>a</li><li>b</li></ol>", "3. a\n4. b"),
        ("<table><tr><th>Now</th><td>act</td></tr><tr><th>Then</th><td>rest</td></tr></table>", "Now: act\nThen: rest"),
        ("<table><tr><th>Name</th><th>Votes</th></tr><tr><td>A</td><td>3</td></tr></table>", "Name | Votes\nA | 3"),
        ("<table role=presentation><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a\nb\n\nc"),
        ("<table><tr><td><p>a</p></td><td>b</td></tr></table>", "a\n\nb"),
        ("<p>See <a href='https://example.org/a'>this</a> now.</p>", "See this (https://example.org/a) now."),
        ("<p><a href='https://example.org/a'>Act</a></p>", "Act:\nhttps://example.org/a"),
        ("<ul><li><a href='https://example.org/a'>Act</a></li></ul>", "* Act: https://example.org/a"),
        ("<p><a href='https://example.org/a?x=1'>example.org/a</a></p>", "https://example.org/a?x=1"),
        ("<a href='https://a.example.org'>A</a> <a href='https://b.example.org'>B</a>",
         "A: https://a.example.org\nB: https://b.example.org"),
        ("<p>w<a href='https://example.org'> x </a>y</p>", "w x (https://example.org) y"),
        ("<a href='mailto:jo@example.org'>jo@example.org</a>", "jo@example.org"),
        ("<p>Or <a href='mailto:jo@example.org?subject=Hi'>write</a>.</p>", "Or write (jo@example.org)."),
        ("<p><a href='mailto:jo@example.org?subject=Hi%20you&body=Dear%0AJo'>Write</a></p>",
         "Write:\njo@example.org\n\nHi you\n\nDear\nJo"),
        ("<a href='#top'>up</a> <a name=top>here</a> <a href='javascript:x()'>y</a>", "up here y"),
        ("<p><a href='https://example.org'><img src=i alt='Act now'></a></p>", "Act now:\nhttps://example.org"),
        ("a<img src=i alt='b'>c<img src=j alt=''><img src=k>", "a b c"),
        ("<div style='display:none'>pre</div><p hidden>x</p><p aria-hidden=true>y</p><p>a</p>", "a"),
        ("a<!-- b --><!--[if mso]>c<![endif]--><style>d</style><script>e</script>", "a"),
        ("<q>Free</q> walk<hr>on", "“Free” walk\n\non"),
        ("<p>a\u200bb\u00adc \x01&#1;d</p>", "abc d"),
        ("", ""),
    ],
)  # fmt: skip
def test_html_becomes(html: str, text: str) -> None:
    assert text_of(html) == (f"{text}\n" if text else "")


def test_capitals_are_left_alone_where_a_language_has_others() -> None:
    assert text_of("<h1>ilk</h1>", "tr") == "ilk\n"
    assert text_of("<h1>primero</h1>", "es") == "PRIMERO\n"


def test_a_heading_that_is_a_link_keeps_its_address_as_it_is() -> None:
    assert text_of("<h2><a href='https://example.org/Aa'>read</a></h2>") == "READ:\nhttps://example.org/Aa\n"


def test_deeply_nested_html_is_read() -> None:
    assert text_of("<div>" * 20_000 + "a" + "</div>" * 20_000) == "a\n"
