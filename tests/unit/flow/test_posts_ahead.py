"""posts_ahead: the plan's posts held to what only their networks know."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from PIL import Image

from campaign.flow.posts_ahead import Links, ahead, links, mentions, unfit
from campaign.model.bundle import Sources
from campaign.model.message import Message
from campaign.model.plan import Repeat
from campaign.ports.channel import MAY_POST, MAY_SHOW, Standing, Takes
from tests.builders import T0, illustrated, letter, of_digest, pictured, plan, post_message, step, wave


def picture() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(made, "PNG")
    return made.getvalue()


def posting(message: Message, channel: str = "mastodon", *accounts: str, media: bytes = b"") -> Sources:
    chosen = step("launch", channel, message="post/launch", accounts=accounts or ("national",))
    files = of_digest(media) if media else {}
    return Sources(plan(chosen), letter(), {"post/launch": message}, {"launch": (wave("launch"),)}, files)


def national(takes: Takes | None = None, **more: object) -> Standing:
    return replace(Standing("national", "@national", takes=takes), **more)  # type: ignore[arg-type]  # Standing's fields


def test_a_post_that_is_longer_than_its_accounts_server_takes_is_told() -> None:
    posts = ahead(posting(post_message("x" * 300 + "\n\n---\n\nShort.")))
    (wrong,) = unfit(posts, "mastodon", national(Takes(characters=280)))
    assert wrong.startswith("launch, part 1: ")
    assert "300" in wrong
    assert wrong.endswith("shorten launch.md")
    assert unfit(posts, "mastodon", national(Takes(characters=500))) == []


@pytest.mark.parametrize(
    ("takes", "length"),
    [
        (Takes(characters=500), None),
        (Takes(characters=500, url_length=23), None),
        (Takes(characters=500, url_length=25), 501),
        (Takes(characters=500, url_length=0), 652),  # the link has its tags by then
        (Takes(url_length=0), 652),
    ],
)
def test_links_are_as_long_as_the_server_counts_them(takes: Takes, length: int | None) -> None:
    posts = ahead(posting(post_message("x" * 475 + " https://example.org/" + "y" * 78)))
    wrong = unfit(posts, "mastodon", national(takes))
    assert [one.split("characters")[0] for one in wrong] == (
        [] if length is None else [f"launch: Mastodon counts {length} "]
    )


def test_only_the_posts_of_the_account_are_held_to_its_server() -> None:
    posts = ahead(posting(post_message("x" * 300)))
    small = national(Takes(characters=280))
    assert unfit(posts, "x", small) == []
    assert unfit(posts, "mastodon", replace(small, account="west")) == []
    assert unfit(posts, "mastodon", national()) == []


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        (Takes(image_bytes=10), "the picture has 0.0 MB, and its server takes 0.0 MB"),
        (Takes(image_pixels=1_000), "is 40 x 30 pixels, and its server takes 1,000 in all"),
        (Takes(types=("image/gif",)), "its server takes no image/"),
        (Takes(alt=5), "an alternative text has 7 characters, and its server takes 5"),
    ],
)
def test_a_picture_that_the_server_does_not_take_is_told(takes: Takes, said: str) -> None:
    posts = ahead(posting(illustrated(pictured(picture())), media=picture()))
    (wrong,) = unfit(posts, "mastodon", national(takes))
    assert wrong.startswith("launch: ")
    assert said in wrong
    assert (
        unfit(posts, "mastodon", national(Takes(image_bytes=10**7, image_pixels=10**7, attachments=4, alt=1500))) == []
    )


def test_more_pictures_than_the_server_shows_in_a_post_are_told() -> None:
    posts = ahead(posting(illustrated(pictured(picture()), pictured(picture(), "Again")), media=picture()))
    (wrong,) = unfit(posts, "mastodon", national(Takes(attachments=1)))
    assert wrong == "launch: its server takes 1 pictures in a post, and these are 2"


def test_a_token_that_may_show_no_pictures_is_told_where_a_post_has_some() -> None:
    posts = ahead(posting(illustrated(pictured(picture())), media=picture()))
    (wrong,) = unfit(posts, "mastodon", national(may=(MAY_POST,)))
    assert "its token may not show pictures and videos" in wrong
    assert unfit(posts, "mastodon", national(may=(MAY_POST, MAY_SHOW))) == []
    assert unfit(posts, "mastodon", national()) == []
    assert unfit(ahead(posting(post_message())), "mastodon", national(may=(MAY_POST,))) == []


def test_each_time_that_a_step_comes_is_looked_at() -> None:
    sources = posting(post_message("{% if step.number == 2 %}{{ 'x' * 300 }}{% else %}Short.{% endif %}"))
    again = replace(sources.plan.steps[0], repeat=Repeat(timedelta(hours=1), count=2))
    waves = (wave("launch"), wave("launch", 2, T0 + timedelta(hours=1)))
    made = replace(sources, plan=replace(sources.plan, steps=(again,)), waves={"launch": waves})
    assert [post.number for post in ahead(made)] == [1, 2]


def test_a_post_that_cannot_be_rendered_is_left_to_check() -> None:
    assert ahead(posting(post_message("{{ nothing }}"))) == []


def test_each_page_is_looked_for_once_however_its_link_is_tagged() -> None:
    body = "See https://act.example/a?b=1&utm_source=x and https://act.example/a?utm_source=y&b=1#c now."
    found = links(ahead(posting(post_message(body.replace("act.example", "act.campaign-site.net")))))
    assert list(found.pages.values()) == ["launch"]
    (url,) = found.pages
    assert url.startswith("https://act.campaign-site.net/a?b=1&utm_source=x")


def test_domains_for_examples_are_told_apart() -> None:
    body = "See https://act.example.org/a, https://example.com/ and https://example.com/b."
    assert links(ahead(posting(post_message(body)))) == Links({}, ("act.example.org", "example.com"))


def test_a_link_that_cannot_be_read_is_no_page() -> None:
    assert links(ahead(posting(post_message("See https://[x/ now.")))).pages == {}


def test_whom_a_networks_posts_mention_is_found_with_its_post() -> None:
    posts = ahead(posting(post_message("Hello @a.\n\n---\n\nAnd @b, @a."), "bluesky"))
    words = lambda text: [word.strip("@.,") for word in text.split() if word.startswith("@")]  # noqa: E731 - short
    assert mentions(posts, "bluesky", words) == {"a": "launch, part 1", "b": "launch, part 2"}
    assert mentions(posts, "x", words) == {}
