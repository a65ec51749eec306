"""The log for programs: a line of JSON for each happening, and nobody in it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from campaign.cli.log_lines import LogLines, as_line
from campaign.model.happening import Happening

AT = datetime(2018, 5, 22, 13, 0, 0, 123_456, tzinfo=UTC)


def test_a_line_has_the_instant_in_utc_and_every_fact() -> None:
    line = as_line(
        Happening(AT, "attempt", "an attempt is over", "warning", {"wave": "alert#1", "batch": 7, "took_s": 0.5})
    )
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "time": "2018-05-22T13:00:00.123Z",
        "level": "warning",
        "event": "attempt",
        "what": "an attempt is over",
        "wave": "alert#1",
        "batch": 7,
        "took_s": 0.5,
    }


def test_an_address_is_hidden_wherever_it_comes_from() -> None:
    line = as_line(
        Happening(AT, "told", "<jo@example.org> is full\nagain", about={"account": "a mailto:zo\u00eb@example.net"})
    )
    assert b"example.org" not in line
    assert b"example.net" not in line
    assert line.count(b"\n") == 1


def test_a_file_is_for_its_owner_alone_and_may_be_moved_away_at_any_time(tmp_path: Path) -> None:
    path = tmp_path / "campaign.jsonl"
    log = LogLines(path)
    log(Happening(AT, "one", "one"))
    path.rename(tmp_path / "campaign.jsonl.1")
    log(Happening(AT, "two", "two"))
    assert json.loads(path.read_bytes())["event"] == "two"
    assert json.loads((tmp_path / "campaign.jsonl.1").read_bytes())["event"] == "one"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_is_said_once_and_ends_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    log = LogLines(folder / "campaign.jsonl")
    for _ in range(3):
        log(Happening(AT, "one", "one"))
    said = capfd.readouterr().err
    assert said.count("The log cannot be written") == 1
    folder.mkdir()
    log(Happening(AT, "two", "two"))
    assert (folder / "campaign.jsonl").exists()
