"""A rollout under any sequence of approving, changing, halting, pausing, resuming, cancelling, crashing and waiting.

The ledger is real, and so is the desk. Between the two stands a witness who sees every attempt begin, and what had been
said by then. Whatever happens: nothing begins that nobody approved as it stands, that is halted, paused or cancelled,
for somebody suppressed, before its embargo, too late, or unconfirmed where that is asked for; and nobody gets it twice.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from campaign.errors import ClaimLost
from campaign.flow import approve, rollout
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.claim import Claim
from campaign.model.delivery import TAKEN, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.model.plan import Late
from campaign.model.stop import EVERYTHING
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from tests.builders import T0, bundle, mail_message, post_message, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Told, office

PEOPLE = 5
WITHIN = HOUR
CONFIRM_WITHIN = 3 * HOUR
EMBARGO = T0 + HOUR
STEPS = {
    "alert": step("alert", late=Late(WITHIN, "hold")),
    "second": step("second", late=Late(WITHIN, "skip")),
    "launch": step("launch", "x", accounts=("national", "local"), late=Late(WITHIN, "hold")),
    "secret": step("secret", "x", late=Late(WITHIN, "skip"), embargo=EMBARGO),
}
DUE = {"alert": T0, "second": T0 + 30 * MINUTE, "launch": T0 + MINUTE, "secret": EMBARGO}
NAMES = st.sampled_from(sorted(STEPS))
STOPPABLE = st.sampled_from([EVERYTHING, *sorted(STEPS)])
_OF_PROVIDERS = ["taken", "reply lost", "lost on the way", "deferred", "refused"]
_MEANWHILE = ["crash", "crash before", "halt", "pause", "resume", "suppress", "cancel"]
FATES = st.sampled_from(_OF_PROVIDERS + _MEANWHILE)
SAID = st.sampled_from(["approve", "release", "change", "stop", "resume", "resume", "confirm", "cancel", "suppress"])
MET = st.lists(st.tuples(FATES, STOPPABLE, st.integers(0, PEOPLE - 1)), max_size=5)
SLEEPS = st.sampled_from([timedelta(seconds=20), 2 * MINUTE, 15 * MINUTE, 40 * MINUTE])


@cache
def empty_ledger() -> bytes:
    """A database with its tables: to make them takes as long as all else in a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        Database(f"sqlite:///{path}").close()
        return path.read_bytes()


class Witness:
    """Stands between desk and ledger. Once ``dead`` the ledger hears nothing more of this program's attempts."""

    def __init__(self, machine: ControlMachine, ledger: SqlLedger) -> None:
        self._machine = machine
        self._ledger = ledger
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead and name in ("record", "release", "halve", "set_apart"):
            return self._gone
        return getattr(self._ledger, name)

    def _gone(self, *_: object, **__: object) -> None:
        raise ClaimLost("the program is dead")

    def claim(self, **asked: Any) -> Sequence[Claim]:
        return () if self.dead else self._ledger.claim(**asked)

    def begin(self, claim: Claim, payload: Payload, *, now: datetime, **more: Any) -> tuple[int, ...]:
        if self.dead:
            self._gone()
        said = self._machine.said(claim, now)
        gone = self._ledger.begin(claim, payload, now=now, **more)
        if not gone:
            self._machine.begins(claim, said)
        return gone

    def begin_all(self, packed: Sequence[tuple[Claim, bytes]], *, now: datetime) -> Mapping[int, str]:
        if self.dead:
            return {claim.batch_id: "the program is dead" for claim, _ in packed}
        said = {claim.batch_id: self._machine.said(claim, now) for claim, _ in packed}
        why = self._ledger.begin_all(packed, now=now)
        for claim, _ in packed:
            if claim.batch_id not in why:
                self._machine.begins(claim, said[claim.batch_id])
        return why


class ControlMachine(RuleBasedStateMachine):
    @initialize(confirming=st.booleans())
    def open(self, confirming: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "ledger.db").write_bytes(empty_ledger())
        mail = Told[MailBatch]("sendgrid", delivers=self._mails, batch=2, in_flight=1)
        post = Told[PostBatch]("x", delivers=self._posts, settled=self._settled, in_flight=2)
        self.clock = HandClock(T0 - timedelta(seconds=20))
        self.at = self.stack.enter_context(office(folder, mail=mail, posts=[post], clock=self.clock))
        self.at.add(PEOPLE)
        self.at.desk.confirm_within = CONFIRM_WITHIN if confirming else None
        self.lock = Lock()
        self.programs = 0
        self.fates: list[tuple[str, str, int]] = []
        self.taken: Counter[str] = Counter()
        self.stopped: set[str] = set()
        self.cancelled: set[int] = set()
        self.suppressed: set[str] = set()
        self.approved: set[tuple[str, str]] = set()
        self.begun: set[int] = set()
        self.confirmed_at: datetime | None = None
        self.wrong: list[str] = []
        self._start()
        self.confirm()
        for name in STEPS:
            self.approve(name, 1, release=False)
        self.take_a_turn([])

    def _start(self) -> None:
        """A program of its own; the one before is dead, if it has not ended."""
        self.programs += 1
        self.witness = Witness(self, self.at.ledger)
        self.at.desk.ledger = self.witness
        self.at.desk.owner = f"program {self.programs}"
        self.turn = rollout.turns(self.at.desk)

    # --- what people say ---

    @rule(said=SAID, what=STOPPABLE, name=NAMES, number=st.integers(0, PEOPLE - 1))
    def somebody_says(self, said: str, what: str, name: str, number: int) -> None:
        match said:
            case "approve" | "release":
                self.approve(name, 1 + number % 2, release=said == "release")
            case "change":
                self.at.digests[name] = f"changed {number}"
            case "stop":
                self.stop(what)
            case "resume":
                self.resume(what)
            case "confirm":
                self.confirm()
            case "cancel":
                self.cancel(name)
            case "suppress":
                self.suppress(number)

    def approve(self, name: str, version: int, *, release: bool) -> None:
        """Somebody writes the message anew, or as it was, and somebody approves it."""
        chosen = STEPS[name]
        message = (
            mail_message(subject=f"Version {version}") if chosen.channel == "email" else post_message(f"No {version}.")
        )
        made, planned = bundle(chosen, message), [wave(name, due_at=DUE[name])]
        manifest = approve.manifest(made, planned)
        self.at.digests[name] = manifest.digest
        self.approved.add((name, manifest.digest))
        self.at.ledger.approve(made, manifest, planned, by="Jo Example", at=self.clock.now(), release=release)

    def stop(self, what: str) -> None:
        self.at.ledger.stop(what, by="Jo Example", why="", at=self.clock.now())
        self.stopped.add(what)

    def resume(self, what: str) -> None:
        self.stopped.discard(what)
        self.at.ledger.resume(what, by="Sam Example", at=self.clock.now())

    def confirm(self) -> None:
        self.confirmed_at = self.clock.now()
        self.at.ledger.confirm(by="Sam Example", at=self.clock.now())

    def cancel(self, name: str) -> None:
        for one in self.at.ledger.waves(step=name):
            if one.state in (WaveState.WAITING, WaveState.PREPARED, WaveState.HELD):
                self.at.ledger.end_wave(one.id, WaveState.CANCELLED, why="cancelled", at=self.clock.now())
                self.cancelled.add(one.id)

    def suppress(self, number: int) -> None:
        address = f"person{number}@example.org"
        self.at.supporters.suppress(address, reason=Reason.UNSUBSCRIBED, source="test", at=self.clock.now())
        self.suppressed.add(address)

    # --- what happens ---

    @rule(span=st.sampled_from([-10 * MINUTE, 15 * MINUTE, HOUR]))
    def time_passes(self, span: timedelta) -> None:
        """Nobody is at work meanwhile; or the clock is set back."""
        self.clock.at += span

    @rule(wait=SLEEPS, fates=MET)
    def work(self, wait: timedelta, fates: list[tuple[str, str, int]]) -> None:
        """Two turns, each a while after the one before."""
        for _ in range(2):
            self.clock.at += wait
            self.take_a_turn(fates)

    @rule(fates=MET)
    def take_a_turn(self, fates: list[tuple[str, str, int]]) -> None:
        """Each call meets a fate of its own; somebody may say something while it is made."""
        self.fates = list(fates)
        self.turn()
        if self.witness.dead:
            self._start()

    # --- what a provider does ---

    def _mails(self, batch: MailBatch, _payload: Payload) -> Sequence[Outcome]:
        return self._meets([row.key for row in batch.rows])

    def _posts(self, batch: PostBatch, _payload: Payload) -> Sequence[Outcome]:
        return self._meets([part.key for part in batch.parts])

    def _meets(self, keys: Sequence[str]) -> Sequence[Outcome]:
        with self.lock:
            fate, what, number = self.fates.pop() if self.fates else ("taken", EVERYTHING, 0)
            match fate:
                case "halt" | "pause":
                    self.stop(EVERYTHING if fate == "halt" else what)
                case "resume":
                    for stopped in tuple(self.stopped):
                        self.resume(stopped)
                case "suppress":
                    self.suppress(number)
                case "cancel" if what:
                    self.cancel(what)
                case "crash" | "crash before":
                    self.witness.dead = True
            if fate in ("lost on the way", "crash before"):
                return [InDoubt("no reply")] * len(keys)
            if fate == "deferred":
                return [Deferred("later")] * len(keys)
            if fate == "refused":
                return [Refused("no")] * len(keys)
            self.taken.update(keys)
            return [InDoubt("no reply") if fate == "reply lost" else Accepted(key) for key in keys]

    def _settled(self, batch: PostBatch, _payload: Payload) -> Sequence[Settled]:
        with self.lock:
            return [Accepted(part.key) if self.taken[part.key] else NotSent("not there") for part in batch.parts]

    # --- the witness ---

    def said(self, claim: Claim, now: datetime) -> list[str]:
        """Why the attempt may not begin, by all that was said before the ledger is asked."""
        one, chosen = claim.wave, STEPS[claim.wave.step]
        why = []
        if self.stopped & {EVERYTHING, one.step}:
            why.append("it is stopped")
        if one.id in self.cancelled:
            why.append("it is cancelled")
        if (one.step, one.digest) not in self.approved:
            why.append("nobody approved it")
        if one.id not in self.begun and self.at.digests.get(one.step) != one.digest:
            why.append("it has changed since")
        if {person.email for person in claim.people} & self.suppressed:
            why.append("somebody in it is suppressed")
        if chosen.embargo is not None and now < chosen.embargo:
            why.append("its embargo has not ended")
        placed = next(each for each in self.at.ledger.waves(step=one.step) if each.id == one.id)
        if now < placed.due_at:
            why.append("its instant has not come")
        if now > placed.due_at + WITHIN:
            why.append(f"it is {now - placed.due_at} late")
        within = self.at.desk.confirm_within
        if within is not None and (self.confirmed_at is None or now >= self.confirmed_at + within):
            why.append("nobody has confirmed")
        return why

    def begins(self, claim: Claim, said: Sequence[str]) -> None:
        self.begun.add(claim.wave.id)
        self.wrong += [f"{claim.wave.name} begins, but {why}" for why in said]

    @invariant()
    def nothing_begins_that_may_not(self) -> None:
        assert not getattr(self, "wrong", [])

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert not [key for key, n in getattr(self, "taken", Counter()).items() if n > 1]

    @invariant()
    def the_ledger_says_what_is_so(self) -> None:
        if not hasattr(self, "at"):
            return
        for sent in self.at.ledger.log(Filters()):
            taken = self.taken[self.at.desk.keys.key(sent.delivery.wave_id, sent.delivery.seq)]
            if sent.state in TAKEN:
                assert taken, sent
            elif sent.state not in (State.IN_DOUBT, State.CLAIMED):
                assert not taken, sent
        self.at.states()

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()


TestControlMachine = ControlMachine.TestCase
TestControlMachine.settings = settings(max_examples=20, stateful_step_count=14, deadline=None)
