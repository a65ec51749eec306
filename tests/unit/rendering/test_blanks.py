"""A blank, a fall-back and what is left out are told apart by rendering once more as if all were known."""

from __future__ import annotations

import pytest

from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering import blanks
from campaign.rendering.mail import CompiledMail, compile_mail

URL = "https://campaign.example.org/u/x"
NAMELESS = Supporter(1, "nameless@example.org", country="US", tags=("donor",))
ANA = Supporter(2, "ana@example.org", "Ana", "Example", country="ES", extra={"city": "León"})


def compiled(text: str, html: str = "<p>Hello</p>") -> CompiledMail:
    source = MailSource(
        "en", Source("en.html", "Hello", 2), Source("en.html", ""), Source("en.html", html, 5), Source("en.txt", text),
        mjml=False,
    )  # fmt: skip
    return compile_mail(Message("email/alert", "email", mails={"en": source}), "en", {})


def told(text: str, person: Supporter = NAMELESS) -> list[tuple[str, str]]:
    mail = compiled(text)
    written = mail.fill([person], [URL])[0]
    known = mail.fill([blanks.if_known(person)], [URL])[0]
    found = [
        blanks.told_apart(was, would_be, optional=field.optional)
        for was, would_be, field in zip(written, known, mail.fields(), strict=True)
    ]
    return [one for one in found if one is not None]


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("Dear {{ supporter.first_name }},", "blank", ""),
        ("Dear {{ supporter.first_name | upper }},", "blank", ""),
        ("{{ 'Dear ' ~ supporter.first_name ~ ', hello' }}", "blank", "Dear ␣, hello"),
        ("{% if 'donor' in supporter.tags %}Thanks, {{ supporter.first_name }}!{% endif %}", "blank", "Thanks, ␣!"),
        ("Dear {{ supporter.first_name or 'friend' }}", "fall-back", "friend"),
        ("Dear {{ supporter.first_name | fallback('friend') }}", "fall-back", "friend"),
        ("Dear {{ supporter.first_name if supporter.first_name else 'friend' }}", "fall-back", "friend"),
        ("{% if supporter.first_name %}Hi {{ supporter.first_name }}{% else %}Hi you{% endif %}", "fall-back", "you"),
        ("{{ supporter.extra.city | fallback('your town') }}", "fall-back", "your town"),
        ("{{ supporter.country ~ ', ' ~ (supporter.region or 'your state') }}", "fall-back", "your state"),
        ("{% set n = supporter.first_name | fallback('friend') %}{{ n | upper }}", "fall-back", "FRIEND"),
        ("Hi{% if supporter.first_name %} {{ supporter.first_name }}{% endif %}", "left out", ""),
    ],
)
def test_what_became_of_a_blank_is_told(text: str, kind: str, words: str) -> None:
    assert told(text) == [(kind, words)]


@pytest.mark.parametrize(
    "text",
    [
        "{% if 'donor' in supporter.tags %}Thanks{% else %}Please give{% endif %}",
        "{% if supporter.country == 'US' %}Call{% else %}Write{% endif %}",
        "{{ supporter.email }} {{ unsubscribe_url }}",
        "{% if supporter.acted_at %}Thanks{% else %}Act{% endif %}",
    ],
)
def test_what_does_not_depend_on_a_blank_is_nothing(text: str) -> None:
    assert told(text) == []


def test_who_is_known_has_no_blanks() -> None:
    text = "{{ supporter.first_name | fallback('friend') }} {{ supporter.extra.city | fallback('town') }}"
    assert told(text, ANA) == []
    lacks = compiled(text).shows().lacks()
    assert (lacks(ANA), lacks(NAMELESS)) == (False, True)


def test_what_a_message_reads_is_found_wherever_it_stands() -> None:
    text = (
        "{% macro hello(person) %}{{ person.first_name }}{% endmacro %}{{ hello(supporter) }}"
        "{% if supporter['region'] %}{{ supporter.extra['city'] | fallback('x') }}{% endif %}"
    )
    shows = compiled(text).shows()
    assert set(shows.texts) == {"first_name", "region"}
    assert shows.extra == ("city",)


def test_a_field_says_where_it_is_written() -> None:
    mail = compiled("Hello\n{{ supporter.first_name }}\n", html="<p>a</p>\n<p>{{ supporter.last_name }}</p>")
    places = {(field.part, field.file, field.line) for field in mail.fields()}
    assert places == {("html", "en.html", 6), ("text", "en.txt", 2)}
