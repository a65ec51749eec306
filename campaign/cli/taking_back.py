"""What the commands share that stop something: a provider cancels what it holds, requests under way are waited for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from campaign.cli import screen

if TYPE_CHECKING:
    from campaign.flow.desk import Desk
    from campaign.settings import Settings
    from campaign.storage.ledger import SqlLedger

_LOOK = timedelta(seconds=2)
_TRIES = 3
"""So often a provider is asked that does not answer as it should, before a person is told."""
_PATIENCE = timedelta(minutes=3)
"""How long requests that another program has under way are waited for: longer than its claims hold."""


def take_back(configured: Settings, ledger: SqlLedger, waves: Collection[int], *, quietly: bool = False) -> None:
    """Have the provider cancel what it holds of ``waves``. Raises NotConfigured where it cannot be spoken to.

    ``quietly`` says nothing of it on stdout.
    """
    from campaign.bootstrap.reaching import reaching
    from campaign.engines.clock import SystemClock
    from campaign.model.delivery import State
    from campaign.model.group import GroupState

    def report(_: datetime, what: str) -> None:
        (screen.err if quietly else screen.out).print(what, soft_wrap=True)

    clock = SystemClock()
    until = clock.now() + _PATIENCE
    if not any(group.wave.id in waves for group in ledger.groups(open_at=clock.now())):
        return
    with reaching(configured, ledger, clock=clock, report=report) as desk:
        _reach(desk)
        tries = 1
        while clock.now() < until and tries < _TRIES:
            left = [group for group in ledger.groups(states=(GroupState.CANCELLING,)) if group.wave.id in waves]
            if not left:
                return
            tries += not any(group.batches.get(State.CLAIMED) for group in left)
            clock.sleep_until(clock.now() + _LOOK)
            _reach(desk)


def _reach(desk: Desk) -> None:
    from campaign.flow import hand_off, settle

    settle.lapsed(desk)
    hand_off.reach(desk)
