"""What compiling an e-mail gives: shared bodies, fields, and what is refused."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from campaign.errors import BadInput, Problem
from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering.context import UTM
from campaign.rendering.finish import without_widths
from campaign.rendering.links import Utm
from campaign.rendering.mail import CompiledMail, compile_mail
from campaign.rendering.share import Share
from campaign.rendering.whole import whole
from tests.builders import letter

URL = "https://campaign.example.org/u/abc?x=1&y=2"
ANA = Supporter(1, "ana@example.org", "Ana", "O'Hara", country="ES", tags=("a", "<b>"), extra={"city": "León"})
BO = Supporter(2, "bo@example.org", acted_at=datetime(2018, 5, 22, 14, tzinfo=UTC))
EVIL = Supporter(3, "evil@example.org", "\"'><script>alert(1)</script>", "x\r\nBcc: all@example.org\x00\u2028y")
SHARED: dict[str, Any] = {
    "letter": letter(),
    "links": {"action": "https://example.org/act", "es": "https://example.org/es"},
    "campaign": {"title": "Example", "organisation": "The Coalition"},
    "facts": {},
    "step": {"id": "alert", "number": 1},
    "share": Share(),
}
LAYOUT = """<mjml lang="{{ language }}"><mj-head>
<mj-title>{{ subject }}</mj-title><mj-preview>{{ preheader }}</mj-preview>
<mj-style inline="inline">.note { color: red }</mj-style></mj-head>
<mj-body>{% block body %}{% endblock %}</mj-body></mjml>"""
COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>"


def message(
    html: str = "<p>Hello</p>",
    text: str = "Hello",
    subject: str = "Hello",
    *,
    preheader: str = "",
    mjml: bool = False,
    **shared: str,
) -> Message:
    source = MailSource(
        "en",
        Source("en.mjml", subject, 2),
        Source("en.mjml", preheader, 3),
        Source("en.mjml", html, 5),
        Source("en.txt", text),
        mjml=mjml,
    )
    partials = {"_layout/email.mjml": LAYOUT} | {f"_layout/{name}": text for name, text in shared.items()}
    return Message(
        "email/alert",
        "email",
        mails={"en": source},
        shared={name: Source(name, part) for name, part in partials.items()},
    )


def compiled(*arguments: Any, values: dict[str, Any] | None = None, **more: Any) -> CompiledMail:
    return compile_mail(message(*arguments, **more), "en", SHARED if values is None else values)


def html_of(html: str, person: Supporter = ANA, **more: Any) -> str:
    mail = compiled(html, **more)
    assert mail.fallbacks == {}
    body = mail.whole(person, URL).html
    return re.split(r"<body[^>]*>|</body>", body)[1]


def text_of(text: str, person: Supporter = ANA, **more: Any) -> str:
    mail = compiled(text=text, **more)
    assert mail.fallbacks == {}
    return mail.whole(person, URL).text


def refused(*arguments: Any, **more: Any) -> list[Problem]:
    with pytest.raises(BadInput) as caught:
        compiled(*arguments, **more)
    return list(caught.value.problems)


# Shared bodies and fields.


def test_a_mail_without_fields_has_no_tokens() -> None:
    mail = compiled("<p>{{ letter.addressee.name }}</p>")
    assert mail.tokens == ()
    assert mail.fill([ANA, BO], [URL, URL]) == [(), ()]
    assert "<p>Jo Example</p>" in mail.html


def test_values_come_in_the_order_of_the_tokens() -> None:
    mail = compiled(text="{{ supporter.first_name }}-{{ supporter.country }}")
    assert re.fullmatch("-".join(mail.tokens), mail.text)
    assert mail.fill([ANA, BO], [URL, URL]) == [("Ana", "ES"), ("", "")]


def test_the_same_value_in_two_places_is_one_field() -> None:
    mail = compiled(text="{{ supporter.first_name }} {{ supporter.first_name }}", subject="{{ supporter.id }}")
    assert len(mail.tokens) == 2
    assert mail.whole(ANA, URL).text == "Ana Ana"


def test_the_same_message_compiles_to_the_same_bytes() -> None:
    html = "<p>{{ supporter.first_name }}{% if supporter.acted_at %}!{% endif %}</p>"
    first, second = compiled(html), compiled(html)
    assert (first.html, first.tokens) == (second.html, second.tokens)


def test_a_conditional_is_one_field_that_chooses_a_branch() -> None:
    mail = compiled(text="{% if supporter.acted_at %}Thank you{% else %}Please act{% endif %}.")
    assert mail.fill([ANA, BO], [URL, URL]) == [("Please act",), ("Thank you",)]


def test_what_follows_from_the_supporter_is_followed_through_names() -> None:
    text = (
        "{% set name = supporter.first_name | fallback('friend') %}"
        "{% if supporter.country == 'ES' %}{% set hi = 'Hola' %}{% else %}{% set hi = 'Hello' %}{% endif %}"
        "{{ hi }} {{ name }}{% with loud = name | upper %} {{ loud }}{% endwith %}"
    )
    assert text_of(text) == "Hola Ana ANA"
    assert text_of(text, BO) == "Hello friend FRIEND"


def test_a_loop_over_what_is_shared_may_hold_what_is_not() -> None:
    text = "{% for s in letter.signatories %}{{ loop.index }} {{ s }} for {{ supporter.first_name }}\n{% endfor %}"
    assert text_of(text) == "1 One Org for Ana\n2 Other Org for Ana\n"


def test_a_loop_over_what_is_the_supporters_knows_its_turns() -> None:
    text = "{% for t in supporter.tags %}{{ loop.index }}/{{ loop.length }}{{ t }}{% if not loop.last %}, {% endif %}"
    text += "{% else %}none{% endfor %}"
    assert text_of(text) == "1/2a, 2/2<b>"
    assert text_of(text, BO) == "none"


def test_a_loop_in_a_scoped_block_of_another_template_knows_its_turns_too() -> None:
    layout = "{% for t in supporter.tags %}{% block row scoped %}{% endblock %}{% endfor %}"
    text = "{% extends '_layout/list' %}{% block row %}{{ loop.index }}{{ t }} {% endblock %}"
    assert text_of(text, list=layout) == "1a 2<b> "


def test_loops_conditions_and_unpacking_may_depend_on_both() -> None:
    text = "{% for s in letter.signatories if s.name[:3] != supporter.country %}{{ s }};{% endfor %}"
    assert text_of(text, replace(ANA, country="One")) == "Other Org;"
    assert text_of("{% for k, v in supporter.extra.items() %}{{ k }}={{ v }}{% endfor %}") == "city=León"
    assert text_of("{% set a, b = supporter.tags %}{{ b }}{{ a }}") == "<b>a"


def test_a_macro_may_be_given_the_supporters_values() -> None:
    macros = "{% macro button(url, label) %}<mj-button href='{{ url }}'>{{ label }}</mj-button>{% endmacro %}"
    html = "{% extends '_layout/email.mjml' %}{% from '_layout/macros' import button %}{% block body %}"
    html += COLUMN.format("{{ button(unsubscribe_url, 'Leave, ' ~ supporter.first_name) }}") + "{% endblock %}"
    mail = compiled(html, mjml=True, macros=macros)
    assert mail.fallbacks == {}
    assert re.search(
        r'<a href="https://campaign.example.org/u/abc\?x=1&amp;y=2"[^>]*>Leave, Ana</a>', mail.whole(ANA, URL).html
    )


def test_a_recursive_loop_over_what_is_shared_is_shared() -> None:
    values = SHARED | {"tree": [{"name": "a", "of": [{"name": "b", "of": []}]}]}
    text = "{% for n in tree recursive %}{{ n.name }}{{ supporter.country }}{{ loop(n.of) }}{% endfor %}"
    mail = compile_mail(message(text=text), "en", values)
    assert mail.fallbacks == {}
    assert mail.whole(ANA, URL).text == "aESbES"


def test_what_a_block_puts_aside_can_be_used_twice_and_measured() -> None:
    text = "{% set hi %}Hi {{ supporter.first_name }}{% endset %}{{ hi }}|{{ hi }}|{{ hi | length }}|{{ hi | upper }}"
    assert text_of(text) == "Hi Ana|Hi Ana|6|HI ANA"


# HTML: what stands in a branch is treated as what stands outside.


def test_branches_get_their_styles_and_tags_like_everything_else() -> None:
    html = (
        "<html><head><style>.note { color: red }</style></head><body>"
        "{% if supporter.acted_at %}<p class='note'>Thanks</p>"
        "{% else %}<p>Please <a href='https://example.org/a?b=1#c'>act</a></p>{% endif %}</body></html>"
    )
    values = SHARED | {UTM: Utm("email", "email", "example", "alert")}
    mail = compiled(html, values=values)
    assert mail.fallbacks == {}
    assert '<p class="note" style="color: red;">Thanks</p>' in mail.whole(BO, URL).html
    tags = "utm_source=email&amp;utm_medium=email&amp;utm_campaign=example&amp;utm_content=alert"
    assert f'<a href="https://example.org/a?b=1&amp;{tags}#c">act</a>' in mail.whole(ANA, URL).html


def test_a_branch_may_choose_an_address() -> None:
    html = (
        "<a href='{% if supporter.country == \"ES\" %}{{ links.es }}{% else %}https://example.org/en{% endif %}'>x</a>"
    )
    values = SHARED | {UTM: Utm("email", "email", "example", "alert")}
    mail = compiled(html, values=values)
    assert mail.fallbacks == {}
    assert 'href="https://example.org/es?utm_source=email' in mail.whole(ANA, URL).html
    assert 'href="https://example.org/en?utm_source=email' in mail.whole(BO, URL).html


def test_mjml_may_stand_in_a_branch_and_in_a_loop() -> None:
    html = "{% extends '_layout/email.mjml' %}{% block body %}" + COLUMN.format(
        "{% if supporter.acted_at %}<mj-button href='https://example.org/t'>Thanks</mj-button>"
        "{% else %}<mj-text>Hi <b class='note'>{{ supporter.first_name }}</b></mj-text>{% endif %}"
        "{% for t in supporter.tags %}<mj-text>{{ t }}</mj-text>{% endfor %}"
    ) + "{% endblock %}"  # fmt: skip
    source = message(
        html, subject="For {{ supporter.first_name }}", preheader="{{ supporter.country }} & you", mjml=True
    )
    mail = compile_mail(source, "en", SHARED)
    assert mail.fallbacks == {}
    for person in (ANA, BO):
        assert mail.whole(person, URL) == whole(source, "en", SHARED, person, URL)
    assert "<title>For Ana</title>" in mail.whole(ANA, URL).html
    assert ">ES &amp; you<" in mail.whole(ANA, URL).html


def test_a_section_and_a_picture_may_come_and_go() -> None:
    picture = "<mj-image src='https://example.org/i.png' alt='x' />"
    sections = (
        COLUMN.format("<mj-text>a</mj-text>") + "{% if supporter.acted_at %}" + COLUMN.format(picture) + "{% endif %}"
    )
    source = message(f"<mjml><mj-body>{sections}</mj-body></mjml>", mjml=True)
    mail = compile_mail(source, "en", SHARED)
    assert mail.fallbacks == {}
    # The rules for the picture's classes are there for everybody; nobody without the picture has those classes.
    for person in (ANA, BO):
        alone = whole(source, "en", SHARED, person, URL)
        assert without_widths(mail.whole(person, URL).html) == without_widths(alone.html)


@pytest.mark.parametrize(
    ("html", "why"),
    [
        (
            "<style>p + p { color: red }</style>{% if supporter.acted_at %}<p>b</p>{% endif %}<p>c</p>",
            "around it",
        ),
        ("<table>{% if supporter.acted_at %}text{% endif %}<tr><td>x</td></tr></table>", "around it"),
        ("{% if supporter.acted_at %}<div>{% endif %}x{% if supporter.acted_at %}</div>{% endif %}", "around it"),
        ("<p {% if supporter.acted_at %}class='a'{% endif %}>x</p>", "attributes"),
        ("<style>p:empty { display: none }</style><p>{{ supporter.first_name }}</p>", "blank for somebody"),
        (
            "{% macro m(s) %}{{ s }}{% endmacro %}{% for s in letter.signatories if m(s) > 'P' %}{{ s }}{% endfor %}",
            "a loop's own condition calls a macro",
        ),
        ("{% filter upper %}<b>{{ supporter.first_name }}</b>{% endfilter %}", "markup is passed through"),
        ("{% set ask %}{{ supporter.first_name }}{% endset %}{% include ask %}", "takes a template's name"),
    ],
)
def test_what_cannot_be_shared_is_rendered_whole_and_says_why(html: str, why: str) -> None:
    source = message(html)
    source = replace(source, shared={**source.shared, "Ana": Source("Ana", "by name"), "": Source("", "by none")})
    mail = compile_mail(source, "en", SHARED)
    assert why in mail.fallbacks["html"]
    assert mail.html == mail.tokens[-1]
    for person in (ANA, BO):
        assert mail.whole(person, URL) == whole(source, "en", SHARED, person, URL)


def test_columns_that_come_and_go_change_the_width_of_their_neighbours_and_are_not_shared() -> None:
    column = "<mj-column><mj-text>a</mj-text></mj-column>"
    columns = f"{column}{{% if supporter.acted_at %}}{column}{{% endif %}}"
    source = message(f"<mjml><mj-body><mj-section>{columns}</mj-section></mj-body></mjml>", mjml=True)
    mail = compile_mail(source, "en", SHARED)
    assert "around it" in mail.fallbacks["html"]
    assert mail.whole(BO, URL) == whole(source, "en", SHARED, BO, URL)


def test_a_loop_within_another_branch_is_checked_with_several_turns() -> None:
    column = "<mj-column><mj-text>a</mj-text></mj-column>"
    loop = f"<mj-section>{{% for t in supporter.tags %}}{column}{{% endfor %}}</mj-section>"
    html = "{% if supporter.acted_at %}" + COLUMN.format("<mj-text>b</mj-text>") + "{% else %}" + loop + "{% endif %}"
    source = message(f"<mjml><mj-body>{html}</mj-body></mjml>", mjml=True)
    mail = compile_mail(source, "en", SHARED)
    assert "around it" in mail.fallbacks["html"]
    assert mail.whole(ANA, URL) == whole(source, "en", SHARED, ANA, URL)


def test_a_choice_within_a_choice_stays_together() -> None:
    text = (
        "{% set z = ('a' if supporter.tags else 'b') %}{% if supporter.country %}{% else %}{% set z = 'c' %}{% endif %}"
        "{{ z | upper }}{% if ('' if supporter.tags else 'x') %}!{% endif %}"
        "{% for x in (supporter.tags if supporter.tags else ['none']) %}{{ x }}{% endfor %}"
    )
    assert text_of(text) == "Aa<b>"
    assert text_of(text, BO) == "C!none"
    assert text_of(text, replace(BO, country="US")) == "B!none"
    assert text_of(text, replace(ANA, country="")) == "Ca<b>"


# Values stay in their place.


def test_values_are_escaped_in_html_and_not_in_text() -> None:
    mail = compiled(
        "<p title='{{ supporter.first_name }}'>{{ supporter.first_name }}</p>", "{{ supporter.first_name }}"
    )
    got = mail.whole(EVIL, URL)
    escaped = "&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"
    assert f'<p title="{escaped}">{escaped}</p>' in got.html
    assert got.text == EVIL.first_name


def test_a_value_in_an_unquoted_attribute_stays_in_it() -> None:
    html = html_of("<p title={{ supporter.first_name }}>x</p>", replace(ANA, first_name="a onclick=b"))
    assert html == '<p title="a onclick=b">x</p>'


def test_a_subject_is_one_line_whatever_a_value_holds() -> None:
    mail = compiled(subject="Hi {{ supporter.last_name }}{% if supporter.tags %} \n you{% endif %}!")
    assert mail.whole(EVIL, URL).subject == "Hi x Bcc: all@example.org y!"
    for row in mail.fill([EVIL], [URL]):
        assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", "".join(row))


def test_a_value_that_looks_like_a_token_is_not_filled() -> None:
    mail = compiled(text="{{ supporter.first_name }} {{ supporter.country }}")
    assert mail.whole(replace(ANA, first_name=mail.tokens[1]), URL).text == f"{mail.tokens[1]} ES"


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ("<script>{{ supporter.first_name }}</script>", "inside <script>"),
        ("<style>p { color: {{ supporter.first_name }} }</style><p>x</p>", "inside <style>"),
        ("<p style='color: {{ supporter.first_name }}'>x</p>", "'style', which is code"),
        ("<p onclick='{{ supporter.first_name }}'>x</p>", "'onclick', which is code"),
        ("<p {{ supporter.first_name }}>x</p>", "among a tag's attributes"),
        ("<p {{ supporter.first_name }}='x'>x</p>", "among a tag's attributes"),
        ("<a href='{{ supporter.extra.city }}'>x</a>", "cannot begin with"),
        ("<img src='{{ supporter.first_name }}'>", "cannot begin with"),
        ("<a href='https://example.org/?n={{ supporter.first_name }}'>x</a>", "percent-encoded"),
    ],
)
def test_a_value_where_none_may_stand_is_refused_with_its_line(html: str, why: str) -> None:
    [problem] = refused(f"<html><body>\n{html}\n</body></html>")
    assert why in problem.what
    assert (problem.file, problem.line) == ("en.mjml", 6)


def test_a_part_that_cannot_be_shared_is_refused_the_same_values() -> None:
    unbalanced = "{% if supporter.acted_at %}<div>{% endif %}x{% if supporter.acted_at %}</div>{% endif %}"
    [problem] = refused(unbalanced + "<p style='color: {{ supporter.first_name }}'>x</p>")
    assert "which is code" in problem.what


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<a href='{{ unsubscribe_url }}'>x</a>", 'href="https://campaign.example.org/u/abc?x=1&amp;y=2"'),
        ("<a href='https://example.org/?n={{ supporter.last_name | urlencode }}'>x</a>", "?n=O%27Hara"),
        ("<a href='{{ share.whatsapp(\"I am \" ~ supporter.last_name) }}'>x</a>", "?text=I%20am%20O%27Hara"),
        ('<a href=\'{{ links["es" if supporter.country == "ES" else "action"] }}\'>x</a>', '"https://example.org/es"'),
        ("{% set there = links.es if supporter.tags else links.action %}<a href='{{ there }}'>x</a>", "example.org/es"),
    ],
)
def test_what_is_ours_or_encoded_may_stand_in_an_address(html: str, expected: str) -> None:
    assert expected in html_of(html)


@pytest.mark.parametrize(
    "template",
    [
        "{{ supporter.__class__ }}", "{{ ''['__class__'] }}", "{{ letter._x }}", "{{ supporter.extra.update(a='b') }}",
        "{{ '{0.__class__}'.format(supporter) }}", "{{ 'a'.ljust(99999999) }}", "{{ '%9999999s' % 1 }}",
        "{{ 'a' * 99999999 }}", "{{ 9 ** 9999999 }}", "{{ [1] * 9999999 }}", "{{ range(99999999) | list }}",
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% for a in range(999) %}{% for b in range(9) %}" + "x" * 999 + "{% endfor %}{% endfor %}",
        "{% autoescape false %}{{ supporter.first_name }}{% endautoescape %}", "{{ supporter.first_name | safe }}",
        "{% include '_layout/itself' %}", "{% set _campaign_x = 1 %}",
    ],
)  # fmt: skip
def test_what_a_message_never_needs_is_refused(template: str) -> None:
    source = message(text=template, itself="{% include '_layout/itself' %}")
    with pytest.raises(BadInput):
        compile_mail(source, "en", SHARED).fill([ANA], [URL])


# What is wrong is said.


@pytest.mark.parametrize(
    ("text", "line", "what", "remedy"),
    [
        ("a\n{{ supporter.frist_name }}", 2, '"supporter" has no "frist_name"', 'did you mean "first_name"?'),
        ("{% if no %}{% endif %}", 1, 'there is no "no"', ""),
        ("\n\n{% if supporter.tags %}{{ link.action }}{% endif %}", 3, 'there is no "link"', 'did you mean "links"?'),
        ("{{ links.acton }}", 1, '"links" has no "acton"', 'did you mean "action"?'),
        ("{{ letter.adressee.name }}", 1, '"letter" has no "adressee"', 'did you mean "addressee"?'),
        ("{{ letter.addressee.nam }}", 1, '"letter.addressee" has no "nam"', 'did you mean "name"?'),
        ("{{ supporter.consent.sorce }}", 1, '"supporter.consent" has no "sorce"', 'did you mean "source"?'),
        ("{{ 1 | fallbak('x') }}", 1, "No filter named 'fallbak'", ""),
        ("a\n{% if supporter.tags %}", 2, "cannot be read", "its own end"),
        ("{{ a b }}", 1, "cannot be read", "braces"),
        (
            "{% include '_layout/mail.mjml' %}",
            1,
            'no template "_layout/mail.mjml"',
            'did you mean "_layout/email.mjml"?',
        ),
        ("a\n\n{{ letter.title | date }}", 3, "the date filter needs a date", ""),
        ("{{ 1 / 0 }}", 1, "division by zero", ""),
    ],
)
def test_a_mistake_is_named_with_file_line_and_remedy(text: str, line: int, what: str, remedy: str) -> None:
    problems = refused(text=text)
    assert [(problem.file, problem.line) for problem in problems] == [("en.txt", line)]
    assert what in problems[0].what
    assert remedy in problems[0].remedy
    assert problems[0].where == 'message "email/alert" (en, text)'


def test_all_mistakes_of_all_parts_are_named_at_once() -> None:
    problems = refused("<p>{{ nme }}</p>\n{{ supporter.nme }}", "{{ texst }}", "{{ subjct }}", preheader="{{ pre }}")
    places = [(problem.file, problem.line) for problem in problems]
    assert places == [("en.mjml", 2), ("en.mjml", 3), ("en.mjml", 5), ("en.mjml", 6), ("en.txt", 1)]


def test_a_mistake_in_a_layout_names_the_layout() -> None:
    [problem] = refused("{% include '_layout/foot' %}", foot="one\ntwo {{ campain.title }}")
    assert (problem.file, problem.line) == ("_layout/foot", 2)


def test_a_message_may_ask_whether_something_is_there() -> None:
    text = "{% if facts.total is defined %}{{ facts.total }}{% endif %}{{ lead | default('-') }}"
    text += "{% if more is defined %}{{ more }}{% endif %}"
    assert text_of(text) == "-"


def test_what_fails_for_somebody_names_them_by_their_id_and_no_address() -> None:
    mail = compiled(text="fine\n{{ supporter.extra.city }}")
    assert mail.fill([ANA], [URL]) == [("León",)]
    with pytest.raises(BadInput) as caught:
        mail.fill([ANA, BO], [URL, URL])
    [problem] = caught.value.problems
    assert (problem.file, problem.line) == ("en.txt", 2)
    assert "supporter 2" in problem.where
    assert "city" in problem.what
    assert "@" not in str(problem)


def test_a_branch_that_fails_for_everybody_but_is_meant_for_some_is_rendered_whole() -> None:
    values = SHARED | {"letter": replace(letter(), date=None)}
    mail = compiled(text="{% if supporter.acted_at %}{{ letter.date | date }}{% else %}soon{% endif %}", values=values)
    assert "there is none" in mail.fallbacks["text"]
    assert mail.whole(ANA, URL).text == "soon"
    with pytest.raises(BadInput, match="there is none"):
        mail.whole(BO, URL)


def test_a_shared_condition_spares_a_branch_that_would_fail() -> None:
    values = SHARED | {"letter": replace(letter(), date=None)}
    mail = compiled(
        text="{% if letter.date and supporter.acted_at %}{{ letter.date | date }}{% endif %}-", values=values
    )
    assert mail.fallbacks == {}
    assert mail.text == "-"


@pytest.mark.parametrize(
    "html", ["<p>no mjml</p>", "<mjml><mj-body><mj-section></mjml>", "<mjml><mj-body><mj-nothing /></mj-body></mjml>"]
)
def test_mjml_that_cannot_be_read_is_refused(html: str) -> None:
    [problem] = refused(html, mjml=True)
    assert "MJML" in problem.what
    assert problem.file == "en.mjml"


def test_mjml_reaches_no_files() -> None:
    include = '<mjml><mj-head><mj-include path="/etc/hostname" /></mj-head><mj-body></mj-body></mjml>'
    [problem] = refused(include, mjml=True)
    assert "include" in problem.what


def test_a_language_that_was_not_written_is_refused() -> None:
    with pytest.raises(BadInput, match='there is no "fr" variant; there is: en'):
        compile_mail(message(), "fr", SHARED)


# What mail programs need.


@pytest.mark.parametrize(
    ("language", "direction"),
    [
        ("en", "ltr"),
        ("ar", "rtl"),
        ("he", "rtl"),
        ("fa-IR", "rtl"),
        ("ku-Arab", "rtl"),
        ("az-Latn", "ltr"),
        ("ur", "rtl"),
    ],
)
@pytest.mark.parametrize("mjml", [True, False])
def test_a_document_says_its_language_and_which_way_it_is_written(language: str, direction: str, *, mjml: bool) -> None:
    html = "<mjml><mj-body>" + COLUMN.format("<mj-text>x</mj-text>") + "</mj-body></mjml>" if mjml else "<p>x</p>"
    source = message(html, mjml=mjml)
    source = replace(source, mails={language: replace(source.mails["en"], language=language)})
    document = compile_mail(source, language, SHARED).html
    for tag in ("html", "body", "div") if mjml else ("html", "body"):
        said = re.findall(rf"<{tag} [^>]*", document)
        assert any(f'lang="{language}"' in one and f'dir="{direction}"' in one for one in said), (tag, said)


def test_what_a_writer_says_of_the_language_stays() -> None:
    html = compiled('<html lang="es" dir="rtl"><body dir="ltr"><p>x</p></body></html>').html
    assert '<html lang="es" dir="rtl">' in html
    assert re.search(r'<body[^>]* dir="ltr"', html)
    assert html.count("dir=") == 2


@pytest.mark.parametrize("mjml", [True, False])
def test_rules_for_dark_and_narrow_screens_stay_and_all_others_are_inlined(*, mjml: bool) -> None:
    rules = (
        ":root { color-scheme: light dark } .note { color: red } "
        "@media (prefers-color-scheme: dark) { .note { color: blue !important } } "
        "@media (max-width: 479px) { .note { padding: 2px } }"
    )
    meta = '<meta name="color-scheme" content="light dark">'
    html = (
        f"<mjml><mj-head><mj-raw>{meta}</mj-raw><mj-style>{rules}</mj-style></mj-head><mj-body>"
        + COLUMN.format("<mj-text><p class='note'>{{ supporter.first_name }}</p></mj-text>")
        + "</mj-body></mjml>"
        if mjml
        else f"<html><head>{meta}<style>{rules}</style></head><body><p class='note'>{{{{ supporter.first_name }}}}</p>"
    )
    document = compiled(html, mjml=mjml).whole(ANA, URL).html
    head, _, body = document.partition("</head>")
    assert meta in head
    assert re.search(r"@media \(prefers-color-scheme: dark\) ?\{ ?\.note ?\{ ?color: blue !important", head)
    assert re.search(r"@media \(max-width: 479px\)", head)
    assert re.search(r'<p class="note" style="[^"]*color: red', body)
    assert "Ana" in body


def test_a_text_that_nobody_wrote_is_shared_and_filled() -> None:
    html = (
        "<h1>Act, {{ supporter.first_name | fallback('friend') }}</h1>"
        "<p>Dear {{ supporter.first_name }} {{ supporter.last_name }}, <a href='{{ links.action }}'>act</a>.</p>"
        "{% if supporter.tags %}<ul>{% for t in supporter.tags %}<li>{{ t }}</li>{% endfor %}</ul>{% endif %}"
        "<p><a href='{{ unsubscribe_url }}'>Leave</a></p>"
    )
    source = message(html)
    source = replace(source, mails={"en": replace(source.mails["en"], text=None)})
    mail = compile_mail(source, "en", SHARED)
    assert mail.fallbacks == {}
    assert "act (https://example.org/act)." in mail.text
    assert mail.whole(ANA, URL).text == (
        f"ACT, ANA\n\nDear Ana O'Hara, act (https://example.org/act).\n\n* a\n* <b>\n\nLeave:\n{URL}\n"
    )
    assert mail.whole(BO, URL).text == f"ACT, FRIEND\n\nDear , act (https://example.org/act).\n\nLeave:\n{URL}\n"


def test_a_text_whose_list_is_numbered_by_conditions_is_made_for_each_person_and_says_why() -> None:
    source = message("<ol>{% if supporter.tags %}<li>{{ supporter.first_name }}</li>{% endif %}<li>b</li></ol>")
    source = replace(source, mails={"en": replace(source.mails["en"], text=None)})
    mail = compile_mail(source, "en", SHARED)
    assert mail.fallbacks == {"text": "a conditional or loop changes the text around it"}
    assert [mail.whole(person, URL).text for person in (ANA, BO)] == ["1. Ana\n2. b\n", "1. b\n"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("{{ supporter.first_name }} {{ supporter.extra.shoe | fallback('any') }}", {"first_name", "extra"}),
        ("{% if supporter.consent %}{{ supporter.consent.at | date }}{% endif %}", {"consent"}),
        ("the same for everybody", set()),
        ("{% set one = supporter %}{{ one.region }}", {"region"}),
    ],
)
def test_a_mail_knows_what_it_reads_of_a_supporter(text: str, read: set[str]) -> None:
    assert compiled(text=text).reads == frozenset(read)


def test_a_mail_that_takes_a_supporter_as_a_whole_reads_all_of_them() -> None:
    assert compiled(text="{{ supporter }}").reads is None


def test_what_another_step_has_compiled_before_says_what_is_of_this_step() -> None:
    """Rewritten templates are shared: expressions, loops and their conditions must be found by this message's own."""
    html = (
        "{% from '_layout/card' import card %}<p>{{ step.id }}</p>{{ card(supporter.first_name) }}"
        "{% for tag in supporter.tags if tag != step.id %}<i>{{ tag }} {{ step.id }}</i>{% endfor %}"
        "{% if supporter.country == step.id %}<b>{{ links.action }}</b>{% endif %}"
    )
    card = "{% macro card(name) %}<u>{{ name | fallback('friend') }}</u>{% endmacro %}"
    parts = (html, "{{ supporter.first_name }} {{ step.id }}", "{{ step.id }} for {{ supporter.first_name }}")
    for step in ("a", "ES", "a", "b"):
        values = {**SHARED, "step": {"id": step, "number": 1}}
        written = message(*parts, card=card)
        mail = compile_mail(written, "en", values)
        assert mail.fallbacks == {}
        for person in (ANA, BO):
            assert mail.whole(person, URL) == whole(written, "en", values, person, URL)
        other = message(f"{{{{ supporter.email }}}}{html}", *parts[1:], card=card)  # more is noted before the card
        assert compile_mail(other, "en", values).whole(ANA, URL) == whole(other, "en", values, ANA, URL)
