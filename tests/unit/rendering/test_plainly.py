"""Texts that only name values: what is filled without Jinja is what Jinja makes of it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import TemplateError

from campaign.model.message import Source
from campaign.rendering import check, plainly
from campaign.rendering.environment import Strict, render


@dataclass(frozen=True)
class Addressee:
    name: str = "Jo {{ Example }}"
    titles: tuple[str, ...] = ("Dr",)

    @property
    def shouted(self) -> str:
        return self.name.upper()

    @property
    def first(self) -> str:
        return self.titles[3]


VALUES = {
    "letter": {"addressee": Addressee(), "items": "not a method", "title": "<b>\n", "copy": "not either"},
    "addressee": Addressee(),
    "number": 7,
    "half": 0.5,
    "yes": True,
    "nothing": None,
    "empty": "",
    "huge": 10**5000,
    "utm tags": "hidden",
}


def by_jinja(text: str) -> str:
    environment = Strict({"main": Source("main.md", text)}, language="en", autoescape=False)
    return render(environment.get_template("main"), VALUES)


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("", ""),
        ("No name.\n\n", "No name.\n"),
        ("{{ letter.addressee.name }}, {{number}} of {{  number  }}{{ empty }}", "Jo {{ Example }}, 7 of 7"),
        ("{{ addressee.shouted }}", "JO {{ EXAMPLE }}"),
        ("}} {{ letter.title }} #} %}", "}} <b>\n #} %}"),
    ],
)
def test_names_are_filled_as_jinja_fills_them(text: str, made: str) -> None:
    assert plainly.filled(text, VALUES) == by_jinja(text) == made


@pytest.mark.parametrize(
    "text",
    [
        "{{ letter.items }}",  # an attribute of every dictionary comes first
        "{{ letter.addressee.first }}",  # it fails
        "{{ letter.addressee.titles }}",
        "{{ letter.addressee.nickname }}",
        "{{ unknown }}",
        "{{ half }}{{ yes }}",
        "{{ nothing }}",
        "{{ huge }}",
        "{{ number | abs }}",
        "{{- number }}",
        "{{ number() }}",
        "{{ letter['title'] }}",
        "{{ 'number' }}",
        "{{ true }}",
        "{{ not }}",
        "{{ number.real }}",
        "{{ letter.__class__ }}",
        "{{ _number }}",
        "{% if number %}7{% endif %}",
        "{# nothing #}",
        "{{ number",
        "{{{ number }}}",
        "one\r\ntwo",
        "a" * 200_000,
    ],
)
def test_everything_else_is_left_to_jinja(text: str) -> None:
    assert plainly.filled(text, VALUES) is None


PIECES = st.sampled_from(
    [
        *"\n\r{}%#-|. e",
        "{{",
        "{{ ",
        "}}",
        " }}",
        "letter",
        "addressee",
        "name",
        "number",
        "empty",
        "title",
        "items",
        "true",
        "not",
        "_",
        "é",
        "{{ number }}",
        "{{ letter.title }}",
        "{% raw %}",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_text_comes_out_otherwise_than_by_jinja(text: str) -> None:
    made = plainly.filled(text, VALUES)
    if made is not None:
        assert made == by_jinja(text)


@given(st.lists(PIECES, max_size=12).map("".join))
def test_no_text_that_jinja_cannot_read_is_said_to_hold_only_names(text: str) -> None:
    if plainly.only_names(text):
        Strict({}, language="en", autoescape=False).compile(text)


def test_a_text_that_cannot_be_read_is_still_found() -> None:
    assert check.syntax(Source("post.md", "{{ not }}"), where="")
    assert not check.syntax(Source("post.md", "{{ number }}"), where="")
    with pytest.raises(TemplateError):
        by_jinja("{{ not }}")
