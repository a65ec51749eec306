"""rollout: one turn of the whole story. An engine calls it again at the instant it returns; too often is harmless."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from campaign.flow import (
    ab_test,
    conditions,
    dispatch,
    due,
    feedback,
    hand_off,
    metrics,
    retract,
    settle,
    stop,
    volley,
)
from campaign.flow.content import Contents
from campaign.flow.desk import Desk
from campaign.flow.meanwhile import Meanwhile
from campaign.flow.readiness import Readiness
from campaign.flow.watching import Watching
from campaign.model.wave import WaveState


def turns(desk: Desk) -> Callable[[], datetime | None]:
    """The turn of this desk: does all that is due now, and returns when there is something to do again.

    None means that nothing is left that time alone would bring: done, or waiting for a person.
    """
    contents = Contents(desk.ledger)
    readiness = Readiness(desk, contents)
    lookout = stop.Lookout(desk)
    watching = Watching(desk)
    outlook = conditions.Lookout(desk)
    preparing = Meanwhile(desk, contents, readiness)

    def turn() -> datetime | None:
        lookout.look()
        settle.lapsed(desk)
        feedback.apply(desk)
        ab_test.decide(desk)
        due.voided(desk)
        hand_off.reach(desk, contents)
        due.withdraw(desk)
        outlook.look()
        preparing.all()
        due.stale(desk)
        unsent = _unsent(desk)
        coming = _Coming(desk)
        watching.look()
        dispatch.everything(
            desk, contents, coming=coming, readiness=readiness, between=watching.glance, meanwhile=preparing.one
        )
        _tell(desk, unsent)
        feedback.apply(desk)
        settle.doubts(desk, contents, until=coming())
        hand_off.reach(desk, contents)
        withdrawn = due.withdraw(desk)
        due.stale(desk)  # what comes back of an attempt may be too late by now
        watching.glance()
        # What settling has found not to be sent.
        dispatch.everything(desk, contents, coming=coming, between=watching.glance, meanwhile=preparing.one)
        decided = ab_test.decide(desk)  # what has gone out by this turn is in the figures by now
        now = desk.clock.now()
        to_send = now if withdrawn or decided or coming.has_come else _to_send(desk)
        retract.carry_out(desk, until=to_send)
        metrics.read(desk, until=to_send)
        instants = (
            to_send,
            preparing.again_at,
            settle.next_at(desk),
            hand_off.next_at(desk, contents),
            retract.next_at(desk),
        )
        lookout.look()  # of what was stopped meanwhile
        soonest = min((instant for instant in instants if instant is not None), default=None)
        soonest = min((at for at in (soonest, outlook.next_at(soonest)) if at is not None), default=None)
        nobody_at = stop.next_at(desk)
        soonest = min(soonest, nobody_at) if soonest and nobody_at else soonest
        # Figures that are still to be read keep nobody up: whoever waits for them asks for it.
        reading = metrics.next_at(desk) if soonest else None
        return min(soonest, reading) if soonest and reading else soonest

    return watching.over(feedback.listening(desk, turn, changed=lookout.changed))


def _to_send(desk: Desk) -> datetime | None:
    """The next instant at which there is something to prepare, to claim ahead or to send."""
    instants = (desk.ledger.next_due(now=desk.clock.now()), volley.next_at(desk))
    return min((instant for instant in instants if instant is not None), default=None)


class _Coming:
    """When something comes due that this turn does not know of yet. Once that instant has come it stays."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._instant: datetime | None = None

    def __call__(self) -> datetime | None:
        if not self.has_come:
            self._instant = _to_send(self._desk)
        return self._instant

    @property
    def has_come(self) -> bool:
        return self._instant is not None and self._instant <= self._desk.clock.now()


def _unsent(desk: Desk) -> Collection[int]:
    """The waves that are ready, and of which nothing has left."""
    return {wave.id for wave in desk.ledger.waves(states=(WaveState.PREPARED,)) if wave.first_sent_at is None}


def _tell(desk: Desk, unsent: Collection[int]) -> None:
    """How those of ``unsent`` fared at once that this turn has sent, or found nobody left to send to."""
    for wave in desk.ledger.waves(states=(WaveState.PREPARED, WaveState.DONE, WaveState.HELD)) if unsent else ():
        if wave.id in unsent and (wave.first_sent_at is not None or wave.state is not WaveState.PREPARED):
            stands = sorted(wave.counts.items(), key=lambda item: -item[1])
            words = ", ".join(f"{n:,} {state.value.replace('_', ' ')}" for state, n in stands)
            desk.tell(
                f"{wave.name}: {words}",
                "wave.stands",
                noted="",
                level="info",
                wave=wave,
                **{state.value: n for state, n in stands},
            )
