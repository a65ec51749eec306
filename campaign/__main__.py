"""The program's one door: it turns whatever goes wrong into words and an exit code."""

from __future__ import annotations

import os
import platform
import re
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import typer
from typer.main import get_command

from campaign import __version__, cli
from campaign.cli import screen
from campaign.engines.clock import SystemClock
from campaign.errors import BadInput, CampaignError

CRASHES = Path(".campaign")
"""Folder for tracebacks of faults in the program itself."""

_FAILED, _FAULT = 1, 70
# Exception texts may hold anything: addresses, database URLs, what a provider said.
_PERSONAL = re.compile(r"[^\s<>\"'(),;=]+@[^\s<>\"'(),;]+")
_SECRET = re.compile(r"(?i)\b(bearer|basic|[\w-]*(?:key|token|secret|password)[\w-]*[\"']?\s*[:=])\s*[^\s,;)]+")


def main(arguments: Sequence[str] | None = None, app: typer.Typer = cli.app) -> int:
    """Run the command in ``arguments`` (those of the process where None) and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        _never_fail_on_a_letter(stream)
    try:
        code = _run(app, arguments)
        sys.stdout.flush()
    except BadInput as error:
        screen.show_problems(error.problems)
        screen.say(f"{screen.tally(error.problems)}; nothing was sent, nothing was changed")
        code = error.exit_code
    except CampaignError as error:
        screen.say("error: ", str(error) or (type(error).__doc__ or "").splitlines()[0])
        code = error.exit_code
    except KeyboardInterrupt:
        screen.interrupted()
        code = cli.INTERRUPTED
    except BrokenPipeError:
        code = _FAILED
        # Python flushes stdout once more at exit, and would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # noqa: BLE001 - the last resort: a person must never see a traceback
        code = _crashed(error)
    return code


def _run(app: typer.Typer, arguments: Sequence[str] | None) -> int:
    try:
        get_command(app)(args=arguments, prog_name="campaign")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else _FAILED
    return 0


def _never_fail_on_a_letter(stream: TextIO) -> None:
    """A terminal that cannot show a letter gets its number instead."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _crashed(error: Exception) -> int:
    kind = type(error).__name__
    if isinstance(error, OSError) and error.strerror:  # the system's own words, which hold no data
        kind += f", {error.strerror}"
    kept = _keep_traceback("".join(traceback.format_exception(error)), [CRASHES, Path(tempfile.gettempdir())])
    where = f"For whoever mends it: {kept}" if kept else "Its traceback could not be written anywhere."
    screen.say("fault in Campaign itself: ", f"{kind}. What was recorded before is kept. {where}")
    return _FAULT


def _keep_traceback(text: str, folders: Sequence[Path]) -> Path | None:
    """Write it to the first folder that takes it, for this user's eyes only; None where none does."""
    text = _SECRET.sub(r"\1 <hidden>", _PERSONAL.sub("<hidden>", text))
    stamp = f"{SystemClock().now():%Y%m%dT%H%M%SZ}"
    for folder in folders:
        path = folder / f"crash-{stamp}-{os.getpid()}.txt"
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(f"campaign {__version__}, Python {platform.python_version()}, {platform.system()}\n{text}")
        except OSError:
            continue
        return path
    return None


if __name__ == "__main__":
    sys.exit(main())
