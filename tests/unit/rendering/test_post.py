from __future__ import annotations

from typing import Any

import pytest

from campaign.errors import BadInput
from campaign.model.message import Message, PostSource, Source
from campaign.rendering.context import UTM
from campaign.rendering.links import Utm
from campaign.rendering.post import render_post
from tests.builders import letter

SHARED: dict[str, Any] = {
    "letter": letter(),
    "links": {"action": "https://example.org/act"},
    "language": "en",
    "step": {"number": 2},
}


def post(*variants: tuple[str, str], **shared: str) -> Message:
    posts = {channel: PostSource(channel, Source(f"launch.{channel}.md", body, 4)) for channel, body in variants}
    return Message(
        "post/launch", "post", posts=posts, shared={name: Source(name, text) for name, text in shared.items()}
    )


def rendered(body: str, **values: Any) -> tuple[str, ...]:
    return render_post(post(("", body)), "x", SHARED | values)


def test_a_post_says_what_its_template_says() -> None:
    assert rendered("{{ letter.signatories | join_and }} wrote to {{ letter.addressee.name }} & co.") == (
        "One Org and Other Org wrote to Jo Example & co.",
    )


def test_a_network_gets_its_own_variant_where_there_is_one() -> None:
    message = post(("", "for all"), ("bluesky", "for Bluesky"))
    assert render_post(message, "bluesky", SHARED) == ("for Bluesky",)
    assert render_post(message, "mastodon", SHARED) == ("for all",)


def test_a_network_without_a_text_is_refused() -> None:
    with pytest.raises(BadInput, match=r"there is no text for x; write post/launch\.md or post/launch\.x\.md"):
        render_post(post(("bluesky", "only there")), "x", SHARED)


def test_a_thread_is_divided_at_its_lines_of_three_dashes() -> None:
    assert rendered("one\n---\ntwo --- still two\n--- \n\nthree\n") == ("one", "two --- still two", "three")


def test_white_space_that_nobody_sees_is_removed() -> None:
    assert rendered("\n\none  \n\n\n\n  two\t\n{% if false %}\nx\n{% endif %}\n") == ("one\n\n  two",)


def test_an_empty_part_is_refused_by_its_number() -> None:
    with pytest.raises(BadInput, match=r"launch\.\.md:4 .*: part 2 is empty"):
        rendered("one\n---\n{# nothing #}\n---\nthree")


def test_an_empty_post_is_refused() -> None:
    with pytest.raises(BadInput, match="the post is empty"):
        rendered("{# nothing #}")


@pytest.mark.parametrize(
    "template", ["Hi {{ supporter.first_name }}", "{% if false %}{{ unsubscribe_url }}{% endif %}"]
)
def test_a_post_cannot_name_a_supporter(template: str) -> None:
    with pytest.raises(BadInput, match="a post is the same for everybody"):
        rendered(template)


@pytest.mark.parametrize(
    ("template", "line", "what"),
    [
        ("a\n{{ leter.date }}", 5, 'there is no "leter"; did you mean "letter"?'),
        ("a\n{{ letter.dat }}", 5, '"letter" has no "dat"; did you mean "date"?'),
        ("\n\n{{ letter.title | date }}", 6, "the date filter needs a date"),
        ("{{ ['a', 'b'][step.number] }}", 4, "has no element 2"),
        ("{% include '_layout/lines' %}", 4, 'there is no template "_layout/lines"; did you mean "_layout/line"?'),
        ("{% for x in range(30000) %}x{% endfor %}", 4, "20,000 times"),
    ],
)
def test_a_mistake_is_named_with_its_line(template: str, line: int, what: str) -> None:
    with pytest.raises(BadInput) as caught:
        render_post(post(("", template), **{"_layout/line": "x"}), "x", SHARED)
    [problem] = caught.value.problems
    assert problem.line == line
    assert what in str(problem)


def test_links_that_are_written_out_are_tagged_too() -> None:
    utm = Utm("x", "social", "example", "launch", untagged=frozenset({"go.example.org"}))
    parts = rendered("https://go.example.org/a\n---\nhttps://example.org/b.", **{UTM: utm})
    assert parts == (
        "https://go.example.org/a",
        "https://example.org/b?utm_source=x&utm_medium=social&utm_campaign=example&utm_content=launch.",
    )


def test_the_posts_language_is_that_of_its_dates() -> None:
    assert rendered("{{ letter.date | date }}", language="es") == ("22 de mayo de 2018",)
