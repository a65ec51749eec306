"""SpamAssassin's verdict, read from what its programs print: here programs that print the same.

The outputs are SpamAssassin 4.0.1's: on an e-mail of this repository's campaign, on GTUBE, its own test string,
and, for the last, shortened to the header.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from campaign.lookups.spamassassin import SpamAssassin
from campaign.ports.spam import Judged

HAM = """X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on vm
X-Spam-Level:
X-Spam-Status: No, score=0.7 required=5.0 tests=HTML_FONT_LOW_CONTRAST,
\tHTML_MESSAGE,NO_RECEIVED,NO_RELAYS autolearn=no autolearn_force=no
\tversion=4.0.1
From: Free to Walk Coalition <campaign@example.org>
Subject: EMBARGOED: the letter to Amazon, and your launch toolkit

X-Spam-Status: Yes, score=99 required=5.0 tests=NOT_A_HEADER
"""
SPAM = """Received: from localhost by vm
\twith SpamAssassin (version 4.0.1);
\tMon, 23 Nov 2026 00:29:23 +0000
From: a@example.org
Subject: x
X-Spam-Checker-Version: SpamAssassin 4.0.1 (2024-03-25) on vm
X-Spam-Flag: YES
X-Spam-Level: **************************************************
X-Spam-Status: Yes, score=1004.2 required=5.0 tests=GTUBE,MISSING_DATE,
\tMISSING_HEADERS,MISSING_MID,NO_HEADERS_MESSAGE,NO_RECEIVED,NO_RELAYS,
\tTVD_SPACE_RATIO autolearn=no autolearn_force=no version=4.0.1
MIME-Version: 1.0

This is a multi-part message in MIME format.
"""
GTUBE = (
    *("GTUBE", "MISSING_DATE", "MISSING_HEADERS", "MISSING_MID", "NO_HEADERS_MESSAGE", "NO_RECEIVED", "NO_RELAYS"),
    "TVD_SPACE_RATIO",
)
CLEAN = "X-Spam-Status: No, score=-0.0 required=5.0 tests=none autolearn=ham version=4.0.0\n\nbody\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is all of the PATH but for what a script needs."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "cat", "sleep"):
        found = next(Path(each) / name for each in os.environ["PATH"].split(os.pathsep) if (Path(each) / name).exists())
        (programs / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(programs))
    return programs


def program(folder: Path, name: str, prints: str, status: int = 0) -> None:
    printed = folder / f"{name}.txt"
    printed.write_text(prints)
    script = folder / name
    kept = f'cat > {folder}/{name}.in\necho "$@" > {folder}/{name}.args'
    script.write_text(f"#!{folder}/sh\n{kept}\ncat {printed}\nexit {status}\n")
    script.chmod(0o755)


@pytest.mark.parametrize(
    ("prints", "judged"),
    [
        (HAM, Judged(0.7, 5.0, ("HTML_FONT_LOW_CONTRAST", "HTML_MESSAGE", "NO_RECEIVED", "NO_RELAYS"))),
        (SPAM, Judged(1004.2, 5.0, GTUBE)),
        (CLEAN, Judged(-0.0, 5.0, ())),
    ],
)
def test_score_threshold_and_tests_are_read(folder: Path, prints: str, judged: Judged) -> None:
    program(folder, "spamassassin", prints)
    assert SpamAssassin().judge(b"From: a\n\nbody") == judged
    assert (folder / "spamassassin.in").read_bytes() == b"From: a\n\nbody"
    assert "--local" in (folder / "spamassassin.args").read_text()


def test_the_daemon_is_asked_first_and_the_program_where_it_does_not_answer(folder: Path) -> None:
    program(folder, "spamassassin", SPAM)
    program(folder, "spamc", HAM)
    assert SpamAssassin().judge(b"").score == 0.7
    program(folder, "spamc", "", status=69)  # EX_UNAVAILABLE: no daemon
    assert SpamAssassin().judge(b"").score == 1004.2


def test_where_it_is_not_installed_that_is_said(folder: Path) -> None:
    assert SpamAssassin().judge(b"").why_not == "SpamAssassin is not installed"


def test_where_it_gives_no_score_that_is_said(folder: Path) -> None:
    program(folder, "spamassassin", "Subject: Act\n\nbody\n")
    assert SpamAssassin().judge(b"").why_not == "SpamAssassin is installed, and gave no score"


def test_a_program_that_does_not_end_is_given_up(folder: Path) -> None:
    script = folder / "spamassassin"
    script.write_text(f"#!{folder}/sh\nexec sleep 60\n")
    script.chmod(0o755)
    assert "gave no score" in SpamAssassin(timeout_s=0.2).judge(b"").why_not
