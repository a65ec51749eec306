"""The journal keeps what was taken, whatever kills the sandbox."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from campaign.sandbox.journal import Journal


@pytest.fixture(params=["in a file", "in memory"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal" if request.param == "in a file" else None)


def test_records_come_back_in_order_with_their_kind(journal: Journal) -> None:
    journal.append("post", {"text": "one"})
    journal.append("mail", {"text": "two"})
    journal.append("post", {"text": "three"})
    assert [record["text"] for record in journal.records()] == ["one", "two", "three"]
    assert list(journal.records("post")) == [{"kind": "post", "text": "one"}, {"kind": "post", "text": "three"}]


def test_a_kind_that_begins_like_another_is_not_taken_for_it(journal: Journal) -> None:
    journal.append("postcard", {})
    journal.append("post", {})
    assert len(list(journal.records("post"))) == 1


def test_a_record_is_read_back_by_its_position(journal: Journal) -> None:
    positions = [journal.append("post", {"text": "ü" * n}) for n in range(5)]
    assert [journal.at(position)["text"] for position in positions] == ["ü" * n for n in range(5)]
    assert [position for position, _ in journal.positions("post")] == positions


def test_what_was_written_is_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    Journal(tmp_path / "journal").append("post", {"text": "before"})  # never closed, as after a kill
    again = Journal(tmp_path / "journal")
    position = again.append("post", {"text": "after"})
    assert [record["text"] for record in again.records()] == ["before", "after"]
    assert again.at(position)["text"] == "after"


@pytest.mark.parametrize("torn", [b'{"kind":"post","te', b"x" * 200_000])
def test_a_torn_last_line_is_dropped(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "journal"
    Journal(path).append("post", {"text": "whole"})
    with path.open("ab") as file:
        file.write(torn)
    again = Journal(path)
    again.append("post", {"text": "next"})
    assert [record["text"] for record in again.records()] == ["whole", "next"]


def test_a_file_that_holds_nothing_but_a_torn_line_is_empty(tmp_path: Path) -> None:
    (tmp_path / "journal").write_bytes(b'{"kind"')
    assert list(Journal(tmp_path / "journal").records()) == []


def test_only_the_owner_can_read_the_addresses_in_it(tmp_path: Path) -> None:
    Journal(tmp_path / "journal")
    assert (tmp_path / "journal").stat().st_mode & 0o077 == 0


def test_many_threads_write_whole_lines(journal: Journal) -> None:
    def write(number: int) -> None:
        for _ in range(100):
            journal.append("post", {"number": number, "text": "x" * 500})

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(record["number"] for record in journal.records()) == sorted(n for n in range(4) for _ in range(100))


def test_a_reader_sees_what_was_there_when_it_began(journal: Journal) -> None:
    journal.append("post", {"text": "one"})
    journal.append("post", {"text": "two"})
    reading = journal.records()
    next(reading)
    journal.append("post", {"text": "three"})
    assert [record["text"] for record in reading] == ["two"]
