"""Whatever happens in whatever order, who asked for less often gets no two e-mails within seven days."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime, timedelta
from itertools import pairwise
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from campaign.errors import ClaimLost
from campaign.model.claim import Claim
from campaign.model.delivery import State
from campaign.model.outcome import Accepted, Deferred, InDoubt, NotSent, Outcome, Refused
from campaign.model.preference import Wish
from campaign.ports.ledger import Filters
from campaign.storage.database import Database
from tests.builders import T0, payload
from tests.contract.test_preferences import DAY, HOUR, World

PERSON = "person0@example.org"
OUTCOMES: list[Outcome] = [Accepted(), Accepted(), Accepted(), Deferred("later"), InDoubt("no answer"), Refused("no")]

MAY_HAVE_GONE = (State.ACCEPTED, State.IN_DOUBT, State.CLAIMED)
HOME = ZoneInfo("America/New_York")

moves = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([HOUR, 6 * HOUR, DAY, 3 * DAY, 6 * DAY, 7 * DAY])),
        st.tuples(st.just("plan"), st.sampled_from([0 * HOUR, -2 * DAY, HOUR])),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.just("begin"), st.integers(0, 3)),
        st.tuples(st.just("record"), st.sampled_from(OUTCOMES)),
        st.tuples(st.just("lapse"), st.none()),
        st.tuples(st.just("settle"), st.sampled_from([Accepted(), NotSent("it is not there")])),
    ),
    min_size=10,
    max_size=60,
)


class Story:
    """``began`` is when an attempt at the person's e-mail of a step last began, or its instant if that is later."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = T0
        self.held: list[Claim] = []
        self.begun: list[Claim] = []
        self.began: dict[str, datetime] = {"first": T0 - 30 * DAY}
        world.mail("first", T0 - 30 * DAY)
        world.choose(Wish.LESS_OFTEN, of=world.ledger.waves()[0], at=T0 - 30 * DAY)

    def wait(self, span: timedelta) -> None:
        self.now += span

    def plan(self, ahead: timedelta) -> None:
        planned = self.world.plan(f"step{len(self.world.bundles)}", self.now + ahead)
        self.world.prepare(planned, at=self.now)

    def claim(self, most: int) -> None:
        self.held += self.world.claim(self.now, most)

    def begin(self, which: int) -> None:
        if not self.held:
            return
        claim = self.held.pop(which % len(self.held))
        with suppress(ClaimLost):
            if self.world.ledger.begin(claim, payload(len(claim.seqs)), now=self.now):
                return
            self.begun.append(claim)
            if any(person.email == PERSON for person in claim.people):
                self.began[claim.wave.step] = max(self.now, claim.wave.due_at)

    def record(self, outcome: Outcome) -> None:
        if not self.begun:
            return
        claim = self.begun.pop()
        told = dict.fromkeys(claim.seqs, outcome)
        with suppress(ClaimLost):
            self.world.ledger.record(claim, told, now=self.now, retry_at=self.now + HOUR)

    def lapse(self, _: None) -> None:
        self.world.ledger.lapse(now=self.now)

    def settle(self, result: Accepted | NotSent) -> None:
        for doubt in self.world.ledger.doubts():
            self.world.ledger.settle(doubt, dict.fromkeys(doubt.seqs, result), now=self.now)

    def sent(self) -> list[date]:
        """The days, where the person lives, of all that was sent to them or may have been."""
        steps = {one.step for one in self.world.ledger.log(Filters(recipient=PERSON)) if one.state in MAY_HAVE_GONE}
        return sorted(self.began[step].astimezone(HOME).date() for step in steps if step in self.began)


@given(moves=moves)
def test_no_two_e_mails_within_seven_days(moves: list[tuple[str, Any]]) -> None:
    with TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/ledger.db")
        try:
            story = Story(World(database))
            for move, how in moves:
                getattr(story, move)(how)
            days = story.sent()
            assert all((later - earlier).days >= 7 for earlier, later in pairwise(days)), days
        finally:
            database.close()
