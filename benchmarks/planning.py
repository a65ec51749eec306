"""How long planning takes: a plan of 1,000 steps and 200 accounts, and this repository's plan on a million people.

Prints figures. Each command is run as a person runs it, in a process of its own; the best of three counts, since the
first reads files that the system has not read yet.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from tempfile import TemporaryDirectory
from time import perf_counter

from campaign.model.supporter import Basis, Consent, NewSupporter
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters

ROOT = Path(__file__).resolve().parent.parent
STEPS, ACCOUNTS, EACH, MESSAGES = 1_000, 200, 20, 100
PEOPLE = 1_000_000
AIMS = {"plan of 1,000 steps": 2.0, "plan on a million people": 3.0}
"""Seconds."""
_BEFORE = datetime(2018, 1, 1, tzinfo=UTC)
_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles", "")
_PLACES = (("US", "WA", "98101"), ("US", "TX", "79901"), ("US", "", "10001"), ("DE", "", ""), ("", "", ""))


def main(*, people: int = PEOPLE) -> None:
    print(f"Planning: {STEPS:,} steps on {ACCOUNTS} accounts, and {people:,} people")
    with TemporaryDirectory() as folder:
        large, longer, crowded = (Path(folder) / name for name in ("large", "longer", "crowded"))
        _large(large)
        _told("to start at all, for comparison", [_timed(large, "--version") for _ in range(3)])
        _told("plan of 1,000 steps", [_timed(large, "plan") for _ in range(3)])
        _told("the same once it is approved", _approved(large))
        _large(longer, written_out=True)
        _told("with each step's accounts written out", [_timed(longer, "plan") for _ in range(3)])
        _crowded(crowded, people)
        _told("plan on a million people", [_timed(crowded, "plan") for _ in range(3)])
        _told("the same with every wave", [_timed(crowded, "plan", "--waves") for _ in range(3)])


def _told(what: str, runs: list[tuple[float, float]]) -> None:
    aim = f" (to be under {AIMS[what]:.0f} s)" if what in AIMS else ""
    best = min(wall for wall, _ in runs)
    told = ", ".join(f"{wall:.2f} ({processor:.2f})" for wall, processor in runs)
    print(f"  {what}: {best:.2f} s{aim}; runs, and seconds of the processor: {told}")


def _timed(folder: Path, *arguments: str, expect: int = 0) -> tuple[float, float]:
    began, used = perf_counter(), _used()
    done = subprocess.run(
        [sys.executable, "-m", "campaign", *arguments],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100", "CAMPAIGN_DATABASE_URL": "sqlite:///campaign.db"},
        capture_output=True,
        text=True,
        check=False,
    )
    taken = perf_counter() - began, _used() - used
    if done.returncode != expect:
        raise SystemExit(f"campaign {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return taken


def _used() -> float:
    """Seconds of the processor that commands have taken: on a busy machine the ones that count."""
    children = getrusage(RUSAGE_CHILDREN)
    return children.ru_utime + children.ru_stime


def _copied(folder: Path) -> str:
    """This repository's campaign in ``folder``; its plan as text."""
    folder.mkdir()
    shutil.copytree(ROOT / "messages", folder / "messages")
    shutil.copy(ROOT / "schedules.yaml", folder)
    return (folder / "schedules.yaml").read_text(encoding="utf-8")


def _large(folder: Path, *, written_out: bool = False) -> None:
    """Posts on three networks, each from twenty of two hundred accounts, and e-mails by local time."""
    plan = _copied(folder).partition("\nsteps:\n")[0]
    posts = folder / "messages" / "post"
    for number in range(MESSAGES):
        text = f"Number {number}: {{{{ letter.addressee.name }}}}, take it off.\n\nRead why: {{{{ links.letter }}}}\n"
        (posts / f"made-{number}.md").write_text(text, encoding="utf-8")
    (folder / "schedules.yaml").write_text(
        plan + "\nsteps:\n" + "".join(_steps(written_out=written_out)), encoding="utf-8"
    )


def _steps(*, written_out: bool) -> Iterator[str]:
    """Each post comes from twenty accounts: a list that is written once and named after that, or each time."""
    known: set[int] = set()
    for number in range(STEPS):
        if number % 10 == 0:
            yield (
                f"  - id: mail-{number}\n    channel: email\n    message: email/follow-up\n"
                f"    segment: not-yet-acted\n    at: T+{1 + number // 100}d {8 + number // 10 % 10:02}:00 local\n"
            )
            continue
        channel = ("x", "bluesky", "mastodon")[number % 3]
        region = number % (ACCOUNTS // EACH)
        names = ", ".join(f"account_{region * EACH + each}" for each in range(EACH))
        listed = (
            f"[{names}]" if written_out else f"*region-{region}" if region in known else f"&region-{region} [{names}]"
        )
        known.add(region)
        yield (
            f"  - id: post-{number}\n    channel: {channel}\n    message: post/made-{number % MESSAGES}\n"
            f"    accounts: {listed}\n    at: T+{number}m\n    repeat_text: true\n"
        )


def _approved(folder: Path) -> list[tuple[float, float]]:
    from campaign.files import campaign as campaign_files  # noqa: PLC0415 - read where the plan is
    from campaign.flow import approve  # noqa: PLC0415
    from campaign.storage.ledger import SqlLedger  # noqa: PLC0415

    sources = campaign_files.load(folder / "schedules.yaml")
    database = Database(f"sqlite:///{folder}/campaign.db")
    approve.approve(sources, SqlLedger(database, world="live"), steps=sources.plan.steps, by="Jo Example", at=_BEFORE)
    database.close()
    return [_timed(folder, "plan") for _ in range(3)]


def _crowded(folder: Path, people: int) -> None:
    _copied(folder)
    database = Database(f"sqlite:///{folder}/campaign.db")
    SqlSupporters(database).add(_people(people), at=_BEFORE + timedelta(days=1))
    database.close()


def _people(number: int) -> Iterator[NewSupporter]:
    """A fifth of them without a zone of their own, in different places."""
    consent = Consent(Basis.OPT_IN, source="made up", at=_BEFORE)
    for each in range(number):
        country, region, postal_code = _PLACES[each // 5 % len(_PLACES)]
        yield NewSupporter(
            email=f"person-{each}@example.org",
            first_name="Jo",
            last_name="Example",
            language=("en", "es", "")[each % 3],
            zone=_ZONES[each % len(_ZONES)],
            country=country,
            region=region,
            postal_code=postal_code,
            tags=("press",) if each % 50 == 0 else ("partner",) if each % 51 == 0 else (),
            consent=consent,
        )


if __name__ == "__main__":
    main(people=int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE)
