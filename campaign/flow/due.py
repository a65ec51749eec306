"""due: which waves have come due, and which came too late."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.flow import ab_test, conditions, schedule, stop
from campaign.flow.desk import Desk
from campaign.model.delivery import OPEN, State
from campaign.model.wave import Wave, WaveState

_CHANGED = "its step has changed since it was approved"


def waves(desk: Desk) -> Iterator[Wave]:
    """The waves whose instant is about to come, approved as their files are now, and not too late to send.

    One that is handed over ahead of its instant comes so long before."""
    now = desk.clock.now()
    digests: dict[str, str] | None = None
    stopped = stop.held(desk)
    for wave in desk.ledger.waves(states=(WaveState.WAITING,)):
        if wave.prepares_at > now or stopped(wave.step):  # whether it is too late is seen when the stop has ended
            continue
        if digests is None:
            digests = dict(desk.digests())
        if digests.get(wave.step) != wave.digest:
            desk.tell(
                f"{wave.name} is due, but its step has changed since it was approved; it waits for approval",
                "wave.unapproved",
                level="warning",
                wave=wave,
            )
        elif (waits := conditions.waits(desk, wave)) is not None:
            _waits(desk, wave, waits)
        elif wave.is_late(now):
            _too_late(desk, wave)
        elif not ab_test.is_open(desk, wave):
            yield wave


def stale(desk: Desk) -> None:
    """Stop what was begun in time but is not all out, and is later by now than its step allows.

    What a provider held until its instant, and let go, is done."""
    now = desk.clock.now()
    stopped = stop.held(desk)
    for wave in desk.ledger.waves(states=(WaveState.PREPARED, WaveState.HELD)):
        unsent = any(wave.counts.get(state) for state in OPEN)
        if unsent and wave.state is WaveState.PREPARED and wave.is_late(now):
            if not stopped(wave.step):  # whoever ends the stop has the ledger see to it
                _too_late(desk, wave)
        elif wave.ahead and wave.planned and wave.due_at <= now and not (unsent or wave.counts.get(State.IN_DOUBT)):
            desk.ledger.close_wave(wave.id, now=now)


def voided(desk: Desk) -> None:
    """Hold what was prepared, or handed over, ahead of its instant, where its step has changed since its approval."""
    for wave in _changed(desk, WaveState.PREPARED):
        desk.ledger.end_wave(wave.id, WaveState.HELD, why=_CHANGED, at=desk.clock.now())
        desk.tell(f"{wave.name} is held: {_CHANGED}", "wave.held", level="warning", wave=wave)


def withdraw(desk: Desk) -> bool:
    """Let what was held so wait again as if it had never been handed over, once the provider has given all of it back.

    Where the step was approved meanwhile as it is now, that is what it waits with. True where there was such a wave."""
    found = False
    for wave in _changed(desk, WaveState.HELD):
        if not desk.ledger.withdraw(wave.id):
            continue
        found = True
        if wave.is_top_up:
            desk.tell(f"{wave.name}: nothing of it has left; once its step is approved again, top it up again")
            continue
        desk.tell(f"{wave.name}: nothing of it has left; it waits for approval")
        approval = desk.ledger.approvals()[wave.step]
        if approval.digest == desk.digests().get(wave.step):
            bundle = desk.ledger.bundle(approval.digest)
            manifest = desk.ledger.approved(wave.step, approval.digest)
            planned = schedule.waves(bundle.plan, bundle.step)
            desk.ledger.approve(bundle, manifest, planned, by=approval.by, at=approval.at)
    return found


def _changed(desk: Desk, state: WaveState) -> list[Wave]:
    """The waves that were prepared but have not reached anybody yet, and whose step has changed since."""
    now = desk.clock.now()
    ahead = [
        wave
        for wave in desk.ledger.waves(states=(state,))
        if wave.prepared_at and (wave.first_sent_at is None or (wave.ahead and now < wave.due_at))
    ]
    digests = desk.digests() if ahead else {}
    return [wave for wave in ahead if digests.get(wave.step) != wave.digest]


def _waits(desk: Desk, wave: Wave, waits: conditions.Waits) -> None:
    """End what waits for something that has not come true in time, or cannot any more."""
    now = desk.clock.now()
    if not waits.in_vain and not conditions.is_over(wave, now):
        return
    waited = "it cannot come true any more" if waits.in_vain else f"the step waits for {wave.late.within} at most"
    became, why = conditions.ends_as(wave), f"waited until {waits.what}; {waited}"
    desk.ledger.end_wave(wave.id, became, why=why, at=now)
    desk.tell(f"{wave.name} is {became.value}: {why}", "condition.failed", level="warning", wave=wave)


def _too_late(desk: Desk, wave: Wave) -> None:
    now = desk.clock.now()
    became, why = wave.too_late(now)
    desk.ledger.end_wave(wave.id, became, why=why, at=now)
    desk.tell(f"{wave.name} is {became.value}: {why}", f"wave.{became.value}", level="warning", wave=wave)
