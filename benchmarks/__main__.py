"""All benchmarks in one go: python -m benchmarks [SUPPORTERS] [--runs N]

A the whole program, B a bare loop over the same rows and requests, C the SDK's own quick start, each in a process of
its own, beside SendGrid's stand-in in another: by HTTPS, which SendGrid speaks and whose figures count, and by plain
HTTP beside it. All in turn, so that a machine whose speed drifts is fair to each.
Before these fifty accounts that post at the same instants, a thousand instants one after the other, a halt, planning a
thousand steps and so many people, the webhook's events, and the import of a list of that length.
Prints figures and ratios; what they mean is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.stand_in import stand_in
from campaign.engines.clock import SystemClock
from campaign.files.sample import sample
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters

SUPPORTERS = 1_000_000
FEW = 100_000
"""Supporters of the run that peak memory is compared with."""
RUNS = 3


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks", description="All benchmarks in one go.")
    asked.add_argument("supporters", nargs="?", type=int, default=SUPPORTERS)
    asked.add_argument("--runs", type=int, default=RUNS, help="of A, B and C; the median counts")
    given = asked.parse_args()
    # What is measured in milliseconds goes first: a disk that still writes gigabytes back keeps a commit waiting.
    _one("The same second", "social")
    _one("Instants", "instants")
    _one("From halt to the last byte", "halting")
    _one("Planning", "planning", given.supporters)
    _one("Webhook", "webhook")
    _one("Import", "importing", given.supporters)
    print("\nSending")
    with tempfile.TemporaryDirectory() as folder:
        sending(Path(folder), given.supporters, given.runs)


def _one(title: str, module: str, *given: int) -> None:
    print(f"\n{title}", flush=True)
    subprocess.run([sys.executable, "-m", f"benchmarks.{module}", *map(str, given)], check=True)


def sending(folder: Path, supporters: int, runs: int) -> None:
    print(f"{supporters:>12,} supporters, a 3 kB alert with four merge fields and a conditional; load {_load()}")
    everybody, few = make(folder / "everybody.db", supporters), make(folder / "few.db", min(FEW, supporters))
    trusted = folder / "authority.pem"
    ways = {"by HTTPS, as SendGrid has it": trusted, "by plain HTTP, for comparison": None}
    costs: dict[str, dict[str, list[dict[str, Any]]]] = {way: {"A": [], "B": [], "C": []} for way in ways}
    for _ in range(runs):
        for way, trusting in ways.items():
            for letter, module, database in (
                ("B", "floor", everybody),
                ("A", "whole", everybody),
                ("C", "quick_start", few),
            ):
                took = run(module, database, folder, trusting)
                costs[way][letter].append(took)
                print(
                    f"{letter:>12} {way}: {_rate(took):>9,.0f} recipients/s, {took['cpu_s']:.1f} s of processor in "
                    f"{took['seconds']:.1f} s; load {_load()}",
                    flush=True,
                )
    small = run("whole", few, folder, trusted)
    for way, cost in costs.items():
        print(f"\nSending {way}")
        _tell(cost)
    whole = [one for cost in costs.values() for one in cost["A"]]
    print(
        f"\n{'peak memory of A':>24}: {max(one['peak_mb'] for one in whole):>9,.0f} MB   to be at most 200; "
        f"{small['peak_mb']:,.0f} MB with {small['recipients']:,}; load {_load()}"
    )


def _tell(cost: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """The figures of one way to speak to the provider."""
    rate_a, rate_b, rate_c = (median(map(_rate, cost[letter])) for letter in "ABC")
    one = cost["A"][-1]
    print(
        f"{'A the whole program':>24}: {rate_a:>9,.0f} recipients/s, from its instant to the last outcome on the disk"
    )
    print(
        f"{'':>26}{one['recipients'] / one['dispatch_s']:>9,.0f} recipients/s from the first byte on, which leaves "
        f"{one['first_byte_s'] * 1000:,.0f} ms after the instant"
    )
    print(f"{'':>26}{one['counts']}")
    print(f"{'B a bare loop':>24}: {rate_b:>9,.0f} recipients/s")
    print(f"{'C the SDK, one by one':>24}: {rate_c:>9,.0f} recipients/s")
    print(f"{'A / B':>24}: {rate_a / rate_b:>9.2f}      to be at least 0.75")
    print(f"{'A / C':>24}: {rate_a / rate_c:>9.0f}      to be at least 150")


def make(path: Path, supporters: int) -> Path:
    """A database with so many made-up people."""
    database = Database(f"sqlite:///{path}")
    SqlSupporters(database).add(sample(supporters), at=SystemClock().now())
    database.close()
    return path


def run(module: str, database: Path, folder: Path, trusted: Path | None) -> dict[str, Any]:
    """What one benchmark printed, run on a database that it has for itself; by HTTPS if ``trusted``."""
    own = folder / "own.db"
    shutil.copy(database, own)
    with stand_in(folder, trusted=trusted) as url:
        told = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{module}", str(own), url],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=_trusting(trusted) if trusted else None,
        )
    for left in folder.glob("own.db*"):
        left.unlink()
    found: dict[str, Any] = json.loads(told.stdout.splitlines()[-1])
    return found


def _trusting(authority: Path) -> dict[str, str]:
    """The environment in which OpenSSL trusts ``authority`` and no other: each client by its own defaults."""
    return {name: value for name, value in os.environ.items() if name != "SSL_CERT_DIR"} | {
        "SSL_CERT_FILE": str(authority)
    }


def _load() -> str:
    return f"{os.getloadavg()[0]:.1f}"


def _rate(cost: dict[str, Any]) -> float:
    return float(cost["recipients"] / cost["seconds"])


if __name__ == "__main__":
    main()
