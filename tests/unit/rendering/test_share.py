from __future__ import annotations

from email import message_from_string
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.rendering.share import HOSTS, Share

TEXT = "50% of us & #Justice? ñ\n“yes”"
URL = "https://example.org/act?a=1&b=2#now"
share = Share()


@pytest.mark.parametrize("network", ["x", "bluesky", "mastodon", "whatsapp"])
def test_a_share_link_carries_text_and_address_whole(network: str) -> None:
    link = urlsplit(getattr(share, network)(TEXT, URL))
    values = parse_qs(link.query or link.fragment)
    assert values["text"][0] + (" " + values["url"][0] if "url" in values else "") == f"{TEXT} {URL}"
    assert link.scheme == "https"
    assert link.hostname in HOSTS


@pytest.mark.parametrize("network", ["x", "bluesky", "mastodon", "whatsapp"])
def test_a_share_link_needs_no_address(network: str) -> None:
    link = urlsplit(getattr(share, network)("Hello"))
    assert parse_qs(link.query or link.fragment) == {"text": ["Hello"]}


def test_where_share_links_lead() -> None:
    assert (
        share.x("a b", "https://example.org") == "https://x.com/intent/tweet?text=a%20b&url=https%3A%2F%2Fexample.org"
    )
    assert share.bluesky("a b") == "https://bsky.app/intent/compose?text=a%20b"
    assert share.mastodon("a b") == "https://share.joinmastodon.org/#text=a%20b"
    assert share.whatsapp("a b") == "https://wa.me/?text=a%20b"


def test_a_mail_link_writes_line_breaks_as_rfc_6068_says() -> None:
    link = share.mailto("jo@example.com", "Stop & think", "Dear Jo,\n\nplease stop.\r\nYours")
    assert link == (
        "mailto:jo@example.com?subject=Stop%20%26%20think&body=Dear%20Jo%2C%0D%0A%0D%0Aplease%20stop.%0D%0AYours"
    )


def test_a_mail_link_can_be_an_address_alone() -> None:
    assert share.mailto("jo@example.com") == "mailto:jo@example.com"


@given(to=st.emails(), subject=st.text(), body=st.text())
def test_nothing_in_a_mail_link_breaks_out_of_its_place(to: str, subject: str, body: str) -> None:
    link = share.mailto(to, subject, body)
    assert link.isascii()
    assert not set(link) & set(" \r\n\"'<>")
    address, _, query = link.removeprefix("mailto:").partition("?")
    assert unquote(address) == to
    assert set(parse_qs(query)) <= {"subject", "body"}
    headers = message_from_string(f"Subject: {unquote(query.partition('subject=')[2].partition('&')[0])}\n\n")
    assert headers.keys() == ["Subject"]
