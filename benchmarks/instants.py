"""How late the first byte of a wave is: python -m benchmarks.instants [INSTANTS] [--apart MS] [--seed N] [--json]

A plan of so many waves, one after the other at random instants: posts on X, Bluesky and Mastodon, and small e-mails in
turn. The whole program carries it out: the engine of ``campaign run``, its clock, a ledger on SQLite, the stand-ins in
a process of their own. A first byte counts at the moment at which its client hands the request's head to
the kernel. What else the machine does is in the figures, so its load is printed with them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time, sleep
from typing import Any

from benchmarks import posting
from benchmarks.message import alert
from benchmarks.social import note_first_bytes
from benchmarks.stand_in import API_KEY, stand_ins
from campaign.channels.sendgrid import SendGrid
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.steady_clock import SteadyClock
from campaign.files.sample import sample
from campaign.flow import rollout
from campaign.model.bundle import Sources
from campaign.model.plan import EMAIL, Absolute, Channel, Late, Step
from campaign.model.segment import Segment
from campaign.model.wave import PlannedWave
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters

INSTANTS = 1_000
APART_MS = 250
PEOPLE = 5
"""Who get each of the e-mails."""
_ACCOUNTS = 4
"""On each network, in turn: X takes no more than 100 posts of an account in 15 minutes."""
_SETTLE = timedelta(seconds=40)
"""From the last preparation to the first instant: longer than waves are prepared ahead."""
_HEADS: Mapping[str, tuple[bytes, ...]] = {
    "email": (b"POST /sendgrid/v3/mail/send",),
    "x": (b"POST /x/2/tweets",),
    "bluesky": (b"POST /bluesky/xrpc/com.atproto.repo.",),
    "mastodon": (b"POST /mastodon/api/v1/statuses",),
}
_CHANNELS: Sequence[Channel] = [one for network in posting.NETWORKS for one in (EMAIL, network)]
Waves = Sequence[tuple[Channel, datetime]]


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.instants", description=__doc__)
    asked.add_argument("instants", nargs="?", type=int, default=INSTANTS)
    asked.add_argument(
        "--apart", type=int, default=APART_MS, help="in ms on average; each 20 in the hundred off at most"
    )
    asked.add_argument("--seed", type=int, default=0, help="of the instants")
    asked.add_argument("--json", action="store_true", help="figures for a program, and every first byte")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), given.instants, given.apart, given.seed)
    if given.json:
        print(json.dumps(figures))
        return
    late = figures["late_ms"]
    print(f"{given.instants} instants, {given.apart} ms apart on average, posts and e-mails in turn")
    print(f"{'first byte, median':>28}: {_share(late, 0.5):7.1f} ms   to be at most 20")
    print(f"{'99 of 100 first bytes':>28}: {_share(late, 0.99):7.1f} ms   to be at most 100")
    print(f"{'999 of 1,000':>28}: {_share(late, 0.999):7.1f} ms")
    print(f"{'the last, the earliest':>28}: {late[-1]:7.1f} ms, {late[0]:.1f} ms")
    for channel, those in figures["by_channel"].items():
        print(f"{channel:>28}: {_share(those, 0.5):7.1f} ms in the median, {_share(those, 0.99):.1f} ms for 99 of 100")
    print(f"{'processor of the program':>28}: {figures['cpu_ms']:7.1f} ms an instant")
    print(f"{'load of the machine':>28}: {figures['load']}   processors: {os.cpu_count()}")


def measure(folder: Path, instants: int, apart_ms: int, seed: int) -> dict[str, Any]:
    named = posting.accounts(_ACCOUNTS * len(posting.NETWORKS))
    sent: list[tuple[float, bytes]] = []
    accounts = {**posting.words(named), "sendgrid": {"campaign": API_KEY}}
    with stand_ins(accounts, folder) as urls:
        note_first_bytes(sent)
        due, spent = _carry_out(folder, named, urls, _offsets(instants, apart_ms, seed))
    by_channel = {channel: sorted(_late_ms(channel, due, sent)) for channel in dict.fromkeys(_CHANNELS)}
    return {
        "late_ms": sorted(at for those in by_channel.values() for at in those),
        "by_channel": {channel: those for channel, those in by_channel.items() if those},
        "median_ms": median(at for those in by_channel.values() for at in those),
        "cpu_ms": spent / instants * 1000,
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()),
    }


def _share(values: Sequence[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _offsets(instants: int, apart_ms: int, seed: int) -> list[timedelta]:
    dice = random.Random(seed)  # noqa: S311 - the same instants for the same seed
    found, at = [], 0.0
    for _ in range(instants):
        found.append(timedelta(milliseconds=at))
        at += dice.uniform(0.8, 1.2) * apart_ms
    return found


def _late_ms(channel: Channel, due: Waves, sent: Sequence[tuple[float, bytes]]) -> list[float]:
    """From each of its instants to the first byte. They keep their order, since each waits for its own instant."""
    instants = [at for which, at in due if which == channel]
    left = sorted(at for at, head in sent if head.startswith(_HEADS[channel]))
    if len(left) != len(instants):
        raise SystemExit(f"{len(left)} of {len(instants)} left on {channel}")
    return [(at - instant.timestamp()) * 1000 for at, instant in zip(left, instants, strict=True)]


def _carry_out(
    folder: Path, named: posting.Accounts, urls: Mapping[str, str], offsets: Sequence[timedelta]
) -> tuple[Waves, float]:
    """Have all of it sent; the instants by channel, and the seconds of processor that sending took."""
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    clock = SteadyClock()
    SqlSupporters(database).add(sample(PEOPLE), at=clock.now())
    ledger = SqlLedger(database, world="sandbox")
    # Approving takes a while, and its instants are frozen: they begin when it is over, or somewhat later.
    first = clock.now() + _SETTLE + len(offsets) * timedelta(milliseconds=15)
    due = [(_CHANNELS[n % len(_CHANNELS)], first + offset) for n, offset in enumerate(offsets)]
    channels = posting.channels(named, urls)
    made = _sources(due)
    desk = posting.desk(made, ledger, channels, clock)
    mails = SendGrid(api_key=API_KEY, base_url=urls["sendgrid"])
    desk.mails = {"sendgrid": mails}
    if clock.now() > first - timedelta(seconds=32):
        raise SystemExit("approving took too long for the first instant; the machine is too busy")
    while clock.now() < first - timedelta(seconds=32):
        sleep(0.1)
    before = process_time()
    Apscheduler(clock).run(rollout.turns(desk))
    spent = process_time() - before
    for channel in channels.values():
        channel.close()
    mails.close()
    stuck = [wave.name for wave in ledger.waves() if wave.finished_at is None]
    database.close()
    if stuck:
        raise SystemExit(f"not at their end: {', '.join(stuck)}")
    return due, spent


def _sources(due: Waves) -> Sources:
    """A plan with a step for each instant."""
    instants = [at for _, at in due]
    whole = posting.sources({network: ["chapter"] for network in posting.NETWORKS}, instants, parts=1)
    accounts = posting.accounts(_ACCOUNTS * len(posting.NETWORKS))
    steps: list[Step] = []
    for number, (channel, at) in enumerate(due):
        if channel != EMAIL:
            step = whole.plan.step(f"{channel}-{number}")
            steps.append(replace(step, accounts=(accounts[channel][number // len(_CHANNELS) % _ACCOUNTS],)))
            continue
        steps.append(
            Step(
                id=f"email-{number}",
                channel=EMAIL,
                message="alert",
                at=Absolute(at, "in a moment"),
                late=Late(timedelta(hours=9), "send"),
                line=1,
                segment=Segment("everybody"),
            )
        )
    waves = {step.id: (PlannedWave(step.id, 1, at),) for step, (_, at) in zip(steps, due, strict=True)}
    messages = {**whole.messages, "alert": alert()}
    return replace(whole, plan=replace(whole.plan, steps=tuple(steps)), messages=messages, waves=waves)


if __name__ == "__main__":
    main()
