"""A, the whole program: python -m benchmarks.whole DATABASE URL

Approves one e-mail to everybody in DATABASE and lets the program send it, on the real clock, from a ledger on SQLite,
to SendGrid's stand-in at URL. Everything is as it is in ``campaign run``: the claim, the exact bytes and the outcome of
each batch are on the disk. Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from time import process_time

from benchmarks.message import alert
from benchmarks.stand_in import API_KEY
from campaign.channels.sendgrid import SendGrid
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from campaign.files import campaign as campaign_files
from campaign.flow import approve, rollout
from campaign.flow.desk import Desk
from campaign.model.delivery import Keys
from campaign.model.plan import Absolute, Late
from campaign.model.segment import Segment
from campaign.model.wave import PlannedWave
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger

_STEP = "action-alert"
_AHEAD = timedelta(seconds=2)


def main(path: str, url: str) -> None:
    database = Database(f"sqlite:///{path}")
    clock = SystemClock()
    sources = campaign_files.load(Path("schedules.yaml"))
    due_at = clock.now() + _AHEAD
    step = replace(
        sources.plan.step(_STEP),
        message="alert",
        segment=Segment("everybody"),
        at=Absolute(due_at, "in a moment"),
        late=Late(timedelta(hours=9), "send"),
        embargo=None,
    )
    sources = replace(
        sources,
        plan=replace(sources.plan, steps=(step,)),
        messages={"alert": alert()},
        waves={_STEP: (PlannedWave(_STEP, 1, due_at),)},
    )
    ledger = SqlLedger(database, world="sandbox")
    digests = {_STEP: approve.manifests(sources)[_STEP].digest}
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
    database.close()
    if wave.prepared_at is None or wave.first_sent_at is None or wave.finished_at is None:
        raise SystemExit("the wave did not get to its end")
    print(
        json.dumps(
            {
                "recipients": wave.planned,
                "seconds": _s(wave.due_at, wave.finished_at),
                "prepared_s": _s(wave.due_at, wave.prepared_at),
                "first_byte_s": _s(wave.due_at, wave.first_sent_at),
                "dispatch_s": _s(wave.first_sent_at, wave.finished_at),
                "cpu_s": process_time(),
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "counts": {state.value: n for state, n in wave.counts.items()},
            }
        )
    )


def _s(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
