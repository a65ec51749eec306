"""stop: what people, a breaker or nobody's being there keep from being sent; and what goes out once that ends.

The ledger is the gate: ``claim`` takes nothing that is stopped, and ``begin`` begins none of it. Here it is seen early,
so that nothing is prepared or made ready in vain, and told; and here the dead man's switch is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaign.model.claim import Claim
from campaign.model.delivery import OPEN
from campaign.model.stop import DEAD_MAN, EVERYTHING, Stop
from campaign.model.wave import Wave, WaveState

if TYPE_CHECKING:
    from campaign.flow.desk import Desk

HEAD = "STOPPED: "
"""How the line begins by which a stop is told."""
LOOK = timedelta(seconds=2)
"""How often it is seen, while something is stopped, whether it still is."""
_GLANCE = timedelta(seconds=30)
_FRESH = timedelta(milliseconds=100)
"""So old may be what is known of stops while a call goes on that takes many e-mails, one after the other."""


def held(desk: Desk) -> Callable[[str], bool]:
    """Which steps are stopped now."""
    stops = desk.ledger.stops()
    return lambda step: any(one.holds(step) for one in stops)


class Brake:
    """Asked, from any thread, before each part of a call that takes long, whether it may go on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._stops: Sequence[Stop] = ()
        self._looked_at: datetime | None = None

    def allows(self, claim: Claim) -> bool:
        """True where nothing has stopped the step of ``claim``. A post is asked about each time, e-mail now and then.

        Where the ledger cannot be asked, nothing is allowed: what has not left can wait.
        """
        now = self._desk.clock.now()
        fresh = self._looked_at is not None and timedelta(0) <= now - self._looked_at < _FRESH
        if claim.account or not fresh:
            try:
                guard(self._desk)
                self._stops = self._desk.ledger.stops()
            except Exception:  # noqa: BLE001 - whatever keeps the ledger from answering, the call must tell how far it got
                return False
            self._looked_at = now
        return not any(one.holds(claim.wave.step) for one in self._stops)


# --- the dead man's switch ---


def guard(desk: Desk) -> None:
    """Stop everything where nobody has confirmed for longer than the settings allow. Asks the ledger only then."""
    if desk.confirm_within is None:
        return
    now = desk.clock.now()
    if desk.confirmed_until is not None and now < desk.confirmed_until:
        return
    confirmed_at = desk.ledger.confirmed_at()
    desk.confirmed_until = None if confirmed_at is None else confirmed_at + desk.confirm_within
    if desk.confirmed_until is None or now >= desk.confirmed_until:
        desk.ledger.stop(EVERYTHING, by=DEAD_MAN, why=_unconfirmed(confirmed_at, desk.confirm_within), at=now)


def _unconfirmed(confirmed_at: datetime | None, within: timedelta) -> str:
    hours = f"{within / timedelta(hours=1):g} hours"
    last = f"last at {confirmed_at:%Y-%m-%d %H:%M} UTC" if confirmed_at else "never yet"
    return f"nobody has said `campaign confirm` within {hours} ({last})"


# --- telling, and seeing that it has ended ---


class Lookout:
    """Tells once of each stop, and of its end."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._told: dict[int, Stop] = {}

    def look(self) -> None:
        desk = self._desk
        guard(desk)
        active = {one.id: one for one in desk.ledger.stops()}
        ended = self._told.keys() - active.keys()
        for one in active.values():
            if one.id not in self._told:
                desk.tell(
                    f"{HEAD}{one}. {remedy(one)}",
                    "stopped",
                    noted="somebody has stopped it",
                    level="warning",
                    of=one.step or "everything",
                )
        if ended:
            for one in desk.ledger.stops(active=False):
                if one.id in ended:
                    what = "everything" if one.step == EVERYTHING else one.step
                    still = ", but is still stopped by another" if _still(one, active.values()) else ""
                    desk.tell(
                        f"{what} goes on: {one.ended_by} has ended the stop by {one.by}{still}",
                        "resumed",
                        noted="somebody has ended a stop",
                        of=one.step or "everything",
                    )
        self._told = active

    def changed(self) -> bool:
        """True where there is a stop that was not told yet, or one has ended."""
        return {one.id for one in self._desk.ledger.stops()} != self._told.keys()


def _still(ended: Stop, active: Iterable[Stop]) -> bool:
    return any(one.step in (EVERYTHING, ended.step) for one in active)


def remedy(stop: Stop) -> str:
    """How it ends."""
    if stop.by == DEAD_MAN:
        return "Nothing goes out until: campaign confirm"
    if stop.step == EVERYTHING:
        return "Nothing goes out until: campaign resume"
    return f"Nothing of it goes out until: campaign resume {stop.step}"


def awake(desk: Desk, turn: Callable[[], datetime | None]) -> Callable[[], datetime | None]:
    """``turn``, and while something is stopped a look every two seconds whether it still is: a look is not a turn."""
    whole_at: datetime | None = None
    seen: Collection[int] = ()

    def looked() -> datetime | None:
        nonlocal whole_at, seen
        now = desk.clock.now()
        # A clock that was set back would put the next turn off for long.
        if whole_at is not None and now < whole_at <= now + _GLANCE and {one.id for one in desk.ledger.stops()} == seen:
            return min(whole_at, now + LOOK)
        instant = turn()
        seen = {one.id for one in desk.ledger.stops()}
        if not seen:
            whole_at = None
            return instant
        now = desk.clock.now()
        whole_at = now + _GLANCE if instant is None else min(instant, now + _GLANCE)
        return min(whole_at, now + LOOK)

    return looked


def next_at(desk: Desk) -> datetime | None:
    """When the dead man's switch stops everything, unless somebody confirms; None where it has, or is off."""
    until = desk.confirmed_until if desk.confirm_within is not None else None
    return until if until is not None and until > desk.clock.now() else None


# --- what comes of ending a stop ---


@dataclass(frozen=True, slots=True)
class Outlook:
    """What happens to the waves of a stop that ends now: those that go out ``at_once``, those that are too ``late``
    by their steps' own rules, and those still to ``come``."""

    at_once: Sequence[Wave]
    late: Sequence[Wave]
    to_come: Sequence[Wave]


def unsent(wave: Wave) -> int:
    """How many of its messages are still to be sent; 0 also where it is not known yet whom it goes to."""
    return sum(wave.counts.get(state, 0) for state in OPEN)


def outlook(waves: Iterable[Wave], ending: Sequence[Stop], staying: Sequence[Stop], *, now: datetime) -> Outlook:
    """What ending the stops ``ending`` does, where ``staying`` go on."""
    at_once, late, to_come = [], [], []
    for wave in waves:
        concerned = any(one.holds(wave.step) for one in ending) and not any(one.holds(wave.step) for one in staying)
        left = wave.state is WaveState.WAITING or (wave.state is WaveState.PREPARED and unsent(wave))
        if not concerned or not left:
            continue
        if wave.is_late(now):
            late.append(wave)
        elif wave.begins_at <= now:
            at_once.append(wave)
        else:
            to_come.append(wave)
    return Outlook(at_once, late, to_come)
