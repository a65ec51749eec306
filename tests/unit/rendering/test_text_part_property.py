"""A text part that is made from the HTML part: shared and filled, it is what is made for one person alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html import escape

from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from campaign.errors import BadInput
from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering import mail
from campaign.rendering.finish import Finish
from campaign.rendering.text_marks import END, START, clean, plain, tidied
from campaign.rendering.text_part import derived
from campaign.rendering.whole import Whole
from tests.unit.rendering.test_compile_once_property import (
    SHARED,
    TAME,
    URL,
    Family,
    Scope,
    Unfinished,
    conditions,
    documents,
    expressions,
    families,
    filled_or_none,
    mjml_documents,
    whole_or_none,
)

WORDS = st.text(alphabet="aB<>&\"' é\n\t\xa0\u200b\x01\x0e{%ñß", max_size=6)
PEOPLE = st.lists(
    st.builds(
        Supporter,
        id=st.integers(1, 3),
        email=st.just("someone@example.org"),
        first_name=WORDS,
        last_name=WORDS,
        country=st.sampled_from(["", "US", "ES"]),
        tags=st.lists(WORDS, max_size=3).map(tuple),
        acted_at=st.sampled_from([None, datetime(2018, 5, 22, 13, tzinfo=UTC)]),
        extra=st.dictionaries(st.sampled_from(["city", "size"]), WORDS),
    ),
    min_size=1,
    max_size=3,
)


def message(html: str, *, mjml: bool = False, shared: dict[str, str] | None = None) -> Message:
    source = MailSource("en", Source("en", "s"), Source("en", ""), Source("en", html), None, mjml=mjml)
    sources = {name: Source(name, text) for name, text in (shared or {}).items()}
    return Message("email/alert", "email", mails={"en": source}, shared=sources)


def hold_alike(source: Message, people: list[Supporter], *, finish: Finish | None = None) -> None:
    whole = Whole(source, "en", SHARED)
    whole.finish = finish or whole.finish
    right = [whole_or_none(whole, person) for person in people]
    try:
        compiled = mail.compiled(whole)
    except BadInput:
        event("refused")
        return
    event(f"fallbacks: {sorted(compiled.fallbacks)}")
    for person, expected in zip(people, right, strict=True):
        if expected is not None:
            found = filled_or_none(compiled, person)
            assert found is not None
            assert found.text == expected.text


TEXTUAL = (
    "<p>{}</p>", "<p>Dear {},</p>", "<b> {} </b>", "<h2>{}</h2>", "<h1>On {} we act</h1>", "<ul><li>{}</li></ul>",
    "<ul><li>one</li><li>{}</li><li>{}</li></ul>", "<ol><li>{}</li><li>then {}</li></ol>", "{} and {}", "{}<br>{}",
    "<table><tr><th>Now</th><td>{}</td></tr><tr><th>{}</th><td>then</td></tr></table>", "<div>{}</div>",
    "<table role='presentation'><tr><td>{}</td><td>x {}</td></tr></table>", "<p><a href='https://example.org/'>{}</a></p>",
    "<a href='https://example.org/a?n={{{{ supporter.first_name | urlencode }}}}'> {} </a>", "<hr>{}<p> </p>",
    "<a href='{{{{ unsubscribe_url }}}}'>{}</a>", "<p><a href='{{{{ unsubscribe_url }}}}'>Leave</a> · {}</p>",
    "<a href='{{{{ share.whatsapp(supporter.first_name) }}}}'>{}</a>", "<img alt='{}' src='https://example.org/i.png'>",
    "<a href='{{{{ share.mailto(\"a@example.org\", \"Hi\", word ~ supporter.last_name) }}}}'>{}</a>",
    "<a href='https://example.org/'><img alt='{}' src='https://example.org/i.png'></a>",
    "<div style='display: none'>{}</div>", "<p aria-hidden='true'>{}</p>", "<blockquote>{}<p>x</p></blockquote>",
    "<td>{}", "<p>{{{{ unsubscribe_url }}}} {}</p>",
)  # fmt: skip


@st.composite
def pages(draw: DrawFn, depth: int = 3) -> str:
    """HTML as people write it, and not, with values, conditionals and loops in many places."""
    scope = Scope(("word",))
    written = []
    for _ in range(draw(st.integers(1, 3))):
        frame = draw(st.sampled_from(TEXTUAL))
        inside = []
        for _ in range(frame.replace("{{", "").replace("}}", "").count("{}")):
            kind = draw(
                st.sampled_from(["value", "word", "name", "if", "for", "within"] if depth else ["value", "word"])
            )
            if kind == "value":
                inside.append(f"{{{{ {draw(expressions(scope, 1))} }}}}")
            elif kind == "name":
                inside.append("{{ supporter.first_name }} {{ supporter.last_name }}")
            elif kind == "if":
                body, other = draw(pages(depth - 1)), draw(pages(0))
                inside.append(f"{{% if {draw(conditions(scope, 1))} %}}{body}{{% else %}}{other}{{% endif %}}")
            elif kind == "for":
                inside.append(f"{{% for x in supporter.tags %}}{draw(pages(depth - 1))}{{{{ x }}}} {{% endfor %}}")
            else:
                inside.append(draw(pages(depth - 1)) if kind == "within" else draw(st.sampled_from(["words", " ", ""])))
        written.append(frame.format(*inside))
    return draw(st.sampled_from(["", " ", "\n"])).join(written)


@given(body=pages(), people=PEOPLE)
def test_a_filled_text_is_what_is_made_from_the_whole_html(body: str, people: list[Supporter]) -> None:
    hold_alike(message(f"<html><body>{body}</body></html>"), people)


@given(body=documents(), people=PEOPLE)
def test_a_filled_text_is_that_of_html_that_is_not_well_formed_too(body: str, people: list[Supporter]) -> None:
    hold_alike(message(body), people)


@given(family=families(), people=PEOPLE)
def test_a_filled_text_is_that_of_any_template(family: Family, people: list[Supporter]) -> None:
    hold_alike(message(family.main, shared=family.shared), people, finish=Unfinished(mjml=False, utm=None))


@given(body=mjml_documents(), people=st.lists(TAME, min_size=1, max_size=3))
def test_a_filled_text_is_that_of_mjml_too(body: str, people: list[Supporter]) -> None:
    hold_alike(message(f"<mjml><mj-body>{body}</mj-body></mjml>", mjml=True), people)


MARKED = st.text(alphabet="ab \n\x01\x02\x04\x05\x06\x14", max_size=30)


@given(st.lists(MARKED, min_size=2, max_size=4))
def test_text_may_be_cut_at_any_visible_character_and_tidied_piece_by_piece(pieces: list[str]) -> None:
    pieces = [START + pieces[0] + "x", *(f"y{piece}z" for piece in pieces[1:]), END]
    assert tidied("".join(pieces)) == "".join(tidied(piece) for piece in pieces)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=60))
def test_a_value_goes_into_the_text_as_it_is_whatever_it_looks_like(value: str) -> None:
    """Never as markup: what comes of it is what was escaped into the HTML part."""
    assert plain(value) == clean(value)
    text = derived(Finish(mjml=False, utm=None).html(f"<p>a{escape(value)}b</p>"), language="en")
    assert text == tidied(f"{START}a{plain(value)}b{END}")


def test_every_value_of_a_person_comes_into_the_text_unescaped() -> None:
    page = "<p>Dear {{ supporter.first_name }},</p><p>{{ supporter.last_name | e }} {{ supporter.tags | join }}</p>"
    evil = Supporter(1, "a@example.org", "<b>", "&amp;lt;", tags=("<script>", "'\"&"))
    compiled = mail.compile_mail(message(page), "en", SHARED)
    assert compiled.fallbacks == {}
    assert compiled.whole(evil, URL).text == "Dear <b>,\n\n&amp;lt; <script>'\"&\n"
    assert replace(evil, first_name=" ") != evil
    assert compiled.whole(replace(evil, first_name=" "), URL).text.startswith("Dear ,\n")
