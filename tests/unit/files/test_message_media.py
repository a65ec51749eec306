"""What a post's front matter says of pictures, videos, cards and links, and everything that can be wrong with it."""

from __future__ import annotations

import json
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import BadInput, Problem
from campaign.files import media, messages
from campaign.model.message import CardSource, LinkCardSource, MediaSource, PostSource, Source
from tests import pictures as made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "messages"
    (top / "post").mkdir(parents=True)
    (top / "media").mkdir()
    (top / "media" / "crowd.jpg").write_bytes(made.jpeg())
    (top / "media" / "march.mp4").write_bytes(made.mp4())
    return top


def write(folder: Path, front: str, body: str = "Read it.") -> Path:
    path = folder / "post" / "launch.md"
    path.write_text(f"---\n{front}\n---\n{body}\n")
    return path


def post(folder: Path, front: str) -> PostSource:
    write(folder, front)
    return messages.load(folder, "post/launch", language="en").posts[""]


def problems(folder: Path, front: str) -> list[Problem]:
    write(folder, front)
    with pytest.raises(BadInput) as caught:
        messages.load(folder, "post/launch", language="en")
    assert all(problem.remedy for problem in caught.value.problems)
    return list(caught.value.problems)


def wrong(folder: Path, front: str) -> str:
    """The one thing that is wrong, with its line and remedy."""
    (problem,) = problems(folder, front)
    return f"{problem.line}: {problem.what}; {problem.remedy}"


def test_all_that_a_post_can_ask_for_is_read(folder: Path) -> None:
    front = """split: sentences
numbered: yes
media:
  - {file: media/crowd.jpg, alt: "A crowd of {{ letter.signatories | count }}"}
  - file: media/march.mp4
    alt: The march
    part: 2
  - {card: quotation, text: "Stop.", shape: tall, part: 3}
  - {card: figure, text: "41", says: groups have signed}
link_card:
  url: "{{ links.letter }}"
  title: The letter
  text: Read it.
  image: {file: media/crowd.jpg, alt: A crowd}
  part: 4"""
    found = post(folder, front)
    file = str(folder / "post" / "launch.md")
    digest = sha256(made.jpeg()).hexdigest()
    assert (found.split, found.numbered) == (True, True)
    assert found.media == (
        MediaSource(5, 1, Source(file, "A crowd of {{ letter.signatories | count }}", 5), "media/crowd.jpg", digest),
        MediaSource(6, 2, Source(file, "The march", 7), "media/march.mp4", sha256(made.mp4()).hexdigest()),
        MediaSource(9, 3, card=CardSource("quotation", Source(file, "Stop.", 9), None, "tall")),
        MediaSource(
            10, 1, card=CardSource("figure", Source(file, "41", 10), Source(file, "groups have signed", 10), "wide")
        ),
    )
    assert found.link_card == LinkCardSource(
        12,
        Source(file, "{{ links.letter }}", 12),
        Source(file, "The letter", 13),
        Source(file, "Read it.", 14),
        MediaSource(15, 1, Source(file, "A crowd", 15), "media/crowd.jpg", digest),
        part=4,
    )
    assert [one.file for one in found.files()] == ["media/crowd.jpg", "media/march.mp4", "media/crowd.jpg"]


def test_a_post_that_asks_for_nothing_has_nothing(folder: Path) -> None:
    found = post(folder, "language: en\nnumbered: no")
    assert (found.split, found.numbered, found.media, found.link_card) == (False, False, (), None)


@pytest.mark.parametrize(
    ("front", "said"),
    [
        ("split: words", '2: "words" is no way to split; write `split: sentences`'),
        ("numbered: perhaps", '2: numbered is "perhaps"; write yes or no'),
        ("medai: []", '2: "medai" is not known here; did you mean "media"?'),
        ("media: media/crowd.jpg", "2: media is no list"),
        ("media:", "2: media is no list"),
        ("media:\n  - media/crowd.jpg", "3: the entry has no keys here"),
        ("media:\n  - {alt: A crowd}", "3: this is neither a file nor a card"),
        ("media:\n  - {flie: media/crowd.jpg, alt: A}", '3: "flie" is not known here; did you mean "file"?'),
        ("media:\n  - {file: media/crowd.jpg}", "3: the picture or video has no alternative text; describe"),
        ("media:\n  - {file: media/crowd.jpg, alt: '  '}", "3: the picture or video has no alternative text"),
        ("media:\n  - {file: media/crowd.jpg, alt: [a]}", "3: the picture or video has no alternative text"),
        ("media:\n  - {file: media/crowd.jpg, card: figure, alt: A}", "3: this is both a file and a card"),
        ("media:\n  - {file: media/crowd.jpg, alt: A, prat: 2}", '3: "prat" is not known here; did you mean "part"?'),
        ("media:\n  - {file: media/crowd.jpg, alt: A, part: 0}", '3: part is "0"; write a number from 1 to 100'),
        ("media:\n  - {file: media/crowd.jpg, alt: A, part: two}", '3: part is "two"'),
        ("media:\n  - {file: media/crowd.jpg, alt: '{{ links.letter'}", "3: the template cannot be read"),
        ("media:\n  - {card: qoutation, text: Stop}", '3: card is "qoutation"; did you mean "quotation"?'),
        ("media:\n  - {card: quotation}", "3: the card has no text"),
        ("media:\n  - {card: quotation, text: A, says: b}", "3: a quotation says nothing but its text"),
        ("media:\n  - {card: quotation, text: A, alt: b}", '3: "alt" is not known here'),
        ("media:\n  - {card: figure, text: '41'}", "3: the figure has no says; say what it counts"),
        ("media:\n  - {card: quotation, text: A, shape: round}", '3: shape is "round"; it can be wide, square, tall'),
        ("link_card: https://example.org", "2: link_card has no keys here"),
        ("link_card: {url: a, title: b}", "2: the link card has no text"),
        ("link_card: {url: a, title: b, text: c, image: {file: media/crowd.jpg}}", "has no alternative text"),
        ("link_card: {url: a, title: b, text: c, tilte: d}", '"tilte" is not known here; did you mean "title"?'),
    ],
)
def test_a_mistake_is_named_with_its_line_and_remedy(folder: Path, front: str, said: str) -> None:
    assert said in wrong(folder, front)


def test_every_mistake_is_found_at_once(folder: Path) -> None:
    front = """split: words
media:
  - {file: media/crowd.jpg}
  - {file: media/nowhere.jpg, alt: A}
  - {card: figure, text: "{{"}
link_card: {url: a}"""
    assert [problem.line for problem in problems(folder, front)] == [2, 4, 5, 6, 6, 7, 7]


def test_more_in_one_part_than_any_network_takes_is_a_mistake(folder: Path) -> None:
    one = "\n  - {file: media/crowd.jpg, alt: A}"
    assert len(post(folder, f"media:{one * 4}\n  - {{file: media/crowd.jpg, alt: A, part: 2}}").media) == 5
    assert "part 1 shows 5 pictures or videos, and no network takes more than 4" in wrong(folder, f"media:{one * 5}")


def asks_for(name: str) -> str:
    return f"media:\n  - {{file: '{name}', alt: A}}"


def test_a_file_that_is_not_there_is_named_with_what_was_meant(folder: Path) -> None:
    assert 'there is no media/crowd.jpeg below messages/; did you mean "media/crowd.jpg"?' in wrong(
        folder, asks_for("media/crowd.jpeg")
    )
    assert "put it there" in wrong(folder, asks_for("zebra.png"))


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("empty.jpg", b"", "empty.jpg is empty"),
        ("crowd.png", made.jpeg(), "crowd.png is a JPEG by its bytes, not a PNG"),
        ("crowd.mp4", made.png(), "crowd.mp4 is a PNG by its bytes, not an MP4"),
        ("crowd", made.png(), "crowd does not say what it is; call it crowd.png"),
        ("crowd.md", made.png(), "crowd.md does not say what it is"),
        ("crowd.heic", made.box(b"ftyp", b"heic"), "crowd.heic is a HEIC, by its bytes; posts show JPEG"),
        ("crowd.webm", b"\x1aE\xdf\xa3" + bytes(9), "crowd.webm is a WebM or Matroska video, by its bytes"),
        ("crowd.jpg", b"no picture", "crowd.jpg is of a kind that is not known, by its bytes"),
        ("crowd.jpg", b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS and not the file itself"),
    ],
)
def test_what_a_file_is_its_bytes_say(folder: Path, name: str, body: bytes, said: str) -> None:
    (folder / name).write_bytes(body)
    assert said in wrong(folder, asks_for(name))


def test_mp4_and_quicktime_may_have_each_others_endings(folder: Path) -> None:
    (folder / "a.mov").write_bytes(made.mp4())
    (folder / "b.mp4").write_bytes(made.mp4(brand=b"qt  "))
    assert len(post(folder, "media:\n  - {file: a.mov, alt: A}\n  - {file: b.mp4, alt: B, part: 2}").media) == 2


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../secret.jpg", "../secret.jpg is outside messages/"),
        ("/etc/hostname", "/etc/hostname is outside messages/"),
        ("media/../../secret.jpg", "is outside messages/"),
        ("media\\crowd.jpg", "is no path; write it with /"),
        ("media", "media is no file"),
        ("out.jpg", "out.jpg is a link that leads out of messages/"),
        ("away/secret.jpg", "away/secret.jpg is a link that leads out of messages/"),
        ("round.jpg", "there is no round.jpg below messages/"),
        ("nowhere.jpg", "there is no nowhere.jpg below messages/"),
        ("x" * 300 + ".jpg", "below messages/"),
    ],
)
def test_nothing_from_outside_messages_is_shown(folder: Path, name: str, said: str) -> None:
    (folder.parent / "secret.jpg").write_bytes(made.jpeg())
    (folder / "out.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "away").symlink_to(folder.parent)
    (folder / "round.jpg").symlink_to("round.jpg")
    (folder / "nowhere.jpg").symlink_to("not-there.jpg")
    assert said in wrong(folder, asks_for(name))


def test_a_link_within_messages_is_followed(folder: Path) -> None:
    (folder / "same.jpg").symlink_to(folder / "media" / "crowd.jpg")
    assert post(folder, asks_for("same.jpg")).media[0].digest == sha256(made.jpeg()).hexdigest()


def test_a_picture_may_have_30_megabytes_and_a_video_512(folder: Path) -> None:
    for name, body, most in (("large.jpg", made.jpeg(), 30_000_000), ("large.mp4", made.mp4(), 512_000_000)):
        with (folder / name).open("wb") as stream:
            stream.write(body)
            stream.truncate(most + 1)
        assert f"{name} is over {most // 1_000_000} MB" in wrong(folder, asks_for(name))
    with (folder / "large.jpg").open("r+b") as stream:
        stream.truncate(30_000_000)
    assert post(folder, asks_for("large.jpg")).media


def test_bytes_are_read_when_they_are_asked_for_and_only_as_they_were(folder: Path) -> None:
    digest = post(folder, asks_for("media/crowd.jpg")).media[0].digest
    files = media.Files({digest: folder / "media" / "crowd.jpg"})
    assert (list(files), len(files)) == ([digest], 1)
    assert files[digest] == made.jpeg()
    (folder / "media" / "crowd.jpg").write_bytes(made.jpeg(comment=b"changed"))
    with pytest.raises(BadInput, match=r"crowd\.jpg: it has changed while this command ran"):
        files[digest]
    (folder / "media" / "crowd.jpg").unlink()
    with pytest.raises(BadInput, match="cannot be read any more"):
        files[digest]
    with pytest.raises(KeyError):
        files["another"]


@given(front=st.text(max_size=200))
def test_no_front_matter_of_media_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, front: str) -> None:
    top = tmp_path_factory.mktemp("m") / "messages"
    (top / "post").mkdir(parents=True)
    for key in ("media", "link_card"):
        (top / "post" / "launch.md").write_text(f"---\n{key}: {front}\n---\nRead it.\n", errors="replace")
        with suppress(BadInput):
            messages.load(top, "post/launch", language="en")


@given(
    given=st.recursive(
        st.none() | st.text(max_size=8) | st.integers(-3, 200),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["file", "alt", "part", "card", "text", "says", "shape", "url", "title", "image", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=12,
    )
)
def test_no_value_of_media_gives_a_traceback(tmp_path_factory: pytest.TempPathFactory, given: object) -> None:
    top = tmp_path_factory.mktemp("m") / "messages"
    (top / "post").mkdir(parents=True)
    front = f"media: {json.dumps(given)}\nlink_card: {json.dumps(given)}"
    (top / "post" / "launch.md").write_text(f"---\n{front}\n---\nRead it.\n")
    try:
        found = messages.load(top, "post/launch", language="en").posts[""]
    except BadInput:
        return
    assert all(one.card is not None for one in found.media)
