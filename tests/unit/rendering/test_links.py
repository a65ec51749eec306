# ruff: noqa: RUF001 -- punctuation of many scripts is what this file is about
from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering.links import Utm, addresses_in, places_in

UTM = Utm(source="x", medium="social", campaign="example", content="launch", untagged=frozenset({"go.example.org"}))
TAGS = "utm_source=x&utm_medium=social&utm_campaign=example&utm_content=launch"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.org", f"https://example.org?{TAGS}"),
        ("https://example.org/a?b=1", f"https://example.org/a?b=1&{TAGS}"),
        ("https://example.org/a#now", f"https://example.org/a?{TAGS}#now"),
        ("http://Example.org:8080/", f"http://Example.org:8080/?{TAGS}"),
        ("https://example.org/?q=a%20b+c", f"https://example.org/?q=a%20b+c&{TAGS}"),
    ],
)
def test_a_link_gets_its_tags_and_keeps_the_rest(url: str, expected: str) -> None:
    assert UTM.tagged(url) == expected


def test_a_tag_that_is_there_stays() -> None:
    tagged = UTM.tagged("https://example.org/?utm_source=poster&UTM_Content=wall")
    assert tagged == "https://example.org/?utm_source=poster&UTM_Content=wall&utm_medium=social&utm_campaign=example"


@pytest.mark.parametrize(
    "url",
    [
        "https://go.example.org/faces", "https://GO.example.org/faces", "mailto:jo@example.com", "tel:+1555", "#top",
        "/relative", "https://x.com/intent/tweet?text=a", "https://share.joinmastodon.org/#text=a", "", "https://[bad",
    ],
)  # fmt: skip
def test_what_is_no_link_of_ours_stays_as_it_is(url: str) -> None:
    assert UTM.tagged(url) == url


@given(
    st.builds(
        lambda host, path, query, fragment: f"https://{host}.example.org/{path}?{query}#{fragment}",
        *(st.text(alphabet="abc12", min_size=1, max_size=8) for _ in range(4)),
    )
)
def test_to_tag_twice_is_to_tag_once(url: str) -> None:
    once = UTM.tagged(url)
    assert UTM.tagged(once) == once
    assert dict(parse_qsl(urlsplit(once).query))["utm_content"] == "launch"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("See https://example.org/a.", f"See https://example.org/a?{TAGS}."),
        ("(https://example.org/a)", f"(https://example.org/a?{TAGS})"),
        ("https://example.org/a_(b)!", f"https://example.org/a_(b)?{TAGS}!"),
        ("two: https://a.example.org, https://b.example.org;",
         f"two: https://a.example.org?{TAGS}, https://b.example.org?{TAGS};"),
        ("write to jo@example.org", "write to jo@example.org"),
    ],
)  # fmt: skip
def test_addresses_in_a_text_are_tagged_without_the_stops_after_them(text: str, expected: str) -> None:
    assert UTM.in_text(text) == expected


def test_links_in_html_are_tagged_and_nothing_else() -> None:
    html = (
        '<link href="https://example.org/style.css"><img src="https://example.org/i.png">'
        "<a class='b' href='https://example.org/a?b=1&amp;c=2'>https://example.org/shown</a><a name=\"x\">y</a>"
    )
    tags = TAGS.replace("&", "&amp;")
    link = "<a class='b' href='https://example.org/a?b=1&amp;c=2'>"
    assert UTM.in_html(html) == html.replace(
        link, f"<a class='b' href=\"https://example.org/a?b=1&amp;c=2&amp;{tags}\">"
    )


def test_an_address_to_leave_is_left() -> None:
    leave = ("https://example.org/u?a=1&b=2",)
    assert UTM.in_text("https://example.org/u?a=1&b=2", leave=leave) == leave[0]
    html = '<a href="https://example.org/u?a=1&amp;b=2">out</a>'
    assert UTM.in_html(html, leave=leave) == html


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("“https://example.org/a”,", "https://example.org/a"),
        ("«https://example.org/a»", "https://example.org/a"),
        ("https://example.org/a…", "https://example.org/a"),
        ("署名：https://example.org/a。次の文", "https://example.org/a"),
        ("（https://example.org/a）", "https://example.org/a"),
        ("https://example.org/a؟", "https://example.org/a"),
        ("https://example.org/a_(b))", "https://example.org/a_(b)"),
    ],
)
def test_an_address_ends_where_its_sentence_goes_on_in_any_script(text: str, address: str) -> None:
    assert addresses_in(text) == [address]
    assert [text[start:end] for start, end in places_in(text)] == [address]


def test_a_scheme_alone_is_no_address() -> None:
    assert addresses_in("http:// https://. (https://) https://…") == []
