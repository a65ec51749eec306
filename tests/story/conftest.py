"""Stories are told through the command line, in a folder of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests import plans, specified_x
from tests.browser import chromium
from tests.conftest import SHARED
from tests.specified import journalled, specification

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@dataclass
class Campaign:
    """A campaign's folder, and its program called in it as a person would."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *arguments: str, expect: int = 0, stdin: str | None = None) -> str:
        """What the command printed on stdout; what it said on stderr is in ``said``."""
        done = subprocess.run(
            self.command(*arguments), cwd=self.folder, env=self._environment(), input=stdin or "",
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.said = done.stderr
        assert done.returncode == expect, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self(*arguments, expect=expect))

    # --- what people write ---

    def write(self, files: Mapping[str, str]) -> None:
        """Each by its path below the campaign's folder."""
        plans.write(self.folder, files)

    def edit(self, was: str, now: str, file: str = "schedules.yaml") -> None:
        """One edit of the plan, or of another file."""
        plans.edit(self.folder / file, was, now)

    def add_people(self, *rows: str, columns: str = "email") -> None:
        """People who agreed to hear from us are added, from a sheet of these rows."""
        self.write({"people.csv": "\n".join([columns, *rows, ""])})
        self("supporters", "import", "people.csv", "--consent-basis", "opt-in", "--consent-source", "test")

    def live_at(self, sendgrid: str, key: str = "key") -> None:
        """What the program needs in order to reach people, with SendGrid's stand-in at that address."""
        self.environment |= {
            "CAMPAIGN_SECRET_KEY": "0123456789abcdefghijklmnop",
            "CAMPAIGN_PUBLIC_URL": "https://campaign.example.net",
            "CAMPAIGN_SENDGRID__API_KEY": key,
            "CAMPAIGN_SENDGRID__BASE_URL": sendgrid,
        }

    # --- what came of it ---

    def rehearse(self, *arguments: str) -> Any:
        """What a rehearsal tells; that it did what it should is proved."""
        told = self.json("rehearse", *arguments, "--json")
        assert told["proof"]["holds"], told["proof"]
        return told

    def rows(self, *asked: str) -> list[dict[str, Any]]:
        """The log's, of which some may be asked for."""
        found: list[dict[str, Any]] = self.json("log", "--format", "json", *asked)
        return found

    # --- the program ---

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "campaign", *arguments]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments), cwd=self.folder, env=self._environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def end_when(self, process: subprocess.Popen[str], *words: str) -> str:
        """What it printed, all in all: once a line has one of ``words`` it is told to end."""
        shown = self.read_until(process, *words)
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
        return shown + process.communicate()[0]

    def read_until(self, process: subprocess.Popen[str], *words: str) -> str:
        """What it printed until a line has one of ``words``, or until its end."""
        assert process.stdout is not None
        shown = ""
        for line in process.stdout:
            shown += line
            if any(word in line for word in words):
                break
        return shown

    def kill_when(self, process: subprocess.Popen[str], reached: Callable[[], bool]) -> bool:
        """SIGKILL as soon as ``reached`` is true; False where the program came to its end before."""
        while process.poll() is None:
            if reached():
                process.send_signal(signal.SIGKILL)
                process.communicate()
                return True
        process.communicate()
        return False

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CAMPAIGN_")}
        return {**kept, **self.environment, "COLUMNS": "120"}


def new_campaign(folder: Path, root: Path) -> Campaign:
    """This repository's own campaign, in ``folder``, which is empty."""
    shutil.copy(root / "schedules.yaml", folder)
    shutil.copytree(root / "messages", folder / "messages")
    return Campaign(folder)


def alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For commands that run in the test's own process: a folder and a database of their own, and no settings else."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith("CAMPAIGN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CAMPAIGN_DATABASE_URL", f"sqlite:///{folder / 'campaign.db'}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def campaign(tmp_path: Path, root: Path) -> Iterator[Campaign]:
    """What the program has handed to SendGrid's and X's stand-ins is held to their specifications, where present."""
    yield new_campaign(tmp_path, root)
    rules = specification(SHARED)
    if rules is not None:
        assert [wrong for request in journalled(tmp_path) for wrong in rules.wrong(request)] == []
    of_x = specified_x.specification(SHARED)
    if of_x is not None:
        assert [wrong for request in specified_x.journalled(tmp_path) for wrong in of_x.wrong(request)] == []
