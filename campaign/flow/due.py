"""due: which waves have come due, and which came too late."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.flow.desk import Desk
from campaign.model.delivery import OPEN
from campaign.model.wave import Wave, WaveState


def waves(desk: Desk) -> Iterator[Wave]:
    """The waves whose instant has come, approved as their files are now, and not too late to send.

    One that is handed over ahead of its instant has come so long before."""
    now = desk.clock.now()
    digests: dict[str, str] | None = None
    for wave in desk.ledger.waves(states=(WaveState.WAITING,)):
        if wave.begins_at > now:
            continue
        if digests is None:
            digests = dict(desk.digests())
        if digests.get(wave.step) != wave.digest:
            desk.tell(f"{wave.name} is due, but its step has changed since it was approved; it waits for approval")
        elif wave.is_late(now):
            _too_late(desk, wave)
        else:
            yield wave


def stale(desk: Desk) -> None:
    """Stop what was begun in time but is not all out, and is later by now than its step allows."""
    now = desk.clock.now()
    for wave in desk.ledger.waves(states=(WaveState.PREPARED,)):
        if wave.is_late(now) and any(wave.counts.get(state) for state in OPEN):
            _too_late(desk, wave)


def _too_late(desk: Desk, wave: Wave) -> None:
    now = desk.clock.now()
    by = str(now - wave.due_at).split(".")[0]
    why = f"{by} late; the step allows {wave.late.within}"
    became = WaveState.HELD if wave.late.then == "hold" else WaveState.MISSED
    desk.ledger.end_wave(wave.id, became, why=why, at=now)
    desk.tell(f"{wave.name} is {became.value}: {why}")
