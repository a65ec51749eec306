"""How fast the whole program sends: python -m benchmarks.dispatch [RECIPIENTS]

Prepares one wave of the campaign's own action alert to made-up supporters and dispatches it on the real clock, from a
ledger on SQLite, to SendGrid's stand-in in a process of its own. Prints recipients/s, peak memory of the dispatching
process and how late the wave began. Figures of one run on one machine: compare runs on the same machine only.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import perf_counter

from campaign.channels.sendgrid import SendGrid
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from campaign.files import campaign as campaign_files
from campaign.files.sample import sample
from campaign.flow import approve, rollout
from campaign.flow.desk import Desk
from campaign.model.delivery import Keys
from campaign.model.plan import Absolute, Late
from campaign.model.segment import Segment
from campaign.model.wave import PlannedWave
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters

RECIPIENTS = 100_000
STEP = "action-alert"
API_KEY = "bench"
_AHEAD = timedelta(seconds=1)


def main(recipients: int = RECIPIENTS) -> None:
    with tempfile.TemporaryDirectory() as folder, stand_in(Path(folder)) as url:
        database = Database(f"sqlite:///{folder}/ledger.db")
        clock = SystemClock()
        began = perf_counter()
        SqlSupporters(database).add(sample(recipients), at=clock.now())
        print(f"{recipients:>12,} supporters imported at {recipients / (perf_counter() - began):>9,.0f} rows/s")
        send(database, clock, url)
        database.close()


def send(database: Database, clock: SystemClock, url: str) -> None:
    sources = campaign_files.load(Path("schedules.yaml"))
    due_at = clock.now() + _AHEAD
    step = replace(
        sources.plan.step(STEP),
        segment=Segment("everybody"),
        at=Absolute(due_at, "in a second"),
        late=Late(timedelta(hours=9), "send"),
        embargo=None,
    )
    sources = replace(sources, plan=replace(sources.plan, steps=(step,)), waves={STEP: (PlannedWave(STEP, 1, due_at),)})
    ledger = SqlLedger(database, world="sandbox")
    digests = {STEP: approve.manifests(sources)[STEP].digest}
    mails = SendGrid(api_key=API_KEY, base_url=url)
    desk = Desk(
        ledger=ledger,
        mails={"sendgrid": mails},
        posts={},
        clock=clock,
        keys=Keys(b"a secret for benchmarks"),
        public_url="https://campaign.example.org",
        owner="bench",
        digests=lambda: digests,
    )
    approve.approve(sources, ledger, steps=(step,), by="bench", at=clock.now())
    Apscheduler(clock).run(rollout.turns(desk))
    mails.close()
    (wave,) = ledger.waves()
    report(wave.due_at, wave.prepared_at, wave.first_sent_at, wave.finished_at, wave.planned)
    print(f"{'':>12} {dict(wave.counts)}")


def report(
    due_at: datetime, prepared_at: datetime | None, first: datetime | None, last: datetime | None, planned: int
) -> None:
    if prepared_at is None or first is None or last is None:
        raise SystemExit("the wave did not get to its end")
    took_s = (last - first).total_seconds()
    print(f"{planned:>12,} recipients dispatched in {took_s:.2f} s: {planned / took_s:,.0f} recipients/s")
    print(
        f"{'':>12} lateness: prepared {_ms(prepared_at - due_at)} after its instant, first byte {_ms(first - due_at)}"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{'':>12} peak memory {peak:,.0f} MB")


def _ms(length: timedelta) -> str:
    return f"{length.total_seconds() * 1000:,.0f} ms"


@contextmanager
def stand_in(folder: Path) -> Iterator[str]:
    """SendGrid's stand-in in a process of its own; its base URL."""
    accounts = folder / "accounts.json"
    accounts.write_text(json.dumps({"sendgrid": {"campaign": API_KEY}}))
    command = [sys.executable, "-m", "campaign.sandbox", "--accounts", str(accounts)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdout is None:
            raise SystemExit("the sandbox does not speak")
        try:
            yield json.loads(process.stdout.readline())["urls"]["sendgrid"]
        finally:
            process.terminate()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RECIPIENTS)
