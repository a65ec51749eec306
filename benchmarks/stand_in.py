"""SendGrid's stand-in in a process of its own, for the benchmarks to send to."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

API_KEY = "bench"


@contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    """Its base URL. It keeps what it took in a file of ``folder``, not in memory."""
    accounts = folder / "accounts.json"
    accounts.write_text(json.dumps({"sendgrid": {"campaign": API_KEY}}))
    journal = folder / "stand-in.jsonl"
    journal.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "campaign.sandbox"),
        *("--accounts", str(accounts), "--journal", str(journal)),
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the sandbox does not speak")
        try:
            yield json.loads(process.stdout.readline())["urls"]["sendgrid"]
        finally:
            process.terminate()
