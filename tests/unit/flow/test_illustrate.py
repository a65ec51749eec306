"""illustrate: what a post shows, filled with the same facts as its text and fitted to its network."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest

from campaign.errors import BadInput, Problem
from campaign.flow.fit_media import TAKES, Album, Fitted
from campaign.flow.illustrate import Illustrated, illustrate
from campaign.model.bundle import Bundle
from campaign.model.media import LinkCard, PartMedia
from campaign.model.message import CardSource, LinkCardSource, MediaSource, Message, Source
from campaign.rendering.media_types import JPEG, MP4, PNG, Unfit
from tests import pictures as made
from tests.builders import T0, bundle, illustrated, of_digest, pictured, step

PICTURE, OTHER, VIDEO, MOVING = made.jpeg(), made.png(), made.mp4(), made.gif(3)
FILES = of_digest(PICTURE, OTHER, VIDEO, MOVING)


def source(text: str) -> Source:
    return Source("launch.md", text, line=7)


def link_card(**changes: object) -> LinkCardSource:
    card = LinkCardSource(6, source("{{ links.letter }}"), source("The letter"), source("Read it."))
    return replace(card, **changes)  # type: ignore[arg-type]  # names of LinkCardSource's own fields


def of(message: Message, channel: str = "x", **changes: object) -> Bundle:
    return bundle(step("launch", channel, **changes), message)


def show(message: Message, channel: str = "x", *, parts: int | None = 1, **changes: object) -> Illustrated:
    return illustrate(of(message, channel, **changes), number=1, due_at=T0, files=FILES, parts=parts)


def problems(message: Message, channel: str = "x", parts: int = 1) -> list[Problem]:
    with pytest.raises(BadInput) as caught:
        show(message, channel, parts=parts)
    assert all(problem.file == "launch.md" for problem in caught.value.problems)
    return list(caught.value.problems)


def wrong(message: Message, channel: str = "x", parts: int = 1) -> str:
    (problem,) = problems(message, channel, parts)
    assert (problem.line, problem.where) in [(3, 'step "launch"'), (6, 'step "launch"'), (7, 'step "launch"')]
    return f"{problem.what}; {problem.remedy}"


def test_a_post_without_pictures_shows_nothing() -> None:
    assert show(illustrated()) == Illustrated()


def test_a_picture_is_shown_with_what_it_says_to_those_who_do_not_see_it() -> None:
    alt = "A crowd,\n  asking {{ letter.addressee.name }} to stop"
    shown = show(illustrated(pictured(PICTURE, alt)))
    ((picture,),) = [part.media for part in shown.parts]
    assert picture.alt == "A crowd, asking Jo Example to stop"
    assert (picture.type, picture.width, picture.height, picture.seconds) == (JPEG, 64, 48, None)
    body = shown.files[picture.digest]
    assert (sha256(body).hexdigest(), len(body)) == (picture.digest, picture.size)
    assert [(said.line, said.text) for said in shown.said] == [(3, picture.alt)]


def test_each_part_shows_its_own() -> None:
    message = illustrated(pictured(PICTURE, part=3), pictured(OTHER, "A sign"), pictured(VIDEO, "A march", part=2))
    shown = show(message, parts=3)
    assert [[one.alt for one in part.media] for part in shown.parts] == [["A sign"], ["A march"], ["A crowd"]]
    assert [[one.type for one in part.media] for part in shown.parts] == [[PNG], [MP4], [JPEG]]
    assert shown.parts[1].media[0].seconds == 12.5


def test_a_part_that_the_post_has_not_is_a_mistake() -> None:
    assert "it is to stand in part 3, and the post has one part on X" in wrong(illustrated(pictured(PICTURE, part=3)))


def test_a_step_that_posts_the_first_part_alone_shows_what_stands_there() -> None:
    message = illustrated(pictured(PICTURE, part=2), pictured(OTHER, "A sign"))
    shown = show(message, parts=1, thread="first")
    assert [[one.alt for one in part.media] for part in shown.parts] == [["A sign"]]


def test_a_card_is_drawn_from_the_letter_with_alternative_text_of_its_own() -> None:
    card = CardSource("figure", source("{{ letter.signatories | count }}"), source("groups have signed"), "square")
    shown = show(illustrated(MediaSource(3, card=card)))
    ((picture,),) = [part.media for part in shown.parts]
    assert (picture.type, picture.width, picture.height) == (PNG, 1_080, 1_080)
    assert picture.alt.startswith("2 groups have signed")
    assert "The Coalition" in picture.alt
    assert made.opened(shown.files[picture.digest]).size == (1_080, 1_080)


def test_a_card_that_cannot_be_read_is_a_mistake() -> None:
    card = CardSource("quotation", source("We ask. " * 100), None)
    said = [problem.what for problem in problems(illustrated(MediaSource(3, card=card)))]
    assert any(what.startswith("the card: ") and "fit a wide card" in what for what in said)


def test_only_bluesky_gets_a_link_card_and_the_others_make_their_own() -> None:
    image = pictured(OTHER, "The first page")
    message = illustrated(link_card=link_card(image=image))
    shown = show(message, "bluesky")
    ((card,),) = [(part.link_card,) for part in shown.parts]
    assert isinstance(card, LinkCard)
    assert card.url.startswith("https://example.org/letter?utm_source=bluesky")
    assert (card.title, card.text) == ("The letter", "Read it.")
    assert card.image is not None
    assert card.image.digest in shown.files
    assert {said.text for said in shown.said} == {"The letter", "Read it.", "The first page"}
    for channel in ("x", "mastodon"):
        assert show(message, channel).parts == ()


def test_bluesky_shows_either_pictures_or_a_link_card() -> None:
    message = illustrated(pictured(PICTURE), link_card=link_card())
    assert "Bluesky shows either pictures or a link card" in wrong(message, "bluesky")
    assert show(message, "mastodon").parts[0].link_card is None
    apart = illustrated(pictured(PICTURE), link_card=link_card(part=2))
    first, second = show(apart, "bluesky", parts=2).parts
    assert (len(first.media), first.link_card, second.media) == (1, None, ())
    assert second.link_card is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"url": source("example.org")}, "the link card's url is no web address"),
        ({"url": source("javascript:alert(1)")}, "the link card's url is no web address"),
        ({"url": source("{{ '' }}")}, "the link card's url is no web address"),
        ({"title": source("{{ '' }}")}, "the link card's title is empty as it is filled in"),
        ({"title": source("a" * 301)}, "the link card's title has 301 graphemes"),
        ({"text": source("a" * 1_001)}, "the link card's text has 1,001 graphemes"),
        ({"text": source("{{ lettr }}")}, 'there is no "lettr"; did you mean "letter"?'),
        ({"image": pictured(MOVING, file="a.gif")}, "a.gif: a link card shows no moving picture"),
        ({"image": pictured(VIDEO, file="a.mp4")}, "a.mp4: it is no JPEG, PNG, GIF, WebP"),
    ],
)
def test_a_link_card_that_cannot_be_shown_is_a_mistake(changes: dict[str, object], said: str) -> None:
    assert said in wrong(illustrated(link_card=link_card(**changes)), "bluesky")


@pytest.mark.parametrize(
    ("media", "channel", "said"),
    [
        ((pictured(PICTURE), pictured(VIDEO)), "x", "X takes no pictures beside a video"),
        ((pictured(VIDEO), pictured(VIDEO)), "mastodon", "Mastodon takes one video in a post, and these are 2"),
        ((pictured(MOVING), pictured(PICTURE)), "x", "X takes nothing beside a GIF that moves"),
        ((pictured(PICTURE),) * 5, "bluesky", "Bluesky takes 4 pictures in a post, and these are 5"),
        ((pictured(MOVING, file="a.gif"),), "bluesky", "a.gif: Bluesky shows a GIF still; make it a video (MP4)"),
        ((pictured(PICTURE, "{{ '  ' }}"),), "x", "the alternative text is empty as it is filled in"),
        ((pictured(PICTURE, "{{ lettr.date }}"),), "x", 'there is no "lettr"'),
        ((pictured(PICTURE, "{{ supporter.first_name }}"),), "x", "is the same for everybody"),
        ((pictured(PICTURE, "a" * 1_001),), "x", "X takes 1,000 characters of alternative text for a picture"),
        ((pictured(PICTURE, "a" * 1_501),), "mastodon", "Mastodon takes 1,500 characters of alternative text"),
        ((pictured(PICTURE, "a" * 2_001),), "bluesky", "Bluesky takes 2,000 graphemes of alternative text"),
        ((pictured(VIDEO, "a" * 1_001),), "bluesky", "Bluesky takes 1,000 graphemes of alternative text for a video"),
    ],
)
def test_what_a_network_does_not_take_is_a_mistake(media: tuple[MediaSource, ...], channel: str, said: str) -> None:
    assert any(said in f"{one.what}; {one.remedy}" for one in problems(illustrated(*media), channel))


def test_a_gif_that_moves_may_stand_beside_pictures_on_mastodon() -> None:
    assert len(show(illustrated(pictured(MOVING), pictured(PICTURE)), "mastodon").parts[0].media) == 2


def test_alternative_text_at_the_limit_fits_and_bluesky_counts_what_people_see() -> None:
    family = "👨‍👩‍👧"
    assert show(illustrated(pictured(PICTURE, family * 2_000)), "bluesky").parts
    assert show(illustrated(pictured(PICTURE, "a" * 1_000)), "x").parts
    assert "these are 2,001" in wrong(illustrated(pictured(PICTURE, family * 2_001)), "bluesky")


def test_every_mistake_is_found_at_once() -> None:
    message = illustrated(
        pictured(PICTURE, "{{ lettr }}"), pictured(b"", part=2, file="gone.jpg"), link_card=link_card(url=source("x"))
    )
    files = {**FILES, **of_digest(b"")}
    with pytest.raises(BadInput) as caught:
        illustrate(of(message, "bluesky"), number=1, due_at=T0, files=files, parts=1)
    said = "\n".join(problem.what for problem in caught.value.problems)
    for what in ("lettr", "part 2", "gone.jpg: it is no JPEG", "either pictures or a link card", "no web address"):
        assert what in said


def test_one_picture_in_many_steps_is_fitted_once_for_each_network() -> None:
    class Counting(dict[str, bytes]):
        asked = 0

        def __getitem__(self, digest: str) -> bytes:
            self.asked += 1
            return super().__getitem__(digest)

    files, album = Counting(FILES), Album()
    for channel in ("x", "bluesky", "mastodon", "x", "bluesky", "mastodon"):
        made_of = of(illustrated(pictured(PICTURE)), channel)
        illustrate(made_of, number=1, due_at=T0, files=files, album=album)
    assert files.asked == 3


def test_an_album_keeps_what_fits_into_it_and_why_something_did_not() -> None:
    album, asked = Album(most_bytes=10), []

    def make(name: str, size: int) -> Fitted:
        asked.append(name)
        return Fitted(bytes(size), JPEG, 1, 1)

    def fail() -> Fitted:
        asked.append("unfit")
        raise Unfit("it is no picture", "take another")

    for name, size in (("a", 6), ("b", 4), ("a", 6), ("c", 4), ("a", 6), ("b", 4), ("d", 20), ("d", 20)):
        assert len(album.fitted((name,), lambda name=name, size=size: make(name, size)).body) == size  # type: ignore[misc]  # defaults bind what the loop has now
    assert asked == ["a", "b", "c", "b", "d", "d"]
    for _ in range(2):
        with pytest.raises(Unfit, match="no picture"):
            album.fitted(("e",), fail)
    assert asked[-1:] == ["unfit"]
    assert asked.count("unfit") == 1


def test_what_is_handed_over_is_within_each_networks_limits() -> None:
    photograph = made.jpeg(4_400, 3_000)
    files = of_digest(photograph)
    for channel, takes in TAKES.items():
        message = illustrated(pictured(photograph))
        bundled = bundle(replace(step("launch", "x"), channel=channel), message)  # type: ignore[arg-type]  # its key is a channel
        shown = illustrate(bundled, number=1, due_at=T0, files=files)
        (picture,) = shown.parts[0].media
        assert picture.size <= takes.picture.size
        assert max(picture.width, picture.height) <= takes.picture.side
        assert picture.width * picture.height <= takes.picture.pixels
        assert abs(picture.width / picture.height - 4_400 / 3_000) < 0.01


def test_parts_before_the_first_picture_show_nothing() -> None:
    assert show(illustrated(pictured(PICTURE, part=2)), parts=2).parts[0] == PartMedia()
