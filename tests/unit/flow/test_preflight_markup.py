"""What a preflight says of the links, pictures and duties of one mail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from campaign.flow.preflight_markup import Rules, read_html, web_links
from tests.builders import plan

URL = "https://campaign.example.org/u/abc"
RULES = Rules.of(replace(plan(), untagged=("go.example.net",)), URL)
FOOT = f"1 Example Street, Seattle\n{URL}"
TAGGED = "https://act.example.org/?utm_source=email"


def kinds(html: str = "", text: str = "", subject: str = "Act") -> list[tuple[str, str]]:
    page = f"<html><body>{html}<p>1 Example\n Street, Seattle <a href='{URL}'>Leave</a></p></body></html>"
    return [(fault.severity, fault.kind) for fault in RULES.faults(subject=subject, html=page, text=f"{text}\n{FOOT}")]


def test_a_mail_that_is_right_has_no_faults() -> None:
    html = f"<a href='{TAGGED}'>Act</a><img src='x.png' alt=''><a href='mailto:jo@example.com?subject=Hi'>Write</a>"
    assert (
        kinds(html + "<a href='https://go.example.net/x'>Short</a><a href='https://x.com/intent/tweet?text=a'>X</a>")
        == []
    )


@pytest.mark.parametrize(
    "href",
    [
        "", "#", "act.example.org", "https://", "https://act.example.org/{{ path }}", "https://act.example.org/*|ID|*",
        "https://localhost/x", "http://10.0.0.1/", "javascript:alert(1)", "https://act example.org/", "mailto:jo",
        "https://[bad", "https://act.example.org:port/", "https://act.example.org/" + "x" * 3_000,
    ],
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_an_error(href: str) -> None:
    assert ("error", "link") in kinds(f'<a href="{href}">x</a>')


@pytest.mark.parametrize(
    ("href", "says"),
    [
        ("http://act.example.org/?utm_source=email", "without TLS"),
        ("https://elsewhere.example.com/", "the plan does not name"),
        ("https://act.example.org/", "without UTM tags"),
    ],
)
def test_a_link_that_may_be_meant_is_a_warning(href: str, says: str) -> None:
    [fault] = RULES.of_link(href)
    assert fault.severity == "warning"
    assert says in fault.what


def test_a_picture_without_alt_text_is_an_error_and_one_that_is_for_show_is_not() -> None:
    assert kinds('<img src="https://example.org/a.png">') == [("error", "picture")]
    assert kinds('<img src="https://example.org/a.png" alt="">') == []


def test_each_part_must_show_the_address_and_lead_out() -> None:
    found = [(fault.kind, fault.what.split()[1]) for fault in RULES.faults(subject="x", html="<p>Hi</p>", text=FOOT)]
    assert found == [("postal address", "HTML"), ("unsubscribe", "HTML")]
    html = f"<p>1 Example Street, Seattle</p><a href='{URL}'>Leave</a>"
    found = [(fault.kind, fault.what.split()[1]) for fault in RULES.faults(subject="x", html=html, text="Hi")]
    assert found == [("postal address", "text"), ("unsubscribe", "text")]


def test_an_address_in_the_head_is_not_shown() -> None:
    html = f"<html><head><title>1 Example Street, Seattle</title></head><body><a href='{URL}'>Leave</a></body></html>"
    assert "postal address" in [fault.kind for fault in RULES.faults(subject="x", html=html, text=FOOT)]


@pytest.mark.parametrize("left", ["Dear *|FNAME|*", "Dear {{ name }}", "Dear [First Name]", "%%name%%", "TODO: write"])
def test_a_placeholder_that_nobody_filled_is_an_error(left: str) -> None:
    assert kinds(f"<p>{left}</p>") == [("error", "placeholder")]
    assert kinds(text=left) == [("error", "placeholder")]
    assert kinds(subject=left) == [("error", "placeholder")]


def test_a_word_that_looks_like_a_note_to_oneself_is_none() -> None:
    assert kinds("<p>Gracias por todo. TODO el mundo.</p>") == []


def test_a_conditional_comment_for_outlook_is_no_link() -> None:
    assert read_html("<!--[if mso]><a href='#'>x</a><![endif]-->").links == ()


def test_pages_are_asked_for_without_our_tags_and_each_once() -> None:
    html = f"<a href='{TAGGED}&amp;a=1#top'>x</a><a href='{URL}'>leave</a><a href='https://x.com/intent?x'>share</a>"
    assert web_links(html, f"See https://act.example.org/?a=1 and {URL}.", without=(URL,)) == (
        "https://act.example.org/?a=1",
    )
