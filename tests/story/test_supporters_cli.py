"""Keeping the list of supporters from the command line, as a campaign manager does."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from campaign.__main__ import main
from tests.story.conftest import alone

LIST = (
    "email,first_name,chapter,unsubscribed\n"
    "mara@example.org,Mara,North,\n"
    "ben@example.org,Ben,South,yes\n"
    "not an address,Cy,,\n"
    "MARA@example.org,Mara,North,\n"
)
CONSENT = ("--consent-basis", "opt-in", "--consent-source", "spring form")


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone(tmp_path, monkeypatch)
    Path("list.csv").write_text(LIST, encoding="utf-8")


Campaign = Callable[..., str]


@pytest.fixture
def campaign(capsys: pytest.CaptureFixture[str]) -> Campaign:
    def campaign(*arguments: str, code: int = 0) -> str:
        ended = main(arguments)
        said = capsys.readouterr()
        assert ended == code, said.err
        return said.out if code == 0 else said.out + said.err

    return campaign


def as_json(campaign: Campaign, *arguments: str) -> Any:
    return json.loads(campaign(*arguments, "--json"))


def test_an_import_ends_with_counts_and_a_rejects_file_that_says_why(campaign: Campaign) -> None:
    counts = as_json(campaign, "supporters", "import", "list.csv", *CONSENT, "--tag", "spring")
    assert {
        name: counts[name] for name in ("read", "new", "duplicates", "rejected", "suppressed", "without_consent")
    } == {
        "read": 4,
        "new": 2,
        "duplicates": 1,
        "rejected": 1,
        "suppressed": 1,
        "without_consent": 0,
    }
    assert counts["rejects_file"] == "list.rejects.csv"
    with Path("list.rejects.csv").open(encoding="utf-8", newline="") as file:
        assert [(row["line"], row["row"]) for row in csv.DictReader(file)] == [
            ("4", "not an address,Cy,,"),
            ("5", "MARA@example.org,Mara,North,"),
        ]
    assert stat.S_IMODE(Path("list.rejects.csv").stat().st_mode) == 0o600
    person = as_json(campaign, "supporters", "show", "mara@example.org")
    assert person["suppression"] is None
    assert person["supporter"]["tags"] == ["spring"]
    assert person["supporter"]["extra"] == {"chapter": "North"}
    assert (person["supporter"]["consent"]["basis"], person["supporter"]["consent"]["source"]) == (
        "opt-in",
        "spring form",
    )


def test_the_same_import_for_a_person_says_it_in_words(campaign: Campaign) -> None:
    said = campaign("supporters", "import", "list.csv")
    for words in ("read", "new", "people we did not know", "list.rejects.csv", "without consent"):
        assert words in said


def test_a_dry_run_counts_and_changes_nothing(campaign: Campaign) -> None:
    assert as_json(campaign, "supporters", "import", "list.csv", "--dry-run")["new"] == 2
    assert as_json(campaign, "supporters", "import", "list.csv", "--dry-run")["new"] == 2
    assert campaign("supporters", "export").count("\n") == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"first,last\nA,B\n", 'list.csv:1: no column holds e-mail addresses; the columns are "first", "last"'),
        (b"", "list.csv: is empty"),
        (b"PK\x03\x04", "save the sheet as CSV UTF-8"),
    ],
)
def test_a_file_that_is_no_list_is_answered_in_words(campaign: Campaign, content: bytes, says: str) -> None:
    Path("list.csv").write_bytes(content)
    said = campaign("supporters", "import", "list.csv", code=3)
    assert says in " ".join(said.split())
    assert "Traceback" not in said


def test_a_file_that_breaks_off_in_the_middle_leaves_nothing(campaign: Campaign) -> None:
    rows = b"".join(b"p%d@example.org\n" % number for number in range(20_000))
    Path("list.csv").write_bytes(b"email\n" + rows + b"\0\n")
    assert "NUL" in campaign("supporters", "import", "list.csv", code=3)
    assert campaign("supporters", "export").count("\n") == 1


@contextmanager
def importing(people: int) -> Iterator[subprocess.Popen[str]]:
    """An import of so many that has written some of them, and committed none."""
    Path("list.csv").write_text("email\n" + "".join(f"p{n}@example.org\n" for n in range(people)), encoding="utf-8")
    command = [sys.executable, "-m", "campaign", "supporters", "import", "list.csv"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        written = Path("campaign.db-wal")
        while process.poll() is None and (not written.exists() or written.stat().st_size < 2_000_000):
            pass
        yield process


def said_by(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    return " ".join(process.stderr.read().split())


def test_ctrl_c_in_the_middle_leaves_nothing(campaign: Campaign) -> None:
    rows = "".join(f"p{number}@example.org\n" for number in range(5_000))
    # Empty lines are no people, but reading so many takes far longer than it takes to interrupt it.
    Path("list.csv").write_text("email\n" + rows + "\n" * 40_000_000, encoding="utf-8")
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "campaign", "supporters", "import", "list.csv"],
        stdout=slave,
        stderr=slave,
        stdin=slave,
        start_new_session=True,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(slave)
    shown = b""
    while b"5000/" not in shown:  # rows read, none of them committed
        shown += os.read(master, 4096)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: whoever is in the group
    try:
        while block := os.read(master, 4096):
            shown += block
    except OSError:  # the terminal is gone with the processes
        pass
    os.close(master)
    assert process.wait(timeout=60) == 130
    assert b"Interrupted: nothing was imported." in shown
    assert b"Traceback" not in shown
    assert campaign("supporters", "export").count("\n") == 1


def test_an_import_that_is_killed_leaves_nothing_and_the_next_is_whole(campaign: Campaign) -> None:
    campaign("supporters", "export")
    with importing(400_000) as process:
        process.kill()
        assert process.wait(timeout=60) == -signal.SIGKILL
    assert campaign("supporters", "export").count("\n") == 1
    Path("list.csv").write_text(LIST, encoding="utf-8")
    assert as_json(campaign, "supporters", "import", "list.csv", *CONSENT)["new"] == 2


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="only Linux tells which processes another started")
def test_an_import_whose_reading_process_is_killed_leaves_nothing_and_says_so(campaign: Campaign) -> None:
    campaign("supporters", "export")
    with importing(250_000) as process:
        started = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        (reader,) = map(int, started.read_text(encoding="utf-8").split())
        os.kill(reader, signal.SIGKILL)
        said = said_by(process)
    assert process.returncode == 1
    assert "the process that reads the list was ended from outside; nothing was taken from the list" in said
    assert "Traceback" not in said
    assert campaign("supporters", "export").count("\n") == 1


def test_a_list_that_is_written_to_while_it_is_read_is_not_imported(campaign: Campaign) -> None:
    campaign("supporters", "export")
    with importing(400_000) as process:
        with Path("list.csv").open("a", encoding="utf-8") as file:
            file.write("late@example.org\n")
        assert "was written to while it was read" in said_by(process)
    assert process.returncode == 3
    assert campaign("supporters", "export").count("\n") == 1


def test_nobody_suppressed_is_let_back_in_by_an_import(campaign: Campaign) -> None:
    assert "will not be written to" in campaign("suppress", "Mara@example.org", "x@example.org", "--source", "a letter")
    assert "was suppressed already" in campaign("suppress", "mara@example.org")
    campaign("supporters", "import", "list.csv", *CONSENT)
    shown = campaign("supporters", "show", "mara@example.org")
    assert "by-hand, a letter" in shown
    assert "may be written to again" in campaign("suppress", "--lift", "mara@example.org")
    assert "suppressed" not in campaign("supporters", "show", "mara@example.org")
    assert "was not suppressed" in campaign("suppress", "--lift", "mara@example.org")


def test_whoever_is_forgotten_stays_forgotten(campaign: Campaign) -> None:
    campaign("supporters", "import", "list.csv", *CONSENT)
    assert "is forgotten" in campaign("supporters", "forget", "mara@example.org", "--yes")
    assert as_json(campaign, "supporters", "import", "list.csv", *CONSENT)["new"] == 0
    said = campaign("supporters", "show", "mara@example.org", code=1)
    assert "not in the list" in said
    assert "forgotten" in said
    campaign("supporters", "forget", "mara@example.org", "--yes", code=1)


def test_nobody_is_forgotten_without_being_asked_for_twice(campaign: Campaign) -> None:
    campaign("supporters", "import", "list.csv")
    process = subprocess.run(
        [sys.executable, "-m", "campaign", "supporters", "forget", "mara@example.org"],
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode != 0
    assert "Mara" in campaign("supporters", "show", "mara@example.org")


def test_an_export_is_harmless_and_an_import_takes_it_back(campaign: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("list.csv").write_text(
        'email,first_name,chapter,unsubscribed\nmara@example.org,"=HYPERLINK(1)",@North,\nben@example.org,Ben,,yes\n'
    )
    campaign("supporters", "import", "list.csv", *CONSENT)
    exported = campaign("supporters", "export")
    assert "'=HYPERLINK(1)" in exported
    assert "'@North" in exported
    everybody = json.loads(campaign("supporters", "export", "--format", "json"))
    assert [(person["email"], person["suppressed"]) for person in everybody] == [
        ("mara@example.org", False),
        ("ben@example.org", True),
    ]
    Path("exported.csv").write_text(exported, encoding="utf-8")
    monkeypatch.setenv("CAMPAIGN_DATABASE_URL", "sqlite:///other.db")
    campaign("supporters", "import", "exported.csv")
    again = json.loads(campaign("supporters", "export", "--format", "json"))
    assert again == everybody


def test_a_sample_is_written_to_stdout_or_to_a_new_file(campaign: Campaign) -> None:
    written = campaign("supporters", "sample", "5")
    assert written.count("\n") == 6
    assert campaign("supporters", "sample", "5") == written
    assert campaign("supporters", "sample", "5", "--seed", "1") != written
    campaign("supporters", "sample", "5", "--out", "new.csv")
    assert Path("new.csv").read_text(encoding="utf-8") == written
    assert "new.csv: cannot be written" in campaign("supporters", "sample", "5", "--out", "new.csv", code=3)


@pytest.mark.parametrize(
    "arguments",
    [
        ("supporters", "show", "no address"),
        ("suppress", "no address"),
        ("supporters", "forget", "--yes", "no address"),
    ],
)
def test_what_is_no_address_is_answered_in_words(campaign: Campaign, arguments: tuple[str, ...]) -> None:
    assert "no address: " in campaign(*arguments, code=3)


@pytest.mark.parametrize(
    "arguments",
    [
        ("supporters", "import", "list.csv", "--consent-source", "form"),
        ("supporters", "import", "list.csv", "--consent-basis", "whim"),
        ("supporters", "import", "list.csv", "--language", "!!"),
        ("suppress", "a@example.org", "--reason", "forgotten"),
        ("supporters", "sample", "0"),
    ],
)
def test_options_that_make_no_sense_are_refused(campaign: Campaign, arguments: tuple[str, ...]) -> None:
    campaign(*arguments, code=2)


def test_what_somebody_asked_for_is_shown_and_travels_with_the_list(campaign: Campaign) -> None:
    Path("asked.csv").write_text(
        "email,campaign_preference\nmara@example.org,less-often\nana@example.org,only:lenses\nsam@example.org,\n"
    )
    campaign("supporters", "import", "asked.csv", *CONSENT)
    assert "at most one e-mail in seven days, since" in campaign("supporters", "show", "mara@example.org")
    assert "only the campaign lenses, since" in campaign("supporters", "show", "ana@example.org")
    assert "every e-mail" in campaign("supporters", "show", "sam@example.org")
    Path("again.csv").write_text(campaign("supporters", "export"))
    Path("campaign.db").rename("before.db")
    campaign("supporters", "import", "again.csv")
    listed = json.loads(campaign("supporters", "export", "--format", "json"))
    assert {one["email"]: one["preference"] for one in listed} == {
        "mara@example.org": "less-often",
        "ana@example.org": "only:lenses",
        "sam@example.org": "",
    }
