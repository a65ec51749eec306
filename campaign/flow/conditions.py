"""conditions: what a wave waits for beside its instant: another step, a page that is live, a number that is reached.

Pages and numbers are asked for beside the turn, each in a thread of its own, from some minutes before the wave is to be
taken up; the turn writes down what was seen. Whether another step is out is read from the ledger. ``due.waves`` lets
nothing go before all is met, and holds what has waited for longer than its step may be late.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from queue import SimpleQueue
from threading import Thread

from campaign.flow import stop
from campaign.flow.desk import Desk
from campaign.model.condition import After, Condition, Elsewhere, Looked, Seen
from campaign.model.delivery import OPEN, State
from campaign.model.wave import Wave, WaveState
from campaign.ports.ledger import Ledger

LOOK_AHEAD = timedelta(minutes=5)
"""How long before a wave is taken up its conditions are first looked at: by then its page ought to be live."""
AT_ONCE = 8
"""Servers asked at the same time."""
_AROUND = timedelta(minutes=2)
_OFTEN, _USUAL, _SELDOM, _RARELY = (timedelta(seconds=seconds) for seconds in (10, 30, 60, 300))
_LONG, _VERY_LONG = timedelta(minutes=15), timedelta(hours=1)
_SOON = timedelta(seconds=1)
_WHO_HAS_IT = (State.ACCEPTED, State.DELIVERED, State.BOUNCED, State.COMPLAINED, State.DROPPED)
"""What became of an e-mail that the provider took."""

UNASKED = "taken as met: nobody outside is asked here"
"""The evidence of pages and numbers where nothing real is sent."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What a wave still waits for, each with what was seen. ``in_vain``: one of it cannot come true any more."""

    what: str
    in_vain: bool = False


def of(desk: Desk, wave: Wave) -> Sequence[Condition]:
    """The conditions of a wave as they were approved. What was approved never changes, so each is read once."""
    known = desk.conditions.get(wave.digest)
    if known is None:
        known = desk.conditions[wave.digest] = desk.ledger.bundle(wave.digest).step.conditions
    return known


def waits(desk: Desk, wave: Wave) -> Waits | None:
    """What ``wave`` waits for; None where all its conditions are met, or it has none."""
    conditions = of(desk, wave)
    if not conditions:
        return None
    looked = desk.ledger.looked([wave.id])
    lacking, in_vain = [], False
    for number, condition in enumerate(conditions):
        seen = looked.get((wave.id, number))
        if seen is not None and seen.met_at is not None:
            continue
        if isinstance(condition, After):
            # Read as it is now, and not as it was seen: it costs nothing, and what was refused is refused at once.
            found, never = _after(desk, wave, condition)
            if found.is_met:
                _keep(desk, wave, number, condition, found)
                continue
            if seen is None or seen.evidence != found.evidence:
                _keep(desk, wave, number, condition, found)
            in_vain |= never
            lacking.append(f"{condition}: {found.evidence}")
        else:
            lacking.append(f"{condition}: {seen.evidence if seen else 'it was not looked at yet'}")
    return Waits("; ".join(lacking), in_vain) if lacking else None


def is_over(wave: Wave, now: datetime) -> bool:
    """True where it has waited for as long as its step may be late, whatever the step says of what is late otherwise:
    what waits for something is never sent without it."""
    return now > wave.due_at + wave.late.within


def ends_as(wave: Wave) -> WaveState:
    """What becomes of a wave that has waited in vain."""
    return WaveState.MISSED if wave.late.then == "skip" else WaveState.HELD


def _keep(desk: Desk, wave: Wave, number: int, condition: Condition, seen: Seen) -> None:
    if not desk.ledger.keep_look(wave.id, number, seen, at=desk.clock.now()):
        return
    if seen.is_met:
        desk.tell(f"{wave.name}: {condition}: {seen.evidence}", "condition.met", wave=wave)
    else:
        desk.tell(f"{wave.name} waits until {condition}: {seen.evidence}", "condition.waits", wave=wave)


# --- another step ---


def _after(desk: Desk, wave: Wave, after: After) -> tuple[Seen, bool]:
    """How the other step stands, and whether it can never be as asked for any more."""
    all_of_it = [one for one in desk.ledger.waves(step=after.step) if not one.is_top_up]
    if not all_of_it:
        return Seen(is_met=False, evidence="it is not approved"), False
    by = max(wave.due_at, desk.clock.now())
    those = [one for one in all_of_it if one.due_at <= by] or all_of_it[:1]
    for one in those:
        lacks, never = _lacks(one, after)
        if lacks:
            return Seen(is_met=False, evidence=lacks), never
    if after.what == "accepted" and not any(one.counts.get(state) for one in those for state in _WHO_HAS_IT):
        return Seen(is_met=False, evidence="it went to nobody"), True
    return Seen(is_met=True, evidence=_got(those)), False


def _got(those: Sequence[Wave]) -> str:
    got = sum(one.counts.get(state, 0) for one in those for state in _WHO_HAS_IT)
    return f"{got:,} of {sum(one.planned for one in those):,} accepted"


def _lacks(one: Wave, after: After) -> tuple[str, bool]:  # noqa: PLR0911 - one answer a case
    """Why a wave of the other step is not as asked for, "" where it is; and whether it never will be."""
    if one.state in (WaveState.MISSED, WaveState.CANCELLED):
        return ("", False) if after.what == "done" else (f"{one.name} is {one.state.value}: {one.why}", True)
    if one.state is WaveState.HELD:
        return f"{one.name} is held: {one.why}", False
    if one.prepared_at is None:
        return f"{one.name} has not gone out yet", False
    open_ = sum(one.counts.get(state, 0) for state in OPEN)
    doubtful = one.counts.get(State.IN_DOUBT, 0)
    if after.what == "accepted" and one.channel != "email":
        # Of a post each part counts: who is to follow it must find it whole.
        gone = one.planned - open_ - doubtful - one.counts.get(State.ACCEPTED, 0) - one.counts.get(State.DELIVERED, 0)
        if gone:
            stands = ", ".join(
                f"{number:,} {state.value.replace('_', ' ')}"
                for state, number in one.counts.items()
                if number and state not in (*OPEN, State.IN_DOUBT, State.ACCEPTED, State.DELIVERED)
            )
            return f"of {one.name} {stands}", True
    if doubtful:
        return f"of {one.name} {doubtful:,} in doubt", False
    if open_:
        return f"{one.name} is being sent", False
    return "", False


# --- pages and numbers ---


def _daemon(work: Callable[[], None]) -> None:
    # No pool: its threads would be waited for when the program is to end.
    Thread(target=work, name="condition", daemon=True).start()


class Lookout:
    """Has pages and numbers looked at while waves wait for them. ``start`` begins to do something beside the turn."""

    def __init__(self, desk: Desk, *, start: Callable[[Callable[[], None]], None] = _daemon) -> None:
        self._desk = desk
        self._start = start
        self._asked: set[Elsewhere] = set()
        self._answers: SimpleQueue[tuple[Elsewhere, Seen]] = SimpleQueue()

    def look(self) -> None:
        """Write down what was seen since the last time, and ask for what is to be looked at again."""
        answers = self._collected()
        now = self._desk.clock.now()
        for wave, number, condition, before in self._open(now):
            if self._desk.looker is None:
                if wave.prepares_at <= now:
                    _keep(self._desk, wave, number, condition, Seen(is_met=True, evidence=UNASKED))
                continue
            if condition in answers:
                _keep(self._desk, wave, number, condition, answers[condition])
            elif self._next(wave, before, now) <= now:
                self._ask(condition)
        if not self._answers.empty():  # ``start`` may have done it at once
            self.look()

    def next_at(self, before: datetime | None) -> datetime | None:
        """When there is something to look at again; ``before`` is when there is another turn in any case, None never.

        Only of waves that are taken up soon is it asked what they wait for.
        """
        now = self._desk.clock.now()
        soonest = now + _SOON if self._asked else None
        for wave in self._desk.ledger.waves(states=(WaveState.WAITING,)):
            if is_over(wave, now):
                continue
            known = [instant for instant in (before, soonest) if instant is not None]
            first = wave.begins_at - LOOK_AHEAD
            if (known and first >= min(known)) or not of(self._desk, wave):
                continue
            instant = self._of_wave(wave, now)
            if instant is not None:
                soonest = instant if soonest is None else min(soonest, instant)
        return soonest

    def _of_wave(self, wave: Wave, now: datetime) -> datetime | None:
        """When something of this wave is to be looked at; None where the turn comes by itself."""
        looked = self._desk.ledger.looked([wave.id])
        instants = []
        for number, condition in enumerate(of(self._desk, wave)):
            before = looked.get((wave.id, number))
            if before is not None and before.met_at is not None:
                continue
            if isinstance(condition, After) or self._desk.looker is None:
                if wave.prepares_at <= now:
                    instants.append(now + (_SOON if now - wave.due_at < _AROUND else _OFTEN))
            elif condition not in self._asked:
                instants.append(max(self._next(wave, before, now), now + _SOON))
        # Whoever waits is held as soon as it has waited for long enough.
        over = wave.due_at + wave.late.within + _SOON
        return min((*instants, max(over, now)), default=None) if instants else None

    def _open(self, now: datetime) -> Iterator[tuple[Wave, int, Elsewhere, Looked | None]]:
        """The conditions to be looked at about now, of the waves that may go out."""
        those = [
            wave
            for wave in self._desk.ledger.waves(states=(WaveState.WAITING,))
            if wave.begins_at - LOOK_AHEAD <= now and not is_over(wave, now) and of(self._desk, wave)
        ]
        if not those:
            return
        stopped, digests = stop.held(self._desk), self._desk.digests()
        looked = self._desk.ledger.looked([wave.id for wave in those])
        for wave in those:
            if stopped(wave.step) or digests.get(wave.step) != wave.digest:
                continue
            for number, condition in enumerate(of(self._desk, wave)):
                before = looked.get((wave.id, number))
                if not isinstance(condition, After) and (before is None or before.met_at is None):
                    yield wave, number, condition, before

    @staticmethod
    def _next(wave: Wave, before: Looked | None, now: datetime) -> datetime:
        """Often around its instant, and the less often the longer it waits. What another program saw counts as well."""
        if before is None:
            return wave.begins_at - LOOK_AHEAD
        if before.looked_at > now:  # the clock was set back
            return now
        late = now - wave.begins_at
        pause = _OFTEN if -_AROUND < late < _AROUND else _USUAL
        if late > _LONG:
            pause = _SELDOM if late < _VERY_LONG else _RARELY
        return before.looked_at + pause

    def _ask(self, condition: Elsewhere) -> None:
        looker = self._desk.looker
        if looker is None or condition in self._asked or len(self._asked) >= AT_ONCE:
            return
        self._asked.add(condition)

        def work() -> None:
            try:
                seen = looker.look(condition)
            except Exception as error:  # noqa: BLE001 - whatever it is, the wave waits, and the other looks go on
                seen = Seen(is_met=False, evidence=f"it could not be looked at ({type(error).__name__})")
            self._answers.put((condition, seen))

        self._start(work)

    def _collected(self) -> Mapping[Elsewhere, Seen]:
        found: dict[Elsewhere, Seen] = {}
        while not self._answers.empty():
            condition, seen = self._answers.get()
            self._asked.discard(condition)
            found[condition] = seen
        return found


# --- how it stands ---


def lines(ledger: Ledger) -> Iterator[str]:
    """What waves wait for that are about to go out, with what was seen last, for people."""
    looked = ledger.looked()
    for wave in ledger.waves(states=(WaveState.WAITING,)) if looked else ():
        for number, condition in enumerate(ledger.bundle(wave.digest).step.conditions):
            seen = looked.get((wave.id, number))
            if seen is not None:
                stands = "met" if seen.met_at else "not yet"
                yield f"{wave.name} waits until {condition}: {stands} ({seen.evidence}, {seen.looked_at:%H:%M:%S} UTC)"
