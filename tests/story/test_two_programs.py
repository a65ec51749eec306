"""Two programs on one ledger, at the same instant: everything is posted once, by one or the other."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks import posting
from benchmarks.stand_in import stand_ins
from campaign.engines.clock import SystemClock
from campaign.model.delivery import State
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger

ACCOUNTS, PARTS, PROGRAMS = 9, 3, 3
PROGRAM = """
import json, sys
from datetime import datetime
from benchmarks import posting
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from campaign.flow import rollout
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
path, urls, instant, owner = sys.argv[1:]
named = posting.accounts(9)
made = posting.sources(named, [datetime.fromisoformat(instant)], parts=3)
database = Database(f"sqlite:///{path}")
channels = posting.channels(named, json.loads(urls))
desk = posting.desk(made, SqlLedger(database, world="live"), channels, SystemClock(), owner=owner)
Apscheduler(desk.clock).run(rollout.turns(desk))
for channel in channels.values():
    channel.close()
database.close()
"""


def test_programs_that_wait_for_the_same_instant_post_everything_once(tmp_path: Path, root: Path) -> None:
    named = posting.accounts(ACCOUNTS)
    instant = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=12)
    path = tmp_path / "ledger.db"
    database = Database(f"sqlite:///{path}")
    ledger = SqlLedger(database, world="live")
    made = posting.sources(named, [instant], parts=PARTS)
    with stand_ins(posting.words(named), tmp_path) as urls:
        channels = posting.channels(named, urls)
        posting.desk(made, ledger, channels, SystemClock())
        asked = (str(path), json.dumps(dict(urls)), instant.isoformat())
        programs = [
            subprocess.Popen([sys.executable, "-c", PROGRAM, *asked, f"program {n}"], cwd=root) for n in range(PROGRAMS)
        ]
        ended = [program.wait() for program in programs]
    for channel in channels.values():
        channel.close()
    logged = list(ledger.log(Filters()))
    waves = ledger.waves()
    database.close()
    assert ended == [0] * PROGRAMS
    assert Counter(sent.state for sent in logged) == {State.ACCEPTED: ACCOUNTS * PARTS}
    assert all(wave.first_sent_at and wave.first_sent_at >= instant for wave in waves)
    lines = [json.loads(line)["kind"] for line in (tmp_path / "stand-in.jsonl").read_text().splitlines()]
    each = ACCOUNTS // len(posting.NETWORKS)
    assert Counter(lines) == {"x.post": each * PARTS, "mastodon.status": each * PARTS, "bluesky.commit": each}
