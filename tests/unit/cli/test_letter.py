"""campaign letter: what was found in a letter, for a person and for a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaign.__main__ import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def letter_file(root: Path) -> Path:
    return root / "tests" / "letters" / "several_addressees.txt"


def run(*arguments: str | Path) -> int:
    return main([str(argument) for argument in arguments])


def test_a_person_reads_what_was_found_with_its_lines(letter_file: Path, capsys: Captured) -> None:
    assert run("letter", letter_file) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "22 May 2018" in shown
    assert "Dr. Maria Gonzalez, Chair of the Board, Exampleton Public Libraries, Exampleton, MA 01234" in shown
    assert "2 paragraphs, 8 sentences, 2 notes, 3 signatories" in shown
    assert "Demands: 3 line 25 We therefore urge" in shown
    assert "$1.2 million" in shown
    assert "Jane Q. Doe, Executive Director, Readers' Alliance of Exampleton" in shown


def test_a_program_reads_one_json_object(letter_file: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run("letter", letter_file, "--json") == 0
    found: dict[str, Any] = json.loads(capsysbinary.readouterr().out)
    assert found["date"] == "2018-05-22"
    assert isinstance(found["salutation"], str)
    for key in ("addressees", "paragraphs", "demands", "figures", "quotations", "notes", "signatories"):
        assert isinstance(found[key], list)
    assert found["paragraphs"][0]["sentences"][0] == {"text": "We write for readers.", "line": 21, "notes": []}


def test_a_file_that_is_no_letter_is_told_what_it_lacks(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("Milk, eggs.\n", encoding="utf-8")
    assert run("letter", file) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "it has no salutation" in captured.err
    assert "it has no signatories" in captured.err


def test_control_characters_in_a_letter_do_not_reach_the_terminal(tmp_path: Path, capsys: Captured) -> None:
    file = tmp_path / "letter.txt"
    body = "We object. " * 20
    file.write_text(f"Dear Ms. \x1b[31mDoe,\n\n{body}\n\nSincerely,\n\nAlpha\u202e\n", encoding="utf-8")
    assert run("letter", file) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert "\u202e" not in shown
