"""overdue: what came due while no program was running, and what becomes of it. Nothing is dropped without a word."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from campaign.flow import stop
from campaign.flow.desk import Desk
from campaign.model.delivery import OPEN
from campaign.model.happening import Level
from campaign.model.wave import Wave, WaveState


def tell(desk: Desk) -> int:
    """Tell it, as a program starts; how many waves that were."""
    found = list(_found(desk))
    if found:
        waves = "a wave" if len(found) == 1 else f"{len(found)} waves"
        desk.tell(f"While nothing was running {waves} came due:", "overdue", waves=len(found))
    for wave, becomes in found:
        late_s = round((desk.clock.now() - wave.due_at).total_seconds())
        level: Level = "warning" if wave.is_late(desk.clock.now()) else "info"
        desk.tell(f"  {wave.name} {becomes}", "wave.overdue", level=level, wave=wave, late_s=late_s)
    return len(found)


def late(wave: Wave, now: datetime) -> str:
    """How late it is, to the second: ``1:00:01``."""
    return str(timedelta(seconds=int((now - wave.due_at).total_seconds())))


def _found(desk: Desk) -> Iterator[tuple[Wave, str]]:
    now = desk.clock.now()
    stopped = stop.held(desk)
    overdue = [
        wave
        for wave in desk.ledger.waves(states=(WaveState.WAITING, WaveState.PREPARED))
        if wave.due_at < now and (wave.state is WaveState.WAITING or any(wave.counts.get(state) for state in OPEN))
    ]
    digests = desk.digests() if overdue else {}
    for wave in overdue:
        by = late(wave, now)
        if stopped(wave.step):
            yield wave, f"is stopped, and {by} late"
        elif wave.state is WaveState.WAITING and digests.get(wave.step) != wave.digest:
            yield wave, f"waits for approval, because its step has changed; it is {by} late"
        elif wave.is_late(now):
            became, why = wave.too_late(now)
            word = "let it go with: campaign approve --release " + wave.step
            yield wave, f"is {became.value}, {why}" + (f"; {word}" if became is WaveState.HELD else "")
        else:
            rest = "the rest of it " if wave.first_sent_at else ""
            yield wave, f"{rest}goes out now, {by} late, which its step allows"
