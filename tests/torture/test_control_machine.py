"""A rollout under any sequence of approving, changing, moving, halting, pausing, resuming, cancelling, topping up,
crashing, waiting, and clocks that are set.

The ledger is real, and so is the desk. Between the two stands a witness who sees every attempt begin, and what had been
said by then. Whatever happens: nothing begins that nobody approved as it stands, that is halted, paused or cancelled,
for somebody suppressed, before its instant or its embargo, too late, or unconfirmed where that is asked for; nobody
gets a step twice; and once all is left alone, everybody has it, or there is a reason why not, and it was told.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from threading import Lock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from campaign.errors import CampaignError
from campaign.flow import approve, rollout, top_up
from campaign.flow.approve import Standing
from campaign.model.batch import MailBatch, Payload, PostBatch
from campaign.model.delivery import OPEN, TAKEN, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused, Settled
from campaign.model.plan import Late, Relative
from campaign.model.stop import EVERYTHING
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from tests.builders import T0, bundle, mail_message, post_message, step, wave
from tests.desks import HOUR, MINUTE, HandClock, Told, office
from tests.witness import Witness, Words

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
_MEANWHILE = ["crash", "crash before", "halt", "pause", "resume", "suppress", "suppress", "cancel"]
FATES = st.sampled_from(_OF_PROVIDERS + _MEANWHILE)
_APPROVED = ["approve", "release", "change"]
_STOPPED = ["stop", "resume", "resume", "confirm", "cancel"]
_OF_PEOPLE = ["suppress", "lift", "top up", "resolve"]
SAID = st.sampled_from([*_APPROVED, *_STOPPED, *_OF_PEOPLE])
MOVED = {3: 20 * MINUTE, 4: -40 * MINUTE}
"""By how much an approval moves its step's instant."""
MET = st.lists(st.tuples(FATES, STOPPABLE, st.integers(0, PEOPLE - 1)), max_size=5)
SLEEPS = st.sampled_from([timedelta(seconds=20), 2 * MINUTE, 15 * MINUTE, 40 * MINUTE])


@cache
def empty_ledger() -> bytes:
    """A database with its tables: to make them takes as long as all else in a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        Database(f"sqlite:///{path}").close()
        return path.read_bytes()


class ControlMachine(RuleBasedStateMachine):
    @initialize(confirming=st.booleans(), early=st.booleans(), fates=MET)
    def open(self, confirming: bool, early: bool, fates: list[tuple[str, str, int]]) -> None:  # noqa: FBT001 - drawn
        """The first mailing meets ``fates``. ``early``: the step "secret" is placed before the end of its embargo,
        which no plan that can be read does."""
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "ledger.db").write_bytes(empty_ledger())
        mail = Told[MailBatch]("sendgrid", delivers=self._mails, batch=2, in_flight=1)
        post = Told[PostBatch]("x", delivers=self._posts, settled=self._settled, in_flight=2)
        self.clock = HandClock(T0 - timedelta(seconds=20))
        self.latest = self.clock.at
        self.at = self.stack.enter_context(office(folder, mail=mail, posts=[post], clock=self.clock))
        self.at.add(PEOPLE)
        self.at.desk.confirm_within = CONFIRM_WITHIN if confirming else None
        self.lock = Lock()
        self.programs = 0
        self.fates: list[tuple[str, str, int]] = []
        self.taken: Counter[str] = Counter()
        self.got: Counter[tuple[str, str]] = Counter()
        self.answered: set[str] = set()
        self.words = Words(self.at.ledger, STEPS, self.at.digests, confirm_within=self.at.desk.confirm_within)
        self._start()
        self.confirm()
        for name in STEPS:
            self.approve(name, 1, moved=-40 * MINUTE if early and name == "secret" else 0 * MINUTE)
        self.take_a_turn([])
        self.clock.at = T0
        self.take_a_turn(fates)

    def _start(self) -> None:
        """A program of its own; the one before is dead, if it has not ended."""
        self.programs += 1
        self.witness = Witness(self.at.ledger, self.words)
        self.at.desk.ledger = self.witness
        self.at.desk.owner = f"program {self.programs}"
        self.turn = rollout.turns(self.at.desk)

    # --- what people say ---

    @rule(said=SAID, what=STOPPABLE, name=NAMES, number=st.integers(0, PEOPLE - 1))
    def somebody_says(self, said: str, what: str, name: str, number: int) -> None:
        moved = MOVED.get(number, 0 * MINUTE)
        deeds: Mapping[str, Callable[[], None]] = {
            "approve": lambda: self.approve(name, 1 + number % 2, moved=moved),
            "release": lambda: self.approve(name, 1 + number % 2, moved=moved, release=True),
            "change": lambda: self.change(name, f"changed {number}"),
            "stop": lambda: self.stop(what),
            "resume": lambda: self.resume(what),
            "confirm": self.confirm,
            "cancel": lambda: self.cancel(name),
            "suppress": lambda: self.suppress(number),
            "lift": lambda: self.lift(number),
            "top up": lambda: self.top_up(name),
            "resolve": self.resolve,
        }
        deeds[said]()

    def change(self, name: str, digest: str) -> None:
        """Somebody edits the step's files; that nobody has approved it is all that matters of it."""
        self.at.digests[name] = digest

    def approve(self, name: str, version: int, *, release: bool = False, moved: timedelta = 0 * MINUTE) -> None:
        """Somebody writes the message anew, or as it was, or moves it, and somebody approves that."""
        due_at = DUE[name] + moved
        chosen = replace(STEPS[name], at=Relative(f"T+{due_at - T0}", offset=due_at - T0))
        message = (
            mail_message(subject=f"Version {version}") if chosen.channel == "email" else post_message(f"No {version}.")
        )
        made, planned = bundle(chosen, message), [wave(name, due_at=due_at)]
        manifest = approve.manifest(made, planned)
        self.at.digests[name] = manifest.digest
        self.words.approved[name, manifest.digest] = due_at
        if release:
            self.words.released.add((name, self.clock.now()))
        self.at.ledger.approve(made, manifest, planned, by="Jo Example", at=self.clock.now(), release=release)

    def stop(self, what: str) -> None:
        self.at.ledger.stop(what, by="Jo Example", why="", at=self.clock.now())
        self.words.stopped.add(what)

    def resume(self, what: str) -> None:
        self.words.stopped.discard(what)
        done = self.at.ledger.resume(what, by="Sam Example", at=self.clock.now())
        self.answered |= {name for name, _ in done.late}

    def confirm(self) -> None:
        self.words.confirmed_at = self.clock.now()
        done = self.at.ledger.confirm(by="Sam Example", at=self.clock.now())
        self.answered |= {name for name, _ in done.late}

    def cancel(self, name: str) -> None:
        for one in self.at.ledger.waves(step=name):
            if one.state in (WaveState.WAITING, WaveState.PREPARED, WaveState.HELD):
                self.at.ledger.end_wave(one.id, WaveState.CANCELLED, why="cancelled", at=self.clock.now())
                self.words.cancelled.add(one.id)

    def suppress(self, number: int) -> None:
        address = f"person{number}@example.org"
        self.at.supporters.suppress(address, reason=Reason.UNSUBSCRIBED, source="test", at=self.clock.now())
        self.words.suppressed.add(address)

    def lift(self, number: int) -> None:
        address = f"person{number}@example.org"
        self.words.suppressed.discard(address)
        self.at.supporters.lift(address, source="test", at=self.clock.now())

    def top_up(self, name: str) -> None:
        """To whoever should have it and has not; where that can be, and there is anybody."""
        ledger, approval, now = self.at.ledger, self.at.ledger.approvals()[name], self.clock.now()
        if approval.digest != self.at.digests[name]:
            return
        standing = Standing(STEPS[name], ledger.approved(name, approval.digest), approval)
        with suppress(CampaignError):
            found = top_up.look(ledger, standing, now=now)
            if found.number:
                top_up.place(ledger, found, expected=found.number, batch_size=2, by="Jo", why="", now=now)
                self.words.released.add((name, now))

    def resolve(self) -> None:
        """A person has looked at all that is in doubt, and says the truth."""
        keys, now = self.at.desk.keys, self.clock.now()
        for asked in self.at.ledger.questions(now=now):
            taken = {seq: self.taken[keys.key(asked.wave.id, seq)] for seq in asked.seqs}
            told = {seq: Accepted() if there else NotSent("not there") for seq, there in taken.items()}
            self.at.ledger.resolve(asked, told, by="Sam Example", why="looked", now=now)

    # --- what happens ---

    @rule(span=st.sampled_from([-3 * HOUR, -10 * MINUTE, 15 * MINUTE, HOUR, 26 * HOUR]))
    def time_passes(self, span: timedelta) -> None:
        """Nobody is at work meanwhile; or the clock is set back."""
        self.latest = max(self.latest, self.clock.at)
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
        return self._meets([row.key for row in batch.rows], [row.address for row in batch.rows])

    def _posts(self, batch: PostBatch, _payload: Payload) -> Sequence[Outcome]:
        return self._meets([part.key for part in batch.parts], [batch.account])

    def _meets(self, keys: Sequence[str], who: Sequence[str]) -> Sequence[Outcome]:
        with self.lock:
            fate, what, number = self.fates.pop() if self.fates else ("taken", EVERYTHING, 0)
            match fate:
                case "halt" | "pause":
                    self.stop(EVERYTHING if fate == "halt" else what)
                case "resume":
                    for stopped in tuple(self.words.stopped):
                        self.resume(stopped)
                case "suppress":
                    self.suppress(number)
                case "cancel":
                    self.cancel(what or "alert")
                case "crash" | "crash before":
                    self.witness.dead = True
            if fate in ("lost on the way", "crash before"):
                return [InDoubt("no reply")] * len(keys)
            if fate == "deferred":
                return [Deferred("later")] * len(keys)
            if fate == "refused":
                return [Refused("no")] * len(keys)
            self.taken.update(keys)
            self.got.update((self.step_of(key), one) for key, one in zip(keys, who, strict=True))
            return [InDoubt("no reply") if fate == "reply lost" else Accepted(key) for key in keys]

    def _settled(self, batch: PostBatch, _payload: Payload) -> Sequence[Settled]:
        with self.lock:
            return [Accepted(part.key) if self.taken[part.key] else NotSent("not there") for part in batch.parts]

    def step_of(self, key: str) -> str:
        delivery = self.at.desk.keys.read(key)
        assert delivery is not None
        return next(one.step for one in self.at.ledger.waves() if one.id == delivery.wave_id)

    # --- what holds ---

    @invariant()
    def nothing_begins_that_may_not(self) -> None:
        assert (self.words.wrong if hasattr(self, "words") else []) == []

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert [got for got, n in getattr(self, "got", Counter()).items() if n > 1] == []

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

    # --- left alone ---

    def teardown(self) -> None:
        if not hasattr(self, "stack"):
            return
        try:
            self.comes_to_its_end()
            self.nothing_begins_that_may_not()
            self.nobody_gets_it_twice()
            self.the_ledger_says_what_is_so()
            self.nothing_is_lost()
        finally:
            self.stack.close()

    def comes_to_its_end(self) -> None:
        """Nobody stops anything any more, providers answer, and people look at what is in doubt."""
        for what in tuple(self.words.stopped):
            self.resume(what)
        # Who died with a claim before the clock was set back holds it until then.
        self.clock.at = max(self.latest, self.clock.at)
        for minutes in (0, 10, 20, 60, 60, 60):
            self.clock.at += minutes * MINUTE
            self.confirm()
            self.resolve()
            self.take_a_turn([])

    def nothing_is_lost(self) -> None:
        """Of each wave everybody has an end, or waits for a person, with a reason that was told."""
        told = " ".join([*self.at.told, *self.answered])
        for one in self.at.ledger.waves():
            unsent = sum(one.counts.get(state, 0) for state in (*OPEN, State.IN_DOUBT))
            assert not one.counts.get(State.CLAIMED, 0) + one.counts.get(State.IN_DOUBT, 0), one
            if one.state in (WaveState.HELD, WaveState.MISSED, WaveState.CANCELLED):
                assert one.why, one
                assert one.name in told or one.id in self.words.cancelled, one
            elif one.state is WaveState.WAITING:
                assert self.at.digests[one.step] != one.digest, one
                assert f"{one.name} is due, but its step has changed" in told
            else:
                assert (one.state, unsent) == (WaveState.DONE, 0), one
            if one.prepared_at is not None and not one.is_top_up:
                assert one.planned == (len(STEPS[one.step].accounts) or PEOPLE), one
        reasons = (State.REFUSED, State.SUPPRESSED, State.MISSED, State.CANCELLED)
        assert not [sent for sent in self.at.ledger.log(Filters()) if sent.state in reasons and not sent.why]


TestControlMachine = ControlMachine.TestCase
TestControlMachine.settings = settings(max_examples=20, stateful_step_count=14, deadline=None)
