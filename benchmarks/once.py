"""Nothing twice, nothing lost: python -m benchmarks.once [--runs N] [--seed N] [--only SEED]

In each run three accounts post a thread of five parts at the same instant, on X, Bluesky and Mastodon, while requests
are struck (see benchmarks/trouble.py) and the program is killed by SIGKILL, up to three times: at a byte sent or
received or at a transaction, as the seed says, or at any moment; mostly while posts are under way. It is started
again, on the clock where it stood or later, until all of it is out. Then the stand-ins are asked what they have. In
every second run they are forgetful: what would be posted twice is, and not refused as a duplicate. Every run is told
by its seed, and ``--only`` does it again; where a thread stands that the machine interrupts is not the seed's to say.
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import traceback
import urllib.request
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from sqlalchemy import event

from benchmarks import posting
from benchmarks.trouble import Blow, Blows, Troubled, drawn
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.flow import rollout
from campaign.flow.desk import Desk
from campaign.model.bundle import Sources
from campaign.model.delivery import State
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger

RUNS = 1_000
PARTS = 5
T0 = datetime(2018, 5, 22, 13, 0, tzinfo=UTC)
_NAMED = posting.accounts(len(posting.NETWORKS))
_MOST_STARTS = 40
_TELL = 50
_LONG_S = 60
_AT_POINTS = 2 / 3
_FROM_START = 1 / 4
_POINTS = 150
"""About so many bytes sent and received and transactions one run has, counted by the calls that do it."""


@dataclass(frozen=True)
class Kill:
    """When a process is killed: at its ``number``-th point, or ``after_s`` seconds, counted from when the posts are to
    leave, or from its start."""

    number: int | None
    after_s: float
    from_start: bool

    @classmethod
    def drawn(cls, dice: random.Random) -> Kill:
        number = dice.randrange(_POINTS) if dice.random() < _AT_POINTS else None
        return cls(number, dice.uniform(0.001, 0.15), from_start=dice.random() < _FROM_START)

    def __str__(self) -> str:
        when = f"{self.after_s:.3f} s" if self.number is None else f"{self.number} points"
        return f"{when} after {'its start' if self.from_start else 'the instant'}"


@dataclass
class Run:
    """What was asked of one run, by its seed, and what came of it."""

    seed: int
    blows: Blows
    kills: list[Kill]
    late_s: list[int]
    forgetful: bool
    starts: int = 0
    killed: int = 0
    struck: list[str] = field(default_factory=list)
    doubts_s: list[float] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    doubtful: int = 0

    @classmethod
    def drawn(cls, seed: int) -> Run:
        dice = random.Random(seed)  # noqa: S311 - the same dice for the same seed are what is wanted
        blows = drawn(dice, posting.NETWORKS, requests=10, most=2)
        kills = [Kill.drawn(dice) for _ in range(dice.randint(0, 3))]
        if not kills:  # some of what is drawn strikes a request that is never made; this one always is
            blows["x"][dice.randrange(PARTS)] = dice.choice(list(Blow))
        late_s = [dice.choice((0, 0, 1, 15, 45, 300)) for _ in range(4)]
        return cls(seed, blows, kills, late_s, forgetful=bool(seed % 2))

    @property
    def good(self) -> bool:
        return not (self.twice or self.lost or self.wrong or self.doubtful)


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.once", description=__doc__)
    asked.add_argument("--runs", type=int, default=RUNS)
    asked.add_argument("--seed", type=int, default=0, help="of the first run; each one has the next")
    asked.add_argument("--only", type=int, help="one run alone, by its seed, and what befell it")
    asked.add_argument("--json", action="store_true", help="figures for a program")
    given = asked.parse_args()
    made = posting.sources(_NAMED, [T0], parts=PARTS)
    _warm(made)
    seeds = [given.only] if given.only is not None else range(given.seed, given.seed + given.runs)
    began, runs = perf_counter(), []
    with suppress(KeyboardInterrupt):  # then the figures are of those that were run
        for seed in seeds:
            run = carry_out(Run.drawn(seed), made)
            runs.append(run)
            if len(runs) % _TELL == 0:
                bad = sum(not run.good for run in runs)
                print(f"{len(runs)} runs in {perf_counter() - began:,.0f} s, {bad} bad", file=sys.stderr, flush=True)
            if not run.good or given.only is not None or max(run.doubts_s, default=0) > _LONG_S:
                print(_told(run), file=sys.stderr, flush=True)
    figures = _figures(runs, perf_counter() - began)
    print(json.dumps(figures) if given.json else "\n".join(f"{name:>44}: {value}" for name, value in figures.items()))
    sys.exit(0 if all(run.good for run in runs) else 1)


def carry_out(run: Run, made: Sources) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="once-"))
    stage = _Stage(run)
    try:
        while run.starts < _MOST_STARTS:
            run.starts += 1
            kill = run.kills[run.killed] if run.killed < len(run.kills) else None
            status = _start(folder, stage.urls, made, run, kill)
            if os.WIFSIGNALED(status):
                run.killed += 1
                continue
            if os.WEXITSTATUS(status):
                run.wrong.append(f"it ended with {os.WEXITSTATUS(status)}")
            break
        _look(run, folder, stage)
    finally:
        stage.end()
        shutil.rmtree(folder)
    return run


class _Stage:
    """The stand-ins in a process of their own. They outlive the program that is killed."""

    def __init__(self, run: Run) -> None:
        self._ours, theirs = Pipe()
        self._pid = os.fork()
        if self._pid == 0:
            self._ours.close()
            _forked(lambda: _serve(run, theirs))
        theirs.close()
        self.urls: dict[str, str] = self._ours.recv()

    def taken(self) -> tuple[list[dict[str, Any]], list[str]]:
        self._ours.send("taken")
        found: tuple[list[dict[str, Any]], list[str]] = self._ours.recv()
        return found

    def end(self) -> None:
        self._ours.close()
        os.waitpid(self._pid, 0)


def _serve(run: Run, pipe: Connection) -> None:
    # A caller that is killed while it asks is what this is about.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    with Troubled(run.blows, accounts=posting.words(_NAMED), forgetful=run.forgetful) as sandbox:
        sandbox.world.set_now(T0)
        pipe.send({**sandbox.urls, "clock": f"{sandbox.url}/_sandbox/clock"})
        try:
            while pipe.recv():
                pipe.send((list(sandbox.taken()), sandbox.struck))
        except EOFError:
            return


def _start(folder: Path, urls: dict[str, str], made: Sources, run: Run, kill: Kill | None) -> int:
    """The program, once, until it has come to its end or is killed; how it ended."""
    pid = os.fork()
    if pid == 0:
        late = timedelta(seconds=run.late_s[run.starts % len(run.late_s)] if run.starts > 1 else 0)
        _forked(lambda: _program(folder, urls, made, kill, late))
    _, status = os.waitpid(pid, 0)
    return status


def _forked(work: Callable[[], None]) -> None:
    """Do ``work`` in a process that was forked, and end it without what its parent would do at its end."""
    try:
        work()
    except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _program(folder: Path, urls: dict[str, str], made: Sources, kill: Kill | None, late: timedelta) -> None:
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    if kill is not None and kill.from_start:
        _die(kill, database)
    kept = database.get("clock")
    start = datetime.fromisoformat(kept) + late if kept else T0 - timedelta(minutes=1)
    at_instant = None if kill is None or kill.from_start else partial(_die, kill, database)
    clock = _Kept(start, database, urls["clock"], at_instant)
    channels = posting.channels(_NAMED, urls)
    desk = posting.desk(made, SqlLedger(database, world="rehearsal"), channels, clock, owner=f"once {os.getpid()}")
    turn, started_at = rollout.turns(desk), clock.now()
    told: dict[int, datetime] = {}

    def watched() -> datetime | None:
        instant = turn()
        _note_doubts(desk, started_at, told, folder)
        return instant

    Inline(clock).run(watched)
    for channel in channels.values():
        channel.close()
    database.close()


class _Kept(VirtualClock):
    """A virtual clock that is kept in the database, and that the stand-ins go by. ``then`` is called at T-0."""

    def __init__(self, start: datetime, database: Database, url: str, then: Callable[[], None] | None) -> None:
        super().__init__(start)
        self._database = database
        self._url = url
        self._then = then
        self._keep()

    def sleep_until(self, instant: datetime) -> None:
        before = self.now()
        super().sleep_until(instant)
        if self.now() != before:
            self._keep()

    def _keep(self) -> None:
        now = self.now().isoformat()
        self._database.put("clock", now)
        then, self._then = self._then, self._then if self.now() < T0 else None
        if then is not None and self._then is None:
            then()
        asked = urllib.request.Request(self._url, json.dumps({"now": now}).encode(), method="POST")  # noqa: S310 - loopback
        urllib.request.urlopen(asked).read()  # noqa: S310 - as above


def _note_doubts(desk: Desk, started_at: datetime, told: dict[int, datetime], folder: Path) -> None:
    """Write down of each doubt how long it has lasted: from when its attempt began, or from when the program was
    started again after it, until it was settled."""
    there = {doubt.attempt_id: doubt for doubt in desk.ledger.doubts()}
    for attempt in [one for one in told if one not in there]:
        lasted = desk.clock.now() - told.pop(attempt)
        with (folder / "doubts").open("a") as file:
            file.write(f"{lasted.total_seconds()}\n")
    for attempt, doubt in there.items():
        told.setdefault(attempt, max(doubt.kept.began_at, started_at))


def _die(kill: Kill, database: Database) -> None:
    """Have this process killed. A point is when something is sent or received, or a transaction begins or ends."""
    if kill.number is None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends the process there and then
        signal.setitimer(signal.ITIMER_REAL, kill.after_s)
        return
    left = kill.number

    def point(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def passing(method: str) -> Any:
        whole = getattr(socket.socket, method)

        def passed(*given: Any) -> Any:
            point()
            done = whole(*given)
            point()
            return done

        return passed

    for method in ("send", "sendall", "recv", "recv_into"):
        setattr(socket.socket, method, passing(method))
    for moment in ("begin", "commit"):
        event.listen(database.engine, moment, point)


def _look(run: Run, folder: Path, stage: _Stage) -> None:
    """Hold what the ledger says and what the stand-ins have to what was to be sent."""
    taken, run.struck = stage.taken()
    database = Database(f"sqlite:///{folder / 'ledger.db'}")
    logged = list(SqlLedger(database, world="rehearsal").log(Filters()))
    database.close()
    run.doubtful = sum(sent.state is State.IN_DOUBT for sent in logged)
    if (folder / "doubts").exists():
        run.doubts_s = [float(line) for line in (folder / "doubts").read_text().split()]
    for network, names in _NAMED.items():
        for name in names:
            have = [one["text"] for one in taken if one["provider"] == network and one["account"] == name]
            wanted = [f"Hello 0, part {part}, on {network}" for part in range(PARTS)]
            found = [next((which for which in wanted if text.startswith(f"{which}:")), text) for text in have]
            for which, times in Counter(found).items():
                if times > 1:
                    run.twice.append(f"{which} {times} times")
            run.lost += [which for which in wanted if which not in found]
            if not run.twice and not run.lost and found != wanted:
                run.wrong.append(f"{network}: {found}")
    refs = {sent.ref for sent in logged}
    run.wrong += [f"not in the ledger: {one['ref']}" for one in taken if one["ref"] not in refs]
    run.wrong += [f"{sent.step} part {sent.part}: {sent.state.value}, {sent.why}" for sent in logged if not sent.ref]
    if len(logged) != PARTS * len(posting.NETWORKS):
        run.wrong.append(f"{len(logged)} deliveries")


def _told(run: Run) -> str:
    lines = [f"seed {run.seed}: {'good' if run.good else 'BAD'}, killed {run.killed} times, {run.starts} starts"]
    lines += [f"  killed {kill}" for kill in run.kills[: run.killed]]
    lines += [f"  {what}" for what in run.struck]
    for name in ("twice", "lost", "wrong", "doubts_s"):
        lines += [f"  {name}: {one}" for one in getattr(run, name)]
    return "\n".join(lines)


def _figures(runs: list[Run], seconds: float) -> dict[str, Any]:
    doubts = sorted(lasted for run in runs for lasted in run.doubts_s)
    return {
        "runs": len(runs),
        "parts that were to be posted": len(runs) * PARTS * len(posting.NETWORKS),
        "posted twice": sum(len(run.twice) for run in runs),
        "lost": sum(len(run.lost) for run in runs),
        "still in doubt": sum(run.doubtful for run in runs),
        "otherwise wrong": sum(len(run.wrong) for run in runs),
        "requests struck": sum(len(run.struck) for run in runs),
        "kills": sum(run.killed for run in runs),
        "runs with neither": sum(not run.struck and not run.killed for run in runs),
        "doubts that were settled": len(doubts),
        "seconds in doubt, median": round(median(doubts), 1) if doubts else 0,
        "seconds in doubt, at most": doubts[-1] if doubts else 0,
        "doubts longer than a minute": sum(lasted > _LONG_S for lasted in doubts),
        "seconds a run": round(seconds / max(1, len(runs)), 2),
        "bad seeds": [run.seed for run in runs if not run.good],
    }


def _warm(made: Sources) -> None:
    """Load what takes long before the first fork: each process of a run has it then."""
    for name in ("atproto", "mastodon", "tweepy"):
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        Database(f"sqlite:///{folder}/warm.db").close()
    if not made.plan.steps:
        raise SystemExit("there is nothing to send")


if __name__ == "__main__":
    main()
