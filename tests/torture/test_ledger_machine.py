"""The ledger under any sequence of claims, sends, lost replies, crashes, settling and suppression.

A provider beside it remembers what it took. Whatever happens: nobody gets it twice, nobody suppressed gets it, and what
the ledger says was sent was sent.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import TAKEN, State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.model.supporter import Reason
from campaign.model.wave import WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import AUDIENCE, T0, bundle, manifest, payload, people, step, wave

LEASE = timedelta(minutes=5)
PEOPLE = 9
KNOWN: dict[str, Outcome] = {"taken": Accepted(), "deferred": Deferred("later"), "refused": Refused("no")}
FATES = st.sampled_from(["taken", "taken, reply lost", "lost on the way", "deferred", "refused"])


class LedgerMachine(RuleBasedStateMachine):
    @initialize(batch_size=st.integers(1, PEOPLE))
    def prepare(self, batch_size: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = Database(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        self.ledger = SqlLedger(self.database, world="live")
        self.supporters = SqlSupporters(self.database)
        self.supporters.add(people(PEOPLE), at=T0)
        self.ledger.approve(bundle(), manifest(step()), [wave()], by="Jo", at=T0)
        self.ledger.prepare_mail(self.ledger.waves()[0], AUDIENCE, batch_size=batch_size, at=T0)
        self.now = T0
        self.claims: list[Claim] = []
        self.taken: Counter[int] = Counter()
        self.suppressed: set[int] = set()

    @rule(most=st.integers(1, 3))
    def claim(self, most: int) -> None:
        self.claims += self.ledger.claim(owner=f"at {self.now}", now=self.now, lease=LEASE, most=most)

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Begin an attempt; each delivery meets a fate of its own."""
        claim = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        if not self._begin(claim):
            return
        outcomes: dict[int, Outcome] = {}
        for seq in claim.seqs:
            fate = data.draw(FATES)
            self.taken[seq] += fate.startswith("taken")
            outcomes[seq] = KNOWN.get(fate, InDoubt("no reply"))
        self.ledger.record(claim, outcomes, now=self.now, retry_at=self.now + timedelta(minutes=1))

    @precondition(lambda self: self.claims)
    @rule(data=st.data())
    def crash_while_sending(self, data: st.DataObject) -> None:
        """An attempt begins, the provider takes some of it, and nobody ever hears of it."""
        claim = self.claims.pop(data.draw(st.integers(0, len(self.claims) - 1)))
        if self._begin(claim):
            for seq in claim.seqs:
                self.taken[seq] += data.draw(st.booleans())

    @precondition(lambda self: self.claims)
    @rule()
    def crash_before_sending(self) -> None:
        self.claims.pop()

    @precondition(lambda self: self.claims)
    @rule()
    def refuse_whole(self) -> None:
        claim = self.claims.pop()
        if len(claim.seqs) > 1 and self._begin(claim):
            self.ledger.halve(claim, now=self.now, why="one of them is bad")

    def _begin(self, claim: Claim) -> bool:
        try:
            gone = self.ledger.begin(claim, payload(len(claim.seqs)), now=self.now)
        except ClaimLost:
            return False
        assert set(gone) == self.suppressed & set(claim.seqs)
        return not gone

    @rule(minutes=st.integers(1, 12))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        self.ledger.lapse(now=self.now)

    @rule(readable=st.booleans())
    def settle(self, readable: bool) -> None:  # noqa: FBT001 - hypothesis draws it
        for doubt in self.ledger.doubts():
            told = {seq: self._evidence(seq) if readable else InDoubt("cannot be read") for seq in doubt.seqs}
            self.ledger.settle(doubt, told, now=self.now)

    def _evidence(self, seq: int) -> Accepted | NotSent:
        return Accepted() if self.taken[seq] else NotSent("not there")

    @rule(seq=st.integers(0, PEOPLE - 1))
    def suppress(self, seq: int) -> None:
        self.supporters.suppress(f"person{seq}@example.org", reason=Reason.UNSUBSCRIBED, source="test", at=self.now)
        self.suppressed.add(seq)

    @invariant()
    def nobody_gets_it_twice(self) -> None:
        assert not [seq for seq, n in getattr(self, "taken", {}).items() if n > 1]

    @invariant()
    def the_ledger_says_what_is_so(self) -> None:
        if not hasattr(self, "ledger"):
            return
        logged: Counter[State] = Counter()
        for sent in self.ledger.log(Filters()):
            logged[sent.state] += 1
            taken = bool(self.taken[sent.delivery.seq])
            if sent.state in TAKEN:
                assert taken, sent
            elif sent.state not in (State.IN_DOUBT, State.CLAIMED):
                assert not taken, sent
        assert dict(logged) == dict(self.ledger.waves()[0].counts)
        assert logged.total() == PEOPLE

    def teardown(self) -> None:
        """Left alone with a provider that answers, it comes to its end."""
        if not hasattr(self, "ledger"):
            return
        for _ in range(200):
            self.now += timedelta(minutes=6)
            self.ledger.lapse(now=self.now)
            self.settle(readable=True)
            for claim in self.ledger.claim(owner="last", now=self.now, lease=LEASE, most=PEOPLE):
                assert self._begin(claim)
                self.taken.update(claim.seqs)
                self.ledger.record(claim, dict.fromkeys(claim.seqs, Accepted()), now=self.now, retry_at=self.now)
            if self.ledger.waves()[0].state is WaveState.DONE:
                break
        self.nobody_gets_it_twice()
        self.the_ledger_says_what_is_so()
        assert self.ledger.waves()[0].state is WaveState.DONE
        self.database.close()
        self.folder.cleanup()


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
