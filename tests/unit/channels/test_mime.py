"""What is written is what is read, whatever is in it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.channels import mime
from campaign.model.batch import MailContent, MailRow
from campaign.model.plan import Sender

AT = datetime(2026, 5, 22, 13, tzinfo=UTC)
SENDER = Sender(via="smtp", address="hello@example.org", name="Fair Streets", postal_address="1 Elm Street")
CONTENT = MailContent(SENDER, "Hello zqAzq", "<p>zqAzq</p>", "zqAzq\n", ("zqAzq",), "en")
ROW = MailRow(0, "k" * 22, "ann@example.org", "Ann", ("Ann",), "https://example.org/u/" + "x" * 200)

# All that has bytes in UTF-8, in lines of any kind.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
readable = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf", "Co", "Cn", "Zs"]), max_size=80)


def lines_of(text: str) -> str:
    return re.sub(r"\r\n?|\n", "\n", text)


@given(text=texts, html=texts, value=texts)
def test_bodies_come_back_as_they_were_filled(text: str, html: str, value: str) -> None:
    content = replace(CONTENT, text=f"a{text}zqAzq", html=f"<p>{html}zqAzq")
    shown = mime.read(mime.write(ROW._replace(values=(value,)), content, made_at=AT))
    assert shown.text == lines_of(f"a{text}{value}")
    assert shown.html == lines_of(f"<p>{html}{value}")


@given(subject=st.lists(readable, max_size=12), name=readable)
def test_subject_and_names_come_back_as_they_were(subject: list[str], name: str) -> None:
    text = " ".join(word for word in subject if word)
    row = ROW._replace(name=name)
    message = mime.write(row, replace(CONTENT, subject=text), made_at=AT)
    assert mime.read(message).subject == text
    assert mime.read(message).headers["To"].endswith("ann@example.org>" if name else "ann@example.org")
    # The newer parser puts a blank between two encoded words of a name, against RFC 2047, section 6.2.
    written, address = parseaddr(str(message_from_bytes(message)["To"]))
    assert (str(make_header(decode_header(written))), address) == (name, "ann@example.org")


@given(texts, texts, texts, texts)
def test_no_line_is_too_long_or_ended_otherwise_and_no_header_is_added(a: str, b: str, c: str, d: str) -> None:
    content = replace(CONTENT, subject=f"{a} zqAzq", text=f"{b}zqAzq", html=f"{c}zqAzq")
    message = mime.write(ROW._replace(name=d, values=(a,)), content, made_at=AT)
    assert message.endswith(b"\r\n")
    lines = message.split(b"\r\n")
    assert max(map(len, lines)) <= 998
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    head = message.partition(b"\r\n\r\n")[0].decode()
    names = [line.partition(":")[0] for line in head.split("\r\n") if not line.startswith((" ", "\t"))]
    assert names == [
        *("From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe", "List-Unsubscribe-Post"),
        *("Content-Language", "MIME-Version", "Content-Type"),
    ]
    assert all(len(word) <= 75 for word in re.findall(r"=\?utf-8\?.*?\?=", head))


def test_the_unsubscribe_link_stands_on_one_line_as_it_is() -> None:
    message = mime.write(ROW, CONTENT, made_at=AT)
    assert f"\r\nList-Unsubscribe: <{ROW.unsubscribe_url}>\r\n".encode() in message


def test_the_message_id_is_made_of_the_key_and_the_senders_domain() -> None:
    assert mime.message_id("key", "hello@example.org") == "<key@example.org>"
    assert mime.message_id("key", "hello@straße-ñ.example.org") == "<key@xn--strasse--k3a.example.org>"


def test_a_message_with_one_body_has_no_parts() -> None:
    message = mime.write(ROW, replace(CONTENT, html=""), made_at=AT)
    parsed = message_from_bytes(message, policy=policy.SMTP)
    assert parsed.get_content_type() == "text/plain"
    assert mime.read(message).text == "Ann\n"
    assert mime.read(message).html == ""


def test_text_comes_before_html_because_the_last_part_is_the_best() -> None:
    parsed = message_from_bytes(mime.write(ROW, CONTENT, made_at=AT), policy=policy.SMTP)
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]


def test_without_an_instant_the_date_is_left_to_the_server() -> None:
    assert b"Date:" not in mime.write(ROW, CONTENT, made_at=None)
    assert b"\r\nDate: Fri, 22 May 2026 13:00:00 +0000\r\n" in mime.write(ROW, CONTENT, made_at=AT)


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ann@example.org", "ann@example.org"),
        ("ann@münchen.example.org", "ann@xn--mnchen-3ya.example.org"),
        ("änn@münchen.example.org", "änn@xn--mnchen-3ya.example.org"),
        ("ann@" + "ü" * 70 + ".example.org", "ann@" + "ü" * 70 + ".example.org"),
        ("ann@example.org\r\nBcc: x", "ann@example.org  Bcc: x"),
    ],
)
def test_an_address_goes_over_the_wire_as(address: str, wire: str) -> None:
    assert mime.wire(address) == wire


def test_a_value_that_looks_like_a_token_is_not_filled() -> None:
    content = replace(CONTENT, subject="zqAzq zqBzq", tokens=("zqAzq", "zqBzq"))
    assert mime.read(mime.write(ROW._replace(values=("zqBzq", "b")), content, made_at=AT)).subject == "zqBzq b"
