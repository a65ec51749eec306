"""YAML 1.2 with positions, bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.errors import BadInput
from campaign.files.yaml_positions import (
    MAX_BYTES,
    MAX_DEPTH,
    Node,
    carefully,
    compose,
    line_of,
    plain,
    quickly,
    read_text,
    shorten,
)


def refused(text: str) -> str:
    with pytest.raises(BadInput) as caught:
        compose(text, "a.yaml")
    return str(caught.value)


def complaints(text: str) -> list[str]:
    return [str(problem) for problem in compose(text, "a.yaml")[1]]


def test_what_yaml_1_1_would_change_stays_as_written() -> None:
    text = "at: 09:00\nlanguage: no\ndate: 2018-05-22\nnumber: 0123\nyes: on\nfloat: 1e3\n"
    assert plain(compose(text, "")[0]) == {
        "at": "09:00",
        "language": "no",
        "date": "2018-05-22",
        "number": "0123",
        "yes": "on",
        "float": "1e3",
    }


def test_only_a_plain_null_is_nothing() -> None:
    text = 'a:\nb: ~\nc: null\nd: ""\ne: "null"\n'
    assert plain(compose(text, "")[0]) == {"a": None, "b": None, "c": None, "d": "", "e": "null"}


def test_every_value_is_found_at_its_line() -> None:
    steps = "steps:\n  - id: x\n    at: T-0\n\n  # comment\n  - {id: y,\n     at: T-1}\n"
    text = f"a: 1\n{steps}long: |\n  one\n  two\nlast: >\n  x\n"
    root, problems = compose(text, "")
    assert problems == []
    places: list[tuple[tuple[str | int, ...], int]] = [
        (("a",), 1),
        (("steps",), 2),
        (("steps", 0), 3),
        (("steps", 0, "at"), 4),
        (("steps", 1), 7),
        (("steps", 1, "at"), 8),
        (("long",), 9),
        (("last",), 12),
        (("steps", 0, "missing"), 3),
        (("steps", 9), 2),
    ]
    for place, line in places:
        assert line_of(root, place) == line, place


def test_a_key_given_twice_is_reported_with_both_lines_and_the_first_is_kept() -> None:
    root, problems = compose("a: 1\nb: 2\na: 3\n", "a.yaml")
    assert [str(problem) for problem in problems] == ['a.yaml:3: "a" is given twice; it stands in line 1 too; keep one']
    assert plain(root) == {"a": "1", "b": "2"}


def test_an_alias_stands_for_its_anchor() -> None:
    root, problems = compose("a: &x {within: 2h}\nb: *x\nc: [*x, *x]\n", "")
    assert problems == []
    assert plain(root)["c"] == [{"within": "2h"}, {"within": "2h"}]


def test_an_anchor_within_itself_is_no_anchor_yet() -> None:
    assert complaints("a: &x [*x]\n") == [
        'a.yaml:1: the alias "*x" has no anchor above it; put the text between quotes if * is a part of it'
    ]


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    assert "values; use fewer aliases" in refused("\n".join(lines))


def test_aliases_cannot_nest_deeper_than_brackets_can() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 40)]
    assert f"deeper than {MAX_DEPTH} levels" in refused("\n".join(lines))


@pytest.mark.parametrize("text", ["[" * 5000, "{a: " * 5000, "- " * 5000, "[" * 5000 + "]" * 5000])
def test_deep_nesting_is_refused(text: str) -> None:
    assert "deeper than" in refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n\t- b\n", "a.yaml:2: the line is indented with a tab; indent with spaces"),
        ("a: b\n c: d\n", "a.yaml:2: a colon stands where none can be"),
        ("a: x: y\n", "a.yaml:1: a colon stands where none can be"),
        ('a: "b\nc: d\n', "a quotation mark was opened and never closed"),
        ("a: [b, c\nd: e\n", "a.yaml:2: a bracket was opened and not closed"),
        ("a: b\n- c\n", "a.yaml:2: this line does not fit what stands above it"),
        ("a: @b\n", "a.yaml:1: this character cannot begin a value; put the text between quotes"),
        ("a: %b\n", "a.yaml:1: this character cannot begin a value"),
        ("a: | b\n", "a.yaml:1: nothing may follow | or > on its line"),
        ("ok: 1\na: b\x00\n", "a.yaml:2: an invisible control character stands here; delete it"),
        ("a: b\n---\nc: d\n", "a.yaml:2: a second document begins here"),
        ('a: "\\UFFFFFFFF"\n', "a.yaml:1: this is not YAML"),
        ('a: "\\q"\n', "a.yaml:1: the backslash begins no known escape"),
        ("", "a.yaml: the file is empty"),
        ("# only a comment\n", "a.yaml: the file is empty"),
        ("~\n", "a.yaml: the file is empty"),
    ],
)
def test_text_that_is_no_yaml_is_explained_with_its_line(text: str, said: str) -> None:
    assert said in refused(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<<: {a: b}\n", "<< does not merge keys in YAML 1.2"),
        ("? [a]\n: b\n", "a key must be plain text"),
        ("a: !!int 5\n", "is not used here"),
        ("%YAML 1.1\n---\na: no\n", "a line that begins with % is not used here"),
        ('a: "\\ud800"\n', "the text holds half a character"),
    ],
)
def test_what_a_plan_has_no_use_for_is_reported(text: str, said: str) -> None:
    assert any(said in complaint for complaint in complaints(text))


@given(st.text(alphabet=st.sampled_from("ab:-[]{}&*!|>'\"%@`#,?~\\uxU \n\t\x85\u2028é😀"), max_size=60))
def test_any_text_is_either_read_or_refused(text: str) -> None:
    try:
        root, problems = compose(text, "a.yaml")
    except BadInput as refusal:
        problems = list(refusal.problems)
    else:
        plain(root)
    assert all(problem.line >= 0 and problem.what for problem in problems)


@given(st.text(max_size=200))
def test_a_shortened_text_is_one_printable_line(text: str) -> None:
    assert shorten(text).isprintable()
    assert len(shorten(text)) <= 60


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    root, problems = compose(read_text(path), "")
    assert (plain(root), line_of(root, ("b",)), problems) == ({"a": "1", "b": "2"}, 2, [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: 1\nb: caf\xe9\n", ":2: the file is not in UTF-8 from here on"),
        ("a: 1".encode("utf-16"), ":1: the file is not in UTF-8 from here on"),
        (b"#" * (MAX_BYTES + 1), ": the file is larger than 1024 KiB"),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=f"a.yaml{said}"):
        read_text(path)


@pytest.mark.parametrize(
    ("name", "said"), [("none.yaml", "is not there"), (".", "is a folder"), ("a\0b", "is not there")]
)
def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read_text(tmp_path / name)


_MARKS = [
    "a",
    "key",
    ":",
    ": ",
    "- ",
    "\n",
    "\n  ",
    " ",
    "[",
    "]",
    "{",
    "}",
    ",",
    '"',
    "'",
    "|",
    ">",
    "|-",
    "#",
    " # x",
    "&a ",
]
_WORDS = [
    "*a",
    "~",
    "null",
    "no",
    "09:00",
    "!t ",
    "---\n",
    "...",
    "<<: ",
    "@",
    "`",
    "\r\n",
    "1.5",
    "x: y\n",
    "- z\n",
    "\\u2014",
]
_TEXTS = st.lists(st.sampled_from([*_MARKS, *_WORDS, "—", "https://example.org/a?b=c#d"]), max_size=25).map("".join)


def placed(node: Node | None) -> object:
    """What stands where. Where nothing stands under a key, that key's line is what people are told."""
    assert node is not None
    if isinstance(node.value, dict):
        return node.line, {
            (key, node.key_lines[key]): None if child.value is None else placed(child)
            for key, child in node.value.items()
        }
    return node.line, [placed(child) for child in node.value] if isinstance(node.value, list) else node.value


@given(_TEXTS)
@settings(max_examples=500, deadline=None)
def test_what_is_read_quickly_is_what_is_read_carefully(text: str) -> None:
    quick = quickly(text, "plan.yaml")
    if quick is None:
        return
    try:
        careful = carefully(text, "plan.yaml")
    except BadInput:
        return  # ruamel.yaml is stricter here than YAML 1.2 is
    assert placed(quick.root) == placed(careful.root)
