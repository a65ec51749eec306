"""How results and times are shown."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from campaign.cli import screen
from campaign.errors import Problem

Captured = pytest.CaptureFixture[str]
LAUNCH = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)


class Kind(StrEnum):
    POST = "post"


class Pair(NamedTuple):
    left: int
    right: str


@dataclass(frozen=True, slots=True)
class Row:
    kind: Kind
    at: datetime
    counts: MappingProxyType[Kind, int]
    within: timedelta
    tags: frozenset[str]
    pair: Pair
    path: Path
    day: date


ROW = Row(
    kind=Kind.POST,
    at=datetime.fromisoformat("2018-05-22T09:00:00-04:00"),
    counts=MappingProxyType({Kind.POST: 2}),
    within=timedelta(minutes=10),
    tags=frozenset({"b", "a"}),
    pair=Pair(1, "ü"),
    path=Path("messages/a.md"),
    day=date(2018, 5, 22),
)
AS_JSON = {
    "kind": "post",
    "at": "2018-05-22T13:00:00Z",
    "counts": {"post": 2},
    "within": "PT600S",
    "tags": ["a", "b"],
    "pair": {"left": 1, "right": "ü"},
    "path": "messages/a.md",
    "day": "2018-05-22",
}


# --- for programs ---


def test_json_is_one_document_with_every_kind_of_value_in_plain_form(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    screen.print_json(ROW)
    written = capsysbinary.readouterr().out
    assert json.loads(written) == AS_JSON
    assert "ü".encode() in written
    assert written.endswith(b"}\n")


@pytest.mark.parametrize("number", [0, 1, 3])
def test_an_array_is_one_document_with_an_element_a_line(capsys: Captured, number: int) -> None:
    screen.print_json_array(ROW for _ in range(number))
    written = capsys.readouterr().out
    assert json.loads(written) == [AS_JSON] * number
    assert len(written.splitlines()) == (number + 2 if number else 1)


def test_what_has_no_form_in_json_is_an_error_and_not_a_guess() -> None:
    for value in (SecretStr("hidden"), datetime(2018, 5, 22, 9, 0), object()):
        with pytest.raises(TypeError):
            screen.print_json({"key": value})


def test_json_comes_after_what_was_printed_before(capsys: Captured) -> None:
    screen.out.print("first")
    screen.print_json([1])
    assert capsys.readouterr().out == "first\n[\n  1\n]\n"


@pytest.mark.parametrize(
    ("length", "written"),
    [(timedelta(0), "PT0S"), (timedelta(days=365), "PT31536000S"), (timedelta(microseconds=-1500), "PT-0.0015S")],
)
def test_a_length_of_time_is_written_exactly(capsys: Captured, length: timedelta, written: str) -> None:
    screen.print_json([length])
    assert json.loads(capsys.readouterr().out) == [written]


# --- for people ---


def on_a_terminal(program: str, **environment: str) -> str:
    """What ``program`` writes to a stderr that is a terminal."""
    ours, theirs = os.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        with os.fdopen(theirs, "wb") as stderr:
            command = [sys.executable, "-c", f"from campaign.cli import screen\n{program}"]
            process = subprocess.Popen(command, stderr=stderr, env={**kept, "TERM": "xterm", **environment})
        written = b""
        with suppress(OSError):  # how Linux tells that the other side of a terminal was closed
            while chunk := terminal.read(65_536):
                written += chunk
        assert process.wait() == 0
    return written.decode()


def test_errors_are_in_colour_on_a_terminal_unless_there_should_be_none() -> None:
    program = "screen.say('error: ', 'x')"
    assert "\x1b[1;31merror: \x1b[0mx" in on_a_terminal(program)
    assert "31m" not in on_a_terminal(program, NO_COLOR="1")


def test_progress_shows_how_much_is_done_and_is_gone_afterwards() -> None:
    written = on_a_terminal(
        "with screen.progress('Importing [x]', total=5, unit='rows') as bar:\n"
        "    bar.expect(20_000)\n"
        "    bar.advance(20_000)\n"
        "screen.err.print('done')"
    )
    assert "Importing [x]" in written
    assert "20000/20000" in written
    assert written.rpartition("\x1b[2K")[2] == "done\r\n"


def test_a_text_is_printed_as_it_is(capsys: Captured) -> None:
    screen.out.print("[bold]x[/bold] :smile: [/] \x1b[31mred 123")
    assert capsys.readouterr().out == "[bold]x[/bold] :smile: [/] \\x1b[31mred 123\n"


def test_a_tables_cells_are_printed_as_they_are_and_none_is_cut_short(capsys: Captured) -> None:
    shown = screen.table("step", "planned", "why", numbers=["planned"], title="What [was] sent")
    shown.add_row("launch", "10,000", "[b]not[/b] approved " + "x" * 100)
    screen.out.print(shown)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].strip() == "What [was] sent"
    assert "[b]not[/b]" in "".join(lines)
    assert sum(line.count("x") for line in lines) == 100


def test_numbers_are_set_to_the_right(capsys: Captured) -> None:
    shown = screen.table("step", "planned", numbers=["planned"])
    shown.add_row("a", "7")
    shown.add_row("b", "10,000")
    screen.out.print(shown)
    *_, seven, ten_thousand = capsys.readouterr().out.rstrip().splitlines()
    assert seven.index("7") == ten_thousand.rindex("0")


def test_what_is_piped_is_eighty_columns_wide() -> None:
    assert screen.Screen(stream=io.StringIO()).width == 80


def test_what_is_piped_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert screen.Screen(stream=io.StringIO()).width == 200


def test_progress_is_silent_where_there_is_no_terminal(capsys: Captured) -> None:
    with screen.progress("Importing", total=10, unit="rows") as bar:
        bar.expect(20)
        bar.advance()
        bar.advance(5)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        ([], "no errors"),
        (["error"], "1 error"),
        (["error"] * 1200, "1,200 errors"),
        (["warning", "warning"], "2 warnings"),
        (["warning", "error"], "1 error and 1 warning"),
    ],
)
def test_problems_are_counted_by_severity(severities: list[str], said: str) -> None:
    one = {"error": Problem("f", 1, "", "x"), "warning": Problem("f", 1, "", "x", severity="warning")}
    assert screen.tally([one[severity] for severity in severities]) == said


def test_a_count_goes_with_its_word() -> None:
    assert [screen.counted(number, "person", "people") for number in (0, 1, 10_000)] == [
        "0 people",
        "1 person",
        "10,000 people",
    ]


# --- time ---


@pytest.mark.parametrize(
    ("zone", "shown"),
    [
        ("America/New_York", "Tue 22 May 2018 09:00 EDT"),
        ("Europe/Berlin", "Tue 22 May 2018 15:00 CEST"),
        ("Asia/Kathmandu", "Tue 22 May 2018 18:45 UTC+0545"),
        ("America/Sao_Paulo", "Tue 22 May 2018 10:00 UTC-03"),
        ("Pacific/Auckland", "Wed 23 May 2018 01:00 NZST"),
        ("UTC", "Tue 22 May 2018 13:00 UTC"),
    ],
)
def test_an_instant_is_told_in_the_words_of_its_zone(zone: str, shown: str) -> None:
    assert screen.local(LAUNCH, zone) == shown


def test_seconds_are_told_where_there_are_any() -> None:
    assert screen.local(LAUNCH + timedelta(seconds=5), "UTC") == "Tue 22 May 2018 13:00:05 UTC"


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (timedelta(0), "T-0"),
        (timedelta(hours=3), "T+3h"),
        (timedelta(minutes=90), "T+1h30m"),
        (timedelta(days=-2, hours=-10), "T-2d10h"),
        (timedelta(days=7), "T+7d"),
        (timedelta(seconds=-15), "T-15s"),
        (timedelta(milliseconds=400), "T-0"),
        (timedelta(days=-1, seconds=-1), "T-1d1s"),
    ],
)
def test_a_countdown_is_the_length_to_the_launch_as_a_plan_writes_it(ahead: timedelta, shown: str) -> None:
    assert screen.countdown(LAUNCH + ahead, LAUNCH) == shown


@given(st.integers(-10_000_000, 10_000_000))
def test_no_two_instants_have_the_same_countdown(seconds: int) -> None:
    shown = screen.countdown(LAUNCH + timedelta(seconds=seconds), LAUNCH)
    assert shown != screen.countdown(LAUNCH + timedelta(seconds=seconds + 1), LAUNCH)
