"""The heart of rendering: shared bodies with their fields filled in are the template rendered whole."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from campaign.errors import BadInput
from campaign.model.message import MailSource, Message, Source
from campaign.model.supporter import Supporter
from campaign.rendering import mail
from campaign.rendering.finish import Finish, without_widths
from campaign.rendering.share import Share
from campaign.rendering.whole import Mail, Whole

URL = "https://campaign.example.org/u/abc?x=1&y=2"
SHARED: dict[str, Any] = {
    "word": "Hello <you> & 'me'",
    "items": ["one", "t<w>o", "three"],
    "pairs": [("a", 1), ("b", 2)],
    "nothing": [],
    "number": 3,
    "yes": True,
    "no": False,
    "links": {"action": "https://example.org/act?a=1&b=2"},
    "share": Share(),
}
NAMES = ("x", "y", "z")
MACROS = (
    "{% macro plain(p) %}[{{ p }}]{% endmacro %}"
    "{% macro asks(p, q='-') %}{% if p %}{{ p }}{{ q }}{% else %}nobody{% endif %}{% endmacro %}"
    "{% macro wraps() %}({{ caller() }}){% endmacro %}"
    "{% macro twice(p) %}{{ caller(p) }}+{{ caller('<') }}{% endmacro %}"
)
DEPENDENT_MACRO = (
    "{% macro greets(p) %}{{ p }} {{ supporter.first_name }}{% if supporter.acted_at %}!{% endif %}{% endmacro %}"
)


@dataclass(frozen=True, slots=True)
class Unfinished(Finish):
    """Leaves the HTML as its template gave it, so that parts can be compared to the byte."""

    def html(self, raw: str, *, leave: Collection[str] = ()) -> str:  # noqa: ARG002 - as it is called
        return raw


@dataclass(frozen=True)
class Scope:
    """What a piece of template may use where it stands."""

    names: tuple[str, ...]
    loop: bool = False
    macros: tuple[str, ...] = ()
    depth: int = 3

    def deeper(self, *names: str, loop: bool | None = None) -> Scope:
        inside = self.loop if loop is None else loop
        return Scope(tuple(dict.fromkeys((*self.names, *names))), inside, self.macros, self.depth - 1)


ATOMS = (
    "word",
    "number",
    "items[1]",
    "'lit<\"&'",
    "supporter.first_name",
    "supporter.last_name",
    "supporter.country",
    "supporter.tags | join(', ')",
    "supporter.extra.get('city', '')",
    "supporter.id",
    "unsubscribe_url",
    "links.action",
)
LOOP_ATOMS = ("loop.index", "loop.last", "loop.length", "loop.cycle('odd', 'even')", "loop.revindex0")


@st.composite
def expressions(draw: DrawFn, scope: Scope, depth: int = 2) -> str:  # noqa: C901, PLR0911 - one answer a kind
    kinds = ["atom", "atom", "name", "name"]
    if depth:
        kinds += ["filter", "filter", "join", "choose", "either", "list", "pick", "share"]
        kinds += ["macro"] * bool(scope.macros)
    kind = draw(st.sampled_from(kinds))
    inner = expressions(scope, depth - 1)
    match kind:
        case "name":
            return draw(st.sampled_from(scope.names))
        case "filter":
            name = draw(
                st.sampled_from(
                    ["upper", "fallback('friend')", "string | truncate(4, True, '')", "default('d')", "string | length",
                     "urlencode", "e", "string | list | first | default('')", "string | replace('a', '<')", "trim"]
                )
            )  # fmt: skip
            return f"({draw(inner)}) | {name}"
        case "join":
            return f"({draw(inner)}) ~ ({draw(inner)})"
        case "choose":
            return f"(({draw(inner)}) if {draw(conditions(scope, depth - 1))} else ({draw(inner)}))"
        case "either":
            return f"(({draw(inner)}) {draw(st.sampled_from(['or', 'and']))} ({draw(inner)}))"
        case "list":
            return f"([{draw(inner)}, {draw(inner)}] | join('+'))"
        case "pick":
            return f"{{'a': {draw(inner)}, 'b': 'B'}}['{draw(st.sampled_from('ab'))}']"
        case "share":
            return f"share.whatsapp({draw(inner)}, links.action)"
        case "macro":
            return f"{draw(st.sampled_from(scope.macros))}({draw(inner)})"
        case _:
            return draw(st.sampled_from(ATOMS + (LOOP_ATOMS if scope.loop else ())))


@st.composite
def conditions(draw: DrawFn, scope: Scope, depth: int = 2) -> str:  # noqa: PLR0911 - one answer a kind
    kinds = ["acted", "acted", "value", "equal", "in", "fixed"] + (["not", "both", "any"] if depth else [])
    inner = conditions(scope, depth - 1)
    match draw(st.sampled_from(kinds)):
        case "acted":
            return "supporter.acted_at"
        case "value":
            return f"({draw(expressions(scope, 1))})"
        case "equal":
            return f"(({draw(expressions(scope, 1))}) == ({draw(expressions(scope, 1))}))"
        case "in":
            return f"(({draw(expressions(scope, 0))}) | string in supporter.tags)"
        case "not":
            return f"not {draw(inner)}"
        case "both":
            return f"({draw(inner)} and {draw(inner)})"
        case "any":
            return f"({draw(inner)} or {draw(inner)})"
        case _:
            return draw(st.sampled_from(["yes", "no", "x is defined", "unheard_of is defined", "number > 2"]))


@st.composite
def iterables(draw: DrawFn, scope: Scope) -> str:
    written = draw(expressions(scope, 1))
    lists = ["items", "nothing", "supporter.tags", "supporter.tags | sort", "items | map('upper')", "range(2)"]
    return draw(st.sampled_from([*lists, f"[{written}, word]", f"({written}) | string | list"]))


@st.composite
def bodies(draw: DrawFn, scope: Scope, most: int = 4) -> str:
    return "".join(draw(st.lists(statements(scope), min_size=1, max_size=most)))


@st.composite
def statements(draw: DrawFn, scope: Scope) -> str:  # noqa: C901, PLR0911, PLR0912 - one answer a kind of statement
    kinds = ["text", "output", "output", "output", "set"]
    if scope.depth:
        kinds += ["if", "if", "if", "for", "for", "pairs", "with", "put aside", "filter", "include", "unpack"]
        kinds += ["call", "call with"] * bool(scope.macros)
    inner = bodies(scope.deeper(), most=3)
    name = draw(st.sampled_from(NAMES))
    match draw(st.sampled_from(kinds)):
        case "output":
            return f"{{{{ {draw(expressions(scope))} }}}}"
        case "set":
            return f"{{% set {name} = {draw(expressions(scope))} %}}"
        case "unpack":
            return f"{{% set {name}, y = {draw(expressions(scope, 1))}, {draw(expressions(scope, 1))} %}}"
        case "if":
            elif_ = f"{{% elif {draw(conditions(scope))} %}}{draw(inner)}" if draw(st.booleans()) else ""
            else_ = f"{{% else %}}{draw(inner)}" if draw(st.booleans()) else ""
            return f"{{% if {draw(conditions(scope))} %}}{draw(inner)}{elif_}{else_}{{% endif %}}"
        case "for":
            within = scope.deeper(name, loop=True)
            test = f" if {draw(conditions(scope.deeper(name, loop=False)))}" if draw(st.booleans()) else ""
            else_ = f"{{% else %}}{draw(inner)}" if draw(st.booleans()) else ""
            body = draw(bodies(within, most=3))
            return f"{{% for {name} in {draw(iterables(scope))}{test} %}}{body}{else_}{{% endfor %}}"
        case "pairs":
            over = draw(st.sampled_from(["pairs", "supporter.extra.items()", "supporter.extra | dictsort"]))
            return f"{{% for x, {name} in {over} %}}{draw(bodies(scope.deeper(loop=True), most=2))}{{% endfor %}}"
        case "with":
            return f"{{% with {name} = {draw(expressions(scope))} %}}{draw(inner)}{{% endwith %}}"
        case "put aside":
            change = draw(st.sampled_from(["", " | upper", " | trim"]))
            return f"{{% set {name}{change} %}}{draw(inner)}{{% endset %}}"
        case "filter":
            change = draw(st.sampled_from(["upper", "replace('e', '3')", "trim", "e"]))
            return f"{{% filter {change} %}}{draw(inner)}{{% endfilter %}}"
        case "include":
            return "{% include '_layout/part' %}"
        case "call":
            return f"{{% call wraps() %}}{draw(inner)}{{% endcall %}}"
        case "call with":
            return f"{{% call(z) twice({draw(expressions(scope, 1))}) %}}{draw(inner)}{{% endcall %}}"
        case _:
            return draw(st.sampled_from(["text ", "<b>bold</b> ", "\n", "& ", "{# remark #}"]))


@dataclass(frozen=True)
class Family:
    main: str
    shared: dict[str, str]


@st.composite
def families(draw: DrawFn) -> Family:
    """A template with what it extends, includes and imports."""
    scope = Scope(NAMES, macros=("plain", "asks", "greets"))
    start = "".join(f"{{% set {name} = {draw(expressions(Scope(('word',)), 1))} %}}" for name in NAMES)
    seen = draw(st.sampled_from(["", " with context"]))
    imports = f"{{% from '_layout/macros' import plain, asks, wraps, twice{seen} %}}"
    inherited = draw(bodies(Scope(NAMES, depth=1), most=2))
    shared = {
        "_layout/macros": MACROS,
        "_layout/part": draw(bodies(Scope(NAMES, depth=1), most=2)),
        "_layout/base": f"({{% block head %}}h{{% endblock %}}|{{% block body %}}{inherited}{{% endblock %}})",
    }
    own = imports + DEPENDENT_MACRO + start
    if draw(st.booleans()):
        again = draw(st.sampled_from(["", "{{ super() }}", "{{ super() | upper }}", "{{ self.head() }}"]))
        head = draw(bodies(scope, most=2))
        body = draw(bodies(scope))
        own = "{% extends '_layout/base' %}" + own
        return Family(
            own + f"{{% block head %}}{head}{{% endblock %}}{{% block body %}}{body}{again}{{% endblock %}}", shared
        )
    return Family(own + draw(bodies(scope)), shared)


WORDS = st.text(alphabet="aB<>&\"' é\n{%ñ", max_size=6)
SUPPORTERS = st.builds(
    Supporter,
    id=st.integers(1, 3),
    email=st.just("someone@example.org"),
    first_name=WORDS,
    last_name=WORDS,
    country=st.sampled_from(["", "US", "ES"]),
    tags=st.lists(WORDS, max_size=3).map(tuple),
    acted_at=st.sampled_from([None, datetime(2018, 5, 22, 13, tzinfo=UTC)]),
    extra=st.dictionaries(st.sampled_from(["city", "size"]), WORDS),
)


def message(family: Family, *, preheader: str = "", html: str = "{{ preheader }}", mjml: bool = False) -> Message:
    sources = {name: Source(name, text) for name, text in family.shared.items()}
    parts = (Source("en", part) for part in (family.main, preheader, html, family.main))
    subject, before, body, text = parts
    source = MailSource("en", subject, before, body, text, mjml=mjml)
    return Message("email/alert", "email", mails={"en": source}, shared=sources)


def filled_or_none(compiled: mail.CompiledMail, person: Supporter) -> Mail | None:
    try:
        return compiled.whole(person, URL)
    except BadInput:
        return None


def whole_or_none(whole: Whole, person: Supporter) -> Mail | None:
    try:
        return whole.mail(person, URL)
    except BadInput:
        return None


def hold_equal(msg: Message, people: list[Supporter]) -> None:
    whole = Whole(msg, "en", SHARED)
    whole.finish = Unfinished(mjml=False, utm=None)
    right = [whole_or_none(whole, person) for person in people]
    try:
        compiled = mail.compiled(whole)
    except BadInput:
        event("refused")
        assert right == [None] * len(people), "what is refused when it is compiled must fail for everybody"
        return
    event(f"fallbacks: {sorted(compiled.fallbacks)}")
    for person, expected in zip(people, right, strict=True):
        if expected is not None:
            assert filled_or_none(compiled, person) == expected


@given(family=families(), people=st.lists(SUPPORTERS, min_size=1, max_size=3))
def test_a_filled_subject_and_text_are_the_templates_rendered_whole(family: Family, people: list[Supporter]) -> None:
    hold_equal(message(family), people)


@given(family=families(), people=st.lists(SUPPORTERS, min_size=1, max_size=3))
def test_a_filled_html_part_is_the_template_rendered_whole(family: Family, people: list[Supporter]) -> None:
    html = Family(family.main, family.shared)
    sources = message(
        Family("{{ supporter.first_name }}", html.shared), html=html.main, preheader="{{ supporter.last_name }}"
    )
    hold_equal(sources, people)


FRAGMENTS = (
    "<p class='note'>{}</p>", "<b>{}</b>", "<table><tr><td>{}</td></tr></table>", "<ul><li>{}</li><li>last</li></ul>",
    "<td>{}</td>", "<tr><td>{}</td></tr>", "<p>{}", "{}</p>", "<a href='https://example.org/a'>{}</a>", "{}",
    "<img alt='{}' src='https://example.org/i.png'>", "<a title='{}' href='{{{{ unsubscribe_url }}}}'>out</a>",
)  # fmt: skip


@st.composite
def documents(draw: DrawFn, depth: int = 3) -> str:
    """HTML, not always well formed, with values, conditionals and loops in many places."""
    scope = Scope(("word",))
    pieces = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["value", "if", "for", "around"] if depth else ["value"]))
        if kind == "value":
            piece = f"{{{{ {draw(expressions(scope, 1))} }}}}"
        elif kind == "if":
            test, body, other = draw(conditions(scope, 1)), draw(documents(depth - 1)), draw(documents(0))
            piece = f"{{% if {test} %}}{body}{{% else %}}{other}{{% endif %}}"
        elif kind == "for":
            piece = f"{{% for x in supporter.tags %}}{draw(documents(depth - 1))}{{{{ x }}}}{{% endfor %}}"
        else:
            piece = draw(documents(depth - 1))
        pieces.append(draw(st.sampled_from(FRAGMENTS)).format(piece))
    return "".join(pieces)


STYLE = "<style>.note {{ color: red }} p + p {{ margin: 0 }} li:last-child {{ color: blue }} {extra}</style>"


@given(
    body=documents(),
    extra=st.sampled_from(["", "td { padding: 0 }", "b:only-child { color: green }"]),
    people=st.lists(SUPPORTERS, min_size=1, max_size=3),
)
def test_a_filled_document_says_what_the_whole_document_says(body: str, extra: str, people: list[Supporter]) -> None:
    hold_alike(f"<html><head>{STYLE.format(extra=extra)}</head><body>{body}</body></html>", people, mjml=False)


def hold_alike(html: str, people: list[Supporter], *, mjml: bool) -> None:
    whole = Whole(message(Family("hello", {}), html=html, mjml=mjml), "en", SHARED)
    right = [whole_or_none(whole, person) for person in people]
    try:
        compiled = mail.compiled(whole)
    except BadInput:
        event("refused: a value where none may stand")
        return
    event(f"fallbacks: {bool(compiled.fallbacks)}")
    again = Finish(mjml=False, utm=None)
    for person, expected in zip(people, right, strict=True):
        if expected is not None:
            found = filled_or_none(compiled, person)
            # Escapes may be written in two ways (&#39; or '): to read and write once more makes them one.
            assert found is not None
            assert without_widths(again.html(found.html)) == without_widths(again.html(expected.html))


MJML = {
    "body": ("section", "section", "wrapper", "hero", "raw"),
    "wrapper": ("section",),
    "section": ("column", "column", "group"),
    "group": ("column",),
    "hero": ("text", "button"),
    "column": ("text", "text", "button", "image", "table", "divider", "social"),
    "social": ("social-element",),
}
WRITTEN = {
    "raw": "<p>{}</p>",
    "text": "<mj-text><p class='note'>{}</p></mj-text>",
    "button": "<mj-button href='{{{{ unsubscribe_url }}}}'>{}</mj-button>",
    "image": "<mj-image src='https://example.org/i.png' alt='{}' />",
    "table": "<mj-table><tr><td>{}</td></tr></mj-table>",
    "divider": "<mj-divider />",
    "social-element": "<mj-social-element name='x' href='https://example.org/x'>{}</mj-social-element>",
}


@st.composite
def mjml_documents(draw: DrawFn, kind: str = "body") -> str:
    """MJML in which whole elements depend on the supporter, and words in them."""
    if kind in WRITTEN:
        text = f"{{{{ {draw(expressions(Scope(('word',)), 1))} }}}}"
        test = f"{{% if {draw(conditions(Scope(('word',)), 0))} %}}{text}{{% endif %}}"
        return WRITTEN[kind].format(draw(st.sampled_from(["words", text, test])))
    parts = []
    for _ in range(draw(st.integers(1, 2))):
        part = draw(mjml_documents(draw(st.sampled_from(MJML[kind]))))
        match draw(st.sampled_from(["always", "always", "if", "for"])):
            case "if":
                other = draw(mjml_documents(MJML[kind][0]))
                part = f"{{% if {draw(conditions(Scope(('word',)), 0))} %}}{part}{{% else %}}{other}{{% endif %}}"
            case "for":
                part = f"{{% for x in supporter.tags %}}{part}{{% endfor %}}"
        parts.append(part)
    inside = "".join(parts)
    return inside if kind == "body" else f"<mj-{kind}>{inside}</mj-{kind}>"


# mrml drops text that is white space alone, and writes a line break in an attribute as \\n: neither is of any use here.
TAME = st.builds(
    lambda person, name: replace(person, first_name=name, last_name=name, tags=(name, "b"), extra={}),
    SUPPORTERS,
    st.text(alphabet="aB<>&\"'é", max_size=4),
)


@given(body=mjml_documents(), people=st.lists(TAME, min_size=1, max_size=3))
def test_a_filled_mjml_document_says_what_the_whole_one_says(body: str, people: list[Supporter]) -> None:
    styles = "<mj-style inline='inline'>.note { color: red }</mj-style><mj-style>p + p { margin: 0 }</mj-style>"
    hold_alike(f"<mjml><mj-head>{styles}</mj-head><mj-body>{body}</mj-body></mjml>", people, mjml=True)
