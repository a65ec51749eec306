from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import BadInput, Problem
from campaign.files import message_front, messages
from campaign.model.message import Message, Source

FRONT = (
    "---\nsubject: Act now\npreheader: It takes a minute\nfacts:\n  - {value: '41', source: https://example.org}\n---\n"
)


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "_layout/email.mjml", "<mjml>{% block body %}{% endblock %}</mjml>")
    write(tmp_path, "_layout/parts/foot.txt", "--\n")
    write(tmp_path, "_layout/.DS_Store", b"\xff\xfe")
    write(tmp_path, "email/alert/en.mjml", FRONT + "{% extends '_layout/email.mjml' %}\n")
    write(tmp_path, "email/alert/en.txt", "Act now.\n")
    write(tmp_path, "post/launch.md", "one\n---\ntwo\n")
    write(tmp_path, "post/launch.bluesky.md", "---\nlanguage: es\nwarning: police\n---\nuno\n")
    write(tmp_path, "post/launch-thread.md", "another\n")
    return tmp_path


def load(folder: Path, name: str = "email/alert") -> Message:
    return messages.load(folder, name, language="en")


def problems(folder: Path, *names: str) -> list[Problem]:
    with pytest.raises(BadInput) as caught:
        messages.load_all(folder, names or ("email/alert",), language="en")
    return list(caught.value.problems)


def test_an_email_is_read_with_its_front_matter(folder: Path) -> None:
    mail = load(folder).mails["en"]
    html, text = str(folder / "email/alert/en.mjml"), str(folder / "email/alert/en.txt")
    assert mail.subject == Source(html, "Act now", 2)
    assert mail.preheader == Source(html, "It takes a minute", 3)
    assert mail.html == Source(html, "{% extends '_layout/email.mjml' %}\n", 7)
    assert mail.text == Source(text, "Act now.\n", 1)
    assert (mail.mjml, mail.facts) == (True, {"41": "https://example.org"})


def test_an_email_may_be_plain_html_in_several_languages(folder: Path) -> None:
    write(folder, "email/alert/pt-BR.html", "---\nsubject: Aja\n---\n<p>Aja</p>")
    write(folder, "email/alert/pt-BR.txt", "Aja")
    mails = load(folder).mails
    assert sorted(mails) == ["en", "pt-BR"]
    assert not mails["pt-BR"].mjml
    assert mails["pt-BR"].preheader.text == ""


def test_layouts_are_known_by_their_path_below_messages(folder: Path) -> None:
    shared = load(folder).shared
    assert sorted(shared) == ["_layout/email.mjml", "_layout/parts/foot.txt"]
    assert shared["_layout/parts/foot.txt"] == Source(str(folder / "_layout/parts/foot.txt"), "--\n")


def test_a_post_is_read_with_its_variants_and_no_other_posts(folder: Path) -> None:
    posts = load(folder, "post/launch").posts
    assert sorted(posts) == ["", "bluesky"]
    assert posts[""].body == Source(str(folder / "post/launch.md"), "one\n---\ntwo\n", 1)
    assert (posts["bluesky"].language, posts["bluesky"].warning) == ("es", "police")
    assert posts["bluesky"].body.line == 5


def test_several_messages_are_read_at_once(folder: Path) -> None:
    read = messages.load_all(folder, ["email/alert", "post/launch", "email/alert"], language="en")
    assert [(name, message.kind) for name, message in read.items()] == [
        ("email/alert", "email"),
        ("post/launch", "post"),
    ]


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(folder: Path) -> None:
    write(folder, "email/alert/en.mjml", b"\xef\xbb\xbf" + (FRONT + "<p>\n").replace("\n", "\r\n").encode())
    mail = load(folder).mails["en"]
    assert (mail.subject.text, mail.html.text) == ("Act now", "<p>\n")


@pytest.mark.parametrize(
    ("file", "text", "line", "what", "remedy"),
    [
        ("en.mjml", "<p>Hello</p>", 1, "there is no subject", "subject: ..."),
        ("en.mjml", "---\npreheader: x\n---\n", 1, "there is no subject", "subject: ..."),
        ("en.mjml", "---\nsubject: x\nsubjct: y\n---\n", 3, '"subjct" is not known', 'did you mean "subject"?'),
        ("en.mjml", "---\nsubject: x\nwarning: y\n---\n", 3, '"warning" is not known', "subject, preheader, facts"),
        ("en.mjml", "---\nsubject:\n---\n", 2, '"subject" holds no text', ""),
        ("en.mjml", "---\nsubject: [a]\n---\n", 2, '"subject" holds no text', ""),
        ("en.mjml", "---\nsubject: a: b\n---\n", 2, "a colon stands where none can be", "quotes"),
        ("en.mjml", "---\nsubject: x\n<p>", 1, "not closed", "put a line of ---"),
        ("en.mjml", "---\n- x\n---\n", 2, "no keys", ""),
        ("en.mjml", "---\nsubject: x\nfacts: 41\n---\n", 3, "facts is no list", "value"),
        ("en.mjml", "---\nsubject: x\nfacts:\n - {value: 41}\n---\n", 4, "a value and a source", "value"),
        ("en.mjml", "---\nsubject: x\nfacts:\n - {value: a, source: b, c: d}\n---\n", 4, "nothing else", "value"),
        ("en.mjml", "---\nsubject: '{{ a'\n---\n", 2, "cannot be read", ""),
        ("en.mjml", FRONT + "\n{% if a %}\n", 8, "cannot be read", "its own end"),
        ("en.mjml", FRONT + "{{ a | nosuch }}", 7, "No filter named 'nosuch'", "docs/rendering.md"),
        ("en.txt", "a\n{% endif %}", 2, "cannot be read", "its own end"),
        ("en.txt", b"a\n\xff", 2, "not in UTF-8", "save it as UTF-8"),
        ("en.txt", "x" * (256 * 1024 + 1), 0, "over 256 KiB", ""),
        ("english.txt", "x", 0, "no variant of an e-mail", "en.txt"),
        ("en.md", "x", 0, "no variant of an e-mail", "en.txt"),
        ("../../_layout/email.mjml", "{% block body %}\n{% endblok %}", 2, "cannot be read", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_file_line_and_remedy(
    folder: Path, file: str, text: str | bytes, line: int, what: str, remedy: str
) -> None:
    path = write(folder, f"email/alert/{file}", text).resolve()
    [problem] = problems(folder)
    assert (Path(problem.file).resolve(), problem.line) == (path, line)
    assert what in problem.what
    assert remedy in problem.remedy


@pytest.mark.parametrize(
    ("name", "what", "remedy"),
    [
        ("email/alrt", "there is no such message", 'did you mean "email/alert"?'),
        ("post/lanch", "there is no such message", 'did you mean "post/launch"?'),
        ("email/quite-another-thing", "there is no such message", "email/quite-another-thing/en.mjml"),
        ("alert", "this is not how a message is named", "email/NAME or post/NAME"),
        ("email/../post", "this is not how a message is named", ""),
        ("email/", "this is not how a message is named", ""),
        ("sms/alert", "this is not how a message is named", ""),
        ("email/" + "a" * 101, "this is not how a message is named", ""),
    ],
)
def test_a_message_that_is_not_there_is_named(folder: Path, name: str, what: str, remedy: str) -> None:
    [problem] = problems(folder, name)
    assert what in problem.what
    assert remedy in problem.remedy


def test_all_mistakes_are_named_at_once(folder: Path) -> None:
    write(folder, "email/alert/en.mjml", "---\nsubjct: x\n---\n{% if %}")
    write(folder, "email/alert/en.txt", "{{ x")
    write(folder, "post/launch.md", "\n")
    write(folder, "post/launch.twitter.md", "x")
    files = [Path(problem.file).name for problem in problems(folder, "email/alert", "post/launch", "post/none")]
    assert sorted(files) == sorted(["en.mjml", "en.mjml", "en.txt", "launch.md", "launch.twitter.md", folder.name])


def test_an_html_part_that_was_not_written_is_asked_for(folder: Path) -> None:
    (folder / "email/alert/en.mjml").unlink()
    [problem] = problems(folder)
    assert "the HTML part is missing" in problem.what


def test_a_text_part_need_not_be_written(folder: Path) -> None:
    (folder / "email/alert/en.txt").unlink()
    assert messages.load(folder, "email/alert", language="en").mails["en"].text is None


def test_one_language_has_one_html_part(folder: Path) -> None:
    write(folder, "email/alert/en.html", FRONT + "<p>")
    [problem] = problems(folder)
    assert "en.html is there too; keep one of the two" in str(problem)


def test_the_campaigns_language_must_be_among_the_variants(folder: Path) -> None:
    with pytest.raises(BadInput, match='there is no "es", the campaign\'s language'):
        messages.load(folder, "email/alert", language="es")


def test_an_empty_folder_and_an_empty_post_are_named(folder: Path) -> None:
    (folder / "email/empty").mkdir()
    write(folder, "post/empty.md", "---\nlanguage: es\n---\n \n")
    said = [problem.what for problem in problems(folder, "email/empty", "post/empty")]
    assert said == ["the folder is empty", "the post is empty"]


def test_an_unknown_network_is_named(folder: Path) -> None:
    write(folder, "post/launch.blusky.md", "x")
    [problem] = problems(folder, "post/launch")
    assert '"blusky" is no network; did you mean launch.bluesky.md?' in str(problem)


def test_a_posts_language_must_be_one(folder: Path) -> None:
    write(folder, "post/launch.md", "---\nlanguage: Spanish please\n---\nx")
    [problem] = problems(folder, "post/launch")
    assert (problem.line, problem.what) == (2, '"Spanish please" is no language')


@given(st.binary(max_size=80) | st.text(max_size=80).map(str.encode))
def test_no_bytes_whatsoever_give_anything_but_a_message_or_what_is_wrong(raw: bytes) -> None:
    for text in (raw, b"---\n" + raw + b"\n---\n"):
        front = message_front.split(text.decode("utf-8", "replace"), "en.mjml", keys=("subject",), where="")
        assert front.body.text in text.decode("utf-8", "replace")


@given(st.text(alphabet="{}%#-'\"ab |()[].\n:&*!", max_size=30))
def test_no_template_whatsoever_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("messages")
    write(folder, "post/launch.md", text)
    with contextlib.suppress(BadInput):
        messages.load(folder, "post/launch", language="en")
