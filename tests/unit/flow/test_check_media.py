"""check, of what posts show: every fault at once, with its file and line, before anybody can approve it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from campaign.errors import BadInput, Problem
from campaign.files import campaign as campaign_files
from campaign.flow import check
from tests import pictures as made


@pytest.fixture
def folder(tmp_path: Path, root: Path) -> Path:
    """This repository's own campaign, with a picture and a video to show."""
    shutil.copy(root / "schedules.yaml", tmp_path)
    shutil.copytree(root / "messages", tmp_path / "messages")
    media = tmp_path / "messages" / "media"
    media.mkdir(exist_ok=True)
    (media / "crowd.jpg").write_bytes(made.jpeg())
    (media / "loop.gif").write_bytes(made.gif(3))
    (media / "march.mp4").write_bytes(made.mp4(seconds=200))
    return tmp_path


def shows(folder: Path, name: str, front: str, body: str | None = None) -> Path:
    """Give a post the front matter, in place of its own."""
    path = folder / "messages" / "post" / name
    text = path.read_text(encoding="utf-8")
    if text.startswith("---\n"):
        text = text.split("---\n", 2)[2]
    path.write_text(f"---\n{front}\n---\n{body or text}", encoding="utf-8")
    return path


def found(folder: Path, name: str = "demand.md") -> list[Problem]:
    problems = check.campaign(campaign_files.load(folder / "schedules.yaml"))
    assert all(problem.file.endswith(name) for problem in problems), problems
    return problems


def picture(alt: str, file: str = "crowd.jpg", more: str = "") -> str:
    return f'media:\n  - file: media/{file}\n    alt: "{alt}"{more}'


def test_a_post_that_shows_what_its_network_takes_is_clean(folder: Path) -> None:
    shows(folder, "demand.md", picture("{{ letter.signatories | count }} banners before the house"))
    shows(folder, "demand.mastodon.md", picture("A loop", "loop.gif"))
    assert found(folder) == []


def test_alternative_text_is_held_to_the_letter_at_its_line(folder: Path) -> None:
    shows(folder, "demand.md", picture("A crowd of 57 groups"))
    (problem,) = found(folder)
    assert (problem.line, problem.where) == (3, 'step "demand-x"')
    assert "57" in problem.what


def test_a_figure_that_the_post_declares_may_be_said_of_its_picture(folder: Path) -> None:
    facts = 'facts:\n  - {value: "57", source: https://example.org}\n'
    shows(folder, "demand.md", facts + picture("A crowd of 57 groups"))
    assert found(folder) == []


def test_the_words_of_a_link_card_are_held_to_the_letter(folder: Path) -> None:
    card = 'link_card:\n  url: "{{ links.letter }}"\n  title: The letter\n  text: All 57 groups have signed it.'
    shows(folder, "demand.bluesky.md", card)
    (problem,) = found(folder, "demand.bluesky.md")
    assert (problem.line, problem.where) == (5, 'step "demand-bluesky"')


def test_a_link_card_is_no_matter_where_the_network_makes_its_own(folder: Path) -> None:
    card = 'link_card:\n  url: "nowhere"\n  title: The letter\n  text: Read it.'
    shows(folder, "demand.md", card)
    assert found(folder) == []


@pytest.mark.parametrize(
    ("name", "front", "said"),
    [
        ("demand.bluesky.md", picture("A loop", "loop.gif"), "Bluesky shows a GIF still"),
        ("demand.bluesky.md", picture("A march", "march.mp4"), "Bluesky takes videos of 0.1 to 180 seconds"),
        ("demand.md", picture("a" * 1_001), "X takes 1,000 characters of alternative text"),
        ("demand.md", picture("A crowd", more="\n    part: 2"), "it is to stand in part 2, and the post has one part"),
        ("demand.md", picture("{{ lettr.date }}"), 'there is no "lettr"'),
    ],
)
def test_what_does_not_fit_is_named_with_place_and_remedy(folder: Path, name: str, front: str, said: str) -> None:
    shows(folder, name, front)
    (problem,) = found(folder, name)
    assert said in problem.what
    assert problem.line in (3, 4)
    assert problem.remedy


def test_a_post_whose_text_fails_is_told_what_is_wrong_with_its_picture_too(folder: Path) -> None:
    shows(folder, "demand.md", picture("A crowd of 57 groups"), "{{ nothing }}\n")
    said = " ".join(problem.what for problem in found(folder))
    assert "nothing" in said
    assert "57" in said


def test_each_part_of_a_thread_may_show_something(folder: Path) -> None:
    thread = "".join(f"\n  - {{file: media/crowd.jpg, alt: A crowd, part: {part}}}" for part in (1, 3, 6))
    shows(folder, "launch-thread.md", f"media:{thread}")
    assert found(folder, "launch-thread.md") == []


def test_a_file_that_changes_while_it_is_checked_is_an_error_and_no_traceback(folder: Path) -> None:
    shows(folder, "demand.md", picture("A crowd"))
    sources = campaign_files.load(folder / "schedules.yaml")
    (folder / "messages" / "media" / "crowd.jpg").write_bytes(made.png())
    (problem,) = check.campaign(sources)
    assert "it has changed while this command ran" in problem.what


def test_a_damaged_picture_is_found_by_whoever_reads_it(folder: Path) -> None:
    (folder / "messages" / "media" / "crowd.jpg").write_bytes(made.jpeg()[:-50])
    shows(folder, "demand.md", picture("A crowd"))
    (problem,) = found(folder)
    assert "media/crowd.jpg: it is damaged: it begins as a JPEG and cannot be read" in problem.what


def test_what_is_wrong_in_front_matter_is_found_with_everything_else(folder: Path) -> None:
    shows(folder, "demand.md", "media:\n  - {file: media/crowd.png, alt: ' '}")
    shows(folder, "signatories.md", "media: {}")
    with pytest.raises(BadInput) as caught:
        campaign_files.load(folder / "schedules.yaml")
    assert [Path(problem.file).name for problem in caught.value.problems] == [
        "demand.md",
        "demand.md",
        "signatories.md",
    ]
