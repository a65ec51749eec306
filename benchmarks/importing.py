"""How fast a list is imported: python -m benchmarks.importing [ROWS] [--runs N] [--database URL]

Makes a CSV list of made-up people by a seed and imports it with the real command, in a process of its own each time:
into an empty database, then again into the same one, where everybody is known, then once more with a new tag for all,
so that everybody changes. Prints rows/s over the whole command, its start included, the peak memory of the larger of
its two processes and the processor time of both; then where the time goes, each part measured alone, in one process.
Figures of one machine: compare runs on the same machine only.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter
from typing import NamedTuple

from campaign.engines.clock import SystemClock
from campaign.files.csv_text import MOST_BYTES, Table
from campaign.files.sample import sample
from campaign.files.supporters_csv import open_list, read
from campaign.flow.undisturbed import undisturbed
from campaign.model.supporter import NewSupporter
from campaign.storage.bulk import CHUNK
from campaign.storage.database import Database
from campaign.storage.intake import Intake

ROWS = 1_000_000
RUNS = 3
_SEED = 2018
_HEADER = (
    "email,first_name,last_name,language,time_zone,country,region,postal_code,tags,"
    "consent_basis,consent_source,consent_at,consent_text,unsubscribed"
)
_TEXTS = (
    "I agree to hear from the coalition by e-mail.",
    "Yes, send me news, and tell me what I can do.",
    'I have read "How we use your data" and agree.',
    "",
)
_ODD = 200
"""One row in so many has an address that is none, one a zone that does not exist, one an address that came before."""


class Cost(NamedTuple):
    """Of one import: seconds by the clock, seconds of the processors, peak memory in megabytes."""

    seconds: float
    cpu_s: float
    peak_mb: float


def main() -> None:
    asked = argparse.ArgumentParser(description="How fast a list is imported.")
    asked.add_argument("rows", nargs="?", type=int, default=ROWS)
    asked.add_argument("--runs", type=int, default=RUNS)
    asked.add_argument("--database", default="", help="an empty PostgreSQL database, for one run; else SQLite")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.csv"
        write(path, given.rows)
        print(f"{given.rows:>12,} rows, {path.stat().st_size / 1e6:,.0f} MB of CSV")
        took: dict[str, list[Cost]] = {}
        for run in range(1 if given.database else given.runs):
            url = given.database or f"sqlite:///{folder}/{run}.db"
            for what, options in (
                ("into an empty database", ()),
                ("again, everybody known", ()),
                ("again, everybody changed", ("--tag", "again")),
            ):
                took.setdefault(what, []).append(run_import(path, url, options, given.rows))
            Path(folder, f"{run}.db").unlink(missing_ok=True)
        for what, costs in took.items():
            rates = [given.rows / cost.seconds for cost in costs]
            print(
                f"{what:>26}: {max(rates):>9,.0f} rows/s at best, {median(rates):>9,.0f} in the median of {len(costs)}"
            )
            print(
                f"{'':>28}peak memory {max(cost.peak_mb for cost in costs):,.0f} MB; "
                f"{min(cost.cpu_s for cost in costs) / given.rows * 1e6:.1f} µs of processor a row"
            )
        if not given.database:
            with undisturbed():
                where_the_time_goes(path, f"sqlite:///{folder}/parts.db")


def write(path: Path, rows: int) -> None:
    """A list as a website's form would export it: each person has agreed at a second of their own."""
    random = Random(_SEED)  # noqa: S311 - made-up people need no secret numbers
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_HEADER.split(","))
        writer.writerows(_cells(sample(rows, seed=_SEED), random))


def _cells(people: Iterable[NewSupporter], random: Random) -> Iterator[tuple[str, ...]]:
    earlier = ""
    for number, person in enumerate(people, 1):
        email, zone, consent = person.email, person.zone, person.consent
        draw = random.random()
        if draw < 1 / _ODD:
            email = f"{person.first_name} at example"
        elif draw < 2 / _ODD:
            zone = "Mars/Olympus"
        elif draw < 3 / _ODD and earlier:
            email = earlier
        elif draw < 0.1:
            email = email.title()
        elif draw < 0.3:
            email = f"{email.partition('@')[0]}@d{number % 5_003}.example.org"
        earlier = email if draw > 0.5 else earlier
        yield (
            email,
            person.first_name,
            person.last_name,
            person.language,
            zone,
            person.country,
            person.region,
            person.postal_code,
            ";".join(person.tags),
            consent.basis.value if consent else "",
            consent.source if consent else "",
            _at(consent.at + timedelta(seconds=random.randrange(86_400))) if consent else "",
            _TEXTS[number % len(_TEXTS)] if consent else "",
            "yes" if person.unsubscribed else "",
        )


def _at(instant: datetime) -> str:
    return instant.isoformat()


def run_import(path: Path, url: str, options: Iterable[str], rows: int) -> Cost:
    began = perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "campaign", "supporters", "import", str(path), "--json", *options],
        stdout=subprocess.PIPE,
        env={**os.environ, "CAMPAIGN_DATABASE_URL": url},
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = perf_counter() - began
    assert process.returncode == 0
    assert said["read"] == rows
    assert said["new"] + said["updated"] + said["unchanged"] > 0.98 * rows
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def where_the_time_goes(path: Path, url: str) -> None:
    """Each part alone, in one process, on a tenth of the rows at most."""
    at = SystemClock().now()
    most = 100_000

    def timed(what: str, began: float, rows: int) -> None:
        print(f"{what:>26}: {(perf_counter() - began) / rows * 1e6:6.2f} µs a row")

    opened = open_list(path)
    began, rows = perf_counter(), 0
    with Table(path, opened.layout) as table:
        for page in table.pages():
            rows += len(page.rows)
            if rows >= most:
                break
    timed("bytes to cells", began, rows)
    began = perf_counter()
    roll = read(path, rejects=lambda _reject: None, at=at, apart_from=MOST_BYTES)
    people = list(islice(roll.chunks(CHUNK), most // CHUNK))
    rows = sum(len(some.emails) for some in people)
    timed("bytes to people", began, rows)
    database = Database(url)
    with database.write() as connection:
        intake = Intake(connection, salt=database.salt, at=at)
        began = perf_counter()
        chunks = [intake._made_ready(some) for some in people]  # noqa: SLF001 - measured
        timed("people to stored rows", began, rows)
        began = perf_counter()
        for chunk in chunks:
            intake._bulk.write(chunk.columns, intake._at, 0)  # noqa: SLF001 - measured
        timed("inserting", began, rows)
        began = perf_counter()
    timed("committing", began, rows)
    database.close()


if __name__ == "__main__":
    main()
