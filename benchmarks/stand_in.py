"""The stand-ins in a process of their own, for the benchmarks to send to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

API_KEY = "bench"


@contextmanager
def stand_in(folder: Path, *, trusted: Path | None = None) -> Iterator[str]:
    """SendGrid's base URL; ``trusted`` as in ``stand_ins``."""
    with stand_ins({"sendgrid": {"campaign": API_KEY}}, folder, trusted=trusted) as urls:
        yield urls["sendgrid"]


@contextmanager
def stand_ins(
    known: Mapping[str, Mapping[str, str]], folder: Path, *, trusted: Path | None = None
) -> Iterator[Mapping[str, str]]:
    """The base URL of each provider, whose stand-in knows these accounts by these words.

    They keep what they took in a file of ``folder``, not in memory. With ``trusted`` they speak HTTPS, and the
    authority that their clients have to trust is written there.
    """
    accounts = folder / "accounts.json"
    accounts.write_text(json.dumps(known))
    journal = folder / "stand-in.jsonl"
    journal.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "campaign.sandbox"),
        *("--accounts", str(accounts), "--journal", str(journal)),
        *(("--https", str(trusted)) if trusted else ()),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the sandbox does not speak")
        try:
            yield json.loads(process.stdout.readline())["urls"]
        finally:
            process.terminate()
