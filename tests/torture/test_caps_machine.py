"""Whatever happens in whatever order, nobody gets one e-mail too many, and no mailbox domain more than its rate.

Two ledgers on one database, each as a process of its own would have it, prepare, claim, hold, let go and record.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import combinations
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import ClaimLost
from campaign.flow import approve, audience
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.frequency import Frequency
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.model.pace import DomainRate, Rate
from campaign.model.wave import PlannedWave, WaveState
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from campaign.storage.ledger import SqlLedger
from campaign.storage.supporters import SqlSupporters
from tests.builders import T0, bundle, payload, people, step

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CAP = Frequency(1, 36 * HOUR)
RATE = Rate(120, HOUR)
BIG = "big.example"
OUTCOMES: list[Outcome] = [Accepted(), Accepted(), Accepted(), Deferred("later"), InDoubt("no answer"), Refused("no")]
MAY_HAVE_GONE = (State.ACCEPTED, State.IN_DOUBT, State.CLAIMED)
WHO = st.integers(0, 1)
_ENOUGH = 1e-3

moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([MINUTE, MINUTE, HOUR, 6 * HOUR, DAY])),
        st.tuples(st.just("plan"), st.tuples(WHO, st.sampled_from([0 * HOUR, -2 * HOUR, HOUR]))),
        st.tuples(st.just("send"), WHO),
        st.tuples(st.just("claim"), st.tuples(WHO, st.integers(1, 4))),
        st.tuples(st.just("begin"), st.tuples(WHO, st.integers(0, 3))),
        st.tuples(st.just("record"), st.tuples(WHO, st.sampled_from(OUTCOMES))),
        st.tuples(st.just("hold"), st.integers(0, 5)),
        st.tuples(st.just("let_go"), st.integers(0, 5)),
        st.tuples(st.just("overtake"), WHO),
        st.tuples(st.just("lapse"), st.none()),
        st.tuples(st.just("settle"), st.sampled_from([Accepted(), NotSent("it is not there")])),
    ),
    min_size=10,
    max_size=60,
)


class Story:
    """``drawn`` is how many at the domain with a rate were claimed when, ``began`` when each one's e-mail of a step
    began last, or its instant where that is later."""

    def __init__(self, database: Database) -> None:
        supporters = SqlSupporters(database)
        supporters.add(people(2), at=T0)
        supporters.add([replace(one, email=f"p{n}@{BIG}") for n, one in enumerate(people(6))], at=T0)
        self.ledgers = [SqlLedger(database, world="live") for _ in range(2)]
        self.now = T0
        self.held: list[Claim] = []
        self.begun: list[Claim] = []
        self.drawn: Counter[datetime] = Counter()
        self.began: dict[tuple[str, str], datetime] = {}
        self.steps = 0

    def wait(self, span: timedelta) -> None:
        self.now += span

    def _approved(self, name: str, due_at: datetime, *, release: bool = False) -> None:
        made = bundle(step(name))
        rates = (DomainRate((BIG,), RATE),)
        made = replace(made, plan=replace(made.plan, frequency=CAP, domain_rates=rates))
        planned = [PlannedWave(name, 1, due_at)]
        told = approve.manifest(made, planned)
        self.ledgers[0].approve(made, told, planned, by="Jo Example", at=self.now, release=release)

    def plan(self, how: tuple[int, timedelta]) -> None:
        who, ahead = how
        name = f"step{self.steps}"
        self.steps += 1
        self._approved(name, self.now + ahead)
        ledger = self.ledgers[who]
        (wave,) = ledger.waves(step=name)
        ledger.prepare_mail(wave, audience.of(ledger.bundle(wave.digest)), batch_size=4, at=self.now)

    def claim(self, how: tuple[int, int]) -> None:
        who, most = how
        claims = self.ledgers[who].claim(owner=str(who), now=self.now, lease=HOUR, most=most)
        self.drawn[self.now] += sum(len(claim.seqs) for claim in claims if claim.domain == BIG)
        self.held += claims

    def send(self, who: int) -> None:
        """All that is due, from one end to the other."""
        self.claim((who, 16))
        while self.held:
            self.begin((who, 0))
        while self.begun:
            self.record((who, Accepted()))

    def begin(self, how: tuple[int, int]) -> None:
        who, which = how
        if not self.held:
            return
        claim = self.held.pop(which % len(self.held))
        with suppress(ClaimLost):
            if self.ledgers[who].begin(claim, payload(len(claim.seqs)), now=self.now):
                return
            self.begun.append(claim)
            for person in claim.people:
                self.began[claim.wave.step, person.email] = max(self.now, claim.wave.due_at)

    def record(self, how: tuple[int, Outcome]) -> None:
        who, outcome = how
        if self.begun:
            claim = self.begun.pop()
            told = dict.fromkeys(claim.seqs, outcome)
            with suppress(ClaimLost):
                self.ledgers[who].record(claim, told, now=self.now, retry_at=self.now + HOUR)

    def hold(self, which: int) -> None:
        waves = [wave for wave in self.ledgers[0].waves() if wave.state is WaveState.PREPARED]
        if waves:
            wave = waves[which % len(waves)]
            self.ledgers[0].end_wave(wave.id, WaveState.HELD, why="wait", at=self.now)

    def let_go(self, which: int) -> None:
        waves = [wave for wave in self.ledgers[0].waves() if wave.state is WaveState.HELD]
        if waves:
            wave = waves[which % len(waves)]
            self._approved(wave.step, wave.due_at, release=True)

    def overtake(self, who: int) -> None:
        """One is held, another comes and goes out, and the first is let go."""
        self.plan((who, 0 * HOUR))
        self.hold(-1)
        self.plan((1 - who, 0 * HOUR))
        self.send(1 - who)
        self.let_go(-1)

    def lapse(self, _: None) -> None:
        self.ledgers[0].lapse(now=self.now)

    def settle(self, result: Accepted | NotSent) -> None:
        for doubt in self.ledgers[0].doubts():
            self.ledgers[0].settle(doubt, dict.fromkeys(doubt.seqs, result), now=self.now)

    def sent(self) -> dict[str, list[datetime]]:
        """When all that was sent to each person, or may have been, began."""
        found: dict[str, list[datetime]] = {}
        for one in self.ledgers[0].log(Filters()):
            if one.state in MAY_HAVE_GONE and (one.step, one.recipient) in self.began:
                found.setdefault(one.recipient, []).append(self.began[one.step, one.recipient])
        return found


@given(moves=moves)
def test_nobody_gets_one_too_many_and_no_domain_gets_them_too_fast(moves: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/ledger.db")
        try:
            story = Story(database)
            for move, how in moves:
                getattr(story, move)(how)
            for instants in story.sent().values():
                for some in combinations(sorted(instants), CAP.most + 1):
                    assert some[-1] - some[0] >= CAP.within, some
            for first, last in combinations(sorted(story.drawn), 2):
                between = sum(n for at, n in story.drawn.items() if first <= at <= last)
                assert between <= RATE.batch + (last - first).total_seconds() * RATE.per_second + _ENOUGH
            assert all(n <= RATE.batch for n in story.drawn.values())
        finally:
            database.close()
