"""A rehearsal: the whole plan on a virtual clock, through the real channels, against the sandbox.

Everything is kept in a folder: the rehearsal's ledger, and the journal of what the stand-ins took. A rehearsal that
was killed is taken up again by the next one that is asked for the same; one that came to its end is begun anew.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from campaign import bootstrap
from campaign.engines.clock import VirtualClock
from campaign.engines.inline import Inline
from campaign.flow import ab_test, approve
from campaign.flow.desk import Watch
from campaign.flow.proof import Proof
from campaign.model.breaker import BREAKER
from campaign.model.bundle import Sources
from campaign.model.claim import Tally
from campaign.model.delivery import State
from campaign.model.notice import Notice
from campaign.model.supporter import NewSupporter
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Filters
from campaign.sandbox.faults import Faults
from campaign.settings import Settings
from campaign.storage.database import Database
from campaign.storage.supporters import SqlSupporters

FOLDER = Path(".campaign") / "rehearsal"
APPROVER = "rehearsal"

_LOOKS = tuple(timedelta(minutes=minutes) for minutes in (1, 10, 60, 6 * 60, 24 * 60))
"""How long after the last sending the rehearsal looks again for what providers have told by then."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be rehearsed: ``people`` says in words who the supporters are, ``faults`` names a scenario."""

    people: str
    faults: str = "none"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Result:
    """``began_at`` and ``ended_at`` are on the virtual clock. ``resumed``: an earlier rehearsal was taken up again.

    ``example`` is the address of somebody who got something. ``notices`` are what people would have been told."""

    people: int
    resumed: bool
    began_at: datetime
    ended_at: datetime
    waves: Sequence[Wave]
    tallies: Sequence[Tally]
    proof: Proof
    example: str
    notices: Sequence[Notice] = ()


def ledger_url(folder: Path = FOLDER) -> str:
    return f"sqlite:///{folder / 'ledger.db'}"


def rehearse(
    settings: Settings,
    sources: Sources,
    request: Request,
    *,
    people: Callable[[Database, datetime], int],
    report: Callable[[datetime, str], None],
    watch: Watch | None = None,
    folder: Path = FOLDER,
    fresh: bool = False,
) -> Result:
    """Carry out the whole plan of ``sources``. ``people`` fills an empty database with supporters; how many."""
    asked = json.dumps([asdict(request), {step: one.digest for step, one in approve.manifests(sources).items()}])
    resumed = not fresh and _unfinished(folder, asked)
    if not resumed:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True, mode=0o700)
    database = Database(ledger_url(folder))
    first = min(wave.due_at for waves in sources.waves.values() for wave in waves)
    kept = database.get("clock")
    clock = VirtualClock(datetime.fromisoformat(kept) if kept else first - timedelta(minutes=1))
    count = int(database.get("supporters") or 0)
    if not count:
        count = people(database, clock.now())
        database.put("supporters", str(count))
        database.put("asked", asked)
    began_at = clock.now()
    with bootstrap.sandboxed(
        settings,
        sources,
        clock=clock,
        report=report,
        world="rehearsal",
        database=database,
        journal=folder / "sandbox.jsonl",
        faults=Faults.named(request.faults, seed=request.seed),
    ) as program:
        program.desk.watch = watch or program.desk.watch
        approved = program.ledger.approvals()
        missing = [step for step in sources.plan.steps if step.id not in approved]  # it may have been killed in between
        for number in range(1, max((step.approvers for step in missing), default=0) + 1):
            by = APPROVER if number == 1 else f"{APPROVER} {number}"
            these = [step for step in missing if step.approvers >= number]
            approve.approve(sources, program.ledger, steps=these, by=by, at=clock.now())
        Inline(clock).run(_turns(program, clock, last=_last(sources)))
        result = Result(
            people=count,
            resumed=resumed,
            began_at=began_at,
            ended_at=clock.now(),
            waves=program.ledger.waves(),
            tallies=program.ledger.tallies(),
            proof=program.prove(),
            example=_example(program),
            notices=program.desk.notices.made if program.desk.notices else (),
        )
        database.put("done", clock.now().isoformat())
    return result


def _unfinished(folder: Path, asked: str) -> bool:
    """True where the folder holds a rehearsal of the same that was broken off."""
    if not (folder / "ledger.db").exists():
        return False
    database = Database(ledger_url(folder))
    try:
        return database.get("asked") == asked and database.get("done") is None
    finally:
        database.close()


def _example(program: bootstrap.Program) -> str:
    for sent in program.ledger.log(Filters(channel="email", state=State.DELIVERED)):
        return sent.recipient
    return ""


def _last(sources: Sources) -> datetime:
    return max(wave.due_at for waves in sources.waves.values() for wave in waves)


def _turns(program: bootstrap.Program, clock: VirtualClock, *, last: datetime) -> Callable[[], datetime | None]:
    """The program's turns, with the clock kept after each, and a look now and then for what providers have told."""
    turn = program.turns()
    looks: list[datetime] = [last + look for look in _LOOKS]

    def kept() -> datetime | None:
        now = clock.now()
        program.database.put("clock", now.isoformat())
        due = turn()
        if _choose(program) or _resume(program):
            due = now
        coming = [look for look in looks if look > now]
        if due is not None:
            coming.append(due)
        return min(coming, default=None)

    return kept


def _choose(program: bootstrap.Program) -> bool:
    """Choose what a person would have to: the arm that leads, or the first. True where something goes out by that."""
    chosen = False
    for wave in program.ledger.waves(states=(WaveState.HELD,)):
        if ab_test.waits_for_choice(wave) and program.ledger.decision(wave.step) is None:
            by = test.decide_by if (test := program.ledger.bundle(wave.digest).step.ab_test) else "clicks"
            finding = ab_test.look(program.ledger.arms(wave.step), by)
            arm = (finding.leader or finding.arms[0]).figures.arm
            ab_test.choose(program.ledger, wave.step, arm, by=APPROVER, at=program.desk.clock.now())
            program.desk.tell(f"{wave.step}: the rehearsal chooses {arm} in a person's place")
            chosen = True
    return chosen


def _resume(program: bootstrap.Program) -> bool:
    """Let go on what a breaker has stopped, as a person would who has looked at it. True where there was anything."""
    stopped = [stop for stop in program.ledger.stops() if stop.by == BREAKER]
    for stop in stopped:
        program.ledger.resume(stop.step, by=APPROVER, at=program.desk.clock.now())
        program.desk.tell(f"{stop.step}: the rehearsal lets it go on in a person's place")
    return bool(stopped)


def fill(database: Database, rows: Iterable[NewSupporter], at: datetime) -> int:
    """Put ``rows`` into the rehearsal's own database; how many people there are then."""
    supporters = SqlSupporters(database)
    supporters.add(rows, at=at)
    return supporters.count()
