"""The same second on every network: python -m benchmarks.social [--accounts N] [--instants N] [--parts N]

Accounts over X, Bluesky and Mastodon post at the same instants, one after the other, by the whole program: the engine
of ``campaign run``, the machine's clock, a ledger on SQLite, and the stand-ins in a process of their own. Measured is
when the first byte of each account's post leaves: the moment at which its client hands the request's head to the
kernel. What the stand-ins say would add how long they take to get to it, on the same two processors.
"""

from __future__ import annotations

import argparse
import socket
import tempfile
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from time import process_time, time
from typing import Any

from benchmarks import posting
from benchmarks.stand_in import stand_ins
from campaign.engines.apscheduler import Apscheduler
from campaign.engines.clock import SystemClock
from campaign.flow import rollout
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger

ACCOUNTS = 50
INSTANTS = 10
_FIRST = timedelta(seconds=15)
_EVERY = timedelta(seconds=4)
_POSTS = (b"POST /x/2/tweets", b"POST /bluesky/xrpc/com.atproto.repo.", b"POST /mastodon/api/v1/statuses")
_ALL_BUT_ONE_IN_A_HUNDRED = 0.99


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.social", description=__doc__)
    asked.add_argument("--accounts", type=int, default=ACCOUNTS, help="over the three networks together")
    asked.add_argument("--instants", type=int, default=INSTANTS, help="one after the other, four seconds apart")
    asked.add_argument("--parts", type=int, default=1, help="of each thread")
    asked.add_argument("--each", action="store_true", help="also every first byte, in ms by instant")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _measure(Path(folder), given)


def _measure(folder: Path, given: argparse.Namespace) -> None:
    named = posting.accounts(given.accounts)
    sent: list[tuple[float, bytes]] = []
    with stand_ins(posting.words(named), folder) as urls:
        note_first_bytes(sent)
        due, spent = _carry_out(folder, given, named, urls)
    told = _told(due, [at for at, head in sent if head.startswith(_POSTS)], given)
    networks = len(posting.NETWORKS)
    print(f"{given.accounts} accounts over {networks} networks, {given.instants} instants, {given.parts} parts each")
    late = sorted(at for those in told for at in those)
    print(f"{'first byte, median':>28}: {median(late):7.1f} ms")
    print(f"{'99 of 100 first bytes':>28}: {_share(late, _ALL_BUT_ONE_IN_A_HUNDRED):7.1f} ms   to be at most 50")
    print(f"{'the last':>28}: {late[-1]:7.1f} ms   to be at most 250")
    print(f"{'the last, median of instants':>28}: {median(max(those) for those in told):7.1f} ms")
    print(f"{'the first, earliest':>28}: {late[0]:7.1f} ms")
    each = spent / given.instants * 1000
    print(f"{'processor of the program':>28}: {each:7.0f} ms an instant, preparing and connecting included")
    if given.each:
        for number, those in enumerate(told, start=1):
            print(number, " ".join(f"{at:.0f}" for at in sorted(those)))


def _share(values: list[float], share: float) -> float:
    return values[min(len(values) - 1, int(len(values) * share))]


def _told(due: list[datetime], sent: list[float], given: argparse.Namespace) -> list[list[float]]:
    """The first bytes of each instant, in ms after it. A thread's later parts are not first bytes."""
    found = []
    for instant in due:
        start = instant.timestamp()
        those = sorted((at - start) * 1000 for at in sent if start - 1 <= at < start + _EVERY.total_seconds() - 1)
        if len(those) < given.accounts:
            raise SystemExit(f"{len(those)} of {given.accounts} posts left at {instant}")
        found.append(those[: given.accounts])
    return found


def _carry_out(
    folder: Path, given: argparse.Namespace, named: posting.Accounts, urls: Mapping[str, str]
) -> tuple[list[datetime], float]:
    """Have all of it sent; the instants, and the seconds of processor that it took."""
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    clock = SystemClock()
    ledger = SqlLedger(database, world="sandbox")
    # To the second, as plans have it: an alarm is set for it, and not for how the benchmark happened to begin.
    first = (clock.now() + _FIRST).replace(microsecond=0)
    due = [first + number * _EVERY for number in range(given.instants)]
    channels = posting.channels(named, urls)
    desk = posting.desk(posting.sources(named, due, parts=given.parts), ledger, channels, clock)
    before = process_time()
    Apscheduler(clock).run(rollout.turns(desk))
    spent = process_time() - before
    for channel in channels.values():
        channel.close()
    stuck = [wave.name for wave in ledger.waves() if wave.finished_at is None]
    database.close()
    if stuck:
        raise SystemExit(f"not at their end: {', '.join(stuck)}")
    return due, spent


def note_first_bytes(sent: list[tuple[float, bytes]]) -> None:
    """Have every socket note when it is given what to send: requests uses sendall, httpx sends piece by piece."""

    def noting(method: str) -> Any:
        whole = getattr(socket.socket, method)

        def noted(self: socket.socket, data: Any, *flags: int) -> Any:
            if bytes(data[:5]) == b"POST ":
                sent.append((time(), bytes(data[:64])))
            return whole(self, data, *flags)

        return noted

    for method in ("send", "sendall"):
        setattr(socket.socket, method, noting(method))


if __name__ == "__main__":
    main()
