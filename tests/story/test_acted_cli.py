"""Telling who has acted from the command line, as a campaign manager does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from campaign.__main__ import main
from tests.story.conftest import alone

LIST = (
    "Email;First name;Timestamp\n"
    "mara@example.org;Mara;2018-05-22 09:14\n"
    "ben@example.org;Ben;soon\n"
    "stranger@example.org;Cy;\n"
    "not an address;Di;\n"
)


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(tmp_path, monkeypatch)
    Path("people.csv").write_text("email\nmara@example.org\nben@example.org\nida@example.org\n", encoding="utf-8")
    assert main(["supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "form"]) == 0
    Path("acted.csv").write_text(LIST, encoding="utf-8")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["supporters", *words, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_list_of_those_who_have_acted_is_recorded_once_and_nobody_is_added(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = told(capsys, "acted", "acted.csv")
    assert (first["read"], first["new"], first["unknown"], first["rejected"], first["undated"]) == (4, 2, 1, 1, 1)
    again = told(capsys, "acted", "acted.csv")
    assert (again["new"], again["known"]) == (0, 2)
    rejects = Path(first["rejects_file"]).read_text(encoding="utf-8")
    assert "5," in rejects
    assert "not an address" in rejects


def test_a_list_without_addresses_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    Path("acted.csv").write_text("name,when\nMara,2018-05-22\n", encoding="utf-8")
    assert main(["supporters", "acted", "acted.csv"]) == 3
    assert "acted.csv" in capsys.readouterr().err


def test_who_has_acted_is_shown_with_the_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["supporters", "acted", "acted.csv"]) == 0
    assert "are no supporters here" in capsys.readouterr().out
    assert main(["supporters", "show", "mara@example.org"]) == 0
    assert "2018-05-22 09:14 UTC" in capsys.readouterr().out
