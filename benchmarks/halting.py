"""From `campaign halt` to the last byte: python -m benchmarks.halting [--people N] [--runs N]

Four dispatchers, each a process of its own, send one mailing from one ledger on SQLite to SendGrid's stand-in. When all
of them are at it, `campaign halt` is started as a person would start it. The clock runs from that start, with all that
the command has to load, to the last request that the stand-in has taken. Then what it has is held to what the ledger
says: nobody twice, and nobody of whom it says that they wait.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from time import sleep, time

from benchmarks.message import alert
from benchmarks.stand_in import API_KEY, stand_in
from campaign.channels.sendgrid import SendGrid
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from campaign.files import campaign as campaign_files
from campaign.files.sample import sample
from campaign.flow import approve, rollout
from campaign.flow.desk import Desk
from campaign.model.bundle import Sources
from campaign.model.delivery import Keys
from campaign.model.plan import Absolute, Late
from campaign.model.segment import Segment
from campaign.model.wave import PlannedWave
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters

DISPATCHERS = 4
PEOPLE = 300_000
RUNS = 3
_STEP = "action-alert"
_AT_IT = 3
"""Requests of each dispatcher in the middle that have to be taken before the button is pressed."""
_QUIET_S = 2.0
"""So long nothing may be taken any more for the last byte to count as the last."""
_SECRET = "a secret for benchmarks"  # noqa: S105 - of a stand-in


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.halting", description="From halt to the last byte.")
    asked.add_argument("--people", type=int, default=PEOPLE)
    asked.add_argument("--runs", type=int, default=RUNS)
    asked.add_argument("--dispatch", nargs=3, metavar=("DATABASE", "URL", "OWNER"), help=argparse.SUPPRESS)
    given = asked.parse_args()
    if given.dispatch:
        dispatch(*given.dispatch)
        return
    found = []
    for number in range(given.runs):
        with tempfile.TemporaryDirectory() as folder:
            found.append(halted(Path(folder), given.people))
        one = found[-1]
        print(
            f"{number + 1:>4}: last byte {one['command_s'] * 1000:>6,.0f} ms after the command began, "
            f"{one['row_s'] * 1000:>6,.0f} ms after its row; done after {one['done_s'] * 1000:>6,.0f} ms; "
            f"{one['taken']:,.0f} had gone, {one['waits']:,.0f} wait",
            flush=True,
        )
    command = [one["command_s"] for one in found]
    print(
        f"from `campaign halt` to the last byte, {DISPATCHERS} dispatchers busy: {median(command) * 1000:,.0f} ms in "
        f"the median of {len(found)}, {max(command) * 1000:,.0f} ms at most; to be under 1,000 ms"
    )


def halted(folder: Path, people: int) -> Mapping[str, float]:
    """One mailing that is halted in the middle. Exits where what was taken is not what the ledger says."""
    path = folder / "ledger.db"
    database = Database(f"sqlite:///{path}")
    SqlSupporters(database).add(sample(people), at=SystemClock().now())
    ledger = SqlLedger(database, world="live")
    made = sources(SystemClock())
    approve.approve(made, ledger, steps=made.plan.steps, by="bench", at=SystemClock().now())
    journal = folder / "stand-in.jsonl"
    with stand_in(folder) as url, dispatchers(path, url) as programs:
        while _lines(journal) < _AT_IT * DISPATCHERS:
            if any(program.poll() is not None for program in programs):
                raise SystemExit("a dispatcher has ended before anything was halted")
            sleep(0.01)
        environment = {**os.environ, "CAMPAIGN_DATABASE_URL": f"sqlite:///{path}", "CAMPAIGN_SECRET_KEY": _SECRET}
        started = time()
        command = [sys.executable, "-m", "campaign", "halt", "--by", "bench", "--why", "a benchmark", "--json"]
        told = subprocess.run(command, env=environment, cwd=folder, stdout=subprocess.PIPE, text=True, check=True)
        done = time()
        while time() < max(done, journal.stat().st_mtime) + _QUIET_S:
            sleep(0.05)
        last = journal.stat().st_mtime
    row = json.loads(told.stdout)
    (stop,) = ledger.stops()
    taken = Counter(_recipients(journal))
    (wave,) = ledger.waves()
    accepted = sum(n for state, n in wave.counts.items() if state.value == "accepted")
    waits = sum(n for state, n in wave.counts.items() if state.value in ("planned", "deferred"))
    left_out = sum(n for state, n in wave.counts.items() if state.value == "suppressed")
    database.close()
    if max(taken.values()) > 1 or len(taken) != accepted or accepted + waits + left_out != wave.planned or not waits:
        raise SystemExit(f"taken {len(taken):,} of {wave.planned:,}, most often {max(taken.values())}: {wave.counts}")
    return {
        "command_s": last - started,
        "row_s": last - stop.at.timestamp(),
        "done_s": done - started,
        "taken": float(row["steps"][0]["gone"]),
        "waits": float(waits),
    }


@contextmanager
def dispatchers(path: Path, url: str) -> Iterator[Sequence[subprocess.Popen[bytes]]]:
    with ExitStack() as stack:
        programs = []
        for number in range(DISPATCHERS):
            asked = [str(path), url, f"dispatcher {number}"]
            process = subprocess.Popen([sys.executable, "-m", "benchmarks.halting", "--dispatch", *asked])
            stack.callback(process.wait)
            stack.callback(process.terminate)
            programs.append(process)
        yield programs


def dispatch(path: str, url: str, owner: str) -> None:
    """What `campaign run` does, without its screen."""
    database, clock = Database(f"sqlite:///{path}"), SystemClock()
    ledger = SqlLedger(database, world="live")
    mails = SendGrid(api_key=API_KEY, base_url=url)
    digests = {wave.step: wave.digest for wave in ledger.waves()}
    desk = Desk(
        ledger=ledger,
        mails={"sendgrid": mails},
        posts={},
        clock=clock,
        keys=Keys(_SECRET.encode()),
        public_url="https://campaign.example.org",
        owner=owner,
        digests=lambda: digests,
    )
    Apscheduler(clock).run(rollout.turns(desk))
    mails.close()
    database.close()


def sources(clock: SystemClock) -> Sources:
    """One e-mail to everybody, in a moment."""
    whole = campaign_files.load(Path("schedules.yaml"))
    due_at = clock.now() + timedelta(seconds=1)
    step = replace(
        whole.plan.step(_STEP),
        message="alert",
        segment=Segment("everybody"),
        at=Absolute(due_at, "in a moment"),
        late=Late(timedelta(hours=9), "send"),
        embargo=None,
    )
    return replace(
        whole,
        plan=replace(whole.plan, steps=(step,)),
        messages={"alert": alert()},
        waves={_STEP: (PlannedWave(_STEP, 1, due_at),)},
    )


def _lines(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def _recipients(journal: Path) -> Iterator[str]:
    with journal.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "sendgrid.request":
                yield from (part["to"][0]["email"] for part in record["request"]["personalizations"])


if __name__ == "__main__":
    main()
