"""Threads on three networks, with requests struck and the program killed: a few of the runs of benchmarks/once.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUNS = 12


def test_whatever_is_struck_or_killed_nothing_is_posted_twice_or_lost(root: Path) -> None:
    """In a process of its own, since it forks. Another thousand: python -m benchmarks.once; the seeds are on stderr."""
    command = [sys.executable, "-m", "benchmarks.once", "--runs", str(RUNS), "--seed", "7000", "--json"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["runs"] == RUNS
    assert told["posted twice"] == told["lost"] == told["still in doubt"] == told["otherwise wrong"] == 0
    assert told["kills"] > 0, "or nothing was tried"
    assert told["requests struck"] > 0
